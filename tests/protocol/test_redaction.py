"""Which words of a fact or a command are cleaned, and that none was forgotten."""

from typing import Any, get_args

import msgspec
import pytest
from plait.protocol.commands import Approve, Command, Prompt, ReturnToolResult
from plait.protocol.events import (
    ApprovalRequested,
    Attachment,
    ContextProvided,
    DocumentEdited,
    Event,
    ModelAnswered,
    PartShown,
    RunRequested,
    TextStreamed,
    ToolCall,
    ToolReturned,
)
from plait.protocol.parsing import parse
from plait.protocol.redaction import FACTS, JSON_TEXTS, LISTS, WORDS, Alike, clean_command, clean_event, clean_json

LEFT = {
    *("agent", "tab", "after", "instead", "parent", "step", "options", "on_behalf_of", "code", "value", "model"),
    *("change", "going", "fork", "documents", "kin", "edits", "command", "what"),
    *("added", "head", "call", "name", "finish", "kind", "effect", "shows", "blob", "schema", "digest", "shown"),
    *(
        "verdict",
        "running",
        "run",
        "clocks",
        "kept",
        "of",
        "draft",
        "hunks",
        "format",
        "root",
        "records",
        "moved",
        "gone",
    ),
    *("mandate", "sha256", "steer", "by", "lineage", "room"),
}
"""Names, ids, codes, patterns; a model's request, which is made of what was cleaned; facts about documents."""


def loud(text: str) -> str:
    return text.replace("4111", "[card]")


def test_every_field_is_thought_of() -> None:
    """SE3: a new one with words in it is cleaned, or written down here with what it holds."""
    for event in get_args(Event):
        for field in msgspec.structs.fields(event):
            if "str" in str(field.type) or "tuple" in str(field.type):
                assert field.name in WORDS | JSON_TEXTS | FACTS | LISTS | LEFT, (event, field.name)


@pytest.mark.parametrize(
    ("event", "cleaned"),
    [
        (RunRequested("a", "4111", context={"k": "4111"}), RunRequested("a", "[card]", context={"k": "[card]"})),
        (TextStreamed("s", 1, 0, "x 4111"), TextStreamed("s", 1, 0, "x [card]")),
        (ContextProvided({"k": None, "l": "4111"}), ContextProvided({"k": None, "l": "[card]"})),
        (
            ToolReturned("s", 1, '{"n":4111,"4111":[41111]}'),
            ToolReturned("s", 1, '{"n":"[card]","[card]":["[card]1"]}'),
        ),
        (ToolReturned("s", 1, '{ "n": 1 }'), ToolReturned("s", 1, '{ "n": 1 }')),
        (ToolReturned("s", 1, '"\\u0034111"'), ToolReturned("s", 1, '"[card]"')),
        (
            ModelAnswered("s", 1, "stop", (ToolCall("4111", "f", '{"a":"4111"}'), ToolCall("c", "f", "4111{"))),
            ModelAnswered("s", 1, "stop", (ToolCall("4111", "f", '{"a":"[card]"}'), ToolCall("c", "f", "[card]{"))),
        ),
        (
            ApprovalRequested("s", "c", "f", "[4111]", "for 4111"),
            ApprovalRequested("s", "c", "f", '["[card]"]', "for [card]"),
        ),
        (DocumentEdited(result='"4111"'), DocumentEdited(result='"4111"')),
        (PartShown("s", 1, "data", '"4111"'), PartShown("s", 1, "data", '"[card]"')),
    ],
)
def test_what_is_cleaned(event: Any, cleaned: Any) -> None:
    """SE3: words as they are, of JSON each string, key and number; what needs no cleaning stays spelled as it was."""
    assert clean_event(event, Alike(loud)) == cleaned


def test_of_a_file_its_name() -> None:
    """SE3: its hash is no word."""
    blob = "4111" * 16
    text = msgspec.json.encode(Attachment(blob, "text/plain", "4111.txt", 1)).decode()
    shown = clean_event(PartShown("s", 1, "file", text), Alike(loud))
    assert isinstance(shown, PartShown)
    assert msgspec.json.decode(shown.value, type=Attachment) == Attachment(blob, "text/plain", "[card].txt", 1)


def test_commands_are_cleaned_before_they_are_judged() -> None:
    """SE3: so what is approved is what is called."""
    asked: list[tuple[Command, Command]] = [
        (Prompt(id="4111", text="4111"), Prompt(id="4111", text="[card]")),
        (
            Approve(id="1", run="4111", step="s", args={"n": 4111}),
            Approve(id="1", run="4111", step="s", args={"n": "[card]"}),
        ),
        (
            ReturnToolResult(id="1", run="r", step="s", number=4111, result=["4111"], error="4111"),
            ReturnToolResult(id="1", run="r", step="s", number=4111, result=["[card]"], error="[card]"),
        ),
    ]
    for command, cleaned in asked:
        assert clean_command(command, Alike(loud)) == cleaned
        assert parse(msgspec.json.encode(cleaned)) == cleaned


def test_deep_json_is_words() -> None:
    """SE3: what cannot be read as JSON is cleaned as it stands."""
    assert clean_json("[" * 100_000 + "4111", loud).endswith("[card]")
