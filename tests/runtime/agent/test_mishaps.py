"""Steps at bad moments: a commit that fails beside them, and code that raises more than an Exception."""

from typing import Any

import pytest
import trio
from plait.protocol.commands import Approve
from plait.protocol.errors import OutcomeUnknown, PlaitError
from plait.protocol.events import (
    ApprovalRequested,
    ModelRequested,
    TextStreamed,
    ToolFailed,
    ToolOutcomeUnknown,
    ToolStarted,
)
from plait.protocol.flow import FlowRun
from plait.runtime import Agent, Runtime, tool
from plait.runtime.embed import RoomHandle
from plait.runtime.models.model import Answered, TextChunk
from plait.storage.faults import FaultyStore
from plait.storage.memory import MemoryStore

from .scripted import Line, Scripted, answered, calls, says


async def until(room: RoomHandle, kind: Any) -> None:
    """Wait for a record of that kind."""
    async for record in room.follow():
        if isinstance(record.event, kind):
            return


async def lose(room: RoomHandle, store: FaultyStore) -> None:
    """Let an append fail that has nothing to do with the steps at work."""
    store.fail_before()
    with pytest.raises(OutcomeUnknown):
        await room.prompt("lost")


async def kinds(store: FaultyStore) -> list[str]:
    return [type(record.event).__name__ for record in await store.read("r")]


async def test_an_answer_whose_text_was_lost_is_asked_for_again(autojump_clock: trio.testing.MockClock) -> None:
    """AG19: the text's append fails while the answer's end waits in the inbox; the end alone is not the answer."""
    go, end = trio.Event(), trio.Event()
    model = Scripted(lambda request: [go, TextChunk("whole "), end, Answered("stop", ())])
    store = FaultyStore(MemoryStore())
    async with Runtime(store, [Agent("a", model)]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        await until(room, ModelRequested)
        store.hold()
        store.fail_before()
        go.set()
        await store.wait_held()
        end.set()
        await trio.testing.wait_all_tasks_blocked()
        store.release()
        shown = await room.wait(run)
    assert [(part["text"], part["attempt"]) for part in shown["parts"]] == [("whole ", 2)]


async def test_a_request_behind_a_failed_append_begins_in_the_next_epoch() -> None:
    """AG19: an abandoned step's intent is not taken for one of the new epoch, in which nobody would carry it out."""
    model = Scripted(lambda request: says("Fine."))
    store = FaultyStore(MemoryStore())
    async with Runtime(store, [Agent("a", model)]) as runtime:
        room = runtime.room("r")
        told: list[str] = []

        async def prompt(text: str) -> None:
            try:
                told.append(await room.prompt(text))
            except PlaitError as error:
                told.append(error.__class__.__name__)

        async with trio.open_nursery() as nursery:
            store.hold()
            nursery.start_soon(prompt, "first")
            await store.wait_held()
            store.fail_before()
            nursery.start_soon(prompt, "second")
            await trio.testing.wait_all_tasks_blocked()
            store.release()
        with trio.fail_after(5):
            shown = await room.wait("000000000001")
    assert shown["status"] == "done"
    assert told == ["000000000001", "OutcomeUnknown"]
    assert (await kinds(store)).count("ModelRequested") == 1


async def test_a_failed_append_cancels_no_call(autojump_clock: trio.testing.MockClock) -> None:
    """AG19: a read tool that was cut because its room was read again runs again; nobody is told that it was stopped."""
    began: list[int] = []
    go = trio.Event()

    @tool(effect="read")
    async def look() -> str:
        """Look."""
        began.append(1)
        if len(began) == 1:
            await go.wait()
        return "seen"

    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("c", "look", "{}")))
    store = FaultyStore(MemoryStore())
    async with Runtime(store, [Agent("a", model, tools=[look])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        await until(room, ToolStarted)
        await trio.testing.wait_all_tasks_blocked()
        await lose(room, store)
        shown = await room.wait(run)
    assert [part.get("result") for part in shown["parts"] if part["type"] == "tool"] == ['"seen"']
    assert not any(isinstance(record.event, ToolFailed) for record in await store.read("r"))


@pytest.mark.parametrize("failures", [1, 3])
async def test_a_known_outcome_outlives_a_failed_append(failures: int, autojump_clock: trio.testing.MockClock) -> None:
    """AG19: a write that returned is not made unknown by a disk that failed to take its result."""

    @tool(effect="write")
    async def send() -> str:
        """Send."""
        for _ in range(failures):
            store.fail_before()
        return "sent"

    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("c", "send", "{}")))
    store = FaultyStore(MemoryStore())
    async with Runtime(store, [Agent("a", model, tools=[send])]) as runtime:
        room = runtime.room("r")
        with trio.fail_after(120):
            shown = await room.wait(await room.prompt("Go"))
    assert [part.get("result") for part in shown["parts"] if part["type"] == "tool"] == ['"sent"']
    assert not any(isinstance(record.event, ToolOutcomeUnknown) for record in await store.read("r"))


class PanicException(BaseException):
    """What a Rust extension's panic is in Python: no Exception."""


