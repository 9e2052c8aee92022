"""Update: reads a Yjs update (version 1) without applying it: what it inserts, what it needs, what it deletes.

Why: pycrdt applies an update with missing dependencies without an error, an event or a trace in its encoding, and every
further one then costs more (law 11). So before anything is applied, the room asks here whether an update fits whole.
The same reading says whose structs it holds (law 4) and, for blame, what a record inserted and deleted (law 2).

Rules (specs/update.md):

- A reading is exact or it is refused: what `read` accepts, Yjs 13.6 and yrs both decode.
- A struct needs its origins and its parent. On its own client's structs it may lean only backwards; what it needs of
  other clients must be in the document or come, in some order, in the same update.
- `without` copies byte ranges and never encodes a struct again, so what is kept is what the tab sent.

The common update, one token into one text, is read in about 2 µs; hence the inlined integers in `_section`.
"""

import heapq
from collections.abc import Collection, Mapping
from typing import NamedTuple

from . import frames
from .content import CONTENT, MAX_CLOCK, more, skip_bytes, uint, utf16_length
from .errors import Refused
from .limits import UPDATE_CLIENTS, UPDATE_DELETES, UPDATE_STRUCTS

Range = tuple[int, int, int]
"""A client, its first clock, and the clock after its last."""


class Section(NamedTuple):
    """What one client wrote of an update.

    The structs cover the clocks from `start` to before `end`, except `gaps` (pairs of clocks), which they leave out.
    `needs` are (own clock, other client, that client's clock): the struct at `own clock` leans on the other one.
    The section's bytes are `data[first:last]`.
    """

    client: int
    start: int
    end: int
    needs: tuple[tuple[int, int, int], ...]
    gaps: tuple[tuple[int, int], ...]
    first: int
    last: int


class Update:
    """A decoded update: its bytes, its sections in the order of the bytes, and the ranges that it deletes."""

    __slots__ = ("data", "deleted", "deleted_at", "sections")

    def __init__(self, data: bytes, sections: tuple[Section, ...], deleted: tuple[Range, ...], deleted_at: int) -> None:
        self.data = data
        self.sections = sections
        self.deleted = deleted
        self.deleted_at = deleted_at

    @property
    def inserted(self) -> tuple[Range, ...]:
        """The clock ranges that the update holds structs for, whether or not the document has them already."""
        ranges: list[Range] = []
        for section in self.sections:
            at = section.start
            for gap_start, gap_end in section.gaps:
                if gap_start > at:
                    ranges.append((section.client, at, gap_start))
                at = gap_end
            if section.end > at:
                ranges.append((section.client, at, section.end))
        return tuple(ranges)


def read(data: bytes) -> Update:
    """Decode an update of version 1. Raises Refused('bad-update'), or 'too-large' beyond the UPDATE_ limits."""
    try:
        sections, deleted_at = _sections(data)
        return Update(data, sections, _delete_set(data, deleted_at), deleted_at)
    except IndexError:
        raise Refused("bad-update", "The update is truncated.") from None
    except ValueError as error:
        raise Refused("bad-update", f"The update is malformed: {error}.") from None


def fits(update: Update, state_vector: Mapping[int, int]) -> bool:
    """Whether a document with that state vector would integrate all of it and leave nothing pending."""
    sections = update.sections
    if not sections:
        after: Mapping[int, int] = state_vector
    elif len(sections) == 1 and not sections[0].gaps:
        client, start, end, needs, _, _, _ = sections[0]
        known = state_vector.get(client, 0)
        if start > known:
            return False
        for _, other, clock in needs:
            if clock >= state_vector.get(other, 0):
                return False
        for deleter, _, stop in update.deleted:
            if stop > state_vector.get(deleter, 0) and (deleter != client or stop > end):
                return False
        return True
    else:
        integrated = _integrate(sections, state_vector)
        if integrated is None:
            return False
        after = integrated
    return all(stop <= after.get(client, 0) for client, _, stop in update.deleted)


def new_clients(update: Update, state_vector: Mapping[int, int]) -> tuple[int, ...]:
    """The clients under whose ids the update holds structs that a document with that state vector lacks."""
    sections = update.sections
    if len(sections) == 1 and not sections[0].gaps:
        client, _, end, _, _, _, _ = sections[0]
        return (client,) if end > state_vector.get(client, 0) else ()
    new = {client for client, _, end in update.inserted if end > state_vector.get(client, 0)}
    return tuple(s.client for s in sections if s.client in new)


