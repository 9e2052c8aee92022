"""The group commit: what is batched, who wakes, and what everybody is told when the database fails."""

import errno
import gc
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing
from outcome import Outcome, Value
from plait.protocol import limits
from plait.protocol.errors import OutcomeUnknown
from plait.storage import FaultyStore, Head, MemoryStore, SqliteStore, StoreError, file, open_store, verify
from plait.storage.engine import SqliteEngine
from plait.storage.writer import InlineWriter, Writer
from sqlalchemy.exc import OperationalError

from .logs import append, record


class Number:
    """A job that counts for `weight` records."""

    def __init__(self, weight: int = 1) -> None:
        self.weight = weight


class GatedEngine:
    """An engine that commits when told to, and says in which batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = threading.Semaphore(0)
        self.entered = threading.Event()
        self.failure: BaseException | None = None
        self.closed = False

    def commit(self, jobs: list[Number]) -> list[Outcome[int]]:
        self.entered.set()
        self.gate.acquire()
        if self.failure is not None:
            raise self.failure
        self.batches.append(len(jobs))
        return [Value(len(jobs)) for _ in jobs]

    def tend(self, *, idle: bool) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


async def test_what_gathers_during_a_commit_is_the_next_batch() -> None:
    """ST29: the first append is committed alone and at once; all that came meanwhile share the next commit."""
    engine = GatedEngine()
    writer: Writer[Number, int] = Writer(engine, "test writer")
    answers: list[int] = []

    async def submit(job: Number) -> None:
        answers.append(await writer.submit(job))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit, Number())
        # The writer has taken the first job, without waiting for company, and is at the gate.
        await trio.to_thread.run_sync(engine.entered.wait)
        for _ in range(5):
            nursery.start_soon(submit, Number())
        await trio.testing.wait_all_tasks_blocked()
        engine.gate.release()
        engine.gate.release()
    assert engine.batches == [1, 5]
    assert sorted(answers) == [1, 5, 5, 5, 5, 5]
    await writer.aclose()
    assert engine.closed


async def test_a_batch_has_a_limit() -> None:
    """ST29: a batch holds at most BATCH_RECORDS records, or one append that has more."""
    engine = GatedEngine()
    writer: Writer[Number, int] = Writer(engine, "test writer")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.submit, Number())
        await trio.to_thread.run_sync(engine.entered.wait)
        for weight in (limits.BATCH_RECORDS - 1, 1, 1, 2 * limits.BATCH_RECORDS, 1):
            nursery.start_soon(writer.submit, Number(weight))
            await trio.testing.wait_all_tasks_blocked()
        for _ in range(6):
            engine.gate.release()
    assert engine.batches == [1, 2, 1, 1, 1]
    await writer.aclose()


async def test_one_wake_up_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """ST29: the waiters of a commit are woken by one call into the event loop."""
    engine = GatedEngine()
    writer: Writer[Number, int] = Writer(engine, "test writer")
    token_type = trio.lowlevel.TrioToken
    calls: list[Callable[..., Any]] = []
    original = token_type.run_sync_soon

    def counted(self: Any, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if fn.__module__ == "plait.storage.writer":
            calls.append(fn)
        original(self, fn, *args, **kwargs)

    monkeypatch.setattr(token_type, "run_sync_soon", counted)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(writer.submit, Number())
            engine.gate.release()
    assert len(calls) == len(engine.batches)
    assert sum(engine.batches) == 20
    await writer.aclose()


@pytest.mark.parametrize("inline", [False, True])
async def test_a_bug_in_the_engine_leaves_nobody_waiting(inline: bool) -> None:
    """ST30: if a commit fails in a way that nobody foresaw, its waiters are told that the outcome is not known."""
    engine = GatedEngine()
    engine.failure = RuntimeError("a bug")
    writer: Writer[Number, int] | InlineWriter[Number, int]
    writer = InlineWriter(engine) if inline else Writer(engine, "test writer")
    engine.gate.release()
    with pytest.raises(OutcomeUnknown, match="a bug"):
        await writer.submit(Number())
    engine.failure = None
    engine.gate.release()
    assert await writer.submit(Number()) == 1
    await writer.aclose()


async def test_a_queued_job_cannot_be_cancelled() -> None:
    """ST15: cancelling the caller of what is queued, or on its way to the disk, waits for the answer."""
    engine = GatedEngine()
    writer: Writer[Number, int] = Writer(engine, "test writer")
    answers: list[int] = []

    async def submit() -> None:
        answers.append(await writer.submit(Number()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(submit)
        await trio.to_thread.run_sync(engine.entered.wait)
        nursery.start_soon(submit)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.testing.wait_all_tasks_blocked()
        assert answers == []
        engine.gate.release()
        engine.gate.release()
    assert answers == [1, 1]
    await writer.aclose()


async def test_closing_lets_what_is_queued_finish() -> None:
    """ST17: what was queued before closing is committed."""
    engine = GatedEngine()
    writer: Writer[Number, int] = Writer(engine, "test writer")
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(writer.submit, Number())
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(writer.aclose)
        for _ in range(3):
            engine.gate.release()
    assert sum(engine.batches) == 3
    with pytest.raises(StoreError, match="closed"):
        await writer.submit(Number())


# --- the database fails -----------------------------------------------------------------------------------------------


class FailingConnection:
    """Passes everything to a connection and to its driver, but fails one statement, before it runs or after."""

    def __init__(self, inner: Any, statement: str, *, after: bool = False, code: int = sqlite3.SQLITE_IOERR) -> None:
        self._inner = inner
        self._statement = statement
        self._after = after
        self._code = code
        self.failed = False

    def exec_driver_sql(self, statement: str, *args: Any) -> Any:
        try:
            return self.run(self._inner.exec_driver_sql, statement, *args)
        except sqlite3.OperationalError as error:
            raise OperationalError(statement, None, error) from error

    def run(self, run: Callable[..., Any], statement: str, *args: Any) -> Any:
        if self.failed or not statement.startswith(self._statement):
            return run(statement, *args)
        self.failed = True
        if self._after:
            run(statement, *args)
        error = sqlite3.OperationalError("the disk failed")
        error.sqlite_errorcode = self._code
        raise error

    @property
    def connection(self) -> Any:
        pooled = self._inner.connection
        return SimpleNamespace(
            driver_connection=FailingDriver(pooled.driver_connection, self), dbapi_connection=pooled.dbapi_connection
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class FailingDriver:
    """The driver's connection under a FailingConnection, for statements that go to it straight."""

    def __init__(self, inner: Any, failing: FailingConnection) -> None:
        self._inner = inner
        self._failing = failing

    def execute(self, statement: str) -> Any:
        return self._failing.run(self._inner.execute, statement)

    def executemany(self, statement: str, rows: Any) -> Any:
        return self._failing.run(self._inner.executemany, statement, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def breaking(store: SqliteStore, statement: str, **how: Any) -> FailingConnection:
    """Make the store's writing connection fail once."""
    engine = store._writer._engine  # pyright: ignore[reportPrivateUsage]
    assert isinstance(engine, SqliteEngine)
    failing = FailingConnection(engine.connection, statement, **how)
    engine._connection = failing  # type: ignore[assignment]
    return failing


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("statement", ["BEGIN", "INSERT", "UPDATE rooms"])
async def test_failing_before_the_commit(tmp_path: Path, statement: str, inline: bool) -> None:
    """ST31: an error before COMMIT is rolled back: a StoreError, nothing happened, and the same append may be tried."""
    async with open_store(f"sqlite:///{tmp_path}/plait.db", inline=inline) as store:
        head = await store.append(append("r", 0))
        failing = breaking(store, statement)
        with pytest.raises(StoreError, match="the disk failed"):
            await store.append(append("r", 1))
        assert failing.failed
        assert await store.head("r") == head
        assert (await store.append(append("r", 1))).seq == 2
        assert verify(await store.sealed("r")) is None


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("after", [False, True])
async def test_failing_at_the_commit(tmp_path: Path, after: bool, inline: bool) -> None:
    """ST32: an error at COMMIT leaves the outcome open, says so, and the connection is opened anew."""
    async with open_store(f"sqlite:///{tmp_path}/plait.db", inline=inline) as store:
        await store.append(append("r", 0))
        failing = breaking(store, "COMMIT", after=after)
        mine = append("r", 1, record(2, record_id="mine#0"))
        with pytest.raises(OutcomeUnknown, match="the disk failed"):
            await store.append(mine)
        assert failing.failed
        assert (await store.head("r")).seq == (2 if after else 1)
        # Whichever it was, asking again under the same ids makes it have happened once.
        assert (await store.append(mine)).seq == 2
        assert [r.id for r in await store.read("r")] == [None, "mine#0"]
        assert verify(await store.sealed("r")) is None


async def test_a_full_disk_at_the_commit(tmp_path: Path) -> None:
    """ST32: "disk full" at COMMIT is certain: the last frame of a commit that did not fit was never whole."""
    async with open_store(f"sqlite:///{tmp_path}/plait.db", inline=True) as store:
        await store.append(append("r", 0))
        breaking(store, "COMMIT", code=sqlite3.SQLITE_FULL)
        with pytest.raises(StoreError, match="is full"):
            await store.append(append("r", 1))
        assert (await store.append(append("r", 1))).seq == 2


async def test_failing_to_roll_back(tmp_path: Path) -> None:
    """ST32: if even the rollback fails, the outcome is open as well."""
    async with open_store(f"sqlite:///{tmp_path}/plait.db", inline=True) as store:
        await store.append(append("r", 0))
        breaking(store, "INSERT")
        engine: Any = store._writer._engine  # pyright: ignore[reportPrivateUsage]
        engine._connection = FailingConnection(engine._connection, "ROLLBACK")
        with pytest.raises(OutcomeUnknown):
            await store.append(append("r", 1))
        assert (await store.append(append("r", 1))).seq == 2


async def test_memory_of_rooms_decides_nothing(tmp_path: Path) -> None:
    """ST33: if a room's row is not as the writer remembers it, the row counts."""
    path = tmp_path / "plait.db"
    async with open_store(f"sqlite:///{path}") as store:
        await store.append(append("r", 0))
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE rooms SET epoch = 7")
        with pytest.raises(StoreError, match="is in epoch 7"):
            await store.append(append("r", 1))
        assert (await store.append(append("r", 1, epoch=7))).seq == 2


async def test_more_rooms_than_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ST33: how many rooms are remembered changes no answer."""
    monkeypatch.setattr(limits, "KNOWN_ROOMS", 3)
    async with open_store(f"sqlite:///{tmp_path}/plait.db") as store:
        for seq in range(3):
            async with trio.open_nursery() as nursery:
                for number in range(10):
                    nursery.start_soon(store.append, append(f"room-{number}", seq))
        assert [one.head.seq for one in (await store.rooms()).rooms] == [3] * 10


async def test_an_idle_writer_empties_its_wal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ST34: when nothing comes for a while the WAL is moved into the database and its file is emptied."""
    monkeypatch.setattr(limits, "CHECKPOINT_IDLE_S", 0.001)
    truncated = threading.Event()
    original = SqliteEngine.tend

    def tend(self: SqliteEngine, *, idle: bool) -> bool:
        more = original(self, idle=idle)
        if idle and not more:
            truncated.set()
        return more

    monkeypatch.setattr(SqliteEngine, "tend", tend)
    async with open_store(f"sqlite:///{tmp_path}/plait.db") as store:
        await store.append(append("r", 0))
        assert await trio.to_thread.run_sync(truncated.wait, 10)
        assert (tmp_path / "plait.db-wal").stat().st_size == 0
        with closing(sqlite3.connect(f"file:{tmp_path}/plait.db?immutable=1", uri=True)) as connection:
            assert connection.execute("SELECT seq FROM rooms").fetchone() == (1,)


async def test_a_long_wal_is_moved_into_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ST34: once enough pages have gathered the writer checkpoints, and not before."""
    rows = "SELECT count(*) FROM records"
    path = tmp_path / "plait.db"

    def in_the_database() -> int:
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
            return int(connection.execute(rows).fetchone()[0])

    async with open_store(f"sqlite:///{path}", inline=True) as store:
        await store.append(append("r", 0))
        assert in_the_database() == 0
        monkeypatch.setattr(limits, "CHECKPOINT_PAGES", 1)
        await store.append(append("r", 1))
        assert in_the_database() == 2


# --- faults on order --------------------------------------------------------------------------------------------------


async def test_faults_on_order() -> None:
    """ST35: a FaultyStore fails before, fails after and holds, each when told to, and otherwise only passes on."""
    store = FaultyStore(MemoryStore())
    assert (await store.append(append("r", 0))).seq == 1
    store.fail_before()
    store.fail_after()
    with pytest.raises(StoreError):
        await store.append(append("r", 1))
    assert (await store.head("r")).seq == 1
    with pytest.raises(OutcomeUnknown):
        await store.append(append("r", 1))
    assert (await store.head("r")).seq == 2
    assert len(store.appends) == 3


async def test_a_held_append_cannot_be_cancelled() -> None:
    """ST35: what is held is in flight: cancelling its caller neither ends nor undoes it."""
    store = FaultyStore(MemoryStore())
    store.hold()
    done: list[Head] = []

    async def attempt() -> None:
        done.append(await store.append(append("r", 0)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt)
        await store.wait_held()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            assert (await store.head("r")).seq == 0
            store.release()
    assert done == [await store.head("r")]


async def test_a_disk_that_goes_on_failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ST51: while the WAL cannot be settled nothing is read or committed; once it can, the store goes on."""
    checkpoint = SqliteEngine._checkpoint  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(limits, "CHECKPOINT_IDLE_S", 0.001)
    async with open_store(f"sqlite:///{tmp_path}/plait.db") as store:
        await store.append(append("r", 0))
        monkeypatch.setattr(SqliteEngine, "_checkpoint", lambda *_: False)
        breaking(store, "COMMIT", after=True)
        with pytest.raises(OutcomeUnknown):
            await store.append(append("r", 1))
        for _ in range(2):
            with pytest.raises(StoreError, match="not yet certain"):
                await store.head("r")
            with pytest.raises(StoreError, match="not yet certain"):
                await store.append(append("r", 1))
        settled = threading.Event()

        def watched(self: SqliteEngine, how: str) -> bool:
            done = checkpoint(self, how)
            settled.set()
            return done

        # Nobody has to ask for anything: the writer's idle moments settle it.
        monkeypatch.setattr(SqliteEngine, "_checkpoint", watched)
        await trio.to_thread.run_sync(settled.wait)
        assert (await store.append(append("r", 2))).seq == 3
        assert (await store.head("r")).seq == 3


async def test_a_disk_that_fails_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ST51: a store that is closed unsettled leaves the WAL as it is, and whoever opens it next settles it."""
    wal = tmp_path / "plait.db-wal"
    rewrite_wal = file.rewrite_wal

    def failing(_: Path) -> None:
        raise OSError(errno.EIO, "no")

    async with open_store(f"sqlite:///{tmp_path}/plait.db") as store:
        await store.append(append("r", 0))
        monkeypatch.setattr(file, "rewrite_wal", failing)
        breaking(store, "COMMIT", after=True)
        with pytest.raises(OutcomeUnknown):
            await store.append(append("r", 1))
    del store
    gc.collect()
    left = wal.read_bytes()
    assert left
    with pytest.raises(StoreError, match="the disk that holds"):
        async with open_store(f"sqlite:///{tmp_path}/plait.db"):
            pass
    assert wal.read_bytes() == left

    rewritten: list[bytes] = []

    def watched(path: Path) -> None:
        rewrite_wal(path)
        rewritten.append(wal.read_bytes())

    monkeypatch.setattr(file, "rewrite_wal", watched)
    async with open_store(f"sqlite:///{tmp_path}/plait.db") as again:
        assert (await again.head("r")).seq == 2
    assert rewritten == [left]
