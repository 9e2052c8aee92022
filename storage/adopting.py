"""Adopting a log that was sealed elsewhere: it is put aside page by page, and appears whole or not at all.

A log may hold millions of records, and the writer serves every room; so each page is a commit of its own, under a name
that no room can have, in a row that says that it is being made. Nobody can read it there, and whoever opens the store
after a crash removes it. One last commit gives the row its room's name and a new
lineage, and appends the record that says where the log came from.
"""

from sqlalchemy import Connection, bindparam, func, insert, select, update

from . import chain, listing
from .errors import StoreError
from .store import About, Sealed
from .tables import records, rooms

_STAGE = insert(rooms)
_APPEAR = (
    update(rooms)
    .where(rooms.c.id == bindparam("of_room"))
    .values(
        name=bindparam("new_name"),
        lineage=bindparam("new_lineage"),
        epoch=bindparam("new_epoch"),
        seq=bindparam("new_seq"),
        hash=bindparam("new_hash"),
        time=bindparam("new_time"),
        activity=bindparam("new_activity"),
        folded=bindparam("new_folded"),
        deleted=0,
    )
)
_COUNT = select(func.count(), func.max(records.c.seq)).where(records.c.room_id == bindparam("of_room"))


def stage(connection: Connection, name: str, deleted: int) -> int:
    """Make the row under which a log is put aside; its id."""
    fresh = {"name": name, "lineage": "", "epoch": 0, "seq": 0, "hash": chain.START, "open_runs": 0, "time": 0}
    made = connection.execute(_STAGE, {**fresh, "wake_at": None, "deleted": deleted}).inserted_primary_key
    assert made is not None
    return made[0]


def check_whole(connection: Connection, room_id: int, after: int) -> None:
    """Raises StoreError unless all records up to that one were put aside."""
    count, newest = connection.execute(_COUNT, {"of_room": room_id}).one()
    if (count, newest) != (after, after):
        raise StoreError(f"{count} records of the log were put aside, and it has {after}")


def appear(connection: Connection, room_id: int, name: str, lineage: str, last: Sealed, about: About) -> None:
    """What was put aside is that room from this transaction's commit on; `last` is its newest record."""
    newest = chain.columns(last.header)
    asked = {
        "of_room": room_id,
        "new_name": name,
        "new_lineage": lineage,
        "new_epoch": newest.epoch,
        "new_seq": last.seq,
        "new_hash": last.hash,
        "new_time": newest.time,
        "new_activity": listing.activity(newest.time),
        "new_folded": listing.searched(name, about),
    }
    connection.execute(_APPEAR, asked)
