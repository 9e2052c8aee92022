"""Partial: the value that a JSON text has so far, while a model is still writing it.

Why: a tool's arguments arrive in pieces, and whoever shows them wants a value at every moment, not an error until the
last brace. `jiter` can do this and is a compiled dependency of the vendors' SDKs only. Rules:

- Every text has a value and nothing is raised; what is not JSON ends the reading where it begins.
- A text that is whole has its own value; of one that is not, what is there is kept: a string so far, the members so
  far. A key without a value, and half an escape, are not there yet.
- Nothing is nested deeper than `UPDATE_DEPTH`, and no number is infinite, so the value can always be written again.
"""

import json
import math
import re
from typing import Any

from .limits import UPDATE_DEPTH

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"((?:[^"\\]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None}
_ABSENT = object()


def partial_json(text: str) -> Any:
    """What the text, or the beginning of a text, says; None while it says nothing."""
    return _Reader(text).read()


class _Reader:
    """One pass over the text with a stack of its own, because Python's would overflow."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str] = []
        self._root: Any = None

    def read(self) -> Any:
        while self._value() and self._open:
            while self._open and self._closed():
                self._pop()
            if not self._open or not self._separator():
                break
        return self._root

    def _peek(self) -> str:
        sign = self._text[self._at : self._at + 1]
        if sign > " ":
            return sign
        space = _SPACE.match(self._text, self._at)
        assert space
        self._at = space.end()
        return self._text[self._at : self._at + 1]

    def _value(self) -> bool:
        """Read a value or open a container, behind its key in an object; whether there may be more."""
        while True:
            if self._open and isinstance(self._open[-1], dict) and self._peek() != "}" and not self._key():
                return False
            sign = self._peek()
            if sign not in ("{", "["):
                return True if sign in ("}", "]") and self._open else self._scalar()
            if len(self._open) >= UPDATE_DEPTH:
                return False
            self._at += 1
            made: dict[str, Any] | list[Any] = {} if sign == "{" else []
            self._put(made)
            self._open.append(made)

    def _key(self) -> bool:
        if self._peek() != '"':
            return False
        key, whole = self._string()
        if not whole or self._peek() != ":":
            return False
        self._at += 1
        self._keys.append(key)
        return True

    def _scalar(self) -> bool:
        value, whole = self._string() if self._peek() == '"' else self._bare()
        if value is not _ABSENT:
            self._put(value)
        return whole

    def _bare(self) -> tuple[Any, bool]:
        """A number or a literal, or the beginning of one."""
        found = _NUMBER.match(self._text, self._at)
        if found:
            self._at = found.end()
            return _number(found[0]), True
        for literal, value in _LITERALS.items():
            given = self._text[self._at : self._at + len(literal)]
            if given and literal.startswith(given) and (given == literal or self._at + len(given) == len(self._text)):
                self._at += len(given)
                return value, given == literal
        return _ABSENT, False

    def _string(self) -> tuple[str, bool]:
        found = _STRING.match(self._text, self._at)
        assert found
        self._at = found.end()
        whole = self._text[self._at : self._at + 1] == '"'
        self._at += whole
        said: str = json.loads(f'"{found[1]}"', strict=False)
        if not whole and "\ud800" <= said[-1:] <= "\udbff":  # The first half of a character beyond 16 bits.
            said = said[:-1]
        # A model may spell half a character, which neither JSON of ours nor a document can hold.
        return (said if said.isascii() else said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")), whole

    def _put(self, value: Any) -> None:
        if not self._open:
            self._root = value
        elif isinstance(self._open[-1], list):
            self._open[-1].append(value)
        else:
            self._open[-1][self._keys.pop()] = value

    def _closed(self) -> bool:
        return self._peek() == ("}" if isinstance(self._open[-1], dict) else "]")

    def _pop(self) -> None:
        self._at += 1
        self._open.pop()

    def _separator(self) -> bool:
        if self._peek() != ",":
            return False
        self._at += 1
        return True


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:  # It has a point or an exponent, or more digits than Python turns into a number.
        value = float(text)
        return value if math.isfinite(value) else None
