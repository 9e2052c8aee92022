"""The deep check of a room: its documents against what is kept of them, and today's code against the log.

The hash chain proves that the log is what was written. This looks whether what was written is what it should be. Rules
(specs/replay.md):

- Documents made from the stored updates alone equal, byte for byte of their state, those in every snapshot; the fold
  equals the snapshot's; and where an epoch was closed they have the clocks that it wrote down.
- The room document, projected anew by today's code, says as JSON what the stored updates say. Where it does not, the
  log is sound, and another day's code showed it in another shape. Of a room that was projected again only what comes
  since is compared, and that what it said right before and after is what that record says it did.
- The first record that does not pass is named. The documents are compared every _EVERY records, and record by record
  once they differ.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec
import trio
from msgspec import Struct
from pycrdt import Doc

from ...protocol.document import RoomDocument
from ...protocol.events import EpochClosed, Record, RoomShaped
from ...protocol.reshaping import clock_of, plain, said
from ...protocol.state import RoomState
from ...storage.store import Reader
from ..room.kept import Kept, read_snapshot
from ..room.shaping import project
from .comparing import differences
from .moment import Moment

_EVERY = 1_000
"""Records between two comparisons as JSON, which take 10 ms each: a tenth of what projecting them takes."""

_PROJECTING = 1
"""The CRDT id under which is projected here; nobody else gets to see it."""

_ERASED = bytes(32)
"""What stands in place of a digest where somebody was erased from what it is of."""


class Fault(Struct, frozen=True):
    """The first record that does not pass. `shape`: only today's code would show it otherwise."""

    seq: int
    why: str
    kind: Literal["kept", "shape"]


async def deep(reader: Reader, room: str, upto: int, tick: Callable[[int], None] = lambda _: None) -> Fault | None:
    """What is wrong with the room up to that record, besides its chain; None if nothing is. Raises StoreError, and
    what a record raises that does not follow from those before."""
    here, again = Moment(), _Again()
    ladder = await snapshots(reader, room, upto)
    otherwise: Fault | None = None
    try:
        while here.seq < upto:
            page = await reader.read(room, here.seq, min(limit_to(ladder, here.seq), upto - here.seq, _EVERY))
            if not page:
                return Fault(here.seq + 1, f"record {here.seq + 1} is missing", "kept")
            for part in _cut_at_turns(page):
                before = said(here.document()) if isinstance(part[-1].event, RoomShaped) else b""
                here.take(part)
                again.take(part)
                if fault := _closed(here, part[-1]) or _shaped(here, part[-1], before):
                    return fault
                if before:
                    otherwise = again.turn(here)
            if here.seq in ladder:
                kept = read_snapshot(await reader.snapshot(room, here.seq))
                if kept is not None and (why := unlike(here, kept)):
                    return Fault(
                        here.seq, f"the snapshot of record {here.seq} is not what the log gives: {why}", "kept"
                    )
            if otherwise is None and (again.due(here.seq) or here.seq == upto):
                if again.differs(here):
                    otherwise = await again.first(reader, room, here.seq)
                else:
                    again.remember(here)
            tick(len(page))
            await trio.lowlevel.checkpoint()
    finally:
        again.release()
    return otherwise


async def snapshots(reader: Reader, room: str, upto: int) -> set[int]:
    """The seqs of the room's snapshots."""
    found: set[int] = set()
    while upto and (snapshot := await reader.snapshot(room, upto)) is not None:
        found.add(snapshot.seq)
        upto = snapshot.seq - 1
    return found


def limit_to(ladder: set[int], seq: int) -> int:
    """How many records there are up to the next snapshot, which must not lie within a page."""
    return min((rung - seq for rung in ladder if rung > seq), default=_EVERY)