def without(update: Update, clients: Collection[int]) -> bytes:
    """The same update without the structs of these clients; its deletions stay."""
    kept = [s for s in update.sections if s.client not in clients]
    if len(kept) == len(update.sections):
        return update.data
    data = update.data
    parts = [frames.write_uint(len(kept))]
    parts.extend(data[s.first : s.last] for s in kept)
    parts.append(data[update.deleted_at :])
    return b"".join(parts)


# --- reading ----------------------------------------------------------------------------------------------------------


def _sections(data: bytes) -> tuple[tuple[Section, ...], int]:
    """Every client's section, and the position after the last."""
    count, at = uint(data, 0)
    if count == 1:
        section, _ = _section(data, at, UPDATE_STRUCTS)
        return (section,), section.last
    if count > UPDATE_CLIENTS:
        raise Refused("too-large", f"An update may hold structs of {UPDATE_CLIENTS} clients.")
    sections: list[Section] = []
    room = UPDATE_STRUCTS
    for _ in range(count):
        section, room = _section(data, at, room)
        sections.append(section)
        at = section.last
    if len({s.client for s in sections}) != count:
        raise ValueError("a client has two sections")
    return tuple(sections), at


def _section(data: bytes, at: int, room: int) -> tuple[Section, int]:
    """One client's structs, of which at most `room` are taken, and what is left of that room."""
    first = at
    count, at = uint(data, at)
    client, at = uint(data, at)
    clock, at = uint(data, at)
    room -= count
    if room < 0:
        raise Refused("too-large", f"An update may hold {UPDATE_STRUCTS} structs.")
    if count == 0:
        raise ValueError("a client's section is empty")
    start = clock
    needs: list[tuple[int, int, int]] = []
    gaps: list[tuple[int, int]] = []
    for _ in range(count):
        info = data[at]
        at += 1
        kind = info & 0x1F
        if kind == 0 or kind == 10:
            if info != kind:
                raise ValueError("a gap has the flags of an item")
            length, at = uint(data, at)
            if kind:
                if gaps and gaps[-1][1] == clock:
                    gaps[-1] = (gaps[-1][0], clock + length)
                else:
                    gaps.append((clock, clock + length))
        else:
            if info & 0xC0:
                for flag in (0x80, 0x40):
                    if info & flag:
                        at = _lean(data, at, client, clock, needs)
            else:
                at = _parent(data, at, info, client, clock, needs)
            if kind == 4:  # A text, the common content: read here to save a call.
                length = data[at]
                at += 1
                if length >= 0x80:
                    length, at = more(data, at, length)
                stop = at + length
                if stop > len(data):
                    raise IndexError
                length = utf16_length(data[at:stop].decode())
                at = stop
            elif kind in CONTENT:
                length, at = CONTENT[kind](data, at)
            else:
                raise ValueError(f"content {kind} is not one that Yjs and yrs share")
        if length == 0:
            raise ValueError("a struct is empty")
        clock += length
    if clock > MAX_CLOCK:
        raise ValueError("a clock is beyond 31 bits")
    return Section(client, start, clock, tuple(needs), tuple(gaps), first, at), room


def _lean(data: bytes, at: int, client: int, clock: int, needs: list[tuple[int, int, int]]) -> int:
    """Read the id that the struct at `clock` leans on; the position after it."""
    other = data[at]
    at += 1
    if other >= 0x80:
        other, at = more(data, at, other)
    its_clock = data[at]
    at += 1
    if its_clock >= 0x80:
        its_clock, at = more(data, at, its_clock)
    if other != client:
        needs.append((clock, other, its_clock))
    elif its_clock >= clock:
        raise ValueError("a struct leans on a later one of its own client")
    return at


def _parent(data: bytes, at: int, info: int, client: int, clock: int, needs: list[tuple[int, int, int]]) -> int:
    """Read the parent of a struct without origins: a root's name or a struct's id, and perhaps a map's key."""
    named = data[at]
    at += 1
    if named == 1:
        at = _checked_text(data, at)
    elif named == 0:
        at = _lean(data, at, client, clock, needs)
    else:
        raise ValueError("a parent is neither a name nor an id")
    return _checked_text(data, at) if info & 0x20 else at


