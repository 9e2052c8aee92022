"""A passage that people see while the model writes it: word by word, once, and gone if the attempt is superseded."""

import json
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.events import DocumentEdited, ModelFailed, RunFinished, ToolCall, ToolReturned
from plait.runtime import Agent, Runtime, document_tools
from plait.runtime.models.model import JSON, Answered, ArgumentsChunk, ModelError
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from ..room.scene import FakeTab
from .scripted import Line, Scripted, answered, says
from .test_recovery import cut
from .test_writing import edits, log_of

PASSAGE = "The quick brown fox jumps over the lazy dog, and \u00e9veryone \U0001f642 sees it coming."
ARGS = json.dumps({"document": "story", "at": "start", "new": PASSAGE})


def pieces(size: int) -> list[ArgumentsChunk]:
    return [ArgumentsChunk("c", "write_text", ARGS[at : at + size]) for at in range(0, len(ARGS), size)]


def asked() -> Answered:
    return Answered("tool-calls", (ToolCall("c", "write_text", ARGS),))


def writer(*lines: Line, again: tuple[Line, ...] = ()) -> Agent:
    """An agent whose first attempt says these lines, and the next ones `again`."""
    left = [list(lines), list(again)] if again else [list(lines)]

    def script(request: JSON) -> list[Line]:
        if answered(request):
            return says("Done.")
        return left.pop(0) if len(left) > 1 else left[0]

    return Agent("writer", Scripted(script), tools=document_tools(), title=False)


def content(doc: "Doc[Any]") -> str:
    return str(doc.get("content", type=Text))


async def test_a_passage_is_seen_while_it_is_written() -> None:
    """SD7: whole words appear before the model has said the rest, and the whole is there once when the call is done."""
    rest = trio.Event()
    first, last = pieces(7)[:8], pieces(7)[8:]
    store = MemoryStore()
    async with Runtime(store, [writer(*first, rest, *last, asked())]) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("story", lambda doc: doc.get("content", type=Text).insert(0, "END"))
        async with runtime.rooms.use("r") as live:
            tab = FakeTab("story")
            live.join(tab)
            live.step1(tab, b"\x00")
            run = await room.prompt("Write")
            await tab.until("delta")
            seen = tab.text.removesuffix("END")
            assert seen.endswith(" ")
            assert PASSAGE.startswith(seen)
            # A person types amid it, and behind it, while the model goes on.
            live.edit(tab, tab.type("(me)", at=2), step2=False)
            await tab.until("accepted")
            rest.set()
            await room.wait(run)
            assert content(await room.document("story")) == "Th(me)" + PASSAGE[2:] + "END"
    made = [record for record in edits(await log_of(store)) if record.run == run]
    assert [record.event.call for record in made][-1] == ""  # type: ignore[union-attr]
    assert sum(record.event.call == "c" for record in made) >= 1  # type: ignore[union-attr]
    assert {record.author for record in made} == {"agent:writer"}


async def test_an_attempt_that_breaks_off_takes_its_words_along(autojump_clock: trio.testing.MockClock) -> None:
    """SD8: what it wrote leaves the document, what a person wrote amid it stays, and the next attempt writes once."""
    broken = trio.Event()
    store = MemoryStore()
    fails = ModelError("model-overloaded", "Later.", retry=True)
    agent = writer(*pieces(7)[:9], broken, fails, again=(*pieces(7), asked()))
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        async with runtime.rooms.use("r") as live:
            tab = FakeTab("story")
            live.join(tab)
            live.step1(tab, b"\x00")
            run = await room.prompt("Write")
            await tab.until("delta")
            assert PASSAGE.startswith(tab.text)
            live.edit(tab, tab.type("(me)", at=2), step2=False)
            await tab.until("accepted")
            broken.set()
            await room.wait(run)
    async with Runtime(store, []) as runtime:
        assert content(await runtime.room("r").document("story")).replace("(me)", "") == PASSAGE
        assert "(me)" in content(await runtime.room("r").document("story"))
    records = await log_of(store)
    failed = next(record.seq for record in records if isinstance(record.event, ModelFailed))
    taken_out = next(record for record in records if record.seq > failed and isinstance(record.event, DocumentEdited))
    assert (taken_out.author, taken_out.event) == (
        "plait",
        DocumentEdited("all.0", 1, "c"),
    ) or taken_out.seq == failed + 1


async def test_a_crash_behind_any_record_writes_the_passage_once() -> None:
    """SD7, SD8: whether it comes while the model streams, before the call, or in it."""
    store = MemoryStore()
    async with Runtime(store, [writer(*pieces(11), asked())]) as runtime:
        await runtime.room("r").wait(await runtime.room("r").prompt("Write"))
    whole = await log_of(store)
    for seq in range(1, len(whole)):
        again = await cut(whole, seq)
        async with Runtime(again, [writer(*pieces(11), asked())]) as runtime:
            room = runtime.room("r")
            async for record in room.follow():
                if isinstance(record.event, RunFinished):
                    break
            assert content(await room.document("story")) == PASSAGE, seq
        assert sum(isinstance(record.event, ToolReturned) for record in await log_of(again)) == 1


async def test_a_place_that_does_not_exist_is_told_by_the_call() -> None:
    """SD7: nothing is written while it streams, and the call says why."""
    args = json.dumps({"document": "story", "at": "nonsense", "new": "Some words here."})
    agent = writer(
        ArgumentsChunk("c", "write_text", args), Answered("tool-calls", (ToolCall("c", "write_text", args),))
    )
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        shown = await runtime.room("r").wait(await runtime.room("r").prompt("Write"))
    part = next(part for part in shown["parts"] if part["type"] == "tool")
    assert "is no anchor" in part["error"]
    assert not edits(await log_of(store))


async def test_a_document_over_its_limit_wedges_no_room(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SD3, SD8: deleting may make a document longer in bytes; the attempt's words leave it all the same."""
    monkeypatch.setattr(limits, "DOCUMENT_BYTES", 3000)
    broken = trio.Event()
    fails = ModelError("model-overloaded", "Later.", retry=True)
    agent = writer(*pieces(7)[:9], broken, fails, again=tuple(says("No.")))
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        async with runtime.rooms.use("r") as live:
            tab = FakeTab("story")
            live.join(tab)
            live.step1(tab, b"\x00")
            run = await room.prompt("Write")
            await tab.until("delta")
            live.edit(tab, tab.type("x" * 2500, at=len(tab.text)), step2=False)
            await tab.until("accepted")
            before, text = tab.doc.get_state(), tab.doc.get("content", type=Text)
            with tab.doc.transaction():
                for at in range(len(text) - 1000, len(text) - 100):
                    if at < len(text):
                        del text[at : at + 1]
            live.edit(tab, tab.doc.get_update(before), step2=False)
            await tab.until("accepted", 2)
            assert len(await live.document("story")) > limits.DOCUMENT_BYTES
            broken.set()
            with trio.fail_after(600):
                await room.wait(run)
            assert live.reopened == 0
            assert set(content(await room.document("story"))) == {"x"}
