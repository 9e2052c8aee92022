"""Positions: places in a shared document as Yjs's relative positions, and what of it lies at one, or between two.

Why: an editor of rich text has no offset in a root to ask about, but its binding gives a relative position for any
place at the cost of a look-up: y-prosemirror's `absolutePositionToRelativePosition`, and below it Yjs's
`createRelativePositionFromTypeIndex`. So blame takes those, as their JSON. Rules (specs/attribution.md):

- An `item` is the unit that it names, or from there on; a node's is the node. A `type` or `tname` is everything in that
  type or root; with a `key` what stands under it there. As an end of a range those two are the end of the type, and its
  beginning if `assoc` is below 0, as in Yjs.
- A place is looked for where it stands, also when what it names was deleted.
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from .blocks import Blocks
from .errors import Refused
from .limits import DOCUMENT_NAME_CHARS
from .rows import Block, Container, container_of, holder_of
from .spans import Span

_Number = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class UnitId(Struct, frozen=True, forbid_unknown_fields=True):
    """The name of one character, value or type."""

    client: _Number
    clock: _Number


class RelativePosition(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What Yjs's `relativePositionToJSON` gives."""

    type: UnitId | None = None
    tname: Annotated[str, Meta(max_length=DOCUMENT_NAME_CHARS)] | None = None
    item: UnitId | None = None
    assoc: Annotated[int, Meta(ge=-(1 << 31), le=(1 << 31) - 1)] = 0


class Selection:
    """What is asked about: one place (under a `key`), or from it to before `until`. Raises Refused('not-found') for a
    place that no record has brought, and Refused('bad-request') for none and for two that are of different roots."""

    def __init__(
        self, blocks: Blocks, place: RelativePosition, until: RelativePosition | None, key: str | None
    ) -> None:
        self._blocks = blocks
        self._key = key
        self._begin = _Target(blocks, place)
        self._end = None if until is None else _Target(blocks, until)
        self.root = self._begin.root
        if self._end is not None and self._end.root != self.root:
            raise Refused("bad-request", "Both places are to be of one root.")
        if key is not None and (self._end is not None or self._begin.unit is not None):
            raise Refused("bad-request", "A key is one of a type or a root.")

    def within(self, spans: Iterator[Span]) -> Iterator[tuple[Span, int, int] | None]:
        """Those of a root's spans in order (deleted ones among them) that were asked for, each with the units that were
        meant; None for each other one that was looked at."""
        if self._end is None:
            for span in spans:
                yield self._at(span)
            return
        yield from self._between(spans, self._end)

    def _at(self, span: Span) -> tuple[Span, int, int] | None:
        if self._begin.unit is not None:
            at = _unit_in(span, *self._begin.unit)
            return None if at is None else (span, at, at + 1)
        block = self._block(span)
        if self._key is not None:
            meant = block.row is not None and block.row.key == self._key
            meant = meant and self._begin.is_of(container_of(block))
        else:
            meant = self._begin.holds(block)
        return (span, *span.units) if meant else None

    def _between(self, spans: Iterator[Span], end: "_Target") -> Iterator[tuple[Span, int, int] | None]:
        begun = False
        for span in spans:
            block = self._block(span)
            first, last = span.units
            if not begun:
                at = self._begin.reached(span, block)
                if at is None:
                    yield None
                    continue
                begun, first = True, at
            stop = end.reached(span, block)
            if stop is not None:
                if stop > first:
                    yield span, first, stop
                return
            yield span, first, last

    def _block(self, span: Span) -> Block:
        block = self._blocks.find(*span.ids[0][:2])
        assert block is not None, "a span is made of blocks"
        return block


class _Target:
    """One place: the `unit` that it names, or a type (None for a root)."""

    def __init__(self, blocks: Blocks, place: RelativePosition) -> None:
        named = place.item or place.type
        self.unit = (place.item.client, place.item.clock) if place.item is not None else None
        self._type: Block | None = None
        self._before = place.assoc < 0
        self._been = False
        if named is not None:
            block = blocks.find(named.client, named.clock)
            if block is None or block.row is None:
                raise Refused("not-found", "No record has brought what this place names; is it saved?")
            self._type = block
            while (holder := holder_of(block)) is not None:
                block = holder
            self.root = container_of(block).name
        elif place.tname is not None:
            self.root = place.tname
            self._been = True
        else:
            raise Refused("bad-request", "A place names an item, a type or a root.")

    def is_of(self, container: Container) -> bool:
        """Whether that is the type."""
        return container.block is self._type

    def holds(self, block: Block) -> bool:
        """Whether the block stands in the type, however deep, or is the type itself."""
        if self._type is None:
            return True
        holder: Block | None = block
        while holder is not None and holder is not self._type:
            holder = holder_of(holder)
        return holder is not None

    def reached(self, span: Span, block: Block) -> int | None:
        """Where in the span the place is, if it is there or was before it."""
        if self.unit is not None:
            return _unit_in(span, *self.unit)
        inside = self.holds(block)
        if self._before:
            return span.units[0] if inside and block is not self._type else None
        self._been = self._been or inside
        return span.units[0] if self._been and not inside else None


def _unit_in(span: Span, client: int, clock: int) -> int | None:
    """Where the unit stands, if it is one of the span's."""
    at = span.units[0]
    for by, start, end in span.ids:
        if by == client and start <= clock < end:
            return at + clock - start if span.units[1] > span.units[0] else at
        at += end - start
    return None
