"""Rooms leave memory and come back as their log says."""

import gc
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Prompt, Stop
from plait.protocol.errors import Refused
from plait.protocol.events import EpochClosed, RunArchived, RunStarted
from plait.protocol.move import Move
from plait.protocol.shown import shown_runs
from plait.protocol.state import RoomState
from plait.runtime.room.live import Live
from plait.runtime.room.opening import open_live, replay
from plait.runtime.room.reports import Report
from plait.runtime.room.room import Room
from plait.runtime.room.snapshots import take_snapshot
from plait.storage.memory import MemoryStore
from plait.storage.store import Snapshot
from pycrdt import Doc

from .scene import Idle, rooms, surroundings, watching


async def test_an_idle_room_leaves_memory(autojump_clock: trio.testing.MockClock) -> None:
    """RM30: after a while, and not while a tab watches."""
    async with rooms(MemoryStore()) as all_rooms:
        async with all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
            tab = await watching(room)
        await trio.sleep(limits.ROOM_IDLE_S * 3)
        assert all_rooms.statistics()["rooms"] == 1
        room.leave(tab)
        await trio.sleep(limits.ROOM_IDLE_S * 2)
        assert all_rooms.statistics()["rooms"] == 0
        async with all_rooms.use("r") as again:
            assert again is not room
            assert list(shown_runs(_doc(await again.document()))) == ["000000000001"]


async def test_a_room_that_left_memory_left_it(autojump_clock: trio.testing.MockClock) -> None:
    """RM30: nothing of a sleeping room stays behind, its observed documents included (21 KiB a room, once)."""

    def documents() -> int:
        gc.collect()
        return sum(isinstance(thing, Doc) for thing in gc.get_objects())

    before = documents()
    async with rooms(MemoryStore()) as all_rooms:
        async with all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
            tab = await watching(room, "pad")
            room.leave(tab)
        del room, tab
        await trio.sleep(limits.ROOM_IDLE_S * 3)
        assert all_rooms.statistics()["rooms"] == 0
        assert documents() == before


def _doc(update: bytes) -> "Doc[Any]":
    doc: Doc[Any] = Doc()
    doc.apply_update(update)
    return doc


async def test_a_clean_end_keeps_the_client_id() -> None:
    """RM31: the epoch closes with a record; the next one writes on under the same CRDT client id."""
    store = MemoryStore()
    for n in range(3):
        async with rooms(store) as all_rooms, all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id=f"p{n}", text="hi"))
    records = await store.read("r")
    closed = [record for record in records if isinstance(record.event, EpochClosed)]
    assert [record.epoch for record in closed] == [1, 2, 3]
    assert len({record.event.client for record in closed if isinstance(record.event, EpochClosed)}) == 1


async def test_a_crash_draws_a_new_client_id() -> None:
    """RM31: without the epoch's end nobody knows what else was written under the id."""
    store, around = MemoryStore(), surroundings()
    async with rooms(store, around=around) as all_rooms, all_rooms.use("r") as room:
        await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
        crashed = await open_live("r", store, {}, around)
    again = await open_live("r", store, {}, around)
    assert crashed.client != again.client
    assert again.client == (await _closed(store)).client


async def _closed(store: MemoryStore) -> EpochClosed:
    last = (await store.read("r"))[-1].event
    assert isinstance(last, EpochClosed)
    return last


async def test_snapshot_and_tail_equal_the_whole_log() -> None:
    """RM32: for every seq at which a snapshot may have been taken."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room, "notes")
        for n in range(4):
            await room.ask(ANONYMOUS, Prompt(id=f"p{n}", text="hi"))
            room.edit(tab, tab.type(f"{n} "), step2=False)
            await tab.until("accepted", n + 1)
        await room.ask(ANONYMOUS, Stop(id="s"))
    whole = await open_live("r", store, {}, surroundings())
    records = await store.read("r")
    partial = Live("r", 1, 99, {}, surroundings())
    for record in records:
        replay(partial, record)
        await store.save_snapshot("r", take_snapshot(partial))
        opened = await open_live("r", store, {}, surroundings())
        assert opened.state == whole.state
        assert _plain(opened) == _plain(whole)


def _plain(live: Live) -> tuple[Any, ...]:
    return (
        shown_runs(live.room_document.doc),
        live.room_document.doc.get_state(),
        {name: (shared.doc.get_update(), shared.clocks) for name, shared in live.shared.items()},
    )


@pytest.mark.parametrize("bad", [Snapshot(2, 0, b"old"), Snapshot(2, 1, b"\xc1"), Snapshot(2, 1, b"\x80")])
async def test_a_bad_snapshot_is_ignored(bad: Snapshot) -> None:
    """RM32: it is a cache, and the log wins."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
    await store.save_snapshot("r", bad)
    assert len((await open_live("r", store, {}, surroundings())).state.runs) == 1


async def test_old_runs_leave_the_document_and_not_the_log() -> None:
    """RM34: the newest FINISHED_RUNS stay."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        for n in range(limits.FINISHED_RUNS + 3):
            await room.ask(ANONYMOUS, Prompt(id=f"p{n}", text="hi"))
            await room.ask(ANONYMOUS, Stop(id=f"s{n}"))
        runs = shown_runs(_doc(await room.document()))
        assert len(runs) == limits.FINISHED_RUNS
        records = await store.read("r", limit=10_000)
        archived = [record.run for record in records if isinstance(record.event, RunArchived)]
        assert len(archived) == 3
        assert not set(archived) & set(runs)


async def test_a_prompt_too_many_is_refused() -> None:
    """RM12: the queue has an end."""
    async with rooms(MemoryStore(), Idle()) as all_rooms, all_rooms.use("r") as room:
        for n in range(limits.OPEN_RUNS):
            await room.ask(ANONYMOUS, Prompt(id=f"p{n}", text="hi"))
        with pytest.raises(Refused) as full:
            await room.ask(ANONYMOUS, Prompt(id="one-more", text="hi"))
        assert full.value.code == "room-full"


class Slow(Idle):
    """A crew with one step that, when it is cancelled, takes a moment and then reports, as one does whose tool ends."""

    def __init__(self, moments: int) -> None:
        super().__init__()
        self.outcomes: list[bool | None] = []
        self.in_vain = False
        self._moments = moments
        self._started = False

    def settle(self, room: Room, state: RoomState, work: tuple[Move, ...], nursery: trio.Nursery) -> None:
        if not self._started:
            self._started = True
            nursery.start_soon(self._step, room)

    async def _step(self, room: Room) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(5, shield=True) as patience:
                for _ in range(self._moments):
                    await trio.lowlevel.checkpoint()
                told = trio.Event()

                def done(accepted: bool | None) -> None:
                    self.outcomes.append(accepted)
                    told.set()

                room.report(Report("000000000001", "agent:a", RunStarted(), done))
                await told.wait()
            self.in_vain = patience.cancelled_caught


@pytest.mark.parametrize("moments", [0, 1, 2, 5, 20, 100])
async def test_a_room_that_ends_leaves_nobody_waiting(moments: int, autojump_clock: trio.testing.MockClock) -> None:
    """RM35: a step that reports while its room is ending is told that nobody knows, at whatever moment that is."""
    crew = Slow(moments)
    async with rooms(MemoryStore(), crew) as all_rooms, all_rooms.use("r") as room:
        await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
    assert crew.outcomes == [None]
    assert not crew.in_vain
