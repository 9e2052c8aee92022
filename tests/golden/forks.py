"""A room that is a fork, was resumed, and took back what was written in a fork of its own."""

from typing import Any

from plait.protocol.events import ModelRequested
from plait.protocol.forks import Change
from plait.runtime import Agent, Runtime
from plait.runtime.room.identity import Surroundings
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from ..runtime.agent.scripted import Scripted, says


def puts(words: str) -> Any:
    def transform(doc: "Doc[Any]") -> None:
        doc.get("content", type=Text).insert(0, words)

    return transform


async def play_forks(store: MemoryStore, surroundings: Surroundings) -> MemoryStore:
    """`r` goes on from the middle of `parent`, and merges its fork `child`, which has merged one too."""
    agents = [Agent("clerk", Scripted(lambda request: says("Gut. 🍏")))]
    async with Runtime(store, agents, surroundings=surroundings) as runtime:
        parent = runtime.room("parent")
        await parent.by("ada").edit("notes", puts("Äpfel "))
        run = await parent.by("ada").prompt("go", id="p1")
        await parent.wait(run)
        records = await store.read("parent")
        amid = next(record.seq for record in records if isinstance(record.event, ModelRequested))
        room = await parent.by("bob").fork(amid, name="r", writes=True)
        await room.by("bob").resume(id="c1")
        await room.wait(run)
        child = await room.by("cyd").fork(int(run), name="child", change=Change(prompt="Los"))
        await child.wait(run)
        await child.by("cyd").edit("notes", puts("Birnen "))
        grandchild = await child.by("dan").fork((await store.head("child")).seq, name="grandchild")
        await grandchild.by("dan").edit("list", puts("Kirschen "))
        await grandchild.by("dan").merge()
        await room.by("ada").edit("notes", puts("und "))
        await child.by("bob").merge()
    return store
