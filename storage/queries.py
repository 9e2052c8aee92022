"""What is asked of the tables, and how a row becomes what the port promises.

Both engines and the asyncio reader run these statements, so they read alike by construction. Each statement is built
once, and each read is one statement: it sees one committed state and holds it no longer than it takes, because a
reader that lingers keeps the writer from shrinking its WAL. Only a read that found nothing asks a second question,
whether the room was deleted.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, or_, select, text, tuple_

from ..protocol import limits
from ..protocol.codec import CorruptBody, decode_event
from ..protocol.events import Record
from . import chain, listing
from .store import About, Blob, BlobFacts, Head, Listed, Listing, Revocation, Sealed, Snapshot, StoreCorrupt
from .tables import blob_data, blob_uses, blobs, records, revocations, rooms, snapshots

PARTITION = 50
"""Rows fetched at a time while a page fills; so that one page of large updates is not read far past its limit."""

ANY_SEQ = (1 << 63) - 1
"""Past every seq: the largest integer that a database keeps."""

_head_columns = (
    rooms.c.name,
    rooms.c.seq,
    rooms.c.epoch,
    rooms.c.hash,
    rooms.c.lineage,
    rooms.c.open_runs,
    rooms.c.wake_at,
    rooms.c.time,
    rooms.c.deleted,
)

_record_columns = (
    records.c.seq,
    records.c.time,
    records.c.author,
    records.c.run,
    records.c.epoch,
    records.c.document,
    records.c.record_id,
    records.c.asked,
    records.c.body,
    records.c.update,
    records.c.kind,
    records.c.grant_id,
)

_room = bindparam("room")
_alive = rooms.c.deleted == text("0")  # As the partial index says it; a parameter might be another number.
_of_room = records.join(rooms, records.c.room_id == rooms.c.id)
_page = (
    select(*_record_columns)
    .select_from(_of_room)
    .where(rooms.c.name == _room, _alive, records.c.seq > bindparam("after"))
    .order_by(records.c.seq)
    .limit(bindparam("limit"))
)

HEAD = select(*_head_columns).where(rooms.c.name == _room)
READ = _page
SEALED = _page.add_columns(records.c.body_hash, records.c.hash)
FIND = (
    select(*_record_columns)
    .select_from(_of_room)
    .where(rooms.c.name == _room, _alive, records.c.record_id == bindparam("record_id"))
)
DELETED = select(rooms.c.id).where(rooms.c.name == _room, rooms.c.deleted > 0)
_fitting = text("EXISTS (SELECT 1 FROM json_each(:names) AS p WHERE rooms.name GLOB p.value)")
_place = tuple_(rooms.c.activity, rooms.c.name)
ROOMS = (
    select(*_head_columns, rooms.c.title, rooms.c.metadata, rooms.c.waiting_runs, rooms.c.activity)
    .where(
        _alive,
        _place < tuple_(bindparam("activity"), bindparam("name")),
        or_(bindparam("query") == "", func.instr(rooms.c.folded, bindparam("query")) > 0),
        text(
            "NOT EXISTS (SELECT 1 FROM json_each(:wanted) AS w WHERE w.value IS NOT "
            "(SELECT m.value FROM json_each(rooms.metadata) AS m WHERE m.key = w.key))"
        ),
        _fitting,
    )
    .order_by(rooms.c.activity.desc(), rooms.c.name.desc())
    .limit(bindparam("limit"))
)
NAMES = (
    select(rooms.c.name)
    .where(_alive, rooms.c.name > bindparam("after"))
    .order_by(rooms.c.name)
    .limit(bindparam("limit"))
)
FORKS = (
    select(rooms.c.name)
    .where(rooms.c.fork_of == _room, rooms.c.fork_of != text("''"), _alive, rooms.c.name > bindparam("after"))
    .order_by(rooms.c.name)
    .limit(bindparam("limit"))
)
BLOB_FACTS = select(blobs.c.hash, blobs.c.media_type, blobs.c.size).where(blobs.c.hash == bindparam("name"))
BLOB = (
    select(blobs.c.hash, blobs.c.media_type, blob_data.c.data)
    .join(blob_data, blob_data.c.hash == blobs.c.hash)
    .where(blobs.c.hash == bindparam("name"))
)
BLOBS_OF = (
    select(blob_uses.c.hash)
    .join(rooms, blob_uses.c.room_id == rooms.c.id)
    .where(rooms.c.name == _room, _alive, blob_uses.c.hash > bindparam("after"))
    .order_by(blob_uses.c.hash)
    .limit(bindparam("limit"))
)
_users = (
    select(rooms.c.id)
    .join(blob_uses, blob_uses.c.room_id == rooms.c.id)
    .where(blob_uses.c.hash == bindparam("name"), _alive)
)
BLOB_REACHES = select(or_(_users.where(_fitting).exists(), ~_users.exists()))
REVOCATIONS = select(revocations.c.kind, revocations.c.value, revocations.c.at).order_by(
    revocations.c.kind, revocations.c.value
)
SNAPSHOTS = (
    select(snapshots.c.seq, snapshots.c.version, snapshots.c.data, snapshots.c.data_hash)
    .join(rooms, snapshots.c.room_id == rooms.c.id)
    .where(rooms.c.name == _room, _alive, snapshots.c.seq <= bindparam("at"))
    .order_by(snapshots.c.seq.desc())
)
_open = select(rooms.c.name).where(rooms.c.open_runs > 0, rooms.c.name > bindparam("after"))
_due = select(rooms.c.name).where(rooms.c.wake_at <= bindparam("due"), rooms.c.name > bindparam("after"))
OPEN = _open.order_by(rooms.c.name).limit(bindparam("limit"))
DUE = _due.order_by(rooms.c.name).limit(bindparam("limit"))


def to_head(row: Sequence[Any]) -> Head:
    """A row of HEAD, or the beginning of one of ROOMS."""
    columns: tuple[Any, ...] = tuple(row[:-1])
    return Head(*columns, deleted=row[-1] > 0)


def globs(patterns: Sequence[str]) -> str:
    """Patterns of names (protocol.access) as a JSON list of what GLOB takes, which knows more wildcards than we do."""
    escaped = [pattern.replace("[", "[[]").replace("?", "[?]") for pattern in patterns]
    return msgspec.json.encode(escaped).decode()


def list_asked(
    cursor: str, limit: int, query: str, metadata: listing.Wanted | None, names: Sequence[str]
) -> dict[str, Any]:
    """The parameters of ROOMS, which is asked for one more than a page holds. Raises BadCursor."""
    activity, name = listing.place(cursor)
    wanted = msgspec.json.encode(metadata or {}).decode()
    folded = listing.folded(query)
    asked = {"activity": activity, "name": name, "limit": limit + 1, "query": folded, "wanted": wanted}
    return asked | {"names": globs(names)}


def to_listing(rows: Sequence[Sequence[Any]], limit: int) -> Listing:
    """The rows of ROOMS as a page, with a cursor if there is more than it holds."""
    listed: list[Listed] = []
    for row in rows[:limit]:
        *head, title, metadata, waiting_runs, activity = row
        listed.append(Listed(to_head(head), About(title, msgspec.json.decode(metadata), waiting_runs), activity))
    last = listed[-1] if len(rows) > limit > 0 else None
    return Listing(tuple(listed), listing.cursor((last.activity, last.head.room)) if last else "")


def to_revocation(row: Sequence[Any]) -> Revocation:
    """A row of REVOCATIONS."""
    return Revocation(*row)


def to_blob(row: Sequence[Any]) -> Blob:
    """A row of BLOB."""
    return Blob(*row)


def to_facts(row: Sequence[Any]) -> BlobFacts:
    """A row of BLOB_FACTS."""
    return BlobFacts(*row)


def to_record(room: str, row: Sequence[Any]) -> Record:
    """A row of READ or FIND. Raises StoreCorrupt, which names the room and the seq."""
    seq, time, author, run, epoch, document, record_id, asked, body, update, _, grant = row
    try:
        event = decode_event(body)
    except CorruptBody as error:
        raise StoreCorrupt(f"record {seq} of room {room!r} is damaged: {error}") from error
    return Record(seq, time, author, run, epoch, event, document, update, record_id, asked, grant)


def to_sealed(row: Sequence[Any]) -> Sealed:
    """A row of SEALED; the header is put together from the columns, so that an edited column shows."""
    seq, time, author, run, epoch, document, record_id, asked, body, update, kind, grant, body_hash, link = row
    header = chain.header(seq, time, author, run, epoch, document, record_id, asked, kind, grant)
    return Sealed(seq, header, body, update, body_hash, link)


def to_snapshot(row: Sequence[Any]) -> Snapshot | None:
    """A row of SNAPSHOTS; None if it rotted, and then the next older one is as good."""
    seq, version, data, data_hash = row
    return Snapshot(seq, version, data) if chain.data_hash(data) == data_hash else None


class Page:
    """Fills up with rows until `limits.PAGE_BYTES` of bodies and updates are in it; one row always fits."""

    def __init__(self) -> None:
        self.rows: list[Sequence[Any]] = []
        self._bytes = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> bool:
        """Take rows while they fit; False when the page is full."""
        for row in rows:
            if self._bytes >= limits.PAGE_BYTES:
                return False
            self.rows.append(row)
            self._bytes += len(row[8]) + len(row[9])
        return self._bytes < limits.PAGE_BYTES
