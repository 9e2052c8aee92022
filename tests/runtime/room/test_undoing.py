"""Undo: one run's or one person's edits alone, after later ones by others, in one update that merges."""

from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.commands import Accept, Reject, Undo
from plait.protocol.errors import OutcomeUnknown, Refused
from plait.protocol.events import EditsUndone, Record
from plait.runtime import Agent, Call, Runtime, tool
from plait.runtime.embed import RoomHandle
from plait.runtime.room import undoing
from plait.runtime.room.preparing import Preparing
from plait.runtime.room.shared import Broken, SharedDocument
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Map, Text, XmlElement, XmlFragment, XmlText

from ..agent.scripted import Scripted, answered, calls, says
from ..agent.test_writing import log_of
from .scene import FakeTab

PARAGRAPH = "A plain paragraph."


def seed(doc: "Doc[Any]") -> None:
    doc.get("content", type=Text).insert(0, f"Title. {PARAGRAPH} End.")
    state = doc.get("state", type=Map)
    state["colour"], state["size"] = "blue", "small"
    children = doc.get("default", type=XmlFragment).children
    for words in ("one", "two"):
        children.append(XmlElement("paragraph", contents=[XmlText(words)]))


def rework(doc: "Doc[Any]") -> None:
    """Replace a paragraph, set map keys, delete a node."""
    text = doc.get("content", type=Text)
    at = str(text).index(PARAGRAPH)
    del text[at : at + len(PARAGRAPH)]
    text.insert(at, "SOMETHING ELSE.")
    state = doc.get("state", type=Map)
    state["colour"], state["size"] = "red", "large"
    del doc.get("default", type=XmlFragment).children[1]


def inside_and_after(doc: "Doc[Any]") -> None:
    """A person types into what the agent wrote, and behind it, and writes one of its keys."""
    text = doc.get("content", type=Text)
    text.insert(str(text).index("THING"), "(mine)")
    text.insert(len(text), " After.")
    doc.get("state", type=Map)["size"] = "huge"


def shown(doc: "Doc[Any]") -> tuple[str, dict[str, Any], str]:
    state: Any = doc.get("state", type=Map).to_py()
    return str(doc.get("content", type=Text)), state, str(doc.get("default", type=XmlFragment))


@tool(effect="idempotent")
async def work(call: Call) -> str:
    """Rework the page."""
    await call.document("page").edit(rework)
    return "done"


def editor() -> Agent:
    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("c", "work", "{}")))
    return Agent("editor", model, tools=[work], title=False)


async def undone_records(store: MemoryStore) -> list[Record]:
    return [record for record in await log_of(store) if isinstance(record.event, EditsUndone)]


async def test_a_run_is_undone_after_a_person_edited_inside_and_after_it_and_a_restart() -> None:
    """UN1, UN2, UN3: text, key and node come back, a person's words stay, and what somebody wrote since is named."""
    store = MemoryStore()
    async with Runtime(store, [editor()]) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("page", seed)
        run = await room.by("ann").prompt("Go")
        await room.wait(run)
        await room.by("ann").edit("page", inside_and_after)
    async with Runtime(store, [editor()]) as runtime:
        room = runtime.room("r")
        async with runtime.rooms.use("r") as live:
            tab = FakeTab("page")
            live.join(tab)
            live.step1(tab, b"\x00")
            await tab.until("step2")

            before = shown(await room.document("page"))
            preview = await room.undo(run, preview=True)
            assert shown(await room.document("page")) == before
            told = await room.by("bob").undo(run, id="u1")
            assert preview == told
            await tab.until("delta")
            expected = (
                f"Title. {PARAGRAPH}(mine) End. After.",
                {"colour": "blue", "size": "huge"},
                "<paragraph>one</paragraph><paragraph>two</paragraph>",
            )
            assert shown(await room.document("page")) == shown(tab.doc) == expected

        person = next(r for r in await log_of(store) if r.author == "ann" and r.document and r.seq > int(run))
        (kept,) = told["documents"]["page"]["kept"]
        assert kept == {"path": ["state"], "key": "size", "by": person.seq}

        assert await room.by("bob").undo(run, id="u1") == told
        with pytest.raises(Refused, match="nothing-to-undo"):
            await room.undo(run)
    (record,) = await undone_records(store)
    assert (record.author, record.document) == ("bob", "page")


