"""Tools that tabs carry out: one tab, once, whatever closes, reloads or crashes."""

from typing import Any, ClassVar

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import ClaimTool, Prompt, ProvideContext, RegisterTools, ReturnToolResult, ToolOffer
from plait.protocol.errors import PlaitError, Refused
from plait.protocol.events import (
    ContextProvided,
    Record,
    TabTool,
    ToolAnsweredLate,
    ToolAssigned,
    ToolAwaited,
    ToolOutcomeUnknown,
    ToolsRegistered,
)
from plait.protocol.fold import fold
from plait.protocol.state import RoomState
from plait.runtime import Agent, Runtime
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.live import Answer
from plait.runtime.room.room import Room
from plait.storage.errors import StoreError
from plait.storage.faults import FaultyStore
from plait.storage.memory import MemoryStore
from plait.storage.store import Append, Head

from ..room.scene import FakeTab, watching
from .scripted import Scripted, answered, calls, says

STEP = "all.0/0/call.0"


def around() -> Surroundings:
    """The clock of a Trio with MockClock as µs since 1970."""
    return Surroundings(now=lambda: 1_700_000_000_000_000 + int(trio.current_time() * 1_000_000))


def painter() -> tuple[Agent, Scripted]:
    """Asks a tab to paint, then answers."""
    model = Scripted(lambda r: says("Painted.") if answered(r) else calls(("c", "paint", '{"colour":"red"}')))
    return Agent("painter", model), model


class Page:
    """A page with tools: a socket that can be closed and opened again. `run` is the one that was prompted last."""

    run: ClassVar[str]

    def __init__(self, room: Room, name: str, tab: FakeTab) -> None:
        self.room, self.name, self.tab = room, name, tab
        self._asked = 0

    async def ask(self, command: Any) -> Answer:
        told = trio.Event()
        answers: list[Answer | PlaitError] = []

        def reply(answer: Answer | PlaitError) -> None:
            answers.append(answer)
            told.set()

        self.room.command(ANONYMOUS, command, reply, self.tab)
        with trio.fail_after(30):
            await told.wait()
        if isinstance(answers[0], PlaitError):
            raise answers[0]
        return answers[0]

    def id(self) -> str:
        self._asked += 1
        return f"{self.name}-{id(self)}-{self._asked}"

    async def register(self, effect: Any = "write", running: tuple[str, ...] = (), lasting: bool = False) -> None:
        offer = ToolOffer("paint", "Paint it.", {"type": "object"}, effect, lasting)
        await self.ask(RegisterTools(id=self.id(), tab=self.name, tools=[offer], running=list(running)))

    async def claim(self, number: int) -> Answer:
        return await self.ask(ClaimTool(id=self.id(), run=Page.run, step=STEP, number=number))

    async def give(self, number: int, result: Any = "done") -> Answer:
        return await self.ask(ReturnToolResult(id=self.id(), run=Page.run, step=STEP, number=number, result=result))

    async def refused(self, asking: Any) -> str:
        with pytest.raises(Refused) as error:
            await asking
        return error.value.code

    def close(self) -> None:
        self.room.leave(self.tab)


async def page(room: Room, name: str) -> Page:
    return Page(room, name, await watching(room))


class Scene:
    """One room with a painter in it."""

    def __init__(self, store: Any = None) -> None:
        self.store = store or MemoryStore()
        self.agent, self.model = painter()

    def runtime(self) -> Runtime:
        return Runtime(self.store, [self.agent], surroundings=around())

    async def events(self, kind: Any) -> list[Any]:
        return [record.event for record in await self.store.read("r", limit=500) if isinstance(record.event, kind)]


async def part(runtime: Runtime) -> dict[str, Any]:
    return next(p for p in (await runtime.room("r").runs())[Page.run]["parts"] if p["type"] == "tool")


async def prompted(asker: Page) -> None:
    """A run whose call is assigned or awaited."""
    Page.run = (await asker.ask(Prompt(id="p", text="Paint"))).run
    await trio.sleep(1)