@pytest.mark.parametrize("error", [PanicException("index out of bounds"), SystemExit(2)], ids=["panic", "exit"])
@pytest.mark.parametrize("threaded", [False, True])
async def test_a_tool_that_panics_or_exits_is_a_failed_call(error: BaseException, threaded: bool) -> None:
    """AG7: neither the room nor the process goes down with it, or a read would do it again after each start."""

    @tool(effect="read", name="broken")
    def blocking() -> str:
        """Raises."""
        raise error

    @tool(effect="read", name="broken")
    async def waiting() -> str:
        """Raises."""
        raise error

    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("c", "broken", "{}")))
    async with Runtime(MemoryStore(), [Agent("a", model, tools=[blocking if threaded else waiting])]) as runtime:
        room = runtime.room("r")
        shown = await room.wait(await room.prompt("Go"))
    assert shown["status"] == "done"
    assert [part.get("error") for part in shown["parts"] if part["type"] == "tool"] == [
        f"The tool raised {type(error).__name__}."
    ]


async def test_a_model_that_panics_fails_its_run() -> None:
    """AG7: as any other bug of a model."""

    def script(request: Any) -> list[Line]:
        raise PanicException("boom")

    async with Runtime(MemoryStore(), [Agent("a", Scripted(script))]) as runtime:
        room = runtime.room("r")
        assert (await room.wait(await room.prompt("Go")))["error_code"] == "model-bug"


async def test_a_tool_that_fails_while_it_is_cancelled() -> None:
    """AG7: a stop cancels it, its clean-up raises beside the cancellation, and the run is stopped all the same."""

    async def clumsy() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("in the clean-up")

    @tool(effect="write")
    async def work() -> str:
        """Works."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(clumsy)
            nursery.start_soon(trio.sleep_forever)
        return "never"

    model = Scripted(lambda request: calls(("c", "work", "{}")))
    async with Runtime(MemoryStore(), [Agent("a", model, tools=[work])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        await until(room, ToolStarted)
        await trio.testing.wait_all_tasks_blocked()
        await room.stop()
        with trio.fail_after(5):
            assert (await room.wait(run))["status"] == "stopped"
        assert {record.epoch for record in await runtime.store.read("r")} == {1}


async def test_arguments_too_deep_for_a_policy_are_asked_about() -> None:
    """AG7: a policy that cannot read them does not let the call slip through, and harms nobody else."""
    deep = '{"a":' + "[" * 5000 + "]" * 5000 + "}"

    @tool(approval=lambda args: False)
    async def send(a: list[Any]) -> str:
        """Send."""
        return "sent"

    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("c", "send", deep)))
    async with Runtime(MemoryStore(), [Agent("a", model, tools=[send])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        with trio.fail_after(5):
            await until(room, ApprovalRequested)
            await room.decide(Approve(id="y", run=run, step="all.0/0/call.0"))
            assert (await room.wait(run))["status"] == "done"


async def test_a_request_that_cannot_be_made_fails_its_run() -> None:
    """AG7: a model whose code cannot write the conversation down."""

    class Unable(Scripted):
        def request(self, instructions: Any, messages: Any, tools: Any, options: Any = None) -> Any:
            raise KeyError("oops")

    async with Runtime(MemoryStore(), [Agent("a", Unable(lambda request: says("never")))]) as runtime:
        room = runtime.room("r")
        with trio.fail_after(5):
            assert (await room.wait(await room.prompt("Go")))["error_code"] == "model-bug"


async def test_words_said_while_the_last_answer_is_written_down(autojump_clock: trio.testing.MockClock) -> None:
    """DE10: a steer in one pass with the run's last answer is not acknowledged and then never heard."""
    go = trio.Event()

    def script(request: Any) -> list[Line]:
        said = [m["text"] for m in request["messages"] if m["role"] == "User"]
        return [go, *says("Heard: " + said[-1])]

    store = FaultyStore(MemoryStore())
    async with Runtime(store, [Agent("a", Scripted(script), on_second_prompt="steer")]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        await until(room, ModelRequested)
        store.hold()
        go.set()
        await store.wait_held()  # The text is on its way to the disk; the answer's end waits behind it.
        await trio.testing.wait_all_tasks_blocked()
        told: list[str] = []

        async def say() -> None:
            told.append(await room.prompt("left"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(say)
            await trio.testing.wait_all_tasks_blocked()
            store.release()
        await room.wait(told[0])
        shown = await room.runs()
        heard = "".join(part["text"] for part in shown[told[0]]["parts"] if part["type"] == "text")
    assert "Heard: left" in heard
    assert shown[run]["status"] == "done"
    assert any(isinstance(record.event, TextStreamed) for record in await store.read("r"))


async def test_a_flow_that_clings_to_its_run() -> None:
    """AG7: it awaits a step while it is being closed, as `finally: await …` does; the stop is a stop all the same."""

    async def tidy(run: FlowRun) -> None:
        try:
            await run.generate()
        finally:
            await run.call("tidy")

    never = trio.Event()
    store = FaultyStore(MemoryStore())
    async with Runtime(store, [Agent("a", Scripted(lambda request: [never]), flow=tidy)]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        await until(room, ModelRequested)
        await room.stop()
        with trio.fail_after(5):
            assert (await room.wait(run))["status"] == "stopped"
    assert {record.epoch for record in await store.read("r")} == {1}


@pytest.mark.parametrize("error", [PanicException("boom"), SystemExit(2)], ids=["panic", "exit"])
async def test_a_flow_that_exits_fails_its_run(error: BaseException) -> None:
    """AG7: or the process would end again whenever it starts and the run is replayed."""

    async def flow(run: FlowRun) -> None:
        raise error

    async with Runtime(MemoryStore(), [Agent("a", Scripted(lambda request: []), flow=flow)]) as runtime:
        room = runtime.room("r")
        with trio.fail_after(5):
            assert (await room.wait(await room.prompt("Go")))["error_code"] == "flow-failed"
