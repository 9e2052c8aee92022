"""Glance: who wrote one place of a document as it is now, found without reading the document's past.

Why: an editor asks about the character under the mouse, and a document may have been written by a hundred thousand
records. The newest snapshot has the document; what stands there has a client and a clock; and since a client's clocks
grow with the log, the record that brought them is found by halving (`Reader.writings`): some twenty records are read
and not all. Rules (specs/attribution.md):

- It answers as the whole past would (`past`), or not at all. What was deleted, drafts and undos need the past; so do
  earlier moments, pages of many spans and logs in which something was sent again.
- No more than _LOOKS records are looked at. Somebody who wrote little among many others may not be found within them.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec.structs import replace

from ...protocol.errors import Refused
from ...protocol.events import DocumentEdited, DocumentSeeded, EditMerged, Record
from ...protocol.history import History
from ...protocol.spans import Span, clipped
from ...protocol.structs import Section
from ...protocol.update import read
from ...storage.store import Reader, Sieve
from .aside import AT_ONCE_BYTES, aside
from .kept import read_snapshot
from .makers import Makers

_PLAIN = DocumentEdited | DocumentSeeded | EditMerged
"""Records that wrote what they brought; an acceptance or an undo brings what others wrote."""

_LOOKS = 100
"""Records, some 20 ms."""


class Unclear(Exception):
    """Only the past can tell."""


class Glance:
    """A document as it was after record `head`, as far as its newest snapshot and what came since say it."""

    def __init__(self, store: Reader, room: str, document: str, seqs: Sequence[int]) -> None:
        self.history = History()
        self._store = store
        self._room = room
        self._document = document
        self._seqs = seqs
        self._upto = 0
        self._seen: dict[int, Record] = {}
        self._looks = 0

    async def open(self, head: int) -> None:
        """Read the snapshot and what came since. Raises Unclear, StoreError."""
        kept = read_snapshot(await self._store.snapshot(self._room, head))
        if kept is None or self._document not in kept.documents:
            raise Unclear
        self._upto = after = kept.state.seq
        update = kept.documents[self._document]
        if len(update) > AT_ONCE_BYTES:
            await aside(partial(self.history.take, after, update), len(update))
        else:
            self.history.take(after, update)
        sieve = Sieve(self._document)
        while page := await self._store.sift(self._room, sieve, after, head):
            after = page[-1].seq
            for record in page:
                if record.document == self._document:
                    self._seen[record.seq] = record
                    self.history.take(record.seq, record.update)

    async def told(self, spans: Sequence[Span]) -> tuple[list[Span], Makers]:
        """The spans by the records that wrote them, and who made these. Raises Unclear, StoreError."""
        found: list[Span] = []
        for span in spans:
            if span.seq > self._upto:
                found.append(span)
                continue
            for part in await self._parts(span):
                if found and _goes_on(found[-1], part):
                    part = _joined(found.pop(), part)
                found.append(part)
        makers = Makers(self._store, self._room)
        for seq in sorted({span.seq for span in found}):
            if not isinstance(self._seen[seq].event, _PLAIN):
                raise Unclear
            makers.take(self._seen[seq])
        return found, makers

    async def _parts(self, span: Span) -> list[Span]:
        parts: list[Span] = []
        at = span.units[0]
        for client, clock, end in span.ids:
            while clock < end:
                seq, stop = await self._wrote(client, clock)
                stop = min(stop, end)
                part = clipped(span, at, at + stop - clock)
                if part is None:
                    raise Unclear
                parts.append(replace(part, seq=seq))
                at, clock = at + stop - clock, stop
        if at != span.units[1]:
            raise Unclear  # A half of a pair of surrogates was asked about.
        return parts

    async def _wrote(self, client: int, clock: int) -> tuple[int, int]:
        """Which record brought that clock, and before which one of the client it ends."""
        low, high = 0, len(self._seqs)
        while low < high:
            at, section = await self._near(client, low, high)
            if clock < section.start:
                high = at
            elif clock >= section.end:
                low = at + 1
            else:
                await self._check_first(client, at, section)
                return self._seqs[at], section.end
        raise Unclear

    async def _near(self, client: int, low: int, high: int) -> tuple[int, Section]:
        """A record about in the middle of these, in which the client wrote, and what it wrote."""
        for at in _around(low, high):
            section = await self._section(client, at)
            if section is not None:
                return at, section
        raise Unclear

    async def _check_first(self, client: int, at: int, section: Section) -> None:
        """Raises Unclear unless what the client wrote before ends where this begins: then nothing came twice."""
        if section.gaps:
            raise Unclear
        while section.start and at:
            at -= 1
            before = await self._section(client, at)
            if before is not None and before.end != section.start:
                raise Unclear
            if before is not None:
                return

    async def _section(self, client: int, at: int) -> Section | None:
        seq = self._seqs[at]
        record = self._seen.get(seq)
        if record is None:
            self._looks += 1
            if self._looks > _LOOKS:
                raise Unclear
            page = await self._store.read(self._room, seq - 1, 1)
            if not page or page[0].seq != seq:
                raise Unclear
            record = self._seen[seq] = page[0]
        try:
            sections = read(record.update, own=True).sections
        except Refused:
            raise Unclear from None
        return next((section for section in sections if section.client == client), None)


def _around(low: int, high: int) -> Iterator[int]:
    """The middle, then ever farther from it, since people write for a while each; then here and there."""
    middle = (low + high) // 2
    yield middle
    step = 1
    while middle - step >= low or middle + step < high:
        yield from (at for at in (middle - step, middle + step) if low <= at < high)
        step *= 2
    yield from range(low, high, max((high - low) // _LOOKS, 1))


def _goes_on(before: Span, after: Span) -> bool:
    """Whether both are parts of one span: what one record wrote side by side."""
    same = (before.path, before.seq, before.key, after.key) == (after.path, after.seq, None, None)
    return same and before.units[1] == after.units[0]


def _joined(before: Span, after: Span) -> Span:
    if not before.text or not after.text:
        raise Unclear  # Whether values are of one span depends on their kind, which a span does not say.
    ids, units = (*before.ids, *after.ids), (before.units[0], after.units[1])
    return replace(before, end=after.end, units=units, text=before.text + after.text, ids=ids)
