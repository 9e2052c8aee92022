"""Calls at work in a room: what they say while they run, deadlines, long results, and what becomes of all that."""

import threading
from typing import Any

import msgspec
import pytest
import trio
from plait.protocol import limits
from plait.protocol.events import (
    ModelRequested,
    PartShown,
    Record,
    ToolFailed,
    ToolInterrupted,
    ToolOutcomeUnknown,
    ToolProgressed,
    ToolReturned,
    ToolStarted,
)
from plait.runtime import Agent, Call, Data, File, Runtime, Source, tool
from plait.runtime.tools.function import FunctionTool
from plait.storage.errors import StoreFull
from plait.storage.memory import MemoryStore

from .scripted import Scripted, answered, calls, says
from .test_recovery import cut


def clerk(*tools: FunctionTool, args: str = "{}", knowledge: tuple[Any, ...] = ()) -> tuple[Agent, Scripted]:
    """An agent that calls its first tool once and then answers."""
    name = tools[0].schema.name if tools else knowledge[0].__name__
    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("c", name, args)))
    return Agent("clerk", model, tools=tools, knowledge=knowledge), model


async def played(agent: Agent, store: MemoryStore | None = None) -> tuple[list[Record], dict[str, Any]]:
    """The log and the run of one prompt."""
    store = store or MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
    records: list[Record] = []
    while page := await store.read("r", after=len(records)):
        records += page
    return records, run


def said(records: list[Record], *kinds: type[Any]) -> list[Any]:
    return [record.event for record in records if isinstance(record.event, kinds)]


# --- what a body says -------------------------------------------------------------------------------------------------


async def test_progress_is_coalesced_and_its_last_word_is_written(autojump_clock: trio.testing.MockClock) -> None:
    """TL11: five records a second however often it is said, and the newest before the outcome."""

    @tool(effect="read")
    async def work(call: Call) -> str:
        for n in range(1000):
            call.progress(f"{n}", n / 1000)
            await trio.sleep(0.01)
        call.progress("all")
        return "done"

    records, run = await played(clerk(work)[0])
    progress = said(records, ToolProgressed)
    assert 40 <= len(progress) <= 52
    assert (progress[0].text, progress[-1]) == ("0", ToolProgressed("all.0/0/call.0", 1, "all"))
    assert [int(each.text) for each in progress[:-1]] == sorted(int(each.text) for each in progress[:-1])
    assert isinstance(said(records, ToolProgressed, ToolReturned)[-1], ToolReturned)
    part = next(part for part in run["parts"] if part["type"] == "tool")
    assert (part["progress"], part["state"]) == ("all", "done")


async def test_a_day_of_progress_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    """TL11: the older the call, the rarer its words: about a thousandth of its age lies between two."""

    @tool(effect="read")
    async def work(call: Call) -> None:
        while trio.current_time() < day:
            call.progress()
            await trio.sleep(5)

    day = trio.current_time() + 86_400
    records, _ = await played(clerk(work)[0])
    assert len(said(records, ToolProgressed)) < 10 * limits.TOOL_PROGRESS_STEPS


@pytest.mark.parametrize("threaded", [False, True])
async def test_what_is_shown_comes_in_order_before_the_outcome(threaded: bool) -> None:
    """TL12: also from a thread, and whole also where a text holds half a character."""

    def show(call: Call) -> str:
        call.show(Source("https://a", "A \ud800"))
        call.progress("half", 0.5)
        call.show(Data("chart", {"x": [1]}))
        for n in range(20):
            call.show(Source("", str(n)))
        return "done"

    async def show_here(call: Call) -> str:
        return show(call)

    records, run = await played(clerk(tool(effect="read", name="show")(show if threaded else show_here))[0])
    events = said(records, ToolStarted, PartShown, ToolReturned)
    assert [type(events[0]), type(events[-1])] == [ToolStarted, ToolReturned]
    shown = [part for part in run["parts"] if part["step"] == "all.0/0/call.0"]
    assert [part["type"] for part in shown] == ["source", "data", *["source"] * 20]
    assert (shown[0]["title"], shown[1]["name"], shown[1]["value"]) == ("A \ufffd", "chart", '{"x":[1]}')
    assert [part["title"] for part in shown[2:]] == [str(n) for n in range(20)]
    assert next(part for part in run["parts"] if part["type"] == "tool")["progress"] == "half"


async def test_a_file_is_kept_shown_and_given_to_the_model() -> None:
    """TL13: what is shown is for people alone; what is attached is the model's as well."""

    @tool(effect="read")
    async def draw(call: Call) -> str:
        call.show(File(b"for people", "text/plain", "note.txt"))
        return call.attach(b"picture", "image/png", "a.png")

    agent, _ = clerk(draw)
    store = MemoryStore()
    records, run = await played(agent, store)
    (returned,) = said(records, ToolReturned)
    (file,) = returned.files
    assert (file.media_type, file.name, file.bytes, msgspec.json.encode(file.blob).decode()) == (
        "image/png",
        "a.png",
        7,
        returned.result,
    )
    assert [(part["name"], part["bytes"]) for part in run["parts"] if part["type"] == "file"] == [
        ("note.txt", 10),
        ("a.png", 7),
    ]
    for part in run["parts"]:
        if part["type"] == "file":
            blob = await store.blob(part["blob"])
            assert blob is not None
            assert len(blob.data) == part["bytes"]
    assert len(await store.blobs_of("r")) == 2