async def test_undoing_the_undoing_brings_it_back_and_it_can_be_undone_again() -> None:
    """UN4: what is undone is not undone twice; what was brought back is undone by what brought it back."""
    store = MemoryStore()
    async with Runtime(store, [editor()]) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("page", seed)
        before = shown(await room.document("page"))
        run = await room.prompt("Go")
        await room.wait(run)
        after = shown(await room.document("page"))
        await room.undo(run)
        for _ in range(2):
            (*_, undone) = await undone_records(store)
            await room.undo(records=[undone.seq])
            assert shown(await room.document("page")) == after
            await room.undo(run)
            assert shown(await room.document("page")) == before


async def test_two_who_undo_at_once_undo_once() -> None:
    """UN5: the second is prepared again, and finds nothing that is left to undo."""
    store = MemoryStore()
    answers: list[Any] = []
    async with Runtime(store, [editor()]) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("page", seed)
        before = shown(await room.document("page"))
        run = await room.prompt("Go")
        await room.wait(run)

        async def undo() -> None:
            try:
                answers.append(await room.undo(run))
            except Refused as refused:
                answers.append(refused.code)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(undo)
        assert shown(await room.document("page")) == before
    assert sorted(str(answer) for answer in answers)[:3] == ["nothing-to-undo"] * 3
    assert len(await undone_records(store)) == 1


async def test_a_person_alone_is_undone() -> None:
    """UN1: an author's edits from some record on, in one document or in all."""

    def say(words: str, name: str = "content") -> Any:
        def transform(doc: "Doc[Any]") -> None:
            text = doc.get(name, type=Text)
            text.insert(len(text), words)

        return transform

    async with Runtime(MemoryStore(), []) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("a", say("one "))
        first = runtime.rooms
        async with first.use("r") as live:
            head = live.head
        await room.by("bob").edit("a", say("two "))
        await room.by("ann").edit("a", say("three "))
        await room.by("ann").edit("b", say("four"))
        told = await room.undo(by="ann", after=head, document="a")
        assert set(told["documents"]) == {"a"}
        assert str((await room.document("a")).get("content", type=Text)) == "one two "
        told = await room.undo(by="ann")
        assert set(told["documents"]) == {"a", "b"}
        assert str((await room.document("a")).get("content", type=Text)) == "two "
        assert str((await room.document("b")).get("content", type=Text)) == ""


def prepend(words: str) -> Any:
    return lambda doc: doc.get("content", type=Text).insert(0, words)


async def text_of(room: RoomHandle, document: str) -> str:
    return str((await room.document(document)).get("content", type=Text))


async def test_drafts_are_left_out() -> None:
    """UN1: what was written in a draft, open or closed, is rejected there and not undone; the rest is undone whole."""
    async with Runtime(MemoryStore(), []) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", prepend("base "))
        closed, opened = [await room.by("bob").propose("main") for _ in range(2)]
        for draft in (closed, opened):
            await room.by("bob").edit(draft, prepend("drafted "))
        await room.by("ann").reject(closed, id="no")
        await room.by("bob").edit("main", prepend("bob's "))
        assert list((await room.undo(by="bob"))["documents"]) == ["main"]
        assert await text_of(room, "main") == "base "
        assert await text_of(room, opened) == "drafted base "


async def test_what_breaks_one_document_undoes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """UN6: a CRDT that panics in the second document leaves the first as it was; the same command may be sent again."""
    store = MemoryStore()
    write, names = SharedDocument.write, iter(("", "the second"))

    def breaks(self: SharedDocument, change: Any) -> Any:
        if next(names, ""):
            raise Broken("as a panic")
        return write(self, change)

    async with Runtime(store, []) as runtime:
        room = runtime.room("r")
        for document in ("a", "b"):
            await room.by("bob").edit(document, prepend("bob's "))
        with monkeypatch.context() as patched:
            patched.setattr(SharedDocument, "write", breaks)
            with pytest.raises(OutcomeUnknown):
                await room.undo(by="bob", id="u")
        assert [await text_of(room, document) for document in ("a", "b")] == ["bob's ", "bob's "]
        assert not await undone_records(store)
        assert set((await room.undo(by="bob", id="u"))["documents"]) == {"a", "b"}
        assert [await text_of(room, document) for document in ("a", "b")] == ["", ""]


