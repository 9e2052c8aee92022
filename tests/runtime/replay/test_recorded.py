"""Forks that go on by the record: people, tabs, the clock and chance say there what they said in the parent."""

from datetime import timedelta
from typing import Any

import trio
from plait.protocol.commands import Answer, Approve, Deny
from plait.protocol.events import (
    ApprovalGranted,
    ApprovalRequested,
    ForkResumed,
    QuestionAnswered,
    QuestionAsked,
    RunFinished,
    RunSteered,
    SteerConsumed,
    ToolAssigned,
    ToolCall,
    ToolReturned,
    ValueNoted,
)
from plait.protocol.forks import Change, Wanted
from plait.runtime import Agent, Call, FlowRun, Runtime, ask_person, connect, flow, moment, tool
from plait.runtime.embed import RoomHandle
from plait.runtime.replay.fork import fork as make_fork
from plait.runtime.replay.recorded import Recorded
from plait.runtime.replay.rerun import rerun
from plait.storage import open_store
from plait.storage.memory import MemoryStore
from plait.storage.store import Store
from pycrdt import Text

from ..agent.scripted import Scripted, answered, calls, says
from .test_fork import log
from .test_merge import first

PATIENCE_S = 120
acted: list[str] = []


@tool(approval="always")
async def pay(to: str) -> str:
    """Pay somebody."""
    acted.append(to)
    return f"paid {to}"


@tool(effect="read", inside=True, approval="always")
async def note(word: str, call: Call) -> str:
    """Write a word into the document."""

    def add(text: Any) -> None:
        text.insert(0, word)

    await call.document("main").edit(lambda doc: add(doc.get("content", type=Text)))
    return "noted"


@tool(effect="read")
async def look() -> int:
    """Count how often it was looked."""
    acted.append("look")
    return len(acted)


async def decided(room: RoomHandle, run: str, *answers: Any) -> None:
    """Give these answers to what is asked, one after the other."""
    given = iter(answers)
    async for record in room.follow():
        if isinstance(record.event, ApprovalRequested | QuestionAsked):
            await room.by("ann").decide(next(given)(id=f"d{record.seq}", run=run, step=record.event.step))
        if isinstance(record.event, RunFinished) and record.run == run:
            break


def texts(parts: list[dict[str, Any]]) -> list[str]:
    """What the parts say, in some order: an answer that was at work at the fork's point comes anew, behind the rest."""
    return sorted(part.get("text") or "" for part in parts)


async def same_everywhere(store: Store, room: RoomHandle, run: str, model: Scripted) -> int:
    """Fork after each record, by the record: each ends as the parent did, without anybody's doing; how many these."""
    then = (await room.wait(run))["parts"]
    state = (await moment(store, room.name, (await store.head(room.name)).seq)).state.runs[run]
    document = str((await room.document("main")).get("content", type=Text))
    asked, done, made = len(model.requests), len(acted), 0
    for at in range(int(run), next(r.seq for r in await log(store, room.name) if isinstance(r.event, RunFinished))):
        (last,) = await store.read(room.name, at - 1, 1)
        if isinstance(last.event, SteerConsumed) and not last.event.step:
            continue  # It is half of the record behind it, the request that holds what was said.
        steps = (await moment(store, room.name, at)).state.runs[run].steps.values()
        if any(step.effect == "write" and step.status == "open" for step in steps):
            continue  # What it did a person says.
        fork = await room.fork(at, name=f"{room.name}-{at}", going="recorded")
        with trio.fail_after(PATIENCE_S):
            ended = await fork.wait(run)
        records = await log(store, fork.name)
        assert not [record for record in records if isinstance(record.event, ForkResumed)], at
        again = (await moment(store, fork.name, records[-1].seq)).state.runs[run]
        assert (again.status, again.result, again.answer) == (state.status, state.result, state.answer)
        assert texts(ended["parts"]) == texts(then), at
        assert str((await fork.document("main")).get("content", type=Text)) == document
        made += 1
    assert (len(model.requests), len(acted)) == (asked, done)
    return made


