"""Agents that work for agents: a run of their own, whose end is the outcome of the call."""

from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.commands import Answer, Approve
from plait.protocol.errors import Refused
from plait.protocol.events import (
    ApprovalRequested,
    ModelRequested,
    QuestionAsked,
    Record,
    RunArchived,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStopped,
    StopRequested,
    TextStreamed,
    ToolDelegated,
    ToolFailed,
)
from plait.runtime import Agent, FlowRun, Runtime, ask_person, tool
from plait.runtime.models.model import JSON, TextChunk
from plait.runtime.room.archive import older_runs
from plait.storage.memory import MemoryStore

from .scripted import Scripted, answered, calls, says
from .test_decisions import until
from .test_recovery import cut, essence

ROOT = "000000000001"
_ENDS = RunFinished | RunStopped | RunFailed


@tool(effect="read")
async def look(item: str) -> str:
    """Look something up."""
    return f"{item} is fine"


def last_result(request: JSON) -> str:
    return [message["text"] for message in request["messages"] if message["role"] == "Result"][-1]


def house(**more: Any) -> tuple[Agent, Agent]:
    """A host that asks a scout, who looks something up before it answers."""

    def scouting(request: JSON) -> Any:
        if not answered(request):
            return calls(("s1", "look", '{"item":"roof"}'), thought="Looking. ")
        return says(f"I see: {last_result(request)}")

    def hosting(request: JSON) -> Any:
        if not answered(request):
            return calls(("h1", "scout", '{"prompt":"How is the roof?"}'), thought="Asking. ")
        return says(f"They say {last_result(request)}")

    scout = Agent("scout", Scripted(scouting), tools=[look], **more)
    return Agent("host", Scripted(hosting), tools=[scout]), scout


def child_of(records: list[Record]) -> Record:
    """The record that made the first run of a sub-agent."""
    return next(record for record in records if isinstance(record.event, RunRequested) and record.event.parent)


async def test_an_agent_is_a_tool_of_another() -> None:
    """AG41: its call is a run with a link to the step that waits; what it answers is the call's result, and people see
    it inside that call."""
    host, scout = house()
    store = MemoryStore()
    async with Runtime(store, [host]) as runtime:
        room = runtime.room("r")
        shown = await room.wait(await room.prompt("Report"))
        runs = await room.runs()
    records = await store.read("r", limit=500)
    child = child_of(records)
    assert child.author == "agent:host"
    assert isinstance(child.event, RunRequested)
    assert (child.event.parent, child.event.step, child.event.prompt) == (ROOT, "all.0/0/call.0", "How is the roof?")
    call = next(part for part in shown["parts"] if part["type"] == "tool")
    assert (call["agent"], call["child"], call["state"]) == ("scout", child.run, "done")
    assert runs[child.run]["parent"] == ROOT
    assert shown["parts"][-1]["text"].strip() == 'They say "I see: \\"roof is fine\\" "'
    seen: JSON = scout.model.requests[0]["messages"][-1]  # type: ignore[attr-defined]
    assert (seen["role"], seen["text"]) == ("User", "How is the roof?")


async def test_who_only_works_for_others_is_not_prompted() -> None:
    """AG46: unless it is listed; and two agents of one name are refused, however they came."""
    host, scout = house()
    async with Runtime(MemoryStore(), [host]) as runtime:
        with pytest.raises(Refused) as refused:
            await runtime.room("r").prompt("Go", agent="scout")
        assert refused.value.code == "no-such-agent"
        assert "there is: host." in refused.value.message
    async with Runtime(MemoryStore(), [host, scout]) as runtime:
        assert await runtime.room("r").prompt("Go", agent="scout")
    with pytest.raises(ValueError, match="same name"):
        Runtime(MemoryStore(), [host, Agent("scout", Scripted(lambda request: []))])
    with pytest.raises(ValueError, match="give it another"):
        Agent("no tool's name", Scripted(lambda request: [])).as_tool()


async def test_a_cut_behind_any_record_of_a_family() -> None:
    """AG48: recovered anywhere, both runs say what they said, and the child is asked for once."""
    store = MemoryStore()
    async with Runtime(store, [house()[0]]) as runtime:
        whole = await runtime.room("r").wait(await runtime.room("r").prompt("Report", id="p"))
    records = await store.read("r", limit=500)
    for n in range(1, len(records)):
        again = await cut(records, n)
        async with Runtime(again, [house()[0]]) as runtime:
            with trio.fail_after(60):
                shown = await runtime.room("r").wait(ROOT)
        assert essence(shown) == essence(whole), f"cut behind record {n}"
        final = await again.read("r", limit=500)
        assert sum(isinstance(record.event, RunRequested) for record in final) == 2
        assert [record.run for record in final if isinstance(record.event, _ENDS)] == [child_of(final).run, ROOT]


