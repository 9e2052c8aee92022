"""Runs in a room: queue, stop, retries, failures, parallel calls, and what the model was shown."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import trio
import trio.testing
from plait.protocol import limits
from plait.protocol.events import ModelAnswered, ModelFailed, ModelRequested, Record, TextStreamed
from plait.protocol.requests import resolve
from plait.runtime import Agent, Runtime, ToolError, tool
from plait.runtime.models.model import JSON, Model, ModelError, TextChunk, canonical
from plait.runtime.tools.function import FunctionTool
from plait.storage.errors import StoreError
from plait.storage.faults import FaultyStore
from plait.storage.memory import MemoryStore

from .scripted import Line, Script, Scripted, answered, calls, says


def clerk(script: Script, *tools: FunctionTool, name: str = "clerk") -> tuple[Agent, Scripted]:
    model = Scripted(script)
    return Agent(name, model, instructions="Be brief.", tools=tools), model


async def test_runs_wait_for_their_turn() -> None:
    """AG1, AG2: three prompts at once are three runs, one after the other, each with one terminal record."""
    agent, model = clerk(lambda request: says(f"Answer {len(request['messages'])}"))
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        ids = [await room.prompt(text) for text in ("one", "two", "three")]
        runs = [await room.wait(run) for run in ids]
    assert [run["status"] for run in runs] == ["done"] * 3
    names = [(type(r.event).__name__, r.run) for r in await store.read("r", limit=500)]
    order = [run for name, run in names if name == "RunStarted"]
    assert order == ids
    for earlier, later in itertools.pairwise(ids):
        assert names.index(("RunFinished", earlier)) < names.index(("RunStarted", later))
    assert [len(request["messages"]) for request in model.requests] == [1, 3, 5]


async def test_a_stop_cuts_and_keeps() -> None:
    """AG3: what was said stays, the run is stopped once, and the model's later words are dropped."""
    never = trio.Event()
    agent, _ = clerk(lambda request: [TextChunk("Half an "), TextChunk("answer"), never, TextChunk("unheard")])
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        async for record in room.follow():
            if isinstance(record.event, TextStreamed):
                break
        await room.stop()
        shown = await room.wait(run)
        assert (shown["status"], shown["parts"][0]["text"][:5]) == ("stopped", "Half ")
        again = await room.prompt("Go on")
        await room.stop(again)
        assert (await room.wait(again))["status"] == "stopped"


async def test_a_stop_that_meets_the_end() -> None:
    """AG3: an answer whose last words come after the stop, in one pass with it, did not come to its end."""
    rest = trio.Event()
    agent, _ = clerk(lambda request: [TextChunk("Half "), rest, *says("the rest")])
    store = FaultyStore(MemoryStore())
    async with Runtime(store, [agent]) as runtime, trio.open_nursery() as nursery:
        room = runtime.room("r")
        run = await room.prompt("Go")
        async for record in room.follow():
            if isinstance(record.event, TextStreamed):
                break
        store.hold()
        nursery.start_soon(room.provide_context, {"a": "fact"})
        await store.wait_held()
        nursery.start_soon(room.stop)
        await trio.testing.wait_all_tasks_blocked()
        rest.set()
        await trio.testing.wait_all_tasks_blocked()
        store.release()
        assert (await room.wait(run))["status"] == "stopped"
    said = [r.event for r in await store.read("r") if isinstance(r.event, TextStreamed | ModelAnswered)]
    assert [type(event) for event in said] == [TextStreamed]


async def test_a_stop_before_its_turn() -> None:
    """AG3: a queued run is stopped without having started."""
    never = trio.Event()
    agent, model = clerk(lambda request: [never, *says("no")])
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        await room.prompt("first")
        queued = await room.prompt("second")
        await room.stop(queued)
        assert (await room.wait(queued))["status"] == "stopped"
        await room.stop()
    assert len(model.requests) <= 1


async def test_an_agent_that_is_elsewhere() -> None:
    """AG4: the run waits for a process that has its agent."""
    store = MemoryStore()
    never = trio.Event()
    async with Runtime(store, [clerk(lambda request: [never])[0]]) as runtime:
        run = await runtime.room("r").prompt("Go")
    async with Runtime(store, [clerk(lambda request: says("wrong"), name="other")[0]]) as runtime:
        await trio.testing.wait_all_tasks_blocked()
        assert (await runtime.room("r").runs())[run]["status"] in ("queued", "running")
    async with Runtime(store, [clerk(lambda request: says("right"))[0]]) as runtime:
        assert (await runtime.room("r").wait(run))["parts"][0]["text"] == "right "