async def test_what_people_decided() -> None:
    """FK17: a yes with other arguments, a no, an answer, a yes to what happens inside; by whoever gave them, and each
    together with what came of it."""
    acted.clear()
    store = MemoryStore()
    script = [
        calls(("a", "pay", '{"to": "x"}'), ("b", "pay", '{"to": "y"}')),
        calls(("c", "ask_person", '{"question": "Which word?"}')),
        calls(("d", "note", '{"word": "w"}')),
        calls(("e", "look", "{}")),
        calls(("f", "look", "{}")),
        says("All done."),
    ]
    model = Scripted(lambda request: script[[0, 0, 1, 2, 3, 4, 5][answered(request)]])
    agent = Agent("a", model, tools=[pay, note, look, ask_person()])
    async with Runtime(store, [agent]) as runtime, trio.open_nursery() as nursery:
        room = runtime.room("r")
        run = await room.prompt("go")

        def yes(**place: Any) -> Approve:
            return Approve(**place)

        def other(**place: Any) -> Approve:
            return Approve(**place, args={"to": "z"})

        def no(**place: Any) -> Deny:
            return Deny(**place, reason="too dear")

        def answer(**place: Any) -> Answer:
            return Answer(**place, answer={"answer": "w"})

        nursery.start_soon(decided, room, run, other, no, answer, yes)
        await room.wait(run)
        assert acted == ["z", "look", "look"]
        assert await same_everywhere(store, room, run, model) > 20
        records = await log(store, "r-1")
        assert [r.author for r in records if isinstance(r.event, ApprovalGranted | QuestionAnswered)] == ["ann"] * 3
        assert [r.event.result for r in records if isinstance(r.event, ToolReturned)][-2:] == ["2", "3"]
        nursery.cancel_scope.cancel()


@flow
async def everything(run: FlowRun) -> Any:
    """All that a flow may await."""
    began = await run.now()
    chance = await run.random()
    await run.sleep_until(began + timedelta(milliseconds=20))
    signed = await run.ask("How shall I sign?")
    below = await run.all(one=run.spawn("helper", "first"), other=run.spawn("helper", "second"))
    heard = await run.inbox()

    async def outside() -> int:
        acted.append("once")
        return len(acted)

    counted = await run.once("count", outside, effect="idempotent")
    answer = await run.generate()
    values = {name: outcome.value for name, outcome in below.items()}
    return [began.isoformat(), chance, signed, values, heard.text, heard.author, counted, answer.text]


@flow
async def helping(run: FlowRun) -> Any:
    """Chance below another run."""
    return [run.prompt, await run.random()]


async def test_what_a_flow_asked_of_the_world() -> None:
    """FK17: time, chance, sleep, a person's answer and word, and the same of runs below, at their places; and today's
    code agrees with the fork's log."""
    acted.clear()
    store = MemoryStore()
    model = Scripted(lambda request: says("Yours."))
    agents = [Agent("boss", model, flow=everything), Agent("helper", model, flow=helping)]
    async with Runtime(store, agents) as runtime, trio.open_nursery() as nursery:
        room = runtime.room("r")
        run = await room.prompt("go", agent="boss")

        def answer(**place: Any) -> Answer:
            return Answer(**place, answer={"answer": "Ann"})

        nursery.start_soon(decided, room, run, answer)
        await first(room, QuestionAnswered)
        await room.by("bob").steer("louder", run)
        await room.wait(run)
        assert await same_everywhere(store, room, run, model) > 15
        assert (await rerun(store, "r", agents)).divergences == ()
        assert (await rerun(store, "r-2", agents)).divergences == ()
        assert [r.author for r in await log(store, "r-2") if isinstance(r.event, RunSteered)] == ["bob"]
        nursery.cancel_scope.cancel()