async def test_who_asked_carries_it_out(autojump_clock: trio.testing.MockClock) -> None:
    """FT1, FT2: both tabs have the tool; the one that prompted is assigned, claims, answers; the other may not."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first, second = await page(room, "first"), await page(room, "second")
        await first.register()
        await second.register()
        await prompted(first)
        shown = await part(runtime)
        assert (shown["state"], shown["tab"], shown["number"]) == ("assigned", "first", 1)
        assert scene.model.requests[0]["tools"] == ["paint"]
        assert await second.refused(second.claim(1)) == "not-claimed"
        assert await first.refused(first.give(1)) == "not-claimed"
        await first.claim(1)
        assert await first.refused(first.claim(1)) == "not-claimed"
        await first.give(1, {"ok": True})
        assert (await runtime.room("r").wait(Page.run))["status"] == "done"
        assert (await part(runtime))["result"] == '{"ok":true}'


async def test_nobody_has_it(autojump_clock: trio.testing.MockClock) -> None:
    """FT3: a lasting tool is offered without a tab; the run waits for days, says so, and goes on with the next tab."""
    scene = Scene()
    async with scene.runtime() as runtime:
        async with runtime.rooms.use("r") as room:
            gone = await page(room, "gone")
            await gone.register(lasting=True)
            gone.close()
            asker = await page(room, "asker")
            await prompted(asker)
            assert (await part(runtime))["state"] == "awaiting"
            asker.close()
        await trio.sleep(3 * 86_400)
        assert runtime.rooms.statistics()["rooms"] == 0
        assert (await runtime.room("r").runs())[Page.run]["status"] == "waiting"
        async with runtime.rooms.use("r") as room:
            late = await page(room, "late")
            await late.register()
            await trio.sleep(1)
            await late.claim(1)
            await late.give(1)
            assert (await runtime.room("r").wait(Page.run))["status"] == "done"
    assert len(await scene.events(ToolAwaited)) == 1


async def test_a_tab_dies_before_it_began(autojump_clock: trio.testing.MockClock) -> None:
    """FT4, FT6: its lease runs out, another tab gets a higher number, and a late result changes nothing."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first, second = await page(room, "first"), await page(room, "second")
        await first.register()
        await second.register()
        await prompted(first)
        first.close()
        await trio.sleep(limits.TOOL_LEASE_S / 2)
        assert (await part(runtime))["tab"] == "first"
        await trio.sleep(limits.TOOL_LEASE_S)
        assert ((await part(runtime))["tab"], (await part(runtime))["number"]) == ("second", 2)
        revenant = await page(room, "first")
        await revenant.register()
        await revenant.give(1, "late")
        await second.claim(2)
        await revenant.give(1, "later still")
        await second.give(2, "in time")
        assert (await runtime.room("r").wait(Page.run))["status"] == "done"
        assert (await part(runtime))["result"] == '"in time"'
    assert [event.number for event in await scene.events(ToolAnsweredLate)] == [1, 1]


async def test_a_reload_before_it_began(autojump_clock: trio.testing.MockClock) -> None:
    """FT4: the same tab is back within its lease: the call is still its."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first = await page(room, "first")
        await first.register()
        await prompted(first)
        first.close()
        reloaded = await page(room, "first")
        await reloaded.register()
        await trio.sleep(limits.TOOL_LEASE_S * 2)
        await reloaded.claim(1)
        await reloaded.give(1)
        assert (await runtime.room("r").wait(Page.run))["status"] == "done"
    assert len(await scene.events(ToolAssigned)) == 1


@pytest.mark.parametrize("effect", ["read", "idempotent", "write"])
async def test_a_tab_dies_between_acting_and_answering(effect: str, autojump_clock: trio.testing.MockClock) -> None:
    """FT5: what may be repeated is assigned again; of a write nobody knows, and a person is asked."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first, second = await page(room, "first"), await page(room, "second")
        await first.register(effect)
        await second.register(effect)
        await prompted(first)
        await first.claim(1)
        first.close()
        reloaded = await page(room, "first")
        await reloaded.register(effect)  # The page is new: it carries nothing out.
        await trio.sleep(limits.TOOL_LEASE_S * 2)
        shown = await part(runtime)
        if effect == "write":
            assert shown["state"] == "unknown"
            assert len(await scene.events(ToolOutcomeUnknown)) == 1
            await runtime.room("r").stop()
        else:
            assert (shown["state"], shown["number"]) == ("assigned", 2)
            holder = reloaded if shown["tab"] == "first" else second
            await holder.claim(2)
            await holder.give(2)
        assert (await runtime.room("r").wait(Page.run))["status"] in ("done", "stopped")


