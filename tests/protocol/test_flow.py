"""What a flow may await, what it gets for it, and what it is told when it does something else."""

from datetime import UTC, datetime
from typing import Any

import pytest
from plait.protocol import limits
from plait.protocol.driver import Flow
from plait.protocol.events import (
    Event,
    ModelAnswered,
    ModelRequested,
    QuestionAnswered,
    QuestionAsked,
    Record,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStarted,
    RunSteered,
    SteerConsumed,
    TimerFired,
    TimerSet,
    ToolDelegated,
    ToolReturned,
    ToolStarted,
    Usage,
    ValueNoted,
)
from plait.protocol.flow import FlowFunction, FlowRun, Outcome, Said, StepFailed, flow
from plait.protocol.fold import fold
from plait.protocol.move import Call, Decide, Move, Note, Wake
from plait.protocol.moves import moves
from plait.protocol.replay import Flows, Policy
from plait.protocol.state import RoomState

RUN = "000000000001"


def ask(function: FlowFunction, *events: Event, now: int = 0) -> tuple[Move, ...]:
    """What a run of that flow should do, once all that is in its log."""
    state = RoomState()
    for event in (RunRequested("a", "hi"), RunStarted(), *events):
        fold(state, Record(state.seq + 1, 0, "ada", RUN, 1, event))
    flows = Flows({"a": Policy(function)})
    found = moves(state, 1, flows, now)
    flows.clear()
    return found


def decided(function: FlowFunction, *events: Event, now: int = 0) -> Any:
    """The one event that the room should append."""
    (move,) = ask(function, *events, now=now)
    assert isinstance(move, Decide), move
    return move.event


# --- what it gets -----------------------------------------------------------------------------------------------------


def test_now_and_random_are_noted() -> None:
    """AG32: the room looks once, and a replay is told what it saw then."""

    async def looks(run: FlowRun) -> Any:
        assert (await run.now()) == datetime(2026, 11, 22, 12, tzinfo=UTC)
        return await run.random()

    assert ask(looks) == (Note(RUN, "now.0", "now", "a"),)
    noon = ValueNoted("now.0", str(1_795_348_800_000_000))
    assert ask(looks, noon) == (Note(RUN, "random.0", "random", "a"),)
    assert decided(looks, noon, ValueNoted("random.0", "0.25")) == RunFinished("0.25")


def test_a_sleep_is_two_records_and_a_time_to_wake() -> None:
    """AG33: set once, awaited without anything in progress, fired when its time has come, by whichever process."""

    async def sleeps(run: FlowRun) -> None:
        await run.sleep_until(datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC))

    assert decided(sleeps) == TimerSet("sleep.0", 5_000_000)
    assert ask(sleeps, TimerSet("sleep.0", 5_000_000), now=4_999_999) == (Wake(5_000_000),)
    assert decided(sleeps, TimerSet("sleep.0", 5_000_000), now=5_000_000) == TimerFired("sleep.0")
    assert decided(sleeps, TimerSet("sleep.0", 5_000_000), TimerFired("sleep.0")) == RunFinished()


def test_a_person_is_asked() -> None:
    """AG34: with the form of the answer and the time that there is for it; the answer is a plain value."""

    async def asks(run: FlowRun) -> Any:
        return await run.ask("Which?", schema={"type": "string"}, within_s=2)

    asked = decided(asks, now=7)
    assert asked == QuestionAsked("ask.0", "ask.0", "ask", "Which?", '{"type":"string"}', 2_000_007)
    assert ask(asks, asked, now=8) == (Wake(2_000_007),)
    assert decided(asks, asked, QuestionAnswered("ask.0", '"this"')) == RunFinished('"this"')


def test_words_are_given_in_order_and_once() -> None:
    """AG35: of two branches that listen the one that began first hears the first word."""

    async def listens(run: FlowRun) -> Any:
        heard = await run.all(a=run.inbox(), b=run.inbox())
        assert heard == {"a": Said("ada", "one"), "b": Said("ada", "two")}
        return heard["b"].text

    said = (RunSteered("one"), RunSteered("two"))
    assert ask(listens) == ()
    assert [move.event for move in ask(listens, *said) if isinstance(move, Decide)] == [
        SteerConsumed(3, "all.0/a/inbox.0"),
        SteerConsumed(4, "all.0/b/inbox.0"),
    ]
    consumed = (SteerConsumed(3, "all.0/a/inbox.0"), SteerConsumed(4, "all.0/b/inbox.0"))
    assert decided(listens, *said, *consumed) == RunFinished('"two"')