async def test_what_was_said_to_a_run_at_work() -> None:
    """FK17: before the same request, or while the same answer came, so that the run goes on where it went on."""
    acted.clear()
    store = MemoryStore()
    hold, told = trio.Event(), trio.Event()

    def script(request: dict[str, Any]) -> Any:
        words = [message["text"] for message in request["messages"] if message["role"] == "User"]
        if len(words) > 1:
            return says(f"Yes, {words[-1]}.")
        told.set()
        return [*says("Hm.")[:1], hold, *says("Hm.")[1:]]

    model = Scripted(script)
    async with Runtime(store, [Agent("a", model)]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("go")
        await told.wait()
        await room.by("bob").steer("louder", run)
        hold.set()
        assert "louder" in (await room.wait(run))["parts"][-1]["text"]
        assert await same_everywhere(store, room, run, model) > 3


async def test_what_tabs_did() -> None:
    """FK17: a tab's tool is offered to the model as it was there, and gives what it gave, though no tab is here."""
    acted.clear()

    @tool(effect="write")
    async def paint(colour: str) -> str:
        """Paint the page."""
        acted.append(colour)
        return f"painted {colour}"

    asked = calls(("a", "paint", '{"colour": "red"}'))
    model = Scripted(lambda request: says("Painted.") if answered(request) else asked)
    async with (
        open_store("sqlite:///:memory:") as store,
        Runtime(store, [Agent("a", model)]) as runtime,
        trio.open_nursery() as nursery,
    ):
        url: str = await nursery.start(runtime.serve, "127.0.0.1", 0)
        async with connect(url, "r") as remote, remote.serve([paint]):
            run = await remote.prompt("go")
            await remote.wait(run)
        assert acted == ["red"]
        room = runtime.room("r")
        assert "paint" in str(model.requests[0]["tools"])
        made = await same_everywhere(store, room, run, model)
        assert made > 5
        prompted = next(r.seq for r in await log(store, "r") if r.run == run)
        early = await log(store, f"r-{prompted}")
        assert any(isinstance(record.event, ToolAssigned) for record in early[prompted:])
        nursery.cancel_scope.cancel()


@flow
async def chancing(run: FlowRun) -> Any:
    """Ask for other things after another answer."""
    said = await run.ask("Left or right?")
    if said["answer"] == "left":
        return [await run.random(), await run.random()]
    return [await run.random(), (await run.ask("Are you sure?"))["answer"], await run.random()]


async def test_what_the_record_does_not_have() -> None:
    """FK19: the first thing that was not asked for there pauses the fork, which says what it was, and nothing is asked
    of anybody; by the record again it is the same again; and it goes on live by itself where that was asked for."""
    store = MemoryStore()
    model = Scripted(lambda request: says("-"))
    async with Runtime(store, [Agent("a", model, flow=chancing)]) as runtime, trio.open_nursery() as nursery:
        room = runtime.room("r")
        run = await room.prompt("go")

        def answer(**place: Any) -> Answer:
            return Answer(**place, answer={"answer": "left"})

        nursery.start_soon(decided, room, run, answer)
        await room.wait(run)
        (said,) = [record for record in await log(store, "r") if isinstance(record.event, QuestionAnswered)]
        fork = await room.fork(said.seq, change=Change(answer={"answer": "right"}), going="recorded")
        await first(fork, ForkResumed)
        noted = [record.event for record in await log(store, "r") if isinstance(record.event, ValueNoted)]
        there = [record.event for record in await log(store, fork.name) if isinstance(record.event, ValueNoted)]
        assert there == noted[:1]  # Chance had its place, and the second question has none.
        assert not [r for r in (await log(store, fork.name))[said.seq :] if isinstance(r.event, QuestionAsked)]
        await fork.resume("recorded")
        resumed = (await store.head(fork.name)).seq
        async for record in fork.follow(resumed):
            assert record.event == ForkResumed("paused", "ask.1", "a person's answer")
            assert (record.run, record.author) == (run, "plait")
            break
        await fork.resume("recorded-live")
        async for record in fork.follow(resumed + 2):
            assert record.event == ForkResumed("live", "ask.1", "a person's answer")
            break
        async for record in fork.follow(resumed + 1):
            if isinstance(record.event, QuestionAsked):
                await fork.decide(Answer(id="yes", run=run, step=record.event.step, answer={"answer": "yes"}))
                break
        assert (await fork.wait(run))["status"] == "done"
        nursery.cancel_scope.cancel()


async def test_nothing_is_given_twice() -> None:
    """FK17: the same call twice gives what it gave each time; whoever reads the record
    anew, after a restart or in a new epoch, sees in the fork's own log what was given."""
    acted.clear()
    store = MemoryStore()
    script = [calls(("a", "look", "{}")), calls(("b", "look", "{}")), says("Two.")]
    model = Scripted(lambda request: script[min(answered(request), 2)])
    agents = [Agent("a", model, tools=[look])]
    async with Runtime(store, agents) as runtime:
        room = runtime.room("r")
        run = await room.prompt("go")
        await room.wait(run)
        fork = await room.fork(int(run), name="f", going="recorded")
        assert (await first(fork, RunFinished)).run == run
        assert [r.event.result for r in await log(store, "f") if isinstance(r.event, ToolReturned)] == ["1", "2"]
        assert len(acted) == 2
    for name, left in (("f", 0), ("g", 2)):
        if name == "g":
            await make_fork(store, "r", Wanted(int(run), "g"))
        state = (await moment(store, name, (await store.head(name)).seq)).state
        recorded = Recorded(store, name, state)
        for nth in range(3):
            found = await recorded.call(state.runs[run], "nowhere", ToolCall("a", "look", "{ }"))
            given = [event.result for _, event in found or () if isinstance(event, ToolReturned)]
            assert given == [str(nth + 1)] * (nth < left)
