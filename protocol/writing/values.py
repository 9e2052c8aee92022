"""Values: what the maps and arrays of a document hold, read and set by path, changed no more than needed.

A path is a list of keys and of numbers, from the root on. A value is JSON; in the document its objects are Y.Maps and
its arrays are Y.Arrays, one inside the other, so that two people who change different keys of one object both succeed,
and a plain object that an editor put there becomes a map when something in it is set. Rules:

- What is equal is not written again: not a key, not an item, and a Y.Text that should read otherwise gets the words
  that differ.
- An array keeps its items by a minimal difference, and an object in it that changes stays the same map where one took
  the other's place.
- Keys are written in their order, so one edit of one document has the same bytes wherever it is made.
"""

import math
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct
from pycrdt import Array, Map, Text

from ..errors import Refused
from ..limits import PATCH_OPERATIONS, UPDATE_DEPTH, WRITTEN_CHARS
from .minimal import list_runs
from .passage import plain
from .root import Root

Step = str | int
Path = list[Step]

_DEPTH = UPDATE_DEPTH // 2


class Operation(Struct, frozen=True, forbid_unknown_fields=True):
    """One change, as in RFC 6902: `add` puts an item in before the one of that number, or sets a key; `replace` sets
    what is there; `remove` takes it out. The number -1 of an `add` means behind the last."""

    op: Literal["add", "replace", "remove"]
    path: Path
    value: Any = None


def get(root: Root, path: Path | None = None) -> Any:
    """The value at a path, as JSON; the whole root without one. Raises Refused('not-found')."""
    return _json(_at(_top(root), path or []))


def set_value(root: Root, path: Path, value: Any) -> dict[str, Any]:
    """Make the value at a path be this one, by the fewest changes. What is around it must be there already; a key need
    not. `changed` counts what was written. Raises Refused."""
    _check(value)
    top = _top(root, value, path)
    if not path:
        return {"changed": _become(top, value)}
    parent = _at(top, path[:-1])
    if isinstance(parent, Array | list):
        _index(parent, path[-1], path)
    elif not (isinstance(parent, Map | dict) and isinstance(path[-1], str)):
        raise Refused("not-found", f"{_shown(path)} cannot be set; {_has(parent)}.")
    return {"changed": _put(_settled(top, path[:-1]), path, value)}


def patch(root: Root, operations: list[Operation]) -> dict[str, Any]:
    """Carry out these operations in order, all or none: what is refused is found out before anything is written, on a
    copy of the values. `changed` counts what was written. Raises Refused."""
    if len(operations) > PATCH_OPERATIONS:
        raise Refused("too-large", f"A patch may have {PATCH_OPERATIONS} operations, and this has {len(operations)}.")
    top = _top(root, None, operations[0].path if operations else [])
    wanted = _json(top)
    for number, operation in enumerate(operations):
        _check(operation.value)
        try:
            _rehearse(wanted, operation)
        except Refused as refused:
            raise Refused(refused.code, f"Operation {number}: {refused.message} Nothing was changed.") from None
    return {"changed": sum(_carry_out(top, operation) for operation in operations)}


# --- reading ----------------------------------------------------------------------------------------------------------


def _top(root: Root, value: Any = None, path: Path | None = None) -> Any:
    """The root as what it is; an empty one as what the value or the path make of it."""
    kind = root.kind
    if kind in ("text", "rich", "foreign"):
        raise Refused("bad-request", f"The root '{root.name}' holds words, not values; read and edit it as text.")
    if kind == "array" or (kind == "empty" and (isinstance(value, list) if not path else isinstance(path[0], int))):
        return root.array
    return root.map


def _at(top: Any, path: Path) -> Any:
    found = top
    for number, step in enumerate(path):
        found = _child(found, step, path[: number + 1])
    return found


def _child(parent: Any, step: Step, path: Path) -> Any:
    if isinstance(parent, Map | dict) and isinstance(step, str) and step in parent:
        return cast(Any, parent)[step]
    if isinstance(parent, Array | list) and isinstance(step, int):
        return cast(Any, parent)[_index(parent, step, path)]
    raise Refused("not-found", f"{_shown(path)} does not exist; {_has(parent)}.")


