"""What a run may take: steps, tokens, cost, time, its sub-agents' included; and how it ends when it takes more."""

from typing import Any

import pytest
import trio
from plait.protocol.budget import Limits, over
from plait.protocol.events import ModelAnswered, RunFailed, RunStarted, RunStopped, ToolFailed, Usage
from plait.protocol.state import Run, Spent
from plait.runtime import Agent, FlowRun, Runtime, tool
from plait.runtime.models.model import Answered, TextChunk
from plait.storage.memory import MemoryStore

from .scripted import Scripted, calls
from .test_decisions import until
from .test_tab_tools import around

RUN = "000000000001"


@tool(effect="read")
async def again() -> str:
    """Once more."""
    return "again"


def looping(limits: Limits, **more: Any) -> tuple[Agent, Scripted]:
    """An agent that never stops by itself; each answer takes 12 tokens."""
    model = Scripted(lambda request: calls(("c", "again", "{}")))
    return Agent("looper", model, tools=[again], limits=limits, **more), model


async def test_steps_are_counted_before_the_model_is_asked() -> None:
    """AG50: the request that would be one too many is not sent."""
    agent, model = looping(Limits(steps=3))
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        shown = await room.wait(await room.prompt("Go"))
    assert (shown["status"], shown["error_code"]) == ("failed", "run-too-many-steps")
    assert len(model.requests) == 3


async def test_tokens_end_a_run() -> None:
    """AG51: read and written ones, by the vendor's count, with the answer that went beyond."""
    agent, model = looping(Limits(tokens=30))
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        shown = await room.wait(await room.prompt("Go"))
    assert (shown["status"], shown["error_code"]) == ("failed", "run-too-many-tokens")
    assert len(model.requests) == 3
    assert shown["parts"][1]["text"] == "Let me look. "


async def test_a_family_has_one_budget() -> None:
    """AG51: what sub-agents take is taken from the prompt's budget; a sub-agent's own limit ends only its own run."""
    asks = calls(("h", "looper", '{"prompt":"Go"}'))
    child, model = looping(Limits(steps=100))
    host = Agent("host", Scripted(lambda request: asks), tools=[child], limits=Limits(tokens=60))
    async with Runtime(MemoryStore(), [host]) as runtime:
        room = runtime.room("r")
        shown = await room.wait(await room.prompt("Go"))
        runs = await room.runs()
    assert (shown["status"], shown["error_code"]) == ("failed", "run-too-many-tokens")
    assert len(model.requests) == 5
    assert [run["status"] for run in runs.values()] == ["failed", "stopped"]

    child, model = looping(Limits(steps=2))

    async def once(run: FlowRun) -> Any:
        return (await run.spawn("looper", "Go")).code

    host = Agent("host", Scripted(lambda request: []), tools=[child], flow=once)
    async with Runtime(MemoryStore(), [host]) as runtime:
        room = runtime.room("r")
        shown = await room.wait(await room.prompt("Go"))
    assert (shown["status"], shown["result"]) == ("done", '"run-too-many-steps"')


@pytest.mark.parametrize(("cost", "code"), [(1_000_000, ""), (1_000_001, "run-too-expensive")])
def test_cost_is_in_the_agents_currency(cost: int, code: str) -> None:
    """AG51: limits are in whole units of it, records in millionths."""
    run = Run(RUN, "a", "Go", "ada")
    run.spent = Spent(cost=cost // 2)
    child = Run("000000000002", "b", "Go", "ada", parent=RUN)
    child.spent = Spent(cost=cost - cost // 2)
    failed = over(run, [run, child], Limits(cost=1), 0)
    assert ("" if failed is None else failed.code) == code


def test_a_limit_allows_something() -> None:
    """AG50: a limit of nothing is a mistake of whoever wrote it."""
    for wrong in ({"steps": 0}, {"tokens": -1}, {"cost": 0.0}, {"wall_s": float("nan")}, {"wall_s": float("inf")}):
        with pytest.raises(ValueError, match="more than 0"):
            Limits(**wrong)  # type: ignore[arg-type]


async def test_time_runs_out_while_a_model_streams(autojump_clock: trio.testing.MockClock) -> None:
    """AG52, AG53: the end is written at its time, what streamed is kept, sub-agents are stopped first."""
    never = trio.Event()
    child = Agent("scout", Scripted(lambda request: [TextChunk("I see "), never]))
    asks = calls(("h", "scout", '{"prompt":"Look"}'))
    host = Agent("host", Scripted(lambda request: asks), tools=[child], limits=Limits(wall_s=30))
    store = MemoryStore()
    async with Runtime(store, [host], surroundings=around()) as runtime:
        room = runtime.room("r")
        await room.prompt("Go")
        began = trio.current_time()
        with trio.fail_after(60):
            shown = await room.wait(RUN)
        assert 30 <= trio.current_time() - began < 31
        runs = await room.runs()
    assert (shown["status"], shown["error_code"]) == ("failed", "run-timed-out")
    assert "deadline" in shown
    assert [(run["status"], run["parts"][0]["text"]) for run in runs.values()][1] == ("stopped", "I see ")
    kinds = [type(record.event) for record in await store.read("r", limit=500)]
    assert kinds.index(RunStopped) < kinds.index(RunFailed)


async def test_a_deadline_outlives_the_process(autojump_clock: trio.testing.MockClock) -> None:
    """AG52: it is in the log; the process that takes the run up ends it, however late, and asks nobody before."""
    never = trio.Event()

    def host() -> tuple[Agent, Scripted]:
        model = Scripted(lambda request: [TextChunk("Well "), never])
        return Agent("host", model, limits=Limits(wall_s=30)), model

    store = MemoryStore()
    async with Runtime(store, [host()[0]], surroundings=around()) as runtime:
        await runtime.room("r").prompt("Go")
        await until(runtime.room("r"), RunStarted)
    await trio.sleep(100)
    agent, model = host()
    async with Runtime(store, [agent], surroundings=around()) as runtime:
        with trio.fail_after(60):
            assert (await runtime.room("r").wait(RUN))["error_code"] == "run-timed-out"
    assert not model.requests


async def test_tools_say_how_far_they_came_before_a_run_ends(autojump_clock: trio.testing.MockClock) -> None:
    """AG53: an open call is cut, and its last word is in the log before the run's end."""

    @tool(effect="read")
    async def forever() -> None:
        """Take too long."""
        await trio.sleep_forever()

    asks = calls(("c", "forever", "{}"))
    agent = Agent("host", Scripted(lambda request: asks), tools=[forever], limits=Limits(wall_s=5))
    store = MemoryStore()
    async with Runtime(store, [agent], surroundings=around()) as runtime:
        with trio.fail_after(60):
            assert (await runtime.room("r").wait(await runtime.room("r").prompt("Go")))["status"] == "failed"
    kinds = [type(record.event) for record in await store.read("r", limit=500)]
    assert kinds.index(ToolFailed) < kinds.index(RunFailed)


async def test_what_is_within_its_limits_is_done() -> None:
    """AG50: exactly as much as is allowed is allowed."""
    two = iter([calls(("c", "again", "{}")), [TextChunk("Done."), Answered("stop", (), Usage(6, 6))]])
    agent = Agent("a", Scripted(lambda request: next(two)), tools=[again], limits=Limits(steps=2, tokens=24))
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        assert (await runtime.room("r").wait(await runtime.room("r").prompt("Go")))["status"] == "done"
    answered = [record.event for record in await store.read("r") if isinstance(record.event, ModelAnswered)]
    assert len(answered) == 2
