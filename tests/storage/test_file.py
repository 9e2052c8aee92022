"""A database that is foreign, damaged, newer, locked, read-only or full gives one sentence and is left as it was."""

import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
import trio
from plait.storage import (
    About,
    Blob,
    Revocation,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    open_store,
    verify,
)
from plait.storage.migrations import APPLICATION_ID, MIGRATIONS, VERSION
from plait.storage.tables import metadata
from sqlalchemy import create_engine

from ..conftest import Need
from .logs import TIME, append, record


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def one_sentence(error: StoreError, path: Path) -> bool:
    return str(path) in str(error) and "\n" not in str(error)


async def make(path: Path, count: int = 3) -> None:
    async with open_store(url_of(path)) as store:
        await store.append(append("r", 0, *(record(n + 1) for n in range(count))))


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE ours (x)")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def no_database(path: Path) -> None:
    path.write_text("These are the minutes of a meeting, and not a database at all.\n" * 100)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(foreign, "not one of plait's"), (newer, f"format {VERSION + 1}"), (no_database, "not a SQLite database")],
)
@pytest.mark.parametrize("readonly", [False, True])
def test_what_is_not_ours_is_left_alone(tmp_path: Path, spoil: object, said: str, readonly: bool) -> None:
    """ST21: a foreign or newer file is refused with one sentence; no byte changes, no file appears beside it."""
    path = tmp_path / "plait.db"
    assert callable(spoil)
    spoil(path)
    before = contents(tmp_path)
    with pytest.raises(StoreCorrupt, match=said) as refused:
        open_store(url_of(path), readonly=readonly)  # type: ignore[call-overload]
    assert one_sentence(refused.value, path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+psycopg://me:secret@host/db", "not built yet"),
        ("mysql://me:secret@host/db", "no store can be opened"),
        ("sqlite:///x.db?mode=ro", "no store can be opened"),
        ("plait.db", "named by a URL"),
        ("sqlite:////no/such/folder/x.db", "does not exist"),
    ],
)
def test_urls_that_name_no_store(url: str, said: str) -> None:
    """ST21: what cannot be opened is refused with a sentence, and the sentence holds no password."""
    with pytest.raises(StoreError, match=said) as refused:
        open_store(url)
    assert "secret" not in str(refused.value)


def test_what_must_be_there_is_not_made(tmp_path: Path) -> None:
    """ST21: opened with `create=False`, a database that is not there is a StoreError and nothing is made."""
    with pytest.raises(StoreError, match="there is no database at"):
        open_store(url_of(tmp_path / "none.db"), create=False)
    assert os.listdir(tmp_path) == []


def schema_pages(first: bytes) -> list[int]:
    """Where the list of tables goes on, which stands in the first page of the file as long as it fits there."""
    kind, cells, rightmost = struct.unpack_from(">BxxHxxxI", first, 100)
    if kind != 5:
        return []
    places = struct.unpack_from(f">{cells}H", first, 112)
    return [rightmost, *(struct.unpack_from(">I", first, place)[0] for place in places)]