def _index(parent: Any, step: Step, path: Path, extra: int = 0) -> int:
    """A number of the array, counted from the end if negative; one more than it has with `extra`."""
    if isinstance(step, bool) or not isinstance(step, int):
        raise Refused("not-found", f"{_shown(path)} does not exist; {_has(parent)}.")
    index = step + len(parent) + extra if step < 0 else step
    if not 0 <= index < len(parent) + extra:
        raise Refused("not-found", f"{_shown(path)} does not exist; {_has(parent)}.")
    return index


def _json(value: Any) -> Any:
    """A value of the document as JSON. yrs gives whole numbers back as floats."""
    if isinstance(value, Map):
        shared = cast(Any, value)
        return {key: _json(shared[key]) for key in sorted(shared)}
    if isinstance(value, Array):
        return [_json(value[index]) for index in range(len(value))]
    if isinstance(value, Text):
        return plain(value).text
    if isinstance(value, dict):
        return {key: _json(cast(Any, value)[key]) for key in sorted(cast(Any, value))}
    if isinstance(value, list):
        return [_json(item) for item in cast(list[Any], value)]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, str | int | float | bool | None) else f"<{type(value).__name__}>"


def _shown(path: Path) -> str:
    return msgspec.json.encode(path).decode()


def _has(value: Any) -> str:
    """What there is instead, so that whoever misspelt a key need not ask again."""
    if isinstance(value, Map | dict):
        keys = sorted(cast(Any, value))
        more = f" and {len(keys) - 20} more" if len(keys) > 20 else ""
        return f"the object has the keys {', '.join(keys[:20])}{more}" if keys else "the object is empty"
    if isinstance(value, Array | list):
        return f"the array has {len(cast(Any, value))} items, the first is 0"
    return "what is above it is neither an object nor an array"


# --- writing ----------------------------------------------------------------------------------------------------------


def _check(value: Any, depth: int = 0) -> None:
    """Refuse what cannot be written: too deep, too long, or no JSON."""
    if depth > _DEPTH:
        raise Refused("too-large", f"A value may be nested {_DEPTH} deep.")
    if isinstance(value, dict):
        for key, item in cast(dict[Any, Any], value).items():
            if not isinstance(key, str):
                raise Refused("bad-request", "The keys of an object are strings.")
            _check(key, depth)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            _check(item, depth + 1)
    elif isinstance(value, str):
        if len(value) > WRITTEN_CHARS:
            raise Refused("too-large", f"A string may have {WRITTEN_CHARS} characters.")
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise Refused("bad-request", "A string holds half a character (a lone surrogate).")
    elif isinstance(value, float) and not math.isfinite(value):
        raise Refused("bad-request", "A number is infinite or not one.")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        raise Refused("bad-request", "A whole number beyond 2^53 is not one in browsers; write it as a string.")


def _carry_out(top: Any, operation: Operation) -> int:
    if not operation.path:
        return _become(top, operation.value)
    parent, step = _at(top, operation.path[:-1]), operation.path[-1]
    match operation.op:
        case "remove":
            holder = _settled(top, operation.path[:-1])
            del holder[_index(holder, step, operation.path) if isinstance(holder, Array) else step]
            return 1
        case "add" if isinstance(parent, Array | list):
            holder = _settled(top, operation.path[:-1])
            holder.insert(_index(holder, step, operation.path, extra=1), _made(operation.value))
            return 1
        case _:
            return _put(_settled(top, operation.path[:-1]), operation.path, operation.value)


def _settled(top: Any, path: Path) -> Any:
    """What is at the path, as a shared type: a plain object or array on the way becomes one."""
    found: Any = top
    for number, step in enumerate(path):
        child = _child(found, step, path[: number + 1])
        if isinstance(child, dict | list):
            key: Any = step if isinstance(step, str) else _index(found, step, path)
            found[key] = _made(_json(child))
            child = found[key]
        found = child
    return found


