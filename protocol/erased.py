"""Erased: an event without what somebody said, from which the room still folds to the same runs, steps and documents.

`CONTENT` says of each event which of its fields hold what people, models and tools said, and what stands there instead;
whatever it does not name is an id, a number, a name of the house's or a word of the vocabulary, and stays. A test holds
it against the vocabulary: a new field has to be put on one side or the other.

What is put instead has the shape of what was there (JSON where JSON was, as many messages as there were), and the same
event gives the same bytes, erased once or twice.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from .events import Attachment, DocumentEdited, Event, PartShown, ToolCall

WORD = "[erased]"
"""What people read where something was said."""

NOTHING = "null"
"""The same where a program reads JSON."""

_ARGS = "{}"
_MESSAGE = '{"erased":true}'
_HEAD = '{"messages":[]}'
_FILE = msgspec.json.encode(Attachment("", "application/octet-stream", WORD, 0)).decode()


def _each(text: str) -> Any:
    return lambda values: tuple(text for _ in values)


def _facts(values: dict[str, str | None]) -> dict[str, str | None]:
    return {key: None if value is None else WORD for key, value in values.items()}


def _calls(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    return tuple(replace(call, args=_ARGS) for call in calls)


CONTENT: dict[str, dict[str, Any]] = {
    "RunRequested": {"prompt": WORD, "context": {}, "attachments": (), "options": ""},
    "RunFinished": {"result": NOTHING},
    "RunFailed": {"message": WORD},
    "ValueNoted": {"value": NOTHING},
    "ModelRequested": {"sha256": bytes(32), "added": _each(_MESSAGE), "head": _HEAD},
    "TextStreamed": {"text": ""},
    "ReasoningStreamed": {"text": ""},
    "ArgumentsStreamed": {"text": ""},
    "ModelAnswered": {"calls": _calls},
    "ModelFailed": {"message": WORD},
    "PartShown": {"value": _ARGS, "name": WORD},
    "ToolStarted": {"args": _ARGS},
    "ToolDelegated": {"prompt": WORD},
    "ToolProgressed": {"text": WORD},
    "ToolReturned": {"result": NOTHING, "blob": "", "files": ()},
    "ToolFailed": {"message": WORD},
    "ToolRefused": {"message": WORD, "args": _ARGS},
    "ApprovalRequested": {"args": _ARGS, "reason": WORD},
    "ApprovalGranted": {"args": _ARGS, "digest": "", "shown": ""},
    "ApprovalDenied": {"reason": WORD, "shown": ""},
    "QuestionAsked": {"question": WORD, "schema": _ARGS},
    "QuestionAnswered": {"answer": NOTHING},
    "ToolResolved": {"result": NOTHING},
    "RunSteered": {"text": WORD},
    "ToolAwaited": {"args": _ARGS},
    "ToolAssigned": {"args": _ARGS},
    "ToolAnsweredLate": {"result": NOTHING},
    "RoomChanged": {"title": "", "metadata": _facts},
    "TitleProposed": {"title": WORD},
    "ContextProvided": {"facts": _facts},
    "RunsPaused": {"reason": WORD},
    "DocumentEdited": {"result": NOTHING},
    "EditsUndone": {"kept": _ARGS},
    "DocumentSeeded": {"digest": ""},
    "DraftOpened": {"title": ""},
    "RoomShaped": {"before": bytes(32), "after": bytes(32)},
}
"""Event -> field -> what stands there instead, or a function of what stood there. What was empty stays empty."""


def erased(event: Event) -> Event:
    """The event without content; the event itself if it has none."""
    instead: dict[str, Any] = {}
    for field, other in CONTENT.get(type(event).__name__, {}).items():
        value = getattr(event, field)
        if value:
            instead[field] = other(value) if callable(other) else other
    if isinstance(event, DocumentEdited) and event.call:
        instead.pop("result", None)  # How far a text has come that is written while it streams: numbers.
    if isinstance(event, PartShown) and event.kind == "file":
        instead["value"] = _FILE
    new = replace(event, **instead) if instead else event
    return event if new == event else new