async def test_a_stop_goes_down() -> None:
    """AG42: the runs below end first, each by its own records, and nothing of them goes on."""
    never = trio.Event()
    scout = Agent("scout", Scripted(lambda request: [TextChunk("I see "), never]))
    host = Agent("host", Scripted(lambda request: calls(("h", "scout", '{"prompt":"Look"}'))), tools=[scout])
    store = MemoryStore()
    async with Runtime(store, [host]) as runtime:
        room = runtime.room("r")
        await room.prompt("Report")
        child = (await until(room, RunRequested, after=1)).run
        await _streams(room, child)
        await room.stop(ROOT)
        with trio.fail_after(60):
            assert (await room.wait(ROOT))["status"] == "stopped"
        assert (await room.runs())[child]["status"] == "stopped"
    records = await store.read("r")
    assert [record.run for record in records if isinstance(record.event, RunStopped)] == [child, ROOT]
    assert [record.run for record in records if isinstance(record.event, StopRequested)] == [ROOT, child]


async def _streams(room: Any, run: str) -> None:
    async for record in room.follow():
        if record.run == run and isinstance(record.event, TextStreamed):
            return


async def test_a_child_that_is_stopped_alone_fails_its_call() -> None:
    """AG43: the one that asked is told so in a sentence, and goes on."""
    never = trio.Event()
    scout = Agent("scout", Scripted(lambda request: [TextChunk("I see "), never]))
    host = Agent(
        "host",
        Scripted(lambda r: says(last_result(r)) if answered(r) else calls(("h", "scout", '{"prompt":"Look"}'))),
        tools=[scout],
    )
    async with Runtime(MemoryStore(), [host]) as runtime:
        room = runtime.room("r")
        await room.prompt("Report")
        child = (await until(room, RunRequested, after=1)).run
        await _streams(room, child)
        await room.stop(child)
        with trio.fail_after(60):
            shown = await room.wait(ROOT)
    assert shown["status"] == "done"
    assert "It was stopped before it answered." in shown["parts"][-1]["text"]
    assert next(part["state"] for part in shown["parts"] if part["type"] == "tool") == "failed"


async def test_a_failing_parent_ends_what_was_done_for_it() -> None:
    """AG42: a flow that is misused while another agent works for it fails when that one has ended."""
    never = trio.Event()
    scout = Agent("scout", Scripted(lambda request: [never]))

    async def hasty(run: FlowRun) -> None:
        async def breaks() -> None:
            await run.generate()
            await trio.sleep(1)

        await run.all(a=run.spawn("scout", "Look"), b=breaks())

    gate = trio.Event()
    host = Agent("host", Scripted(lambda request: [gate, *says("Go.")]), tools=[scout], flow=hasty)
    store = MemoryStore()
    async with Runtime(store, [host]) as runtime:
        room = runtime.room("r")
        await room.prompt("Report")
        child = (await until(room, RunRequested, after=1)).run
        gate.set()
        with trio.fail_after(60):
            assert (await room.wait(ROOT))["status"] == "failed"
    ended = [record.run for record in await store.read("r") if isinstance(record.event, _ENDS)]
    assert ended == [child, ROOT]


async def test_depth_number_and_name_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """AG44: what is too deep, too many or nobody fails its step with a code, and the flow may go on."""
    monkeypatch.setattr(limits, "RUN_DEPTH", 2)
    monkeypatch.setattr(limits, "RUN_CHILDREN", 3)

    async def deeper(run: FlowRun) -> Any:
        outcome = await run.spawn("digger", "Deeper")
        return outcome.code if outcome.failed else outcome.value

    async def wide(run: FlowRun) -> Any:
        outcomes = await run.all({str(n): run.spawn("leaf", "Go") for n in range(5)})
        return sorted(outcome.code or outcome.value for outcome in outcomes.values())

    async def lonely(run: FlowRun) -> Any:
        return (await run.spawn("nobody", "Hello?")).code

    async def leaf(run: FlowRun) -> Any:
        return "leaf"

    silent = Scripted(lambda request: [])
    flows = {"digger": deeper, "wide": wide, "lonely": lonely, "leaf": leaf}
    agents = [Agent(name, silent, flow=made) for name, made in flows.items()]
    store = MemoryStore()
    async with Runtime(store, agents) as runtime:
        room = runtime.room("r")
        results = {name: (await room.wait(await room.prompt("Go", agent=name)))["result"] for name in flows}
    assert results == {
        "digger": '"sub-agent-too-deep"',
        "wide": '["leaf","leaf","leaf","too-many-sub-agents","too-many-sub-agents"]',
        "lonely": '"no-such-agent"',
        "leaf": '"leaf"',
    }
    failed = [record.event for record in await store.read("r") if isinstance(record.event, ToolFailed)]
    assert len(failed) == 4


