"""Flows and moves, without Trio and without a room."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol.driver import Flow
from plait.protocol.events import (
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    DecisionExpired,
    ModelAnswered,
    ModelInterrupted,
    ModelRequested,
    Record,
    RunFailed,
    RunRequested,
    RunStarted,
    RunStopped,
    StopRequested,
    TimerFired,
    TimerSet,
    ToolCall,
    ToolDelegated,
    ToolInterrupted,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolResolved,
    ToolReturned,
    ToolStarted,
    Usage,
)
from plait.protocol.flow import Answer, FlowRun, Outcome, StepFailed, converse
from plait.protocol.fold import fold
from plait.protocol.move import Call, Decide, Generate, Wake
from plait.protocol.moves import moves
from plait.protocol.replay import Flows, Policy
from plait.protocol.state import RoomState


def answer(*calls: str, text: str = "") -> Answer:
    return Answer(text, tuple(ToolCall(call, "tool", "{}") for call in calls), "stop", Usage())


def test_the_loop_asks_until_no_call_is_asked_for() -> None:
    """AG10: ids are the scope, the kind and the ordinal, and equal call ids in two turns do not collide."""
    flow = Flow(converse, FlowRun("hi"))
    assert list(flow.waiting) == ["generate.0"]
    flow.feed("generate.0", answer("x", "y"))
    assert list(flow.waiting) == ["all.0/0/call.0", "all.0/1/call.0"]
    flow.feed("all.0/1/call.0", Outcome("1"))
    flow.feed("all.0/0/call.0", Outcome("2"))
    assert list(flow.waiting) == ["generate.1"]
    flow.feed("generate.1", answer("x"))
    assert list(flow.waiting) == ["all.1/0/call.0"]
    flow.feed("all.1/0/call.0", Outcome("3"))
    flow.feed("generate.2", answer(text="done"))
    assert flow.done


async def nested(run: FlowRun) -> Any:
    """Two branches of which one branches again, and a failure that is caught."""

    async def left() -> str:
        inner = await run.all({"p": run.call(ToolCall("p", "t", "{}")), "q": run.call(ToolCall("q", "t", "{}"))})
        return inner["p"].result + inner["q"].result

    async def right() -> str:
        try:
            await run.generate()
        except StepFailed as failed:
            return failed.code
        return (await run.generate()).text

    both = await run.all({"left": left(), "right": right()})
    empty = await run.all({})
    return both["left"] + both["right"] + str(len(empty)) + (await run.generate()).text


OUTCOMES: dict[str, Any] = {
    "all.0/left/all.0/p/call.0": Outcome("P"),
    "all.0/left/all.0/q/call.0": Outcome("Q"),
    "all.0/right/generate.0": StepFailed("no", "No."),
    "generate.0": answer(text="end"),
}


@given(st.permutations(list(OUTCOMES)[:3]))
def test_any_order_of_outcomes_replays_the_same(order: list[str]) -> None:
    """AG10, AG12: whoever finishes first, ids are the same; fed again in log order the flow stands where it stood."""
    steps = [*order, "generate.0"]
    live = Flow(nested, FlowRun(""))
    for n, step in enumerate(steps):
        replayed = Flow(nested, FlowRun(""))
        for earlier in steps[:n]:
            replayed.feed(earlier, OUTCOMES[earlier])
        assert set(replayed.waiting) == set(live.waiting)
        assert step in live.waiting
        replayed.close()
        live.feed(step, OUTCOMES[step])
    assert live.done
    assert live.failure is None


async def misused(run: FlowRun) -> None:
    class Other:
        def __await__(self) -> Any:
            yield "something else"

    await Other()


@pytest.mark.parametrize(
    ("function", "step", "code"), [(misused, "", "flow-misused"), (converse, "x", "flow-diverged")]
)
def test_a_flow_awaits_only_its_work(function: Any, step: str, code: str) -> None:
    """AG11: both fail the run with a sentence, and leave no coroutine behind."""
    flow = Flow(function, FlowRun(""))
    if step:
        flow.feed(step, Outcome("?"))
    assert flow.failure is not None
    assert flow.failure.code == code
    assert not flow.waiting


def state_with(*events: Any, epoch: int = 1) -> RoomState:
    state = RoomState()
    for event in events:
        fold(state, Record(state.seq + 1, 0, "x", "000000000001", epoch, event))
    return state


def test_moves_come_one_decision_at_a_time() -> None:
    """AG2, AG15: start, then generate; another epoch first ends what the old one left open."""
    flows = Flows({"a": Policy(converse)})
    state = state_with(RunRequested("a", "hi"))
    assert moves(state, 1, flows) == (Decide("000000000001", RunStarted()),)
    state = state_with(RunRequested("a", "hi"), RunStarted())
    assert moves(state, 1, flows) == (Generate("000000000001", "generate.0", 1),)
    state = state_with(RunRequested("a", "hi"), RunStarted(), ModelRequested("generate.0", 1, "m", b""))
    assert moves(state, 1, Flows({"a": Policy(converse)})) == (Generate("000000000001", "generate.0", 1),)
    (decision,) = moves(state, 2, Flows({"a": Policy(converse)}))
    assert isinstance(decision, Decide)
    fold(state, Record(4, 0, "plait", "000000000001", 2, decision.event))
    assert moves(state, 2, Flows({"a": Policy(converse)})) == (Generate("000000000001", "generate.0", 2),)


def test_no_agent_no_moves() -> None:
    """AG4: a run of an agent that is not here is left alone."""
    assert moves(state_with(RunRequested("a", "hi"), RunStarted()), 1, Flows({})) == ()


def test_a_call_is_a_move() -> None:
    """AG10: what the flow waits for is what should be in progress, under the id that the flow gave it."""
    call = ToolCall("x", "tool", "{}")
    events = (RunRequested("a", "hi"), RunStarted(), ModelRequested("generate.0", 1, "m", b""))
    state = state_with(*events, ModelAnswered("generate.0", 1, "tool-calls", (call,)))
    assert moves(state, 1, Flows({"a": Policy(converse)})) == (Call("000000000001", "all.0/0/call.0", 1, call),)


PERSON = ApprovalRequested("all.0/0/call.0", "x", "tool", "{}", expires_at=50)
TRIED = ToolStarted("all.0/0/call.0", 1, "x", "tool", "write")
STEP = "all.0/0/call.0"
RUN = "000000000001"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((PERSON,), (Wake(50),)),
        ((PERSON, ApprovalGranted(STEP)), (Call(RUN, STEP, 1, ToolCall("x", "tool", "{}"), True),)),
        (
            (PERSON, ApprovalGranted(STEP, '{"n":1}')),
            (Call(RUN, STEP, 1, ToolCall("x", "tool", '{"n":1}'), True),),
        ),
        ((PERSON, ApprovalDenied(STEP, "no")), (Generate(RUN, "generate.1", 1),)),
        ((TRIED,), (Call(RUN, STEP, 1, ToolCall("x", "tool", "{}"), True),)),
        ((TRIED, ToolNotStarted(STEP, 1)), (Call(RUN, STEP, 2, ToolCall("x", "tool", "{}"), True),)),
        ((TRIED, ToolOutcomeUnknown(STEP, 1)), ()),
        (
            (TRIED, ToolOutcomeUnknown(STEP, 1), ToolResolved(STEP, "retry")),
            (Call(RUN, STEP, 2, ToolCall("x", "tool", "{}"), True),),
        ),
        ((TRIED, ToolOutcomeUnknown(STEP, 1), ToolResolved(STEP, "happened", "1")), (Generate(RUN, "generate.1", 1),)),
        ((TRIED, ToolReturned(STEP, 1, "1")), (Generate(RUN, "generate.1", 1),)),
    ],
)
def test_what_follows_what_became_of_a_call(events: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    """AG10, AG13: nothing while a person is asked, then the attempt that was allowed, with the arguments they chose."""
    begun = (RunRequested("a", "hi"), RunStarted(), ModelRequested("generate.0", 1, "m", b""))
    answered = ModelAnswered("generate.0", 1, "tool-calls", (ToolCall("x", "tool", "{}"),))
    state = state_with(*begun, answered, *events)
    assert moves(state, 1, Flows({"a": Policy(converse)}), now=10) == expected


def test_what_time_decides() -> None:
    """DE5, AG52: an answer that nobody gave in time, and a run whose time is over: then, and no microsecond before."""
    begun = (RunRequested("a", "hi"), RunStarted(90), ModelRequested("generate.0", 1, "m", b""))
    answered = ModelAnswered("generate.0", 1, "tool-calls", (ToolCall("x", "tool", "{}"),))
    state = state_with(*begun, answered, PERSON)
    flows = Flows({"a": Policy(converse)})
    assert moves(state, 1, flows, now=49) == (Wake(50),)
    assert moves(state, 1, flows, now=50) == (Decide(RUN, DecisionExpired(STEP)),)
    fold(state, Record(6, 0, "plait", RUN, 1, DecisionExpired(STEP)))
    assert moves(state, 1, Flows({"a": Policy(converse)}), now=89) == (Generate(RUN, "generate.1", 1), Wake(90))
    (decision,) = moves(state, 1, Flows({"a": Policy(converse)}), now=90)
    assert isinstance(decision, Decide)
    assert isinstance(decision.event, RunFailed)


def test_what_a_process_that_is_gone_left() -> None:
    """AG13, AG14, AG15: each attempt that was open gets the end that fits its kind; a child's run goes on by itself."""
    state = state_with(
        RunRequested("a", "hi"),
        RunStarted(),
        ModelRequested("g", 3, "m", b""),
        ToolStarted("w", 4, "x", "f", "write"),
        ToolStarted("r", 5, "y", "f", "read"),
        ToolStarted("i", 6, "z", "f", "idempotent"),
        ToolDelegated("d", 1, "c", "f", "a", "look"),
        TimerSet("t", 50),
    )
    left = (
        ModelInterrupted("g", 3),
        ToolOutcomeUnknown("w", 4),
        ToolInterrupted("r", 5),
        ToolInterrupted("i", 6),
    )
    assert moves(state, 2, Flows({})) == tuple(Decide(RUN, event) for event in left)
    assert moves(state, 2, Flows({}), now=50)[4:] == (Decide(RUN, TimerFired("t")),)
    assert moves(state, 1, Flows({}), now=49) == (Wake(50),)
    fold(state, Record(9, 0, "ada", RUN, 1, StopRequested()))
    assert moves(state, 2, Flows({}), now=50) == tuple(Decide(RUN, event) for event in left)


def test_a_run_that_is_being_stopped_ends() -> None:
    """AG3, AG42: once its tools said how far they came; a model's request does not hold it up."""
    state = state_with(RunRequested("a", "hi"), RunStarted(), ModelRequested("g", 1, "m", b""), StopRequested())
    assert moves(state, 1, Flows({})) == (Decide(RUN, RunStopped()),)
    fold(state, Record(5, 0, "x", RUN, 1, ToolStarted("w", 1, "x", "f", "write")))
    assert moves(state, 1, Flows({})) == ()
    fold(state, Record(6, 0, "x", RUN, 1, ToolReturned("w", 1, "1")))
    assert moves(state, 1, Flows({})) == (Decide(RUN, RunStopped()),)
