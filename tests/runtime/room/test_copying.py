"""A draft of a long document: copied beside the room's pass, while people go on typing in what it is a copy of."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from plait.protocol import limits
from plait.protocol.commands import Propose
from plait.protocol.errors import OutcomeUnknown, PlaitError, Refused
from plait.protocol.events import DraftOpened
from plait.runtime.room import preparing
from plait.runtime.room.live import Answer
from plait.runtime.room.shared import SharedDocument
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from ..agent.test_writing import log_of
from .scene import rooms, watching
from .test_proposing import ANN, BOB, put, text_of

LONG = "long words " * 3000


class Held:
    """Copying that waits until it is let go; `begun` is set when it has to."""

    def __init__(self) -> None:
        self.begun = trio.Event()
        self.go = trio.Event()
        self.sizes: list[int] = []

    async def aside(self, work: Callable[[], Any], size: int) -> Any:
        self.sizes.append(size)
        self.begun.set()
        await self.go.wait()
        return work()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    monkeypatch.setattr(preparing, "aside", held.aside)
    return held


async def test_a_long_document_is_copied_while_others_write(held: Held) -> None:
    """DF18, DF1: edits of the document go on meanwhile, what they insert and what they delete, and are in the draft,
    which is the same after the room was opened again."""
    store = MemoryStore()
    async with rooms(store) as awake, awake.use("r") as room, trio.open_nursery() as nursery:
        await room.write("bob", "main", put(LONG))
        told: list[Answer | PlaitError] = []

        async def propose() -> None:
            told.append(await room.ask(ANN, Propose(id="p", document="main")))

        nursery.start_soon(propose)
        await held.begun.wait()
        watcher = await watching(room, "main")
        await room.write("bob", "main", put("Meanwhile 🙂 ", instead=5))
        assert watcher.text.startswith("Meanwhile 🙂 words long")
        held.go.set()
        with trio.fail_after(60):
            while not told:
                await trio.testing.wait_all_tasks_blocked()
        (answer,) = told
        assert isinstance(answer, Answer)
        draft = answer.result["draft"]
        whole = await text_of(room, "main")
        assert await text_of(room, draft) == whole
        await room.write("agent:scribe", draft, put("Draft: "))
        assert await text_of(room, "main") == whole
    async with rooms(store) as awake, awake.use("r") as room:
        assert (await text_of(room, "main"), await text_of(room, draft)) == (whole, f"Draft: {whole}")
        assert len(held.sizes) == 1


async def test_a_short_document_is_copied_at_once(held: Held) -> None:
    """DF18: nobody waits for what takes no time."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        await room.write("bob", "main", put("A good day."))
        assert (await room.ask(ANN, Propose(id="p", document="main"))).result
        assert not held.sizes


async def test_a_proposal_of_a_long_document_happens_once(held: Held) -> None:
    """DF18, DF1: the same command again, while the first is being copied and afterwards, is answered with one draft."""
    held.go.set()
    store = MemoryStore()
    async with rooms(store) as awake, awake.use("r") as room:
        await room.write("bob", "main", put(LONG))
        answers: list[int] = []

        async def propose() -> None:
            answers.append((await room.ask(ANN, Propose(id="p", document="main"))).seq)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(propose)
            nursery.start_soon(propose)
        await propose()
        assert len(set(answers)) == 1
        with pytest.raises(Refused, match="id-reused"):
            await room.ask(ANN, Propose(id="p", document="main", title="Another"))
        assert len([record for record in await log_of(store) if isinstance(record.event, DraftOpened)]) == 1


async def test_a_copy_that_never_comes_opens_no_draft(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """DF18, DF1: one that the CRDT cannot make, one for which the room was closed, and one that grew too large."""
    store = MemoryStore()
    async with rooms(store) as awake, awake.use("r") as room:
        await room.write("bob", "main", put(LONG))
        held.go.set()

        class PanicException(BaseException):
            """As pyo3 raises it."""

        def breaks(copied: SharedDocument, update: bytes) -> None:
            raise PanicException("of the CRDT")

        with monkeypatch.context() as patched:
            patched.setattr(SharedDocument, "load", breaks)
            with pytest.raises(OutcomeUnknown):
                await room.ask(BOB, Propose(id="p", document="main"))
        with monkeypatch.context() as patched:
            patched.setattr(limits, "DOCUMENT_BYTES", 1000)
            with pytest.raises(Refused, match="too-large"):
                await room.ask(BOB, Propose(id="p", document="main"))
        held.go = trio.Event()
        held.begun = trio.Event()
        asked: list[BaseException] = []

        async def propose() -> None:
            try:
                await room.ask(BOB, Propose(id="p", document="main"))
            except OutcomeUnknown as error:
                asked.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(propose)
            await held.begun.wait()
            room.condemn()
        assert asked
    assert not [record for record in await log_of(store) if isinstance(record.event, DraftOpened)]
    doc: Doc[Text] = Doc()
    for record in await log_of(store):
        if record.document == "main":
            doc.apply_update(record.update)
    assert str(doc.get("content", type=Text)) == LONG
