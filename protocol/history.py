"""History: who wrote and who deleted each part of a shared document, record by record, and how two moments differ.

Why: blame, the hunks of a proposal, the preview of an undo and the effects of one record are one question: which record
brought this, and which took it away. `History` answers it from the records alone, deleted parts included, for texts,
XML, maps, arrays and what is nested in them:

    history = History(records_of_the_document)     # and `take(seq, update)` for each new one
    history.text("content", at=12)                 # time travel
    for span in history.blame("content", deleted=True): span.text, span.seq, span.deleted
    for hunk in history.between(12, 40): hunk.left, hunk.deleted_text, hunk.inserted_text
    history.effects(13); history.of(seqs_of_a_run); history.whose(client, clock)

Rules (specs/attribution.md):

- Records are taken in the order of the log, from the first one.
- Deleted parts stand where they stood, and take up no room.
- What came already deleted was never shown, and is in no answer.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from .blocks import Blocks
from .events import Record
from .hunks import Hunk, Seen, hunks_below
from .items import FORMAT, TYPE
from .limits import SHOWN_DEPTH
from .moments import NOW, delta, described, elements, entries, plain_text
from .rows import Block, Container
from .spans import Place, Span, joins, places, span


class History:
    """A shared document with all its past. `head` is the newest record that was taken."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.blocks = Blocks()
        self.head = 0
        for record in records:
            self.take(record.seq, record.update)

    def take(self, seq: int, update: bytes) -> None:
        """The document's next record and its update. Raises blocks.NotWhole if records before it are missing, and
        ValueError if it is not newer than those before."""
        if seq <= self.head:
            raise ValueError(f"record {seq} is not newer than {self.head}")
        self.head = seq
        if update:
            self.blocks.take(seq, update)

    @property
    def roots(self) -> list[str]:
        """The names of the root types that were ever written to."""
        return sorted(self.blocks.roots)

    def text(self, root: str, at: int = NOW) -> str:
        """What a text said when record `at` was the newest; embeds and types as U+FFFC."""
        return plain_text(self._root(root), at)

    def value(self, root: str, kind: str, at: int = NOW) -> Any:
        """What a root showed at that moment, read as a 'text' (its delta), 'map', 'array' or 'xml' (its children)."""
        return {"text": delta, "map": entries, "array": elements, "xml": elements}[kind](self._root(root), at)

    def blame(self, root: str, *, deleted: bool = False, at: int = NOW) -> Iterator[Span]:
        """Everything under a root in order, each part with the record that inserted it.

        Keys come before the sequence, a type before what is in it. With `deleted` also what was deleted by record
        `at`; without, only what was shown then.
        """
        return _blame(self._root(root), deleted, at)

    def between(self, after: int, until: int = NOW) -> list[Hunk]:
        """What the records behind `after` and up to `until` made of the document: how the two moments differ."""

        def seen(block: Block) -> tuple[bool, bool, bool]:
            shown = block.shown(until)
            return block.shown(after), shown, shown

        return self._hunks(seen)

    def of(self, seqs: Collection[int]) -> list[Hunk]:
        """What just these records did, as hunks in the document of today.

        What they inserted is given also where somebody else deleted it since (`Span.deleted` says who); it then takes
        up no room. What they both inserted and deleted is left out.
        """

        def seen(block: Block) -> tuple[bool, bool, bool]:
            here = not block.deleted
            came, went = block.seq in seqs, block.deleted in seqs
            if block.deleted == block.seq or (came and went):
                return False, False, False
            return not came and (went or here), came or here, here

        return self._hunks(seen)

    def effects(self, seq: int) -> list[Hunk]:
        """What one record inserted and deleted, also where it was deleted since."""
        return self.of((seq,))

    def whose(self, client: int, clock: int) -> tuple[int, int] | None:
        """The record that inserted this id and the first that deleted it (0 if none); None if nobody wrote it."""
        block = self.blocks.find(client, clock)
        return None if block is None else (block.seq, block.deleted)

    def _root(self, root: str) -> Container:
        return self.blocks.roots.get(root) or Container(None, None, root)

    def _hunks(self, seen: Seen) -> list[Hunk]:
        roots = self.blocks.roots
        return [hunk for name in sorted(roots) for hunk in hunks_below((name,), roots[name], seen)]


def _blame(container: Container, deleted: bool, at: int) -> Iterator[Span]:
    """Walk through everything under a root; a stack holds where the walk stands in each type that it is in."""
    stack = places((container.name,), container)[::-1]
    joined: list[Block] = []
    while stack:
        place = stack[-1]
        block = place.block
        if block is not None and not _told(block, deleted, at):
            place.block = block.right
            continue
        if joined and (block is None or not _joins(joined[-1], block, at)):
            yield _span(place, joined, at)
            joined = []
        if block is None:
            stack.pop()
            continue
        place.block = block.right
        if block.kind == TYPE:
            inside = places(place.inside(), block.source) if len(place.path) <= SHOWN_DEPTH else []
            yield _span(place, [block], at)
            stack.extend(reversed(inside))
        else:
            joined.append(block)


def _told(block: Block, deleted: bool, at: int) -> bool:
    """Whether blame speaks of the block: it was shown at that moment, or before if that was asked for."""
    if block.kind == FORMAT:
        return False
    return block.shown(at) or (deleted and block.seq <= at and block.deleted != block.seq)


def _joins(block: Block, other: Block, at: int) -> bool:
    """Whether both are of one span at that moment; values under one key are never, since one replaced the other."""
    if not joins(block, other) or (block.row is not None and block.row.key is not None):
        return False
    return block.deleted == other.deleted or (block.shown(at) and other.shown(at))


def _span(place: Place, joined: list[Block], at: int) -> Span:
    shown = joined[0].shown(at)
    deleted = 0 if shown else joined[0].deleted
    found = span(place, joined, (place.points, place.units), described, deleted=deleted, room=shown)
    place.points, place.units = found.end, found.units[1]
    return found