def test_once_is_a_call_of_the_flows_own_function() -> None:
    """AG36: the move carries the function, its effect and its name; what it gave is a plain value."""

    def count() -> int:
        return 3

    async def counts(run: FlowRun) -> Any:
        return await run.once("count", count, effect="read")

    (move,) = ask(counts)
    assert isinstance(move, Call)
    assert (move.function, move.effect, move.call.name, move.step) == (count, "read", "count", "once.0")
    started = ToolStarted("once.0", 1, "once.0", "count", "read", args="{}")
    assert decided(counts, started, ToolReturned("once.0", 1, "3")) == RunFinished("3")


def test_a_call_by_name_has_its_step_for_an_id() -> None:
    """AG36: no model's answer holds its arguments, so the log must; they are written in one way only."""

    async def calls(run: FlowRun) -> Any:
        outcome = await run.call("stock", item="fig", at=1)
        assert outcome == Outcome("No figs.", True, "tool-error")
        return outcome.value

    (move,) = ask(calls)
    assert isinstance(move, Call)
    assert (move.call.id, move.call.name, move.call.args) == ("call.0", "stock", '{"at":1,"item":"fig"}')


def test_all_waits_for_every_branch_and_then_raises_the_first_error() -> None:
    """AG31: nothing of a flow that goes on is left in progress; results stand in the order of the branches."""

    async def gathers(run: FlowRun) -> list[str]:
        try:
            await run.all(a=run.generate(), b=run.once("b", int), c=run.once("c", int))
        except StepFailed as failed:
            return [failed.code, *await run.all(z=run.once("z", int), y=run.once("y", int))]
        raise AssertionError

    driven = Flow(gathers, FlowRun(""))
    driven.feed("all.0/c/once.0", StepFailed("second", ""))
    driven.feed("all.0/b/once.0", StepFailed("third", ""))
    assert list(driven.waiting) == ["all.0/a/generate.0"]
    driven.feed("all.0/a/generate.0", 1)
    assert list(driven.waiting) == ["all.1/z/once.0", "all.1/y/once.0"]
    driven.feed("all.1/y/once.0", 1)
    driven.feed("all.1/z/once.0", 2)
    assert driven.result == ["second", "z", "y"]


def test_what_a_flow_returns_is_the_runs_result() -> None:
    """AG39: but for nothing at all, and for what the last answer says anyway; what is no JSON fails the run."""

    def returning(value: Any) -> FlowFunction:
        async def returns(run: FlowRun) -> Any:
            await run.generate()
            return value

        return returns

    log = (ModelRequested("generate.0", 1, "m", b""), ModelAnswered("generate.0", 1, "stop", (), Usage(1, 1)))
    assert decided(returning(None), *log) == RunFinished()
    assert decided(returning(""), *log) == RunFinished()
    assert decided(returning({"n": [1]}), *log) == RunFinished('{"n":[1]}')
    for value in (object(), "x" * limits.TOOL_RESULT_BYTES):
        failed = decided(returning(value), *log)
        assert isinstance(failed, RunFailed)
        assert failed.code == "flow-failed"


# --- misuse -----------------------------------------------------------------------------------------------------------


class _Other:
    def __await__(self) -> Any:
        yield "something else"


async def _another_await(run: FlowRun) -> None:
    await _Other()


async def _twice(run: FlowRun) -> None:
    step = run.generate()
    await run.all(a=step, b=step)


async def _twice_nested(run: FlowRun) -> None:
    step = run.generate()

    async def waits() -> None:
        await step

    await run.all(a=waits(), b=waits())


async def _one_coroutine(run: FlowRun) -> None:
    branch = _another_await(run)
    await run.all(a=branch, b=branch)


async def _bad_name(run: FlowRun) -> None:
    await run.all({"a/b": _another_await(run)})


async def _naive_time(run: FlowRun) -> None:
    await run.sleep_until(datetime(2026, 1, 1))


async def _no_json(run: FlowRun) -> None:
    await run.call("stock", item=object())