async def test_people_decide_inside_and_before() -> None:
    """AG45: a call of an agent may want a yes like any other; inside, approvals and questions are those of its run."""

    @tool(approval="always")
    async def paint(colour: str) -> str:
        """Paint it."""
        return f"painted {colour}"

    def painting(request: JSON) -> Any:
        done = answered(request)
        if done == 0:
            return calls(("a", "ask_person", '{"question":"Which colour?"}'))
        if done == 1:
            return calls(("b", "paint", '{"colour":"red"}'))
        return says(f"Done: {last_result(request)}")

    painter = Agent("painter", Scripted(painting), tools=[paint, ask_person()])
    asks = calls(("h", "do_paint", '{"prompt":"Paint"}'))
    host = Agent(
        "host",
        Scripted(lambda request: says(last_result(request)) if answered(request) else asks),
        tools=[painter.as_tool("do_paint", "Have it painted.", approval="always")],
    )
    async with Runtime(MemoryStore(), [host]) as runtime:
        room = runtime.room("r")
        await room.prompt("Go")
        first = await until(room, ApprovalRequested)
        assert isinstance(first.event, ApprovalRequested)
        assert (first.run, first.event.name) == (ROOT, "do_paint")
        await room.decide(Approve(id="y1", run=ROOT, step=first.event.step, args={"prompt": "Paint it red"}))
        asked = await until(room, QuestionAsked)
        assert isinstance(asked.event, QuestionAsked)
        assert (await room.runs())[asked.run]["prompt"] == "Paint it red"
        await room.decide(Answer(id="a", run=asked.run, step=asked.event.step, answer={"answer": "red"}))
        second = await until(room, ApprovalRequested, after=asked.seq)
        assert isinstance(second.event, ApprovalRequested)
        assert second.run == asked.run != ROOT
        await room.decide(Approve(id="y2", run=second.run, step=second.event.step))
        with trio.fail_after(60):
            shown = await room.wait(ROOT)
    assert "painted red" in shown["parts"][-1]["text"]


async def test_bad_arguments_make_no_run() -> None:
    """AG41: the model is told what the call takes, as of any tool."""
    host, _ = house()
    script = iter([calls(("h", "scout", '{"nonsense":1}')), says("Oh.")])
    host = Agent("host", Scripted(lambda request: next(script)), tools=host.delegates)
    store = MemoryStore()
    async with Runtime(store, [host]) as runtime:
        assert (await runtime.room("r").wait(await runtime.room("r").prompt("Go")))["status"] == "done"
    events = [record.event for record in await store.read("r")]
    assert not any(isinstance(event, ToolDelegated) for event in events)
    assert [event.code for event in events if isinstance(event, ToolFailed)] == ["tool-error"]


async def test_the_next_prompt_waits_for_the_family() -> None:
    """AG2, AG42: a prompt is at work with all that is done for it; the next one's turn comes when it has ended."""
    gate = trio.Event()
    scout = Agent("scout", Scripted(lambda request: [gate, *says("Fine.")]))
    host = Agent(
        "host",
        Scripted(lambda r: says("Yes.") if answered(r) else calls(("h", "scout", '{"prompt":"Look"}'))),
        tools=[scout],
    )
    store = MemoryStore()
    async with Runtime(store, [host]) as runtime:
        room = runtime.room("r")
        await room.prompt("one")
        child = (await until(room, RunRequested, after=1)).run
        await until(room, ModelRequested, after=int(child))
        second = await room.prompt("two")
        gate.set()
        await room.wait(second)
    order = [record.run for record in await store.read("r", limit=500) if isinstance(record.event, _ENDS)]
    assert order[:2] == [child, ROOT]
    assert order[-1] == second


async def test_a_prompt_is_archived_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """AG47: only prompts are counted, none leaves a child behind, and both are read from the log together."""
    monkeypatch.setattr(limits, "FINISHED_RUNS", 2)
    host, _ = house()
    store = MemoryStore()
    async with Runtime(store, [host]) as runtime:
        room = runtime.room("r")
        for n in range(4):
            await room.wait(await room.prompt("Report", id=f"p{n}"))
        runs = await room.runs()
    assert len(runs) == 4
    assert {run["parent"] for run in runs.values() if "parent" in run} == {
        run for run in runs if "parent" not in runs[run]
    }
    assert sum(isinstance(record.event, RunArchived) for record in await store.read("r", limit=500)) == 4
    older, rest = await older_runs(store, "r")
    assert rest is None
    assert [run.get("parent", "") for run in older] == ["", older[0]["id"], "", older[2]["id"]]
    assert all(run["status"] == "done" for run in older)
    assert not {run["id"] for run in older} & set(runs)
