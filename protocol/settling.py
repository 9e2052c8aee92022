"""Settling: what accepting hunks of a draft does to its base, and what rejecting them does to the draft.

Accepting makes the base like the draft at these places, rejecting makes the draft like the base; both are one update,
which merges with whatever others do meanwhile. Rules (specs/drafts.md):

- Nothing that came into the base since the draft was opened is ever lost: what would be taken out with it stays, a key
  that somebody wrote since keeps that value, and what would come to stand in something that is gone does not come.
- What somebody else wrote inside of a rejected type stays, and the type with it. What is accepted brings the types that
  it stands in.
"""

from collections.abc import Collection, Iterator

from .blocks import Block, Blocks, Container, Row
from .comparison import Comparison, Patch, attributes_only, blocks_below
from .events import Move
from .graft import Graft
from .items import GC, TYPE, Id
from .structs import Range


class Settlement:
    """What is to be done: the `update`, what it `moved` (copies of which units), which units of the draft are `gone`
    from the base, and the hunks that were `kept` as they are because the base has changed there."""

    __slots__ = ("gone", "kept", "moved", "update")

    def __init__(self, update: bytes, moved: list[Move], gone: list[Range], kept: list[str]) -> None:
        self.update = update
        self.moved = tuple(joined(moved))
        self.gone = tuple(gone)
        self.kept = tuple(kept)


def accept(comparison: Comparison, patches: Collection[Patch], base: bytes, client: int, clock: int) -> Settlement:
    """Make the base like the draft in these patches. `base` is its whole content; copies get ids from `clock` on."""
    return _Accepting(comparison, base, Graft(client, clock)).settle(patches)


def reject(comparison: Comparison, patches: Collection[Patch], client: int, clock: int) -> Settlement:
    """Make the draft like the base in these patches."""
    return _Rejecting(comparison, Graft(client, clock)).settle(patches)


