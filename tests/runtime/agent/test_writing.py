"""Calls that edit shared documents: one record an edit, once over all attempts, seen by whoever is there."""

import json
from contextlib import suppress
from typing import Any

import pytest
import trio
from plait.protocol import awareness, limits
from plait.protocol.errors import Refused
from plait.protocol.events import DocumentEdited, Record, RunFinished, ToolFailed, ToolInterrupted, ToolReturned
from plait.runtime import Agent, Call, Runtime, tool
from plait.runtime.agent.definition import Agent as Definition
from plait.runtime.tools.function import FunctionTool
from plait.runtime.tools.tool import ToolError
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from ..room.scene import FakeTab
from .scripted import Scripted, answered, calls, says
from .test_recovery import cut


def add(text: str, at: int | None = None) -> Any:
    """Insert a text, at the end if no place is given; gives how long the whole is then."""

    def transform(doc: "Doc[Any]") -> int:
        content = doc.get("content", type=Text)
        content.insert(len(content) if at is None else at, text)
        return len(content)

    return transform


def read(doc: "Doc[Any]") -> str:
    return str(doc.get("content", type=Text))


@tool(effect="idempotent")
async def write(text: str, call: Call) -> str:
    """Write into the notes, in two edits."""
    notes = call.document("notes")
    first = await notes.edit(add(text))
    second = await notes.edit(add("!"))
    return f"{first} {second} {await notes.read(read)}"


def author(*tools: FunctionTool, args: str = '{"text": "Hello"}') -> Definition:
    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("c", tools[0].schema.name, args)))
    return Agent("author", model, tools=tools, title=False)


async def log_of(store: MemoryStore) -> list[Record]:
    records: list[Record] = []
    while page := await store.read("r", after=len(records)):
        records += page
    return records


def edits(records: list[Record]) -> list[Record]:
    return [record for record in records if isinstance(record.event, DocumentEdited)]