def test_damaged_pages(tmp_path: Path) -> None:
    """ST22: damage inside a database is an error of that read or append, never a wrong answer."""
    path = tmp_path / "plait.db"
    trio.run(make, path, 200)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in set(range(2, size // 4096 + 1)).difference(schema_pages(file.read(4096))):
            file.seek((page - 1) * 4096)
            file.write(os.urandom(1) * 4096)

    async def use() -> None:
        async with open_store(url_of(path)) as store:
            with pytest.raises(StoreCorrupt, match="is damaged") as refused:
                await store.read("r")
            assert one_sentence(refused.value, path)
            with pytest.raises(StoreCorrupt, match="is damaged"):
                await store.append(append("r", 200))

    trio.run(use)


def test_a_second_opener_is_told_who_has_it(tmp_path: Path) -> None:
    """ST23: one process writes; another is refused with the holder's pid, and may read."""
    path = tmp_path / "plait.db"
    script = f"""
        import trio
        from plait.storage import open_store
        store = open_store({url_of(path)!r})
        print("holding", flush=True)
        input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(StoreLocked, match=f"in use by process {holder.pid}") as refused:
            open_store(url_of(path))
        assert refused.value.pid == holder.pid
        trio.run(open_store(url_of(path), readonly=True).room_names)
        holder.send_signal(signal.SIGKILL)
    # The kernel let go of the lock, though nobody tidied up.
    trio.run(make, path)


async def test_a_second_opener_in_the_same_process(tmp_path: Path) -> None:
    """ST23: the lock is the store's and not the process's; it is free again after closing."""
    path = tmp_path / "plait.db"
    async with open_store(url_of(path)):
        with pytest.raises(StoreLocked, match="in use by this process"):
            open_store(url_of(path))
    await open_store(url_of(path)).aclose()


async def test_a_link_leads_to_the_same_lock(tmp_path: Path) -> None:
    """ST23: a database that is reached through a symbolic link has the one lock that it has by its own name."""
    (tmp_path / "link.db").symlink_to(tmp_path / "plait.db")
    async with open_store(url_of(tmp_path / "link.db")):
        with pytest.raises(StoreLocked):
            open_store(url_of(tmp_path / "plait.db"))
    assert (tmp_path / "link.db").is_symlink()


async def test_another_program_holds_the_database(tmp_path: Path) -> None:
    """ST24: an append that cannot get SQLite's own lock gives up with a sentence; nothing happened."""
    path = tmp_path / "plait.db"
    async with open_store(url_of(path), lock_wait_s=0.01) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreLocked, match="another program holds") as refused:
                await store.append(append("r", 0))
            assert one_sentence(refused.value, path)
            other.execute("ROLLBACK")
        assert (await store.append(append("r", 0))).seq == 1


def test_a_read_only_place(need: Need) -> None:
    """ST25: without the right to write, opening for writing is refused; reading works, and nothing is left behind."""
    if os.geteuid() != 0:
        need("another user to become", "run as root")
    script = """
        import os, sys, trio
        from plait.storage import StoreError, open_store
        os.setgid(65534)
        os.setuid(65534)
        try:
            open_store(sys.argv[1])
        except StoreError as refused:
            print(refused)
        print(len(trio.run(open_store(sys.argv[1], readonly=True).read, "r")))
    """
    # Not pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory() as made:
        folder, path = Path(made), Path(made) / "plait.db"
        trio.run(make, path)
        path.with_name("plait.db.lock").unlink()
        path.chmod(0o444)
        folder.chmod(0o555)
        before = contents(folder)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), url_of(path)], capture_output=True, text=True, check=False
        )
        assert contents(folder) == before
    assert done.stderr == ""
    refusal, read = done.stdout.splitlines()
    assert f"{path} may only be read" in refusal
    assert read == "3"


@pytest.mark.parametrize("inline", [False, True])
async def test_a_full_disk(small_disk: Path, inline: bool) -> None:
    """ST26: on a full disk an append says so and nothing happened; with room again the same append succeeds."""
    path = small_disk / "plait.db"
    async with open_store(url_of(path), inline=inline) as store:
        await store.append(append("r", 0))
        (small_disk / "filler").write_bytes(b"f" * (512 << 10))
        big = append("r", 1, record(2, update=os.urandom(1 << 20), record_id="big#0"))
        with pytest.raises(StoreFull, match=r"the disk that holds .* is full") as refused:
            await store.append(big)
        assert one_sentence(refused.value, path)
        assert (await store.head("r")).seq == 1
        (small_disk / "filler").unlink()
        fitting = append("r", 1, record(2, update=os.urandom(200 << 10)))
        assert (await store.append(fitting)).seq == 2
    async with open_store(url_of(path)) as store:
        assert [r.seq for r in await store.read("r")] == [1, 2]
        assert verify(await store.sealed("r")) is None


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """ST26: a limit on the file's size is an error of the append like any other, and what was acked stays."""
    path = tmp_path / "plait.db"
    script = f"""
        import resource, trio
        from plait.protocol.errors import OutcomeUnknown
        from plait.storage import StoreError, open_store
        from tests.storage.logs import append, record

        async def main():
            store = open_store({url_of(path)!r})
            await store.append(append("r", 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            try:
                await store.append(append("r", 1, record(2, update=b"u" * 400_000)))
            except (StoreError, OutcomeUnknown) as refused:
                print(type(refused).__name__, (await store.head("r")).seq)
            print((await store.append(append("r", 1))).seq)

        trio.run(main)
    """
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout in ("StoreError 1\n2\n", "StoreFull 1\n2\n", "OutcomeUnknown 1\n2\n")


