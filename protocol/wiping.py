"""Wiping: a Yjs update (version 1) without some of its content, so that all that leans on it still finds its place.

Why: what somebody wrote has to leave the log, and what others wrote beside it has to stay (specs/erasure.md). A
struct's id, length, neighbours and parent are kept to the byte; its content becomes a deletion of the same length, as
Yjs itself writes what it collected, or other plain values. So state vectors stay, nothing is pending, order stays.

It reads what `update.read` accepts, which is all that a log holds. It must not be given other bytes.
"""

from collections.abc import Callable
from typing import Any

from .content import CONTENT, skip_bytes, uint, utf16_length
from .frames import write_string, write_uint
from .items import ANY, DELETED, GC, SKIP, STRING, TYPE

Choice = list[str] | bool
"""What becomes of some units: kept (False), deleted (True), or these strings instead, one for each."""

Choose = Callable[[int, int, int, int], tuple[int, Choice]]
"""Given client, clock, length and kind of what is left of a struct: of how many units it speaks, and what it chose."""


def wiped(update: bytes, choose: Choose) -> bytes:
    """The update without what `choose` does not keep. Types and what is deleted already are not asked about."""
    count, at = uint(update, 0)
    parts = [write_uint(count)]
    for _ in range(count):
        section, at = _section(update, at, choose)
        parts.append(section)
    parts.append(update[at:])
    return b"".join(parts)


def _section(data: bytes, at: int, choose: Choose) -> tuple[bytes, int]:
    count, at = uint(data, at)
    client, at = uint(data, at)
    clock, at = uint(data, at)
    head = write_uint(client) + write_uint(clock)
    parts: list[bytes] = []
    for _ in range(count):
        first, info = at, data[at]
        kind = info & 0x1F
        if kind in (GC, SKIP):
            length, at = uint(data, at + 1)
            parts.append(data[first:at])
            clock += length
            continue
        placed = _placed(data, at + 1, info)
        if kind == STRING:
            at = skip_bytes(data, placed)
            _, begun = uint(data, placed)
            length = utf16_length(data[begun:at].decode())
        else:
            length, at = CONTENT[kind](data, placed)
        if kind in (TYPE, DELETED):
            parts.append(data[first:at])
        else:
            parts += _pieces(data, client, clock, length, (first, placed, at), choose)
        clock += length
    return write_uint(len(parts)) + head + b"".join(parts), at


def _placed(data: bytes, at: int, info: int) -> int:
    """The position after what says where a struct stands: its origins, or its parent and key."""
    if info & 0xC0:
        for flag in (0x80, 0x40):
            if info & flag:
                at = uint(data, uint(data, at)[1])[1]
        return at
    at = skip_bytes(data, at + 1) if data[at] == 1 else uint(data, uint(data, at + 1)[1])[1]
    return skip_bytes(data, at) if info & 0x20 else at


def _pieces(
    data: bytes, client: int, clock: int, length: int, places: tuple[int, int, int], choose: Choose
) -> list[bytes]:
    """One struct as the structs that it becomes; as it was, if all of it is kept."""
    first, placed, end = places
    kind = data[first] & 0x1F
    found: list[tuple[int, int, Choice]] = []
    at = 0
    while at < length:
        said, choice = choose(client, clock + at, length - at, kind)
        step = min(said, length - at)
        if found and choice == found[-1][2] and not isinstance(choice, list):
            found[-1] = (found[-1][0], at + step, choice)
        else:
            found.append((at, at + step, choice))
        at += step
    if all(choice is False for _, _, choice in found):
        return [data[first:end]]
    pieces: list[bytes] = []
    for start, stop, choice in found:
        new = kind if choice is False else DELETED if choice is True else ANY
        content = _content(data, placed, kind, start, stop, choice)
        if start == 0:
            pieces.append(bytes([data[first] & 0xE0 | new]) + data[first + 1 : placed] + content)
        else:  # As Yjs writes what it cut in two: behind the unit before it, before the same neighbour.
            place, right = _right(data, first, placed)
            origin = write_uint(client) + write_uint(clock + start - 1)
            pieces.append(bytes([0x80 | right | new]) + origin + place + content)
    return pieces


def _right(data: bytes, first: int, placed: int) -> tuple[bytes, int]:
    """The bytes of a struct's right origin, and its flag; nothing where it has none."""
    info = data[first]
    if not info & 0x40:
        return b"", 0
    at = first + 1
    if info & 0x80:
        at = uint(data, uint(data, at)[1])[1]
    return data[at:placed], 0x40


def _content(data: bytes, at: int, kind: int, start: int, stop: int, choice: Choice) -> bytes:
    """The content of that part of a struct, in bytes."""
    if choice is True:
        return write_uint(stop - start)
    if isinstance(choice, list):
        return write_uint(len(choice)) + b"".join(b"\x77" + write_string(each) for each in choice)
    if kind == STRING:
        end = skip_bytes(data, at)
        units = data[uint(data, at)[1] : end].decode().encode("utf-16-le")
        return write_string(units[2 * start : 2 * stop].decode("utf-16-le"))
    length, end = CONTENT[kind](data, at)
    if (start, stop) == (0, length):
        return data[at:end]
    values, _ = _values(data, at, kind)
    return write_uint(stop - start) + b"".join(values[start:stop])


def _values(data: bytes, at: int, kind: int) -> tuple[list[bytes], Any]:
    """The values of a run of them (ANY or JSON), each in its bytes."""
    count, at = uint(data, at)
    values: list[bytes] = []
    for _ in range(count):
        one = CONTENT[kind](b"\x01" + data[at:], 0)[1] - 1
        values.append(data[at : at + one])
        at += one
    return values, at
