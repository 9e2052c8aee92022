"""Every published provider against the real server, each beside another kind on the same document."""

import base64
from contextlib import AbstractAsyncContextManager
from typing import Any

import pycrdt
import pytest
import trio

from tests.clients.node_tab import NodeTab, many_documents, node_tab

from .asking import prompt
from .serving import ServerProcess

OLD = ["y-websocket-1", "y-websocket-2"]
HOCUSPOCUS = ["@hocuspocus/provider-3", "@hocuspocus/provider"]
KINDS = [*OLD, "y-websocket", *HOCUSPOCUS, "@y-sweet/client"]


def tab_of(kind: str, server: ServerProcess, document: str, **more: Any) -> AbstractAsyncContextManager[NodeTab]:
    """A tab with that provider on a shared document."""
    path = "/hocuspocus" if kind in HOCUSPOCUS else "/docs"
    return node_tab(f"{server.ws}{path}", document, kind=kind, **more)


def other_than(kind: str) -> str:
    """A provider of another family, and each in its turn."""
    return "@hocuspocus/provider" if kind not in HOCUSPOCUS else "y-websocket"


async def text_by_log(server: ServerProcess, room: str, document: str) -> str:
    """The text that the stored updates alone give."""
    doc = pycrdt.Doc()
    text = doc.get("content", type=pycrdt.Text)
    for record in await server.records(room):
        if record["document"] == document and record["update"]:
            doc.apply_update(base64.b64decode(str(record["update"])))
    return str(text)


@pytest.mark.parametrize("kind", KINDS)
async def test_it_writes_with_another_kind(server: ServerProcess, kind: str) -> None:
    """HP15, YS3, EE40: two providers of different kinds converge, a third that comes later (a reload) shows the same,
    and what was written offline merges."""
    async with tab_of(kind, server, "pad/notes") as one, tab_of(other_than(kind), server, "pad/notes") as two:
        await one.wait_synced()
        await two.wait_synced()
        await one.insert(0, "one ")
        await two.wait_text("one ")
        await two.append("two ✓")
        await one.wait_text("one two ✓")
        async with tab_of(kind, server, "pad/notes") as reloaded:
            await reloaded.wait_text("one two ✓")
        await one.disconnect()
        await one.wait_disconnected()
        await one.delete(0, 4)
        await two.append(" 🙂")
        await one.connect()
        await one.wait_text("two ✓ 🙂")
        await two.wait_text("two ✓ 🙂")
        await one.wait_acked()
    assert await text_by_log(server, "pad", "notes") == "two ✓ 🙂"


@pytest.mark.parametrize("kind", KINDS)
async def test_it_sees_who_is_there(server: ServerProcess, kind: str) -> None:
    """HP15, YS3, EE40: presence goes both ways between kinds, and goes when the tab goes."""
    async with tab_of(other_than(kind), server, "pad") as two:
        await two.wait_synced()
        await two.set_presence({"name": "two"})
        async with tab_of(kind, server, "pad") as one:
            await one.wait_presence("name", "two")
            await one.set_presence({"name": "one"})
            await two.wait_presence("name", "one")
            await one.vanish()
            await two.wait_peers(1)


@pytest.mark.parametrize("kind", ["y-websocket-1", *HOCUSPOCUS, "@y-sweet/client"])
async def test_it_survives_a_kill(server: ServerProcess, kind: str) -> None:
    """HP15, YS3, EE40: after kill -9 and a restart on the same port it comes back by itself; nothing acked is lost,
    nothing is doubled."""
    marks: list[str] = []

    async def type_on(tab: NodeTab, stop: trio.Event) -> None:
        while not stop.is_set():
            mark = f"<{len(marks)}>"
            marks.append(mark)
            await tab.insert(0, mark)

    async with tab_of(kind, server, "pad/notes") as one, tab_of(other_than(kind), server, "pad/notes") as two:
        await one.wait_synced()
        await two.wait_synced()
        for _ in range(2):
            stop = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(type_on, one, stop)
                nursery.start_soon(type_on, two, stop)
                await one.wait_acked((await one.look())["acked"] + 200)
                await server.kill()
                acked = (await one.look())["acked"]
                stop.set()
            await server.start()
            await one.wait_pieces(marks, within_s=60)
            await two.wait_pieces(marks, within_s=60)
            await one.wait_acked()
            assert (await one.look())["acked"] >= acked
        if kind not in ("y-websocket-1",):
            await one.wait_saved()
        text = await one.text()
        assert text == await two.text() == await text_by_log(server, "pad", "notes")
        assert len(text) == sum(map(len, marks))


