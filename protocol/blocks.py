"""Blocks: a shared document as its records built it, with everything that was ever deleted still in its place.

Why: a live document forgets what was deleted, and knows nothing of records. Here every block (a run of characters or
values, a mark, a type) keeps the number of the record that brought it and of the first one that deleted it, so any
moment can be shown again and every character can say where it comes from.

Rules (specs/attribution.md):

- Order is YATA's, as in Yjs's `Item.integrate`. A block is never moved, merged or forgotten; it is only cut in two.
- What Yjs deletes without being told is deleted here by the same record: a map's older value, and what is inside of
  something deleted.
- A struct that comes collected (GC), or that leans on one, has no place in any row.

Sources: Nicolaescu, Jahns and others, "Near Real-Time Peer-to-Peer Shared Editing on Extensible Data Types" (2016);
Yjs 13.6 `structs/Item.js`.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from .content import utf16_length
from .items import DELETED, GC, SKIP, STRING, TYPE, Id, Item, decode
from .rows import Block, Container, Row
from .structs import Range


class NotWhole(ValueError):
    """An update leans on what no earlier one brought: the records are not all of a document's, or not in log order."""


class _Writer:
    """All blocks of one client, by clock: `starts` are their first clocks, and the next one is `end`."""

    __slots__ = ("blocks", "end", "starts")

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.starts: list[int] = []
        self.end = 0

    def index(self, clock: int) -> int:
        """Which block covers the clock."""
        starts = self.starts
        return len(starts) - 1 if clock >= starts[-1] else bisect_right(starts, clock) - 1

    def starting(self, clock: int) -> Block:
        """The block that starts at the clock, cut off from the one that covers it."""
        at = self.index(clock)
        block = self.blocks[at]
        if block.clock == clock:
            return block
        rest = block.cut(clock - block.clock)
        self.blocks.insert(at + 1, rest)
        self.starts.insert(at + 1, clock)
        return rest

    def ending(self, clock: int) -> Block:
        """The block that ends with the clock, its rest cut off."""
        block = self.blocks[self.index(clock)]
        if block.clock + block.length - 1 != clock:
            self.starting(clock + 1)
        return block


