"""Schema: the JSON Schema of what outsiders read and write, derived from the Structs themselves.

Nothing here is written by hand, so it cannot differ from the code. `specs/schema/` holds the output for people who
write clients in other languages (`python -m tests.generate` writes it, and a test holds both equal).
"""

from typing import Any, get_args

import msgspec

from .commands import Command
from .control import Answer, ShownRecord
from .shape import RoomShape

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_REF = "#/$defs/{name}"


def events() -> dict[str, Any]:
    """A record as the HTTP API and `follow` show it; `$defs` holds every event by the name of its class."""
    return _schema("A record of a room's log", ShownRecord)


def commands() -> dict[str, Any]:
    """A command as a client sends it."""
    return _schema("A command of the control channel", Command)


def answers() -> dict[str, Any]:
    """A text frame as the server sends it."""
    return _schema("A text frame from the server", *get_args(Answer))


def document() -> dict[str, Any]:
    """The room document as plain values; `x-yjs` says what a value is in the document itself."""
    return _schema("The room document", RoomShape)


ALL = {"events": events, "commands": commands, "answers": answers, "document": document}
"""File name under specs/schema/ -> what makes its contents."""


def _schema(title: str, *shown: Any) -> dict[str, Any]:
    """One schema for any of these types; the Structs that they are made of stand under `$defs`."""
    roots, components = msgspec.json.schema_components(shown, ref_template=_REF)
    root = roots[0] if len(roots) == 1 else {"anyOf": list(roots)}
    return {"$schema": DIALECT, "title": title, **root, "$defs": dict(sorted(components.items()))}
