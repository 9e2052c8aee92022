"""Effects: what one record's update changed in its document, where that stood then and where it stands now.

Why: `protocol/history` answers this from all records of a document. Here three updates are enough: the document before
the record, the record's own, and all that came since; so it costs what the document is long, not what its log is.

Rules (specs/replay.md):

- What was put there and what was taken away are told in the order of the document, neighbours of one fate together.
- A type that came or went is told whole, with all that was in it then; one that stayed is looked into.
- What was written under a key is told with what stood there before.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from .blocks import Blocks
from .items import ANY, FORMAT, JSON, STRING, TYPE
from .limits import SHOWN_DEPTH
from .moments import plain
from .rows import Block, Container, Row, keys_of
from .spans import Path, joins
from .structs import Range

BEFORE, THEN, NOW = 1, 2, 3
"""The three moments, as records of a history: what was there before, the record, and everything since."""


class Place(Struct, frozen=True, omit_defaults=True):
    """A JSON Pointer into a document; of a text also from where to where in UTF-16 units."""

    path: str
    units: tuple[int, int] | None = None


class Change(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One place that a record changed.

    What it `inserted` is the `text`, the `value` or the `mark` (of a text) at the place where it then stood; `was` is
    the value that stood under the same key before. It may `still` be there, `now` at another place. What it `deleted`
    stood at that place before it. `ids` are the clocks of what came.
    """

    did: Literal["inserted", "deleted"]
    place: Place
    text: str = ""
    value: Any = UNSET
    was: Any = UNSET
    mark: tuple[str, Any] | UnsetType = UNSET
    still: bool = False
    now: Place | None = None
    ids: tuple[Range, ...] = ()


def changes(before: bytes, update: bytes, since: bytes) -> list[Change]:
    """What the update changed in the document that `before` holds whole, with all that changed `since`: updates of the
    Yjs format, version 1. Raises NotWhole if one leans on what is in none before it."""
    blocks = Blocks()
    for moment, each in ((BEFORE, before), (THEN, update), (NOW, since)):
        blocks.take(moment, each)
    found: list[Change] = []
    below = [_Type(blocks.roots[name], (name,), (name,), (name,)) for name in sorted(blocks.roots, reverse=True)]
    while below:
        inside = below.pop()
        deeper: list[_Type] = []
        for key in keys_of(inside.container):
            found += _Walk(inside, inside.container.rows[key], deeper).changes()
        below.extend(reversed(deeper))
    return found


class _Type(Struct):
    """A type that was there before and after the record, and its path at each moment; None once it is gone."""

    container: Container
    was: Path
    then: Path
    now: Path | None


class _Walk:
    """One row, with how many units were passed at each of the three moments."""

    def __init__(self, inside: _Type, row: Row, deeper: list[_Type]) -> None:
        self._inside = inside
        self._row = row
        self._deeper = deeper
        self._at = [0, 0, 0, 0]

    def changes(self) -> Iterator[Change]:
        """The row's changes in order."""
        if self._row.key is not None:
            yield from self._keyed(self._row.key)
            return
        joined: list[Block] = []
        at = list(self._at)
        block = self._row.first
        while block is not None:
            if joined and not (_did(block) and joins(joined[-1], block) and joined[-1].deleted == block.deleted):
                yield from self._told(joined, at)
                joined = []
            if _did(block):
                if not joined:
                    at = list(self._at)
                joined.append(block)
            else:
                self._look_into(block, *(self._index(moment) for moment in (BEFORE, THEN, NOW)))
            if block.kind != FORMAT:
                for moment in (BEFORE, THEN, NOW):
                    self._at[moment] += block.length * block.shown(moment)
            block = block.right
        if joined:
            yield from self._told(joined, at)

    def _index(self, moment: int) -> int:
        return self._at[moment]

    def _keyed(self, key: str) -> Iterator[Change]:
        """What was written under a key, or taken away there, if the record did that."""
        came = went = None
        block = self._row.first
        while block is not None:
            if _did(block) == "inserted":
                came = block
            elif _did(block) == "deleted":
                went = block
            else:
                self._look_into(block, key, key, key)
            block = block.right
        was = _value(went, BEFORE) if went is not None else UNSET
        if came is not None:
            place = _place(self._inside.then, key)
            now = self._now(came, key)
            value = _value(came, THEN)
            yield Change(
                did="inserted", place=place, value=value, was=was, still=now is not None, now=now, ids=_ids(came)
            )
        elif went is not None:
            yield Change(did="deleted", place=_place(self._inside.was, key), value=was)

    def _told(self, joined: list[Block], at: list[int]) -> Iterator[Change]:
        """The changes that neighbours of one fate are, which begin at those units."""
        first = joined[0]
        did = _did(first)
        assert did, "only what the record did is gathered"
        moment, path = (THEN, self._inside.then) if did == "inserted" else (BEFORE, self._inside.was)
        if first.kind in (STRING, FORMAT):
            text = "".join(block.text for block in joined) if first.kind == STRING else ""
            long = sum(block.length for block in joined) if text else 0
            now = self._now(first, None, (at[NOW], at[NOW] + long)) if did == "inserted" else None
            yield Change(
                did=did,
                place=_place(path, None, (at[moment], at[moment] + long)),
                text=text,
                mark=first.source if first.kind == FORMAT else UNSET,
                still=now is not None,
                now=now,
                ids=tuple(each for block in joined for each in _ids(block)) if did == "inserted" else (),
            )
            return
        for block in joined:
            for nth, value in enumerate(block.values if block.kind in (ANY, JSON) else [_value(block, moment)]):
                now = self._now(block, at[NOW] + nth) if did == "inserted" else None
                ids = ((block.client, block.clock + nth, block.clock + nth + 1),) if did == "inserted" else ()
                place = _place(path, at[moment] + nth)
                yield Change(did=did, place=place, value=value, still=now is not None, now=now, ids=ids)
            at = [passed + block.length * (each > 0 and block.shown(each)) for each, passed in enumerate(at)]

    def _now(self, block: Block, key: str | int | None, units: tuple[int, int] | None = None) -> Place | None:
        path = self._inside.now
        return None if block.deleted or path is None else _place(path, key, units)

    def _look_into(self, block: Block, was: str | int, then: str | int, now: str | int) -> None:
        """Look into a type that the record left where it was."""
        inside = self._inside
        if block.kind == TYPE and block.shown(THEN) and len(inside.then) <= SHOWN_DEPTH:
            gone = inside.now is None or not block.shown(NOW)
            at_last = None if gone else (*(inside.now or ()), now)
            self._deeper.append(_Type(block.source, (*inside.was, was), (*inside.then, then), at_last))


