"""What a JSON text says so far: a value at every moment, and at the end its own."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol.limits import UPDATE_DEPTH
from plait.protocol.partial import partial_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def beginning(part: Any, whole: Any) -> bool:
    """Whether the one value is the other one so far."""
    match part, whole:
        case dict(), dict():
            return list(part) == list(whole)[: len(part)] and all(beginning(part[key], whole[key]) for key in part)
        case list(), list():
            return len(part) <= len(whole) and all(map(beginning, part, whole))
        case str(), str():
            return whole.startswith(part)
        case (bool() | None, _) | (_, bool() | None):
            return part is whole or part is None
        case _:
            return isinstance(part, int | float) and isinstance(whole, int | float)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_every_prefix_has_a_value(value: Any, plain: bool, indent: int | None) -> None:
    """CC21: every beginning of every JSON text is the beginning of its value, and the whole text is its value."""
    text = json.dumps(value, ensure_ascii=plain, indent=indent)
    assert partial_json(text) == value
    for end in range(len(text)):
        part = partial_json(text[:end])
        assert beginning(part, value), (text[:end], part)
        msgspec.json.encode(part)


@given(st.text(alphabet='{}[]",:\\u0dDeEtrufalsn1-+. \n', max_size=60) | st.text())
def test_nothing_is_raised(text: str) -> None:
    """CC21: what is no JSON has a value as well, which can be written as JSON."""
    msgspec.json.encode(partial_json(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("{", {}),
        ('{"to"', {}),
        ('{"to":', {}),
        ('{"to": "te', {"to": "te"}),
        ('{"to": "a\\', {"to": "a"}),
        ('{"to": "a\\u00e', {"to": "a"}),
        ('{"to": "\\ud83d', {"to": ""}),
        ('{"to": "\\ud800', {"to": ""}),
        ('{"to": "\\udbff', {"to": ""}),
        ('{"to": "\\udc00', {"to": "�"}),
        ('{"to": "\\ud7ff', {"to": "\ud7ff"}),
        ('{"to": "\\ud83d\\ude00', {"to": "😀"}),
        ('{"to": "\\ud83d"', {"to": "�"}),
        ('{"to": "line\nbreak"}', {"to": "line\nbreak"}),
        ('{"n": -', {}),
        ('{"n": 12.', {"n": 12}),
        ("[1, tr", [1, True]),
        ("[1, ]", [1]),
        ("[[1], {}, [", [[1], {}, []]),
        ('{"a": {"b": [1]}, "c": 2}', {"a": {"b": [1]}, "c": 2}),
        ("1e999", None),
        ("9" * 5000, None),
        ("[1}", [1]),
        ('{"a": 1} and more', {"a": 1}),
    ],
)
def test_examples(text: str, value: Any) -> None:
    """CC21: strings and members so far are kept; keys without a value and half escapes are not there yet."""
    assert partial_json(text) == value


def test_the_depth_is_bounded() -> None:
    """CC21: what is nested too deeply for its next reader ends where it is."""
    value = partial_json("[" * 100_000)
    for _ in range(UPDATE_DEPTH - 1):
        (value,) = value
    assert value == []
