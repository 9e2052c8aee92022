"""lib0's integers, bytes and strings: exactly, or refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plait.protocol import frames
from plait.protocol.errors import Refused


@given(st.integers(0, frames.MAX_UINT))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_an_integer_comes_back(value: int):
    """SY1: a reader is its writer's inverse."""
    data = frames.write_uint(value)
    assert frames.read_uint(b"x" + data, 1) == (value, 1 + len(data))


@given(st.text())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_string_comes_back_counted_in_bytes(value: str):
    """SY1: a string's length is that of its UTF-8."""
    data = frames.write_string(value)
    assert frames.read_string(data, 0) == (value, len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\x00",
        b"\xff\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\x10",
        b"\x80" * 7 + b"\x80\x01",
        b"\xff" * 20,
    ],
)
def test_integers_that_are_refused(data: bytes):
    """SY1: truncated, padded or longer than 53 bits."""
    with pytest.raises(Refused) as refused:
        frames.read_uint(data, 0)
    assert refused.value.code == "bad-frame"


@pytest.mark.parametrize("data", [b"\x02a", b"\x01\xff", b"\x03\xed\xa0\x80", b"\x02\xc0\xaf"])
def test_strings_that_are_refused(data: bytes):
    """SY1: truncated, or not UTF-8."""
    with pytest.raises(Refused) as refused:
        frames.read_string(data, 0)
    assert refused.value.code == "bad-frame"


@pytest.mark.parametrize("value", [-1, 1 << 53])
def test_no_integer_is_written_that_could_not_be_read(value: int):
    """SY1: the writers keep to 53 bits too."""
    with pytest.raises(ValueError, match=r"."):
        frames.write_uint(value)


@given(st.binary(max_size=12))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_what_is_read_is_what_would_be_written(data: bytes):
    """SY1: no two spellings of one integer."""
    try:
        value, at = frames.read_uint(data, 0)
    except Refused:
        return
    assert frames.write_uint(value) == data[:at]
