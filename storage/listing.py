"""The list of rooms: its order, its cursors, and how a search compares.

Newest activity first, and rooms of one second from the last name to the first. Activity is kept to the second, because
its column is indexed and a room that streams appends a hundred times a second; so it moves in the index once a second.

A cursor names the last room of the page before it, by its place in that order and not by a count: rooms that become
active meanwhile move to the front, and the pages that follow neither repeat nor skip those that stayed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated

import msgspec

from ..protocol import limits
from .errors import BadCursor
from .store import About

Place = tuple[int, str]
"""Where a room stands in the list: its activity and its name."""

FIRST: Place = ((1 << 63) - 1, "")
"""Before every room: at the largest integer that a database keeps."""

Wanted = Mapping[str, str | None]
"""What a room's metadata must say: a value for a key, or None if it must lack the key."""

_GRAIN = limits.ACTIVITY_S * 1_000_000


def activity(time: int) -> int:
    """The second of that time, both in µs since 1970."""
    return time - time % _GRAIN


def folded(text: str) -> str:
    """Text as a search compares it: however it is capitalised, in whatever script."""
    return text.casefold()


def searched(room: str, about: About) -> str:
    """What a search of that room looks at."""
    return folded(f"{room}\n{about.title}")


def matches(about: Mapping[str, str], wanted: Wanted) -> bool:
    """Whether metadata says what is wanted."""
    return all(about.get(key) == value for key, value in wanted.items())


def cursor(place: Place) -> str:
    """The cursor after the room at that place."""
    return urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def place(cursor: str) -> Place:
    """The place that a cursor names; FIRST for the empty one. Raises BadCursor."""
    if not cursor:
        return FIRST
    try:
        return _decoder.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.MsgspecError):
        raise BadCursor(f"{cursor[:80]!r} is no cursor that a listing gave") from None


_Number = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_decoder = msgspec.msgpack.Decoder(tuple[_Number, str])