class _Accepting:
    def __init__(self, comparison: Comparison, base: bytes, graft: Graft) -> None:
        self._draft = comparison
        self._base = Blocks()
        self._base.take(1, base)
        self._graft = graft
        self._placed: dict[Block, Id] = {}
        self._theirs = self._holders_of_news()

    def settle(self, patches: Collection[Patch]) -> Settlement:
        chosen: set[Block] = set()
        kept: list[str] = []
        deleted: list[Range] = []
        gone: list[Range] = []
        for patch in patches:
            if self._clashes(patch):
                kept.append(patch.id)
                continue
            for block in [block for block, _ in patch.inserted] + patch.inside:
                chosen.add(block)
            for block, _ in patch.deleted:
                deleted += self._deletions(block)
                gone.append(_range(block))
        chosen |= self._holders(chosen)
        self._copy(chosen)
        return Settlement(self._graft.update(tidy(deleted)), self._graft.moved, gone, kept)

    # --- what others have done to the base --------------------------------------------------------------------------

    def _holders_of_news(self) -> set[Block]:
        """The types of the base that hold something which came since the draft was opened, and not from it."""
        found: set[Block] = set()
        for root in self._base.roots.values():
            for block in blocks_below(root):
                if block.deleted or self._known(block):
                    continue
                holder = _holder(block)
                while holder is not None and holder not in found:
                    found.add(holder)
                    holder = _holder(holder)
        return found

    def _known(self, block: Block) -> bool:
        """Whether a live block of the base is what the draft began with, or came from it."""
        if self._draft.copies.find(block.client, block.clock) is not None:
            return True
        begun = self._draft.blocks.find(block.client, block.clock)
        return begun is not None and begun.seq == self._draft.opened

    def _in_base(self, container: Container) -> Container | None:
        """The type of the base that a type of the draft is the image of; None if it is gone."""
        if container.block is None:
            return self._base.roots.get(container.name) or Container(None, None, container.name)
        block = self._found(container.block)
        return None if block is None or block.deleted or block.kind != TYPE else block.source

    def _found(self, block: Block) -> Block | None:
        """The base's own block for one of the draft's."""
        image = self._draft.image(block)
        return self._base.find(*image) if image is not None else None

    def _clashes(self, patch: Patch) -> bool:
        """Whether the place is gone from the base, or its key was written since."""
        changed = [block for block, _ in patch.inserted] or [block for block, _ in patch.deleted]
        container, direct = _container(changed[0]), True
        while container.block is not None and self._draft.image(container.block) is None:
            container, direct = _container(container.block), False
        base = self._in_base(container)
        if base is None or patch.key is None or not direct:
            return base is None
        last = _last(base.rows.get(patch.key))
        return last is not None and not last.deleted and (not self._known(last) or last in self._theirs)

    def _deletions(self, block: Block) -> Iterator[Range]:
        """What of a block is to be deleted: all of it, but for types that hold what others have written since."""
        waiting = [block]
        while waiting:
            block = waiting.pop()
            mine = self._found(block)
            if mine is None:
                continue
            if mine not in self._theirs:
                client, clock = self._draft.image(block) or (0, 0)
                yield client, clock, clock + block.length
                continue
            for key, row in block.source.rows.items():
                if not attributes_only(block.source, key):
                    waiting.extend(inner for inner in _blocks(row) if self._draft.was(inner))

    # --- copying ------------------------------------------------------------------------------------------------------

    def _holders(self, chosen: set[Block]) -> set[Block]:
        """The new types in which these stand, with their attributes."""
        found: set[Block] = set()
        for block in chosen:
            holder = _holder(block)
            while holder is not None and holder not in chosen | found and self._draft.image(holder) is None:
                found.add(holder)
                for key, row in holder.source.rows.items():
                    if attributes_only(holder.source, key):
                        found |= {inner for inner in _blocks(row) if not inner.deleted}
                holder = _holder(holder)
        return found

    def _copy(self, chosen: set[Block]) -> None:
        """Copy what is chosen, each type before what is in it."""
        rows: dict[int, Row] = {}
        waiting: list[Row] = []
        for block in chosen:
            row = block.row
            assert row is not None
            holder = _holder(block)
            if id(row) not in rows and holder not in chosen:
                waiting.append(row)
            rows[id(row)] = row
        waiting.sort(key=lambda row: _order(row))
        while waiting:
            row = waiting.pop()
            for copied in self._copy_row(row, chosen):
                if copied.kind == TYPE:
                    inside = [copied.source.rows[key] for key in _sorted(copied.source)]
                    waiting.extend(row for row in reversed(inside) if id(row) in rows)

    def _copy_row(self, row: Row, chosen: set[Block]) -> Iterator[Block]:
        blocks = list(_blocks(row))
        rights: list[Id | None] = []
        right: Id | None = None
        for block in reversed(blocks):
            rights.append(right)
            right = self._stands(block) or right
        parent = self._parent(row)
        left: Id | None = None
        if row.key is not None:
            left = self._last_of_key(row)
        for block, right in zip(blocks, reversed(rights), strict=True):
            stands = self._stands(block)
            if stands is not None:
                left = left if row.key is not None else (stands[0], stands[1] + block.length - 1)
            elif block in chosen and not block.deleted:
                right = None if row.key is not None else right
                copy = self._placed[block] = self._graft.add(block, left, right, parent, row.key)
                left = (copy[0], copy[1] + block.length - 1)
                yield block

    def _stands(self, block: Block) -> Id | None:
        """Where the base has the block, live or deleted, or just got it."""
        if block in self._placed:
            return self._placed[block]
        found = self._found(block)
        return None if found is None or found.kind == GC else self._draft.image(block)

    def _parent(self, row: Row) -> str | Id:
        holder = row.container.block
        if holder is None:
            return row.container.name
        parent = self._placed.get(holder) or self._draft.image(holder)
        assert parent is not None, "a type is copied before what is in it"
        return parent

    def _last_of_key(self, row: Row) -> Id | None:
        """The last of all that the base ever had under the key: what is put behind it is the value."""
        holder = row.container.block
        if holder in self._placed:
            return None
        container = self._in_base(row.container)
        last = _last(container.rows.get(row.key)) if container is not None else None
        return None if last is None else (last.client, last.clock + last.length - 1)


