"""Names: what a room and a document may be called, and which of them a URL's path means.

A name becomes part of URLs, file names of exports, log lines and metrics, so its alphabet is plain and nobody has to
escape it. Rules (specs/names.md):

- The path is percent-decoded exactly once and checked afterwards, because stock y-websocket does not encode the name
  that it appends to its URL and other clients do; both then mean the same document.
- The decoded path is split at its first slashes: a room's name holds none, a document's name may.
- `/docs/ROOM` is `/docs/ROOM/main`.
- Where a name comes in a message instead of a path (Hocuspocus) it is not encoded: ROOM, ROOM/NAME or rooms/ROOM.
- A document's name that ends with `~` and 12 digits is a draft's, and only the room gives it.
"""

import re
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from .errors import Refused
from .limits import DOCUMENT_NAME_CHARS, ROOM_NAME_CHARS

DEFAULT_DOCUMENT = "main"
RESERVED = frozenset({"rooms", "docs"})

_ROOM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@-]*")
_DOCUMENT = re.compile(r"[A-Za-z0-9._~:@/-]+")
_DRAFT = re.compile(r"(.+)~(\d{12})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Target(NamedTuple):
    """What a WebSocket's path asks for. `document` is empty for the room document, as in records."""

    kind: Literal["room", "doc"]
    room: str
    document: str


def room_name(name: str) -> str:
    """The name itself if a room may have it. Raises Refused('bad-name')."""
    if len(name) > ROOM_NAME_CHARS or not _ROOM.fullmatch(name):
        raise Refused(
            "bad-name",
            f"A room name is 1 to {ROOM_NAME_CHARS} of A-Z a-z 0-9 . _ ~ : @ - and begins with a letter or a digit.",
        )
    if name in RESERVED:
        raise Refused("bad-name", f"'{name}' is not a room name, because paths begin with it.")
    return name


def document_name(name: str) -> str:
    """The name itself if a shared document may have it. Raises Refused('bad-name')."""
    if len(name) > DOCUMENT_NAME_CHARS or not _DOCUMENT.fullmatch(name):
        raise Refused(
            "bad-name", f"A document name is 1 to {DOCUMENT_NAME_CHARS} of A-Z a-z 0-9 . _ ~ : @ - and the slash."
        )
    if any(segment in ("", ".", "..") for segment in name.split("/")):
        raise Refused("bad-name", "A document name has no empty, '.' or '..' segment.")
    return name


def draft_name(of: str, seq: int) -> str:
    """What a draft of that document is called, which the record of that seq opens. Raises Refused('bad-name')."""
    if _DRAFT.fullmatch(of):
        raise Refused("bad-name", "A draft has no drafts of its own.")
    return document_name(f"{of}~{seq:012d}")


def draft_begun(name: str) -> int:
    """The seq of the record that opened the draft of that name; 0 if it is no draft's name."""
    found = _DRAFT.fullmatch(name)
    return int(found[2]) if found else 0


def decode_path(path: str) -> str:
    """The path percent-decoded once; a query is cut off. Raises Refused('bad-name') where the escapes are not UTF-8."""
    path = path.partition("?")[0]
    if "%" not in path:
        return path
    if _BAD_ESCAPE.search(path):
        raise Refused("bad-name", "The path holds a percent sign that begins no escape.")
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise Refused("bad-name", "The path's escapes are not UTF-8.") from None


def parse_path(path: str) -> Target:
    """The target of `/rooms/ROOM`, `/docs/ROOM` or `/docs/ROOM/NAME`, as it stands in the request line.

    Raises Refused('bad-name') for every other path.
    """
    decoded = decode_path(path)
    if decoded.startswith("/rooms/"):
        return Target("room", room_name(decoded[len("/rooms/") :]), "")
    if decoded.startswith("/docs/"):
        return _shared(decoded[len("/docs/") :])
    raise Refused("bad-name", "A socket's path is /rooms/ROOM, /docs/ROOM or /docs/ROOM/NAME.")


def moment(value: str) -> int:
    """The seq that `at` names. Raises Refused('bad-request')."""
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        raise Refused("bad-request", "'at' is the seq of a record.")
    return int(value)


def parse_name(name: str) -> Target:
    """The target of a document's name in a message: `ROOM`, `ROOM/NAME`, or `rooms/ROOM` for the room document.

    Raises Refused('bad-name').
    """
    if name.startswith("rooms/"):
        return Target("room", room_name(name[len("rooms/") :]), "")
    return _shared(name)


def _shared(name: str) -> Target:
    room, slash, document = name.partition("/")
    return Target("doc", room_name(room), document_name(document) if slash else DEFAULT_DOCUMENT)
