"""What each kind of event makes of a call's part, of the run and of the room: every key, and none besides."""

from typing import Any

import pytest
from plait.protocol import limits
from plait.protocol.digests import call_digest
from plait.protocol.document import RoomDocument
from plait.protocol.events import (
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    Attachment,
    BranchChosen,
    DecisionExpired,
    ModelAnswered,
    ModelRequested,
    PartShown,
    QuestionAnswered,
    QuestionAsked,
    RoomChanged,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStarted,
    RunSteered,
    RunStopped,
    SteerConsumed,
    TextStreamed,
    TimerFired,
    TimerSet,
    TitleProposed,
    ToolAssigned,
    ToolAwaited,
    ToolClaimed,
    ToolDelegated,
    ToolFailed,
    ToolLeaseExpired,
    ToolOutcomeUnknown,
    ToolProgressed,
    ToolResolved,
    ToolReturned,
    ToolStarted,
    Usage,
)
from plait.protocol.shown import shown_room, shown_runs

RUN, CHILD = "000000000001", "000000000002"
PLACE = {"type": "tool", "step": "", "attempt": 0, "part": 0, "id": "c", "name": "f", "input": ""}
STARTED = ToolStarted("s", 1, "c", "f", "write", args='{"n":1}')
RUNNING = {**PLACE, "args": '{"n":1}', "call": "s", "state": "running"}
APPROVAL = ApprovalRequested("s", "c", "f", "{}", "It costs.", 0, "{}")
APPROVING = {**PLACE, "args": "{}", "call": "s", "asks": "approval", "reason": "It costs.", "schema": "{}"}
APPROVING["digest"] = call_digest("f", "{}")
APPROVING["expires_at"] = "1970-01-01T00:00:00.000000Z"
ASKED = QuestionAsked("s", "c", "f", "Which?", '{"type":"string"}')
ASKING = {**PLACE, "call": "s", "asks": "input", "question": "Which?", "schema": '{"type":"string"}'}
ASSIGNED = ToolAssigned("s", "c", "f", "read", "tab-1", 3, "{}")
HANDED = {**PLACE, "args": "{}", "call": "s"}


def shown(*events: Any, run: str = RUN) -> dict[str, Any]:
    """The run as plain values, after a prompt, its start and these events."""
    room = RoomDocument(client=77)
    for event in (RunRequested("clerk", "hi"), RunStarted(), *events):
        room.project(RUN, "ada", 0, event)
    return shown_runs(room.doc)[run]


