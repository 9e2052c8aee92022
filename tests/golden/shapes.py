"""A room that code of another shape began, and that was projected anew: for the golden log."""

from plait.runtime import Agent, Runtime
from plait.runtime.replay.reprojection import reproject
from plait.runtime.room.identity import Surroundings
from plait.storage.memory import MemoryStore

from ..runtime.agent.scripted import Scripted, says
from ..runtime.replay.shapes import later


async def play_shapes(store: MemoryStore, surroundings: Surroundings) -> MemoryStore:
    """A run and a title as they were shown otherwise, the record that made them what they are, and a run since."""
    agents = [Agent("clerk", Scripted(lambda request: says("Gut. 🍏")))]
    with later(1):
        async with Runtime(store, agents, surroundings=surroundings) as runtime:
            room = runtime.room("r")
            await room.by("ada").change(title="Äpfel", id="t1")
            await room.wait(await room.by("ada").prompt("go", id="p1"))
    await reproject(store, "r", by="root", surroundings=surroundings)
    async with Runtime(store, agents, surroundings=surroundings) as runtime:
        room = runtime.room("r")
        await room.wait(await room.by("bob").prompt("on", id="p2"))
    return store
