"""Flows in a real room: what they await is carried out, shown, stopped and recovered like everything else."""

from datetime import timedelta
from typing import Any

import trio
from plait.protocol import limits
from plait.protocol.commands import Answer, Approve, ClaimTool, Prompt, Resolve, ReturnToolResult
from plait.protocol.events import (
    ApprovalRequested,
    QuestionAsked,
    SteerConsumed,
    TimerFired,
    TimerSet,
    ToolOutcomeUnknown,
    ToolStarted,
    ValueNoted,
)
from plait.runtime import Agent, FlowRun, Runtime, StepFailed, flow, tool
from plait.runtime.models.model import JSON
from plait.storage.memory import MemoryStore

from .scripted import Scripted, says
from .test_decisions import until
from .test_recovery import cut
from .test_tab_tools import around, page

RUN = "000000000001"


@tool(effect="read")
async def stock(item: str) -> int:
    """How many of an item there are."""
    return len(item)


@tool(approval="always")
async def order(item: str) -> str:
    """Order an item."""
    return f"ordered {item}"


@flow
async def restock(run: FlowRun) -> Any:
    """Everything that a flow may await but other agents and its inbox."""
    started = await run.now()
    counted = await run.all(figs=run.call("stock", item="figs"), kiwis=run.call("stock", item="kiwis"))
    chance = await run.random()
    least = min(counted, key=lambda item: counted[item].value)
    ordered = (await run.call("order", item=least)).value
    told = await run.ask("How shall I sign?", schema={"type": "object"})
    await run.sleep_until(started + timedelta(minutes=10))

    async def note() -> dict[str, Any]:  # Not a sync one: a mock clock does not wait for its thread.
        return {"ordered": ordered, "chance": chance}

    noted = await run.once("note", note, effect="idempotent")
    answer = await run.generate(instructions=f"Sign as {told['name']}.")
    return {"said": answer.text, **noted, "took": (await run.now() - started).total_seconds() >= 600}


def clerk() -> tuple[Agent, Scripted]:
    model = Scripted(lambda request: says("All set."))
    return Agent("clerk", model, tools=[stock, order], flow=restock), model


async def test_a_flow_from_end_to_end(autojump_clock: trio.testing.MockClock) -> None:
    """AG32, AG33, AG34, AG36: each step is a record, people see calls that no model asked for, and the run's result is
    what the flow returned."""
    agent, _ = clerk()
    store = MemoryStore()
    async with Runtime(store, [agent], surroundings=around()) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Restock")
        await until(room, ApprovalRequested)
        parts = (await room.runs())[run]["parts"]
        assert sorted((part["name"], part["state"], part["args"]) for part in parts) == [
            ("order", "asking", '{"item":"figs"}'),
            ("stock", "done", '{"item":"figs"}'),
            ("stock", "done", '{"item":"kiwis"}'),
        ]
        await room.decide(Approve(id="y", run=run, step="call.0"))
        await until(room, QuestionAsked)
        asking = (await room.runs())[run]["parts"][-1]
        assert (asking["asks"], asking["question"], asking["call"]) == ("input", "How shall I sign?", "ask.0")
        await room.decide(Answer(id="a", run=run, step="ask.0", answer={"name": "Ada"}))
        await until(room, TimerSet)
        assert "wakes_at" in (await room.runs())[run]
        shown = await room.wait(run)
    assert shown["status"] == "done"
    assert shown["result"].startswith('{"said":"All set. ","ordered":"ordered figs","chance":0.')
    assert shown["result"].endswith('"took":true}')
    names = [type(record.event).__name__ for record in await store.read("r")]
    assert (names.count("ValueNoted"), names.count("TimerFired"), names.count("RunFinished")) == (3, 1, 1)


async def test_a_sleeping_run_needs_no_memory(autojump_clock: trio.testing.MockClock) -> None:
    """AG33: a room whose only run sleeps leaves memory, and is woken when its time has come; after a restart too."""
    woke: list[float] = []

    async def naps(run: FlowRun) -> None:
        for _ in range(2):
            await run.sleep_until(await run.now() + timedelta(hours=1))
            woke.append(trio.current_time())

    store = MemoryStore()
    agents = [Agent("clerk", Scripted(lambda request: []), flow=naps)]
    async with Runtime(store, agents, surroundings=around()) as runtime:
        await runtime.room("r").prompt("Sleep")
        await trio.sleep(limits.ROOM_IDLE_S * 3)
        assert runtime.rooms.statistics()["rooms"] == 0
        await trio.sleep(3600)
        assert len(woke) == 1
    async with Runtime(store, agents, surroundings=around()) as runtime:
        await trio.sleep(limits.ROOM_IDLE_S * 3)
        assert runtime.rooms.statistics()["rooms"] == 0
        await trio.sleep(3600)
        assert (await runtime.room("r").runs())[RUN]["status"] == "done"
    fired = [record for record in await store.read("r") if isinstance(record.event, TimerFired)]
    assert len(fired) == 2


