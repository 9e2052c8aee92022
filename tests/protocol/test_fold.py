"""What each kind of record makes of what a room knows: every field that differs from a new step, run or room."""

from typing import Any

import msgspec
import pytest
from plait.protocol import limits
from plait.protocol.events import (
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    Attachment,
    BranchChosen,
    ContextProvided,
    DecisionExpired,
    DocumentEdited,
    EpochClosed,
    ModelAnswered,
    ModelFailed,
    ModelInterrupted,
    ModelRequested,
    QuestionAnswered,
    QuestionAsked,
    Record,
    RoomChanged,
    RunArchived,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStarted,
    RunSteered,
    RunStopped,
    SteerConsumed,
    StopRequested,
    TabLeft,
    TabTool,
    TextStreamed,
    TimerFired,
    TimerSet,
    TitleProposed,
    ToolAnsweredLate,
    ToolAssigned,
    ToolAwaited,
    ToolClaimed,
    ToolDelegated,
    ToolFailed,
    ToolHolderLost,
    ToolInterrupted,
    ToolLeaseExpired,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolProgressed,
    ToolResolved,
    ToolReturned,
    ToolsRegistered,
    ToolStarted,
    Usage,
    ValueNoted,
)
from plait.protocol.fold import fold
from plait.protocol.state import ContextFact, RoomState, Run, Spent, Steer, Step, TabTools, Written
from plait.protocol.steps import record_id

RUN, CHILD = "000000000001", "000000000003"
EPOCH = 7


def play(state: RoomState, run: str, *events: Any, epoch: int = EPOCH) -> RoomState:
    for event in events:
        fold(state, Record(state.seq + 1, 1000 + state.seq, "ada", run, epoch, event))
    return state


def folded(*events: Any) -> tuple[RoomState, Run]:
    """A room with one run at work, after these events; the first of them is record 3."""
    state = play(RoomState(), RUN, RunRequested("clerk", "hi"), RunStarted(), *events)
    return state, state.runs[RUN]


def news(value: Any, new: Any) -> dict[str, Any]:
    """The fields of a Struct that differ from those of a new one."""
    plain = msgspec.structs.asdict(value)
    return {key: each for key, each in plain.items() if each != getattr(new, key)}


ASKED = ApprovalRequested("s", "c", "f", '{"n":1}', "dear", 50, "{}")
ASKS = {"call": "c", "name": "f", "given": '{"n":1}', "asks": "approval", "status": "asking"}
NO = {**ASKS, "status": "failed"}
QUESTION = QuestionAsked("s", "c", "f", "Which?", "{}")
INPUT = {"call": "c", "name": "f", "asks": "input", "status": "asking"}
STARTED = ToolStarted("s", 1, "c", "f", "write", args="{}")
BEGAN = {"attempt": 1, "call": "c", "name": "f", "effect": "write", "given": "{}", "records": 1}
UNKNOWN = (STARTED, ToolOutcomeUnknown("s", 1))
ASSIGNED = ToolAssigned("s", "c", "f", "read", "t", 2, "{}")
HELD = {"call": "c", "name": "f", "effect": "read", "tab": "t", "number": 2, "given": "{}", "status": "assigned"}
FILE = Attachment("b", "image/png", "n", 4)


