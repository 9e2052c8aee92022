"""What deleting leaves on disk: nothing, whatever happens in between."""

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
import trio
from plait.protocol import limits
from plait.protocol.errors import OutcomeUnknown
from plait.storage import About, RoomDeleted, Snapshot, StoreError, open_store, sqlite, verify
from plait.storage.jobs import PurgeJob

from .logs import append, name_of, record

ROOT = Path(__file__).parents[2]
SECRET = b"a secret that nobody may find"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def contents(folder: Path) -> list[bytes]:
    """What all files there hold."""
    return [file.read_bytes() for file in folder.iterdir()]


def counted(path: Path) -> dict[str, int]:
    """How many rows each table holds."""
    tables = ("rooms", "records", "snapshots", "blobs", "blob_data", "blob_uses")
    with closing(sqlite3.connect(path)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


async def make(path: Path, records: int = 3) -> None:
    """A room `r` with a secret everywhere, and a room `s` beside it."""
    async with open_store(url_of(path)) as store:
        await store.put_blob(SECRET * 500, "text/plain")
        about = About(SECRET.decode(), {"k": SECRET.decode()})
        made = [record(n + 1, SECRET.decode(), update=SECRET * 100) for n in range(records)]
        await store.append(append("r", 0, *made, about=about, open_runs=1, blobs=(name_of(SECRET * 500),)))
        for size in (100, 300):
            await store.save_snapshot("r", Snapshot(records, size, SECRET * size))
        await store.append(append("s", 0))


async def test_nothing_is_left_in_the_files(tmp_path: Path) -> None:
    """ST48: a deleted room's bytes are overwritten, not only let go: neither the database nor its WAL holds them."""
    path = tmp_path / "plait.db"
    await make(path)
    assert SECRET in path.read_bytes()
    async with open_store(url_of(path)) as store:
        assert await store.delete("r")
    assert counted(path) == {"rooms": 2, "records": 1, "snapshots": 0, "blobs": 0, "blob_data": 0, "blob_uses": 0}
    assert SECRET not in b"".join(contents(tmp_path))


@pytest.mark.parametrize("parts", [0, 1, 2, 4])
async def test_a_crash_between(tmp_path: Path, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """ST47: a room whose deletion was cut is deleted; what is left of it goes when the store is opened again."""
    path = tmp_path / "plait.db"
    await make(path, 2 * limits.PAGE_RECORDS + 1)
    done = 0

    def cut(room: str) -> PurgeJob:
        nonlocal done
        done += 1
        if done > parts:
            raise StoreError("the process died, as this test asked")
        return PurgeJob(room)

    monkeypatch.setattr(sqlite, "PurgeJob", cut)
    async with open_store(url_of(path)) as store:
        with pytest.raises(StoreError, match="died"):
            await store.delete("r")
        assert (await store.head("r")).deleted
        with pytest.raises(RoomDeleted):
            await store.read("r")
        with pytest.raises(RoomDeleted):
            await store.append(append("r", 2 * limits.PAGE_RECORDS + 1))
    monkeypatch.undo()
    assert counted(path)["records"] == 1 + max(0, 2 * limits.PAGE_RECORDS + 1 - parts * limits.PAGE_RECORDS)
    async with open_store(url_of(path)) as store:
        assert await store.delete("r") is False
        assert len(await store.read("s")) == 1
    assert counted(path) == {"rooms": 2, "records": 1, "snapshots": 0, "blobs": 0, "blob_data": 0, "blob_uses": 0}


async def test_asking_again_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ST47: a deletion that failed half-way is gone on with by whoever asks again."""
    path = tmp_path / "plait.db"
    await make(path)

    def lost(room: str) -> PurgeJob:
        raise OutcomeUnknown("the answer was lost, as this test asked")

    async with open_store(url_of(path)) as store:
        monkeypatch.setattr(sqlite, "PurgeJob", lost)
        with pytest.raises(OutcomeUnknown):
            await store.delete("r")
        monkeypatch.undo()
        assert await store.delete("r") is True
        assert await store.delete("r") is False
    assert counted(path)["records"] == 1


DELETING = """
    import sys, trio
    from plait.storage import open_store
    from tests.storage.logs import append, name_of, record

    async def main():
        async with open_store(sys.argv[1]) as store:
            for number in range(1000):
                room = f"r{number}"
                await store.put_blob(b"blob of %d" % number, "text/plain")
                blobs = (name_of(b"blob of %d" % number),)
                await store.append(append(room, 0, *(record(n + 1) for n in range(600)), blobs=blobs))
                print("made", room, flush=True)
                await store.delete(room)
                print("deleted", room, flush=True)

    trio.run(main)
"""


@pytest.mark.parametrize("lines", [1, 2, 7, 8, 30])
def test_killed_while_deleting(tmp_path: Path, lines: int) -> None:
    """ST47: after kill -9 a room is whole or deleted; if it was said to be deleted it is, and nothing of it is left."""
    path = tmp_path / "plait.db"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DELETING), url_of(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline().split() for _ in range(lines)]
        child.kill()
        said += [line.split() for line in child.stdout]

    async def check() -> None:
        async with open_store(url_of(path)) as store:
            for what, room in said:
                head = await store.head(room)
                assert head.seq == 600
                assert head.deleted or what == "made"
            whole = await store.room_names()
            assert len(whole) <= 1
            for room in whole:
                sealed = [*await store.sealed(room), *await store.sealed(room, 500)]
                assert (len(sealed), verify(sealed)) == (600, None)
                assert len(await store.blobs_of(room)) == 1
        rows = counted(path)
        assert rows["records"] == 600 * len(whole)
        assert rows["blobs"] == rows["blob_data"] <= len(whole) + 1  # One may have been put and not referred to yet.

    trio.run(check)
