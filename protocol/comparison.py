"""Comparison: a draft beside its base, place by place: what the draft would put in, what it would take out, and who.

Why: a proposal is judged hunk by hunk, and each hunk is somebody's: what a person typed amid an agent's sentence is
that person's, and is accepted or rejected without it. All of it is read from the draft's records (law 2):

    comparison = Comparison("notes~000000000012")
    for record in records_of_the_room_from_12_on: comparison.take(record)
    for hunk in comparison.hunks(): hunk.id, hunk.author, hunk.deleted_text, hunk.inserted_text

The base is here as it was when the draft was opened, with what was accepted since. What was accepted stands in the base
under other ids, and what was rejected and restored stands in the draft under others: `images` knows which are which.

Rules (specs/drafts.md):

- A hunk is what one author changed in one run between two neighbours that stay. What one record marks in one text is
  one hunk, because the beginning of a mark without its end would run on.
- What others wrote inside of a new type is theirs; the attributes of an XML element are its own.
- A key is one place: whoever wrote it last has changed it.
"""

from collections.abc import Iterable

from .blocks import Blocks
from .events import DocumentCopied, HunksAccepted, HunksRejected, Record
from .images import Images
from .items import FORMAT, TYPE, Id
from .limits import SHOWN_DEPTH
from .patches import DraftHunk, Patch, Who
from .rows import Block, Container, attributes_only, blocks_below
from .spans import Path, Place, places, points
from .structs import Range


class Comparison:
    """One draft, from its records. `opened` is the record that copied its base; `head` the newest that was taken."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.opened = 0
        self.head = 0
        self.blocks = Blocks()
        self.copies = Images()
        """Units of the base that came from the draft, and what they are in it."""
        self._images = Images()
        self._gone = Images()
        self._who: dict[int, Who] = {}

    def take(self, record: Record) -> None:
        """The room's next record, whatever it is."""
        if record.seq <= self.head:
            return
        self.head = record.seq
        event = record.event
        if isinstance(event, HunksAccepted) and event.draft == self.name:
            for client, clock, length, to_client, to_clock in event.moved:
                self._images.add((client, clock, length, to_client, to_clock))
                self.copies.add((to_client, to_clock, length, client, clock))
            self._forget(event.gone)
        if record.document != self.name:
            return
        if isinstance(event, DocumentCopied):
            self.opened = record.seq
        self._who[record.seq] = (record.author, record.run)
        if record.update:
            self.blocks.take(record.seq, record.update)
        if isinstance(event, HunksRejected):
            for client, clock, length, to_client, to_clock in event.moved:
                image = self._images.find(client, clock) or (client, clock)
                self._images.add((to_client, to_clock, length, *image))
            self._forget([(client, clock, clock + length) for client, clock, length, *_ in event.moved])

    def _forget(self, ranges: Iterable[Range]) -> None:
        """These units are in the base no more, or stand for nothing in it."""
        for client, start, end in ranges:
            self._gone.add((client, start, end - start, client, start))

    # --- what a block is ----------------------------------------------------------------------------------------------

    def image(self, block: Block) -> Id | None:
        """The id under which the base has the block, or had it before it was deleted; None if it never had it."""
        found = self._images.find(block.client, block.clock)
        return found or ((block.client, block.clock) if block.seq == self.opened else None)

    def was(self, block: Block) -> bool:
        """Whether the base has it, as far as the draft knows."""
        if self.image(block) is None or block.deleted == block.seq:
            return False
        return self._gone.find(block.client, block.clock) is None

    def who(self, seq: int) -> Who:
        """Whose record that is."""
        return self._who[seq]

    def wrote(self, client: int, clock: int) -> int:
        """The record of the draft that wrote what was accepted under that id of the base; 0 if none did."""
        copied = self.copies.find(client, clock)
        block = self.blocks.find(*copied) if copied is not None else None
        return 0 if block is None else block.seq

    # --- what differs -------------------------------------------------------------------------------------------------

    def hunks(self) -> list[DraftHunk]:
        """What the draft would change in its base, in the order of the document."""
        return [patch.hunk() for patch in self.patches()]

    def patches(self) -> list[Patch]:
        """The same, by its blocks."""
        found: list[Patch] = []
        for name in sorted(self.blocks.roots):
            _Walk(self, found).below((name,), self.blocks.roots[name], None)
        return [patch for patch in found if patch.inserted or patch.deleted]


