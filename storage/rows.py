"""A record as a row of its table: one that is sealed now, and one that was sealed elsewhere."""

from collections.abc import Sequence

from msgspec import structs
from sqlalchemy import Connection, bindparam, insert, select

from ..protocol.events import Record
from . import chain, straight
from .standing import json_list, listed, spelled
from .store import Sealed
from .tables import records

Row = tuple[object, ...]
"""In the order of the table's columns, but for `pos`, which the database counts."""

_PLACES = select(records.c.record_id, records.c.seq).where(
    records.c.room_id == bindparam("room_id"), records.c.record_id.in_(listed("ids"))
)
_INSERT, _ = spelled(insert(records), [column.name for column in records.c if column.name != "pos"])


def row(room_id: int, record: Record, leaf: chain.Leaf, link: bytes) -> Row:
    """The row of a record that goes into a room's log now; `link` is its hash in the chain."""
    return (
        room_id,
        record.seq,
        record.time,
        record.author,
        record.run,
        record.epoch,
        record.document,
        leaf.kind,
        record.id,
        record.asked,
        leaf.body,
        leaf.update,
        leaf.body_hash,
        link,
        record.grant,
    )


def kept_row(room_id: int, sealed: Sealed, columns: chain.Columns) -> Row:
    """The row of a record that was sealed elsewhere."""
    seq, time, author, run, epoch, document, record_id, asked, kind, grant = structs.astuple(columns)
    first = (room_id, seq, time, author, run, epoch, document, kind, record_id, asked)
    return (*first, sealed.body, sealed.update, sealed.body_hash, sealed.hash, grant)


def add(connection: Connection, rows: Sequence[Row]) -> None:
    """Write them. Raises IntegrityError if a room has a record of that seq or that id."""
    straight.execute(connection, _INSERT, rows)


def places(connection: Connection, room_id: int, ids: Sequence[str]) -> dict[str, int]:
    """Where those of these record ids stand that are in the room's log."""
    found = connection.execute(_PLACES, {"room_id": room_id, "ids": json_list(ids)})
    return {row[0]: row[1] for row in found}
