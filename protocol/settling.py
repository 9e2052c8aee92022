"""Settling: what is to be done once somebody decides about a draft, and for how long that stays right.

Accepting makes the base like the draft at some places (`accepting`), rejecting makes the draft like the base
(`rejecting`); both are one update, which merges with whatever others do meanwhile.

Working it out reads all of both documents, which takes as long as they are. So it is done beside the room's pass, and
what others write meanwhile mostly changes nothing of it: `Ground` says what it stands on.
"""

from collections.abc import Collection, Iterable, Iterator

from .blocks import Blocks
from .events import Move
from .graft import Graft
from .items import TYPE
from .rows import Block, holder_of
from .structs import Range
from .update import read


class Ground:
    """What of the base a settlement stands on: the blocks that it looked into, and the keys that it writes."""

    __slots__ = ("_blocks", "_keys")

    def __init__(self, looked_into: Collection[Block], keys: Collection[str | None]) -> None:
        self._blocks = {(block.client, block.clock) for block in looked_into if block.kind == TYPE}
        self._keys = {key for key in keys if key is not None}

    def moved_by(self, update: bytes, base: Blocks) -> bool:
        """Whether this update, which the base has taken, may make it another settlement. To say yes is never wrong."""
        edit = read(update, own=True)
        came = any(self._holds(block) for block in base.between(edit.inserted))
        return came or any(block.kind == TYPE or self._holds(block) for block in base.between(edit.deleted))

    def _holds(self, block: Block) -> bool:
        if block.row is not None and block.row.key in self._keys:
            return True
        holder: Block | None = block
        while holder is not None:
            if (holder.client, holder.clock) in self._blocks:
                return True
            holder = holder_of(holder) if holder.row is not None else None
        return False


class Settlement:
    """What is to be done. `gone` are units of the draft that leave the base, `kept` the hunks that stay as they are
    because the base has changed there; `ground` is what of the base it stands on."""

    __slots__ = ("_deleted", "_graft", "gone", "ground", "kept")

    def __init__(self, graft: Graft, deleted: list[Range], gone: list[Range], kept: list[str], ground: Ground) -> None:
        self._graft = graft
        self._deleted = tidy(deleted)
        self.gone = tuple(gone)
        self.kept = tuple(kept)
        self.ground = ground

    def written(self, client: int, clock: int) -> tuple[bytes, tuple[Move, ...]]:
        """The update, its copies under `client` from `clock` on, and which units those are copies of."""
        return self._graft.update(client, clock, self._deleted), tuple(joined(self._graft.moved(client, clock)))


def joined(moves: Iterable[Move]) -> Iterator[Move]:
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


def range_of(block: Block) -> Range:
    """Its clocks."""
    return (block.client, block.clock, block.clock + block.length)