@pytest.mark.parametrize(
    ("events", "step", "status", "ended"),
    [
        ((STARTED,), BEGAN, "running", False),
        ((TimerSet("t", 5), STARTED), BEGAN, "running", False),
        ((STARTED, ToolProgressed("s", 1, "half")), {**BEGAN, "records": 2}, "running", False),
        (
            (STARTED, ToolReturned("s", 1, "3", files=(FILE,))),
            {**BEGAN, "records": 2, "result": "3", "files": (FILE,), "status": "done"},
            "running",
            True,
        ),
        (
            (STARTED, ToolFailed("s", 1, "tool-error", "No.")),
            {**BEGAN, "records": 2, "code": "tool-error", "message": "No.", "status": "failed"},
            "running",
            True,
        ),
        ((STARTED, ToolInterrupted("s", 1)), {**BEGAN, "records": 2, "status": "retry"}, "running", False),
        ((STARTED, ToolNotStarted("s", 1)), {**BEGAN, "records": 2, "status": "retry"}, "running", False),
        (UNKNOWN, {**BEGAN, "records": 2, "status": "unknown"}, "waiting", False),
        ((*UNKNOWN, ToolResolved("s", "retry")), {**BEGAN, "records": 2, "status": "retry"}, "running", False),
        (
            (*UNKNOWN, ToolResolved("s", "happened", "4")),
            {**BEGAN, "records": 2, "result": "4", "status": "done"},
            "running",
            True,
        ),
        (
            (*UNKNOWN, ToolResolved("s", "happened")),
            {**BEGAN, "records": 2, "result": "null", "status": "done"},
            "running",
            True,
        ),
        (
            (*UNKNOWN, ToolResolved("s", "did-not-happen")),
            {**BEGAN, "records": 2, "code": "did-not-happen", "status": "failed"}
            | {"message": "ada found that this call did not happen."},
            "running",
            True,
        ),
        ((ASKED,), {**ASKS, "due": 50, "schema": "{}"}, "waiting", False),
        ((ASKED, ApprovalGranted("s")), {**ASKS, "status": "ready"}, "running", False),
        (
            (ASKED, ApprovalGranted("s", '{"n":2}'), ToolStarted("s", 1, "c", "f", "write")),
            {key: each for key, each in BEGAN.items() if key != "given"} | {"args": '{"n":2}'},
            "running",
            False,
        ),
        (
            (ASKED, ApprovalDenied("s", "dear")),
            {**NO, "code": "denied", "message": "ada denied this call: dear"},
            "running",
            True,
        ),
        ((ASKED, ApprovalDenied("s")), {**NO, "code": "denied", "message": "ada denied this call."}, "running", True),
        (
            (ASKED, DecisionExpired("s")),
            {**NO, "code": "decision-expired", "message": "Nobody decided in time."},
            "running",
            True,
        ),
        ((QUESTION,), {**INPUT, "schema": "{}"}, "waiting", False),
        ((QUESTION, QuestionAnswered("s", "1")), {**INPUT, "result": "1", "status": "done"}, "running", True),
        (
            (ToolAwaited("s", "c", "f", "{}"),),
            {"call": "c", "name": "f", "given": "{}", "status": "awaiting"},
            "waiting",
            False,
        ),
        ((ToolAwaited("s", "c", "f"), ASSIGNED), HELD, "running", False),
        ((ASSIGNED,), HELD, "running", False),
        ((ASSIGNED, ToolClaimed("s", 2)), {**HELD, "attempt": 2, "status": "claimed"}, "running", False),
        ((ASSIGNED, ToolHolderLost("s", 60)), {**HELD, "due": 60}, "running", False),
        ((ASSIGNED, ToolHolderLost("s", 60), ASSIGNED), HELD, "running", False),
        (
            (ASSIGNED, ToolHolderLost("s", 60), ToolLeaseExpired("s", 2)),
            {key: each for key, each in HELD.items() if key != "tab"} | {"status": "awaiting"},
            "waiting",
            False,
        ),
        ((ASSIGNED, ToolAnsweredLate("s", 1, "3")), HELD, "running", False),
        (
            (ASSIGNED, ToolClaimed("s", 2), ToolHolderLost("s", 60), ToolOutcomeUnknown("s", 2)),
            {**HELD, "attempt": 2, "records": 1, "status": "unknown"},
            "waiting",
            False,
        ),
    ],
)
def test_what_becomes_of_a_call(events: tuple[Any, ...], step: dict[str, Any], status: str, ended: bool) -> None:
    """LG6: the whole step, whether the run waits, and whether its flow is fed an outcome."""
    _, run = folded(*events)
    assert news(run.steps["s"], Step("s", "tool", 0, EPOCH)) == step
    assert (run.status, run.outcomes) == (status, ["s"] if ended else [])


