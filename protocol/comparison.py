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

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from msgspec import Struct

from .blocks import Block, Blocks, Container
from .events import DocumentCopied, HunksAccepted, HunksRejected, Move, Record
from .hunks import said
from .items import FORMAT, MAP, TYPE, Id
from .moments import SHOWN_DEPTH, plain
from .spans import Path, Place, Span, joins, places, points, span
from .structs import Range

Who = tuple[str, str]
"""An author, and the run in which they did it, if it was in one."""


class DraftHunk(Struct, frozen=True, kw_only=True):
    """What `author` changed at one place of a draft, in `run` if it is not empty.

    `id` names it for as long as the first change in it is there. `seq` is the newest record in it. `deleted` stands
    where it stood, `inserted` where it stands in the draft as it is now, in the type at `path`, or under its `key`.
    """

    id: str
    path: Path
    key: str | None = None
    author: str
    run: str
    seq: int
    deleted: tuple[Span, ...] = ()
    inserted: tuple[Span, ...] = ()

    @property
    def deleted_text(self) -> str:
        """The characters that would go; what is no character as U+FFFC."""
        return said(self.deleted)

    @property
    def inserted_text(self) -> str:
        """The characters that would come; what is no character as U+FFFC."""
        return said(self.inserted)


class Patch:
    """A hunk by its blocks: what went, what came, and what `inside` of new types came with it."""

    __slots__ = ("deleted", "inserted", "inside", "key", "path", "place", "who")

    def __init__(self, who: Who, place: Place) -> None:
        self.who = who
        self.place = place
        self.path = place.path
        self.key = place.key
        self.deleted: list[tuple[Block, tuple[int, int]]] = []
        self.inserted: list[tuple[Block, tuple[int, int]]] = []
        self.inside: list[Block] = []

    @property
    def changes(self) -> list[tuple[int, int, int]]:
        """What it consists of: the records, and the first clocks of their blocks."""
        came = [(block.seq, block.client, block.clock) for block, _ in self.inserted]
        came += [(block.seq, block.client, block.clock) for block in self.inside]
        return came + [(block.deleted, block.client, block.clock) for block, _ in self.deleted]

    @property
    def id(self) -> str:
        """The first unit of the first change in it."""
        # A change inside of a type is newer than the type, or from the same record.
        _, client, clock = min(self.changes)
        return f"{client}:{clock}"

    @property
    def seq(self) -> int:
        """The newest record in it."""
        return max(seq for seq, _, _ in self.changes)

    def hunk(self) -> DraftHunk:
        """As it is shown."""
        author, run = self.who
        return DraftHunk(
            id=self.id,
            path=self.path,
            key=self.key,
            author=author,
            run=run,
            seq=self.seq,
            deleted=self._spans(self.deleted, went=True),
            inserted=self._spans(self.inserted, went=False),
        )

    def _spans(self, blocks: list[tuple[Block, tuple[int, int]]], *, went: bool) -> tuple[Span, ...]:
        groups: list[list[tuple[Block, tuple[int, int]]]] = []
        for block, at in blocks:
            last, before = groups[-1][-1] if groups else (block, None)
            beside = before and (before if went else (before[0] + points(last), before[1] + last.length))
            if at == beside and joins(last, block) and last.deleted == block.deleted:
                groups[-1].append((block, at))
            else:
                groups.append([(block, at)])
        return tuple(
            span(
                self.place,
                [block for block, _ in group],
                group[0][1],
                (lambda block: plain(block, block.deleted - 1)) if went else plain,
                deleted=group[0][0].deleted,
                room=not went,
            )
            for group in groups
        )


class Images:
    """Where units stand elsewhere: ranges of ids of one document, and the ids in another that they have there."""

    def __init__(self) -> None:
        self._starts: dict[int, list[int]] = {}
        self._moves: dict[int, list[Move]] = {}

    def add(self, move: Move) -> None:
        """These units stand there from now on."""
        client, clock, *_ = move
        starts = self._starts.setdefault(client, [])
        at = bisect_right(starts, clock)
        starts.insert(at, clock)
        self._moves.setdefault(client, []).insert(at, move)

    def find(self, client: int, clock: int) -> Id | None:
        """Where the unit stands, None if nowhere else."""
        found = self.run(client, clock)
        return None if found is None else found[0]

    def run(self, client: int, clock: int) -> tuple[Id, int] | None:
        """The same, and how many units from it on stand there one after the other."""
        starts = self._starts.get(client)
        at = bisect_right(starts, clock) - 1 if starts else -1
        if at < 0:
            return None
        _, first, length, to_client, to_clock = self._moves[client][at]
        passed = clock - first
        return ((to_client, to_clock + passed), length - passed) if passed < length else None


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


def attributes_only(container: Container, key: str | None) -> bool:
    """Whether what stands under the key belongs to the type itself, as an XML element's attributes do."""
    return key is not None and container.kind is not None and container.kind != MAP


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


def blocks_below(container: Container) -> Iterator[Block]:
    """All blocks of a type and of the types in it, however deep, each type before what is in it."""
    waiting = [container]
    while waiting:
        for row in waiting.pop().rows.values():
            block = row.first
            while block is not None:
                yield block
                if block.kind == TYPE:
                    waiting.append(block.source)
                block = block.right