@pytest.mark.parametrize(
    ("events", "part", "status"),
    [
        ((STARTED,), RUNNING, "running"),
        ((TimerSet("t", 5), STARTED), RUNNING, "running"),
        (
            (ToolStarted("s", 1, "c", "f", "read", "retrieval"),),
            {**PLACE, "type": "retrieval", "call": "s", "state": "running"},
            "running",
        ),
        (
            (ToolDelegated("s", 1, "c", "f", "scout", "look"),),
            {**PLACE, "args": '{"prompt":"look"}', "call": "s", "agent": "scout", "state": "running"},
            "running",
        ),
        ((STARTED, ToolProgressed("s", 1, "half", 0.5)), {**RUNNING, "progress": "half", "done": 0.5}, "running"),
        ((STARTED, ToolProgressed("s", 1, "hm")), {**RUNNING, "progress": "hm"}, "running"),
        ((STARTED, ToolReturned("s", 1, "3")), {**RUNNING, "state": "done", "result": "3"}, "running"),
        (
            (STARTED, ToolReturned("s", 1, '"long"', "b10b")),
            {**RUNNING, "state": "done", "result": '"long"', "blob": "b10b"},
            "running",
        ),
        ((STARTED, ToolFailed("s", 1, "c", "No.")), {**RUNNING, "state": "failed", "error": "No."}, "running"),
        ((STARTED, ToolOutcomeUnknown("s", 1)), {**RUNNING, "state": "unknown"}, "waiting"),
        (
            (STARTED, ToolOutcomeUnknown("s", 1), ToolResolved("s", "happened", '"ok"')),
            {**RUNNING, "state": "done", "decided_by": "ada", "decision": "happened", "result": '"ok"'},
            "running",
        ),
        (
            (STARTED, ToolOutcomeUnknown("s", 1), ToolResolved("s", "did-not-happen")),
            {**RUNNING, "state": "failed", "decided_by": "ada", "decision": "did-not-happen"},
            "running",
        ),
        (
            (STARTED, ToolProgressed("s", 1, "half", 0.5), ToolOutcomeUnknown("s", 1), ToolResolved("s", "retry")),
            {**RUNNING, "state": "requested", "decided_by": "ada", "decision": "retry"},
            "running",
        ),
        ((APPROVAL,), {**APPROVING, "state": "asking"}, "waiting"),
        (
            (APPROVAL, ApprovalGranted("s")),
            {**APPROVING, "state": "requested", "decided_by": "ada", "decision": "approved"},
            "running",
        ),
        (
            (APPROVAL, ApprovalGranted("s", '{"n":2}', "d2", "d1")),
            {
                **APPROVING,
                "args": '{"n":2}',
                "digest": "d2",
                "state": "requested",
                "decided_by": "ada",
                "decision": "approved",
            },
            "running",
        ),
        (
            (APPROVAL, ApprovalDenied("s", "dear")),
            {**APPROVING, "state": "failed", "decided_by": "ada", "decision": "denied", "error": "dear"},
            "running",
        ),
        (
            (APPROVAL, DecisionExpired("s")),
            {**APPROVING, "state": "failed", "decision": "expired", "error": "Nobody decided in time."},
            "running",
        ),
        ((ASKED,), {**ASKING, "state": "asking"}, "waiting"),
        (
            (ASKED, QuestionAnswered("s", '"red"')),
            {**ASKING, "state": "done", "decided_by": "ada", "decision": "answered", "result": '"red"'},
            "running",
        ),
        ((ToolAwaited("s", "c", "f", "{}"),), {**HANDED, "state": "awaiting"}, "waiting"),
        ((ToolAwaited("s", "c", "f"),), {**PLACE, "call": "s", "state": "awaiting"}, "waiting"),
        ((ASSIGNED,), {**HANDED, "tab": "tab-1", "number": 3, "state": "assigned"}, "running"),
        (
            (ToolAwaited("s", "c", "f", "{}"), ASSIGNED),
            {**HANDED, "tab": "tab-1", "number": 3, "state": "assigned"},
            "running",
        ),
        ((ASSIGNED, ToolClaimed("s", 3)), {**HANDED, "tab": "tab-1", "number": 3, "state": "running"}, "running"),
        (
            (ASSIGNED, ToolClaimed("s", 3), ToolLeaseExpired("s", 3)),
            {**HANDED, "tab": "tab-1", "number": 3, "state": "awaiting"},
            "waiting",
        ),
        (
            (PartShown("s", 2, "file", '{"blob":"b","media_type":"image/png","name":"n","bytes":4}'),),
            {"type": "file", "step": "s", "attempt": 2, "part": 0}
            | {"blob": "b", "media_type": "image/png", "name": "n", "bytes": 4},
            "running",
        ),
        (
            (PartShown("s", 2, "data", "[1]", "chart"),),
            {"type": "data", "step": "s", "attempt": 2, "part": 0, "name": "chart", "value": "[1]"},
            "running",
        ),
        (
            (RunSteered("faster"),),
            {"type": "steer", "author": "ada", "seen": False, "step": "", "attempt": 0, "part": 0, "text": "faster"},
            "running",
        ),
        (
            (RunSteered("faster"), SteerConsumed(3)),
            {"type": "steer", "author": "ada", "seen": True, "step": "", "attempt": 0, "part": 0, "text": "faster"},
            "running",
        ),
    ],
)
def test_what_a_part_says(events: tuple[Any, ...], part: dict[str, Any], status: str) -> None:
    """DO6, DO9: who decided and what, who carries it out under which number, and whether the run waits for somebody."""
    run = shown(*events)
    assert (run["parts"], run["status"]) == ([part], status)


def test_a_steer_is_seen_once() -> None:
    """DO6: of two, the older one is in the request first."""
    run = shown(RunSteered("a"), RunSteered("b"), SteerConsumed(3))
    assert [(part["text"], part["seen"], part["part"]) for part in run["parts"]] == [("a", True, 0), ("b", False, 1)]
    assert [part["seen"] for part in shown(RunSteered("a"), SteerConsumed(3), SteerConsumed(3))["parts"]] == [True]


def test_a_long_text_takes_several_segments() -> None:
    """DO2: each is as full as its characters allow, and the next words go into the last one."""
    size = limits.TEXT_SEGMENT_BYTES
    room = RoomDocument(client=77)
    texts = ["x" * (size - 1), "€", "y" * (size - 3), "z", "é" * size]
    for event in (RunRequested("clerk", "hi"), *(TextStreamed("g", 1, 0, text) for text in texts)):
        room.project(RUN, "ada", 0, event)
    segments = [str(segment) for segment in room.doc["runs"][RUN]["parts"][0]["text"]]
    assert "".join(segments) == "".join(texts)
    assert [len(segment.encode()) for segment in segments] == [size - 1, size, size - 1, size, 2]


BEGUN = {
    "agent": "clerk",
    "author": "ada",
    "prompt": "hi",
    "requested_at": "1970-01-01T00:00:00.000000Z",
    "parts": [],
}
ENDED = {"ended_at": "1970-01-01T00:00:00.000000Z"}


