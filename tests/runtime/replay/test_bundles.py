"""Bundles: a room's log goes out and comes in whole, under the same hashes, and nothing else comes in."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from plait.protocol import limits
from plait.protocol.errors import Refused
from plait.protocol.events import RoomChanged, RoomImported
from plait.runtime import Runtime
from plait.runtime.cli.verify import check
from plait.runtime.replay.moment import moment
from plait.storage import Masters, MemoryStore, open_store

from .bundled import NOW, bundle_of, described, imported, lines, lived


async def test_a_room_goes_out_and_comes_in() -> None:
    """BU1, BU2: the same records under the same hashes, the same documents and files, in either engine."""
    store = MemoryStore()
    await lived(store)
    head, was = await store.head("office"), await lines(store, "office")
    data, manifest = await described(store)
    assert (manifest.seq, manifest.hash, manifest.lineage) == (head.seq, head.hash.hex(), head.lineage)
    async with open_store("sqlite:///:memory:") as other:
        for there in (MemoryStore(), other):
            done = await imported(there, data)
            assert (done.room, done.records, done.stopped, done.again) == ("office", head.seq, 0, False)
            assert (await lines(there, "office"))[:-1] == was
            (last,) = await there.read("office", head.seq)
            assert last.event == RoomImported("office", head.lineage, head.hash)
            assert (last.author, last.time, last.epoch) == ("eve", NOW, head.epoch + 1)
            now = await there.head("office")
            assert now.lineage not in ("", head.lineage)
            verdict = await check(there, now, lambda _: None)
            assert (verdict.bad, verdict.seq) == (None, head.seq + 1)
            assert await there.blobs_of("office") == await store.blobs_of("office")
            (listed,) = (await there.rooms()).rooms
            assert (listed.about.title, listed.head) == ("Fruit", now)
            then, here = await moment(store, "office", head.seq), await moment(there, "office", head.seq)
            assert then.documents == here.documents == ["main", "notes"]
            for name in ("", "main", "notes"):
                assert then.document(name).get_update() == here.document(name).get_update()


async def test_the_same_log_gives_the_same_bytes() -> None:
    """BU1: whichever engine holds it, with snapshots or without, and after it was read from a bundle."""
    store = MemoryStore()
    await lived(store)
    data = await bundle_of(store)
    assert await bundle_of(store) == data
    assert await bundle_of(store, by="eve") != data
    async with open_store("sqlite:///:memory:") as one, open_store("sqlite:///:memory:") as other:
        await imported(one, data)
        await imported(other, data)
        first = (await described(one))[1]
        again = (await described(other))[1]
        assert (first.hash, first.documents, first.blobs) == (again.hash, again.documents, again.blobs)


async def test_once() -> None:
    """BU4: the same bundle again does nothing, also when the room has gone on; another room stays as it is."""
    store, there = MemoryStore(), MemoryStore()
    await lived(store)
    data = await bundle_of(store)
    await imported(there, data)
    async with Runtime(there) as runtime:
        await runtime.room("office").by("ann").change(title="Mine")
    head = await there.head("office")
    again = await imported(there, data)
    assert (again.again, again.room) == (True, "office")
    assert await there.head("office") == head
    with pytest.raises(Refused, match="room-taken"):
        await imported(store, data)
    assert (await imported(there, data, name="other")).room == "other"
    await there.delete("office")
    with pytest.raises(Refused, match="deleted"):
        await imported(there, data)


async def test_an_imported_room_goes_on() -> None:
    """BU2: it opens, is written in under ids of its own, and can be exported again."""
    store, there = MemoryStore(), MemoryStore()
    await lived(store)
    await imported(there, await bundle_of(store), name="copy")
    async with Runtime(there) as runtime, Runtime(store) as origin:
        for room in (runtime.room("copy"), origin.room("office")):
            await room.by("ann").change(title="On")
            await room.by("ann").seed("fresh", b"New", "text")
        assert (await runtime.room("copy").about())["title"] == "On"
    clients = {
        name: (await moment(at, name, (await at.head(name)).seq)).state.closed
        for at, name in ((there, "copy"), (store, "office"))
    }
    assert clients["copy"] is not None
    assert clients["office"] is not None
    assert clients["copy"].client != clients["office"].client
    once_more = MemoryStore()
    done = await imported(once_more, await bundle_of(there, "copy"))
    assert done.room == "copy"
    assert (await lines(once_more, "copy"))[:-1] == await lines(there, "copy")
    events = [type(record.event) for record in await once_more.read("copy")]
    assert events.count(RoomImported) == 2
    assert RoomChanged in events


@pytest.mark.parametrize("keys", [None, Masters([bytes(32)])])
async def test_an_import_that_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Masters | None) -> None:
    """BU2, BU11: what a killed process leaves is a store with the room or without it, and with nothing of it otherwise;
    an encrypted store never holds a word of it in the clear."""
    monkeypatch.setattr(limits, "PAGE_RECORDS", 5)
    store = MemoryStore()
    await lived(store)
    data, manifest = await described(store)
    here = tmp_path / "here"
    here.mkdir()
    url = f"sqlite:///{here / 'plait.db'}"
    cuts: list[Path] = []

    def cut() -> None:
        cuts.append(tmp_path / str(len(cuts)))
        shutil.copytree(here, cuts[-1])

    async with open_store(url, keys=keys, inline=True) as there:
        engine = there._under  # type: ignore[union-attr]
        commit = engine.commit
        monkeypatch.setattr(engine, "commit", lambda jobs: (cut(), commit(jobs), cut())[1])
        await imported(there, data)
        assert (await lines(there, "office"))[:-1] == await lines(store, "office")
    states: list[int] = []
    for folder in cuts:
        left = b"".join(file.read_bytes() for file in folder.iterdir())
        assert keys is None or (b"Plums" not in left and b"Secret figs" not in left)
        async with open_store(f"sqlite:///{folder / 'plait.db'}", keys=keys, inline=True) as after:
            head = await after.head("office")
            states.append(head.seq)
            assert await after.room_names() == (["office"] if head.seq else [])
            if not head.seq:
                with sqlite3.connect(folder / "plait.db") as connection:
                    assert connection.execute("SELECT count(*) FROM records").fetchone() == (0,)
                await imported(after, data)
            assert (await lines(after, "office"))[:-1] == await lines(store, "office")
    assert set(states) == {0, manifest.seq + 1}
