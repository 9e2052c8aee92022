"""People decide: approvals, questions, what became of a call, and what is said to a run at work."""

import json
from typing import Any

import pytest
import trio
from plait.protocol.commands import Answer, Approve, Deny, Resolve
from plait.protocol.errors import Refused
from plait.protocol.events import (
    ApprovalRequested,
    QuestionAsked,
    Record,
    RunFinished,
    RunStarted,
    SteerConsumed,
    TextStreamed,
    ToolOutcomeUnknown,
    ToolStarted,
)
from plait.protocol.parsing import parse
from plait.runtime import Agent, Runtime, ask_person, tool
from plait.runtime.embed import RoomHandle
from plait.runtime.models.model import JSON, TextChunk
from plait.runtime.tools.tool import Tool
from plait.storage.memory import MemoryStore
from plait.storage.store import Append

from .scripted import Line, Script, Scripted, answered, calls, says

RUN = "000000000001"


class Desk:
    """An agent that sends one mail if it may, and what was sent."""

    def __init__(self, approval: Any = "always", within_s: float | None = None) -> None:
        self.sent: list[str] = []

        @tool(approval=approval, decide_within_s=within_s)
        async def send(to: str) -> str:
            """Send a mail."""
            self.sent.append(to)
            return "sent"

        self.model = Scripted(lambda r: says("Done.") if answered(r) else calls(("c", "send", '{"to":"team"}')))
        self.agent = Agent("desk", self.model, tools=[send])

    @property
    def told(self) -> str:
        """The result of the call, as the model was told."""
        return [m["text"] for m in self.model.requests[-1]["messages"] if m["role"] == "Result"][-1]


async def until(room: RoomHandle, kind: Any, after: int = 0) -> Record:
    """The first record of that kind."""
    with trio.fail_after(60):
        async for record in room.follow(after):
            if isinstance(record.event, kind):
                return record
    raise AssertionError


async def asked(room: RoomHandle) -> str:
    """The step at which a person is asked."""
    event = (await until(room, ApprovalRequested | QuestionAsked)).event
    assert isinstance(event, ApprovalRequested | QuestionAsked)
    return event.step


def call_of(run: dict[str, Any]) -> dict[str, Any]:
    return next(part for part in run["parts"] if part["type"] == "tool")


async def refused(room: RoomHandle, command: Any) -> str:
    with pytest.raises(Refused) as error:
        await room.decide(command)
    return error.value.code


