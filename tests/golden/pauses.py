"""A room whose runs were paused amid a call and resumed; and a paused fork that was paused once more."""

from typing import Any

import trio
import trio.testing
from plait.protocol.events import ToolStarted
from plait.runtime import Agent, Call, Runtime, tool
from plait.runtime.room.identity import Surroundings
from plait.storage.memory import MemoryStore

from ..runtime.agent.scripted import Scripted, answered, calls, says


async def play_pauses(store: MemoryStore, surroundings: Surroundings) -> MemoryStore:
    """`r` is a fork of `parent`: paused while a tool is at work, resumed, and paused again at its end."""
    goes_on = trio.Event()

    @tool(effect="read")
    async def look(call: Call) -> str:
        """Look."""
        await goes_on.wait()
        return "Äpfel"

    def script(request: Any) -> Any:
        return says("Gut. 🍏") if answered(request) else calls(("a", "look", "{}"))

    agents = [Agent("clerk", Scripted(script), tools=[look])]
    async with Runtime(store, agents, surroundings=surroundings) as runtime:
        parent = runtime.room("parent")
        run = await parent.by("ada").prompt("go", id="p1")
        room = await parent.by("ada").fork(int(run), name="r", writes=True)
        await room.by("ada").resume(id="c1")
        begun = 0
        async for record in room.follow():
            if isinstance(record.event, ToolStarted):
                begun = record.seq
                break
        await room.by("ada").pause("Später, bitte", at=begun, id="c2")
        goes_on.set()
        await trio.testing.wait_all_tasks_blocked()
        await room.by("ada").resume(id="c3")
        await room.wait(run)
        await parent.wait(run)
        await room.by("cyd").pause("Ende", id="c5")
    return store