class _Walk:
    """One walk through a draft, which gathers patches."""

    def __init__(self, comparison: Comparison, found: list[Patch]) -> None:
        self._comparison = comparison
        self._found = found

    def below(self, path: Path, container: Container, mine: Patch | None) -> None:
        """Everything in a type; `mine` is the patch that the type came with, if it is new."""
        guests: dict[Who, Patch] = {}
        if mine is not None:
            guests[mine.who] = mine
        for place in places(path, container):
            if place.key is None:
                self._sequence(place, guests if mine is not None else None, mine)
            else:
                belongs = mine if mine is not None and attributes_only(container, place.key) else None
                self._key(place, guests if mine is not None else None, belongs, mine)

    def _sequence(self, place: Place, guests: dict[Who, Patch] | None, mine: Patch | None) -> None:
        here: dict[Who, Patch] = {} if guests is None else guests
        marks: dict[tuple[Who, int], Patch] = {}
        while (block := place.block) is not None:
            was, now = self._comparison.was(block), not block.deleted
            if was and now:
                if guests is None and block.kind != FORMAT:
                    here = {}
                if block.kind == TYPE and len(place.path) <= SHOWN_DEPTH:
                    self.below(place.inside(), block.source, None)
            elif was or now:
                seq = block.deleted if was else block.seq
                who = self._comparison.who(seq)
                patch = here.get(who)
                if block.kind == FORMAT:
                    patch = marks.get((who, seq), patch)
                if patch is None:
                    patch = self._begin(who, place)
                if block.kind == FORMAT:
                    marks[who, seq] = patch
                here[who] = patch
                self._gather(patch, block, place, was=was, mine=mine)
            if now and block.kind != FORMAT:
                place.points += points(block)
                place.units += block.length
            place.block = block.right

    def _key(self, place: Place, guests: dict[Who, Patch] | None, belongs: Patch | None, mine: Patch | None) -> None:
        """What stands under a key: one value before, one now."""
        before: list[Block] = []
        now: Block | None = None
        stays: Block | None = None
        while (block := place.block) is not None:
            was = self._comparison.was(block)
            if was and not block.deleted:
                stays = block
            elif was:
                before.append(block)
            elif not block.deleted:
                now = block
            place.block = block.right
        if now is not None or before:
            who = self._comparison.who(now.seq if now is not None else before[-1].deleted)
            patch = belongs or (guests or {}).get(who) or self._begin(who, place)
            if guests is not None:
                guests[patch.who] = patch
            for block in before:
                self._gather(patch, block, place, was=True, mine=mine)
            if now is not None:
                self._gather(patch, now, place, was=False, mine=mine)
        if stays is not None and stays.kind == TYPE and len(place.path) <= SHOWN_DEPTH:
            self.below(place.inside(), stays.source, None)

    def _begin(self, who: Who, place: Place) -> Patch:
        patch = Patch(who, place)
        self._found.append(patch)
        return patch

    def _gather(self, patch: Patch, block: Block, place: Place, *, was: bool, mine: Patch | None) -> None:
        at = (place.points, place.units)
        if was:
            patch.deleted.append((block, at))
        elif patch is mine:
            patch.inside.append(block)
        else:
            patch.inserted.append((block, at))
        if was or block.kind != TYPE:
            return
        if len(place.path) <= SHOWN_DEPTH:
            self.below(place.inside(), block.source, patch)
        else:
            patch.inside.extend(inner for inner in blocks_below(block.source) if not inner.deleted)
