"""The hash chain finds every kind of damage, down to the column."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import trio
from msgspec import structs
from plait.protocol import limits
from plait.storage import MemoryStore, Sealed, Snapshot, StoreCorrupt, chain, open_store, verify
from plait.storage.tables import records

from .logs import append, record

LENGTH = 5

TAMPERED: dict[str, object] = {
    "room_id": 99,
    "seq": 33,
    "time": 1,
    "author": "mallory",
    "run": "000000000666",
    "epoch": 66,
    "document": "elsewhere",
    "kind": "run-finished",
    "record_id": "forged#0",
    "asked": b"x" * 32,
    "body": b"\x81\xa4type\xabrun-started",
    "update": b"\x00\x01",
    "body_hash": bytes(32),
    "hash": bytes(32),
    "grant_id": "another",
}
"""What somebody writes into each column of record 3; every column but `pos`, which means nothing."""


async def sealed_log() -> list[Sealed]:
    store = MemoryStore()
    await store.append(append("r", 0, *(record(n + 1, f"word {n}", update=b"u") for n in range(LENGTH))))
    return await store.sealed("r")


def made(path: Path) -> str:
    """A database of one room with LENGTH records; its URL."""
    url = f"sqlite:///{path}"

    async def make() -> None:
        async with open_store(url) as store:
            await store.append(append("r", 0, *(record(n + 1, update=b"u") for n in range(LENGTH))))

    trio.run(make)
    return url


def test_a_grant_is_sealed_and_none_is_as_ever() -> None:
    """AU3: the header holds a grant's id behind all that it ever held, and where there is none it is as it ever was."""
    bare = record(1)
    columns = (1, bare.time, bare.author, bare.run, 1, "", None, None, "text-streamed")
    assert chain.leaf(bare).header == msgspec.msgpack.encode(columns)
    assert chain.leaf(structs.replace(bare, grant="g-1")).header == msgspec.msgpack.encode((*columns, "g-1"))


def test_every_column_is_tried() -> None:
    """ST6: a column that is added later must be covered as well, or said to mean nothing."""
    assert set(TAMPERED) == {column.name for column in records.c} - {"pos"}


@pytest.mark.parametrize("column", TAMPERED)
def test_a_tampered_column_is_found(tmp_path: Path, column: str) -> None:
    """ST6: whatever column of a record is changed, verify names that record."""
    url = made(tmp_path / "plait.db")
    with closing(sqlite3.connect(tmp_path / "plait.db")) as connection, connection:
        connection.execute(f'UPDATE records SET "{column}" = ? WHERE seq = 3', (TAMPERED[column],))

    async def look() -> None:
        async with open_store(url, readonly=True) as store:
            broken = verify(await store.sealed("r"))
            assert broken is not None
            assert broken.seq == 3
            assert "record 3" in broken.why

    trio.run(look)


async def test_a_missing_record_is_found() -> None:
    """ST6: a record that was cut out is named."""
    sealed = await sealed_log()
    broken = verify(sealed[:2] + sealed[3:])
    assert broken is not None
    assert (broken.seq, broken.why) == (3, "record 3 is missing; the next one kept is 4")


async def test_bytes_cannot_move_between_body_and_update() -> None:
    """ST6: the border between body and update is sealed too."""
    sealed = await sealed_log()
    one = sealed[0]
    sealed[0] = structs.replace(one, body=one.body + one.update, update=b"")
    broken = verify(sealed)
    assert broken is not None
    assert broken.seq == 1


async def test_a_recomputed_record_breaks_its_successor() -> None:
    """ST6: who edits a record and makes its own hashes fit again is found at the next."""
    sealed = await sealed_log()
    other = MemoryStore()
    await other.append(append("r", 0, *(record(n + 1, "forged", update=b"u") for n in range(2))))
    broken = verify([(await other.sealed("r"))[0], *sealed[1:]])
    assert broken is not None
    assert broken.seq == 2


async def test_an_erased_body_still_verifies() -> None:
    """ST19: an emptied body is whole if the log says that it was erased, and damage if not."""
    sealed = await sealed_log()
    sealed[2] = structs.replace(sealed[2], body=b"", update=b"")
    assert verify(sealed, erased={3}) is None
    broken = verify(sealed)
    assert broken is not None
    assert broken.seq == 3


def test_a_torn_body_is_named(tmp_path: Path) -> None:
    """ST20: a body that does not decode is an error that names room and record; the records before it are readable."""
    url = made(tmp_path / "plait.db")
    with closing(sqlite3.connect(tmp_path / "plait.db")) as connection, connection:
        connection.execute("UPDATE records SET body = substr(body, 1, length(body) - 1) WHERE seq = 4")

    async def look() -> None:
        async with open_store(url, readonly=True) as store:
            assert len(await store.read("r", limit=3)) == 3
            with pytest.raises(StoreCorrupt, match="record 4 of room 'r' is damaged"):
                await store.read("r")

    trio.run(look)


def test_a_rotten_snapshot_is_no_snapshot(tmp_path: Path) -> None:
    """ST7: a snapshot whose bytes changed is passed over for the one below it."""
    url = f"sqlite:///{tmp_path}/plait.db"
    below, above = 1, limits.SNAPSHOT_RECORDS + 1

    async def make() -> None:
        async with open_store(url) as store:
            await store.append(append("r", 0, *(record(n + 1) for n in range(above))))
            for seq in (below, above):
                await store.save_snapshot("r", Snapshot(seq, 1, b"good"))

    async def look() -> None:
        async with open_store(url, readonly=True) as store:
            assert await store.snapshot("r") == Snapshot(below, 1, b"good")

    trio.run(make)
    with closing(sqlite3.connect(tmp_path / "plait.db")) as connection, connection:
        connection.execute("UPDATE snapshots SET data = x'00' WHERE seq = ?", (above,))
    trio.run(look)
