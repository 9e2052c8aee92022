"""Events come out whole however the bytes were cut, and nothing that is not an event comes out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from plait.protocol.limits import MODEL_EVENT_BYTES
from plait.runtime.models.sse import EventReader, NotEvents, ServerEvent, read_json

STREAM = (
    ": a comment keeps the line open\n\n"
    "data: plain\n\n"
    "event: named\r\ndata: schön\r\ndata:  two \r\nid: 7\r\nretry: 10\r\n\r\n"
    "event: without-data\n\n"
    "data\n\n"
    "data: never ended"
).encode()

EVENTS = [ServerEvent("", "plain"), ServerEvent("named", "schön\n two "), ServerEvent("", "")]


@given(st.sets(st.integers(0, len(STREAM))))
def test_the_cuts_do_not_matter(cuts: set[int]) -> None:
    """MD12."""
    reader = EventReader()
    edges = [0, *sorted(cuts), len(STREAM)]
    got = [event for at, to in itertools.pairwise(edges) for event in reader.feed(STREAM[at:to])]
    assert got == EVENTS


@pytest.mark.parametrize("endless", [b"x", b"data: xxxxxxxxx\n"])
def test_an_event_without_an_end_is_bounded(endless: bytes) -> None:
    """MD12: neither an endless line nor endlessly many lines are kept."""
    reader = EventReader()
    assert reader.feed(b"data: " + b"x" * (MODEL_EVENT_BYTES - 100) + b"\n\n")
    almost = endless * (MODEL_EVENT_BYTES * 3 // 4 // len(endless))
    assert reader.feed(almost) == []
    with pytest.raises(NotEvents, match="longer than"):
        reader.feed(almost)


class Said(Struct):
    text: str


def test_half_a_character_does_not_cost_the_answer() -> None:
    """MD12: servers that count in UTF-16 cut between the halves; whoever keeps the text replaces them."""
    assert read_json('{"text": "a\\ud83d", "new": 1}', Said) == Said("a\ud83d")
    assert read_json('{"text": "\\ud83d\\ude00"}', Said) == Said("😀")


@pytest.mark.parametrize("bad", ["", "{", '{"text": 1}', "{}", "[]", '{"x":' * 100_000, "[" * 100_000])
def test_data_of_another_shape_is_refused(bad: str) -> None:
    """MD5: however deep it is nested."""
    with pytest.raises(NotEvents):
        read_json(bad, Said)


def test_bytes_that_are_not_text_are_refused() -> None:
    with pytest.raises(NotEvents, match="UTF-8"):
        EventReader().feed(b"data: \xff\xfe\n")