async def test_limits_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """AG5: steps and streamed text have an end."""
    monkeypatch.setattr(limits, "RUN_STEPS", 5)
    monkeypatch.setattr(limits, "RUN_BYTES", 1000)

    @tool(effect="read")
    async def again() -> str:
        """Once more."""
        return "again"

    def forever(request: JSON) -> Iterator[Line]:
        while True:
            yield TextChunk("word ")

    endless, _ = clerk(forever, name="endless")
    looping, _ = clerk(lambda request: calls(("c", "again", "{}")), again)
    talking, _ = clerk(lambda request: says("word " * 300), name="talker")
    async with Runtime(MemoryStore(), [looping, talking, endless]) as runtime:
        room = runtime.room("r")
        assert (await room.wait(await room.prompt("Go")))["error_code"] == "run-too-many-steps"
        assert (await room.wait(await room.prompt("Go", agent="talker")))["error_code"] == "run-too-long"
        assert (await room.wait(await room.prompt("Go", agent="endless")))["error_code"] == "run-too-long"


async def test_retries_and_their_end(autojump_clock: trio.testing.MockClock) -> None:
    """AG16: retried after the vendor's time, under new attempts; at last the run fails and keeps what was seen."""
    lines: list[list[Line]] = [
        [TextChunk("first "), ModelError("model-rate-limited", "Slow down.", retry=True, retry_after_s=7.0)],
        [TextChunk("second "), *says("try")],
    ]
    agent, _ = clerk(lambda request: lines.pop(0))
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
        assert [(part["text"], part["attempt"]) for part in run["parts"]] == [("second try ", 2)]
        failed = [r for r in await store.read("r") if isinstance(r.event, ModelFailed)]
        assert isinstance(failed[0].event, ModelFailed)
        assert failed[0].event.retry_at is not None
        assert abs(failed[0].event.retry_at - failed[0].time - 7_000_000) < 500_000
        for _ in range(limits.STEP_ATTEMPTS):
            lines.append([TextChunk("no luck"), ModelError("model-failed", "Boom.", retry=True)])
        run = await room.wait(await room.prompt("Again"))
        assert (run["status"], run["error_code"], run["error_message"]) == ("failed", "model-failed", "Boom.")
        assert [(part["text"], part["attempt"]) for part in run["parts"]] == [("no luck", limits.STEP_ATTEMPTS)]


async def test_a_cut_stream_is_an_error(autojump_clock: trio.testing.MockClock) -> None:
    """AG16: a stream that ends without its terminal event is retried, and is never an answer."""
    agent, model = clerk(lambda request: [TextChunk("half")])
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
    assert (run["status"], run["error_code"]) == ("failed", "model-truncated")
    assert len(model.requests) == limits.STEP_ATTEMPTS


async def test_nobody_takes_the_room_down() -> None:
    """AG6: a model, a tool and a flow with bugs; the room answers the next prompt."""

    @tool(effect="read")
    async def broken() -> str:
        """Raises."""
        raise RuntimeError("secret detail")

    @tool(effect="read")
    async def picky() -> str:
        """Says so."""
        raise ToolError("Not today.")

    def script(request: JSON) -> list[Line]:
        prompt = [m for m in request["messages"] if m["role"] == "User"][-1]["text"]
        if prompt == "model":
            return [RuntimeError("boom")]
        if prompt == "tools" and not answered(request):
            return calls(("a", "broken", "{}"), ("b", "picky", "{}"), ("c", "nowhere", "{}"))
        return says("Fine.")

    async def flow(work: Any) -> None:
        raise KeyError("oops")

    agent, model = clerk(script, broken, picky)
    odd = Agent("odd", Scripted(lambda request: []), flow=flow)
    async with Runtime(MemoryStore(), [agent, odd]) as runtime:
        room = runtime.room("r")
        assert (await room.wait(await room.prompt("model")))["error_code"] == "model-bug"
        run = await room.wait(await room.prompt("tools"))
        errors = [part.get("error") for part in run["parts"] if part["type"] == "tool"]
        there_is = "There is no tool nowhere; there is: broken, picky."
        assert errors == ["The tool raised RuntimeError.", "Not today.", there_is]
        assert run["status"] == "done"
        told = [m["text"] for m in model.requests[-1]["messages"] if m["role"] == "Result"]
        assert told == errors
        assert (await room.wait(await room.prompt("x", agent="odd")))["error_code"] == "flow-failed"
        assert (await room.wait(await room.prompt("hello", agent=agent.name)))["status"] == "done"