class _Rejecting:
    def __init__(self, comparison: Comparison, graft: Graft) -> None:
        self._draft = comparison
        self._graft = graft

    def settle(self, patches: Collection[Patch]) -> Settlement:
        out = {block for patch in patches for block in [*(block for block, _ in patch.inserted), *patch.inside]}
        stays = self._holders_of_others(out)
        for patch in patches:
            for block, _ in patch.deleted:
                self._restore(block)
        deleted = [_range(block) for block in out - stays]
        return Settlement(self._graft.update(tidy(deleted)), self._graft.moved, [], [])

    def _holders_of_others(self, out: set[Block]) -> set[Block]:
        """The types that hold what others wrote, with their attributes; all of them would go with the type."""
        stays: set[Block] = set()
        for block in out:
            if block.kind != TYPE or block in stays:
                continue
            for inner in blocks_below(block.source):
                holder = None if inner.deleted or inner in out else _holder(inner)
                while holder is not None and holder in out and holder not in stays:
                    stays.add(holder)
                    for key, row in holder.source.rows.items():
                        if attributes_only(holder.source, key):
                            stays |= set(_blocks(row))
                    holder = _holder(holder)
        return stays

    def _restore(self, block: Block) -> None:
        """Put a copy of what was deleted behind it, with all that the base has in it."""
        row = block.row
        assert row is not None
        beside = block if row.key is None else (_last(row) or block)
        left = (beside.client, beside.clock + beside.length - 1)
        right = (beside.right.client, beside.right.clock) if beside.right is not None else None
        copy = self._graft.add(block, left, right, "", row.key)
        waiting: list[tuple[Container, Id]] = [(block.source, copy)] if block.kind == TYPE else []
        while waiting:
            container, parent = waiting.pop()
            for key in _sorted(container):
                before: Id | None = None
                for inner in _blocks(container.rows[key]):
                    if self._draft.was(inner):
                        copy = self._graft.add(inner, before, None, parent, key)
                        before = (copy[0], copy[1] + inner.length - 1)
                        if inner.kind == TYPE:
                            waiting.append((inner.source, copy))


def joined(moves: list[Move]) -> Iterator[Move]:
    """The same moves, those that go on from each other as one."""
    last: Move | None = None
    for move in moves:
        if last is not None:
            client, clock, length, to_client, to_clock = last
            if move[:2] == (client, clock + length) and move[3:] == (to_client, to_clock + length):
                last = (client, clock, length + move[2], to_client, to_clock)
                continue
            yield last
        last = move
    if last is not None:
        yield last


def tidy(ranges: list[Range]) -> list[Range]:
    """The same units, each once, in as few ranges as there can be."""
    found: list[Range] = []
    for client, start, end in sorted(set(ranges)):
        if found and found[-1][0] == client and start <= found[-1][2]:
            found[-1] = (client, found[-1][1], max(end, found[-1][2]))
        else:
            found.append((client, start, end))
    return found


def _range(block: Block) -> Range:
    return (block.client, block.clock, block.clock + block.length)


def _container(block: Block) -> Container:
    assert block.row is not None, "what is in a row has a place"
    return block.row.container


def _holder(block: Block) -> Block | None:
    """The block of the type that it stands in; None in a root."""
    return _container(block).block


def _blocks(row: Row) -> Iterator[Block]:
    block = row.first
    while block is not None:
        yield block
        block = block.right


def _last(row: Row | None) -> Block | None:
    last: Block | None = None
    for block in _blocks(row) if row is not None else ():
        last = block
    return last


def _sorted(container: Container) -> list[str | None]:
    """Its keys in order, then (None) the sequence."""
    return [*sorted(key for key in container.rows if key is not None), *([None] if None in container.rows else [])]


def _order(row: Row) -> tuple[str, str]:
    """In which order rows are copied, from the last one: any that is the same each time."""
    holder = row.container.block
    place = row.container.name if holder is None else f"{holder.client:020d}:{holder.clock:010d}"
    return place, row.key or ""