def _checked_text(data: bytes, at: int) -> int:
    """The position after a varString in strict UTF-8."""
    end = skip_bytes(data, at)
    data[at:end].decode()
    return end


def _delete_set(data: bytes, at: int) -> tuple[Range, ...]:
    """The ranges deleted; they must end where the update ends."""
    count, at = uint(data, at)
    if not count:
        if at != len(data):
            raise ValueError("bytes follow the update")
        return ()
    if count > UPDATE_CLIENTS:
        raise Refused("too-large", f"An update may delete structs of {UPDATE_CLIENTS} clients.")
    deleted: list[Range] = []
    clients: set[int] = set()
    for _ in range(count):
        client, at = uint(data, at)
        ranges, at = uint(data, at)
        clients.add(client)
        if len(deleted) + ranges > UPDATE_DELETES:
            raise Refused("too-large", f"An update may hold {UPDATE_DELETES} delete ranges.")
        for _ in range(ranges):
            clock, at = uint(data, at)
            length, at = uint(data, at)
            if length == 0 or clock + length > MAX_CLOCK:
                raise ValueError("a delete range is empty or beyond 31 bits")
            deleted.append((client, clock, clock + length))
    if len(clients) != count:
        raise ValueError("a client's deletions stand twice")
    if at != len(data):
        raise ValueError("bytes follow the update")
    return tuple(deleted)


# --- foretelling ------------------------------------------------------------------------------------------------------


def _integrate(sections: tuple[Section, ...], state_vector: Mapping[int, int]) -> dict[int, int] | None:
    """The state vector after all sections went in, or None if something of them would stay pending.

    Each section advances until it leans on a clock that is not there yet; it then sleeps until that client has
    advanced so far. Every section is woken once per need, so hostile chains between thousands of clients stay cheap.
    """
    state = dict(state_vector)
    waits = {section.client: iter(_waits(section)) for section in sections}
    asleep: dict[int, list[tuple[int, int]]] = {}
    ready = list(waits)
    unfinished = len(ready)
    while ready:
        client = ready.pop()
        for reached, other, clock in waits[client]:
            if reached > state.get(client, 0):
                state[client] = reached
            if clock >= state.get(other, 0):
                heapq.heappush(asleep.setdefault(other, []), (clock, client))
                break
        else:
            unfinished -= 1
        sleepers = asleep.get(client)
        while sleepers and sleepers[0][0] < state.get(client, 0):
            ready.append(heapq.heappop(sleepers)[1])
    return None if unfinished else state


def _waits(section: Section) -> list[tuple[int, int, int]]:
    """The section as a row of (own clock reached without it, client, clock that must be there to go on).

    The last one waits for nothing (clock -1). A gap is a wait for the section's own client: others must have filled it.
    """
    client, start, end, needs, gaps, _, _ = section
    if gaps and gaps[-1][1] == end:
        end = gaps[-1][0]
        gaps = gaps[:-1]
    waits = [*needs, *((first, client, last - 1) for first, last in gaps)]
    if gaps:
        waits.sort(key=_reached)
    if start and not (gaps and gaps[0][0] == start):
        waits.insert(0, (0, client, start - 1))
    waits.append((end, client, -1))
    return waits


def _reached(wait: tuple[int, int, int]) -> int:
    return wait[0]


# --- state vectors ----------------------------------------------------------------------------------------------------


def decode_state_vector(data: bytes) -> dict[int, int]:
    """Client id -> clock. Raises Refused('bad-frame'), since it is in sync step 1 that others send one."""
    count, at = frames.read_uint(data, 0)
    if count > UPDATE_CLIENTS:
        raise Refused("bad-frame", f"A state vector may name {UPDATE_CLIENTS} clients.")
    clocks: dict[int, int] = {}
    for _ in range(count):
        client, at = frames.read_uint(data, at)
        clock, at = frames.read_uint(data, at)
        if clock:
            clocks[client] = clock
    if at != len(data):
        raise Refused("bad-frame", "Bytes follow the state vector.")
    return clocks


def encode_state_vector(clocks: Mapping[int, int]) -> bytes:
    """The state vector in bytes, highest client id first, as Yjs writes it."""
    parts = [frames.write_uint(client) + frames.write_uint(clocks[client]) for client in sorted(clocks, reverse=True)]
    return frames.write_uint(len(parts)) + b"".join(parts)
