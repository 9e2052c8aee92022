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
from collections.abc import Iterable
from typing import Any

import msgspec

from .blocks import Block
from .events.documents import Move
from .frames import write_bytes, write_string, write_uint
from .items import ANY, BINARY, EMBED, FORMAT, JSON, STRING, TYPE, XML_ELEMENT, XML_HOOK, Id
from .structs import Range
from .update import deletion


class Graft:
    """An update in the making: copies under `client`, from `clock` on."""

    def __init__(self, client: int, clock: int) -> None:
        self.client = client
        self.clock = clock
        self.moved: list[Move] = []
        self._first = clock
        self._items: list[bytes] = []

    def add(self, block: Block, left: Id | None, right: Id | None, parent: str | Id, key: str | None) -> Id:
        """Copy a block to between two neighbours; without either, into that parent, perhaps under a key. The id of the
        copy's first unit."""
        info = block.kind | (0x80 if left else 0) | (0x40 if right else 0) | (0x20 if key is not None else 0)
        parts = [bytes([info]), *(_id(beside) for beside in (left, right) if beside)]
        if not left and not right:
            parts.append(b"\x01" + write_string(parent) if isinstance(parent, str) else b"\x00" + _id(parent))
            if key is not None:
                parts.append(write_string(key))
        self._items += [*parts, _content(block)]
        copy = (self.client, self.clock)
        self.moved.append((block.client, block.clock, block.length, *copy))
        self.clock += block.length
        return copy

    def update(self, deleted: Iterable[Range]) -> bytes:
        """All copies, and these deletions, as one update."""
        deletions = deletion(deleted)
        if not self.moved:
            return deletions
        head = [write_uint(number) for number in (1, len(self.moved), self.client, self._first)]
        return b"".join([*head, *self._items, deletions[1:]])


def _id(leant: Id) -> bytes:
    return write_uint(leant[0]) + write_uint(leant[1])


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
