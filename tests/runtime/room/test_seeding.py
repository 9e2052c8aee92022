"""A document begins with a file: once, whoever asks, however often, and in whatever process."""

from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol.errors import OutcomeUnknown, Refused
from plait.protocol.events import DocumentSeeded
from plait.protocol.porting import export
from plait.protocol.update import decode_state_vector
from plait.runtime import Runtime
from plait.runtime.room.identity import server_tag
from plait.runtime.room.seeding import Seeded, Written
from plait.storage import open_store
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from .scene import FakeTab, rooms, watching
from .test_documents import written

PLAN = b"# Plan\n\n- eat\n- sleep\n"


async def test_a_seeding_is_one_record() -> None:
    """IO6: format, digest, root and the exact update, which is what the tabs are sent."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        handle = runtime.room("r")
        async with runtime.rooms.use("r") as room:
            tab = await watching(room, "notes")
            seeded = await handle.by("ann").seed("notes", b"words", "text")
            await tab.until("delta")
            assert tab.text == "words"
        (record,) = [record for record in await store.read("r") if record.document]
        assert record.event == seeded.event == DocumentSeeded("text", seeded.event.digest, "content")
        assert (record.seq, record.author, record.update) == (seeded.seq, "ann", tab.seen[-1])
        assert len(seeded.event.digest) == 64


async def test_what_a_tab_types_in_the_same_pass_comes_first() -> None:
    """IO8: a document in which somebody has written is not seeded, also if that was a moment ago."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room, "notes")
        room.edit(tab, tab.type("mine"), step2=False)
        with pytest.raises(Refused) as refused:
            await room.seed("ann", "notes", DocumentSeeded("text", "0" * 64, "content"), b"words")
        assert refused.value.code == "already-seeded"
        assert tab.text == "mine"
        assert len(await store.read("r")) == 1


async def test_the_same_again_is_the_first(tmp_path: Path) -> None:
    """IO7: asked twice at once, by somebody else, after people wrote on, and after a restart."""
    url = f"sqlite:///{tmp_path}/plait.db"
    found: list[Seeded] = []

    async def seed(runtime: Runtime, author: str) -> None:
        found.append(await runtime.room("r").by(author).seed("notes", PLAN, "markdown", root="default"))

    async with open_store(url) as store, Runtime(store) as runtime:
        async with trio.open_nursery() as nursery:
            for n in range(8):
                nursery.start_soon(seed, runtime, f"tab{n}")
        await runtime.room("r").edit("notes", lambda doc: doc.get("more", type=Text).insert(0, "on") or None)
        await seed(runtime, "late")
    async with open_store(url) as store, Runtime(store) as runtime:
        await seed(runtime, "later")
        assert sum(seeded.fresh for seeded in found) == 1
        assert len({(seeded.seq, seeded.author) for seeded in found}) == 1
        assert await runtime.room("r").export("notes", "markdown", root="default") == PLAN
        assert sum(isinstance(record.event, DocumentSeeded) for record in await store.read("r")) == 1


async def test_two_processes() -> None:
    """IO8: two runtimes over one store, each with the room awake, seed at once: one document, whoever is told what."""
    store = MemoryStore()
    async with Runtime(store) as one, Runtime(store) as two:
        found: list[Seeded] = []

        async def seed(runtime: Runtime) -> None:
            while len(found) < 2:
                try:
                    found.append(await runtime.room("r").seed("notes", b"words", "text"))
                    return
                except OutcomeUnknown:
                    await trio.lowlevel.checkpoint()

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(seed, one)
                nursery.start_soon(seed, two)
        assert found[0].seq == found[1].seq
    async with Runtime(store) as later:
        assert await later.room("r").export("notes", "text") == b"words"
        assert sum(isinstance(record.event, DocumentSeeded) for record in await store.read("r")) == 1


async def test_another_file_is_refused() -> None:
    """IO8: other bytes, another format or root, a document that a person began; nothing is written."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        handle = runtime.room("r")
        await handle.seed("notes", b"words", "text")
        await handle.edit("typed", lambda doc: doc.get("content", type=Text).insert(0, "mine") or None)
        before = await store.read("r")
        for name, data, format_, root in (
            ("notes", b"other words", "text", ""),
            ("notes", b"words", "markdown", ""),
            ("notes", b"words", "text", "body"),
            ("typed", b"mine", "text", ""),
        ):
            with pytest.raises(Refused) as refused:
                await handle.seed(name, data, format_, root=root)  # type: ignore[arg-type]
            assert refused.value.code == "already-seeded"
        assert await store.read("r") == before


async def test_an_update_is_judged_like_an_edit() -> None:
    """IO4, IO9: its ids stay and are its author's; what a tab might not write is refused whole."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        from plait.protocol.porting import seeding

        async def seed(name: str, update: bytes, author: str = "ann") -> Seeded:
            return await room.seed(author, name, seeding(update, "update"), update)

        first, second = written(7, "one ", "two ")
        await seed("notes", first)
        update = await room.document("notes")
        assert decode_state_vector(Doc[Any]().get_state()) == {}
        assert export(update, "update") == first
        server = written(server_tag("r") << 32 | 5, "forged")[0]
        for author, name, bad, code in (
            ("eve", "eves", first, "update-foreign"),
            ("ann", "served", server, "update-foreign"),
            ("ann", "half", second, "update-incomplete"),
            ("ann", "rubbish", b"\xff" * 9, "bad-update"),
            ("ann", "empty", b"", "bad-update"),
        ):
            with pytest.raises(Refused) as refused:
                await seed(name, bad, author)
            assert refused.value.code == code
        assert await room.documents() == [Written("notes", len(first))]
        assert (await store.head("r")).seq == 1


async def test_refused_beside_a_tab() -> None:
    """IO9: a document that a tab watches is left alone when a file is refused; its tab goes on writing."""
    store = MemoryStore()
    async with Runtime(store) as runtime, runtime.rooms.use("r") as room:
        tab: FakeTab = await watching(room, "notes")
        with pytest.raises(Refused):
            await runtime.room("r").seed("notes", b"\xff", "text")
        room.edit(tab, tab.type("mine"), step2=False)
        await tab.until("accepted")
        assert await runtime.room("r").export("notes", "text") == b"mine"


async def test_an_empty_file(tmp_path: Path) -> None:
    """IO6, IO7: a file of nothing is a seeding too, also after a restart, and people write on in it."""
    url = f"sqlite:///{tmp_path}/plait.db"
    for fresh in (True, False):
        async with open_store(url) as store, Runtime(store) as runtime:
            assert (await runtime.room("r").seed("notes", b"", "text")).fresh is fresh
    async with open_store(url) as store, Runtime(store) as runtime:
        await runtime.room("r").edit("notes", lambda doc: doc.get("content", type=Text).insert(0, "on") or None)
        assert await runtime.room("r").export("notes", "text") == b"on"


async def test_an_edit_under_an_id_may_change_nothing() -> None:
    """SD4: it happens once all the same, and its record holds no update."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        for _ in range(2):
            assert await runtime.room("r").edit("notes", lambda doc: 5, id="look") == 5
        assert [record.update for record in await store.read("r")] == [b""]