async def test_words_reach_the_flow_that_waits_for_them() -> None:
    """AG35: what is said to the run is given once, with who said it, and shown as heard."""

    async def listens(run: FlowRun) -> list[str]:
        heard = [await run.inbox() for _ in range(2)]
        return [f"{said.author}: {said.text}" for said in heard]

    store = MemoryStore()
    async with Runtime(store, [Agent("clerk", Scripted(lambda request: []), flow=listens)]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Listen")
        await room.by("ada").steer("left")
        await until(room, SteerConsumed)
        await room.by("bob").steer("right")
        shown = await room.wait(run)
    assert shown["result"] == '["ada: left","bob: right"]'
    assert all(part["seen"] for part in shown["parts"])


async def test_once_is_not_done_again() -> None:
    """AG36, AG13: a write whose process died waits for a person; an idempotent one is repeated under its key; what it
    raises is thrown into the flow; sync and async."""
    keys: list[str] = []

    async def counts(run: FlowRun) -> Any:
        def fails() -> None:
            raise ValueError

        async def counted() -> int:
            return 7

        first = await run.once("keyed", lambda key: keys.append(key), effect="idempotent")
        try:
            await run.once("fails", fails)
        except StepFailed as failed:
            return [first, failed.code, await run.once("counted", counted)]

    agents = [Agent("clerk", Scripted(lambda request: []), flow=counts)]
    store = MemoryStore(entropy=bytes)
    async with Runtime(store, agents) as runtime:
        room = runtime.room("r")
        assert (await room.wait(await room.prompt("Go")))["result"] == '[null,"tool-bug",7]'
    records = await store.read("r")
    started = [record.seq for record in records if isinstance(record.event, ToolStarted)]
    async with Runtime(await cut(records, started[0]), agents) as runtime:
        assert (await runtime.room("r").wait(RUN))["status"] == "done"
    assert len(keys) == 2
    assert keys[0] == keys[1]
    async with Runtime(await cut(records, started[2]), agents) as runtime:
        await until(runtime.room("r"), ToolOutcomeUnknown)
        assert (await runtime.room("r").runs())[RUN]["status"] == "waiting"


async def test_a_changed_flow_ends_visibly() -> None:
    """AG38: a process with other code takes the run up, and people read why it ended."""

    async def before(run: FlowRun) -> None:
        await run.now()
        await run.ask("Well?")

    async def after(run: FlowRun) -> None:
        await run.random()

    store = MemoryStore()
    async with Runtime(store, [Agent("clerk", Scripted(lambda request: []), flow=before)]) as runtime:
        await runtime.room("r").prompt("Go")
        await until(runtime.room("r"), QuestionAsked)
    async with Runtime(store, [Agent("clerk", Scripted(lambda request: []), flow=after)]) as runtime:
        shown = await runtime.room("r").wait(RUN)
    assert shown["error_code"] == "flow-diverged"
    assert (
        "At step now.0 the log has a step of kind value, and the flow's code now asks for random.0."
        in (shown["error_message"])
    )


async def test_a_cut_flow_says_the_same(autojump_clock: trio.testing.MockClock) -> None:
    """AG12, AG30: cut behind every record, with a person who answers whatever is asked; values once noted stay."""
    agent, _ = clerk()
    store = MemoryStore()
    await _play(store, agent)
    records = await store.read("r", limit=1000)
    noted = {record.event.step: record.event.value for record in records if isinstance(record.event, ValueNoted)}
    for n in range(1, len(records)):
        again = await cut(records, n)
        with trio.fail_after(3600):
            shown = await _play(again, clerk()[0], prompt=False)
        assert shown["status"] == "done"
        kept = [record.event for record in await again.read("r", limit=1000) if isinstance(record.event, ValueNoted)]
        before = {record.event.step for record in records[:n] if isinstance(record.event, ValueNoted)}
        assert {event.step: event.value for event in kept if event.step in before} == {
            step: value for step, value in noted.items() if step in before
        }


async def _play(store: MemoryStore, agent: Agent, prompt: bool = True) -> JSON:
    async with Runtime(store, [agent], surroundings=around()) as runtime:
        room = runtime.room("r")
        if prompt:
            await room.prompt("Restock", id="p")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_answer, room)
            shown = await room.wait(RUN)
            nursery.cancel_scope.cancel()
    return shown


async def _answer(room: Any) -> None:
    """Whatever is asked is answered; of a call that was cut, somebody finds that it can be done again."""
    async for record in room.follow():
        event = record.event
        parts = {part.get("call"): part for part in (await room.runs())[RUN]["parts"]}
        state = parts.get(getattr(event, "step", None), {}).get("state")
        if isinstance(event, ApprovalRequested) and state == "asking":
            await room.decide(Approve(id=f"y{record.seq}", run=RUN, step=event.step))
        elif isinstance(event, QuestionAsked) and state == "asking":
            await room.decide(Answer(id=f"a{record.seq}", run=RUN, step=event.step, answer={"name": "Ada"}))
        elif isinstance(event, ToolOutcomeUnknown) and state == "unknown":
            await room.decide(Resolve(id=f"r{record.seq}", run=RUN, step=event.step, verdict="retry"))


async def test_a_tab_carries_out_what_a_flow_asks_for(autojump_clock: trio.testing.MockClock) -> None:
    """AG36: no answer of a model shows the call to tabs, so the records do, with its arguments."""

    async def paints(run: FlowRun) -> Any:
        return (await run.call("paint", colour="red")).value

    agents = [Agent("painter", Scripted(lambda request: []), flow=paints)]
    async with Runtime(MemoryStore(), agents, surroundings=around()) as runtime, runtime.rooms.use("r") as live:
        tab = await page(live, "easel")
        await tab.register()
        run = (await tab.ask(Prompt(id="p", text="Paint"))).run
        await trio.sleep(1)
        (part,) = (await runtime.room("r").runs())[run]["parts"]
        assert (part["state"], part["tab"], part["args"]) == ("assigned", "easel", '{"colour":"red"}')
        step = part["call"]
        await tab.ask(ClaimTool(id="c", run=run, step=step, number=1))
        await tab.ask(ReturnToolResult(id="d", run=run, step=step, number=1, result="painted"))
        assert (await runtime.room("r").wait(run))["result"] == '"painted"'
