"""The scenario of the golden log about documents: edits, undo, and drafts accepted and rejected, by hunk and whole."""

from typing import Any

from plait.runtime import Agent, Runtime
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Map, Text

from ..runtime.agent.scripted import Scripted, says
from ..runtime.room.scene import surroundings


def put(text: str, at: int, *, instead: int = 0) -> Any:
    """Insert a text in place of so many bytes, and note it under a key."""

    def transform(doc: "Doc[Any]") -> None:
        content = doc.get("content", type=Text)
        if instead:
            del content[at : at + instead]
        content.insert(at, text)
        doc.get("state", type=Map)["last"] = text

    return transform


async def play_documents(store: MemoryStore) -> MemoryStore:
    """A document, two drafts of it, an undo; and two short runs, as every golden log has requests."""
    agent = Agent("assistant", Scripted(lambda request: says("Grüße 🙂")), title=False)
    async with Runtime(store, [agent], surroundings=surroundings()) as runtime:
        room = runtime.room("r")
        for prompt in ("one", "two"):
            await room.wait(await room.prompt(prompt, id=prompt))
        await room.by("ann").edit("notes", put("A good day. 🌞", 0), id="begin")
        draft = await room.by("ann").propose("notes", title="Better", id="propose")
        await room.by("bob").edit(draft, put("fine 🌧", 2, instead=4))
        await room.by("cleo").edit(draft, put("So: ", 0))
        await room.by("ann").edit("notes", put("Monday. ", 0))
        first, *_, last = (await room.draft(draft)).hunks
        await room.by("ann").accept(draft, [first.id], id="accept")
        await room.by("ann").reject(draft, [last.id], id="reject")
        await room.by("ann").accept(draft, id="whole")
        other = await room.by("ann").propose("notes", id="other")
        await room.by("bob").edit(other, put("No. ", 0))
        await room.by("ann").reject(other, id="no")
        await room.by("dan").edit("notes", put("!", 0))
        await room.by("ann").undo(by="dan", document="notes", id="undo")
    return store