@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_a_deploy(server: ServerProcess, kind: str) -> None:
    """HP9, HP15: SIGTERM closes the socket with 1012, and the provider comes back."""
    async with tab_of(kind, server, "pad") as tab:
        await tab.wait_synced()
        await tab.insert(0, "before")
        await tab.wait_saved()
        assert await server.terminate() == 0
        await tab.wait_closed(1012)
        await tab.append(" and after")
        await server.start()
        await tab.wait_saved()
    assert await text_by_log(server, "pad", "main") == "before and after"


@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_the_room_document(server: ServerProcess, kind: str) -> None:
    """HP6: a provider on `rooms/ROOM` shows runs; it is told that it may only read, and what it writes nobody sees."""
    async with many_documents(f"{server.ws}/hocuspocus", kind) as tab, node_tab(f"{server.ws}/rooms", "pad") as stock:
        await tab.ask("attach", document="room", name="rooms/pad")
        await tab.ask("wait_saved", document="room")
        assert await tab.ask("scope", document="room") == "readonly"
        await prompt(server, "pad", "Hello there")
        await stock.wait_runs(1, "done")
        await tab.ask("wait_runs", document="room", count=1)
        await tab.ask("overwrite_runs", document="room")
        await tab.ask("wait_status", status=0)
        look = await tab.ask("look")
        assert look["documents"]["room"]["unsynced"] == 1
        assert look["documents"]["room"]["authenticated"]
        assert len(await stock.runs()) == 1


@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_three_documents_on_one_socket(server: ServerProcess, kind: str) -> None:
    """HP8, HP15: three documents share a socket; one is closed and comes again, and the others never notice."""
    async with (
        many_documents(f"{server.ws}/hocuspocus", kind) as tab,
        tab_of("y-websocket", server, "pad") as main,
        tab_of("y-websocket", server, "pad/notes") as notes,
    ):
        for name in ("pad", "pad/notes", "other/deep/er"):
            await tab.ask("attach", document=name, name=name)
        for name in ("pad", "pad/notes", "other/deep/er"):
            await tab.ask("insert", document=name, at=0, text=name)
            await tab.ask("wait_saved", document=name)
        await main.wait_text("pad")
        await notes.wait_text("pad/notes")
        await tab.ask("detach", document="pad/notes")
        await notes.wait_peers(1)
        await notes.append(" more")
        await main.append("!")
        await tab.ask("wait_text", document="pad", equals="pad!")
        assert await tab.ask("text", document="pad/notes") == "pad/notes"
        await tab.ask("reattach", document="pad/notes")
        await tab.ask("wait_text", document="pad/notes", equals="pad/notes more")
        assert (await tab.ask("look"))["opened"] == 1


async def test_two_sessions_of_one_document(server: ServerProcess) -> None:
    """HP2, HP15: 4.x puts two providers of one document on one socket by session; each has the other's edits."""
    async with many_documents(f"{server.ws}/hocuspocus") as tab:
        for name in ("one", "two"):
            await tab.ask("attach", document=name, name="pad", session=True)
            await tab.ask("wait_saved", document=name)
        await tab.ask("insert", document="one", at=0, text="hello")
        await tab.ask("wait_text", document="two", equals="hello")
        await tab.ask("wait_peers", document="two", count=2)
        await tab.ask("destroy", document="one")
        await tab.ask("wait_peers", document="two", count=1)


@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_a_bad_name_and_a_forced_sync(server: ServerProcess, kind: str) -> None:
    """HP2, HP4, HP10: a bad name is denied by its code while its neighbour works on, which may ask to sync again at any
    time; a stateless message disturbs nobody."""
    async with many_documents(f"{server.ws}/hocuspocus", kind) as tab:
        await tab.ask("attach", document="bad", name="docs/x")
        await tab.ask("attach", document="good", name="pad")
        assert await tab.ask("wait_denied", document="bad") == "bad-name"
        await tab.ask("insert", document="bad", at=0, text="lost")
        for n in range(3):
            await tab.ask("send_stateless", document="good", payload="to nobody")
            await tab.ask("insert", document="good", at=0, text=str(n))
            await tab.ask("force_sync", document="good")
        await tab.ask("wait_saved", document="good")
        look = await tab.ask("look")
        assert look["opened"] == 1
        assert look["documents"]["good"]["unsynced"] == 0
    assert await text_by_log(server, "pad", "main") == "210"