async def test_half_a_character_does_no_harm() -> None:
    """AG6: a vendor that cuts a surrogate pair in two, in text, arguments and errors; the log stays UTF-8."""

    @tool(effect="read")
    async def rude() -> str:
        """Raises."""
        raise ToolError("bad \ud83d")

    asked = calls(("a\ude00", "rude", '{"x\ud83d":1}'), thought="half \ud83d")
    agent, _ = clerk(lambda request: says("Fine \ude00") if answered(request) else asked, rude)
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
    assert run["status"] == "done"
    assert [part["text"] for part in run["parts"] if part["type"] == "text"] == ["half \ufffd", "Fine \ufffd "]


async def test_no_effect_without_its_intent(autojump_clock: trio.testing.MockClock) -> None:
    """AG17: when the intent cannot be written, the tool is not called and the request is not sent."""
    ran: list[str] = []

    @tool
    async def act() -> str:
        """Act."""
        ran.append("act")
        return "done"

    agent, _ = clerk(lambda request: says("Done.") if answered(request) else calls(("c", "act", "{}")), act)
    store = FaultyStore(MemoryStore())
    appended = store.append

    async def refuse_the_intent(append: Any) -> Any:
        if not ran and any(type(record.event).__name__ == "ToolStarted" for record in append.records):
            ran.append("refused")
            raise StoreError("no")
        return await appended(append)

    store.append = refuse_the_intent  # type: ignore[method-assign]
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
    assert run["status"] == "done"
    assert ran == ["refused", "act"]


async def test_parallel_calls_keep_their_order() -> None:
    """AG18: the second call ends first; the model gets the results as it asked."""
    gate = trio.Event()

    @tool(effect="read")
    async def slow() -> str:
        """Waits."""
        await gate.wait()
        return "slow"

    @tool(effect="read")
    async def fast() -> str:
        """Opens."""
        gate.set()
        return "fast"

    both = calls(("a", "slow", "{}"), ("b", "fast", "{}"))
    agent, model = clerk(lambda request: says("Done.") if answered(request) else both, slow, fast)
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
    assert [m["text"] for m in model.requests[-1]["messages"] if m["role"] == "Result"] == ['"slow"', '"fast"']
    assert [part["state"] for part in run["parts"] if part["type"] == "tool"] == ["done", "done"]


async def test_every_request_is_in_the_log() -> None:
    """AG20, AG21, AG22: byte for byte, and without copies of what the log has."""
    agent, model = clerk(lambda request: says("It is " + "so " * 50))
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        for n in range(12):
            await room.wait(await room.prompt(f"Question {n}"))
    records = await store.read("r", limit=5000)
    found = [record for record in records if isinstance(record.event, ModelRequested)]

    async def lookup(seq: int) -> Record:
        return records[seq - 1]

    for record, sent in zip(found, model.requests, strict=True):
        assert isinstance(record.event, ModelRequested)
        assert await resolve(record.event, lookup) == canonical(sent)
    kept = [sum(map(len, r.event.added)) + len(r.event.head) for r in found if isinstance(r.event, ModelRequested)]
    assert max(kept[1:]) < 2 * min(kept[1:])
    assert [m["text"] for m in model.requests[-1]["messages"] if m["role"] == "User"][-2:] == [
        "Question 10",
        "Question 11",
    ]


async def test_the_echo_answers_what_was_asked() -> None:
    """AG1: the whole way with a model of ours: spaces, lines and Unicode come back as they went in."""
    text = "  Grüße,\n\n\tviele   🙂🙂 Wörter\u00a0hier  "
    model: Model
    async with Runtime(MemoryStore(), [Agent("assistant", "echo")]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt(text))
        model = runtime.agents[0].model
    assert run["parts"][0]["text"] == text
    assert run["model"] == model.name == "echo"


async def test_a_vendor_that_uses_an_id_again() -> None:
    """AG22: each call gets its own result, though two answers name theirs alike."""

    @tool(effect="read")
    async def double(n: int) -> int:
        """Twice as much."""
        return 2 * n

    agent, model = clerk(
        lambda r: says("Done.") if answered(r) == 2 else calls(("call_0", "double", f'{{"n":{1 + answered(r)}}}')),
        double,
    )
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
    assert [part["result"] for part in run["parts"] if part["type"] == "tool"] == ["2", "4"]
    told = [message["text"] for message in model.requests[-1]["messages"] if message["role"] == "Result"]
    assert told == ["2", "4"]