REQUEST = ModelRequested("g", 1, "m", b"")
MODEL = {"attempt": 1, "began": 3}


@pytest.mark.parametrize(
    ("events", "step", "ended"),
    [
        ((REQUEST,), {**MODEL, "records": 1}, False),
        ((REQUEST, TextStreamed("g", 1, 0, "ab")), {**MODEL, "records": 2, "text": ["ab"]}, False),
        (
            (REQUEST, ModelAnswered("g", 1, "length", (), Usage(1, 2))),
            {**MODEL, "records": 2, "finish": "length", "usage": Usage(1, 2), "status": "done"},
            True,
        ),
        (
            (REQUEST, RunSteered("ho"), ModelAnswered("g", 1, "stop")),
            {**MODEL, "records": 2, "finish": "stop", "steered": True, "status": "done"},
            True,
        ),
        (
            (REQUEST, ModelFailed("g", 1, "c", "m", 9)),
            {**MODEL, "records": 2, "code": "c", "message": "m", "retry_at": 9, "status": "retry"},
            False,
        ),
        (
            (REQUEST, ModelFailed("g", 1, "c", "m")),
            {**MODEL, "records": 2, "code": "c", "message": "m", "status": "failed"},
            True,
        ),
        ((REQUEST, ModelInterrupted("g", 1)), {**MODEL, "records": 2, "status": "retry"}, False),
    ],
)
def test_what_becomes_of_a_request(events: tuple[Any, ...], step: dict[str, Any], ended: bool) -> None:
    """LG6: the whole step of a model, and whether the run's flow is fed its outcome."""
    _, run = folded(*events)
    assert news(run.steps["g"], Step("g", "model", 0, EPOCH)) == step
    assert (run.status, run.outcomes) == ("running", ["g"] if ended else [])


def test_what_answers_took() -> None:
    """AG51: the run's and the room's sums, and how much streamed."""
    first, second = ModelAnswered("g", 1, "stop", (), Usage(3, 4), 5), ModelAnswered("h", 1, "stop", (), Usage(1, 1), 1)
    state, run = folded(
        REQUEST,
        TextStreamed("g", 1, 0, "ab"),
        TextStreamed("g", 1, 0, "c"),
        first,
        ModelRequested("h", 1, "m", b""),
        second,
    )
    assert run.spent == state.spent == Spent(2, 4, 5, 6)
    assert (run.streamed, run.answer) == (3, "")


def test_where_a_steer_stands() -> None:
    """AG35: before the step whose request held it first, or in a step of its own that gives it to the flow."""
    _, run = folded(STARTED, RunSteered("a"), RunSteered("b"), SteerConsumed(4), REQUEST)
    assert run.steers == [Steer(4, "ada", "a", 1, True), Steer(5, "ada", "b", 1)]
    # The request is tried again: what is said meanwhile stands before it as well, not behind.
    _, run = folded(
        REQUEST, ModelInterrupted("g", 1), RunSteered("a"), SteerConsumed(5), ModelRequested("g", 2, "m", b"")
    )
    assert run.steers == [Steer(5, "ada", "a", 0, True)]
    _, run = folded(STARTED, RunSteered("a"), SteerConsumed(9), SteerConsumed(4, "inbox.0"))
    assert run.steers == [Steer(4, "ada", "a", 1, True)]
    inbox = {"attempt": 1, "result": '{"author":"ada","text":"a"}', "status": "done"}
    assert news(run.steps["inbox.0"], Step("inbox.0", "inbox", 0, EPOCH)) == inbox
    assert run.outcomes == ["inbox.0"]


