"""Reshaping: making one room document into what another one says, with as little written as that takes.

Why: a log keeps the bytes that its tabs were sent, so a document of an older shape is not replaced but changed, by one
update like any other (specs/reprojection.md). What both say alike is not touched: who wrote it stays who wrote it, and
a tab is sent the difference. Rules:

- Maps are compared key by key, arrays place by place; whatever else differs is written anew.
- A text in segments is what its segments say together: how it is cut is no difference.
- Roots are maps. One that the other document does not have is emptied, since a root cannot be taken away.
"""

from hashlib import sha256
from typing import Any, cast

import msgspec
from pycrdt import Array, Doc, Map, Text

from .update import decode_state_vector


def shaping_id(history: str) -> str:
    """The id of the record that ends the history of that lineage by another shape of the room document; of a room that
    begins, or of a fork, its name stands there. The lineage is told to whoever has no key for the record."""
    return f"shaped/{history}"


def ended_lineage(record_id: str | None) -> str:
    """The lineage that the record of that id ended; empty if it was the first of its room."""
    return (record_id or "").removeprefix("shaped/")


def plain(doc: "Doc[Any]") -> dict[str, Any]:
    """What a room document of any shape says, as JSON can; roots that say nothing are left out."""
    roots = {root: _plain(doc.get(root, type=Map)) for root in sorted(doc.keys())}
    return {root: value for root, value in roots.items() if value}


def said(doc: "Doc[Any]") -> bytes:
    """The SHA-256 of what it says."""
    return sha256(msgspec.json.encode(plain(doc), order="deterministic")).digest()


def clock_of(doc: "Doc[Any]", client: int) -> int:
    """How far the document has what is written under that CRDT id."""
    return decode_state_vector(doc.get_state()).get(client, 0)


def reshape(doc: "Doc[Any]", wanted: "Doc[Any]") -> None:
    """Make the document say what is wanted. Call it in a transaction."""
    for root in sorted({*doc.keys(), *wanted.keys()}):
        _patch_map(doc.get(root, type=Map), wanted.get(root, type=Map))


def _plain(value: Any) -> Any:
    if isinstance(value, Map):
        shown = cast("Map[Any]", value)
        return {key: _plain(shown[key]) for key in sorted(shown.keys())}
    if isinstance(value, Array):
        parts = list(cast("Array[Any]", value))
        if parts and all(isinstance(part, Text) for part in parts):
            return "".join(str(part) for part in parts) or []  # As one that has no segment yet.
        return [_plain(part) for part in parts]
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, float) and value.is_integer():  # The CRDT has one kind of number.
        return int(value)
    return value


def _patch_map(shown: "Map[Any]", wanted: "Map[Any]") -> None:
    ours, theirs = set(shown.keys()), set(wanted.keys())
    for key in sorted(ours - theirs):
        del shown[key]
    for key in sorted(theirs):
        if key not in ours or not _patched(shown[key], wanted[key]):
            shown[key] = _copy(wanted[key])


def _patched(shown: Any, wanted: Any) -> bool:
    """Whether the value now says what is wanted; False if another one has to stand in its place."""
    if isinstance(shown, Map) and isinstance(wanted, Map):
        _patch_map(cast("Map[Any]", shown), cast("Map[Any]", wanted))
        return True
    if _in_segments(shown) and _in_segments(wanted):
        return _plain(shown) == _plain(wanted)
    if isinstance(shown, Array) and isinstance(wanted, Array):
        _patch_array(cast("Array[Any]", shown), cast("Array[Any]", wanted))
        return True
    return type(shown) is type(wanted) and _plain(shown) == _plain(wanted)


def _patch_array(shown: "Array[Any]", wanted: "Array[Any]") -> None:
    both = min(len(shown), len(wanted))
    for index in range(both):
        if not _patched(shown[index], wanted[index]):
            shown[index] = _copy(wanted[index])
    if len(shown) > both:
        del shown[both:]
    for index in range(both, len(wanted)):
        shown.append(_copy(wanted[index]))


def _in_segments(value: Any) -> bool:
    return isinstance(value, Array) and all(isinstance(part, Text) for part in cast("Array[Any]", value))


def _copy(value: Any) -> Any:
    """The value for another document."""
    if isinstance(value, Map):
        shown = cast("Map[Any]", value)
        return Map({key: _copy(shown[key]) for key in sorted(shown.keys())})
    if isinstance(value, Array):
        return Array([_copy(part) for part in cast("Array[Any]", value)])
    return Text(str(value)) if isinstance(value, Text) else value
