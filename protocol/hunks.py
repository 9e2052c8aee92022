"""Hunks: what is different between two ways of looking at a shared document, place by place, in order.

Why: a proposal is accepted hunk by hunk, an undo is previewed, a record is shown: each compares what was seen before
with what is seen after. Rules (specs/attribution.md):

- A hunk is all that changed between two neighbours that did not. What was never seen does not part hunks.
- Every hunk costs a walk through all that was ever in the document, 1 to 4 µs for each record of it: too much for a
  room's pass once a document is long.
- What changed inside of a type that itself came or went is part of that type's hunk; types that stay are looked into.
"""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from .items import FORMAT, TYPE, Id
from .limits import SHOWN_DEPTH
from .moments import NOW, OBJECT, plain
from .rows import Block, Container
from .spans import Path, Place, Span, joins, places, points, span


class Hunk(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What changed at one place: between the neighbours `left` and `right`, `deleted` went and `inserted` came.

    The neighbours are ids of what did not change, None at the edges; new text for this place goes right behind `left`.
    `was` is the place before, `now` after, in UTF-16 units. With a `key` it is that key's value that changed.
    """

    path: Path
    key: str | None = None
    left: Id | None = None
    right: Id | None = None
    was: int = 0
    now: int = 0
    deleted: tuple[Span, ...] = ()
    inserted: tuple[Span, ...] = ()

    @property
    def deleted_text(self) -> str:
        """The characters that went; what is no character as U+FFFC."""
        return said(self.deleted)

    @property
    def inserted_text(self) -> str:
        """The characters that came; what is no character as U+FFFC."""
        return said(self.inserted)


Seen = Callable[[Block], tuple[bool, bool, bool]]
"""Of a block: was it seen before, is it seen after, and does it take up room in the text after."""


class _Gathered:
    """A hunk that grows: the neighbour before it, where it begins before and after, what went and what came."""

    __slots__ = ("came", "deleted", "inserted", "left", "went")

    def __init__(self, left: Id | None, went: tuple[int, int], came: tuple[int, int]) -> None:
        self.left = left
        self.went = went
        self.came = came
        self.deleted: list[Block] = []
        self.inserted: list[tuple[Block, bool]] = []


def hunks_below(path: Path, container: Container, seen: Seen) -> Iterator[Hunk]:
    """The hunks of a type and of every type in it that neither came nor went."""
    below: list[tuple[Path, Container]] = [(path, container)]
    while below:
        path, container = below.pop()
        inside: list[tuple[Path, Container]] = []
        for place in places(path, container):
            yield from _row_hunks(place, seen, inside)
        below.extend(reversed(inside))


def _row_hunks(place: Place, seen: Seen, inside: list[tuple[Path, Container]]) -> Iterator[Hunk]:
    """The hunks of one row, in order; the types that stay are added to `inside`."""
    left: Id | None = None
    went = (0, 0)
    gathered: _Gathered | None = None
    while (block := place.block) is not None:
        before, after, room = seen(block)
        if before != after:
            if gathered is None:
                gathered = _Gathered(left, went, (place.points, place.units))
            gathered.inserted.append((block, room)) if after else gathered.deleted.append(block)
        else:
            if block.kind == TYPE and len(place.path) <= SHOWN_DEPTH:
                inside.append((place.inside(), block.source))
            if before and block.kind != FORMAT:
                if gathered is not None:
                    yield _hunk(place, gathered, (block.client, block.clock))
                    gathered = None
                left = (block.client, block.clock + block.length - 1)
        if block.kind != FORMAT and (before or room):
            long = points(block)
            if before:
                went = (went[0] + long, went[1] + block.length)
            if room:
                place.points += long
                place.units += block.length
        place.block = block.right
    if gathered is not None:
        yield _hunk(place, gathered, None)


def _hunk(place: Place, gathered: _Gathered, right: Id | None) -> Hunk:
    return Hunk(
        path=place.path,
        key=place.key,
        left=gathered.left,
        right=right,
        was=gathered.went[1],
        now=gathered.came[1],
        deleted=_spans(place, [(block, True) for block in gathered.deleted], gathered.went),
        inserted=_spans(place, gathered.inserted, gathered.came),
    )


def _spans(place: Place, blocks: list[tuple[Block, bool]], at: tuple[int, int]) -> tuple[Span, ...]:
    """The spans of one side of a hunk, from that place on; each block with whether it takes up room there."""
    spans: list[Span] = []
    groups: list[tuple[list[Block], bool]] = []
    for block, room in blocks:
        last = groups[-1][0][-1] if groups else None
        if last is not None and joins(last, block) and last.deleted == block.deleted:
            groups[-1][0].append(block)
        else:
            groups.append(([block], room))
    for group, room in groups:
        deleted = group[0].deleted
        spans.append(span(place, group, at, _last_value(deleted), deleted=deleted, room=room))
        at = (spans[-1].end, spans[-1].units[1])
    return tuple(spans)


def _last_value(deleted: int) -> Callable[[Block], Any]:
    """A value as it is, or as it was last: a type with everything in it."""
    moment = deleted - 1 if deleted else NOW
    return lambda block: plain(block, moment)


def said(spans: tuple[Span, ...]) -> str:
    """The characters of spans; what is no character as U+FFFC."""
    return "".join(span.text or OBJECT * len(span.values) for span in spans)