async def _not_a_function(run: FlowRun) -> None:
    await run.once("count", 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (_another_await, "awaited a str; do such work in a tool"),
        (_twice, "an awaitable of its own"),
        (_twice_nested, "awaited twice; call it again"),
        (_one_coroutine, "call its function again"),
        (_bad_name, "a name, without a slash"),
        (_naive_time, "with a time zone"),
        (_no_json, "the arguments of stock cannot be written as JSON"),
        (_not_a_function, "a function, not its result"),
    ],
)
def test_a_misused_run_says_what_to_do(function: FlowFunction, says: str) -> None:
    """AG37: at once, in a sentence, and without a coroutine left for the garbage collector to warn of."""
    failed = decided(function)
    assert isinstance(failed, RunFailed)
    assert failed.code == "flow-misused"
    assert says in failed.message


def test_a_flow_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """AG40: steps in all and at once are limited, those that take no time included."""
    monkeypatch.setattr(limits, "FLOW_STEPS", 50)
    monkeypatch.setattr(limits, "FLOW_BRANCHES", 5)

    async def spins(run: FlowRun) -> None:
        while True:
            await run.all()

    async def spreads(run: FlowRun) -> None:
        await run.all({str(n): run.generate() for n in range(6)})

    for function in (spins, spreads):
        failed = decided(function)
        assert isinstance(failed, RunFailed)
        assert failed.code == "run-too-many-steps"


def test_only_async_functions_are_flows() -> None:
    """AG37: said where the flow is written."""

    def plain(run: FlowRun) -> None: ...

    async def two(run: FlowRun, other: int) -> None: ...

    for function in (plain, two):
        with pytest.raises(TypeError, match="a flow is `async def"):
            flow(function)  # type: ignore[arg-type]


# --- changed code -----------------------------------------------------------------------------------------------------


async def _mails(run: FlowRun) -> None:
    await run.call("mail", to="ada")


async def _mails_bob(run: FlowRun) -> None:
    await run.call("mail", to="bob")


async def _waits(run: FlowRun) -> None:
    await run.sleep_until(5)


async def _returns(run: FlowRun) -> None:
    pass


async def _spawns(run: FlowRun) -> None:
    await run.spawn("other", "Help")


_STARTED = ToolStarted("call.0", 1, "call.0", "mail", "write", args='{"to":"ada"}')
_CALL = 'call of mail with {"to":"ada"}'
_SPAWNED = ToolDelegated("spawn.0", 1, "spawn.0", "spawn", "other", "Help me")


@pytest.mark.parametrize(
    ("function", "log", "logged", "asked"),
    [
        (_mails_bob, (_STARTED,), _CALL, 'call of mail with {"to":"bob"}'),
        (_mails_bob, (_STARTED, ToolReturned("call.0", 1, "1")), _CALL, 'call of mail with {"to":"bob"}'),
        (_waits, (_STARTED,), _CALL, "sleep.0"),
        (_returns, (_STARTED,), _CALL, "nothing more"),
        (_waits, (_STARTED, ToolReturned("call.0", 1, "1")), _CALL, "sleep.0"),
        (_returns, (_STARTED, ToolReturned("call.0", 1, "1")), _CALL, "nothing more"),
        (_mails, (TimerSet("sleep.0", 5),), "a step of kind timer", "call.0"),
        (_spawns, (_SPAWNED,), "a run of other for 'Help me'", "spawn of other for 'Help'"),
    ],
)
def test_a_changed_flow_diverges(function: FlowFunction, log: tuple[Event, ...], logged: str, asked: str) -> None:
    """AG38: other arguments, another kind of step, a step that is not asked for any more: each ends the run, and the
    sentence has the step, what is logged and what is asked."""
    state = RoomState()
    for event in (RunRequested("a", "hi"), RunStarted(), *log):
        fold(state, Record(state.seq + 1, 0, "ada", RUN, 1, event))
    driven = Flows({"a": Policy(function)}).of(state.runs[RUN])
    assert driven is not None
    assert driven.failure is not None
    assert driven.failure.code == "flow-diverged"
    step = getattr(log[0], "step", "")
    assert f"At step {step} the log has {logged}, and the flow's code now asks for {asked}." in driven.failure.message
    if len(log) > 1:
        (move,) = ask(function, *log)
        assert move == Decide(RUN, RunFailed("flow-diverged", driven.failure.message))


def test_the_same_flow_does_not_diverge() -> None:
    """AG38: the comparison takes nothing for a change that is none."""
    (move,) = ask(_mails, _STARTED)
    assert isinstance(move, Call)
    assert ask(_spawns, ToolDelegated("spawn.0", 1, "spawn.0", "spawn", "other", "Help")) != ()
