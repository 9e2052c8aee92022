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
        await room.edit("notes", put("A good day. 🌞", 0), id="begin", author="ann")
        draft = await room.propose("notes", title="Better", id="propose", author="ann")
        await room.edit(draft, put("fine 🌧", 2, instead=4), author="bob")
        await room.edit(draft, put("So: ", 0), author="cleo")
        await room.edit("notes", put("Monday. ", 0), author="ann")
        first, *_, last = (await room.draft(draft)).hunks
        await room.accept(draft, [first.id], id="accept", author="ann")
        await room.reject(draft, [last.id], id="reject", author="ann")
        await room.accept(draft, id="whole", author="ann")
        other = await room.propose("notes", id="other", author="ann")
        await room.edit(other, put("No. ", 0), author="bob")
        await room.reject(other, id="no", author="ann")
        await room.edit("notes", put("!", 0), author="dan")
        await room.undo(by="dan", document="notes", id="undo", author="ann")
    return store
