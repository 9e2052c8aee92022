"""The names of MCP tools and their results as JSON, and what an agent refuses to mix."""

import math
import re
from collections.abc import Mapping
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from plait.runtime import Agent
from plait.runtime.tools.call import Call, Progress
from plait.runtime.tools.function import NAME, tool
from plait.runtime.tools.mcp_words import SERVER, effect_of, error_of, full_name, heard, result_of, schema_of
from plait.runtime.tools.tool import Tool

from ...conftest import need_module

need_module("mcp")

import mcp.types as mcp_types

types: Any = mcp_types


@given(st.sampled_from(["a", "a_b", "-", "Shop-1", "x" * 24]), st.text(max_size=200), st.text(max_size=200))
def test_names_fit_every_vendor_and_stay_apart(server: str, one: str, two: str) -> None:
    """MC2: 1 to 64 letters, digits, _ and -; another name for another tool; the server's is before the first `__`."""
    assert SERVER.fullmatch(server)
    assert NAME.fullmatch(full_name(server, one))
    assert full_name(server, one).split("__")[0] == server
    assert (full_name(server, one) == full_name(server, two)) == (one == two)


def test_a_name_that_fits_is_left_alone() -> None:
    """MC2: and one that does not depends on nothing else that is listed."""
    assert full_name("files", "read_file") == "files__read_file"
    assert re.fullmatch(r"files__read_file_[0-9a-f]{8}", full_name("files", "read.file"))


@pytest.mark.parametrize(
    ("hints", "effect"),
    [
        ({}, "write"),
        ({"destructive_hint": False}, "write"),
        ({"idempotent_hint": True}, "idempotent"),
        ({"read_only_hint": True}, "read"),
        ({"read_only_hint": True, "idempotent_hint": True}, "read"),
        ({"read_only_hint": False, "idempotent_hint": False}, "write"),
    ],
)
def test_effects(hints: dict[str, bool], effect: str) -> None:
    """MC3."""
    assert effect_of(types.ToolAnnotations(**hints)) == effect
    assert effect_of(None) == "write"


def said(*content: Any, **more: Any) -> Any:
    return types.CallToolResult(content=list(content), **more)


def test_results() -> None:
    """MC6: structure before text, one text as it is, several blocks in order."""
    line, link = types.TextContent(text="a"), types.ResourceLink(uri="file:///x", name="x")
    call = Call()
    assert result_of(said(line), call) == "a"
    assert result_of(said(), call) == []
    assert result_of(said(line, line), call) == ["a", "a"]
    assert result_of(said(line, structured_content={"a": 1}), call) == {"a": 1}
    assert result_of(said(link), call) == {"uri": "file:///x", "name": "x"}
    assert not call.files
    image = types.ImageContent(data="aGk=", mime_type="image/png")
    assert error_of(said(line, image, line)) == "a\na"
    assert error_of(said(image)) == "the server says that it failed, and not why"


def test_bytes_are_attached() -> None:
    """MC6: the model reads where they were; those that cannot be taken are left out, and the rest is not."""
    call = Call()
    image = types.ImageContent(data="aGk=", mime_type="image/png")
    book = types.EmbeddedResource(resource=types.BlobResourceContents(uri="file:///a/b.bin", blob="aGk="))
    note = "attached to this result"
    assert result_of(said(types.TextContent(text="left out"), image, book, structured_content=[]), call) == [
        [],
        {"media_type": "image/png", "bytes": 2, "note": note},
        {"file": "b.bin", "media_type": "application/octet-stream", "bytes": 2, "note": note},
    ]
    assert [(file.name, file.media_type, file.bytes) for file in call.files] == [
        ("", "image/png", 2),
        ("b.bin", "application/octet-stream", 2),
    ]
    for data, kind, why in (("!", "image/png", "base64"), ("aGk=", "picture", "type/subtype")):
        told = result_of(said(types.ImageContent(data=data, mime_type=kind)), call)
        assert told.startswith(f"[Here the tool returned a file of type {kind}, which is left out: ")
        assert why in told
    assert len(call.files) == 2


@pytest.mark.parametrize(
    ("progress", "total", "done"), [(1, 4, 0.25), (9, 4, 1.0), (1, None, None), (1, 0, None), (math.nan, 4, None)]
)
async def test_progress_is_counted_as_the_server_counts(progress: float, total: float | None, done: Any) -> None:
    """MC12: a share of the total, if there is one."""
    call = Call()
    await heard(call)(progress, total, None)
    assert call.latest == Progress("", done)


def test_a_schema_is_an_object_with_properties() -> None:
    """MC1: servers may leave both out, vendors want both."""
    bare = schema_of("s__t", types.Tool(name="t", title="The title", input_schema={}))
    assert (bare.name, bare.description) == ("s__t", "The title")
    assert bare.parameters == {"type": "object", "properties": {}}


class Shelf:
    """A source of tools that never had any."""

    tools: Mapping[str, Tool] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    def absent(self, tool: str) -> str | None:
        return None

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()


def test_names_of_different_hands_never_meet() -> None:
    """MC10: two sources of one name, or a function with a name that is a source's to give, are refused at once."""

    @tool(name="shelf__take")
    def take() -> None: ...

    Agent("a", tools=[Shelf("other"), take])
    for tools in ([Shelf("shelf"), take], [Shelf("shelf"), Shelf("shelf")]):
        with pytest.raises(ValueError, match="two tools of agent a have the same name"):
            Agent("a", tools=tools)
