"""Structs: the two halves of a Yjs update, its clients' sections and its delete set, read without building anything.

The format is that of Yjs's `UpdateEncoderV1`. Malformed bytes raise IndexError or ValueError, which `update.read`
translates once. The common update, one token into one text, is read in about 2 µs; hence the inlined integers in
`_section`, and no object per struct.
"""

from collections.abc import Iterator

from msgspec import Struct

from .content import CONTENT, MAX_CLOCK, more, skip_bytes, uint, utf16_length
from .errors import Refused

Range = tuple[int, int, int]
"""A client, its first clock, and the clock after its last."""

FORWARD = "a struct leans on a later one of its own client"


class Section(Struct, frozen=True, gc=False):
    """What one client wrote of an update.

    The structs cover the clocks from `start` to before `end`, except `gaps` (pairs of clocks), which they leave out.
    `needs` are (own clock, other client, that client's clock): the struct at `own clock` leans on the other one.
    `cuts` are (client, clock): between that clock and the one before it, something is inserted. `pairs` are the clocks
    of the second halves of surrogate pairs in the texts. The section's bytes are `data[first:last]`.
    """

    client: int
    start: int
    end: int
    needs: tuple[tuple[int, int, int], ...]
    gaps: tuple[tuple[int, int], ...]
    cuts: tuple[tuple[int, int], ...]
    pairs: tuple[int, ...]
    first: int
    last: int


def read_sections(data: bytes, room: int, clients: int) -> tuple[tuple[Section, ...], int]:
    """Every client's section, and the position after the last; at most so many structs of so many clients."""
    count, at = data[0], 1
    if count >= 0x80:
        count, at = more(data, at, count)
    if count == 1:
        section = _section(data, at, room)[0]
        return (section,), section.last
    if count > clients:
        raise Refused("too-large", f"An update may hold structs of {clients} clients.")
    sections: list[Section] = []
    for _ in range(count):
        section, room = _section(data, at, room)
        sections.append(section)
        at = section.last
    if count and len({s.client for s in sections}) != count:
        raise ValueError("a client has two sections")
    return tuple(sections), at


def _section(data: bytes, at: int, room: int) -> tuple[Section, int]:
    """One client's structs, of which at most `room` are taken, and what is left of that room."""
    first = at
    count, at = uint(data, at)
    own_at = at
    client = data[at]
    at += 1
    if client >= 0x80:
        client, at = more(data, at, client)
    own = data[own_at:at]
    clock = data[at]
    at += 1
    if clock >= 0x80:
        clock, at = more(data, at, clock)
    room -= count
    if room < 0:
        raise Refused("too-large", "An update holds too many structs.")
    if count == 0:
        raise ValueError("a client's section is empty")
    start = clock
    needs: list[tuple[int, int, int]] = []
    gaps: list[tuple[int, int]] = []
    cuts: list[tuple[int, int]] = []
    pairs: list[int] = []
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
                if info & 0x80:
                    # What one types follows what one typed: the client is compared, not decoded.
                    if data.startswith(own, at):
                        at += len(own)
                        origin = data[at]
                        at += 1
                        if origin >= 0x80:
                            origin, at = more(data, at, origin)
                        if origin >= clock:
                            raise ValueError(FORWARD)
                        cuts.append((client, origin + 1))
                    else:
                        at, other, origin = _lean(data, at, client, clock, needs)
                        cuts.append((other, origin + 1))
                if info & 0x40:
                    at, other, origin = _lean(data, at, client, clock, needs)
                    cuts.append((other, origin))
            else:
                at = _parent(data, at, info, client, clock, needs)
            if kind == 4:  # A text, the common content.
                length, at = _text(data, at, clock, pairs)
            elif kind in CONTENT:
                length, at = CONTENT[kind](data, at)
            else:
                raise ValueError(f"content {kind} is not one that Yjs and yrs share")
        if length == 0:
            raise ValueError("a struct is empty")
        clock += length
    if clock > MAX_CLOCK:
        raise ValueError("a clock is beyond 31 bits")
    return Section(client, start, clock, tuple(needs), tuple(gaps), tuple(cuts), tuple(pairs), first, at), room


def _lean(data: bytes, at: int, client: int, clock: int, needs: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Read the id that the struct at `clock` leans on: the position after it, its client, its clock."""
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
        raise ValueError(FORWARD)
    return at, other, its_clock


def _text(data: bytes, at: int, clock: int, pairs: list[int]) -> tuple[int, int]:
    """Read a text's content: its length in clock ticks, which are UTF-16 units, and the position after it."""
    length = data[at]
    at += 1
    if length >= 0x80:
        length, at = more(data, at, length)
    end = at + length
    if end > len(data):
        raise IndexError
    value = data[at:end].decode()
    if value.isascii():
        return length, end
    length = utf16_length(value)
    if length != len(value):
        pairs.extend(_pairs(value, clock))
    return length, end


def _pairs(value: str, clock: int) -> Iterator[int]:
    """The clocks of the second halves of a text's surrogate pairs."""
    for char in value:
        clock += 1
        if char > "\uffff":
            yield clock
            clock += 1


def _parent(data: bytes, at: int, info: int, client: int, clock: int, needs: list[tuple[int, int, int]]) -> int:
    """Read the parent of a struct without origins: a root's name or a struct's id, and perhaps a map's key."""
    named = data[at]
    at += 1
    if named == 1:
        at = _checked_text(data, at)
    elif named == 0:
        at, _, _ = _lean(data, at, client, clock, needs)
    else:
        raise ValueError("a parent is neither a name nor an id")
    return _checked_text(data, at) if info & 0x20 else at


def _checked_text(data: bytes, at: int) -> int:
    """The position after a varString in strict UTF-8."""
    end = skip_bytes(data, at)
    data[at:end].decode()
    return end


def read_delete_set(data: bytes, at: int, room: int, clients: int) -> tuple[Range, ...]:
    """The ranges deleted, at most so many of so many clients; they must end where the update ends."""
    count, at = uint(data, at)
    if not count:
        if at != len(data):
            raise ValueError("bytes follow the update")
        return ()
    if count > clients:
        raise Refused("too-large", f"An update may delete structs of {clients} clients.")
    deleted: list[Range] = []
    deleters: set[int] = set()
    for _ in range(count):
        client = data[at]
        at += 1
        if client >= 0x80:
            client, at = more(data, at, client)
        ranges, at = uint(data, at)
        deleters.add(client)
        if len(deleted) + ranges > room:
            raise Refused("too-large", f"An update may hold {room} delete ranges.")
        for _ in range(ranges):
            clock = data[at]
            at += 1
            if clock >= 0x80:
                clock, at = more(data, at, clock)
            length = data[at]
            at += 1
            if length >= 0x80:
                length, at = more(data, at, length)
            if length == 0 or clock + length > MAX_CLOCK:
                raise ValueError("a delete range is empty or beyond 31 bits")
            deleted.append((client, clock, clock + length))
    if len(deleters) != count:
        raise ValueError("a client's deletions stand twice")
    if at != len(data):
        raise ValueError("bytes follow the update")
    return tuple(deleted)
