"""The SQLite engine: one connection that writes and checkpoints, a few that read.

- The writing connection belongs to the writer's thread from beginning to end (SQLite before 3.51.3 can corrupt a WAL
  that two connections checkpoint). It is in AUTOCOMMIT and says BEGIN IMMEDIATE itself, because the driver would begin
  only before the first insert, after the heads were read.
- An error before COMMIT, rolled back: nothing happened. At COMMIT, "disk full" means that the commit's last frame was
  never whole, so nothing happened either; any other error leaves it open, and then the connection is closed, opened
  anew and its WAL settled before anybody is told, because a failed fsync must not be tried again (Linux forgets it).
- Readers are read-only connections, used on worker threads, each for one statement at a time.
- Inline, everything runs on the caller's thread: for simulation under a clock that jumps, and for `:memory:`, where
  the one connection is the database.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import trio
from outcome import Error
from sqlalchemy import Connection, Engine, Executable, create_engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool, StaticPool

from ..protocol import limits
from ..protocol.errors import OutcomeUnknown
from ..protocol.events import Record
from . import file, queries
from .batch import Answer, AppendJob, Batch, Job, Moved, SnapshotJob, Standing
from .store import Append, Head, Sealed, Snapshot, StoreError
from .writer import InlineWriter, Writer

T = TypeVar("T")


class SqliteEngine:
    """What the writer drives. Made on the opening thread, used on the writer's only."""

    def __init__(self, path: Path | None, entropy: Callable[[int], bytes], lock_wait_s: float) -> None:
        self._name = str(path or ":memory:")
        self._entropy = entropy
        self._in_memory = path is None
        self._engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: file.connect(path, readonly=False, lock_wait_s=lock_wait_s),
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
        )
        self._pages = 0
        self._known: dict[str, Standing] = {}
        self._connection: Connection | None = self._engine.connect()

    @property
    def connection(self) -> Connection:
        """The connection, opened again if it was given up. Raises DBAPIError if that fails."""
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def commit(self, jobs: list[Job]) -> list[Answer]:
        """One transaction. Raises nothing that the database can cause."""
        try:
            return self._attempt(jobs, careful=False)
        except (IntegrityError, Moved):
            return self._attempt(jobs, careful=True)

    def _attempt(self, jobs: list[Job], *, careful: bool) -> list[Answer]:
        begun = False
        try:
            connection = self.connection
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            begun = True
            answers = Batch(connection, self._entropy, self._known, careful=careful).run(jobs)
        except BaseException as error:
            self._known.clear()
            if begun and not self._roll_back():
                return self._unknown(jobs, error)
            if not isinstance(error, DBAPIError) or (isinstance(error, IntegrityError) and not careful):
                raise
            return [Error(file.explain(self._name, error.orig)) for _ in jobs]
        try:
            connection.exec_driver_sql("COMMIT")
        except DBAPIError as error:
            self._known.clear()
            if file.primary_code(error.orig) == file.FULL and self._roll_back():
                return [Error(file.explain(self._name, error.orig)) for _ in jobs]
            return self._unknown(jobs, error)
        self._pages += sum(job.pages for job in jobs)
        if len(self._known) > limits.KNOWN_ROOMS:
            self._known.clear()
        return answers

    def _roll_back(self) -> bool:
        """True if no transaction is open any more; SQLite ends some by itself when they fail."""
        try:
            connection = self.connection
            if getattr(connection.connection.driver_connection, "in_transaction", True):
                connection.exec_driver_sql("ROLLBACK")
        except DBAPIError:
            return False
        return True

    def _unknown(self, jobs: list[Job], error: BaseException) -> list[Answer]:
        """Give the connection up, settle what the WAL holds, and only then say that the outcome is not known."""
        if not self._in_memory:
            self._give_up()
            self._checkpoint("TRUNCATE")
        lost = OutcomeUnknown(f"{self._name} failed while it committed: {getattr(error, 'orig', error)}")
        lost.__cause__ = error
        return [Error(lost) for _ in jobs]

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
            self._engine.dispose()

    def tend(self, *, idle: bool) -> bool:
        """Checkpoint when much has gathered, empty the WAL when idle."""
        if idle:
            return not self._checkpoint("TRUNCATE")
        if self._pages >= limits.CHECKPOINT_PAGES:
            self._checkpoint("PASSIVE")
        return True

    def _checkpoint(self, how: str) -> bool:
        """True if all of the WAL is in the database. A failure loses nothing: the WAL is kept and tried again."""
        self._pages = 0
        try:
            connection = self.connection
            # A reader in our way is waited for the next time, not now: appends may be queued behind us.
            (wait_ms,) = connection.exec_driver_sql("PRAGMA busy_timeout").one()
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            busy, _, _ = connection.exec_driver_sql(f"PRAGMA wal_checkpoint({how})").one()
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait_ms}")
        except (DBAPIError, StoreError):
            return False
        return not busy

    def close(self) -> None:
        """Empty the WAL and let go."""
        if not self._in_memory:
            self._checkpoint("TRUNCATE")
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()