def _did(block: Block) -> Literal["inserted", "deleted", ""]:
    """What the record did to it."""
    if block.seq == THEN:
        return "inserted" if block.shown(THEN) else ""
    return "deleted" if block.deleted == THEN and block.shown(BEFORE) else ""


def _value(block: Block, moment: int) -> Any:
    return plain(block, moment)


def _ids(block: Block) -> tuple[Range, ...]:
    return ((block.client, block.clock, block.clock + block.length),)


def _place(path: Path, key: str | int | None, units: tuple[int, int] | None = None) -> Place:
    return Place(pointer((*path, key) if key is not None else path), units)


def pointer(path: Path) -> str:
    """A path as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


Ranges = dict[int, tuple[list[int], list[int]]]
"""Ranges by client: where they start and where they end, in order."""


def by_client(ranges: Iterable[Range]) -> Ranges:
    """The ranges, to be looked up in."""
    found: Ranges = {}
    for client, start, stop in sorted(ranges):
        starts, stops = found.setdefault(client, ([], []))
        starts.append(start)
        stops.append(stop)
    return found


def divided(ranges: Iterable[Range], by: Ranges) -> tuple[list[Range], list[Range]]:
    """What of the ranges lies in those of `by`, and what does not."""
    inside: list[Range] = []
    outside: list[Range] = []
    for client, clock, end in ranges:
        starts, stops = by.get(client, ([], []))
        at = max(bisect_right(starts, clock) - 1, 0)
        while clock < end:
            while at < len(starts) and stops[at] <= clock:
                at += 1
            if at == len(starts) or starts[at] >= end:
                outside.append((client, clock, end))
                break
            if starts[at] > clock:
                outside.append((client, clock, starts[at]))
                clock = starts[at]
            stop = min(end, stops[at])
            inside.append((client, clock, stop))
            clock = stop
    return inside, outside


def parted(change: Change, ranges: Iterable[Range]) -> Iterator[Change]:
    """A text that is gone, cut where the ranges begin and end; any other change as it is."""
    if change.still or not change.ids or not change.text or change.place.units is None:
        yield change
        return
    bounds = {(client, clock) for client, start, stop in ranges for clock in (start, stop)}
    raw = change.text.encode("utf-16-le")
    first = passed = 0
    ids: list[Range] = []
    for client, start, stop in change.ids:
        for clock in sorted({at for of, at in bounds if of == client and start < at < stop} | {stop}):
            ids.append((client, start, clock))
            passed += clock - start
            start = clock
            if (client, clock) in bounds:
                yield _part(change, raw, first, passed, ids)
                first, ids = passed, []
    if ids:
        yield _part(change, raw, first, passed, ids)


def _part(change: Change, raw: bytes, first: int, last: int, ids: list[Range]) -> Change:
    assert change.place.units is not None, "only a text is cut"
    at = change.place.units[0]
    text = raw[2 * first : 2 * last].decode("utf-16-le", "replace")
    return replace(change, text=text, place=Place(change.place.path, (at + first, at + last)), ids=tuple(ids))
