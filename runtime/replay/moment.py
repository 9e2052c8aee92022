"""A moment of a room: its fold and its documents as they stood after one record, read from the log.

Nothing is computed anew. A moment is the newest snapshot at or before it and then the stored bytes of the records
since, as a room is recovered (law 2); so it is what every tab was shown then, to the finest state that any was shown,
because what one pass commits is shown at once. Rules (specs/replay.md):

- `moment` reads one. A `Scrubber` goes from one to the next: forward by the records between them, back from a point
  that it kept on its way, so that a step costs a step and not the log's length.
- A moment is a copy. Nothing that is done to it reaches the room.
"""

from collections.abc import Sequence
from typing import Any

import trio
from pycrdt import Doc

from ...protocol import limits
from ...protocol.errors import Refused
from ...protocol.events import Record
from ...protocol.fold import fold
from ...protocol.shown import near_runs, shown_drafts, shown_room, shown_runs
from ...protocol.state import RoomState
from ...storage.errors import RoomDeleted, StoreCorrupt
from ...storage.store import Reader
from ..room.kept import Kept, decode, encode, read_snapshot

_TOGETHER = 32
"""Stored updates applied in one transaction, as when a room is recovered (runtime/room/opening)."""

_NEAR = 100
"""Records between a moment and the point behind it that a scrubber keeps: a step back takes these again, in 1 ms."""


class Moment:
    """A room after record `seq`. It goes forward by `take`, never back."""

    __slots__ = ("_documents", "state")

    def __init__(self, kept: Kept | None = None) -> None:
        self.state = kept.state if kept is not None else RoomState()
        self._documents: dict[str, Doc[Any]] = {}
        for name, update in (kept.documents if kept is not None else {}).items():
            self.document(name).apply_update(update)

    @property
    def seq(self) -> int:
        """The last record that it holds."""
        return self.state.seq

    @property
    def documents(self) -> list[str]:
        """The shared documents that somebody had written in, by name."""
        return sorted(name for name in self._documents if name)

    def document(self, name: str = "") -> "Doc[Any]":
        """A document as it stood, the room document without a name; an empty one if nobody had written in it."""
        doc = self._documents.get(name)
        if doc is None:
            doc = self._documents[name] = Doc()
        return doc

    def take(self, records: Sequence[Record]) -> None:
        """Go on by these records, which follow."""
        for first in range(0, len(records), _TOGETHER):
            with self.document().transaction():
                for record in records[first : first + _TOGETHER]:
                    if record.update:
                        self.document(record.document).apply_update(record.update)
                    fold(self.state, record)

    def kept(self) -> bytes:
        """All of it as bytes, from which it can be made again."""
        return encode(Kept(self.state, {name: doc.get_update() for name, doc in self._documents.items()}))

    def shown(self, parts: int | None = None, run: str = "") -> dict[str, Any]:
        """The room document as plain values: `room`, `runs` and `drafts`, as specs/document.md has them. With a number
        of `parts` only the newest runs, the open ones and `run` have theirs (`near_runs`)."""
        doc = self.document()
        runs = shown_runs(doc) if parts is None else near_runs(doc, parts, run)
        return {"room": shown_room(doc), "runs": runs, "drafts": shown_drafts(doc)}


async def moment(reader: Reader, room: str, seq: int) -> Moment:
    """The room after record `seq`; 0 is before the first. Raises Refused('no-such-moment') where the log does not reach
    so far, Refused('no-such-room') if it was deleted, StoreError."""
    await check(reader, room, seq)
    found = Moment(read_snapshot(await reader.snapshot(room, seq)) if seq else None)
    await _go_on(reader, room, found, seq)
    return found


async def check(reader: Reader, room: str, seq: int) -> None:
    """Raises Refused('no-such-moment') where the log does not reach so far, Refused('no-such-room'), StoreError."""
    head = await reader.head(room)
    if head.deleted:
        raise Refused("no-such-room")
    if not 0 <= seq <= head.seq:
        raise Refused("no-such-moment", f"The log of {room} ends at record {head.seq}.")


async def _go_on(reader: Reader, room: str, found: Moment, seq: int) -> None:
    while found.seq < seq:
        found.take(await _page(reader, room, found.seq, min(limits.PAGE_RECORDS, seq - found.seq)))
        await trio.lowlevel.checkpoint()


async def _page(reader: Reader, room: str, after: int, limit: int) -> list[Record]:
    """The next records, at most so many; there must be one. Raises Refused('no-such-room'), StoreError."""
    try:
        page = await reader.read(room, after, limit)
    except RoomDeleted:
        raise Refused("no-such-room") from None
    if not page:
        raise StoreCorrupt(f"the log of room {room} ends at {after}, and record {after + 1} was written")
    return page


class Scrubber:
    """One room's moments, one after the other; whoever goes there holds it alone meanwhile."""

    def __init__(self, reader: Reader, room: str) -> None:
        self._reader = reader
        self._room = room
        self._here: Moment | None = None
        self._points: dict[int, bytes] = {}
        self._near: list[Record] = []
        """The records behind the point that was last begun with: a step back needs all of them again but one."""

    async def go(self, seq: int) -> Moment:
        """The room after that record, good until the next `go`. Raises as `moment` does, and then it can go on."""
        await check(self._reader, self._room, seq)
        here = await self._nearest(seq)
        self._here = None  # A moment that went half way is none.
        if seq - here.seq > _NEAR:
            await _go_on(self._reader, self._room, here, seq - _NEAR)
            self._keep(here)
        await self._go_near(here, seq)
        self._here = here
        return here

    async def _go_near(self, here: Moment, seq: int) -> None:
        """Go on by few records, those at hand if they are the ones."""
        first = here.seq + 1
        if first > seq:
            return
        near = self._near
        if not near or not near[0].seq <= first <= seq <= near[-1].seq:
            near = await _page(self._reader, self._room, here.seq, seq - here.seq)
            self._near = near if len(near) > 1 else self._near
        if near and near[0].seq <= first <= seq <= near[-1].seq:
            here.take(near[first - near[0].seq : seq + 1 - near[0].seq])
        await _go_on(self._reader, self._room, here, seq)

    async def between(self, low: int, high: int) -> int:
        """A seq in the middle of the two, or a snapshot's: nearly as good a place to look at, and not to be read up to.
        There must be one."""
        middle = (low + high) // 2
        snapshot = await self._reader.snapshot(self._room, middle)
        return snapshot.seq if snapshot is not None and low < snapshot.seq else middle

    async def _nearest(self, seq: int) -> Moment:
        """The moment to begin with: the one at hand, a point that was kept, or the log's newest snapshot before."""
        here = self._here if self._here is not None and self._here.seq <= seq else None
        point = max((point for point in self._points if point <= seq), default=0)
        near = max(point, here.seq if here is not None else 0)
        if seq - near > _NEAR:
            kept = read_snapshot(await self._reader.snapshot(self._room, seq))
            if kept is not None and kept.state.seq > near:
                return Moment(kept)
        if here is not None and here.seq >= point:
            return here
        return Moment(decode(self._points[point]) if point else None)

    def _keep(self, here: Moment) -> None:
        self._points.pop(here.seq, None)
        self._points[here.seq] = here.kept()
        while sum(map(len, self._points.values())) > limits.MOMENTS_BYTES:
            del self._points[next(iter(self._points))]