def _cut_at_turns(page: list[Record]) -> Iterator[list[Record]]:
    """The page in parts, so that each end of an epoch ends one, and each record of another shape is one."""
    part: list[Record] = []
    for record in page:
        if part and isinstance(record.event, RoomShaped):
            yield part
            part = []
        part.append(record)
        if isinstance(record.event, EpochClosed | RoomShaped):
            yield part
            part = []
    if part:
        yield part


def _closed(here: Moment, record: Record) -> Fault | None:
    """What an epoch's end says of its clocks that is not so."""
    match record.event:
        case EpochClosed(client=client, clocks=clocks):
            for name, clock in clocks.items():
                found = clock_of(here.document(name), client)
                if found != clock:
                    where = f"document {name}" if name else "the room document"
                    why = f"{where} is at clock {found} of client {client}, and record {record.seq} says {clock}"
                    return Fault(record.seq, why, "kept")
            return None
        case _:
            return None


def unlike(here: Moment, kept: Kept) -> str:
    """How a snapshot is not what the log gives; empty if it is."""
    if msgspec.msgpack.decode(msgspec.msgpack.encode(here.state), type=RoomState) != kept.state:
        return "its fold is another"
    for name, update in kept.documents.items():
        if not same(here.document(name).get_update(), update):
            return f"document {name} is another" if name else "the room document is another"
    return ""


def same(ours: bytes, theirs: bytes) -> bool:
    """Whether two whole updates make the same document. How neighbours are cut into structs is no difference."""
    return ours == theirs or _settled(ours) == _settled(theirs)


def _settled(update: bytes) -> bytes:
    doc: Doc[Any] = Doc()
    doc.apply_update(update)
    return doc.get_update()


def _shaped(here: Moment, record: Record, before: bytes) -> Fault | None:
    """What a record of another shape says of the room document right before and after that is not so."""
    match record.event:
        case RoomShaped() as event if event.before not in (b"", _ERASED):
            is_so = (before, said(here.document()), clock_of(here.document(), event.client))
            if (event.before, event.after, event.clock) != is_so:
                return Fault(record.seq, f"the room document does not say what record {record.seq} says it did", "kept")
        case _:
            pass
    return None


class _Again:
    """The room document as today's code projects it, and where it was last as it should be."""

    def __init__(self) -> None:
        self._projected = RoomDocument(_PROJECTING)
        self._good = (0, b"\0\0", b"\0\0")

    def take(self, records: list[Record]) -> None:
        project(self._projected, records)

    def due(self, seq: int) -> bool:
        return seq - self._good[0] >= _EVERY

    def differs(self, here: Moment) -> bool:
        return plain(self._projected.doc) != plain(here.document())

    def remember(self, here: Moment) -> None:
        self._good = (here.seq, self._projected.doc.get_update(), here.document().get_update())

    def turn(self, here: Moment) -> Fault | None:
        """The room has another shape from here on: what is otherwise than today's code would show it, if anything."""
        if self.differs(here):
            return _otherwise(here.seq, here.document(), self._projected)
        self.remember(here)
        return None

    async def first(self, reader: Reader, room: str, upto: int) -> Fault:
        """The first record behind the last good one that the two show otherwise."""
        seq, projected, stored = self._good
        again = RoomDocument(_PROJECTING)
        try:
            again.apply(projected)
            doc: Doc[Any] = Doc()
            doc.apply_update(stored)
            while seq < upto:
                for record in await reader.read(room, seq, upto - seq):
                    seq = record.seq
                    project(again, [record])
                    if not record.document and record.update:
                        doc.apply_update(record.update)
                    if plain(again.doc) != plain(doc):
                        return _otherwise(seq, doc, again)
                    await trio.lowlevel.checkpoint()
            raise AssertionError("the two differ at the end and at no record")
        finally:
            again.release()

    def release(self) -> None:
        self._projected.release()


def _otherwise(seq: int, doc: "Doc[Any]", again: RoomDocument) -> Fault:
    place = next(iter(differences(plain(doc), plain(again.doc))))
    return Fault(seq, f"today's code would show record {seq} otherwise at {place.path}", "shape")
