"""Rejecting: what rejecting hunks of a draft does to the draft, in which others go on writing.

What somebody else wrote inside of a rejected type stays, and the type with it (specs/drafts.md).
"""

from collections.abc import Collection

from .comparison import Comparison
from .graft import Graft
from .items import TYPE, Id
from .patches import Patch
from .rows import Block, Container, attributes_only, blocks_below, blocks_in, holder_of, keys_of, last_in
from .settling import Ground, Settlement, range_of


def reject(comparison: Comparison, patches: Collection[Patch]) -> Settlement:
    """Make the draft like the base in these patches."""
    return _Rejecting(comparison).settle(patches)


class _Rejecting:
    def __init__(self, comparison: Comparison) -> None:
        self._draft = comparison
        self._graft = Graft()

    def settle(self, patches: Collection[Patch]) -> Settlement:
        out = {block for patch in patches for block in [*(block for block, _ in patch.inserted), *patch.inside]}
        stays = self._holders_of_others(out)
        for patch in patches:
            for block, _ in patch.deleted:
                self._restore(block)
        deleted = [range_of(block) for block in out - stays]
        return Settlement(self._graft, deleted, [], [], Ground(set(), set()))

    def _holders_of_others(self, out: set[Block]) -> set[Block]:
        """The types that hold what others wrote, with their attributes; all of them would go with the type."""
        stays: set[Block] = set()
        for block in out:
            if block.kind != TYPE or block in stays:
                continue
            for inner in blocks_below(block.source):
                holder = None if inner.deleted or inner in out else holder_of(inner)
                while holder is not None and holder in out and holder not in stays:
                    stays.add(holder)
                    for key, row in holder.source.rows.items():
                        if attributes_only(holder.source, key):
                            stays |= set(blocks_in(row))
                    holder = holder_of(holder)
        return stays

    def _restore(self, block: Block) -> None:
        """Put a copy of what was deleted behind it, with all that the base has in it."""
        row = block.row
        assert row is not None
        beside = block if row.key is None else (last_in(row) or block)
        left = (beside.client, beside.clock + beside.length - 1)
        right = (beside.right.client, beside.right.clock) if beside.right is not None else None
        copy = self._graft.add(block, left, right, "", row.key)
        waiting: list[tuple[Container, Id]] = [(block.source, copy)] if block.kind == TYPE else []
        while waiting:
            container, parent = waiting.pop()
            for key in keys_of(container):
                before: Id | None = None
                for inner in blocks_in(container.rows[key]):
                    if self._draft.was(inner):
                        copy = self._graft.add(inner, before, None, parent, key)
                        before = (copy[0], copy[1] + inner.length - 1)
                        if inner.kind == TYPE:
                            waiting.append((inner.source, copy))
