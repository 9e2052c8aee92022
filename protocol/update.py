"""Update: reads a Yjs update (version 1) without applying it: what it inserts, what it needs, what it deletes.

Why: pycrdt applies an update with missing dependencies without an error, an event or a trace in its encoding, and every
further one then costs more (law 11). So before anything is applied, the room asks here whether an update fits whole.
The same reading says whose structs it holds (law 4) and, for blame, what a record inserted and deleted (law 2).

Rules (specs/update.md):

- A reading is exact or it is refused: what `read` accepts, Yjs 13.6 and yrs both decode.
- A struct needs its origins and its parent. On its own client's structs it may lean only backwards; what it needs of
  other clients must be in the document or come, in some order, in the same update.
- `without` copies byte ranges and never encodes a struct again, so what is kept is what the tab sent.

- An update that cuts a surrogate pair in two is never applied (`splits`): yrs counts wrong from there on.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from . import frames
from .content import uint
from .errors import Refused
from .limits import UPDATE_CLIENTS, UPDATE_DELETES, UPDATE_STRUCTS
from .structs import Range, Section, read_delete_set, read_sections


class Update(Struct, frozen=True, gc=False):
    """A decoded update: its bytes, its sections in the order of the bytes, and the ranges that it deletes."""

    data: bytes
    sections: tuple[Section, ...]
    deleted: tuple[Range, ...]
    deleted_at: int

    @property
    def inserted(self) -> tuple[Range, ...]:
        """The clock ranges that the update holds structs for, whether or not the document has them already."""
        sections = self.sections
        if not sections:
            return ()
        if len(sections) == 1 and not sections[0].gaps:
            return ((sections[0].client, sections[0].start, sections[0].end),)
        ranges: list[Range] = []
        for section in sections:
            at = section.start
            for gap_start, gap_end in section.gaps:
                if gap_start > at:
                    ranges.append((section.client, at, gap_start))
                at = gap_end
            if section.end > at:
                ranges.append((section.client, at, section.end))
        return tuple(ranges)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Where a text must not be cut: (client, clock) of the second half of each surrogate pair inserted."""
        sections = self.sections
        if not sections or (len(sections) == 1 and not sections[0].pairs):
            return ()
        return tuple((section.client, clock) for section in sections for clock in section.pairs)


def read(data: bytes, *, own: bool = False) -> Update:
    """Decode an update of version 1. Raises Refused('bad-update'), or 'too-large' beyond the UPDATE_ limits.

    The limits do not hold for our `own` bytes, such as a whole document's, which grew from many updates.
    """
    try:
        if own:
            sections, at = read_sections(data, len(data), len(data))
            return Update(data, sections, read_delete_set(data, at, len(data), len(data)), at)
        sections, at = read_sections(data, UPDATE_STRUCTS, UPDATE_CLIENTS)
        return Update(data, sections, read_delete_set(data, at, UPDATE_DELETES, UPDATE_CLIENTS), at)
    except IndexError:
        raise Refused("bad-update", "The update is truncated.") from None
    except ValueError as error:
        raise Refused("bad-update", f"The update is malformed: {error}.") from None


def fits(update: Update, state_vector: Mapping[int, int]) -> bool:
    """Whether a document with that state vector would integrate all of it and leave nothing pending.

    An update of which the document knows the first half of a surrogate pair does not fit either: see `splits`.
    """
    sections = update.sections
    if not sections:
        return _there(update.deleted, state_vector)
    if len(sections) != 1 or sections[0].gaps:
        after = _integrate(sections, state_vector)
        return after is not None and _there(update.deleted, after)
    section = sections[0]
    known = state_vector.get(section.client, 0)
    if section.start > known or known in section.pairs:
        return False
    for _, other, clock in section.needs:
        if clock >= state_vector.get(other, 0):
            return False
    for client, _, stop in update.deleted:
        if stop > state_vector.get(client, 0) and (client != section.client or stop > section.end):
            return False
    return True


def splits(update: Update, pairs: Collection[tuple[int, int]]) -> bool:
    """Whether the update cuts a surrogate pair in two, of the document's (`pairs`) or of its own.

    A browser may do so, and puts two replacement characters in its place; yrs moves every later clock of the struct by
    one instead, so the document is silently another one from then on. Such an update must not be applied.
    """
    own = update.pairs
    if not own and not pairs:
        return False
    own = frozenset(own)
    for section in update.sections:
        for cut in section.cuts:
            if cut in pairs or cut in own:
                return True
    for client, start, stop in update.deleted:
        if (client, start) in pairs or (client, stop) in pairs or (client, start) in own or (client, stop) in own:
            return True
    return False


def new_clients(update: Update, state_vector: Mapping[int, int]) -> tuple[int, ...]:
    """The clients under whose ids the update holds structs that a document with that state vector lacks."""
    sections = update.sections
    if not sections:
        return ()
    if len(sections) == 1 and not sections[0].gaps:
        only = sections[0]
        return (only.client,) if only.end > state_vector.get(only.client, 0) else ()
    new = {client for client, _, end in update.inserted if end > state_vector.get(client, 0)}
    return tuple(s.client for s in sections if s.client in new)


def lone(update: Update, state_vector: Mapping[int, int]) -> Section | None:
    """The section of what people send most: one client goes on at its clock with one struct, beside one that is there,
    and deletes nothing. None for every other update."""
    sections = update.sections
    if len(sections) != 1 or update.deleted:
        return None
    only = sections[0]
    one = update.data[only.first] == 1 and only.cuts and not only.gaps
    return only if one and only.start == state_vector.get(only.client, 0) else None


def writers(data: bytes) -> tuple[int, ...]:
    """The clients that one of our own updates holds structs of; of most it is one, and then no more is read."""
    if data[0] == 1:
        _, at = uint(data, 1)
        return (uint(data, at)[0],)
    return tuple([section.client for section in read(data, own=True).sections])


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


def deletion(ranges: Iterable[Range]) -> bytes:
    """An update that deletes these clocks and inserts nothing."""
    return b"\x00" + id_set(ranges)


def id_set(ranges: Iterable[Range]) -> bytes:
    """Clocks in the bytes of a delete set, highest client id first, as Yjs writes it."""
    of: dict[int, list[Range]] = {}
    for one in ranges:
        of.setdefault(one[0], []).append(one)
    parts = [frames.write_uint(len(of))]
    for client in sorted(of, reverse=True):
        parts += [frames.write_uint(client), frames.write_uint(len(of[client]))]
        parts += [frames.write_uint(start) + frames.write_uint(end - start) for _, start, end in sorted(of[client])]
    return b"".join(parts)


# --- foretelling ------------------------------------------------------------------------------------------------------


def _there(deleted: tuple[Range, ...], clocks: Mapping[int, int]) -> bool:
    """Whether all that is to be deleted is in a document with these clocks."""
    return not deleted or all(stop <= clocks.get(client, 0) for client, _, stop in deleted)


def _integrate(sections: tuple[Section, ...], state_vector: Mapping[int, int]) -> dict[int, int] | None:
    """The state vector after all sections went in, or None if something of them would stay pending.

    Each section advances until it leans on a clock that is not there yet; it then sleeps until that client has
    advanced so far. Every section is woken once per need, so hostile chains between thousands of clients stay cheap.
    """
    if any(s.pairs and state_vector.get(s.client, 0) in s.pairs for s in sections):
        return None
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
    client, start, end, gaps = section.client, section.start, section.end, section.gaps
    if gaps and gaps[-1][1] == end:
        end = gaps[-1][0]
        gaps = gaps[:-1]
    waits = [*section.needs, *((first, client, last - 1) for first, last in gaps)]
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
