"""A tab whose history is another one: it is sent away, keeps its text, and nobody's document is doubled."""

import json
import shutil
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from plait.protocol.errors import Refused
from plait.runtime import connect
from pycrdt import Text

from tests.clients.node_tab import NodeTab, node_tab

from .serving import ServerProcess, serving


@pytest.fixture
async def written(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server with an agent that makes the calls which its prompt lists."""
    async with serving(tmp_path, arguments=["--agent", "tests.end_to_end.scribe:scribe"]) as running:
        yield running


async def _write(server: ServerProcess, text: str, command: str) -> None:
    """Have the agent write at the end of the document, under a client id of the server."""
    call = ("insert_text", {"new": text, "at": "end", "document": "notes"})
    asked = {"id": command, "do": "prompt", "agent": "scribe", "text": json.dumps([call])}
    status, answer = await server.post("/api/rooms/pad/commands", asked)
    assert status == 200, answer


def _delete(server: ServerProcess) -> int:
    asked = urllib.request.Request(f"{server.url}/api/rooms/pad", method="DELETE")
    with urllib.request.urlopen(asked) as answer:
        return answer.status


def _copied(here: Path, there: Path) -> None:
    """Put a database in another's place, with what its log before the checkpoint says."""
    for name in ("plait.db", "plait.db-wal", "plait.db-shm"):
        (there / name).unlink(missing_ok=True)
        if (here / name).exists() and not name.endswith("-shm"):
            shutil.copy(here / name, there)


async def _sent_away(tab: NodeTab, code: int, text: str) -> None:
    """The tab was closed with the code, stays away, and holds its text for a person to copy, what it has and the room
    has not included."""
    await tab.wait_closed(code)
    look = await tab.look()
    assert not look["trying"]
    assert not look["pending"]
    assert await tab.text() == text
    await tab.append(" And I write on.")
    assert await tab.text() == f"{text} And I write on."


async def test_a_database_restored_from_an_older_copy(written: ServerProcess, tmp_path: Path) -> None:
    """ET9: a tab that saw what the copy has not is told 4409 and keeps all of it; the room is what the copy says."""
    docs = f"{written.ws}/docs"
    async with node_tab(docs, "pad/notes") as tab:
        await tab.wait_synced()
        await tab.insert(0, "Mine.")
        await _write(written, " Before.", "c1")
        await tab.wait_text("Mine. Before.")
        await written.kill()
        copy = tmp_path / "copy"
        copy.mkdir()
        _copied(tmp_path, copy)
        await written.start()
        await _write(written, " After.", "c2")
        await tab.wait_text("Mine. Before. After.")
        await written.kill()
        _copied(copy, tmp_path)
        await written.start()
        await _sent_away(tab, 4409, "Mine. Before. After.")
        async with node_tab(docs, "pad/notes") as fresh:
            await fresh.wait_text("Mine. Before.")


async def test_another_server_under_the_same_name(written: ServerProcess, tmp_path: Path) -> None:
    """ET9: a page that is led to a server with another history of the room brings nothing of its own there, and what it
    holds can be written again by hand."""
    async with node_tab(f"{written.ws}/docs", "pad/notes") as tab:
        await tab.wait_synced()
        await _write(written, "The agent's words.", "c1")
        await tab.wait_text("The agent's words.")
        await written.kill()
        for path in list(tmp_path.glob("plait.db*")):  # noqa: ASYNC240
            path.unlink()
        await written.start()
        await _sent_away(tab, 4409, "The agent's words.")
        assert await written.records("pad") == []
        async with node_tab(f"{written.ws}/docs", "pad/notes") as again:
            await again.wait_synced()
            await again.insert(0, await tab.text())
            await again.wait_acked()


@pytest.mark.parametrize("kind", ["y-websocket-2", "@hocuspocus/provider-3", "@hocuspocus/provider", "@y-sweet/client"])
async def test_other_providers_keep_their_text(written: ServerProcess, tmp_path: Path, kind: str) -> None:
    """ET9, HP9: those that come back for ever, or are denied one document of their socket: nothing of theirs is taken,
    and all of it stays with them, also what is typed after."""
    hocuspocus = kind.startswith("@hocuspocus")
    where = f"{written.ws}{'/hocuspocus' if hocuspocus else '/docs'}"
    async with node_tab(where, "pad/notes", kind=kind) as tab:
        await tab.wait_synced()
        await tab.insert(0, "Mine.")
        await tab.wait_acked()
        await _write(written, " The agent's words.", "c1")
        await tab.wait_text("Mine. The agent's words.")
        await written.kill()
        for path in list(tmp_path.glob("plait.db*")):  # noqa: ASYNC240
            path.unlink()
        await written.start()
        if hocuspocus:
            assert await tab.ask("wait_denied") == "lineage-changed"
        else:
            await tab.wait_closed(4409)
        await tab.append(" And I write on.")
        async with node_tab(f"{written.ws}/docs", "pad/notes") as fresh:
            await fresh.wait_synced()
            await fresh.insert(0, "New.")
            await fresh.wait_acked()
            assert await fresh.text() == "New."
        assert await tab.text() == "Mine. The agent's words. And I write on."
        assert [record["author"] for record in await written.records("pad")] == ["anonymous"]


async def test_the_python_client_keeps_its_text(written: ServerProcess, tmp_path: Path) -> None:
    """ET9, CC15: whoever waits is told `lineage-changed`, what was written unsaved included can be read, and nothing of
    it is taken by the other history."""
    async with connect(written.ws, "pad") as room:
        notes = await room.document("notes")
        await notes.synced()
        text = notes.doc.get("content", type=Text)
        with notes.edit():
            text += "Mine."
        await notes.saved()
        await _write(written, " The agent's words.", "c1")
        while str(text) != "Mine. The agent's words.":
            await notes.changed()
        await written.kill()
        for path in list(tmp_path.glob("plait.db*")):  # noqa: ASYNC240
            path.unlink()
        with notes.edit():
            text += " Unsaved."
        await written.start()
        with trio.fail_after(60), pytest.raises(Refused, match="lineage-changed"):
            await notes.saved()
        assert str(text) == "Mine. The agent's words. Unsaved."
        assert await written.records("pad") == []


async def test_a_deleted_room(written: ServerProcess) -> None:
    """ET10: a tab of a deleted room is told 4404, stays away and keeps its text; the room stays deleted."""
    docs = f"{written.ws}/docs"
    async with node_tab(docs, "pad/notes") as tab, node_tab(docs, "pad/notes") as offline:
        for each in (tab, offline):
            await each.wait_synced()
        await tab.insert(0, "Mine.")
        await tab.wait_acked()
        await offline.wait_text("Mine.")
        await offline.disconnect()
        assert await trio.to_thread.run_sync(_delete, written) == 204
        await _sent_away(tab, 4404, "Mine.")
        await offline.append(" More.")
        await offline.connect()
        await _sent_away(offline, 4404, "Mine. More.")