def test_what_a_flow_waits_for() -> None:
    """AG32, AG33: a sleep until it is over, and what was seen of the world."""
    _, run = folded(TimerSet("t", 90))
    assert (news(run.steps["t"], Step("t", "timer", 0, EPOCH)), run.status) == ({"attempt": 1, "due": 90}, "waiting")
    _, run = folded(TimerSet("t", 90), TimerFired("t"), ValueNoted("v", "4"))
    assert news(run.steps["t"], Step("t", "timer", 0, EPOCH)) == {"attempt": 1, "status": "done"}
    assert news(run.steps["v"], Step("v", "value", 0, EPOCH)) == {"attempt": 1, "result": "4", "status": "done"}
    assert (run.status, run.outcomes) == ("running", ["t", "v"])


@pytest.mark.parametrize(
    ("events", "more"),
    [
        ((RunStarted(8),), {"status": "running", "started": True, "deadline": 8}),
        ((StopRequested(),), {"status": "running", "started": True, "stopping": True}),
        ((RunFinished("3"),), {"status": "done", "started": True, "result": "3"}),
        ((StopRequested(), RunStopped()), {"status": "stopped", "started": True, "code": "stopped"}),
        ((RunFailed("c", "m"),), {"status": "failed", "started": True, "code": "c", "message": "m"}),
        ((RunFinished(), StopRequested()), {"status": "done", "started": True}),
    ],
)
def test_what_becomes_of_a_run(events: tuple[Any, ...], more: dict[str, Any]) -> None:
    """AG1: its status and how it ended; a stop behind the end changes nothing."""
    _, run = folded(*events)
    new = Run(RUN, "clerk", "hi", "ada", message=run.message if run.status == "stopped" else "")
    assert news(run, new) == more


def test_what_a_prompt_says_is_kept() -> None:
    """LG6: everything that it brings; whom it was for and where the conversation goes on are the room's."""
    told = RunRequested("clerk", "hi", "t", None, "x", "", "", {"k": "v"}, (FILE,), "{}")
    state = play(RoomState(), RUN, told)
    brought = {"tab": "t", "instead": "x", "context": {"k": "v"}, "attachments": (FILE,), "options": "{}"}
    assert news(state.runs[RUN], Run(RUN, "clerk", "hi", "ada")) == brought
    assert (state.tip, state.agent) == (RUN, "clerk")
    second, third = "000000000002", "000000000003"
    play(state, second, RunRequested("scout", "ho"))
    play(state, third, RunRequested("scout", "he", after=""))
    assert (state.runs[second].after, state.runs[third].after, state.agent) == (RUN, "", "scout")
    play(state, "", BranchChosen(second))
    assert (state.tip, [run.id for run in state.branch(second)]) == (second, [RUN, second])
    play(state, RUN, RunArchived(), RunArchived())
    assert list(state.runs) == [second, third]


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (RunFinished("3"), {"result": "3", "status": "done"}),
        (RunFinished(), {"result": '"so"', "status": "done"}),
        (RunFailed("c", "m"), {"code": "c", "message": "m", "status": "failed"}),
        (RunStopped(), {"code": "stopped", "message": "It was stopped before it answered.", "status": "failed"}),
    ],
)
def test_what_a_child_gives(end: Any, outcome: dict[str, Any]) -> None:
    """AG41, AG43: the step that waits has the child's end for its outcome, once, and only of the child it asked for."""
    state, run = folded(ToolDelegated("s", 1, "c", "f", "scout", "look"))
    delegated = {"attempt": 1, "call": "c", "name": "f", "agent": "scout", "prompt": "look", "records": 1}
    assert news(run.steps["s"], Step("s", "run", 0, EPOCH)) == delegated
    for child in (CHILD, "000000000009"):
        play(state, child, RunRequested("scout", "look", parent=RUN, step="s"), RunStarted())
        play(
            state, child, ModelRequested("g", 1, "m", b""), TextStreamed("g", 1, 0, "so"), ModelAnswered("g", 1, "stop")
        )
    assert (state.tip, [run.id for run in state.children(RUN)]) == (RUN, [CHILD, "000000000009"])
    play(state, CHILD, RunFailed("other", "not the one that is waited for"))
    assert (run.steps["s"].status, run.outcomes) == ("open", [])
    play(state, "000000000009", end)
    assert news(run.steps["s"], Step("s", "run", 0, EPOCH)) == {**delegated, "child": "000000000009", **outcome}
    play(state, "000000000009", RunFailed("late", "late"))
    assert run.outcomes == ["s"]
    assert run.steps["s"].code != "late"


