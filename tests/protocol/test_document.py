"""The projection: what those who watch a room are shown."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from plait.protocol import limits, schema
from plait.protocol.document import RoomDocument
from plait.protocol.events import (
    ArgumentsStreamed,
    ModelAnswered,
    ModelFailed,
    ModelInterrupted,
    ModelRequested,
    PartShown,
    ReasoningStreamed,
    RunArchived,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStarted,
    RunStopped,
    StopRequested,
    TextStreamed,
    ToolCall,
    ToolFailed,
    ToolInterrupted,
    ToolOutcomeUnknown,
    ToolProgressed,
    ToolResolved,
    ToolReturned,
    ToolStarted,
    Usage,
)
from plait.protocol.shown import shown_room, shown_runs
from pycrdt import Array, Doc

RUN = "000000000001"


class Stage:
    """A room document, and another that is only ever given the updates."""

    def __init__(self, *events: Any) -> None:
        self.room = RoomDocument(client=77)
        self.mirror: Doc[Any] = Doc()
        self.updates: list[bytes] = []
        self.play(RunRequested("clerk", "hi"), RunStarted(), *events)

    def play(self, *events: Any) -> None:
        for event in events:
            update = self.room.project(RUN, "ada", 0, event)
            self.updates.append(update)
            if update:
                self.mirror.apply_update(update)

    @property
    def run(self) -> dict[str, Any]:
        shown = shown_runs(self.mirror)
        assert shown == shown_runs(self.room.doc)
        return shown[RUN]


def text(words: str, part: int = 0, attempt: int = 1, step: str = "generate.0") -> TextStreamed:
    return TextStreamed(step, attempt, part, words)


def test_one_event_is_at_most_one_update() -> None:
    """DO1: events without a meaning for those who watch have none; the updates alone give the document."""
    stage = Stage(StopRequested(), ModelRequested("generate.0", 1, "m", b""), text("a"), RunFinished())
    assert [bool(update) for update in stage.updates] == [True, True, False, True, True, True]
    again: Doc[Any] = Doc()
    for update in stage.updates:
        again.apply_update(update or b"\x00\x00")
    assert again.get_update() == stage.room.doc.get_update()
    assert (stage.run["status"], stage.run["model"], stage.run["parts"][0]["text"]) == ("done", "m", "a")


@given(st.lists(st.text(max_size=700), max_size=12))
def test_segments_are_bounded_and_lose_nothing(pieces: list[str]) -> None:
    """DO2: joined they are what streamed, each within its bytes."""
    pieces = [piece for piece in pieces if piece]
    stage = Stage(*(text(piece * 5) for piece in pieces))
    if not pieces:
        return
    segments = list(stage.room.doc["runs"][RUN]["parts"][0]["text"])
    assert "".join(map(str, segments)) == "".join(piece * 5 for piece in pieces)
    assert all(0 < len(str(segment).encode()) <= limits.TEXT_SEGMENT_BYTES for segment in segments)


def test_a_token_is_small_however_long_the_answer() -> None:
    """DO2, DO3: the thousandth token's update is as small as the tenth's, and catching up by one token too."""
    stage = Stage(*(text("token ") for _ in range(3000)))
    sizes = [len(update) for update in stage.updates[10:]]
    assert max(sizes) < 3 * min(sizes)
    before = stage.room.doc.get_state()
    stage.play(text("token "))
    assert len(stage.room.doc.get_update(before)) < 100


def test_a_part_is_begun_without_a_look_at_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """DO2: the two-thousandth part costs what the tenth does; only a process that comes later looks once."""
    looked: list[int] = []
    read = Array.__getitem__

    def counted(array: "Array[Any]", key: Any) -> Any:
        looked.append(key)
        return read(array, key)

    stage = Stage(*(text("word", part) for part in range(300)))
    monkeypatch.setattr(Array, "__getitem__", counted)
    stage.play(text("word", 300))
    assert len(looked) <= 3
    again = RoomDocument(7)
    again.apply(stage.room.doc.get_update())
    again.project(RUN, "agent:a", 0, text("s", 300))
    again.project(RUN, "agent:a", 0, text("word", 301))
    parts = cast("Array[Any]", again.doc["runs"][RUN]["parts"])
    assert (len(parts), str(parts[300]["text"][0])) == (302, "words")


def test_a_superseded_attempt_leaves() -> None:
    """DO4: only its own parts go, whether the try failed or was cut; a final failure keeps what was seen."""
    for end in (ModelFailed("generate.1", 1, "c", "m", retry_at=5), ModelInterrupted("generate.1", 1)):
        stage = Stage(text("kept"), text("half", 0, 1, "generate.1"), ReasoningStreamed("generate.1", 1, 1, "hm"), end)
        assert [part["text"] for part in stage.run["parts"]] == ["kept"]
        stage.play(text("whole", 0, 2, "generate.1"))
        assert [(part["text"], part["attempt"]) for part in stage.run["parts"]] == [("kept", 1), ("whole", 2)]
    stage = Stage(text("half"), ModelFailed("generate.0", 1, "c", "m"), RunFailed("c", "m"))
    assert [part["text"] for part in stage.run["parts"]] == ["half"]
    assert stage.run["error_code"] == "c"


def test_a_call_goes_through_its_states() -> None:
    """DO6: two calls that stream interleaved, one done and one failed."""

    def states() -> list[str]:
        return [part["state"] for part in stage.run["parts"]]

    stage = Stage(
        ArgumentsStreamed("generate.0", 1, 0, "a", "stock", '{"it'),
        ArgumentsStreamed("generate.0", 1, 1, "b", "order", '{"n'),
        ArgumentsStreamed("generate.0", 1, 0, "a", "stock", 'em":1}'),
        ArgumentsStreamed("generate.0", 1, 1, "b", "order", '":2}'),
    )
    assert states() == ["streaming", "streaming"]
    assert [part["input"] for part in stage.run["parts"]] == ['{"item":1}', '{"n":2}']
    calls = (ToolCall("a", "stock", '{"item":1}'), ToolCall("b", "order", '{"n":2}'), ToolCall("c", "late", "{}"))
    stage.play(ModelAnswered("generate.0", 1, "tool-calls", calls, Usage(3, 4)))
    assert states() == ["requested"] * 3
    assert stage.run["parts"][2]["args"] == "{}"
    stage.play(*(ToolStarted(f"s{n}", 1, call.id, call.name, "read") for n, call in enumerate(calls)))
    assert states() == ["running"] * 3
    stage.play(ToolReturned("s0", 1, "3"), ToolFailed("s1", 1, "c", "No."), ToolOutcomeUnknown("s2", 1))
    assert states() == ["done", "failed", "unknown"]
    assert (stage.run["parts"][0]["result"], stage.run["parts"][1]["error"]) == ("3", "No.")
    assert (stage.run["status"], stage.run["input_tokens"], stage.run["output_tokens"]) == ("waiting", 3, 4)


@pytest.mark.parametrize("again", [ToolInterrupted("s", 1), ToolResolved("s", "retry")])
def test_what_a_call_showed_leaves_with_its_attempt(again: Any) -> None:
    """DO9: a try that was cut takes along what it showed and how far it was; a failed one keeps it, as others do."""
    stage = Stage(
        ModelAnswered("generate.0", 1, "tool-calls", (ToolCall("a", "look", "{}"), ToolCall("b", "peek", "{}"))),
        ToolStarted("s", 1, "a", "look", "read", "retrieval"),
        ToolStarted("t", 1, "b", "peek", "read"),
        PartShown("s", 1, "source", '{"url":"u","title":"t","excerpt":"e"}'),
        PartShown("t", 1, "data", "[1]", "chart"),
        ToolProgressed("s", 1, "half", 0.5),
    )
    look, _, source, data = stage.run["parts"]
    assert (look["type"], look["state"], look["progress"], look["done"]) == ("retrieval", "running", "half", 0.5)
    assert (source["type"], source["step"], source["url"], source["excerpt"]) == ("source", "s", "u", "e")
    assert (data["name"], data["value"]) == ("chart", "[1]")
    stage.play(again, ToolFailed("t", 1, "c", "No."))
    look, peek, data = stage.run["parts"]
    assert (look["state"], peek["state"], data["step"]) == ("requested", "failed", "t")
    assert not {"progress", "done"} & look.keys()
    stage.play(ToolStarted("s", 2, "a", "look", "read"), PartShown("s", 2, "source", '{"url":"v"}'))
    assert [part.get("url") for part in stage.run["parts"]] == [None, None, None, "v"]


@pytest.mark.parametrize("end", [RunStopped(), RunFailed("c", "m"), RunFinished()])
def test_nothing_stays_in_progress(end: Any) -> None:
    """DO5: whatever way the run ends."""
    stage = Stage(ArgumentsStreamed("generate.0", 1, 0, "a", "stock", "{"), text("so"), end)
    assert stage.run["parts"][0]["state"] == "cancelled"
    assert "ended_at" in stage.run


def test_an_archived_run_is_gone() -> None:
    """DO7: and what is left of it is small."""
    stage = Stage(*(text("word " * 100) for _ in range(50)), RunFinished())
    full = len(stage.room.doc.get_update())
    stage.play(RunArchived())
    assert shown_runs(stage.mirror) == {}
    assert len(stage.room.doc.get_update()) < full / 50


def test_plain_values_have_the_shape() -> None:
    """DO8: open, failed and finished runs with every kind of part; and no key that the shape does not know."""
    check = Draft202012Validator(schema.document())
    stage = Stage(ReasoningStreamed("generate.0", 1, 0, "hm"), text("so", 1))
    check.validate({"room": shown_room(stage.mirror), "drafts": {}, "runs": shown_runs(stage.mirror)})
    call = ToolCall("a", "stock", "{}")
    stage.play(
        ModelAnswered("generate.0", 1, "tool-calls", (call,), Usage(3, 4)), ToolStarted("s", 1, "a", "stock", "read")
    )
    stage.play(ToolFailed("s", 1, "c", "No."), RunFailed("c", "m"))
    check.validate({"room": shown_room(stage.mirror), "drafts": {}, "runs": shown_runs(stage.mirror)})
    shapes = schema.document()["$defs"]
    assert set(stage.run) <= set(shapes["ShownRun"]["properties"])
    kinds = {each["properties"]["type"]["enum"][0]: each for name, each in shapes.items() if name.endswith("Part")}
    assert all(set(part) <= set(kinds[part["type"]]["properties"]) for part in stage.run["parts"])