async def test_a_socket_that_only_dropped(autojump_clock: trio.testing.MockClock) -> None:
    """FT4: the page lives, says that it still carries the call out, and answers under its number."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first = await page(room, "first")
        await first.register()
        await prompted(first)
        await first.claim(1)
        first.close()
        again = await page(room, "first")
        await again.register(running=(STEP,))
        await trio.sleep(limits.TOOL_LEASE_S * 2)
        await again.give(1)
        assert (await runtime.room("r").wait(Page.run))["status"] == "done"


async def test_the_server_restarts_while_a_tab_acts(autojump_clock: trio.testing.MockClock) -> None:
    """FT7: no socket outlives a process; the page comes back and goes on, or its lease runs out."""
    for returns in (True, False):
        scene = Scene()
        async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
            first = await page(room, "first")
            await first.register()
            await prompted(first)
            await first.claim(1)
        async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
            await trio.sleep(1)
            if returns:
                again = await page(room, "first")
                await again.register(running=(STEP,))
                await trio.sleep(limits.TOOL_LEASE_S * 2)
                await again.give(1)
                assert (await runtime.room("r").wait(Page.run))["status"] == "done"
            else:
                await trio.sleep(limits.TOOL_LEASE_S * 2)
                assert (await part(runtime))["state"] == "unknown"
                await runtime.room("r").stop()


async def test_a_failed_commit_takes_no_tab_away(autojump_clock: trio.testing.MockClock) -> None:
    """FT7: the room is read again from its log; the sockets live on, and so do the claims of their tabs."""
    store = FaultyStore(MemoryStore())
    scene = Scene(store)
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first = await page(room, "first")
        await first.register()
        await prompted(first)
        await first.claim(1)
        store.fail_before()
        with pytest.raises(PlaitError):
            await first.give(1)
        assert room.reopened == 1
        await trio.sleep(limits.TOOL_LEASE_S * 2)
        await first.give(1)
        assert (await runtime.room("r").wait(Page.run))["status"] == "done"


async def test_a_full_disk_keeps_no_room_spinning(autojump_clock: trio.testing.MockClock) -> None:
    """FT12: that a tab stays is said again with the room's next try, or before the tab's next word."""

    class Full(FaultyStore):
        full = False

        async def append(self, append: Append) -> Head:
            if self.full:
                self.fail_before()
                await trio.sleep(0.1)
            return await super().append(append)

    store = Full(MemoryStore())
    scene = Scene(store)
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first = await page(room, "first")
        await first.register()
        await prompted(first)
        await first.claim(1)
        store.full = True
        for _ in range(2):
            with pytest.raises(PlaitError):
                await first.give(1)
            await trio.sleep(60)
        assert len(store.appends) < 60
        store.full = False
        await first.give(1)
        assert (await runtime.room("r").wait(Page.run))["status"] == "done"


async def test_only_a_socket_has_tools() -> None:
    """FT8: a command that came without a socket registers nothing; a stop makes a claim worthless."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        with pytest.raises(Refused) as refused:
            await room.ask(ANONYMOUS, RegisterTools(id="x", tab="t", tools=[]))
        assert refused.value.code == "not-allowed"
        first = await page(room, "first")
        await first.register()
        Page.run = (await first.ask(Prompt(id="p", text="Paint"))).run
        async for record in runtime.room("r").follow():
            if isinstance(record.event, ToolAssigned):
                break
        await first.claim(1)
        await runtime.room("r").stop()
        await runtime.room("r").wait(Page.run)
        await first.give(1)
    assert len(await scene.events(ToolAnsweredLate)) == 1


async def test_a_tab_leaves_while_the_model_speaks(autojump_clock: trio.testing.MockClock) -> None:
    """FT3: the model was offered the tool, so its call waits for a tab that has it; what it made up fails."""
    gate = trio.Event()
    asked = (("c", "paint", "{}"), ("d", "erase", "{}"))
    scene = Scene()
    scene.model = Scripted(lambda r: says("Done.") if answered(r) else [gate, *calls(*asked)])
    scene.agent = Agent("painter", scene.model)
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first = await page(room, "first")
        await first.register()
        await prompted(first)
        first.close()
        await trio.sleep(1)
        gate.set()
        await trio.sleep(1)
        states = {p["name"]: p["state"] for p in (await runtime.room("r").runs())[Page.run]["parts"] if "name" in p}
        assert states == {"paint": "awaiting", "erase": "failed"}
        again = await page(room, "first")
        await again.register()
        await trio.sleep(1)
        await again.claim(1)
        await again.give(1)
        assert (await runtime.room("r").wait(Page.run))["status"] == "done"