def test_a_child_that_a_flow_asked_for() -> None:
    """AG41: the request itself is the step's beginning."""
    state, run = folded()
    play(state, CHILD, RunRequested("scout", "look", parent=RUN, step="spawn.0"))
    began = {"attempt": 1, "agent": "scout", "prompt": "look", "child": CHILD}
    assert news(run.steps["spawn.0"], Step("spawn.0", "run", 0, EPOCH)) == began
    play(state, "000000000005", RunRequested("scout", "look", parent="000000000004", step="spawn.0"))
    assert state.runs["000000000005"].parent == "000000000004"


def test_what_the_room_knows_of_itself() -> None:
    """LG6: a title by a person stays, a value that is None leaves, a fact without a text too."""
    state = play(RoomState(), "", TitleProposed("a"), RoomChanged(None, {"x": "1", "y": "2"}))
    assert (state.title, state.named, state.metadata) == ("a", False, {"x": "1", "y": "2"})
    play(state, "", RoomChanged("b", {"x": None, "z": None}), TitleProposed("c"))
    assert (state.title, state.named, state.metadata) == ("b", True, {"y": "2"})
    play(state, "", ContextProvided({"k": "room", "l": "room"}), ContextProvided({"k": "tab"}, "t"))
    assert state.context == {
        "": {"k": ContextFact(5, "room"), "l": ContextFact(5, "room")},
        "t": {"k": ContextFact(6, "tab")},
    }
    assert state.known(EPOCH) == {"k": "tab", "l": "room"}
    assert state.known(EPOCH + 1) == {"k": "room", "l": "room"}
    play(state, "", ContextProvided({"k": "again"}), ContextProvided({"l": None}))
    assert state.known(EPOCH) == {"k": "again"}
    play(state, "", ContextProvided({"k": None}, "t"), EpochClosed(1, {}))
    assert (list(state.context), state.closed) == ([""], EpochClosed(1, {}))
    assert play(state, "", TitleProposed("c")).closed is None


def test_the_tabs_that_are_here() -> None:
    """LG6: a tab's tools until it leaves, the lasting ones for ever, and until when those that left were offered."""
    tools = (TabTool("paint", "…", "{}"), TabTool("print", "…", "{}", lasting=True))
    state = play(RoomState(), "", ToolsRegistered("t", tools), ContextProvided({"k": "v"}, "t"))
    assert state.tabs == {"t": TabTools(EPOCH, {tool.name: tool for tool in tools})}
    play(state, "", TabLeft("t"), TabLeft("nobody"))
    assert (state.tabs, state.context, list(state.lasting)) == ({}, {}, ["print"])
    assert state.left == {"paint": 3, "print": 3}
    play(state, "", ToolsRegistered("t", tools), ToolsRegistered("t", ()))
    assert state.left == {"paint": 6, "print": 6}
    for n in range(limits.TOOLS_LEFT):
        play(state, "", ToolsRegistered("t", (TabTool(f"f{n}", "…", "{}"),)))
    play(state, "", ToolsRegistered("t", (tools[0],)))
    assert (len(state.left), next(iter(state.left)), list(state.left)[-1]) == (
        limits.TOOLS_LEFT,
        "f0",
        f"f{limits.TOOLS_LEFT - 1}",
    )


