"""What an agent did in a room does not keep the room in memory."""

import gc

import trio
from plait.protocol import limits
from plait.runtime import Agent, Runtime
from plait.runtime.room.room import Room
from plait.storage import MemoryStore
from pycrdt import Doc


def _held() -> int:
    """Documents and rooms that nothing but the collector could free, after it did."""
    gc.collect()
    return sum(isinstance(thing, Doc | Room) for thing in gc.get_objects())


async def test_a_room_where_an_agent_worked_leaves_memory(autojump_clock: trio.testing.MockClock) -> None:
    """RM30: no trace of a sleeping room remains, neither with the agents nor behind the CRDT's observers."""
    before = _held()
    async with Runtime(MemoryStore(), [Agent("assistant", model="echo")]) as runtime:
        for n in range(3):
            room = runtime.room(f"r{n}")
            await room.wait(await room.prompt("hello there"))
        await trio.sleep(limits.ROOM_IDLE_S * 3)
        assert runtime.rooms.statistics()["rooms"] == 0
        assert _held() == before
