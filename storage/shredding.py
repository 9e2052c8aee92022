"""Erasing from an encrypted store: the keys of what is erased are dropped, and what stays is sealed anew.

The person's key in the room goes, and so do the shared keys of what was written since they came. The erased forms of
their records and of whatever else changes are sealed under keys that stay, in the same transaction; so are the records
under a dropped key that hold nothing, or only others' words. All of these are named by the record of the erasure, whose
digest is over what is kept, so that `verify` needs no key for it.

A copy of the log that was made before holds the old ciphertext: its chain verifies, and nobody reads it.
"""

from hashlib import sha256

import msgspec
from msgspec import structs
from sqlalchemy import Connection, bindparam, func, select

from ..protocol.erased import erased
from ..protocol.events import ModelRequested, Record, SubjectErased
from . import chain, erasing, queries
from .errors import StoreError
from .sealing import Sealer, prefix
from .store import Erasure
from .tables import records

_UNDER = select(*queries.RECORD_COLUMNS).where(
    records.c.room_id == bindparam("of_room"),
    records.c.seq >= bindparam("first"),
    func.hex(func.substr(records.c.body, 1, 9)).in_(
        select(func.json_each(bindparam("prefixes")).table_valued("value").c.value)
    ),
)
_KEPT = select(records.c.body, records.c.update).where(
    records.c.room_id == bindparam("of_room"), records.c.seq == bindparam("at")
)


def shred(sealer: Sealer, connection: Connection, room_id: int, erasure: Erasure) -> Erasure:
    """Mark the keys that go, and seal what the erasure leaves; the erasure with what is kept. Raises StoreError."""
    append = erasure.append
    room, said = append.room, append.records[0]
    assert isinstance(said.event, SubjectErased)
    assert said.id is not None
    gone = sealer.ring.doom(room, said.id, person=erasure.subject, since=erasure.first)
    try:
        return _shredded(sealer, connection, room_id, erasure, gone)
    except StoreError:  # The others of this batch go on, and what they say is sealed by these keys again.
        sealer.ring.unmark(gone)
        raise


def _shredded(sealer: Sealer, connection: Connection, room_id: int, erasure: Erasure, gone: frozenset[int]) -> Erasure:
    """The erasure with what is kept of each record."""
    append = erasure.append
    room, said = append.room, append.records[0]
    assert isinstance(said.event, SubjectErased)
    changed = {one.seq: one for one in erasure.changed}
    changed |= _others(sealer, connection, room_id, erasure, gone, changed)
    kept = {seq: (_sealed(sealer, connection, room_id, room, one, erasure), b"") for seq, one in changed.items()}
    named = erasing.spans({*erasing.seqs(said.event.records), *changed})
    digest = sha256()
    for seq in erasing.seqs(named):
        body, update = kept.get(seq) or tuple(connection.execute(_KEPT, {"of_room": room_id, "at": seq}).one())
        digest.update(chain.body_hash(body, update))
    event = structs.replace(said.event, records=named, digest=digest.digest())
    append = structs.replace(append, records=(structs.replace(said, event=event), *append.records[1:]))
    return structs.replace(erasure, append=append, kept=kept)


def _others(
    sealer: Sealer,
    connection: Connection,
    room_id: int,
    erasure: Erasure,
    gone: frozenset[int],
    changed: dict[int, Record],
) -> dict[int, Record]:
    """The records under keys that go, of which nothing changes: they say nothing, or what others said."""
    room, prefixes = erasure.append.room, [prefix(number).hex().upper() for number in gone]
    asked = {"of_room": room_id, "first": erasure.first, "prefixes": msgspec.json.encode(prefixes).decode()}
    rows = [row for row in connection.execute(_UNDER, asked) if row.seq not in changed]
    return {row.seq: queries.to_record(room, sealer.row(room, row)) for row in rows}


def _sealed(sealer: Sealer, connection: Connection, room_id: int, room: str, record: Record, erasure: Erasure) -> bytes:
    """A record as it is to be kept: under the room's key if nobody's words are in it any more."""
    theirs = sealer.owner(connection, room_id, room, record) in ("", erasure.subject)
    empty = isinstance(record.event, ModelRequested) and erased(record.event) is record.event
    if theirs or empty:
        key = sealer.ring.key(room, "room", "", record.seq)
    else:
        key = sealer.key(connection, room_id, room, record)
    return sealer.record(key, room, chain.leaf(record))
