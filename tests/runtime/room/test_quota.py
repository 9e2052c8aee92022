"""How often agents are asked and how much a room may hold: measured for outsiders, refused with a code, forgotten."""

from typing import Any

import pytest
import trio
from plait.protocol.access import ANONYMOUS, Grant
from plait.protocol.admission import Allowance
from plait.protocol.commands import Asked, EditPrompt, Prompt, Propose, Regenerate, SetRoom, Steer, Stop
from plait.protocol.errors import Refused
from plait.runtime.room.quota import Quota
from plait.runtime.room.room import Room
from plait.runtime.room.rooms import Rooms
from plait.storage.memory import MemoryStore
from trio.testing import MockClock

from .scene import Idle, surroundings, watching

ANN, BOB = Grant("ann"), Grant("bob")


async def _rooms(nursery: trio.Nursery, **allowed: int) -> Rooms:
    made = Rooms(MemoryStore(), Idle(), surroundings(), quota=Quota(Allowance(**allowed)))
    await nursery.start(made.run)
    return made


async def _asks(room: Room, grant: Grant, command: Asked, *, measured: bool = True) -> str:
    """`ok`, or the code of the refusal."""
    try:
        await room.ask(grant, command, measured=measured)
    except Refused as refused:
        return refused.code
    return "ok"


async def _prompts(room: Room, grant: Grant, *ids: str, measured: bool = True) -> list[str]:
    return [await _asks(room, grant, Prompt(id=each, text="hi"), measured=measured) for each in ids]


async def test_prompts_per_minute(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """AD9: one subject's prompts are measured in all rooms together; nothing is recorded of those that are too many."""
    rooms = await _rooms(nursery, prompts_per_minute=3)
    async with rooms.use("r") as room, rooms.use("other") as other:
        assert await _prompts(room, ANN, "1", "2") == ["ok", "ok"]
        assert await _prompts(other, ANN, "3", "4") == ["ok", "rate-limited"]
        head = room.head
        run = "000000000001"
        assert [
            await _asks(room, ANN, command)
            for command in (
                Regenerate(id="5", run=run),
                EditPrompt(id="6", run=run, text="x"),
                Steer(id="7", run=run, text="x"),
            )
        ] == ["busy", "busy", "rate-limited"]
        assert room.head == head
        assert await _prompts(room, BOB, "8") == ["ok"]
        await trio.sleep(20)
        assert await _prompts(room, ANN, "9", "10") == ["ok", "rate-limited"]


async def test_a_repeated_prompt_gets_its_first_answer(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """AD9: asking again under an id is no second prompt, and is answered also when another one would be refused."""
    rooms = await _rooms(nursery, prompts_per_minute=2)
    async with rooms.use("r") as room:
        assert await _prompts(room, ANN, *["1"] * 5, "2", "3", "1") == ["ok"] * 6 + ["rate-limited", "ok"]


async def test_prompts_of_a_room(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """AD9: a room is asked so often by all together, `anonymous` among them, who is no subject."""
    rooms = await _rooms(nursery, prompts_per_minute=2, room_prompts_per_minute=4)
    async with rooms.use("r") as room, rooms.use("other") as other:
        assert await _prompts(room, ANONYMOUS, "1", "2", "3") == ["ok"] * 3
        assert await _prompts(room, ANN, "4", "5") == ["ok", "rate-limited"]
        assert await _prompts(other, BOB, "6", "7", "8") == ["ok", "ok", "rate-limited"]


async def test_open_runs_of_a_subject(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """AD9: those of all rooms that are awake; one that is over makes room for another, and others' do not count."""
    rooms = await _rooms(nursery, runs_per_subject=3, prompts_per_minute=1000)
    async with rooms.use("r") as room:
        assert await _prompts(room, ANN, "1", "2") == ["ok", "ok"]
        async with rooms.use("other") as other:
            assert await _prompts(other, ANN, "3", "4") == ["ok", "too-many-runs"]
            assert await _prompts(room, ANN, "5") == ["too-many-runs"]
            assert await _prompts(room, BOB, "6") == ["ok"]
            assert await _prompts(room, ANONYMOUS, *"abcd") == ["ok"] * 4
            assert await _asks(other, ANN, Stop(id="7")) == "ok"
        assert await _prompts(room, ANN, "8", "9") == ["ok", "too-many-runs"]


async def test_a_room_that_sleeps_is_forgotten(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """AD9: what waits in a room that left memory is nobody's load."""
    rooms = await _rooms(nursery, runs_per_subject=1)
    async with rooms.use("r") as room:
        assert await _prompts(room, ANN, "1") == ["ok"]
    await room.ended.wait()
    async with rooms.use("other") as other:
        assert await _prompts(other, ANN, "2") == ["ok"]
    assert len(rooms._quota._open) <= 1


async def test_programs_are_not_measured(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """AD9: what the owner of the process does is the owner's affair."""
    rooms = await _rooms(nursery, prompts_per_minute=1, room_prompts_per_minute=1, runs_per_subject=1)
    async with rooms.use("r") as room:
        assert await _prompts(room, ANN, *"abcdef", measured=False) == ["ok"] * 6


async def test_a_full_room(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """AD10: a log that is long enough takes no more text, also after a restart; what is deleted and decided goes on."""
    rooms = await _rooms(nursery, room_bytes=4000)
    async with rooms.use("r") as room:
        tab = await watching(room, "notes")
        first = tab.type("x" * 3000)
        room.edit(tab, first, step2=False)
        await tab.until("accepted")
        assert await _prompts(room, ANN, "1") == ["ok"]
        room.edit(tab, tab.type("y" * 1000), step2=False)
        await tab.until("accepted", 2)
        seq = room.head
        assert await _prompts(room, ANN, "2", "1") == ["room-full", "ok"]
        assert await _asks(room, ANN, Propose(id="3", document="notes", title="t")) == "room-full"
        other = await watching(room, "notes")
        room.edit(other, other.type("z"), step2=False)
        assert await other.until("denied") == ("denied", "room-full")
        with pytest.raises(Refused, match="room-full"):
            await room.seed("ann", "other", _seeding(), b"hello")
        assert room.head == seq
        room.edit(tab, first, step2=False)
        await tab.until("accepted", 3)
        room.edit(tab, tab.erase(0, 10), step2=False)
        await tab.until("accepted", 4)
        assert await _asks(room, ANN, Stop(id="4")) == "ok"
        assert await _asks(room, ANN, SetRoom(id="5", title="full")) == "ok"
        room.leave(tab)
        room.leave(other)
    await room.ended.wait()
    async with rooms.use("r") as room:
        assert await _prompts(room, ANN, "6") == ["room-full"]


def _seeding() -> Any:
    from plait.protocol import porting

    return porting.seeding(b"hello", "text", root="")


async def test_too_many_rooms_are_awake(
    nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AD11: those that nobody needs leave for those that come; who is in one stays."""
    from plait.protocol import limits

    monkeypatch.setattr(limits, "ROOMS_AWAKE", 10)
    rooms = await _rooms(nursery)
    began = trio.current_time()
    async with rooms.use("mine") as mine:
        for n in range(100):
            async with rooms.use(f"r{n}"):
                pass
            await trio.testing.wait_all_tasks_blocked()
            assert rooms.statistics()["rooms"] <= 11
        assert not mine.ended.is_set()
        assert trio.current_time() - began < limits.ROOM_IDLE_S
        assert await _prompts(mine, ANN, "1") == ["ok"]