async def test_a_socket_that_says_to_be_another_tab(autojump_clock: trio.testing.MockClock) -> None:
    """FT9: as the tab that it was it has left: its lease runs out, its facts go, and its tools are not on offer."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first, second = await page(room, "first"), await page(room, "second")
        await second.register()
        await first.register()
        await first.ask(ProvideContext(id="facts", facts={"page": "Invoices"}, tab="first"))
        await prompted(first)
        first.name = "renamed"
        await first.ask(RegisterTools(id="again", tab="renamed", tools=[]))
        await trio.sleep(limits.TOOL_LEASE_S + 1)
        assert ((await part(runtime))["tab"], (await part(runtime))["number"]) == ("second", 2)
        await second.claim(2)
        await second.give(2)
        assert (await runtime.room("r").wait(Page.run))["status"] == "done"
        assert "Invoices" not in scene.model.requests[-1]["system"]


async def test_a_tab_is_back_before_its_last_socket_is_found_dead(autojump_clock: trio.testing.MockClock) -> None:
    """FT10: both happen in one pass, so what it registered went with the last socket; it is told to come again."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first, again = await page(room, "first"), await page(room, "first")
        await first.register()
        asked = RegisterTools(id="again", tab="first", tools=[ToolOffer("paint")])
        room.command(ANONYMOUS, asked, lambda answer: None, again.tab)
        first.close()
        assert (await again.tab.until("close"))[1] == 1013


class Interrupted(FaultyStore):
    """Its next append fails, once `then` was called."""

    then: Any = None

    async def append(self, append: Append) -> Head:
        if self.then is not None:
            then, self.then = self.then, None
            then()
            raise StoreError("the disk refused, as this test asked")
        return await super().append(append)


async def test_a_tabs_word_is_on_its_way_when_a_commit_fails(autojump_clock: trio.testing.MockClock) -> None:
    """FT7: facts that come while the room is read again do not cost the tab its tools."""
    store = Interrupted(MemoryStore())
    scene = Scene(store)
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first = await page(room, "first")
        await first.register()
        facts = ProvideContext(id="facts", facts={"page": "Invoices"}, tab="first")
        store.then = lambda: room.command(ANONYMOUS, facts, lambda answer: None, first.tab)
        with pytest.raises(PlaitError):
            await first.ask(Prompt(id="lost", text="x"))
        assert room.reopened == 1
        await trio.sleep(60)
        await prompted(first)
        assert ((await part(runtime))["state"], (await part(runtime))["tab"]) == ("assigned", "first")
        assert "Invoices" in scene.model.requests[-1]["system"]


async def test_lasting_tools_are_bounded() -> None:
    """FT11: each stands in every request of the room, so one more than `LASTING_TOOLS` is refused."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first = await page(room, "first")
        many = [ToolOffer(f"t{n}", lasting=True) for n in range(limits.LASTING_TOOLS)]
        await first.ask(RegisterTools(id="1", tab="first", tools=many))
        await first.ask(RegisterTools(id="2", tab="first", tools=many[:3]))
        more = RegisterTools(id="3", tab="first", tools=[ToolOffer("more", lasting=True)])
        assert await first.refused(first.ask(more)) == "too-large"


def test_what_is_remembered_of_tabs_is_bounded() -> None:
    """FT11: a page that registers ever new names, and pages of processes that died one after another."""
    state, seq = RoomState(), 0

    def happens(epoch: int, event: Any) -> None:
        nonlocal seq
        seq += 1
        fold(state, Record(seq, seq, "a", "", epoch, event))

    for n in range(limits.TOOLS_LEFT + 50):
        happens(1, ToolsRegistered("t", (TabTool(f"tool{n}", "", "{}"),)))
    assert list(state.left)[-1] == f"tool{limits.TOOLS_LEFT + 48}"
    assert len(state.left) == limits.TOOLS_LEFT
    for epoch in range(2, 30):
        happens(epoch, ToolsRegistered(f"tab{epoch}", (TabTool("paint", "", "{}"),)))
        happens(epoch, ContextProvided({"page": "x"}, f"tab{epoch}"))
    assert len(state.tabs) < 6
    assert len(state.context) < 6
    assert state.left["paint"]


async def test_a_run_whose_tab_is_gone_is_listed_as_waiting(autojump_clock: trio.testing.MockClock) -> None:
    """FT3: the document says that it waits for a tab, and the list of rooms says so too."""
    scene = Scene()
    async with scene.runtime() as runtime, runtime.rooms.use("r") as room:
        first = await page(room, "first")
        await first.register()
        await prompted(first)
        first.close()
        await trio.sleep(limits.TOOL_LEASE_S * 2)
        assert (await runtime.room("r").runs())[Page.run]["status"] == "waiting"
        assert (await scene.store.rooms()).rooms[0].about.waiting_runs == 1
