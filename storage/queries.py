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
from .errors import StoreCorrupt, StoreSealed
from .sealing import SEAL_BYTES, SEALED_ABOUT, Opener, is_sealed
from .store import ANY_SEQ, About, Blob, BlobFacts, Head, Listed, Listing, Revocation, Sealed, Snapshot
from .tables import blob_data, blob_uses, blobs, records, revocations, rooms, sealing, snapshots

PARTITION = 50
"""Rows fetched at a time while a page fills; so that one page of large updates is not read far past its limit."""

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

RECORD_COLUMNS = (
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
    select(*RECORD_COLUMNS)
    .select_from(_of_room)
    .where(rooms.c.name == _room, _alive, records.c.seq > bindparam("after"))
    .order_by(records.c.seq)
    .limit(bindparam("limit"))
)

HEAD = select(*_head_columns).where(rooms.c.name == _room)
READ = _page
SEALING = select(sealing.c.store)
SEALED = _page.add_columns(records.c.body_hash, records.c.hash)
FIND = (
    select(*RECORD_COLUMNS)
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
            "NOT EXISTS (SELECT 1 FROM json_each(:wanted) AS w WHERE w.value IS NOT (SELECT m.value FROM "
            "json_each(iif(rooms.metadata LIKE 'sealed:%', '{}', rooms.metadata)) AS m WHERE m.key = w.key))"
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
    select(blobs.c.hash, blobs.c.media_type, blob_data.c.data, blobs.c.size)
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


def to_listing(found: Sequence[Listed], limit: int) -> Listing:
    """A page of those, which are one more than it holds if there is more; then it has a cursor."""
    page = tuple(found[:limit])
    last = page[-1] if len(found) > limit > 0 else None
    return Listing(page, listing.cursor((last.activity, last.head.room)) if last else "")


def to_listed(row: Sequence[Any], opener: Opener | None) -> Listed:
    """A row of ROOMS; with neither title nor metadata if these are sealed and their key is not here."""
    *head, title, metadata, waiting_runs, activity = row
    if opener is not None:
        title, shown = opener.about(row[0], title, metadata)
    else:
        shown = {} if metadata.startswith(SEALED_ABOUT) else msgspec.json.decode(metadata)
    return Listed(to_head(head), About(title, shown, waiting_runs), activity)


def search(
    rows: Iterable[Sequence[Any]], opener: Opener, limit: int, query: str, metadata: listing.Wanted | None
) -> list[Listed]:
    """What a listing of sealed titles finds among all rows of ROOMS, one more than a page: the database cannot read
    them, so each room that is passed is opened."""
    found: list[Listed] = []
    wanted, folded = metadata or {}, listing.folded(query)
    for row in rows:
        one = to_listed(row, opener)
        if folded in listing.searched(one.head.room, one.about) and listing.matches(one.about.metadata, wanted):
            found.append(one)
            if len(found) > limit:
                break
    return found


def to_revocation(row: Sequence[Any]) -> Revocation:
    """A row of REVOCATIONS."""
    return Revocation(*row)


def to_blob(row: Sequence[Any], opener: Opener | None) -> Blob:
    """A row of BLOB. Raises StoreSealed or StoreCorrupt."""
    name, kind, data, size = row
    if len(data) == size:  # What is sealed is longer; and a blob may begin with any byte.
        return Blob(name, kind, data)
    if len(data) != size + SEAL_BYTES or not is_sealed(data):
        raise StoreCorrupt(f"blob {name} holds other bytes than its name says")
    plain = opener.blob(name, data) if opener is not None else None
    if plain is None:
        raise StoreSealed(f"blob {name} is encrypted and its key is not here")
    return Blob(name, kind, plain)


def to_facts(row: Sequence[Any]) -> BlobFacts:
    """A row of BLOB_FACTS."""
    return BlobFacts(*row)


def to_record(room: str, row: Sequence[Any]) -> Record:
    """A row of READ or FIND. Raises StoreCorrupt, which names the room and the seq."""
    seq, time, author, run, epoch, document, record_id, asked, body, update, _, grant = row
    try:
        event = decode_event(body)
    except CorruptBody as error:
        if is_sealed(body):
            raise StoreSealed(f"record {seq} of room {room!r} is encrypted and its key is not here") from None
        raise StoreCorrupt(f"record {seq} of room {room!r} is damaged: {error}") from error
    return Record(seq, time, author, run, epoch, event, document, update, record_id, asked, grant)


def to_sealed(room: str, row: Sequence[Any], opener: Opener | None) -> Sealed:
    """A row of SEALED; the header is put together from the columns, so that an edited column shows."""
    seq, time, author, run, epoch, document, record_id, asked, body, update, kind, grant, body_hash, link = row
    header = chain.header(seq, time, author, run, epoch, document, record_id, asked, kind, grant)
    if not is_sealed(body):
        return Sealed(seq, header, body, update, body_hash, link)
    opened = opener.tried(room, row) if opener is not None else row
    plain, update = (b"", b"") if opened is row else (opened[8], opened[9])
    return Sealed(seq, header, plain, update, body_hash, link, body)


def to_snapshot(room: str, row: Sequence[Any], opener: Opener | None) -> Snapshot | None:
    """A row of SNAPSHOTS; None if it rotted or does not open, and then the next older one is as good."""
    seq, version, data, data_hash = row
    if chain.data_hash(data) != data_hash:
        return None
    snapshot = Snapshot(seq, version, data)
    if opener is not None:
        return opener.snapshot(room, snapshot)
    return None if is_sealed(data) else snapshot


class Page:
    """Fills up with rows until `limits.PAGE_BYTES` of bodies and updates are in it, or as many rows as it may have; one
    row always fits."""

    def __init__(self, limit: int = ANY_SEQ) -> None:
        self.rows: list[Sequence[Any]] = []
        self._limit = limit
        self._bytes = 0

    @property
    def full(self) -> bool:
        return self._bytes >= limits.PAGE_BYTES or len(self.rows) >= self._limit

    def add(self, rows: Iterable[Sequence[Any]]) -> bool:
        """Take rows while they fit; False when the page is full."""
        for row in rows:
            if self._bytes >= limits.PAGE_BYTES or len(self.rows) >= self._limit:
                return False
            self.rows.append(row)
            self._bytes += len(row[8]) + len(row[9])
        return not self.full
