"""What a store may raise: it could not do what was asked, and nothing changed."""

from ..protocol.errors import Code, PlaitError


class StoreError(PlaitError):
    """The store could not do it, and nothing changed. The sentence is for people and names the database."""


class Fenced(StoreError):
    """Another writer has taken the room since: its head or its epoch is not what the append stands on."""


class Conflict(StoreError):
    """Some of the append's record ids are in the log already and some are not: the asker is confused."""


class RoomDeleted(StoreError):
    """The room was deleted, and its name is nobody's any more."""

    def __init__(self, room: str) -> None:
        super().__init__(f"room {room!r} was deleted")


class RoomTaken(StoreError):
    """Somebody has written to a room of that name already."""

    def __init__(self, room: str) -> None:
        super().__init__(f"there is a room {room!r} already")


class NoSuchBlob(StoreError):
    """The append refers to a blob that is not here: it was never put, or so long ago that it was swept."""


class BadCursor(StoreError):
    """The cursor is none that a listing gave."""


class StoreFull(StoreError):
    """The disk is full."""


class StoreLocked(StoreError):
    """Another process holds the database; `pid` is its process id where it can be known."""

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class StoreCorrupt(StoreError):
    """The database is damaged, foreign, or written by a newer plait."""


class StoreSealed(StoreError):
    """What was asked for is encrypted and its key is not here: none was given, or another one, or it was dropped when
    somebody was erased. `verify` needs no key."""

    code: Code = "store-sealed"