def _put(parent: Any, path: Path, value: Any) -> int:
    """Set a key or a numbered item of `parent`, a map or an array which is at `path[:-1]`."""
    step = path[-1]
    if isinstance(parent, Array):
        return _replace(parent, _index(parent, step, path), value)
    if step in parent:
        return _replace(parent, step, value)
    parent[step] = _made(value)
    return 1


def _replace(parent: Any, key: Step, value: Any) -> int:
    """Make what is there be the value, and count what was written."""
    was = parent[key]
    fits = (isinstance(was, Map) and isinstance(value, dict)) or (isinstance(was, Array) and isinstance(value, list))
    if fits:
        return _become(was, value)
    if isinstance(was, Text) and isinstance(value, str):
        passage = plain(was)
        return 1 if passage.replace(0, len(passage.text), value) else 0
    if _equal(_json(was), value):
        return 0
    parent[key] = _made(value)
    return 1


def _become(shared: Any, value: Any) -> int:
    """Make a map or an array hold the value; how much was written."""
    if isinstance(shared, Map) and isinstance(value, dict):
        wanted = cast(dict[str, Any], value)
        gone = [key for key in sorted(cast(Any, shared)) if key not in wanted]
        for key in gone:
            del shared[key]
        return len(gone) + sum(_put(shared, [key], wanted[key]) for key in sorted(wanted))
    if isinstance(shared, Array) and isinstance(value, list):
        return _become_list(cast(Any, shared), cast(list[Any], value))
    kinds = ("an object", "an array") if isinstance(shared, Map) else ("an array", "an object")
    raise Refused("bad-request", f"The root holds {kinds[0]} and cannot become {kinds[1]} or a single value.")


def _become_list(shared: Any, wanted: list[Any]) -> int:
    changed = 0
    old, new = [_canonical(_json(shared[i])) for i in range(len(shared))], [_canonical(_json(each)) for each in wanted]
    for i, j, k, m in reversed(list_runs(old, new)):
        both = min(j - i, m - k)
        changed += (j - i) + (m - k) - 2 * both
        if j - i > both:
            del shared[i + both : j]
        for number in range(m - 1, k + both - 1, -1):
            shared.insert(i + both, _made(wanted[number]))
        for number in range(both - 1, -1, -1):
            changed += _replace(shared, i + number, wanted[k + number])
    return changed


def _made(value: Any) -> Any:
    """A JSON value as what is put into the document: nested types, never plain objects, whose bytes differ."""
    if isinstance(value, dict):
        items = cast(dict[str, Any], value)
        return Map({key: _made(items[key]) for key in sorted(items)})
    if isinstance(value, list):
        return Array([_made(item) for item in cast(list[Any], value)])
    return value


def _canonical(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _equal(one: Any, other: Any) -> bool:
    """1 and true are equal in Python and two things in JSON."""
    return _canonical(one) == _canonical(_json(other))


def _rehearse(wanted: Any, operation: Operation) -> None:
    """Carry the operation out on plain JSON, so that what cannot be is found before anything is written."""
    path = operation.path
    if not path:
        if operation.op != "replace" or not isinstance(operation.value, type(wanted)):
            raise Refused("bad-request", "The root itself can only be replaced, by a value of its own kind.")
        wanted.clear()
        if isinstance(wanted, dict):
            wanted.update(_json(operation.value))
        else:
            wanted.extend(_json(operation.value))
        return
    parent, step = _at(wanted, path[:-1]), path[-1]
    value = _json(operation.value)
    if isinstance(parent, list):
        index = _index(parent, step, path, extra=operation.op == "add")
        items = cast(list[Any], parent)
        if operation.op == "add":
            items.insert(index, value)
        elif operation.op == "remove":
            del items[index]
        else:
            items[index] = value
    elif isinstance(parent, dict) and isinstance(step, str) and (operation.op == "add" or step in parent):
        if operation.op == "remove":
            del parent[step]
        else:
            parent[step] = value
    else:
        raise Refused("not-found", f"{_shown(path)} does not exist; {_has(parent)}.")
