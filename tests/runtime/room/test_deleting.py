"""A room is deleted while it is in use: nobody is left waiting, and nothing of it comes back."""

from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Prompt
from plait.protocol.errors import OutcomeUnknown, PlaitError, Refused
from plait.runtime import Agent, Runtime, tool
from plait.runtime.room.rooms import Rooms
from plait.storage import FaultyStore, MemoryStore, StoreError

from ..agent.scripted import Scripted, calls
from .scene import rooms, surroundings, watching


async def refused(rooms: Rooms, name: str) -> str:
    """The code with which using the room is refused."""
    with pytest.raises(Refused) as caught:
        async with rooms.use(name):
            pass
    return caught.value.code


async def test_a_room_is_deleted_while_tabs_watch() -> None:
    """RM38: its sockets are closed with 4404, its memory is let go, its name is refused from then on."""
    store = MemoryStore()
    async with rooms(store) as all_rooms:
        async with all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
            tabs = [await watching(room), await watching(room, "notes", client=7)]
            await all_rooms.delete("r")
            for tab in tabs:
                assert await tab.until("close") == ("close", 4404)
                room.leave(tab)
        assert all_rooms.statistics()["rooms"] == 0
        assert (await store.head("r")).deleted
        assert await refused(all_rooms, "r") == "no-such-room"


async def test_who_waits_is_told() -> None:
    """RM39: a pass that is on its way to the disk is finished first; whoever waits behind it is told that there is no
    such room, and a follower is woken."""
    store = FaultyStore(MemoryStore())
    heard: list[Any] = []
    async with rooms(store) as all_rooms, trio.open_nursery() as nursery, all_rooms.use("r") as room:
        await room.ask(ANONYMOUS, Prompt(id="first", text="hi"))

        async def ask(name: str) -> None:
            try:
                heard.append((name, (await room.ask(ANONYMOUS, Prompt(id=name, text="hi"))).seq > 0))
            except PlaitError as error:
                heard.append((name, error.code if isinstance(error, Refused) else type(error).__name__))

        async def follow() -> None:
            with pytest.raises(OutcomeUnknown):
                await room.beyond(10_000)
            heard.append("woken")

        store.hold()
        nursery.start_soon(ask, "on its way")
        nursery.start_soon(follow)
        await store.wait_held()
        nursery.start_soon(ask, "behind")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(all_rooms.delete, "r")
        await trio.testing.wait_all_tasks_blocked()
        assert await refused(all_rooms, "r") == "no-such-room"
        assert heard == []
        store.release()
        await room.ended.wait()
    assert set(heard) == {("on its way", True), ("behind", "no-such-room"), "woken"}
    assert (await store.head("r")).deleted


async def test_deleting_what_is_not_there() -> None:
    """RM40: a room that nobody wrote to, was deleted or is being deleted is refused, and nobody in it is disturbed."""
    store = MemoryStore()
    async with rooms(store) as all_rooms:
        async with all_rooms.use("empty") as room:
            tab = await watching(room)
            for name in ("empty", "nobody"):
                with pytest.raises(Refused, match="There is no room"):
                    await all_rooms.delete(name)
            assert all(said[0] != "close" for said in tab.said)
            room.leave(tab)
        async with all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
        outcomes: list[str] = []

        async def delete() -> None:
            try:
                await all_rooms.delete("r")
                outcomes.append("deleted")
            except Refused as error:
                outcomes.append(error.code)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(delete)
        assert sorted(outcomes) == ["deleted", "no-such-room", "no-such-room"]


async def test_a_store_that_cannot_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    """RM40: if the store fails, whoever deletes is told, and the room is as it was."""
    store = MemoryStore()

    async def fails(room: str) -> bool:
        raise StoreError("the disk refused, as this test asked")

    async with rooms(store) as all_rooms:
        async with all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
        monkeypatch.setattr(store, "delete", fails)
        with pytest.raises(StoreError, match="refused"):
            await all_rooms.delete("r")
        async with all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id="q", text="hi"))


async def test_a_room_is_deleted_while_a_tool_runs() -> None:
    """RM38: the step is cancelled, its outcome goes nowhere, and no later process goes on with the run."""
    begun, ended = trio.Event(), trio.Event()

    @tool
    async def work() -> str:
        """Work for long."""
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.set()
        return "done"

    store = MemoryStore()
    agents = [Agent("worker", Scripted(lambda request: calls(("a", "work", "{}"))), tools=[work])]
    async with Runtime(store, agents, surroundings=surroundings()) as runtime:
        await runtime.room("r").prompt("work")
        await begun.wait()
        await runtime.rooms.delete("r")
        assert ended.is_set()
        with pytest.raises(Refused, match="no-such-room"):
            await runtime.room("r").prompt("again")
    async with Runtime(store, agents, surroundings=surroundings()) as runtime:
        assert await store.unfinished() == []
        assert runtime.rooms.statistics()["rooms"] == 0


async def test_a_tool_that_cannot_be_cancelled(autojump_clock: trio.testing.MockClock) -> None:
    """RM41: a step that does not end keeps the room's deletion waiting for DRAIN_S at most, and its name is refused."""
    begun, end = trio.Event(), trio.Event()

    @tool
    async def stuck() -> str:
        """Be as a thread is: nobody can cancel it."""
        begun.set()
        with trio.CancelScope(shield=True):
            await end.wait()
        return "done"

    store = MemoryStore()
    agents = [Agent("worker", Scripted(lambda request: calls(("a", "stuck", "{}"))), tools=[stuck])]
    async with Runtime(store, agents, surroundings=surroundings()) as runtime:
        await runtime.room("r").prompt("work")
        await begun.wait()
        began = trio.current_time()
        await runtime.rooms.delete("r")
        assert trio.current_time() - began == pytest.approx(limits.DRAIN_S)
        assert (await store.head("r")).deleted
        assert await refused(runtime.rooms, "r") == "no-such-room"
        end.set()