# --- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["read", "idempotent", "write"])
async def test_a_call_beyond_its_deadline(effect: Any, autojump_clock: trio.testing.MockClock) -> None:
    """TL15: the model is told of what changed nothing; of a write a person says what became of it."""

    async def slow() -> None:
        await trio.sleep_forever()

    store = MemoryStore()
    async with Runtime(store, [clerk(FunctionTool(slow, effect, "slow", timeout_s=3))[0]]) as runtime:
        room = runtime.room("r")
        id_ = await room.prompt("Go")
        if effect == "write":
            async for record in room.follow():
                if isinstance(record.event, ToolOutcomeUnknown):
                    break
            assert (await room.runs())[id_]["status"] == "waiting"
            await room.stop()
            assert (await room.wait(id_))["status"] == "stopped"
        else:
            assert (await room.wait(id_))["status"] == "done"
            (failed,) = said(await store.read("r"), ToolFailed)
            assert (failed.code, failed.message) == ("tool-timeout", "slow took longer than 3 s and was cut.")


# --- long results -----------------------------------------------------------------------------------------------------


async def test_a_long_result_becomes_a_blob() -> None:
    """TL17: the model is told its beginning, people can open the whole, and the store keeps it with the room."""

    @tool(effect="read")
    async def book() -> str:
        return "ä" * limits.TOOL_RESULT_BYTES

    agent, model = clerk(book)
    store = MemoryStore()
    records, run = await played(agent, store)
    (returned,) = said(records, ToolReturned)
    told = msgspec.json.decode(returned.result)
    assert (told["blob"], told["bytes"]) == (returned.blob, 2 * limits.TOOL_RESULT_BYTES + 2)
    assert told["beginning"] == "ä" * (limits.TOOL_BEGINNING_BYTES // 2)
    blob = await store.blob(returned.blob)
    assert blob is not None
    assert (blob.media_type, msgspec.json.decode(blob.data)) == ("application/json", "ä" * limits.TOOL_RESULT_BYTES)
    assert next(part for part in run["parts"] if part["type"] == "tool")["blob"] == returned.blob
    assert await store.blobs_of("r") == [returned.blob]
    assert model.requests[-1]["messages"][-1]["text"] == returned.result


async def test_a_result_at_the_limit_is_told_in_full_and_one_beyond_all_is_not_kept() -> None:
    """TL17, TL18: and the model hears that the call was carried out."""

    @tool(effect="read")
    async def text(size: int) -> str:
        return "x" * size

    at_most = limits.TOOL_RESULT_BYTES - 2  # The quotes count.
    records, _ = await played(clerk(text, args=f'{{"size": {at_most}}}')[0])
    (returned,) = said(records, ToolReturned)
    assert (returned.blob, len(returned.result)) == ("", limits.TOOL_RESULT_BYTES)
    records, _ = await played(clerk(text, args=f'{{"size": {limits.BLOB_BYTES}}}')[0])
    (failed,) = said(records, ToolFailed)
    assert failed.code == "tool-result-too-large"
    assert "text was carried out" in failed.message


@pytest.mark.parametrize("what", ["result", "file"])
async def test_what_the_store_does_not_keep_fails_the_call(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TL18: no record names what is not there, and nothing pretends that the call did not happen."""

    @tool(effect="read")
    async def make(call: Call) -> str:
        if what == "file":
            call.attach(b"x", "image/png")
        return "x" * (limits.TOOL_RESULT_BYTES if what == "result" else 1)

    records, run = await played(clerk(make)[0], FullStore())
    (failed,) = said(records, ToolFailed)
    assert failed.code == "tool-result-lost"
    assert "make was carried out, but what it returned could not be kept (the disk is full)" in failed.message
    assert not [part for part in run["parts"] if part["type"] == "file"]


class FullStore(MemoryStore):
    """There is room for records and for nothing else."""

    async def put_blob(self, data: bytes, media_type: str) -> str:
        raise StoreFull("the disk is full")


# --- knowledge --------------------------------------------------------------------------------------------------------


async def test_a_search_is_a_retrieval_part_with_its_sources(autojump_clock: trio.testing.MockClock) -> None:
    """TL20: its intent says what it is, so that it is shown as such from its beginning."""

    def handbook(query: str) -> list[Source]:
        """Search the handbook."""
        return [Source("https://handbook.example/leave", "Leave", f"About {query}.")]

    agent, model = clerk(args='{"query":"leave"}', knowledge=(handbook,))
    records, run = await played(agent)
    (started,) = said(records, ToolStarted)
    assert (started.shows, started.effect) == ("retrieval", "read")
    search = next(part for part in run["parts"] if part["type"] == "retrieval")
    (source,) = [part for part in run["parts"] if part["type"] == "source"]
    assert (search["name"], search["state"], source["step"]) == ("handbook", "done", search["call"])
    assert (source["url"], source["excerpt"]) == ("https://handbook.example/leave", "About leave.")
    assert "About leave." in model.requests[-1]["messages"][-1]["text"]


# --- when things go wrong ---------------------------------------------------------------------------------------------


async def test_what_a_cut_attempt_had_shown_leaves_and_is_shown_again(autojump_clock: trio.testing.MockClock) -> None:
    """DO9, AG12: cut behind any record, the run ends as the uncut one did, with each part once."""

    def shop() -> Agent:
        @tool(effect="read")
        async def look(call: Call) -> str:
            call.show(Source("https://a", "A"))
            call.progress("half", 0.5)
            await trio.sleep(1)
            call.show(Data("chart", [1]))
            call.attach(b"picture", "image/png", "a.png")
            call.progress("all", 1.0)
            return "done"

        return clerk(look)[0]

    def essence(run: dict[str, Any]) -> Any:
        keys = ("type", "text", "state", "result", "progress", "done", "url", "name", "value", "blob", "step")
        return run["status"], [{key: part[key] for key in keys if key in part} for part in run["parts"]]

    records, whole = await played(shop())
    assert [part["type"] for part in whole["parts"]] == ["reasoning", "text", "tool", "source", "data", "file", "text"]
    interrupted = 0
    for n in range(1, len(records)):
        store = await cut(records, n)
        async with Runtime(store, [shop()]) as runtime:
            with trio.fail_after(60):
                again = await runtime.room("r").wait("000000000001")
        assert essence(again) == essence(whole), f"cut behind record {n}, {records[n - 1].event}"
        interrupted += len(said(await store.read("r", limit=1000), ToolInterrupted))
    assert interrupted >= 5


async def test_a_write_in_a_thread_that_was_stopped_is_written_down_with_its_files() -> None:
    """AG19, TL12: it could not be cancelled, so what it did, showed and attached is known."""
    began, goes_on = threading.Event(), threading.Event()

    @tool
    def write(call: Call) -> str:
        began.set()
        goes_on.wait(10)
        call.attach(b"receipt", "text/plain")
        call.progress("paid", 1.0)
        return "paid"

    store = MemoryStore()
    async with Runtime(store, [clerk(write)[0]]) as runtime:
        room = runtime.room("r")
        id_ = await room.prompt("Go")
        await trio.to_thread.run_sync(began.wait, 10)
        await room.stop()
        goes_on.set()
        run = await room.wait(id_)
    assert run["status"] == "stopped"
    (returned,) = said(await store.read("r", limit=1000), ToolReturned)
    assert (returned.result, len(returned.files)) == ('"paid"', 1)
    assert [part["type"] for part in run["parts"]][-1] == "file"


async def test_an_unknown_tool_is_told_with_what_there_is() -> None:
    """TL9: bounded, however many there are."""
    tools = [FunctionTool(lambda: None, "read", f"tool_{n:03}") for n in range(100)]
    model = Scripted(lambda request: says("Oh.") if answered(request) else calls(("c", "nope", "{}")))
    records, _ = await played(Agent("clerk", model, tools=tools))
    (failed,) = said(records, ToolFailed)
    assert failed.message.startswith("There is no tool nope; there is: tool_000, tool_001, ")
    assert failed.message.endswith(f"tool_0{limits.TOOL_NAMES - 1} and {100 - limits.TOOL_NAMES} more.")
    records, _ = await played(Agent("clerk", Scripted(model._script)))
    assert said(records, ToolFailed)[0].message == "There is no tool nope; there is none."


async def test_an_async_policy_is_awaited() -> None:
    """TL19: with the arguments; what it says is the reason, and one that raises asks."""

    async def policy(args: dict[str, Any]) -> bool | str:
        await trio.lowlevel.checkpoint()
        if args["copies"] > 9:
            raise KeyError("budget")
        return args["copies"] > 1 and "That is a lot of paper."

    async def show(copies: int) -> int:
        return copies

    for copies, reason in ((1, None), (2, "That is a lot of paper."), (10, "The approval policy raised KeyError.")):
        made = FunctionTool(show, "write", "show", policy)
        store = MemoryStore()
        async with Runtime(store, [clerk(made, args=f'{{"copies": {copies}}}')[0]]) as runtime:
            room = runtime.room("r")
            id_ = await room.prompt("Go")
            async for record in room.follow():
                if record.event.__class__.__name__ in ("ApprovalRequested", "RunFinished"):
                    assert getattr(record.event, "reason", None) == reason
                    break
            await room.stop()
            await room.wait(id_)
    assert said(await store.read("r"), ModelRequested)
