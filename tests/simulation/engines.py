"""What a simulated disk keeps its bytes in: plain dicts, or a real SQLite file under plait's own engine.

Each process of a world opens it anew, and a dead one leaves what it had written. What becomes of an append is its
`Fate`, which the dice choose above (`disk`); here it is brought about: the dicts just say so, while SQLite is really
given a full disk (`max_page_count`), an error inside of a transaction, or one at COMMIT, before or after its effect.

A crash of SQLite's process is what the kernel leaves of one: the bytes that were written, in the database and in its
WAL, in the midst of a commit a part of them; its connections are gone unclosed and its lock is free. What a power cut
takes besides, writes that were never synced, cannot be had here: `tests/power` does that.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal, Protocol, cast

from outcome import Error, Value
from plait.protocol.errors import OutcomeUnknown
from plait.storage import open_store
from plait.storage.batch import Answer
from plait.storage.engine import SqliteEngine
from plait.storage.errors import StoreError, StoreFull
from plait.storage.jobs import AppendJob, DeleteJob, Job
from plait.storage.memory import MemoryStore
from plait.storage.sqlite import SqliteStore
from plait.storage.store import Append, Head, Store
from plait.storage.writer import InlineWriter
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

Fate = Literal["well", "full", "fails", "lost", "done but lost", "killed after", "killed amid"]
"""What becomes of an append. `lost`: nobody is told what became of it; `killed`: its process dies at that moment."""

FATES: tuple[Fate, ...] = ("full", "fails", "fails", "lost", "done but lost", "killed after", "killed amid")


class Witness(Protocol):
    """Whom an engine tells what it has done, at that very moment; `kill` ends the process that asked."""

    def committed(self, append: Append) -> None: ...
    def removed(self, room: str) -> None: ...
    def kill(self) -> None: ...


class Engine(Protocol):
    """Keeps the bytes of one world."""

    witness: Witness

    def open(self) -> Store:
        """What a new process is given."""
        ...

    async def append(self, store: Any, append: Append, fate: Fate) -> Head:
        """Let that become of it. Raises what the store would."""
        ...

    async def delete(self, store: Any, room: str) -> bool: ...

    def crash(self, store: Any) -> None:
        """The process that had `store` is dead."""
        ...

    async def close(self, store: Any) -> None:
        """It has ended well."""
        ...

    def remove(self) -> None:
        """The world is over."""
        ...


class Dicts:
    """The reference engine, which all processes of a world share."""

    witness: Witness

    def __init__(self, entropy: Callable[[int], bytes], now: Callable[[], int]) -> None:
        self._store = MemoryStore(entropy=entropy, now=now)

    def open(self) -> Store:
        return self._store

    async def append(self, store: Any, append: Append, fate: Fate) -> Head:
        match fate:
            case "full":
                raise StoreFull("the disk is full, as the seed wants it")
            case "fails":
                raise StoreError("the disk failed, as the seed wants it")
            case "lost":
                raise OutcomeUnknown("the disk's answer was lost, as the seed wants it")
            case "killed amid":
                self.witness.kill()
                raise StoreError("the process is dead")
            case _:
                head = await self._store.append(append)
                self.witness.committed(append)
        if fate == "done but lost":
            raise OutcomeUnknown("the disk's answer was lost, as the seed wants it")
        if fate == "killed after":
            self.witness.kill()
        return head

    async def delete(self, store: Any, room: str) -> bool:
        found = await self._store.delete(room)
        if found:
            self.witness.removed(room)
        return found

    def crash(self, store: Any) -> None:
        pass

    async def close(self, store: Any) -> None:
        pass

    def remove(self) -> None:
        pass


class SqliteFile:
    """One file, under `SqliteStore` inline. `folder` is new, in memory where there is such a place."""

    witness: Witness

    def __init__(self, entropy: Callable[[int], bytes], now: Callable[[], int]) -> None:
        shm = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="plait-world-", dir=shm if os.access(shm, os.W_OK) else None))
        self._path = self.folder / "plait.db"
        self._wal = self.folder / "plait.db-wal"
        self._entropy = entropy
        self._now = now
        self._fate: Fate = "well"

    def open(self) -> Store:
        store = open_store(f"sqlite:///{self._path}", inline=True, entropy=self._entropy, now=self._now)
        engine = store._under
        event.listen(engine._engine, "before_cursor_execute", self._before)
        event.listen(engine._engine, "after_cursor_execute", self._after)
        store._writer = cast(Any, InlineWriter(_Seam(self, store, engine)))
        return store

    async def append(self, store: Any, append: Append, fate: Fate) -> Head:
        self._fate = fate
        return await store.append(append)

    async def delete(self, store: Any, room: str) -> bool:
        return await store.delete(room)

    def crash(self, store: Any) -> None:
        if _alive(store):
            self._crash(store, keep_wal=-1)

    def _crash(self, store: SqliteStore, keep_wal: int) -> None:
        """`keep_wal`: as much of the WAL was written when the process died; -1 for all of it."""
        kept = {path: path.read_bytes() for path in (self._path, self._wal) if path.exists()}
        assert store._lock is not None
        assert store._lock._descriptor is not None
        os.close(store._lock._descriptor)  # As the kernel does: the pid stays in the file.
        store._lock._descriptor = None
        store._under._give_up()
        store._readers.dispose()
        for path in self.folder.glob("plait.db*"):
            if path.suffix != ".lock":
                path.unlink()
        for path, data in kept.items():
            path.write_bytes(data if path == self._path or keep_wal < 0 else data[:keep_wal])

    async def close(self, store: Any) -> None:
        await store.aclose()

    def remove(self) -> None:
        rmtree(self.folder, ignore_errors=True)

    # --- the seam -----------------------------------------------------------------------------------------------------

    def commit(self, store: SqliteStore, engine: SqliteEngine, jobs: Sequence[Job]) -> list[Answer]:
        """One transaction, whose fate is that of the append that asked for it; of another job, well."""
        (job,) = jobs
        if not isinstance(job, AppendJob):
            self._fate = "well"
        fate, before = self._fate, self._wal_bytes()
        if fate == "full" and engine.settled:
            engine.connection.exec_driver_sql("PRAGMA max_page_count = 1")  # That is: not one page more than there is.
        answers = engine.commit(jobs)
        self._fate = "well"
        if fate == "full" and engine.settled:
            engine.connection.exec_driver_sql("PRAGMA max_page_count = 4294967294")
        done = isinstance(answers[0], Value)
        if fate == "killed amid" and done and before < self._wal_bytes():
            # Of a transaction without its last frame nothing is there.
            self._crash(store, keep_wal=before + (self._wal_bytes() - before) * 2 // 3)
            self.witness.kill()
            return [Error(StoreError("the process is dead"))]
        if isinstance(job, AppendJob) and (done or fate == "done but lost"):
            self.witness.committed(job.append)
        if isinstance(job, DeleteJob) and done:
            self.witness.removed(job.room)
        if fate in ("killed after", "killed amid"):
            self.witness.kill()
        return answers

    def _wal_bytes(self) -> int:
        return self._wal.stat().st_size if self._wal.exists() else 0

    def _before(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if (self._fate == "fails" and statement.startswith("INSERT")) or (
            self._fate == "lost" and statement == "COMMIT"
        ):
            self._fate = "well"
            raise OperationalError(statement, None, _io_error())

    def _after(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self._fate == "done but lost" and statement == "COMMIT":
            self._fate = "well"
            raise OperationalError(statement, None, _io_error())


class _Seam:
    """Stands between the writer and its engine, and does nothing any more once the process is dead."""

    def __init__(self, file: SqliteFile, store: SqliteStore, engine: SqliteEngine) -> None:
        self._file, self._store, self._engine = file, store, engine

    def commit(self, jobs: list[Job]) -> list[Answer]:
        if not _alive(self._store):
            return [Error(StoreError("the process is dead")) for _ in jobs]
        return self._file.commit(self._store, self._engine, jobs)

    def tend(self, *, idle: bool) -> bool:
        return _alive(self._store) and self._engine.tend(idle=idle)

    def close(self) -> None:
        if _alive(self._store):
            self._engine.close()


def _alive(store: SqliteStore) -> bool:
    """Whether its process has the file still."""
    return store._lock is not None and store._lock._descriptor is not None


def _io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error
