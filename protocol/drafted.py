"""Drafted: what came into a document from its drafts, or back by an undo, and which record wrote it first.

Why: what is accepted is copied, so its ids are new and the record that brought it is the acceptance. Blame asks who
wrote it. The acceptance says of which units of the draft its own are copies (specs/drafts.md), and the draft's records
say the rest. What an undo brings back is a copy as well (`restored`), perhaps of what was accepted before.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from .blocks import Blocks
from .events import HunksAccepted, Record
from .images import Images
from .restored import Restored
from .spans import Span, clipped


class Drafted:
    """One document's drafts and undos, from its room's records; `blocks` are what the document consists of."""

    def __init__(self, document: str, blocks: Blocks) -> None:
        self._blocks = blocks
        self._restored = Restored()
        self._draft = re.compile(re.escape(document) + r"~\d{12}")
        self._drafts: dict[str, Blocks] = {}
        self._copies: dict[str, Images] = {}
        self._accepted: dict[int, str] = {}

    def has(self, document: str) -> bool:
        """Whether that is a draft of the document."""
        return self._draft.fullmatch(document) is not None

    def take(self, record: Record) -> None:
        """The room's next record about the document or one of its drafts, which `blocks` has taken."""
        event = record.event
        if not self.has(record.document):
            self._restored.take(record, self._blocks)
        if isinstance(event, HunksAccepted):
            self._accepted[record.seq] = event.draft
            copies = self._copies.setdefault(event.draft, Images())
            for client, clock, length, to_client, to_clock in event.moved:
                copies.add((to_client, to_clock, length, client, clock))
        elif record.update and self.has(record.document):
            self._drafts.setdefault(record.document, Blocks()).take(record.seq, record.update)

    def written(self, span: Span) -> Iterator[Span]:
        """The span, or its parts by the records that wrote them first: `accepted` then brought them from a draft, and
        `restored` is the undo that brought them back last."""
        if span.seq not in self._accepted and span.seq not in self._restored.by:
            yield span
            return
        began = at = span.units[0]
        writer: _Writer | None = None
        for length, wrote in self._pieces(span):
            if writer is not None and wrote != writer and at > began:
                yield from _part(span, began, at, writer)
                began = at
            writer = wrote
            at += length if span.units[0] != span.units[1] else 0
        yield from _part(span, began, span.units[1], writer or _Writer(span.seq))

    def _pieces(self, span: Span) -> Iterator["tuple[int, _Writer]"]:
        """The span in pieces that one record wrote: how many units, and that record."""
        for client, clock, end in span.ids:
            while clock < end:
                length, writer = self._wrote(client, clock, end - clock, span.seq)
                yield length, writer
                clock += length

    def _wrote(self, client: int, clock: int, length: int, seq: int) -> "tuple[int, _Writer]":
        """Who wrote these units, which record `seq` brought: how many of them, and that record."""
        restored = 0
        while seq in self._restored.by and (copied := self._restored.copies.run(client, clock)) is not None:
            (client, clock), run = copied
            block = self._blocks.find(client, clock)
            if block is None:
                break
            length = min(length, run, block.clock + block.length - clock)
            seq, restored = block.seq, restored or seq
        draft = self._accepted.get(seq)
        copied = self._copies[draft].run(client, clock) if draft is not None else None
        blocks = self._drafts.get(draft) if draft is not None else None
        block = blocks.find(*copied[0]) if copied is not None and blocks is not None else None
        if copied is None or block is None:
            return (length if draft is None else 1), _Writer(seq, 0, restored)
        (_, first), run = copied
        return min(length, run, block.clock + block.length - first), _Writer(block.seq, seq, restored)


class _Writer(NamedTuple):
    """The record that wrote something, the acceptance that brought it, and the undo that brought it back; or 0."""

    seq: int
    accepted: int = 0
    restored: int = 0


def _part(span: Span, start: int, stop: int, writer: _Writer) -> Iterator[Span]:
    """That piece of the span, in UTF-16 units; all of one that takes up no room."""
    piece = span if span.units[0] == span.units[1] else clipped(span, start, stop)
    if piece is not None:
        yield replace(piece, seq=writer.seq, accepted=writer.accepted, restored=writer.restored)
