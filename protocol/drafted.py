"""Drafted: what came into a document from its drafts, and which record of the draft wrote it.

Why: what is accepted is copied, so its ids are new and the record that brought it is the acceptance. Blame asks who
wrote it. The acceptance says of which units of the draft its own are copies (specs/drafts.md), and the draft's records
say the rest.
"""

import re
from collections.abc import Iterator

from msgspec.structs import replace

from .blocks import Blocks
from .events import HunksAccepted, Record
from .images import Images
from .spans import Span, clipped


class Drafted:
    """One document's drafts, from its room's records."""

    def __init__(self, document: str) -> None:
        self._draft = re.compile(re.escape(document) + r"~\d{12}")
        self._drafts: dict[str, Blocks] = {}
        self._copies: dict[str, Images] = {}
        self._accepted: dict[int, str] = {}

    def has(self, document: str) -> bool:
        """Whether that is a draft of the document."""
        return self._draft.fullmatch(document) is not None

    def take(self, record: Record) -> None:
        """The room's next record about the document or one of its drafts."""
        event = record.event
        if isinstance(event, HunksAccepted):
            self._accepted[record.seq] = event.draft
            copies = self._copies.setdefault(event.draft, Images())
            for client, clock, length, to_client, to_clock in event.moved:
                copies.add((to_client, to_clock, length, client, clock))
        elif record.update and self.has(record.document):
            self._drafts.setdefault(record.document, Blocks()).take(record.seq, record.update)

    def written(self, span: Span) -> Iterator[Span]:
        """The span, or its parts by the records of the draft that wrote them; `accepted` is then what brought them."""
        draft = self._accepted.get(span.seq)
        if draft is None:
            yield span
            return
        began = at = span.units[0]
        writer = 0
        for length, wrote in self._pieces(draft, span):
            if wrote != writer and at > began:
                yield from _part(span, began, at, writer)
                began = at
            writer = wrote
            at += length if span.units[0] != span.units[1] else 0
        yield from _part(span, began, span.units[1], writer)

    def _pieces(self, draft: str, span: Span) -> Iterator[tuple[int, int]]:
        """The span in pieces that one record of the draft wrote: how many units, and that record or 0."""
        copies, blocks = self._copies[draft], self._drafts.get(draft)
        for client, clock, end in span.ids:
            while clock < end:
                copied = copies.run(client, clock)
                block = blocks.find(*copied[0]) if copied is not None and blocks is not None else None
                length, wrote = 1, 0
                if copied is not None and block is not None:
                    (_, first), run = copied
                    length, wrote = min(end - clock, run, block.clock + block.length - first), block.seq
                yield length, wrote
                clock += length


def _part(span: Span, start: int, stop: int, writer: int) -> Iterator[Span]:
    """That piece of the span, in UTF-16 units; all of one that takes up no room."""
    piece = span if span.units[0] == span.units[1] else clipped(span, start, stop)
    if piece is not None:
        yield replace(piece, seq=writer, accepted=span.seq) if writer else piece
