"""Graft: pieces of one shared document written anew into another that grew from the same beginning, as one update.

Why: a proposal is accepted hunk by hunk. Its own structs cannot be taken one without the other, because an id's structs
come without gaps (law 11); so what is accepted is copied, under a client id of the room's and with the next clocks,
between the same neighbours. Nothing is interpreted: letters, marks, elements and values are items alike.

Rules (specs/drafts.md):

- Where a copy stands is said by ids that the other document has; a copied type's own content stands in the copy.
- `moved` says which clocks are copies of which, so that blame finds who wrote them first.

The format is that of Yjs's `UpdateEncoderV1` and lib0's `any`, as `items` reads it. JavaScript's undefined becomes
null, and a BigInt of 31 bits a number.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from .events.documents import Move
from .frames import write_bytes, write_string, write_uint
from .items import ANY, BINARY, EMBED, FORMAT, JSON, STRING, TYPE, XML_ELEMENT, XML_HOOK, Id
from .rows import Block
from .structs import Range
from .update import deletion

_COPY = -1
"""The client of an id that a copy will have: its clock counts the copies."""


class Graft:
    """An update in the making. Who writes the copies, and from which clock on, is said at the end."""

    def __init__(self) -> None:
        self._length = 0
        self._copied: list[tuple[int, int, int]] = []
        self._items: list[tuple[int, tuple[Id, ...], bytes]] = []

    def add(self, block: Block, left: Id | None, right: Id | None, parent: str | Id, key: str | None) -> Id:
        """Copy a block to between two neighbours; without either, into that parent, perhaps under a key. The id of the
        copy's first unit, to lean on."""
        info = block.kind | (0x80 if left else 0) | (0x40 if right else 0) | (0x20 if key is not None else 0)
        leant, place = tuple(beside for beside in (left, right) if beside), b""
        if not leant:
            if isinstance(parent, str):
                place = b"\x01" + write_string(parent)
            else:
                leant = (parent,)
            place += write_string(key) if key is not None else b""
        self._items.append((info, leant, place + _content(block)))
        copy = (_COPY, self._length)
        self._copied.append((block.client, block.clock, block.length))
        self._length += block.length
        return copy

    def moved(self, client: int, clock: int) -> Iterator[Move]:
        """Which units the copies are copies of."""
        for of, first, length in self._copied:
            yield (of, first, length, client, clock)
            clock += length

    def update(self, client: int, clock: int, deleted: Iterable[Range]) -> bytes:
        """All copies under `client` from `clock` on, and these deletions, as one update."""
        deletions = deletion(deleted)
        if not self._items:
            return deletions
        parts = [write_uint(number) for number in (1, len(self._items), client, clock)]
        for info, leant, rest in self._items:
            parts.append(bytes([info]))
            if not info & 0xC0 and leant:
                parts.append(b"\x00")
            for by, at in leant:
                parts.append(
                    write_uint(client) + write_uint(clock + at) if by == _COPY else write_uint(by) + write_uint(at)
                )
            parts.append(rest)
        return b"".join([*parts, deletions[1:]])


def _content(block: Block) -> bytes:
    kind = block.kind
    if kind == STRING:
        return write_string(block.text)
    if kind in (ANY, JSON):
        values = block.values
        write = _any if kind == ANY else _json
        return write_uint(len(values)) + b"".join(write(value) for value in values)
    if kind == BINARY:
        return write_bytes(block.source)
    if kind == EMBED:
        return _json(block.source)
    if kind == FORMAT:
        attribute, value = block.source
        return write_string(attribute) + _json(value)
    assert kind == TYPE, "what was shown has a place and content"
    inside = block.source
    named = write_string(inside.name) if inside.kind in (XML_ELEMENT, XML_HOOK) else b""
    return write_uint(inside.kind) + named


def _json(value: Any) -> bytes:
    return write_string(msgspec.json.encode(value).decode())


def _any(value: Any) -> bytes:
    """One lib0 `any`. How deep it nests was bounded when it came in."""
    match value:
        case None:
            return b"\x7e"
        case bool():
            return b"\x78" if value else b"\x79"
        case int() if abs(value) < 1 << 31:
            return b"\x7d" + _int(value)
        case int():
            return b"\x7a" + struct.pack(">q", value)
        case float():
            return b"\x7b" + struct.pack(">d", value)
        case str():
            return b"\x77" + write_string(value)
        case list():
            return b"\x75" + write_uint(len(value)) + b"".join(_any(each) for each in value)
        case dict():
            entries = [write_string(key) + _any(each) for key, each in value.items()]
            return b"\x76" + write_uint(len(entries)) + b"".join(entries)
        case _:
            return b"\x74" + write_bytes(value)


def _int(value: int) -> bytes:
    """A varInt: one sign bit and 6 bits, then groups of 7."""
    sign, value = (0x40, -value) if value < 0 else (0, value)
    first, rest = value & 0x3F, value >> 6
    if not rest:
        return bytes([sign | first])
    return bytes([0x80 | sign | first]) + write_uint(rest)
