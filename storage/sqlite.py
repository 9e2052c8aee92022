"""The SQLite store: a lock on its file, an engine that one thread drives (`engine`), and connections that read.

What is to be written is a job (`jobs`) for the writer, and answered when it is on disk. Inline, everything runs on the
caller's thread: for simulation under a clock that jumps, and for `:memory:`, where the one connection is the database.
"""

import os
import time
from collections.abc import AsyncIterable, Callable, Sequence
from pathlib import Path

import trio
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ..protocol import limits
from . import file
from .engine import SqliteEngine
from .errors import StoreCorrupt, StoreSealed
from .jobs import (
    AdoptJob,
    Answered,
    AppendJob,
    BlobJob,
    DeleteJob,
    EraseJob,
    Job,
    MakeJob,
    PurgeJob,
    RevokeJob,
    SnapshotJob,
    StageJob,
)
from .keyring import Keyring
from .masters import Masters
from .reader import SqliteReader, T
from .ringfile import ring_path
from .sealing import Sealer
from .store import Append, Erasure, Head, Making, Revocation, Sealed, Snapshot
from .writer import InlineWriter, Writer


def now() -> int:
    """The system's time in µs since 1970."""
    return time.time_ns() // 1000


_HASHED_AT_ONCE = 256 << 10
"""A blob of more bytes is hashed on a worker thread: SHA-256 takes a millisecond for so many, and tabs wait."""


class SqliteStore(SqliteReader):
    """A log in a SQLite file, or in memory if `path` is None. This process is its only writer until `aclose`.

    `entropy` draws lineages; `now` is the time in µs since 1970, for uploads. `lock_wait_s` is how long another program
    may hold the database's own lock before an append is given up. Raises StoreLocked, StoreCorrupt, StoreFull or
    StoreError, and then nothing was changed.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        inline: bool = False,
        entropy: Callable[[int], bytes] = os.urandom,
        now: Callable[[], int] = now,
        lock_wait_s: float = limits.LOCK_WAIT_S,
        masters: Masters | None = None,
    ) -> None:
        self._now = now
        self._entropy = entropy
        self._lock: file.Lock | None = None
        if path is not None:
            file.look(path)
            self._lock = file.Lock(path)
        try:
            if path is not None:
                file.prepare(path)
            sealer = _sealer(path, masters)
            engine = SqliteEngine(path, entropy, lock_wait_s, sealer)
            engine.finish_deletions()
        except DBAPIError as error:
            self._unlock()
            raise file.explain(str(path), error.orig) from error
        except BaseException:
            self._unlock()
            raise
        self._under = engine
        inline = inline or path is None
        self._writer: Writer[Job, Answered] | InlineWriter[Job, Answered]
        self._writer = InlineWriter(engine) if inline else Writer(engine, f"plait writer of {path}")
        super().__init__(path, inline=inline, shared=engine.connection if path is None else None, opener=sealer)

    @property
    def ring(self) -> Keyring | None:
        """The keys of an encrypted store; None for a plain one."""
        return self._opener.ring if self._opener is not None else None

    async def _read(self, work: Callable[[Connection], T]) -> T:
        if not self._under.settled:
            raise self._under.unsure()
        return await super()._read(work)

    async def append(self, append: Append) -> Head:
        head = await self._writer.submit(AppendJob(append))
        assert isinstance(head, Head)
        return head

    async def make(self, making: Making) -> Head:
        head = await self._writer.submit(MakeJob(making))
        assert isinstance(head, Head)
        return head

    async def unmake(self, room: str) -> None:
        await self._purge(room)

    async def save_snapshot(self, room: str, snapshot: Snapshot) -> None:
        await self._writer.submit(SnapshotJob(room, snapshot))

    async def put_blob(self, data: bytes, media_type: str) -> str:
        if self._inline or len(data) < _HASHED_AT_ONCE:
            job = BlobJob(data, media_type, self._now())
        else:
            job = await trio.to_thread.run_sync(BlobJob, data, media_type, self._now())
        await self._writer.submit(job)
        return job.hash

    async def revoke(self, revocation: Revocation) -> None:
        await self._writer.submit(RevokeJob(revocation))

    async def delete(self, room: str) -> bool:
        found = await self._writer.submit(DeleteJob(room))
        if not found:
            return False
        await self._purge(room)
        return True

    async def erase(self, erasure: Erasure) -> Head:
        head = await self._writer.submit(EraseJob(erasure))
        assert isinstance(head, Head)
        return head

    async def adopt(self, append: Append, pages: AsyncIterable[Sequence[Sealed]]) -> Head:
        staged = f"put aside {self._entropy(16).hex()}"  # No room's name has a space.
        last: Sealed | None = None
        try:
            async for page in pages:
                await self._writer.submit(await self._off_thread(StageJob, staged, page))
                last = page[-1]
            if last is None:
                raise ValueError("a log that is adopted has records")
            head = await self._writer.submit(AdoptJob(staged, last, append))
            assert isinstance(head, Head)
            return head
        except BaseException:
            if last is not None:
                await self._purge(staged)
            raise

    async def _purge(self, room: str) -> None:
        with trio.CancelScope(shield=True):  # A room that is dead should be gone when the next one asks.
            while await self._writer.submit(PurgeJob(room)):
                pass

    async def _off_thread(self, make: Callable[..., T], *given: object) -> T:
        """Build a job that takes a while, where tabs do not wait for it."""
        return make(*given) if self._inline else await trio.to_thread.run_sync(make, *given)

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


def _sealer(path: Path | None, masters: Masters | None) -> Sealer | None:
    """What encrypts what is written there; None for a plain store. A plain store that is opened with keys says from now
    on that it is encrypted. Raises StoreSealed for an encrypted one without its keys, and then nothing was changed."""
    try:
        store = file.sealing_of(path) if path is not None else ""
    except StoreCorrupt:
        if masters is not None:
            raise
        return None  # What is damaged is said when it is needed.
    if masters is None:
        if store:
            raise StoreSealed(f"{path} is encrypted: give its master key (--keys, PLAIT_KEYS); nothing was changed")
        return None
    ring = Keyring(ring_path(path) if path is not None else None, masters, store=store, create=not store)
    if path is not None and not store:
        file.mark_sealed(path, ring.store)
    return Sealer(ring)