def test_tabs_of_processes_that_are_gone() -> None:
    """LG6: forgotten after three epochs more, with what they told."""
    state = play(RoomState(), "", ToolsRegistered("t", ()), ContextProvided({"k": "v"}, "t"))
    play(state, "", TitleProposed("a"), epoch=EPOCH + 3)
    assert (list(state.tabs), list(state.context)) == (["t"], ["t"])
    play(state, "", TitleProposed("a"), epoch=EPOCH + 4)
    assert (state.tabs, state.context, state.epoch) == ({}, {}, EPOCH + 4)


def test_a_tab_that_comes_again_holds_what_it_had() -> None:
    """LG6: what it had not begun and what it still carries out is its own; what it lost is due at once."""
    for claimed, running, due in ((False, (), 0), (True, ("s",), 0), (True, (), 1006)):
        state, run = folded(ASSIGNED, *((ToolClaimed("s", 2),) if claimed else (TitleProposed("a"),)))
        play(state, RUN, ToolHolderLost("s", 60), TitleProposed("b"))
        play(state, "", ToolsRegistered("t", (), running))
        assert run.steps["s"].due == due
    state, run = folded(ASSIGNED, ToolHolderLost("s", 60), ToolsRegistered("other", ()))
    assert run.steps["s"].due == 60


def test_what_a_step_wrote_into_a_document() -> None:
    """LG6: what streams in is noted by call, touching clocks as one; taken out, nothing is left but the edits."""
    state, run = folded(REQUEST)

    def edit(start: int, call: str, result: str, client: int = 9) -> None:
        update = b"\x01\x01" + bytes([client, start]) + b"\x04\x01\x01t\x02ab" + b"\x00"
        event = DocumentEdited("g", 1, call, result)
        fold(state, Record(state.seq + 1, 0, "agent:clerk", RUN, EPOCH, event, "pad", update))

    for nth, (start, client) in enumerate(((0, 9), (2, 9), (6, 9), (8, 8)), 1):
        edit(start, "c", f'{{"chars":{2 * nth},"end":"a{nth}"}}', client)
    edit(20, "d", '{"chars":5,"end":"b"}')
    ranges = [(9, 0, 4), (9, 6, 8), (8, 8, 10)]
    came = {"c": Written("pad", 8, "a4", ranges), "d": Written("pad", 5, "b", [(9, 20, 22)])}
    assert run.steps["g"].written == came
    edit(22, "c", "")
    edit(24, "c", "")
    edit(26, "", '"x"')
    assert (list(run.steps["g"].written), run.steps["g"].edits) == (["d"], {0: '"x"'})
    assert (state.documents, state.owners) == (["pad"], {9: "agent:clerk", 8: "agent:clerk"})


def test_whose_tools_a_run_uses_next() -> None:
    """LG6: those of the tab that gave a result last; a call that was no tab's changes nothing."""
    for outcome in (ToolReturned("s", 2, "3"), ToolFailed("s", 2, "c", "m")):
        assert folded(ASSIGNED, ToolClaimed("s", 2), outcome)[1].tab == "t"
        assert folded(ASSIGNED, outcome, ToolStarted("u", 1, "d", "g", "read"), ToolReturned("u", 1, "4"))[1].tab == "t"


def test_the_ids_of_a_steps_records() -> None:
    """ST11: they count in the attempt; what begins a try begins at 0."""
    _, run = folded(STARTED, ToolProgressed("s", 1, "half"))
    assert record_id(run, "s", 1, ToolReturned("s", 1, "3")) == f"{RUN}/s#1.2"
    assert record_id(run, "s", 2, ToolStarted("s", 2, "c", "f", "write")) == f"{RUN}/s#2.0"
    assert record_id(run, "u", 1, ToolReturned("u", 1, "3")) == f"{RUN}/u#1.0"
    for begin in (REQUEST, ToolDelegated("s", 2, "c", "f", "a", "p"), ASKED, QUESTION):
        assert record_id(run, "s", 2, begin).endswith("#2.0")