class Blocks:
    """All blocks of one document. `roots` are its root types by name."""

    def __init__(self) -> None:
        self.roots: dict[str, Container] = {}
        self._writers: dict[int, _Writer] = {}

    def take(self, seq: int, update: bytes) -> None:
        """Integrate a record's update. What is known already is skipped. Raises NotWhole, and is then spoiled."""
        sections, deleted = decode(update)
        if len(sections) == 1:
            for item in sections[0]:
                self._add(item, seq)
        elif sections:
            self._interleave(sections, seq)
        for client, start, stop in deleted:
            self._delete_range(client, start, stop, seq)

    def find(self, client: int, clock: int) -> Block | None:
        """The block that covers the clock, None if there is none."""
        writer = self._writers.get(client)
        return None if writer is None or not 0 <= clock < writer.end else writer.blocks[writer.index(clock)]

    def between(self, ranges: Iterable[Range]) -> Iterator[Block]:
        """The blocks that cover these ranges of clocks."""
        for client, clock, end in ranges:
            while clock < end and (block := self.find(client, clock)) is not None:
                yield block
                clock = block.clock + block.length

    # --- inserting ----------------------------------------------------------------------------------------------------

    def _interleave(self, sections: list[list[Item]], seq: int) -> None:
        """Each client's items go in until one leans on a clock that another client's section has yet to bring."""
        asleep: dict[int, list[tuple[int, int]]] = {}
        todo = {section[0].client: section[::-1] for section in sections}
        ready = list(todo)
        while ready:
            client = ready.pop()
            items = todo[client]
            while items:
                lacked = self._lacks(items[-1])
                if lacked is not None:
                    heapq.heappush(asleep.setdefault(lacked[0], []), (lacked[1], client))
                    break
                self._add(items.pop(), seq)
            sleepers, end = asleep.get(client), self._end(client)
            while sleepers and sleepers[0][0] < end:
                ready.append(heapq.heappop(sleepers)[1])
        if any(todo.values()):
            raise NotWhole("an update leans on structs that no record brought")

    def _end(self, client: int) -> int:
        writer = self._writers.get(client)
        return writer.end if writer is not None else 0

    def _lacks(self, item: Item) -> Id | None:
        """An id of another client that the item leans on and that is not there yet."""
        for leant in (item.origin, item.right_origin, item.parent):
            if isinstance(leant, tuple) and leant[0] != item.client and leant[1] >= self._end(leant[0]):
                return leant
        return None

    def _add(self, item: Item, seq: int) -> None:
        writer = self._writers.get(item.client)
        if writer is None:
            writer = self._writers[item.client] = _Writer()
        known = writer.end - item.clock
        if known >= item.length or item.kind == SKIP:
            return
        if known < 0:
            raise NotWhole(f"clocks of client {item.client} are missing before {item.clock}")
        block = Block(item, seq, known, _source(item))
        row, left, right = self._place(item, block)
        writer.starts.append(block.clock)
        writer.blocks.append(block)
        writer.end = block.clock + block.length
        if row is None:
            block.kind = GC
            block.deleted = seq
            return
        block.row = row
        if block.kind == TYPE:
            block.source = Container(block, item.value.kind, item.value.name)
        self._link(block, row, left, right)
        owner = row.container.block
        if block.kind == DELETED:
            block.deleted = seq
        elif (owner is not None and owner.deleted) or (row.key is not None and block.right is not None):
            self._delete(block, seq)

    def _place(self, item: Item, block: Block) -> tuple[Row | None, Block | None, Block | None]:
        """The block's row and what it was put between; no row if what it leans on was collected."""
        nowhere = (None, None, None)
        if item.kind == GC:
            return nowhere
        left = right = None
        if block.origin is not None:
            left = self._of(block.origin).ending(block.origin[1])
            if left.row is None:
                return nowhere
        if block.right_origin is not None:
            right = self._of(block.right_origin).starting(block.right_origin[1])
            if right.row is None:
                return nowhere
        beside = left or right
        if beside is not None:
            return beside.row, left, right
        parent = item.parent
        if isinstance(parent, str):
            container = self.roots.get(parent)
            if container is None:
                container = self.roots[parent] = Container(None, None, parent)
            return container.row(item.key), None, None
        assert parent is not None, "a struct has origins or a parent"
        holder = self._of(parent)
        inside = holder.blocks[holder.index(parent[1])].source
        return (inside.row(item.key), None, None) if isinstance(inside, Container) else nowhere

    def _of(self, leant: Id) -> _Writer:
        """The writer of an id that must be there."""
        writer = self._writers.get(leant[0])
        if writer is None or leant[1] >= writer.end:
            raise NotWhole(f"an update leans on {leant}, which no record brought")
        return writer

    def _link(self, block: Block, row: Row, left: Block | None, right: Block | None) -> None:
        """Put the block into its row: behind `left`, but behind whatever of the same place goes first by YATA."""
        after = left.right if left is not None else row.first
        if after is not right:
            left = self._settle(block, left, after, right)
        if left is not None:
            block.right = left.right
            left.right = block
        else:
            block.right = row.first
            row.first = block
        if row.key is not None and block.right is None and left is not None:
            self._delete(left, block.seq)

    def _settle(self, block: Block, left: Block | None, other: Block | None, right: Block | None) -> Block | None:
        """What the block goes behind, among those that others put between the same two. Yjs's own loop."""
        seen: set[Block] = set()
        conflicting: set[Block] = set()
        while other is not None and other is not right:
            seen.add(other)
            conflicting.add(other)
            if block.origin == other.origin:
                if other.client < block.client:
                    left = other
                    conflicting.clear()
                elif block.right_origin == other.right_origin:
                    break
            else:
                beside = self.find(*other.origin) if other.origin is not None else None
                if beside is None or beside not in seen:
                    break
                if beside not in conflicting:
                    left = other
                    conflicting.clear()
            other = other.right
        return left

    # --- deleting -----------------------------------------------------------------------------------------------------

    def _delete_range(self, client: int, start: int, stop: int, seq: int) -> None:
        writer = self._writers.get(client)
        if writer is None or stop > writer.end:
            raise NotWhole(f"an update deletes clocks of client {client} that no record brought")
        at = writer.index(start)
        while start < stop:
            block = writer.blocks[at]
            end = block.clock + block.length
            if not block.deleted:
                if block.clock < start:
                    block = writer.starting(start)
                    at += 1
                if end > stop:
                    writer.starting(stop)
                self._delete(block, seq)
            start = end
            at += 1

    def _delete(self, block: Block, seq: int) -> None:
        """Delete a block and all that is inside of it, as far as nobody did before."""
        waiting = [block]
        while waiting:
            block = waiting.pop()
            if block.deleted:
                continue
            block.deleted = seq
            if isinstance(block.source, Container):
                for row in block.source.rows.values():
                    inner = row.first
                    while inner is not None:
                        waiting.append(inner)
                        inner = inner.right


def _source(item: Item) -> Any:
    """What pieces are cut from by offset in UTF-16 units: a text beyond 16 bits is kept in that encoding."""
    if item.kind == STRING and not item.value.isascii() and utf16_length(item.value) != len(item.value):
        return item.value.encode("utf-16-le")
    return item.value
