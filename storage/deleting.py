"""How a room is deleted: first it is dead, then its remains are removed, a part at a time.

A room may hold millions of records, and the writer serves every room; so one commit makes it unreadable for good, and
as many as it takes remove what it had. A crash in between leaves a room that is dead and not gone: whoever opens the
store for writing next goes on with it (`engine`).

A room that was being made when the process ended is removed likewise, row and all.

The row of a deleted room stays for ever. Who held on to the name must be told that the room was deleted, and a room
that began anew under it would draw epochs and client ids that old tabs believe to know.

Removed rows are overwritten (`secure_delete`, which the writer always sets), because people delete a room so that it is
forgotten, and a database file keeps what was deleted in pages that wait to be used again: also the snapshots that newer
ones replaced, and blobs that were swept, long before.
"""

from sqlalchemy import Connection, bindparam, delete, select, text, update

from ..protocol import limits
from . import blobs
from .tables import records, rooms, snapshots, written

_KILL = (
    update(rooms)
    .where(rooms.c.id == bindparam("room_id"))
    .values(deleted=1, open_runs=0, wake_at=None, title="", metadata="{}", folded="", waiting_runs=0)
)
_GONE = update(rooms).where(rooms.c.id == bindparam("room_id")).values(deleted=2)
_those, _that = records.alias(), snapshots.alias()
_SOME_RECORDS = delete(records).where(
    records.c.pos.in_(
        select(_those.c.pos)
        .where(_those.c.room_id == bindparam("of_room"))
        .order_by(_those.c.seq)
        .limit(bindparam("limit"))
    )
)
_A_SNAPSHOT = delete(snapshots).where(
    snapshots.c.room_id == bindparam("of_room"),
    snapshots.c.seq.in_(select(_that.c.seq).where(_that.c.room_id == bindparam("of_room")).limit(1)),
)


_WRITTEN = delete(written).where(written.c.room_id == bindparam("of_room"))
_UNFINISHED = select(rooms.c.name).where(rooms.c.deleted == text("1"))
_UNMADE = select(rooms.c.name).where(rooms.c.deleted == text("3"))
_FORGET = delete(rooms).where(rooms.c.id == bindparam("room_id"))


def unfinished(connection: Connection) -> list[str]:
    """Names of rooms that were deleted, or were not made to their end, and of which something is left."""
    return [*connection.execute(_UNFINISHED).scalars(), *connection.execute(_UNMADE).scalars()]


def kill(connection: Connection, room_id: int) -> None:
    """From this transaction's commit on the room is deleted."""
    connection.execute(_KILL, {"room_id": room_id})


def purge(connection: Connection, room_id: int, *, unmade: bool = False) -> list[str] | None:
    """Remove some of what a deleted room had; None when nothing was left, else the names of blobs that it let go of. Of
    one that was not made to its end not even the row stays: nobody was ever told of it."""
    removed = connection.execute(_SOME_RECORDS, {"of_room": room_id, "limit": limits.PAGE_RECORDS}).rowcount
    removed = removed or connection.execute(_A_SNAPSHOT, {"of_room": room_id}).rowcount
    removed = removed or connection.execute(_WRITTEN, {"of_room": room_id}).rowcount
    let_go = [] if removed else blobs.let_go(connection, room_id)
    if removed or let_go:
        return let_go
    connection.execute(_FORGET if unmade else _GONE, {"room_id": room_id})
    return None
