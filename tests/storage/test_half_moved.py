"""A crash while pages are on their way from the WAL into the database: what a start finds then is no damage."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from plait.storage import file, open_store
from plait.storage.migrations import VERSION

from .logs import append, record

GOLDEN = Path(__file__).parents[1] / "golden"
PAGE = 4096


@pytest.mark.parametrize("readonly", [False, True])
async def test_killed_after_the_first_page_of_a_checkpoint(tmp_path: Path, readonly: bool) -> None:
    """ST50: the first page speaks of pages that are in the WAL still, and the database opens with all its records."""
    path, cut = tmp_path / "plait.db", tmp_path / "cut.db"
    wal = path.with_name("plait.db-wal")
    async with open_store(f"sqlite:///{path}") as store:
        before = path.read_bytes()
        for seq in range(40):
            await store.append(append("r", seq, record(seq + 1, update=bytes(2000))))
        cut.with_name("cut.db-wal").write_bytes(wal.read_bytes())
    after = path.read_bytes()
    assert len(before) < len(after)
    cut.write_bytes(after[:PAGE] + before[PAGE:])
    async with open_store(f"sqlite:///{cut}", readonly=readonly) as store:
        assert len(await store.read("r")) == 40


async def test_killed_between_a_migration_and_its_checkpoint(tmp_path: Path) -> None:
    """ST50: the migration is in the WAL, the file shows the old format; the next start does not migrate twice."""
    path, cut = tmp_path / "plait.db", tmp_path / "cut.db"
    path.write_bytes((GOLDEN / "database-1.sqlite").read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        file.migrate(connection)
        cut.write_bytes(path.read_bytes())
        cut.with_name("cut.db-wal").write_bytes(path.with_name("plait.db-wal").read_bytes())
    assert file.look(cut) == 1
    async with open_store(f"sqlite:///{cut}") as store:
        assert await store.room_names()
    assert file.look(cut) == VERSION