async def test_a_call_edits_and_each_edit_is_a_record() -> None:
    """SD1: the record names the document, the agent, its run and the call's step, and holds what the edit gave."""
    store = MemoryStore()
    async with Runtime(store, [author(write)]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        shown = await room.wait(run)
        assert read(await room.document("notes")) == "Hello!"
    part = next(part for part in shown["parts"] if part["type"] == "tool")
    assert json.loads(part["result"]) == "5 6 Hello!"
    first, second = edits(await log_of(store))
    assert (first.author, first.run, first.document) == ("agent:author", run, "notes")
    assert first.event == DocumentEdited(part["call"], 1, result="5", nth=0)
    assert second.event == DocumentEdited(part["call"], 1, result="6", nth=1)
    assert first.id != second.id


async def test_a_crash_behind_any_record_writes_nothing_twice() -> None:
    """SD2: the next attempt is given what the edits gave, and makes those that are missing."""
    store = MemoryStore()
    async with Runtime(store, [author(write)]) as runtime:
        await runtime.room("r").wait(await runtime.room("r").prompt("Go"))
    whole = await log_of(store)
    cuts = 0
    for seq in range(1, len(whole)):
        again = await cut(whole, seq)
        async with Runtime(again, [author(write)]) as runtime:
            room = runtime.room("r")
            async for record in room.follow():
                if isinstance(record.event, RunFinished):
                    break
            assert read(await room.document("notes")) == "Hello!"
        records = await log_of(again)
        assert len(edits(records)) == 2
        cuts += any(isinstance(record.event, ToolInterrupted) for record in records)
        returned = [record.event.result for record in records if isinstance(record.event, ToolReturned)]
        assert returned == ['"5 6 Hello!"']
    assert cuts >= 3


async def test_what_an_edit_refuses_changes_nothing() -> None:
    """SD3: the model is told the sentence; the next edit of the same call goes on."""

    @tool(effect="idempotent")
    async def refuse(call: Call) -> str:
        notes = call.document("notes")

        def no(doc: "Doc[Any]") -> None:
            raise Refused("bad-answer", "There is no such place.")

        await notes.edit(no)
        return "never"

    store = MemoryStore()
    async with Runtime(store, [author(refuse, args="{}")]) as runtime:
        await runtime.room("r").wait(await runtime.room("r").prompt("Go"))
    records = await log_of(store)
    failed = next(record.event for record in records if isinstance(record.event, ToolFailed))
    assert (failed.code, failed.message) == ("tool-error", "There is no such place.")
    assert not edits(records)


async def test_an_edit_that_breaks_off_leaves_no_trace() -> None:
    """SD3: a function that raises amid its changes is a bug: the document is read again from the log."""

    def half(doc: "Doc[Any]") -> None:
        doc.get("content", type=Text).insert(0, "half")
        raise ZeroDivisionError

    async with Runtime(MemoryStore(), []) as runtime:
        room = runtime.room("r")
        await room.edit("notes", add("whole"))
        async with runtime.rooms.use("r") as live:
            tab = FakeTab("notes")
            live.join(tab)
            live.step1(tab, b"\x00")
            await tab.until("step2")
            with pytest.raises(ZeroDivisionError):
                await room.edit("notes", half)
            assert await room.edit("notes", add(".")) == 6
            await tab.until("delta")
            assert tab.text == read(await room.document("notes")) == "whole."


async def test_a_host_edits_once_under_an_id() -> None:
    """SD4: the same id gives what it gave, in the same pass, later, and in another process."""
    store = MemoryStore()
    async with Runtime(store, []) as runtime:
        room = runtime.room("r")
        gave: list[Any] = []

        async def edit() -> None:
            gave.append(await room.by("ann").edit("notes", add("once"), id="e1"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(edit)
            nursery.start_soon(edit)
        await edit()
    async with Runtime(store, []) as runtime:
        assert await runtime.room("r").edit("notes", add("once"), id="e1") == 4
        assert read(await runtime.room("r").document("notes")) == "once"
    assert gave == [4, 4, 4]
    (only,) = edits(await log_of(store))
    assert (only.author, only.run) == ("ann", "")


async def test_an_agent_is_seen_where_it_works_and_gone_when_it_ends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """SD5: name, role, what it does, a cursor behind what it wrote; said again while it lasts, withdrawn at the end."""
    go_on = trio.Event()

    @tool(effect="idempotent")
    async def slowly(call: Call) -> str:
        await call.document("notes").edit(add("A word"))
        await go_on.wait()
        return "ok"

    async with Runtime(MemoryStore(), [author(slowly, args="{}")]) as runtime:
        room = runtime.room("r")
        async with runtime.rooms.use("r") as live:
            tab = FakeTab("notes")
            live.join(tab)
            live.step1(tab, b"\x00")
            run = await room.prompt("Go")
            (_, payload) = await tab.until("presence")
            (entry,) = awareness.decode(payload)
            state = json.loads(entry.state)
            assert (state["user"]["name"], state["user"]["role"]) == ("author", "agent")
            assert (state["run"], state["status"]) == (run, "working")
            (client, clock) = next(iter(_clocks(tab.doc).items()))
            assert state["cursor"]["head"] == {"item": {"client": client, "clock": clock - 1}, "assoc": -1}

            await trio.sleep(20)
            (_, payload) = await tab.until("presence", 2)
            (again,) = awareness.decode(payload)
            assert (again.client, again.state) == (entry.client, entry.state)
            assert again.clock > entry.clock

            late = FakeTab("notes")
            live.join(late)
            (_, greeted) = await late.until("awareness")
            assert awareness.decode(greeted)[0].client == entry.client

            go_on.set()
            await room.wait(run)
            with trio.fail_after(100):
                while awareness.decode(payload)[0].state != b"null":
                    payload = [said[1] for said in tab.said if said[0] == "presence"][-1]
                    await trio.sleep(1)


def _clocks(doc: "Doc[Any]") -> dict[int, int]:
    from plait.protocol.update import decode_state_vector

    return decode_state_vector(doc.get_state())


async def test_a_tool_with_documents_is_tried_alone() -> None:
    """SD6: without a room a call has documents of its own."""
    call = Call("key")
    assert await write("Hi", call=call) == "2 3 Hi!"
    assert await call.document("notes").read(read) == "Hi!"


async def test_an_edit_that_gives_what_cannot_be_kept_leaves_no_trace() -> None:
    """SD3: what the log cannot say is not in the document either, and later edits are kept."""
    store = MemoryStore()
    async with Runtime(store, []) as runtime:
        room = runtime.room("r")
        for gives in ("x" * 20_000, object()):

            def ghost(doc: "Doc[Any]", gives: Any = gives) -> Any:
                doc.get("content", type=Text).insert(0, "ghost ")
                return gives

            with pytest.raises((ValueError, TypeError)):
                await room.edit("notes", ghost)
        await room.edit("notes", add("hello"))
        assert read(await room.document("notes")) == "hello"
    async with Runtime(store, []) as runtime:
        assert read(await runtime.room("r").document("notes")) == "hello"


async def test_a_refused_edit_keeps_its_number() -> None:
    """SD2: edits are told apart by which of the call's they are, also where one of them was refused."""

    @tool(effect="idempotent")
    async def three(call: Call) -> str:
        notes = call.document("notes")

        def no(doc: "Doc[Any]") -> None:
            raise Refused("not-found", "No such place.")

        await notes.edit(add("A"))
        with suppress(ToolError):
            await notes.edit(no)
        await notes.edit(add("B"))
        return "done"

    store = MemoryStore()
    async with Runtime(store, [author(three, args="{}")]) as runtime:
        await runtime.room("r").wait(await runtime.room("r").prompt("Go"))
    whole = await log_of(store)
    for seq in range(1, len(whole)):
        again = await cut(whole, seq)
        async with Runtime(again, [author(three, args="{}")]) as runtime:
            room = runtime.room("r")
            async for record in room.follow():
                if isinstance(record.event, RunFinished):
                    break
            assert read(await room.document("notes")) == "AB", seq


async def test_no_command_has_the_id_of_an_edit() -> None:
    """SD2: whoever minted whatever ids, each edit is its own."""
    store = MemoryStore()
    async with Runtime(store, [author(write)]) as runtime:
        room = runtime.room("r")
        for step in ("all.0/0/call.0", "all.0/0/call.0/edit"):
            await room.change(title="x", id=f"000000000003/{step}")
        await room.wait(await room.prompt("Go"))
        assert read(await room.document("notes")) == "Hello!"
        await room.edit("notes", add("?"), id="e")
        await room.change(title="y", id="c")
        with pytest.raises(Refused, match="id-reused"):
            await room.edit("notes", add("?"), id="c")


async def test_looking_at_documents_that_nobody_wrote_fills_no_room() -> None:
    """SD1: a look at a name makes no document."""
    async with Runtime(MemoryStore(), []) as runtime, runtime.rooms.use("r") as live:
        for n in range(limits.DOCUMENTS_PER_ROOM + 10):
            assert await live.write("ann", f"n{n}", read, looks=True) == ""
        await runtime.room("r").edit("notes", add("room"))
