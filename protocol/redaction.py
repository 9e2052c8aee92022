"""Where in a fact or a command somebody's words stand, so that a `Cleaner` can clean them before they are written down.

It is given each text by itself: plain words as they are, and JSON as the text that it is, of which `clean_json` cleans
every string, key and number, so that what comes back is JSON still. Names, ids and codes are not words, and nor are
facts about shared documents, because an edit's exact bytes cannot be changed. What a cleaner raises passes through.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct, structs

from .commands import AttachedFile, Command, ToolOffer
from .events import Attachment, DocumentFact, EpochClosed, Event, ModelRequested, PartShown, TabTool, ToolCall

Clean = Callable[[str], str]
S = TypeVar("S", bound=Struct)
C = TypeVar("C", bound=Command)


class Cleaner(Protocol):
    """What cleans words, and JSON text."""

    def text(self, text: str, /) -> str: ...

    def json(self, text: str, /) -> str: ...


class Alike:
    """Cleans each text, and each string, key and number of JSON text, by one function."""

    def __init__(self, clean: Clean) -> None:
        self.text = clean

    def json(self, text: str) -> str:
        return clean_json(text, self.text)


AS_IT_IS = Alike(str)
"""Cleans nothing."""

WORDS = frozenset({"prompt", "text", "message", "reason", "question", "title", "error"})
"""The fields, of whatever fact or command, that hold plain words."""
JSON_TEXTS = frozenset({"args", "result", "answer"})
"""Those that hold JSON: as text in a fact, as values in a command."""
FACTS = frozenset({"context", "facts", "metadata"})
"""Those that hold words by key."""
LISTS = frozenset({"calls", "attachments", "files", "tools"})
"""Those that hold calls, files and tools."""

_LEFT = (DocumentFact, EpochClosed, ModelRequested)
"""A model's request is put together from what was cleaned before, and its hash is of what is sent."""


def clean_event(event: Event, cleaner: Cleaner) -> Event:
    """The fact with its words cleaned; the same object if nothing in it was to be cleaned."""
    if isinstance(event, _LEFT):
        return event
    if isinstance(event, PartShown):
        value = clean_file(event.value, cleaner) if event.kind == "file" else cleaner.json(event.value)
        return event if value == event.value else structs.replace(event, value=value)
    return _cleaned(event, cleaner)


def clean_command(command: C, cleaner: Cleaner) -> C:
    """The command with its words cleaned, as `clean_event`."""
    return _cleaned(command, cleaner)


def _cleaned(said: S, cleaner: Cleaner) -> S:
    changed: dict[str, Any] = {}
    for name in said.__struct_fields__:
        value = getattr(said, name)
        cleaned = _field(name, value, cleaner) if value else value
        if cleaned != value:
            changed[name] = cleaned
    return structs.replace(said, **changed) if changed else said


def _field(name: str, value: Any, cleaner: Cleaner) -> Any:
    if name in WORDS:
        return cleaner.text(value)
    if name in JSON_TEXTS:
        return cleaner.json(value) if isinstance(value, str) else clean_value(value, cleaner.text)
    if name in FACTS:
        return {key: text if text is None else cleaner.text(text) for key, text in value.items()}
    if name in LISTS:
        return type(value)(_listed(each, cleaner) for each in value)
    return value


def _listed(each: Any, cleaner: Cleaner) -> Any:
    match each:
        case ToolCall():
            return structs.replace(each, args=cleaner.json(each.args)) if each.args else each
        case Attachment() | AttachedFile():
            return structs.replace(each, name=cleaner.text(each.name)) if each.name else each
        case TabTool() | ToolOffer():
            return structs.replace(each, description=cleaner.text(each.description)) if each.description else each
        case _:
            return each


def clean_json(text: str, clean: Clean) -> str:
    """JSON text with all that it says cleaned, spelled as before if nothing was to be; what is no JSON, as words."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return clean(text)
    cleaned = clean_value(value, clean)
    return text if cleaned == value else msgspec.json.encode(cleaned).decode()


def clean_file(text: str, cleaner: Cleaner) -> str:
    """The JSON text of a file, whose name is all that somebody chose."""
    file = msgspec.json.decode(text, type=Attachment)
    return msgspec.json.encode(structs.replace(file, name=cleaner.text(file.name))).decode()


def clean_value(value: Any, clean: Clean) -> Any:
    """A JSON value with all its strings, keys and numbers cleaned; a number that is more than its sign is a string."""
    match value:
        case str():
            return clean(value)
        case bool() | None:
            return value
        case int() | float():
            text = msgspec.json.encode(value).decode()
            cleaned = clean(text)
            return value if cleaned == text else cleaned
        case Mapping():
            return {clean(str(key)): clean_value(each, clean) for key, each in value.items()}
        case list() | tuple():
            return [clean_value(each, clean) for each in value]
        case _:
            return value