def test_a_database_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """ST27: a new database appears under its name only when it is complete; what a crash left is cleared away."""
    path = tmp_path / "plait.db"
    (tmp_path / "plait.db.new").write_bytes(b"half of one")
    trio.run(make, path)
    assert {one.name for one in tmp_path.iterdir()} == {"plait.db", "plait.db.lock"}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    """ST27: a file of no bytes, such as mktemp makes, is taken for a new database."""
    path = tmp_path / "plait.db"
    path.touch()
    trio.run(make, path)
    assert path.stat().st_size > 0


def test_the_migrations_make_the_tables() -> None:
    """ST28: the frozen steps and today's tables say the same."""

    def shape(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
        tables = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
        ]
        found: dict[str, list[tuple[object, ...]]] = {}
        for table in tables:
            found[table] = connection.execute(f"PRAGMA table_info({table})").fetchall()
            for index in connection.execute(f"PRAGMA index_list({table})").fetchall():
                columns = connection.execute(f"PRAGMA index_info('{index[1]}')").fetchall()
                named = index[1] if index[3] == "c" else index[3]
                found[f"{table}.{named}.{[column[2] for column in columns]}"] = [index[2:]]
        strict = connection.execute("PRAGMA table_list").fetchall()
        found["strict"] = sorted(row[1:] for row in strict if row[1] in tables)
        return found

    with closing(sqlite3.connect(":memory:")) as ours:
        for step in MIGRATIONS:
            for statement in step:
                ours.execute(statement)
        engine = create_engine("sqlite://")
        metadata.create_all(engine)
        with engine.connect() as connection:
            theirs = connection.connection.driver_connection
            assert isinstance(theirs, sqlite3.Connection)
            assert shape(ours) == shape(theirs)
        engine.dispose()


def test_a_database_of_each_format_loads(tmp_path: Path) -> None:
    """ST28: a database of every format ever released is opened, verifies, and goes on."""
    golden = Path(__file__).parents[1] / "golden"
    for version in range(1, VERSION + 1):
        path = tmp_path / f"{version}.db"
        shutil.copy(golden / f"database-{version}.sqlite", path)

        async def use(path: Path = path, version: int = version) -> None:
            async with open_store(url_of(path)) as store:
                read = await store.read("library")
                assert [r.seq for r in read] == [1, 2, 3]
                assert verify(await store.sealed("library")) is None
                assert (await store.snapshot("library")) is not None
                (listed,) = (await store.rooms(query="LIBR")).rooms
                assert listed.activity == TIME
                if version > 1:
                    assert listed.about == About("Bücherei", {"team": "ä"}, 1)
                    (name,) = await store.blobs_of("library")
                    assert await store.blob(name) == Blob(name, "image/png", b"picture")
                    assert (await store.head("gone")).deleted
                assert await store.revocations() == ([Revocation("subject", "eve", TIME)] if version > 2 else [])
                assert (await store.append(append("library", 3, epoch=9))).seq == 4

        trio.run(use)
