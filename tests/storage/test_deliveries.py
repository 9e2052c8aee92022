"""The journal of deliveries on its disk: full, locked, killed, beside a store that was encrypted later."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing, suppress
from pathlib import Path

import pytest
from plait.storage import Masters, open_store
from plait.storage.deliveries import Deliveries, Delivery, deliveries_of, forget_deliveries

ROOT = Path(__file__).parents[2]
EVER = 1 << 60


def row(at: int, subject: str = "eve", room: str = "r") -> Delivery:
    return Delivery(room, at, f"t{at}", subject, "main", "seen", 1, 1, 1, 0)


def held(folder: Path) -> bytes:
    """All bytes of the journal's files there."""
    return b"".join(path.read_bytes() for path in folder.glob("*-deliveries*"))


def test_a_journal_without_space(tmp_path: Path) -> None:
    """RP76: of what does not fit nothing is kept, no transaction stays open, and with space again it goes on."""
    with Deliveries(tmp_path / "p.db-deliveries") as journal:
        journal.add([row(0)])
        connection = journal._connection  # pyright: ignore[reportPrivateUsage]
        ((pages,),) = connection.execute("PRAGMA page_count")
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(2):
            with pytest.raises(sqlite3.Error, match="full"):
                journal.add([row(at, "x" * 200) for at in range(1, 200)])
            assert not connection.in_transaction
        journal.sweep(0)
        connection.execute("PRAGMA max_page_count = 100000")
        journal.add([row(500)])
        assert [each.at for each in journal.of("r", 0, EVER)] == [0, 500]


def test_forgetting_on_a_full_disk(small_disk: Path) -> None:
    """RP76: an erased person's rows go though the disk is full: with the whole journal, if need be."""
    url = f"sqlite:///{small_disk / 'p.db'}"
    with deliveries_of(url) as journal:
        journal.add([row(at, "secret-eve" if at % 2 else "bob") for at in range(500)])
        with (small_disk / "filler").open("wb") as filler, suppress(OSError):
            while True:
                os.write(filler.fileno(), bytes(1 << 10))
        with pytest.raises(sqlite3.Error):
            journal.add([row(at) for at in range(100_000)])
        journal.forget(subject="secret-eve")
        assert b"secret-eve" not in held(small_disk)
        assert {each.subject for each in journal.of("r", 0, EVER)} <= {"bob"}
    (small_disk / "filler").unlink()
    with deliveries_of(url) as journal:
        journal.add([row(1)])
        assert row(1) in journal.of("r", 0, EVER)


def test_forgetting_what_cannot_be_written(tmp_path: Path) -> None:
    """RP76: what cannot be taken out of the file goes with the file; so does what is no journal any more."""
    url, path = f"sqlite:///{tmp_path / 'p.db'}", tmp_path / "p.db-deliveries"
    with deliveries_of(url) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        journal.add([row(1, "secret-eve"), row(2, "bob")])
        journal._connection.execute("PRAGMA busy_timeout = 0")  # pyright: ignore[reportPrivateUsage]
        other.execute("BEGIN IMMEDIATE")
        journal.forget(subject="secret-eve")
        assert journal.of("r", 0, EVER) == []
        journal.add([row(3)])
    assert b"secret-eve" not in held(tmp_path)
    path.write_bytes(b"secret-eve was here, and this is no database" * 99)
    forget_deliveries(url, subject="secret-eve")
    assert held(tmp_path) == b""


def test_forgetting_one_room(tmp_path: Path) -> None:
    """RP76: who is erased from one room is forgotten there alone."""
    url = f"sqlite:///{tmp_path / 'p.db'}"
    with deliveries_of(url) as journal:
        journal.add([row(1), row(2, room="s"), row(3, "bob")])
        assert (journal.rooms(), journal.rooms("bob"), journal.rooms("nobody")) == (["r", "s"], ["r"], [])
    forget_deliveries(url, room="r", subject="eve")
    with deliveries_of(url) as journal:
        assert [each.at for room in "rs" for each in journal.of(room, 0, EVER)] == [3, 2]


def test_a_killed_process(tmp_path: Path) -> None:
    """RP76: `kill -9` takes nothing that was noted, and the journal goes on."""
    url = f"sqlite:///{tmp_path / 'p.db'}"
    script = f"""
        import os, signal
        from plait.storage.deliveries import deliveries_of
        from tests.storage.test_deliveries import row
        journal = deliveries_of({url!r})
        journal.add([row(1), row(2)])
        journal._connection.execute("BEGIN")
        journal._connection.execute("DELETE FROM deliveries")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, check=False)
    assert done.returncode == -9
    with deliveries_of(url) as journal:
        journal.add([row(3)])
        assert [each.at for each in journal.of("r", 0, EVER)] == [1, 2, 3]


async def test_a_store_that_is_encrypted_later(tmp_path: Path) -> None:
    """RP76: what was noted before in the clear goes when the next server begins, or when somebody is erased."""
    url = f"sqlite:///{tmp_path / 'p.db'}"
    for erases in (False, True):
        with Deliveries(tmp_path / "p.db-deliveries") as journal:
            journal.add([row(1, "secret-eve")])
        async with open_store(url, keys=Masters([bytes(32)])):
            pass
        if erases:
            forget_deliveries(url, subject="eve")
        else:
            with deliveries_of(url) as journal:
                assert journal.of("r", 0, EVER) == []
        assert held(tmp_path) == b""
