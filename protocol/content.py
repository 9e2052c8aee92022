"""Content: what one struct of a Yjs update holds, measured without building it.

Each reader takes the update, the position after the struct's info byte and parent, and returns the content's length in
clock ticks and the position after it. Malformed bytes raise IndexError, ValueError or UnicodeDecodeError, which
`update.read` translates once.

Only what both Yjs 13.6 and yrs read alike is let through, because one struct that either of them chokes on would stop
every tab of the document for ever. Refused on these grounds:

- subdocuments (9): yrs 0.28 ends the whole process with a segmentation fault when one transaction deletes one and
  brings another, and a single guest can send that;
- yrs's moves (11) and weak links (type 7), which Yjs does not know, and XmlHook (type 5), whose name yrs does not read;
- strings that are not UTF-8, and JSON on which JSON.parse would throw;
- values nested deeper than UPDATE_DEPTH: yrs recurses, and 100,000 levels (200 KB) end the process;
- contents of length zero, which no writer makes.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from .limits import UPDATE_DEPTH

MAX_UINT = (1 << 53) - 1
MAX_CLOCK = (1 << 31) - 1
"""yrs keeps clocks in 32 bits, and some of its arithmetic is signed; no honest client gets near it."""


def more(data: bytes, at: int, value: int) -> tuple[int, int]:
    """The rest of a varUint whose first byte, just before `at`, was `value` with the high bit set.

    Each step takes back the high bit that the byte before it left in the sum; that spares a mask per byte.
    """
    byte = data[at]
    value += (byte - 1) << 7
    if byte >= 0x80:
        at += 1
        byte = data[at]
        value += (byte - 1) << 14
        shift = 14
        while byte >= 0x80:
            at += 1
            byte = data[at]
            shift += 7
            value += (byte - 1) << shift
            if shift > 49:
                raise ValueError("an integer is longer than 53 bits")
    if byte == 0:
        raise ValueError("an integer is padded with zeros")
    if value > MAX_UINT:
        raise ValueError("an integer is longer than 53 bits")
    return value, at + 1


def uint(data: bytes, at: int) -> tuple[int, int]:
    """A varUint."""
    value = data[at]
    return (value, at + 1) if value < 0x80 else more(data, at + 1, value)


def text(data: bytes, at: int) -> tuple[str, int]:
    """A varString in strict UTF-8."""
    length, at = uint(data, at)
    end = at + length
    if end > len(data):
        raise IndexError
    return data[at:end].decode(), end


def utf16_length(value: str) -> int:
    """How many clock ticks a text is long: Yjs counts UTF-16 units, whoever writes."""
    return len(value) if value.isascii() else len(value.encode("utf-16-le")) >> 1


def _deleted(data: bytes, at: int) -> tuple[int, int]:
    return uint(data, at)


def _json(data: bytes, at: int) -> tuple[int, int]:
    """Yjs's oldest content: texts of JSON, or the bare word `undefined`."""
    count, at = uint(data, at)
    for _ in range(count):
        value, at = text(data, at)
        if value != "undefined":
            _check_json(value)
    return count, at


def _binary(data: bytes, at: int) -> tuple[int, int]:
    return 1, skip_bytes(data, at)


def _embed(data: bytes, at: int) -> tuple[int, int]:
    value, at = text(data, at)
    _check_json(value)
    return 1, at


def _format(data: bytes, at: int) -> tuple[int, int]:
    _, at = text(data, at)
    return _embed(data, at)


def _type(data: bytes, at: int) -> tuple[int, int]:
    kind, at = uint(data, at)
    if kind == 3:  # An XML element has a name.
        _, at = text(data, at)
    elif kind > 6 or kind == 5:
        raise ValueError(f"type {kind} is not one that Yjs and yrs share")
    return 1, at


def _any(data: bytes, at: int) -> tuple[int, int]:
    count, at = uint(data, at)
    for _ in range(count):
        at = _skip_any(data, at, 1)
    return count, at


CONTENT: dict[int, Callable[[bytes, int], tuple[int, int]]] = {
    1: _deleted,
    2: _json,
    3: _binary,
    5: _embed,
    6: _format,
    7: _type,
    8: _any,
}
"""Content number -> its reader. GC (0) and Skip (10) are structs of their own kind, texts (4) are read where their cut
pairs are noted, and subdocuments (9) have no reader."""


def skip_bytes(data: bytes, at: int) -> int:
    """The position after a varUint8Array."""
    length, at = uint(data, at)
    end = at + length
    if end > len(data):
        raise IndexError
    return end


def _skip_any(data: bytes, at: int, depth: int) -> int:
    """The position after one lib0 `any`, whose type is its first byte, counted down from 127."""
    if depth > UPDATE_DEPTH:
        raise ValueError(f"values are nested deeper than {UPDATE_DEPTH}")
    kind = data[at]
    at += 1
    if kind == 119:
        return text(data, at)[1]
    if kind == 125:
        return _skip_int(data, at)
    if kind in (120, 121, 126, 127):
        return at
    if kind in (122, 123, 124):
        at += 4 if kind == 124 else 8
        if at > len(data):
            raise IndexError
        return at
    if kind == 116:
        return skip_bytes(data, at)
    if kind == 117:
        count, at = uint(data, at)
        for _ in range(count):
            at = _skip_any(data, at, depth + 1)
        return at
    if kind == 118:
        count, at = uint(data, at)
        for _ in range(count):
            _, at = text(data, at)
            at = _skip_any(data, at, depth + 1)
        return at
    raise ValueError(f"a value has the unknown type {kind}")


def _skip_int(data: bytes, at: int) -> int:
    """The position after a varInt: one sign bit and 6 bits, then groups of 7; at most 53 bits."""
    first = data[at]
    at += 1
    if first < 0x80:
        return at
    value = first & 0x3F
    shift = 6
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 48:
            raise ValueError("an integer is longer than 53 bits")
    if byte == 0 or value > MAX_UINT:
        raise ValueError("an integer is padded with zeros or longer than 53 bits")
    return at


def _check_json(value: str) -> None:
    """Raises ValueError unless the text is JSON that yrs and JSON.parse read, nested no deeper than UPDATE_DEPTH."""
    try:
        parsed: Any = msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"a format or an embed is not JSON: {error}") from None
    if value.count("[") + value.count("{") > UPDATE_DEPTH and _depth(parsed) > UPDATE_DEPTH:
        raise ValueError(f"values are nested deeper than {UPDATE_DEPTH}")


def _depth(value: Any) -> int:
    """How deep lists and objects are nested; level by level, so that depth costs no stack."""
    depth, level = 0, [value]
    while level := [v for v in level if isinstance(v, (list, dict))]:
        depth += 1
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]
    return depth
