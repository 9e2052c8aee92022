"""Whoever asks a model need not know how old its class is; and a title is asked for in few words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from plait.protocol.limits import TITLE_CHARS, TITLE_TOKENS
from plait.protocol.options import DEFAULTS, Options
from plait.protocol.titles import read_title
from plait.runtime.models import open_model
from plait.runtime.models.asking import (
    make_request,
    open_stream,
    proposes_titles,
    title_request,
    wanted_files,
)
from plait.runtime.models.endpoint import Endpoint
from plait.runtime.models.model import JSON, Answered, Assistant, Chunk, File, Model, Result, User

from ...conftest import need_module

need_module("anthropic")
need_module("openai")

from plait.runtime.models.anthropic import AnthropicModel
from plait.runtime.models.openai import OpenAIModel

DOT = File("d0", "image/png", "dot.png", 7)
NOTE = File("e0", "text/plain", "note.txt", 7)
SONG = File("f0", "audio/mpeg", "song.mp3", 7)
TALK = [User("look", (DOT, SONG)), Assistant("ok"), Result("c", "t", "{}", files=(NOTE, DOT)), User("again", (NOTE,))]


class Old:
    """A class from before options and files."""

    name = "old"

    def request(self, instructions: Any, messages: Any, tools: Any) -> JSON:
        return {"messages": [{"text": message.text} for message in messages]}

    @asynccontextmanager
    async def stream(self, request: JSON) -> AsyncIterator[AsyncIterator[Chunk]]:
        async def chunks() -> AsyncIterator[Chunk]:
            yield Answered("stop")

        yield chunks()

    async def aclose(self) -> None:
        pass


def vendors() -> list[Model]:
    return [
        OpenAIModel("gpt-4o", Endpoint("OpenAI", "OPENAI_API_KEY", "sk-k")),
        AnthropicModel("claude-opus-5", Endpoint("Anthropic", "ANTHROPIC_API_KEY", "sk-k")),
    ]


async def test_an_older_class_goes_on_working() -> None:
    """MD23: no options, no files, and files are told of in words."""
    old: Any = Old()
    request = make_request(old, "", TALK, [], Options(temperature=1))
    assert request["messages"][0]["text"].startswith("look\n\nThe person attached dot.png (image/png, 7 bytes), which")
    assert wanted_files(old, TALK) == []
    async with open_stream(old, request) as chunks:
        assert [chunk async for chunk in chunks] == [Answered("stop")]
    assert not proposes_titles(old)


def test_a_vendor_says_which_files_it_wants() -> None:
    """MD23: each once, in order, and none that it is not shown."""
    for model in vendors():
        assert wanted_files(model, TALK) == ["d0", "e0"]
        assert make_request(model, "", TALK, [], DEFAULTS) == model.request("", TALK, [])
    for name in ("echo", "demo"):
        assert wanted_files(open_model(name), TALK) == []


def test_a_title_is_asked_of_models_that_read() -> None:
    """MD24: not of a script. The request is small, whatever the conversation is, and has neither tools nor files."""
    assert not any(proposes_titles(open_model(name)) for name in ("echo", "demo"))
    talk = [User("x" * 100_000, (DOT,)), Assistant(""), Assistant("y" * 100_000), User("z")]
    for model in vendors():
        assert proposes_titles(model)
        request = title_request(model, talk)
        assert len(str(request)) < 3000
        assert TITLE_TOKENS in request.values()
        assert "tools" not in request
        asked = request["messages"][-1]["content"]
        assert asked.startswith("Person: xxx")
        assert "\n\nAssistant: yyy" in asked
        alone = title_request(model, [User("", (DOT,))])["messages"][-1]["content"]
        assert alone == "Person: The person attached dot.png (image/png, 7 bytes), which you cannot see."


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Baking bread at home", "Baking bread at home"),
        ('\n **"Baking  bread"**\n\nThis title…', "Baking bread"),
        ("Title: Brot backen", "Brot backen"),
        ("# „Brot backen“", "Brot backen"),
        ("## C#", "C#"),
        (" \n'\n", ""),
        ("", ""),
        ("word " * 50, ("word " * 50)[: TITLE_CHARS - 1].rstrip() + "…"),
    ],
)
def test_a_title_is_read_out_of_an_answer(answer: str, title: str) -> None:
    """MD24: one line, without what models put around it; empty if there is none."""
    assert read_title(answer) == title
