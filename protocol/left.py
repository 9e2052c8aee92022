"""What an undo leaves alone, because somebody else changed the same place since.

Text has no such places: what others wrote amid it stays, and what they deleted of it is gone already. A key has one
value, so whoever wrote it later keeps it; and what was deleted inside of something that is gone now stays gone with it.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct

from .history import History
from .items import TYPE
from .rows import Block, Container, Row
from .spans import Path, Place, places


class LeftAlone(Struct, frozen=True):
    """A place that an undo does not touch: the type at `path`, one of its keys or (None) its content, and the record
    that changed it since."""

    path: Path
    key: str | None
    by: int


def left_alone(history: History, seqs: Collection[int]) -> Iterator[LeftAlone]:
    """The places that undoing these records leaves as they are."""
    roots = history.blocks.roots
    below: list[tuple[Path, Container]] = [((name,), roots[name]) for name in sorted(roots, reverse=True)]
    while below:
        path, container = below.pop()
        gone = container.block.deleted if container.block is not None else 0
        for place in places(path, container):
            row = container.rows[place.key]
            if place.key is not None:
                by = _overwritten(list(_blocks(row)), seqs)
                if by:
                    yield LeftAlone(path, place.key, by)
            elif gone and gone not in seqs and any(block.deleted in seqs for block in _blocks(row)):
                yield LeftAlone(path, None, gone)
            below.extend(_inside(place))


def _overwritten(blocks: list[Block], seqs: Collection[int]) -> int:
    """The record of somebody else that wrote or deleted a key after one of these did; 0 if none did."""
    last = blocks[-1]
    if last.seq not in seqs:
        return last.seq if any(block.seq in seqs or block.deleted in seqs for block in blocks[:-1]) else 0
    return last.deleted if last.deleted and last.deleted not in seqs else 0


def _blocks(row: Row) -> Iterator[Block]:
    block = row.first
    while block is not None:
        yield block
        block = block.right


def _inside(place: Place) -> list[tuple[Path, Container]]:
    """The types in a row; those that are gone stand where they stood."""
    found: list[tuple[Path, Container]] = []
    while (block := place.block) is not None:
        if block.kind == TYPE:
            found.append((place.inside(), block.source))
        if not block.deleted:
            place.units += block.length
        place.block = block.right
    return found[::-1]
