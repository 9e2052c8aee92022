"""What each thing that a flow asks for is as a move: every field, in the agent's name."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from plait.protocol import limits
from plait.protocol.events import (
    Attachment,
    QuestionAsked,
    Record,
    RunArchived,
    RunFinished,
    RunRequested,
    RunStarted,
    RunSteered,
    SteerConsumed,
    TimerSet,
    ToolCall,
    ToolDelegated,
    ToolFailed,
)
from plait.protocol.flow import FlowRun
from plait.protocol.fold import fold
from plait.protocol.move import Call, Decide, Generate, Move, Note, Wake
from plait.protocol.moves import moves
from plait.protocol.replay import Flows, Policy

from .test_moves import state_with

RUN = "000000000001"
TEXT = '{"properties":{"answer":{"type":"string"}},"required":["answer"],"type":"object"}'
SECOND = 1_000_000


def double(key: str) -> str:
    return key * 2


def asked(ask: Callable[[FlowRun], Any], *events: Any) -> tuple[Move, ...]:
    """What follows, 1 s after 1970, where a flow asks for that and nothing else."""

    async def flow(run: FlowRun) -> None:
        await ask(run)

    state = state_with(RunRequested("a", "hi", "tab"), RunStarted(), *events)
    return moves(state, 1, Flows({"a": Policy(flow), "b": Policy(flow)}), now=SECOND)


@pytest.mark.parametrize(
    ("ask", "move"),
    [
        (lambda run: run.generate(), Generate(RUN, "generate.0", 1)),
        (
            lambda run: run.generate(instructions="Be brief.", tools=["x"]),
            Generate(RUN, "generate.0", 1, 0, "Be brief.", ("x",)),
        ),
        (lambda run: run.generate(tools=[]), Generate(RUN, "generate.0", 1, 0, None, ())),
        (
            lambda run: run.once("twice", double, effect="read"),
            Call(RUN, "once.0", 1, ToolCall("once.0", "twice", "{}"), False, double, "read"),
        ),
        (
            lambda run: run.once("twice", double),
            Call(RUN, "once.0", 1, ToolCall("once.0", "twice", "{}"), False, double, "write"),
        ),
        (
            lambda run: run.spawn("b", "look"),
            Decide(RUN, ToolDelegated("spawn.0", 1, "spawn.0", "spawn", "b", "look"), "a"),
        ),
        (lambda run: run.ask("Which?"), Decide(RUN, QuestionAsked("ask.0", "ask.0", "ask", "Which?", TEXT), "a")),
        (
            lambda run: run.ask("Which?", schema={"type": "string"}, within_s=2),
            Decide(RUN, QuestionAsked("ask.0", "ask.0", "ask", "Which?", '{"type":"string"}', 3 * SECOND), "a"),
        ),
        (
            lambda run: run.ask("Which?", within_s=1e-7),
            Decide(RUN, QuestionAsked("ask.0", "ask.0", "ask", "Which?", TEXT, SECOND + 1), "a"),
        ),
        (lambda run: run.sleep_until(9 * SECOND), Decide(RUN, TimerSet("sleep.0", 9 * SECOND), "a")),
        (
            lambda run: run.sleep_until(datetime(1970, 1, 1, 0, 0, 9, 5, UTC)),
            Decide(RUN, TimerSet("sleep.0", 9 * SECOND + 5), "a"),
        ),
        (lambda run: run.now(), Note(RUN, "now.0", "now", "a")),
        (lambda run: run.random(), Note(RUN, "random.0", "random", "a")),
    ],
)
def test_what_is_asked_is_a_move(ask: Callable[[FlowRun], Any], move: Move) -> None:
    """AG10, AG32, AG33, AG34, AG36: all of it, and once."""
    assert asked(ask) == (move,)


def test_what_a_flow_knows_of_its_run() -> None:
    """AG10: the prompt with all that came with it, who asked, and what the room calls the run."""
    seen: list[FlowRun] = []
    file = Attachment("b", "image/png", "n", 4)

    async def flow(run: FlowRun) -> None:
        seen.append(run)

    state = state_with(RunRequested("a", "hi", context={"k": "v"}, attachments=(file,)), RunStarted())
    assert moves(state, 1, Flows({"a": Policy(flow)}))
    (run,) = seen
    assert (run.prompt, run.id, run.agent, run.author) == ("hi", RUN, "a", "x")
    assert (run.context, run.attachments) == ({"k": "v"}, (file,))


def test_a_tools_call() -> None:
    """AG36: under its step's id where no model gave one, and under the model's where it did."""
    paint = ToolCall("call.0", "paint", '{"colour":"red"}')
    assert asked(lambda run: run.call("paint", colour="red")) == (Call(RUN, "call.0", 1, paint),)
    given = ToolCall("x", "paint", "{}")
    assert asked(lambda run: run.call(given)) == (Call(RUN, "call.0", 1, given),)


def test_what_is_said_is_given() -> None:
    """AG35: the oldest that nobody heard; nothing while nobody said anything."""
    assert asked(lambda run: run.inbox()) == ()
    said = (RunSteered("x"), RunSteered("y"))
    assert asked(lambda run: run.inbox(), *said) == (Decide(RUN, SteerConsumed(3, "inbox.0"), "a"),)


def test_a_sleep_that_has_begun() -> None:
    """AG33: is only waited for."""
    assert asked(lambda run: run.sleep_until(9 * SECOND), TimerSet("sleep.0", 9 * SECOND)) == (Wake(9 * SECOND),)


@pytest.mark.parametrize(
    ("agent", "event"),
    [
        ("b", RunRequested("b", "look", "tab", after="", parent=RUN, step="spawn.0")),
        ("c", ToolFailed("spawn.0", 1, "no-such-agent", "No agent 'c' is at work here.")),
    ],
)
def test_a_child_is_requested(agent: str, event: Any) -> None:
    """AG41, AG44: once the intent is there, in the agent's name and with the tab that prompted; or the step fails."""
    delegated = ToolDelegated("spawn.0", 1, "spawn.0", "spawn", agent, "look")
    asker = "a" if isinstance(event, RunRequested) else ""
    assert asked(lambda run: run.spawn(agent, "look"), delegated) == (Decide(RUN, event, asker),)


def test_the_oldest_finished_run_leaves() -> None:
    """RM34: when there is one too many, and no sooner."""
    many = [event for _ in range(limits.FINISHED_RUNS) for event in (RunRequested("a", "hi"), RunFinished())]
    state = state_with()

    def play(events: list[Any]) -> tuple[Move, ...]:
        for event in events:
            run = f"{state.seq + 1:012}" if isinstance(event, RunRequested) else f"{state.seq:012}"
            fold(state, Record(state.seq + 1, 0, "x", run, 1, event))
        return moves(state, 1, Flows({}))

    assert play(many) == ()
    assert play([RunRequested("a", "hi"), RunFinished()]) == (Decide(RUN, RunArchived()),)
