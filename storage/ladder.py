"""The ladder of a room's snapshots: the newest of each `SNAPSHOT_RECORDS` records stays, so that any seq has one near.

A snapshot is a cache: whoever deletes them all loses time and nothing else.
"""

from sqlalchemy import Connection, bindparam, delete, insert

from ..protocol import limits
from . import chain
from .store import Snapshot
from .tables import snapshots

_NEW = insert(snapshots)
_DROP = delete(snapshots).where(
    snapshots.c.room_id == bindparam("of_room"),
    snapshots.c.seq >= bindparam("rung"),
    snapshots.c.seq <= bindparam("newest"),
)


def keep(connection: Connection, room_id: int, snapshot: Snapshot) -> None:
    """Let the snapshot stand on its rung, in the place of older ones there."""
    rung = snapshot.seq - snapshot.seq % limits.SNAPSHOT_RECORDS
    connection.execute(_DROP, {"of_room": room_id, "rung": rung, "newest": snapshot.seq})
    connection.execute(
        _NEW,
        {
            "room_id": room_id,
            "seq": snapshot.seq,
            "version": snapshot.version,
            "data": snapshot.data,
            "data_hash": chain.data_hash(snapshot.data),
        },
    )
