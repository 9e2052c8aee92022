"""What a run's records mean to those who watch it, without a server."""

import json
from typing import Any

from plait.protocol.changes import (
    Changes,
    PartChanged,
    PartsWithdrawn,
    ReasoningAdded,
    RunEnded,
    StatusChanged,
    TextAdded,
    answer_text,
)
from plait.protocol.events import (
    ArgumentsStreamed,
    Event,
    ModelAnswered,
    ModelInterrupted,
    ModelRequested,
    ReasoningStreamed,
    Record,
    RunFailed,
    RunRequested,
    RunStarted,
    RunSteered,
    TextStreamed,
    ToolCall,
)
from plait.protocol.limits import UPDATE_DEPTH

RUN = "000000000001"


def record(event: Event, run: str = RUN) -> Record:
    return Record(seq=1, time=0, author="ann", run=run, epoch=1, event=event, document="", update=b"")


def played(*events: Event) -> list[Any]:
    changes = Changes(RUN)
    found = [change for event in (RunRequested("clerk", "Go"), *events) for change in changes.take(record(event))]
    assert not changes.take(record(RunRequested("clerk", "Another"), "000000000002"))
    changes.release()
    return found


def test_what_streams() -> None:
    """CC27: each piece under the part that it goes on with; arguments whole, and as a value, each time."""
    where = {"step": "g", "attempt": 2, "part": 1}
    call = {"type": "tool", **where, "id": "c", "name": "f", "state": "streaming"}
    assert played(
        TextStreamed("g", 2, 0, "a"),
        ReasoningStreamed("g", 2, 3, "b"),
        ArgumentsStreamed("g", 2, 1, "c", "f", '{"n'),
        ArgumentsStreamed("g", 2, 1, "c", "f", '": [1'),
    )[1:] == [
        TextAdded(("g", 2, 0), "a"),
        ReasoningAdded(("g", 2, 3), "b"),
        PartChanged(("g", 2, 1), {**call, "input": '{"n', "partial_args": {}}),
        PartChanged(("g", 2, 1), {**call, "input": '{"n": [1', "partial_args": {"n": [1]}}),
    ]


def test_what_other_parts_and_statuses_are() -> None:
    """CC27: what somebody says to the run is a part, given whole; a status is told when it changes; the end is last."""
    queued, running, steer, text, ended = played(
        RunStarted(), RunSteered("Hurry"), TextStreamed("generate.0", 1, 0, "Well"), RunFailed("c", "Broken.")
    )
    assert (queued, running) == (StatusChanged("queued"), StatusChanged("running"))
    assert isinstance(steer, PartChanged)
    assert (steer.shown["type"], steer.shown["text"], steer.state) == ("steer", "Hurry", "")
    assert text == TextAdded(("generate.0", 1, 0), "Well")
    assert isinstance(ended, RunEnded)
    assert (ended.status, ended.run["error_message"]) == ("failed", "Broken.")
    assert answer_text(ended.run) == "Well"


def test_what_is_withdrawn() -> None:
    """CC27: an attempt that leaves the document, with all that was given of it, is told once."""
    *_, withdrawn, again = played(
        RunStarted(),
        ModelRequested("generate.0", 1, "m", b""),
        TextStreamed("generate.0", 1, 0, "We"),
        ArgumentsStreamed("generate.0", 1, 1, "c", "stock", '{"i'),
        ModelInterrupted("generate.0", 1),
        TextStreamed("generate.0", 2, 0, "Well"),
    )
    assert withdrawn == PartsWithdrawn("generate.0", 1)
    assert again == TextAdded(("generate.0", 2, 0), "Well")
    assert answer_text({"parts": []}) == ""


def test_long_arguments() -> None:
    """CC21, CC27: while they stream their value is a beginning of the whole one, and is not read anew for each token;
    in the end it is the whole one."""
    args = json.dumps({"rows": list(range(3000))})
    pieces = [args[at : at + 3] for at in range(0, len(args), 3)]
    events: list[Event] = [ArgumentsStreamed("generate.0", 1, 0, "c", "stock", piece) for piece in pieces]
    call = ToolCall("c", "stock", args)
    found = [change for change in played(*events, ModelAnswered("generate.0", 1, "tool-calls", (call,))) if change]
    values = [change.shown["partial_args"] for change in found if isinstance(change, PartChanged)]
    assert values[-1] == json.loads(args)
    assert all(
        value.get("rows", [])[:-1] == list(range(len(value.get("rows", [])) - 1)) for value in values[:-1] if value
    )
    assert len({id(value) for value in values}) < len(values) / 8
    deep = played(ArgumentsStreamed("generate.0", 1, 0, "c", "stock", "[" * 1000))[-1].shown["partial_args"]
    assert json.dumps(deep).count("[") == UPDATE_DEPTH