async def test_a_yes_counts_once() -> None:
    """DE1, DE2: the call waits, the first yes counts, everybody sees whose it was, and it cannot be used again."""
    desk = Desk()
    async with Runtime(MemoryStore(), [desk.agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Mail them")
        step = await asked(room)
        waiting = (await room.runs())[run]
        assert (waiting["status"], call_of(waiting)["state"], call_of(waiting)["asks"]) == (
            "waiting",
            "asking",
            "approval",
        )
        assert not desk.sent
        await room.by("ada").decide(Approve(id="y1", run=run, step=step))
        await room.by("ada").decide(Approve(id="y1", run=run, step=step))
        done = await room.wait(run)
        assert await refused(room, Approve(id="y2", run=run, step=step)) == "already-decided"
        assert await refused(room, Deny(id="n", run=run, step=step)) == "already-decided"
        assert (call_of(done)["decided_by"], call_of(done)["decision"]) == ("ada", "approved")
        assert desk.sent == ["team"]


async def test_two_decide_at_once() -> None:
    """DE2: of a yes and a no in one pass the first in log order counts."""
    desk = Desk()
    async with Runtime(MemoryStore(), [desk.agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Mail them")
        step = await asked(room)
        outcomes: list[str] = []

        async def decide(command: Any) -> None:
            try:
                await room.decide(command)
                outcomes.append(type(command).__name__)
            except Refused as error:
                outcomes.append(error.code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(decide, Deny(id="n", run=run, step=step))
            nursery.start_soon(decide, Approve(id="y", run=run, step=step))
        done = await room.wait(run)
    assert sorted(outcomes)[1] == "already-decided" or "already-decided" in outcomes
    assert desk.sent == (["team"] if call_of(done)["decision"] == "approved" else [])


async def test_edited_arguments_are_what_is_called() -> None:
    """DE3: and rubbish is refused without using the approval up."""
    desk = Desk(approval=lambda args: f"to {args['to']}")
    async with Runtime(MemoryStore(), [desk.agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Mail them")
        step = await asked(room)
        assert call_of((await room.runs())[run])["reason"] == "to team"
        with pytest.raises(Refused) as rubbish:
            parse(f'{{"id":"y","do":"approve","run":"{run}","step":"{step}","args":[1]}}')
        assert rubbish.value.code == "bad-json"
        await room.decide(Approve(id="y1", run=run, step=step, args={"to": "boss"}))
        assert call_of(await room.wait(run))["args"] == '{"to":"boss"}'
    assert desk.sent == ["boss"]


async def test_a_no_reaches_the_model() -> None:
    """DE4: with its reason; the tool is not called."""
    desk = Desk()
    async with Runtime(MemoryStore(), [desk.agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Mail them")
        await room.by("ada").decide(Deny(id="n", run=run, step=await asked(room), reason="Too early."))
        done = await room.wait(run)
    assert (done["status"], call_of(done)["state"], call_of(done)["decision"]) == ("done", "failed", "denied")
    assert desk.told == "ada denied this call: Too early."
    assert not desk.sent


async def test_time_runs_out(autojump_clock: trio.testing.MockClock) -> None:
    """DE5: nobody's answer is a no, also in a room that sleeps meanwhile and in a process that was started later."""
    desk, store = Desk(within_s=3600), MemoryStore()
    time = Time()
    async with Runtime(store, [desk.agent], surroundings=time.surroundings()) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Mail them")
        step = await asked(room)
        await trio.sleep(1800)
        assert runtime.rooms.statistics()["rooms"] == 0
        await trio.sleep(1900)
        done = await room.wait(run)
        assert await refused(room, Approve(id="y", run=run, step=step)) == "already-decided"
    assert (call_of(done)["decision"], desk.told, desk.sent) == ("expired", "Nobody decided in time.", [])


class Time:
    """The clock of a Trio with MockClock as µs since 1970."""

    def surroundings(self) -> Any:
        from plait.runtime.room.identity import Surroundings

        return Surroundings(now=lambda: 1_700_000_000_000_000 + int(trio.current_time() * 1_000_000))


async def test_an_approval_survives_everything() -> None:
    """DE6: asked in one process, decided in the next, carried out in a third."""
    store, desk = MemoryStore(), Desk()
    async with Runtime(store, [desk.agent]) as runtime:
        await runtime.room("r").prompt("Mail them")
        step = await asked(runtime.room("r"))
    async with Runtime(store, []) as runtime:
        await runtime.room("r").decide(Approve(id="y", run=RUN, step=step))
    async with Runtime(store, [Desk().agent]) as runtime:
        done = await runtime.room("r").wait(RUN)
    assert (done["status"], call_of(done)["result"]) == ("done", '"sent"')


async def test_a_stop_while_it_waits() -> None:
    """DE7: the run stops at once, and the approval is void."""
    desk = Desk()
    async with Runtime(MemoryStore(), [desk.agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Mail them")
        step = await asked(room)
        await room.stop()
        assert call_of(await room.wait(run))["state"] == "cancelled"
        assert await refused(room, Approve(id="y", run=run, step=step)) == "already-decided"
    assert not desk.sent


async def test_a_person_is_asked() -> None:
    """DE8: the form is the tool's, the answer is the call's result; only an answer answers."""
    form = {"type": "object", "properties": {"size": {"type": "integer"}}}
    script: Script = lambda r: says("Fine.") if answered(r) else calls(("c", "ask_person", '{"question":"Which?"}'))  # noqa: E731
    model = Scripted(script)
    person: Tool = ask_person(form)
    async with Runtime(MemoryStore(), [Agent("desk", model, tools=[person])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        step = await asked(room)
        part = call_of((await room.runs())[run])
        assert (part["asks"], part["question"], json.loads(part["schema"])) == ("input", "Which?", form)
        assert await refused(room, Approve(id="y", run=run, step=step)) == "already-decided"
        await room.by("ada").decide(Answer(id="a", run=run, step=step, answer={"size": 3}))
        done = await room.wait(run)
    assert (call_of(done)["result"], call_of(done)["decided_by"]) == ('{"size":3}', "ada")


@pytest.mark.parametrize(
    ("verdict", "sent", "told"),
    [
        ("happened", [], '"by hand"'),
        ("did-not-happen", [], "ada found that this call did not happen."),
        ("retry", ["team"], '"sent"'),
    ],
)
async def test_a_person_resolves_what_nobody_knows(verdict: Any, sent: list[str], told: str) -> None:
    """DE9: each verdict goes on as it says, once."""
    store, first = MemoryStore(), Desk(approval="never")
    async with Runtime(store, [first.agent]) as runtime:
        await runtime.room("r").wait(await runtime.room("r").prompt("Mail them"))
    cut = MemoryStore()
    for record in await store.read("r"):
        await cut.append(Append("r", record.epoch, record.seq - 1, (record,), open_runs=1))
        if isinstance(record.event, ToolStarted):
            break
    desk = Desk(approval="never")
    async with Runtime(cut, [desk.agent]) as runtime:
        room = runtime.room("r")
        event = (await until(room, ToolOutcomeUnknown)).event
        assert isinstance(event, ToolOutcomeUnknown)
        resolve = Resolve(id="v", run=RUN, step=event.step, verdict=verdict, result="by hand")
        await room.by("ada").decide(resolve)
        assert (await room.wait(RUN))["status"] == "done"
        assert await refused(room, Resolve(id="w", run=RUN, step=event.step, verdict="retry")) == "already-decided"
    assert (desk.sent, desk.told) == (sent, told)


# --- a second prompt while a run is on --------------------------------------------------------------------------------


def patient(gate: trio.Event) -> Script:
    """Waits in its first answer, and then says how often it was spoken to."""

    def script(request: JSON) -> list[Line]:
        spoken = [m["text"] for m in request["messages"] if m["role"] == "User"]
        if len(spoken) == 1:
            return [TextChunk("Thinking "), gate, *says("aloud")]
        return says(f"Heard {spoken[-1]}")

    return script


async def test_what_is_said_to_a_run_is_heard() -> None:
    """DE10: the steer is durable, its consumption is a record, and the run does not end before it was heard."""
    gate = trio.Event()
    model = Scripted(patient(gate))
    store = MemoryStore()
    async with Runtime(store, [Agent("desk", model, on_second_prompt="steer")]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        await until(room, TextStreamed)
        assert await room.prompt("left", id="s") == run
        await room.steer("right")
        assert [part["seen"] for part in (await room.runs())[run]["parts"] if part["type"] == "steer"] == [False] * 2
        gate.set()
        done = await room.wait(run)
        records = await store.read("r")
        assert sum(isinstance(record.event, RunFinished) for record in records) == 1
        assert sum(isinstance(record.event, SteerConsumed) for record in records) == 2
        with pytest.raises(Refused):
            await room.steer("too late")
    assert [part["text"] for part in done["parts"]] == ["Thinking aloud ", "left", "right", "Heard right "]
    assert all(part["seen"] for part in done["parts"] if part["type"] == "steer")
    roles = [(m["role"], m["text"]) for m in model.requests[-1]["messages"]]
    assert roles == [("User", "Go"), ("Assistant", "Thinking aloud "), ("User", "left"), ("User", "right")]


async def test_the_other_policies() -> None:
    """DE11: interrupt stops what is open and is next, under its own id for ever; reject refuses."""
    gate = trio.Event()
    model = Scripted(patient(gate))
    agents = [Agent("eager", model, on_second_prompt="interrupt"), Agent("shy", model, on_second_prompt="reject")]
    async with Runtime(MemoryStore(), agents) as runtime:
        room = runtime.room("r")
        first = await room.prompt("one")
        await until(room, TextStreamed)
        with pytest.raises(Refused) as busy:
            await room.prompt("two", agent="shy")
        assert busy.value.code == "busy"
        second = await room.prompt("three", id="p3")
        assert await room.prompt("three", id="p3") == second
        assert (await room.wait(first))["status"] == "stopped"
        assert (await room.wait(second))["status"] == "done"
    assert [m["text"] for m in model.requests[-1]["messages"] if m["role"] == "User"] == ["one", "three"]


async def test_a_decision_needs_its_right() -> None:
    """DE12: a grant without `decide` decides nothing, and unknown steps are said to be unknown."""
    from plait.protocol.access import Grant

    desk = Desk()
    async with Runtime(MemoryStore(), [desk.agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Mail them")
        step = await asked(room)
        async with runtime.rooms.use("r") as live:
            with pytest.raises(Refused) as error:
                await live.ask(Grant("guest", decide=False), Approve(id="y", run=run, step=step))
            assert error.value.code == "not-allowed"
        assert await refused(room, Approve(id="y", run=run, step="nowhere.0")) == "no-such-step"
        await room.stop()


async def test_what_was_taken_back_is_not_consumed() -> None:
    """DE13, DE14: a prompt stopped in the queue, and words that a stopped run never heard; stops are all answered."""
    gate = trio.Event()
    model = Scripted(patient(gate))
    store = MemoryStore()
    async with Runtime(store, [Agent("desk", model)]) as runtime:
        room = runtime.room("r")
        await room.stop()
        first = await room.prompt("Go")
        await until(room, TextStreamed)
        queued = await room.prompt("Delete everything")
        await room.stop(queued)
        await room.steer("faster", first)
        await room.stop(first)
        await room.stop(first)
        for run in (first, queued):
            assert (await room.wait(run))["status"] == "stopped"
        await room.stop(first)
        gate.set()
        await room.wait(await room.prompt("And now?"))
        started = [record.run for record in await store.read("r") if isinstance(record.event, RunStarted)]
    assert queued not in started
    spoken = [m["text"] for m in model.requests[-1]["messages"] if m["role"] == "User"]
    assert spoken == ["Go", "And now?"]
