"""Where a room stands in a batch: its row as it was read, as the batch would leave it, and how it is written back.

What a room waits for changes seldom and is indexed, and SQLite rewrites an index if its column is merely named; so what
changes seldom has statements of its own beside the one that moves a head.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Insert, Select, Update, bindparam, func, insert, select, update
from sqlalchemy.dialects import sqlite

from . import chain, listing
from .sealing import Sealer
from .store import About, Head, Making
from .tables import rooms

DYING, GONE, MAKING = 1, 2, 3
"""What a row says of a room that was deleted: some of it is still to be removed, or nothing; and of one that is being
made, which is as little there."""


def listed(name: str) -> Select[Any]:
    """A parameter that is a JSON array, as a subquery: one statement whatever its length."""
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def json_list(strings: Sequence[str]) -> str:
    """What is given for such a parameter."""
    return msgspec.json.encode(strings).decode()


def spelled(statement: Insert | Update, columns: list[str] | None = None) -> tuple[str, tuple[str, ...]]:
    """A statement's text, spelled once, and the order of its parameters.

    Core would do the same for each batch anew and takes twice the time of the insert itself over it (measured).
    """
    compiled = statement.compile(dialect=sqlite.dialect(), column_keys=columns)
    return str(compiled), tuple(getattr(compiled, "positiontup", ()))


ROOMS = select(
    rooms.c.id,
    rooms.c.name,
    rooms.c.seq,
    rooms.c.epoch,
    rooms.c.hash,
    rooms.c.lineage,
    rooms.c.open_runs,
    rooms.c.wake_at,
    rooms.c.time,
    rooms.c.activity,
    rooms.c.deleted,
    rooms.c.title,
    rooms.c.metadata,
    rooms.c.waiting_runs,
).where(rooms.c.name.in_(listed("names")))
_NEW = insert(rooms)
MOVE_HEADS, _HEAD_ORDER = spelled(
    update(rooms).where(
        rooms.c.id == bindparam("b_id"), rooms.c.seq == bindparam("was_seq"), rooms.c.epoch == bindparam("was_epoch")
    ),
    ["seq", "epoch", "hash", "time"],
)
SET_WAITS, _WAIT_ORDER = spelled(update(rooms).where(rooms.c.id == bindparam("b_id")), ["open_runs", "wake_at"])
SET_ACTIVITY, _ = spelled(update(rooms).where(rooms.c.id == bindparam("b_id")), ["activity"])
SET_ABOUT, _ = spelled(
    update(rooms).where(rooms.c.id == bindparam("b_id")), ["title", "metadata", "folded", "waiting_runs"]
)
head_row = attrgetter(*(name.removeprefix("b_") for name in _HEAD_ORDER))
wait_row = attrgetter(*(name.removeprefix("b_") for name in _WAIT_ORDER))


class Standing(Struct):
    """A room as this batch would leave it; `was_seq` and `was_epoch` are what its row must still say."""

    id: int
    name: str
    seq: int
    epoch: int
    hash: bytes
    lineage: str
    open_runs: int
    wake_at: int | None
    time: int
    activity: int
    deleted: int
    about: About
    was_seq: int
    was_epoch: int

    @classmethod
    def read(cls, row: Sequence[Any], sealer: Sealer | None) -> "Standing":
        """The room as a row of ROOMS says."""
        columns: tuple[Any, ...] = tuple(row[:-3])
        title, metadata, waiting_runs = row[-3:]
        shown = sealer.about(row[1], title, metadata) if sealer else (title, msgspec.json.decode(metadata))
        about = About(*shown, waiting_runs)
        return cls(*columns, about=about, was_seq=row[2], was_epoch=row[3])

    @classmethod
    def bare(cls, id: int, name: str, lineage: str = "", deleted: int = MAKING) -> "Standing":  # noqa: A002
        """A room without records; as the row of one that is being made has it, if nothing else is said."""
        return cls(id, name, 0, 0, chain.START, lineage, 0, None, 0, 0, deleted, About(), was_seq=0, was_epoch=0)

    def head(self) -> Head:
        return Head(
            self.name,
            self.seq,
            self.epoch,
            self.hash,
            self.lineage,
            self.open_runs,
            self.wake_at,
            self.time,
            self.deleted > 0,
        )


def begin(connection: Connection, name: str, lineage: str, making: Making | None) -> Standing:
    """The row of a new room; one that is being made is not there for anybody yet."""
    deleted = MAKING if making is not None else 0
    fresh: dict[str, Any] = {
        "name": name,
        "lineage": lineage,
        "epoch": 0,
        "seq": 0,
        "hash": chain.START,
        "open_runs": 0,
        "wake_at": None,
        "time": 0,
        "folded": listing.searched(name, About()),
        "deleted": deleted,
        "fork_of": making.of if making is not None else "",
    }
    made = connection.execute(_NEW, fresh).inserted_primary_key
    assert made is not None
    return Standing.bare(made[0], name, lineage, deleted)


def about_row(room: Standing, sealer: Sealer | None) -> tuple[object, ...]:
    """What the list shows of a room, in the order of SET_ABOUT. Sealed, it is found by the room's name alone."""
    about = room.about
    if sealer is not None and (about.title or about.metadata):
        sealed = sealer.seal_about(room.name, room.seq, about)
        return ("", sealed, listing.searched(room.name, About()), about.waiting_runs, room.id)
    metadata = msgspec.json.encode(about.metadata, order="sorted").decode()
    return (about.title, metadata, listing.searched(room.name, about), about.waiting_runs, room.id)
