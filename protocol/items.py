"""Items: what a Yjs update (version 1) holds, decoded whole: every struct with its content, and the deleted ranges.

Why: `protocol/structs` measures an update in 2 µs, for the room's pass, and builds nothing. Looking back needs what it
skips: where each struct was put and what it says. So this is the slower, complete reader, for `protocol/history`.

Rules (specs/attribution.md):

- It reads what `update.read` accepts, which is all that a log holds. It must not be given other bytes.
- Lengths and clocks are UTF-16 units, as in Yjs. Nothing is interpreted: a format mark is an item like a letter.

The format is that of Yjs's `UpdateEncoderV1` and lib0's `any`.
"""

import struct
from typing import Any

import msgspec
from msgspec import Struct

from .content import more, skip_bytes, text, uint, utf16_length
from .structs import Range, read_delete_set

GC, DELETED, JSON, BINARY, STRING, EMBED, FORMAT, TYPE, ANY, SKIP = 0, 1, 2, 3, 4, 5, 6, 7, 8, 10
"""What an item holds, by Yjs's numbers. A collected struct (GC) has lost its place, a deleted one its content."""

ARRAY, MAP, TEXT, XML_ELEMENT, XML_FRAGMENT, XML_HOOK, XML_TEXT = range(7)
"""The kinds of a shared type, by Yjs's numbers."""

Id = tuple[int, int]
"""A client and a clock: the name of one character, value or mark for ever."""


class TypeRef(Struct, frozen=True, gc=False):
    """That an item is a shared type: its kind, and an XML element's name."""

    kind: int
    name: str = ""


class Item(Struct, frozen=True, gc=False):
    """One struct of an update.

    It was put between `origin` and `right_origin`; if it has neither, into `parent` (a root's name or the id of the
    item that is a type), there perhaps under a map's `key`. By `kind`, `value` is: a str (STRING), the bytes (BINARY),
    a list of as many values as the item is long (ANY, JSON), one plain value (EMBED), a pair of attribute and value
    (FORMAT), a TypeRef (TYPE); else None.
    """

    client: int
    clock: int
    length: int
    kind: int
    value: Any
    origin: Id | None = None
    right_origin: Id | None = None
    parent: str | Id | None = None
    key: str | None = None


def decode(data: bytes) -> tuple[list[list[Item]], tuple[Range, ...]]:
    """The items of an update, one list for each client in the order of the bytes, and the ranges that it deletes."""
    count, at = uint(data, 0)
    sections: list[list[Item]] = []
    for _ in range(count):
        section, at = _section(data, at)
        sections.append(section)
    return sections, read_delete_set(data, at, len(data), len(data))


def _section(data: bytes, at: int) -> tuple[list[Item], int]:
    count, at = uint(data, at)
    client, at = uint(data, at)
    clock, at = uint(data, at)
    items: list[Item] = []
    for _ in range(count):
        info = data[at]
        at += 1
        kind = info & 0x1F
        origin = right_origin = parent = key = None
        if kind in (GC, SKIP):
            length, at = uint(data, at)
            items.append(Item(client, clock, length, kind, None))
            clock += length
            continue
        if info & 0xC0:
            if info & 0x80:
                origin, at = _id(data, at)
            if info & 0x40:
                right_origin, at = _id(data, at)
        else:
            parent, key, at = _parent(data, at, info)
        if kind == STRING:
            value, at = text(data, at)
            length = utf16_length(value)
        else:
            length, value, at = _content(data, at, kind)
        items.append(Item(client, clock, length, kind, value, origin, right_origin, parent, key))
        clock += length
    return items, at


def _id(data: bytes, at: int) -> tuple[Id, int]:
    client = data[at]
    at += 1
    if client >= 0x80:
        client, at = more(data, at, client)
    clock = data[at]
    at += 1
    if clock >= 0x80:
        clock, at = more(data, at, clock)
    return (client, clock), at


def _parent(data: bytes, at: int, info: int) -> tuple[str | Id, str | None, int]:
    parent: str | Id
    parent, at = text(data, at + 1) if data[at] == 1 else _id(data, at + 1)
    if not info & 0x20:
        return parent, None, at
    key, at = text(data, at)
    return parent, key, at


def _content(data: bytes, at: int, kind: int) -> tuple[int, Any, int]:
    """The length, the value and the position after it."""
    if kind in (ANY, JSON):
        count, at = uint(data, at)
        values: list[Any] = []
        for _ in range(count):
            value, at = _any(data, at) if kind == ANY else _json(data, at)
            values.append(value)
        return count, values, at
    if kind == DELETED:
        length, at = uint(data, at)
        return length, None, at
    if kind == TYPE:
        number, at = uint(data, at)
        name, at = text(data, at) if number in (XML_ELEMENT, XML_HOOK) else ("", at)
        return 1, TypeRef(number, name), at
    if kind == FORMAT:
        attribute, at = text(data, at)
        value, at = _json(data, at)
        return 1, (attribute, value), at
    if kind == EMBED:
        value, at = _json(data, at)
        return 1, value, at
    if kind == BINARY:
        value, at = _bytes(data, at)
        return 1, value, at
    raise ValueError(f"content {kind} is not one that Yjs and yrs share")


def _json(data: bytes, at: int) -> tuple[Any, int]:
    said, at = text(data, at)
    return (None if said == "undefined" else msgspec.json.decode(said)), at


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    end = skip_bytes(data, at)
    return data[uint(data, at)[1] : end], end


_CONSTANTS = {120: True, 121: False, 126: None, 127: None}
_NUMBERS = {122: struct.Struct(">q"), 123: struct.Struct(">d"), 124: struct.Struct(">f")}


def _any(data: bytes, at: int) -> tuple[Any, int]:
    """One lib0 `any`; JavaScript's undefined is None, as null is. `update.read` has bounded how deep they nest."""
    kind = data[at]
    at += 1
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    if kind in _NUMBERS:
        number = _NUMBERS[kind]
        if at + number.size > len(data):
            raise IndexError
        return number.unpack_from(data, at)[0], at + number.size
    if kind == 119:
        return text(data, at)
    if kind == 125:
        return _int(data, at)
    if kind == 116:
        return _bytes(data, at)
    if kind not in (117, 118):
        raise ValueError(f"a value has the unknown type {kind}")
    count, at = uint(data, at)
    values: list[Any] = []
    keys: list[str] = []
    for _ in range(count):
        if kind == 118:
            key, at = text(data, at)
            keys.append(key)
        value, at = _any(data, at)
        values.append(value)
    return (values if kind == 117 else dict(zip(keys, values, strict=True))), at


def _int(data: bytes, at: int) -> tuple[int, int]:
    """A varInt: one sign bit and 6 bits, then groups of 7."""
    first = data[at]
    value, shift, byte = first & 0x3F, 6, first
    at += 1
    while byte >= 0x80:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return (-value if first & 0x40 else value), at
