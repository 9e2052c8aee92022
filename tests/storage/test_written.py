"""What is noted of documents with each snapshot: it finds what a look through the whole log finds."""

import random
import sqlite3
from pathlib import Path

import pytest
from plait.protocol import limits
from plait.protocol.events import DocumentEdited, Record
from plait.storage import Append, Reader, Sieve, Snapshot, open_store

from .test_encryption import MASTER

RUNG = 10
NAMES = ("", "", "", "a", "a~000000000004", "ab", "b")
SIEVES = [Sieve(name) for name in ("a", "ab", "b", "c", "")]


@pytest.fixture(autouse=True)
def _short_rungs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SNAPSHOT_RECORDS", RUNG)


def edited(seq: int, document: str) -> Record:
    return Record(seq, 1, "ann", "", 1, DocumentEdited(), document, b"\x00\x00")


async def sifted(reader: Reader, sieve: Sieve, after: int, upto: int, limit: int) -> list[int]:
    """All that passes, a page at a time."""
    found: list[int] = []
    while page := await reader.sift("r", sieve, after, upto, limit):
        assert len(page) <= limit
        assert all(sieve.is_of(one.document) for one in page)
        found += [one.seq for one in page]
        after = found[-1]
    return found


async def expect(reader: Reader, chance: random.Random) -> None:
    """Whatever is asked, it is what the whole log says."""
    log = [one for page in [await reader.read("r", 0, 10_000)] for one in page]
    for name in ("a", "ab", "b", "c"):
        upto = chance.randint(0, len(log) + 2)
        seqs = [one.seq for one in log if one.document == name and one.seq <= upto]
        assert await reader.writings("r", name, upto) == seqs
    for sieve in SIEVES:
        after, upto = sorted(chance.randint(0, len(log) + 2) for _ in range(2))
        for low, high, limit in ((0, len(log), 500), (after, upto, chance.randint(1, 7))):
            passing = [one.seq for one in log if sieve.is_of(one.document) and low < one.seq <= high]
            assert await sifted(reader, sieve, low, high, limit) == passing


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("seed", range(4))
async def test_what_is_noted_is_what_is_there(seed: int, sealed: bool, tmp_path: Path) -> None:
    """ST57, ST58: after any snapshots, several of one rung or none of many, encrypted or not; of a row that rotted, of
    rows that are gone, and in a store that is opened again."""
    chance = random.Random(seed)
    path, keys = tmp_path / "plait.db", MASTER if sealed else None
    url = f"sqlite:///{path}"
    async with open_store(url, inline=True, keys=keys) as store:
        seq = 0
        for _ in range(12):
            size = chance.choice((1, 5, 9, 33))
            await store.append(
                Append("r", 1, seq, tuple(edited(seq + n + 1, chance.choice(NAMES)) for n in range(size)))
            )
            await store.append(Append("other", 1, seq, tuple(edited(seq + n + 1, "a") for n in range(size))))
            seq += size
            if chance.random() < 0.6:
                await store.save_snapshot("r", Snapshot(chance.randint(max(seq - 15, 1), seq), 7, b"data"))
        await expect(store, chance)
    with sqlite3.connect(path) as database:
        seqs = [row[0] for row in database.execute("SELECT seq FROM written ORDER BY seq")]
        assert len({one // RUNG for one in seqs}) == len(seqs) > 1, "one of each rung"
        database.execute("UPDATE written SET data = x'92c0' WHERE seq = ?", (chance.choice(seqs),))
        database.execute("DELETE FROM written WHERE seq = ?", (chance.choice(seqs),))
    database.close()
    async with open_store(url, inline=True, keys=keys) as store:
        await expect(store, chance)
        await store.save_snapshot("r", Snapshot(seq, 7, b"data"))
        await expect(store, chance)


async def test_nothing_else_is_read(tmp_path: Path) -> None:
    """ST56, ST57: what no sieve lets through is not read: it may be damaged."""
    path = tmp_path / "plait.db"
    async with open_store(f"sqlite:///{path}") as store:
        await store.append(Append("r", 1, 0, tuple(edited(n, "a" if n % 5 == 0 else "") for n in range(1, 41))))
        await store.save_snapshot("r", Snapshot(35, 7, b"data"))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE records SET body = x'00' WHERE document = ''")
    database.close()
    async with open_store(f"sqlite:///{path}", readonly=True) as reader:
        assert await sifted(reader, Sieve("a"), 0, 40, 3) == [5, 10, 15, 20, 25, 30, 35, 40]


async def test_the_notes_go_with_their_room(tmp_path: Path) -> None:
    """ST57: a deleted room leaves none."""
    path = tmp_path / "plait.db"
    async with open_store(f"sqlite:///{path}") as store:
        await store.append(Append("r", 1, 0, (edited(1, "a"),)))
        await store.save_snapshot("r", Snapshot(1, 7, b"data"))
        await store.delete("r")
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM written").fetchone() == (0,)
    database.close()
