"""Events to bytes and back, whatever they say."""

import base64
import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol import codec, events
from plait.protocol.codec import CorruptBody, decode_event, encode_event, record_json
from plait.protocol.events import Event, Move, Record, RunStarted, TextStreamed, kebab
from plait.protocol.structs import Range

KINDS: tuple[Any, ...] = get_args(Event)
TAGS = [
    "run-requested",
    "run-started",
    "stop-requested",
    "run-finished",
    "run-stopped",
    "run-failed",
    "run-archived",
    "model-requested",
    "text-streamed",
    "reasoning-streamed",
    "arguments-streamed",
    "model-answered",
    "model-failed",
    "model-interrupted",
    "tool-started",
    "tool-not-started",
    "tool-returned",
    "tool-failed",
    "tool-interrupted",
    "tool-outcome-unknown",
    "document-edited",
    "epoch-closed",
]


def some(kind: Any) -> st.SearchStrategy[Any]:
    """Any event of that kind."""
    number = st.integers(0, 2**53 - 1)
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(max_size=20),
        int: number,
        int | None: st.none() | number,
        bytes: st.binary(max_size=20),
        dict[str, int]: st.dictionaries(st.text(max_size=9), number, max_size=3),
        tuple[tuple[int, int], ...]: st.lists(st.tuples(number, number), max_size=3).map(tuple),
        tuple[int, ...]: st.lists(number, max_size=3).map(tuple),
        tuple[Move, ...]: st.lists(st.tuples(*[number] * 5), max_size=3).map(tuple),
        tuple[Range, ...]: st.lists(st.tuples(*[number] * 3), max_size=3).map(tuple),
    }
    for struct in (events.ToolCall, events.Usage, events.Attachment):
        st.register_type_strategy(struct, st.builds(struct, **{f.name: by_type[f.type] for f in _fields(struct)}))
    return st.builds(kind, **{f.name: by_type.get(f.type, st.from_type(f.type)) for f in _fields(kind)})


def _fields(struct: Any) -> tuple[Any, ...]:
    return msgspec.structs.fields(struct)


@given(st.data(), st.sampled_from(KINDS))
def test_every_event_survives(data: st.DataObject, kind: Any) -> None:
    """LG1: the way to bytes and back, twice the same bytes."""
    event = data.draw(some(kind))
    body = encode_event(event)
    assert decode_event(body) == event
    assert encode_event(decode_event(body)) == body


def test_tags_never_change() -> None:
    """LG2: format 1 has these."""
    assert {kebab(kind.__name__) for kind in KINDS} >= set(TAGS)
    assert {msgspec.msgpack.decode(encode_event(RunStarted()))["type"]} == {"run-started"}


@given(st.binary(max_size=60))
def test_rubbish_is_corrupt(body: bytes) -> None:
    """LG3: never another exception, whatever the bytes."""
    try:
        decode_event(body)
    except CorruptBody:
        return
    raise AssertionError(f"{body!r} was taken for an event")


def test_an_old_shape_is_upcast(monkeypatch: pytest.MonkeyPatch) -> None:
    """LG4: the function for the tag rewrites the decoded body."""

    def renamed(old: dict[str, Any]) -> dict[str, Any]:
        return {"type": "text-streamed", "step": old["s"], "attempt": 1, "part": 0, "text": old["t"]}

    monkeypatch.setitem(codec.UPCASTS, "token", renamed)
    assert decode_event(msgspec.msgpack.encode({"type": "token", "s": "g", "t": "hi"})) == TextStreamed("g", 1, 0, "hi")
    assert decode_event(encode_event(RunStarted())) == RunStarted()
    with pytest.raises(CorruptBody):
        decode_event(msgspec.msgpack.encode({"type": "unheard-of"}))


def test_a_record_as_outsiders_see_it() -> None:
    """LG5: RFC 3339, base64, null."""
    record = Record(12, 1_795_364_460_000_001, "ada", "", 3, RunStarted(), "notes", b"\x00\x01")
    shown = json.loads(record_json(record))
    assert shown == {
        "seq": 12,
        "time": "2026-11-22T16:21:00.000001Z",
        "author": "ada",
        "run": None,
        "epoch": 3,
        "event": {"type": "run-started"},
        "document": "notes",
        "update": base64.b64encode(b"\x00\x01").decode(),
    }
    assert json.loads(record_json(Record(1, 0, "a", "000000000001", 1, RunStarted())))["update"] is None