async def test_one_undo_names_so_many_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """UN1: more than `UNDO_EDITS` are refused before anything is undone, and fewer can be asked for."""
    async with Runtime(MemoryStore(), []) as runtime:
        room = runtime.room("r")
        for document in ("a", "b", "b"):
            await room.by("bob").edit(document, prepend("bob's "))
        monkeypatch.setattr(limits, "UNDO_EDITS", 2)
        with pytest.raises(Refused, match="too-large"):
            await room.undo(by="bob")
        assert await text_of(room, "a") == "bob's "
        assert list((await room.undo(by="bob", document="b"))["documents"]) == ["b"]


async def test_an_edit_and_a_command_of_one_pass_have_different_ids() -> None:
    """RM11, SD4: whichever of the two comes second is refused, also where the first is not on disk yet."""
    async with Runtime(MemoryStore(), []) as runtime:
        room = runtime.room("r")

        async def ask(by: str, told: list[str]) -> None:
            try:
                await (room.edit("a", prepend("x"), id="one") if by == "edit" else room.change(title="Named", id="one"))
                told.append("done")
            except Refused as refused:
                told.append(refused.code)

        for round_ in range(20):
            room, told = runtime.room(f"r{round_}"), list[str]()
            async with runtime.rooms.use(room.name), trio.open_nursery() as nursery:  # Trio shuffles who is first.
                nursery.start_soon(ask, "edit", told)
                nursery.start_soon(ask, "command", told)
            assert sorted(told) == ["done", "id-reused"]


async def test_who_may_not_write_is_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """UN1, DF7: without the right to write nothing is undone, accepted or rejected, and no log is read for it."""

    async def never(*_: Any) -> Any:
        raise AssertionError("it was prepared")

    async with Runtime(MemoryStore(), []) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", lambda doc: doc.get("content", type=Text).insert(0, "base "))
        draft = await room.propose("main")
        async with runtime.rooms.use("r") as live:
            monkeypatch.setattr(Preparing, "_prepare", never)
            for command in (Undo(id="u", author="ann"), Accept(id="a", draft=draft), Reject(id="r", draft=draft)):
                with pytest.raises(Refused, match="not-allowed"):
                    await live.ask(Grant("eve", write=False), command)
            assert live.reopened == 0


async def test_whose_edits_must_be_said() -> None:
    """UN1: of run, author and records exactly one."""
    async with Runtime(MemoryStore(), []) as runtime:
        for run, by in (("", ""), ("000000000001", "ann")):
            with pytest.raises(Refused, match="bad-json"):
                await runtime.room("r").undo(run, by=by)


async def test_a_client_undoes_over_its_socket() -> None:
    """UN2, UN3: the control channel's answer holds what was done, the first time and when asked again."""
    from plait.runtime import connect

    from ..server.test_serving import serving

    async with serving() as url, connect(url.replace("ws", "http"), "r") as room:
        notes = await room.document("notes")
        notes.doc.get("content", type=Text).insert(0, "typed")
        await notes.saved()
        told = await room.undo(by="anonymous", id="u1")
        assert told == await room.undo(by="anonymous", id="u1")
        assert len(told["documents"]["notes"]["records"]) == 1
        with pytest.raises(Refused, match="nothing-to-undo"):
            await room.undo(by="anonymous", preview=True)


async def test_a_panic_of_the_crdt_is_a_refusal(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UN7: the undo manager of yrs panics at some histories; the room, and everybody in it, goes on."""

    class PanicException(BaseException):
        """As pyo3 calls it, whose own cannot be imported."""

    def panic(manager: Any) -> bool:
        raise PanicException("mid > len")

    async with Runtime(MemoryStore(), [Agent("echo", "echo")]) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("notes", seed)
        with monkeypatch.context() as patch:
            patch.setattr(undoing, "UndoManager", lambda **_: type("Manager", (), {"undo": panic})())
            with pytest.raises(Refused) as refused:
                await room.by("ann").undo(by="ann", document="notes", id="u1")
        assert refused.value.code == "nothing-to-undo"
        assert await room.by("ann").undo(by="ann", document="notes", id="u2")
