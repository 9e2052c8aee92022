"""Accepting: what accepting hunks of a draft does to its base, which others go on writing.

Rules (specs/drafts.md):

- Nothing that came into the base since the draft was opened is ever lost: what would be taken out with it stays, a key
  that somebody wrote since keeps that value, and what would come to stand in something that is gone does not come.
- What is accepted brings the types that it stands in.
"""

from collections.abc import Collection, Iterator

from .blocks import Blocks
from .comparison import Comparison
from .graft import Graft
from .items import GC, TYPE, Id
from .patches import Patch
from .rows import (
    Block,
    Container,
    Row,
    attributes_only,
    blocks_below,
    blocks_in,
    container_of,
    holder_of,
    keys_of,
    last_in,
)
from .settling import Ground, Settlement, range_of
from .structs import Range


def accept(comparison: Comparison, patches: Collection[Patch], base: Blocks) -> Settlement:
    """Make the base like the draft in these patches."""
    return _Accepting(comparison, base).settle(patches)


class _Accepting:
    def __init__(self, comparison: Comparison, base: Blocks) -> None:
        self._draft = comparison
        self._base = base
        self._graft = Graft()
        self._placed: dict[Block, Id] = {}
        self._theirs = self._holders_of_news()
        self._looked_into: set[Block] = set()

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
                gone.append(range_of(block))
        chosen |= self._holders(chosen)
        self._copy(chosen)
        keys = {patch.key for patch in patches} | {block.row.key for block in chosen if block.row is not None}
        return Settlement(self._graft, deleted, gone, kept, Ground(self._looked_into, keys))

    # --- what others have done to the base --------------------------------------------------------------------------

    def _holders_of_news(self) -> set[Block]:
        """The types of the base that hold something which came since the draft was opened, and not from it."""
        found: set[Block] = set()
        for root in self._base.roots.values():
            for block in blocks_below(root):
                if block.deleted or self._known(block):
                    continue
                holder = holder_of(block)
                while holder is not None and holder not in found:
                    found.add(holder)
                    holder = holder_of(holder)
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
        container, direct = container_of(changed[0]), True
        while container.block is not None and self._draft.image(container.block) is None:
            container, direct = container_of(container.block), False
        base = self._in_base(container)
        if base is None or patch.key is None or not direct:
            return base is None
        last = last_in(base.rows.get(patch.key))
        if last is not None:
            self._looked_into.add(last)
        return last is not None and not last.deleted and (not self._known(last) or last in self._theirs)

    def _deletions(self, block: Block) -> Iterator[Range]:
        """What of a block is to be deleted: all of it, but for types that hold what others have written since."""
        waiting = [block]
        while waiting:
            block = waiting.pop()
            mine = self._found(block)
            if mine is None:
                continue
            self._looked_into.add(mine)
            if mine not in self._theirs:
                client, clock = self._draft.image(block) or (0, 0)
                yield client, clock, clock + block.length
                continue
            for key, row in block.source.rows.items():
                if not attributes_only(block.source, key):
                    waiting.extend(inner for inner in blocks_in(row) if self._draft.was(inner))

    # --- copying ------------------------------------------------------------------------------------------------------

    def _holders(self, chosen: set[Block]) -> set[Block]:
        """The new types in which these stand, with their attributes."""
        found: set[Block] = set()
        for block in chosen:
            holder = holder_of(block)
            while holder is not None and holder not in chosen | found and self._draft.image(holder) is None:
                found.add(holder)
                for key, row in holder.source.rows.items():
                    if attributes_only(holder.source, key):
                        found |= {inner for inner in blocks_in(row) if not inner.deleted}
                holder = holder_of(holder)
        return found

    def _copy(self, chosen: set[Block]) -> None:
        """Copy what is chosen, each type before what is in it."""
        rows: dict[int, Row] = {}
        waiting: list[Row] = []
        for block in chosen:
            row = block.row
            assert row is not None
            holder = holder_of(block)
            if id(row) not in rows and holder not in chosen:
                waiting.append(row)
            rows[id(row)] = row
        waiting.sort(key=lambda row: _order(row))
        while waiting:
            row = waiting.pop()
            for copied in self._copy_row(row, chosen):
                if copied.kind == TYPE:
                    inside = [copied.source.rows[key] for key in keys_of(copied.source)]
                    waiting.extend(row for row in reversed(inside) if id(row) in rows)

    def _copy_row(self, row: Row, chosen: set[Block]) -> Iterator[Block]:
        blocks = list(blocks_in(row))
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
        last = last_in(container.rows.get(row.key)) if container is not None else None
        return None if last is None else (last.client, last.clock + last.length - 1)


def _order(row: Row) -> tuple[str, str]:
    """In which order rows are copied, from the last one: any that is the same each time."""
    holder = row.container.block
    place = row.container.name if holder is None else f"{holder.client:020d}:{holder.clock:010d}"
    return place, row.key or ""