class SqliteReader:
    """The reading half. Without a writer beside it, it opens the file read-only and takes no lock."""

    def __init__(self, path: Path | None, *, inline: bool = False, shared: Connection | None = None) -> None:
        self._path = path
        self._inline = inline
        self._shared = shared
        self._limiter = trio.CapacityLimiter(limits.STORE_READERS)
        self._closed = False
        self._readers: Engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: file.connect(path, readonly=True),
            poolclass=QueuePool,
            pool_size=limits.STORE_READERS,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
        )

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path or ':memory:'}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def head(self, room: str) -> Head:
        rows = await self._rows(queries.HEAD, {"room": room})
        return queries.to_head(rows[0]) if rows else Head(room)

    async def read(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Record]:
        rows = await self._page(queries.READ, {"room": room, "after": after, "limit": limit})
        return [queries.to_record(room, row) for row in rows]

    async def sealed(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Sealed]:
        rows = await self._page(queries.SEALED, {"room": room, "after": after, "limit": limit})
        return [queries.to_sealed(row) for row in rows]

    async def find(self, room: str, record_id: str) -> Record | None:
        rows = await self._rows(queries.FIND, {"room": room, "record_id": record_id})
        return queries.to_record(room, rows[0]) if rows else None

    async def rooms(self, after: str = "", limit: int = 50, query: str = "") -> list[Head]:
        rows = await self._rows(queries.ROOMS, {"after": after, "limit": limit, "query": query})
        return [queries.to_head(row) for row in rows]

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        asked = {"room": room, "at": queries.ANY_SEQ if at is None else at}

        def newest(connection: Connection) -> Snapshot | None:
            with connection.execute(queries.SNAPSHOTS, asked) as result:
                kept = (queries.to_snapshot(row) for row in result)
                return next((snapshot for snapshot in kept if snapshot is not None), None)

        return await self._read(newest)

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        asked: dict[str, Any] = {"after": after, "limit": limit}
        if due is None:
            rows = await self._rows(queries.OPEN, asked)
        else:
            rows = await self._rows(queries.DUE, asked | {"due": due})
        return [row[0] for row in rows]

    async def aclose(self) -> None:
        """Let go of the file. Idempotent."""
        self._closed = True
        self._readers.dispose()
        await trio.lowlevel.checkpoint()

    async def _rows(self, statement: Executable, asked: dict[str, Any]) -> Sequence[Sequence[Any]]:
        return await self._read(lambda connection: connection.execute(statement, asked).all())

    async def _page(self, statement: Executable, asked: dict[str, Any]) -> list[Sequence[Any]]:
        def fill(connection: Connection) -> list[Sequence[Any]]:
            page = queries.Page()
            with connection.execute(statement, asked) as result:
                for rows in result.partitions(queries.PARTITION):
                    if not page.add(rows):
                        break
            return page.rows

        return await self._read(fill)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StoreError(f"the store {self.url} is closed")
        if not self._inline:
            return await trio.to_thread.run_sync(self._with_connection, work, limiter=self._limiter)
        await trio.lowlevel.checkpoint()
        return self._with_connection(work)

    def _with_connection(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._shared is not None:
                return work(self._shared)
            with self._readers.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            raise file.explain(str(self._path), error.orig) from error


class SqliteStore(SqliteReader):
    """A log in a SQLite file, or in memory if `path` is None. This process is its only writer until `aclose`.

    `entropy` draws lineages. `lock_wait_s` is how long another program may hold the database's own lock before an
    append is given up. Raises StoreLocked, StoreCorrupt, StoreFull or StoreError, and then nothing was changed.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        inline: bool = False,
        entropy: Callable[[int], bytes] = os.urandom,
        lock_wait_s: float = limits.LOCK_WAIT_S,
    ) -> None:
        self._lock: file.Lock | None = None
        if path is not None:
            file.look(path)
            self._lock = file.Lock(path)
        try:
            if path is not None:
                file.prepare(path)
            engine = SqliteEngine(path, entropy, lock_wait_s)
        except DBAPIError as error:
            self._unlock()
            raise file.explain(str(path), error.orig) from error
        except BaseException:
            self._unlock()
            raise
        inline = inline or path is None
        self._writer: Writer[Job, Head | None] | InlineWriter[Job, Head | None]
        self._writer = InlineWriter(engine) if inline else Writer(engine, f"plait writer of {path}")
        super().__init__(path, inline=inline, shared=engine.connection if path is None else None)

    async def append(self, append: Append) -> Head:
        head = await self._writer.submit(AppendJob(append))
        assert head is not None
        return head

    async def save_snapshot(self, room: str, snapshot: Snapshot) -> None:
        await self._writer.submit(SnapshotJob(room, snapshot))

    async def aclose(self) -> None:
        """Commit what is queued, empty the WAL, let go of the file and of its lock. Idempotent."""
        try:
            await self._writer.aclose()
        finally:
            self._unlock()
            await super().aclose()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