@pytest.mark.parametrize(
    ("events", "more"),
    [
        ((RunStarted(1_000_000),), {"status": "running", "deadline": "1970-01-01T00:00:01.000000Z"}),
        ((TimerSet("t", 2_000_000),), {"status": "waiting", "wakes_at": "1970-01-01T00:00:02.000000Z"}),
        ((TimerSet("t", 2_000_000), TimerFired("t")), {"status": "running"}),
        ((TimerFired("t"),), {"status": "running"}),
        ((TimerSet("t", 2_000_000), RunStopped()), {"status": "stopped", **ENDED}),
        ((RunFinished("3"),), {"status": "done", "result": "3", **ENDED}),
        ((RunFinished(),), {"status": "done", **ENDED}),
        ((RunFailed("c", "m"),), {"status": "failed", "error_code": "c", "error_message": "m", **ENDED}),
        (
            (TimerSet("t", 0), ModelRequested("g", 1, "m", b"")),
            {"status": "running", "model": "m"} | {"wakes_at": "1970-01-01T00:00:00.000000Z"},
        ),
        (
            (ModelAnswered("g", 1, "stop", (), Usage(3, 4), 5), ModelAnswered("h", 1, "stop", (), Usage(1, 2), 3)),
            {"status": "running", "input_tokens": 4, "output_tokens": 6, "cost": 8},
        ),
    ],
)
def test_what_a_run_says(events: tuple[Any, ...], more: dict[str, Any]) -> None:
    """DO5, DO8: its status, its times and what it took; what does not apply any more is gone."""
    assert shown(*events) == {**BEGUN, **more}


def test_what_a_prompt_brings() -> None:
    """DO8: where the run stands in the tree, and its files; an empty `after` is a beginning, none at all is unknown."""
    room = RoomDocument(client=77)
    file = Attachment("b", "image/png", "n", 4)
    room.project(RUN, "ada", 0, RunRequested("clerk", "hi", after="", attachments=(file,)))
    room.project(CHILD, "bob", 0, RunRequested("scout", "ho", after=RUN, instead=RUN))
    runs = shown_runs(room.doc)
    assert runs[RUN] == {
        **BEGUN,
        "status": "queued",
        "after": "",
        "attachments": [{"blob": "b", "media_type": "image/png", "name": "n", "bytes": 4}],
    }
    assert runs[CHILD]["after"] == runs[CHILD]["instead"] == RUN
    assert shown_room(room.doc) == {"branch": CHILD, "agent": "scout"}


@pytest.mark.parametrize(("end", "state"), [(RunFinished(), "done"), (RunStopped(), "failed")])
def test_a_child_stands_inside_its_parents_part(end: Any, state: str) -> None:
    """DO8: the part that waits for the child names it and ends with it; the child is no prompt of the room's."""
    room = RoomDocument(client=77)
    for event in (RunRequested("clerk", "hi"), RunStarted(), ToolDelegated("s", 1, "c", "f", "scout", "look")):
        room.project(RUN, "ada", 0, event)
    room.project(CHILD, "agent:clerk", 0, RunRequested("scout", "look", parent=RUN, step="s"))
    room.project(CHILD, "plait", 0, RunStarted())
    parent, child = shown_runs(room.doc).values()
    assert (parent["parts"][0]["child"], parent["parts"][0]["state"]) == (CHILD, "running")
    assert (child["parent"], child["step"]) == (RUN, "s")
    room.project(CHILD, "plait", 0, end)
    assert shown_runs(room.doc)[RUN]["parts"][0]["state"] == state
    assert shown_room(room.doc) == {"branch": RUN, "agent": "clerk"}


def test_what_the_room_says() -> None:
    """DO8, DO10: a person's title stays, a value that is taken away leaves, and the sums come with each run's end."""
    room = RoomDocument(client=77)

    def play(*events: Any) -> dict[str, Any]:
        for event in events:
            room.project(RUN, "ada", 0, event)
        return shown_room(room.doc)

    assert play(TitleProposed("a")) == {"title": "a"}
    assert play(RoomChanged("b"), TitleProposed("c")) == {"title": "b", "named": True}
    play(RoomChanged(None, {"x": "1", "y": "2"}), RoomChanged(None, {"x": None, "z": None, "y": "3"}))
    assert play(BranchChosen(CHILD)) == {"title": "b", "named": True, "metadata": {"y": "3"}, "branch": CHILD}
    answered = ModelAnswered("g", 1, "stop", (), Usage(3, 4), 5)
    turn = (RunRequested("clerk", "hi"), RunStarted(), answered, RunFinished())
    sums = play(*turn, *turn)
    assert (sums["input_tokens"], sums["output_tokens"], sums["cost"]) == (6, 8, 10)
