"""Which records wrote in which shared document, noted with each snapshot: who asks for one reads only its records.

A room's log is mostly tokens, and the past of one document is a few records among them. An index would cost every edit
an entry and every commit a page. So whenever a snapshot is kept, the writer looks once through the records since the
one before (0.15 µs each) and notes, by document, their seqs and where they lie. Rules:

- It is a cache, like a snapshot, with a SHA-256 of its own. What no row speaks of is looked through when it is asked
  for: what came since the newest snapshot, rooms from before there were such rows, a row that rotted.
- A row speaks of the records after `after` and up to its seq. Of each rung of SNAPSHOT_RECORDS there is one.
- Names of documents stand in it, which are plain in an encrypted store too, and nothing that anybody said.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Executable, bindparam, delete, func, insert, or_, select, text

from ..protocol import limits
from .chain import data_hash
from .queries import RECORD_COLUMNS
from .store import Sieve
from .tables import records, rooms, written


class Rung(Struct, array_like=True):
    """What a row says. Of each document the seqs of its records, and beside them their rows' `pos`; of either the first
    one and then the differences, which are small."""

    after: int
    documents: dict[str, tuple[list[int], list[int]]]


_NOTHING: tuple[list[int], list[int]] = ([], [])

_decode = msgspec.msgpack.Decoder(Rung).decode
_encode = msgspec.msgpack.Encoder().encode

_of_room = written.c.room_id == bindparam("of_room")
_NEWEST = (
    select(written.c.seq, written.c.data, written.c.data_hash).where(_of_room).order_by(written.c.seq.desc()).limit(1)
)
_LOOK = (
    select(records.c.document, records.c.seq, records.c.pos)
    .where(
        records.c.room_id == bindparam("of_room"),
        records.c.seq > bindparam("after"),
        records.c.seq <= bindparam("upto"),
        records.c.document != text("''"),
    )
    .order_by(records.c.seq)
)
_NOTE = insert(written)
_REPLACE = delete(written).where(_of_room, written.c.seq == bindparam("old"))

_alive = rooms.c.deleted == text("0")
NOTED = (
    select(written.c.seq, written.c.data, written.c.data_hash)
    .join(rooms, written.c.room_id == rooms.c.id)
    .where(rooms.c.name == bindparam("room"), _alive, written.c.seq > bindparam("after"))
    .order_by(written.c.seq)
)
"""The rows of a room that speak of records after a seq."""

_sifted = (
    select(*RECORD_COLUMNS)
    .select_from(records.join(rooms, records.c.room_id == rooms.c.id))
    .where(rooms.c.name == bindparam("room"), _alive)
)
_BETWEEN = (
    _sifted.where(records.c.seq > bindparam("after"), records.c.seq <= bindparam("upto"))
    .order_by(records.c.seq)
    .limit(bindparam("limit"))
)
_OF_DOCUMENT = _BETWEEN.where(
    or_(
        records.c.document == bindparam("document"),
        func.substr(records.c.document, 1, func.length(bindparam("drafts"))) == bindparam("drafts"),
    )
)
_OF_RUN = _BETWEEN.where(
    records.c.run == bindparam("run"),
    records.c.kind.in_(select(func.json_each(bindparam("kinds")).table_valued("value").c.value)),
)
# As a sum the room's id is of no use to an index, by which all of the room would be walked through.
_AT = (
    select(*RECORD_COLUMNS)
    .where(
        records.c.pos.in_(select(func.json_each(bindparam("places")).table_valued("value").c.value)),
        records.c.room_id + text("0")
        == select(rooms.c.id).where(rooms.c.name == bindparam("room"), _alive).scalar_subquery(),
    )
    .order_by(records.c.pos)
)


def note(connection: Connection, room_id: int, upto: int) -> None:
    """Note what the records wrote in that no row speaks of yet, up to that seq, of which a snapshot is kept."""
    newest = connection.execute(_NEWEST, {"of_room": room_id}).first()
    last, rung = (newest[0], _sound(newest)) if newest is not None else (0, None)
    if last >= upto:
        return
    # At most two rungs, 3 ms: the writer serves every room, and what it leaves out is looked through when asked for.
    after = max(last, upto - 2 * limits.SNAPSHOT_RECORDS)
    found: dict[str, tuple[list[int], list[int]]] = {}
    for document, seq, pos in connection.execute(_LOOK, {"of_room": room_id, "after": after, "upto": upto}):
        seqs, places = found.setdefault(document, ([], []))
        seqs.append(seq)
        places.append(pos)
    if rung is not None and last == after and last >= upto - upto % limits.SNAPSHOT_RECORDS:
        after = rung.after
        for document, (seqs, places) in rung.documents.items():
            newer = found.get(document, ([], []))
            found[document] = ([*accumulate(seqs), *newer[0]], [*accumulate(places), *newer[1]])
        connection.execute(_REPLACE, {"of_room": room_id, "old": last})
    told = Rung(after, {document: (_steps(seqs), _steps(places)) for document, (seqs, places) in found.items()})
    data = _encode(told)
    row = {"room_id": room_id, "seq": upto, "data": data, "data_hash": data_hash(data)}
    connection.execute(_NOTE, row)


def _steps(numbers: list[int]) -> list[int]:
    return [numbers[0], *(later - earlier for earlier, later in pairwise(numbers))]


def _sound(row: Sequence[Any]) -> Rung | None:
    """What the row says; None if it rotted."""
    _, data, hashed = row
    if data_hash(data) != hashed:
        return None
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


LOOK_BETWEEN = (
    select(records.c.seq)
    .join(rooms, records.c.room_id == rooms.c.id)
    .where(
        rooms.c.name == bindparam("room"),
        _alive,
        records.c.seq > bindparam("after"),
        records.c.seq <= bindparam("upto"),
        records.c.document == bindparam("document"),
    )
    .order_by(records.c.seq)
)


def seqs(rows: Iterable[Sequence[Any]], document: str, upto: int) -> Iterator[list[int] | tuple[int, int]]:
    """Which records wrote in a document, in order: those that were noted, and between which two LOOK_BETWEEN is to be
    asked for others."""
    after = 0
    for row in rows:
        rung = _sound(row)
        if rung is None:
            continue
        if rung.after > after:
            yield after, min(upto, rung.after)
        yield [seq for seq in accumulate(rung.documents.get(document, _NOTHING)[0]) if seq <= upto]
        after = row[0]
        if after >= upto:
            return
    yield after, upto


def questions(
    rows: Iterable[Sequence[Any]], room: str, sieve: Sieve, after: int, upto: int, limit: int
) -> Iterator[tuple[Executable, dict[str, Any]]]:
    """What to ask the database, in order, until enough was found; `rows` are those of NOTED, where it is about a
    document."""
    asked: dict[str, Any] = {"room": room, "limit": limit}
    if sieve.run:
        kinds = msgspec.json.encode(sieve.kinds).decode()
        yield _OF_RUN, asked | {"run": sieve.run, "kinds": kinds, "after": after, "upto": upto}
        return
    asked |= {"document": sieve.document, "drafts": sieve.drafts}
    places: list[int] = []
    for row in rows if sieve.document else ():
        rung = _sound(row)
        if rung is None:
            continue
        if rung.after > after:
            yield from _at(room, places, limit)
            places = []
            yield _OF_DOCUMENT, asked | {"after": after, "upto": min(upto, rung.after)}
        places += sorted(_places(rung, sieve, after, upto))
        after = row[0]
        if after >= upto:
            break
        if len(places) >= limit:
            yield from _at(room, places, limit)
            places = []
    yield from _at(room, places, limit)
    if after < upto:
        yield _OF_DOCUMENT, asked | {"after": after, "upto": upto}


def _places(rung: Rung, sieve: Sieve, after: int, upto: int) -> Iterator[int]:
    for document, (seqs, places) in rung.documents.items():
        if sieve.is_of(document):
            for seq, place in zip(accumulate(seqs), accumulate(places), strict=True):
                if after < seq <= upto:
                    yield place


def _at(room: str, places: list[int], limit: int) -> Iterator[tuple[Executable, dict[str, Any]]]:
    for first in range(0, len(places), limit):
        yield _AT, {"room": room, "places": msgspec.json.encode(places[first : first + limit]).decode()}
