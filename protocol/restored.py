"""Restored: what an undo brought back into a document, and what it is a copy of.

Why: an undo writes deleted text, nodes and entries anew, so their ids are new and the record that brought them is the
undo's. Blame asks who wrote them. Undo managers put a copy right before what it is a copy of, or, in a node that came
back as well, at the same place among those that came back with it; and no undo brings back what no undone record
deleted. Where what stands there does not say the same, nothing is claimed. So logs that were written before anybody
asked can be read as well.
"""

from collections.abc import Collection, Iterable, Iterator

from .blocks import Blocks
from .events import EditsUndone, Record
from .images import Images
from .items import ANY, DELETED, JSON, STRING, TYPE
from .rows import Block, Row, blocks_in
from .update import read


class Restored:
    """One document's undos, from its records. `by` are those that brought something back."""

    def __init__(self) -> None:
        self.by: set[int] = set()
        self.copies = Images()
        """Units that an undo brought, and what they are copies of, which may be copies of an earlier one."""

    def take(self, record: Record, blocks: Blocks) -> None:
        """The document's next record, which `blocks` has taken."""
        if not isinstance(record.event, EditsUndone) or not record.update:
            return
        undone = frozenset(record.event.records)
        rows: dict[int, Row] = {}
        for block in list(blocks.between(read(record.update, own=True).inserted)):
            row = block.row
            if row is None or block.kind == DELETED:
                continue
            if not self._beside(block, undone, blocks):
                rows[id(row)] = row
        # Types come before what is in them, because a parent is named by its clock.
        for row in rows.values():
            self._in_a_copy(row, record.seq, undone, blocks)
        self.by.add(record.seq)

    def _beside(self, block: Block, undone: Collection[int], blocks: Blocks) -> bool:
        """Whether it stands before what it is a copy of, or under a key behind it."""
        row = block.row
        assert row is not None
        if row.key is not None:
            return self._under_a_key(block, blocks_in(row), undone)
        if block.right_origin is None:
            return False
        client, first = block.right_origin[0], block.right_origin[1] + block.offset
        at = block.clock
        found = list(blocks.between([(client, first, first + block.length)]))
        if sum(old.length for old in found) < block.length or not found:
            return False
        moves: list[tuple[int, int, int, int, int]] = []
        for old in found:
            skip = max(0, first - old.clock)
            length = min(old.length - skip, block.clock + block.length - at)
            if old.deleted not in undone or not _same(block, at - block.clock, old, skip, length):
                return False
            moves.append((block.client, at, length, client, old.clock + skip))
            at += length
        for move in moves:
            self.copies.add(move)
        return True

    def _under_a_key(self, block: Block, row: Iterable[Block], undone: Collection[int]) -> bool:
        olds = [old for old in row if old.deleted in undone and old is not block and old.seq != block.seq]
        if not olds or not _same(block, 0, olds[-1], 0, 1):
            return False
        self.copies.add((block.client, block.clock, 1, olds[-1].client, olds[-1].clock))
        return True

    def _in_a_copy(self, row: Row, seq: int, undone: Collection[int], blocks: Blocks) -> None:
        """What stands in a type that is a copy itself: piece by piece what was deleted in the original."""
        holder = row.container.block
        copied = self.copies.find(holder.client, holder.clock) if holder is not None else None
        original = blocks.find(*copied) if copied is not None else None
        if original is None or original.kind != TYPE or row.key not in original.source.rows:
            return
        olds = [old for old in blocks_in(original.source.rows[row.key]) if old.deleted in undone]
        news = [new for new in blocks_in(row) if new.seq == seq]
        if row.key is not None:
            for new in news:
                self._under_a_key(new, olds, undone)
            return
        for new, at, old, skip, length in _pieces(news, olds):
            if not _same(new, at, old, skip, length):
                return
            self.copies.add((new.client, new.clock + at, length, old.client, old.clock + skip))


def _pieces(news: list[Block], olds: list[Block]) -> Iterator[tuple[Block, int, Block, int, int]]:
    """Both rows side by side: a block and an offset in each, and how many units go on like that."""
    n = o = at = skip = 0
    while n < len(news) and o < len(olds):
        length = min(news[n].length - at, olds[o].length - skip)
        yield news[n], at, olds[o], skip, length
        at, skip = at + length, skip + length
        if at == news[n].length:
            n, at = n + 1, 0
        if skip == olds[o].length:
            o, skip = o + 1, 0


def _same(new: Block, at: int, old: Block, skip: int, length: int) -> bool:
    """Whether so many units of both say the same, from there on."""
    if new.kind != old.kind:
        return False
    if new.kind == TYPE:
        return (new.source.kind, new.source.name) == (old.source.kind, old.source.name)
    if new.kind == STRING:
        return _units(new, at, length) == _units(old, skip, length)
    if new.kind in (ANY, JSON):
        return new.values[at : at + length] == old.values[skip : skip + length]
    return new.source == old.source


def _units(block: Block, at: int, length: int) -> bytes:
    return block.text.encode("utf-16-le", "surrogatepass")[2 * at : 2 * (at + length)]
