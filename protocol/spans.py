"""Spans: neighbours in a shared document that the same records brought and took away, and where they stand.

Why: blame and hunks both walk rows of blocks and tell of runs of them. A place is counted in two ways, in code points
for Python and in UTF-16 units for editors; whatever is no character counts 1 in both, and marks count nothing.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from .items import ANY, FORMAT, JSON, STRING
from .rows import Block, Container, Row
from .structs import Range

Path = tuple[str | int, ...]
"""Where a type is: a root's name, then places in sequences (in units) and keys of maps."""


class Span(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Neighbours that one record inserted, and perhaps one deleted.

    They stand in the type at `path`, there from `start` to before `end` in code points, and from `units[0]` to before
    `units[1]` in UTF-16; with a `key` they are what was written under that key. `seq` is the record that inserted
    them, `deleted` the one that deleted them first, 0 if none did. What came from a draft was written there, by `seq`,
    and `accepted` is the record that brought it; what an undo brought back was written by `seq` before, and `restored`
    is the undo. Either `text` is what they say, or `values` are what they are, one for
    each place; a mark of a text (in hunks only) is `mark`, its attribute and value. `ids` are their ranges of clocks.
    """

    path: Path
    key: str | None = None
    start: int = 0
    end: int = 0
    units: tuple[int, int] = (0, 0)
    text: str = ""
    values: tuple[Any, ...] = ()
    mark: tuple[str, Any] | None = None
    seq: int
    deleted: int = 0
    accepted: int = 0
    restored: int = 0
    ids: tuple[Range, ...]


class Place:
    """Where a walk stands in one row: the block that comes next, and how much was passed in code points and units."""

    __slots__ = ("block", "key", "path", "points", "units")

    def __init__(self, path: Path, row: Row) -> None:
        self.path = path
        self.key = row.key
        self.block = row.first
        self.points = 0
        self.units = 0

    def inside(self) -> Path:
        """The path of the type that comes next."""
        return (*self.path, self.units if self.key is None else self.key)


def places(path: Path, container: Container) -> list[Place]:
    """The beginnings of a type's rows: its keys in order, then the sequence."""
    keys = sorted(key for key in container.rows if key is not None)
    found = [Place(path, container.rows[key]) for key in keys]
    if None in container.rows:
        found.append(Place(path, container.rows[None]))
    return found


def joins(block: Block, other: Block) -> bool:
    """Whether two blocks can be of one span: they hold the same sort of content from the same record."""
    return block.seq == other.seq and block.kind == other.kind and block.kind in (STRING, ANY, JSON)


def points(block: Block) -> int:
    """How long a block is in code points."""
    return len(block.text) if block.kind == STRING else block.length


def span(
    place: Place, blocks: list[Block], at: tuple[int, int], value: Callable[[Block], Any], *, deleted: int, room: bool
) -> Span:
    """One span of blocks that join, from a place on (code points and units); without `room` it takes up none there."""
    first = blocks[0]
    said = "".join(block.text for block in blocks) if first.kind == STRING else ""
    units = sum(block.length for block in blocks) if room and first.kind != FORMAT else 0
    return Span(
        path=place.path,
        key=place.key,
        start=at[0],
        end=at[0] + (len(said) if units and said else units),
        units=(at[1], at[1] + units),
        text=said,
        values=_values(blocks, value),
        mark=first.source if first.kind == FORMAT else None,
        seq=first.seq,
        deleted=deleted,
        ids=_ranges(blocks),
    )


def _values(blocks: list[Block], value: Callable[[Block], Any]) -> tuple[Any, ...]:
    if blocks[0].kind in (ANY, JSON):
        return tuple(one for block in blocks for one in block.values)
    return () if blocks[0].kind in (STRING, FORMAT) else (value(blocks[0]),)


def _ranges(blocks: list[Block]) -> tuple[Range, ...]:
    """The blocks' clocks, joined where they go on."""
    ranges: list[Range] = []
    for block in blocks:
        end = block.clock + block.length
        if ranges and ranges[-1][0] == block.client and ranges[-1][2] == block.clock:
            ranges[-1] = (block.client, ranges[-1][1], end)
        else:
            ranges.append((block.client, block.clock, end))
    return tuple(ranges)


def clipped(found: Span, start: int, stop: int) -> Span | None:
    """What of a span lies between two places in units; None if nothing does. What takes up no room lies in its place.

    A character that is cut in two counts as inside.
    """
    first, last = found.units
    if first == last:
        return found if start <= first < stop else None
    if first >= stop or last <= start:
        return None
    if start <= first and last <= stop:
        return found
    before, inside = max(start - first, 0), min(stop, last) - first
    if not found.text:
        values, points = found.values[before:inside], found.start + before
        units, ids = (first + before, first + inside), _clipped(found.ids, before, inside)
        return replace(found, start=points, end=points + len(values), units=units, values=values, ids=ids)
    raw = found.text.encode("utf-16-le")
    before -= _cuts_a_pair(raw, before)
    inside += _cuts_a_pair(raw, inside)
    points = found.start + len(raw[: 2 * before].decode("utf-16-le"))
    said = raw[2 * before : 2 * inside].decode("utf-16-le")
    units, ids = (first + before, first + inside), _clipped(found.ids, before, inside)
    return replace(found, start=points, end=points + len(said), units=units, text=said, ids=ids)


def _clipped(ids: tuple[Range, ...], start: int, stop: int) -> tuple[Range, ...]:
    """The clocks of the units between those two."""
    clipped: list[Range] = []
    passed = 0
    for client, clock, end in ids:
        low, high = max(start - passed, 0), min(stop - passed, end - clock)
        if low < high:
            clipped.append((client, clock + low, clock + high))
        passed += end - clock
    return tuple(clipped)


def _cuts_a_pair(raw: bytes, unit: int) -> bool:
    """Whether the unit is the second half of a surrogate pair."""
    return 2 * unit < len(raw) and raw[2 * unit + 1] & 0xFC == 0xDC
