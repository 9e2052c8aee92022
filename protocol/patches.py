"""Patches: the hunks of a draft, by the blocks that they consist of and as they are shown.

A hunk is what one author changed in one run at one place (specs/drafts.md); `protocol/comparison` finds them.
"""

from msgspec import Struct

from .hunks import said
from .moments import plain
from .rows import Block
from .spans import Path, Place, Span, joins, points, span

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
