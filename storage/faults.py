"""A store that fails when told to, so that tests of everything above can see what becomes of a failed append.

Product code and not a mock: it wraps any store and passes everything on, and what it fakes are the three things that a
real disk does to an append. It fails and nothing happened; it fails and the append happened nonetheless, which nobody
is told; it takes its time. Each order counts for one append, in the order given; `hold` counts until `release`.
"""

from collections import deque
from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Any, Self

import trio

from ..protocol.access import ANY
from ..protocol.errors import OutcomeUnknown
from ..protocol.events import Record
from .errors import StoreError
from .store import (
    ANY_SEQ,
    Append,
    Blob,
    BlobFacts,
    Erasure,
    Head,
    Listing,
    Making,
    Revocation,
    Sealed,
    Sieve,
    Snapshot,
    Store,
)


class FaultyStore:
    """Wraps `inner`. `appends` are those that were asked for, in order, whatever became of them."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.appends: list[Append] = []
        self._orders: deque[tuple[bool, Exception]] = deque()
        self._gate: trio.Event | None = None
        self._held = 0
        self._changed = trio.Condition()

    def fail_before(self, error: Exception | None = None) -> None:
        """The next append raises `error` (a StoreError unless given) and nothing happens."""
        self._orders.append((False, error or StoreError("the disk refused, as this test asked")))

    def fail_after(self, error: Exception | None = None) -> None:
        """The next append happens and raises `error` (OutcomeUnknown unless given)."""
        self._orders.append((True, error or OutcomeUnknown("the answer of the disk was lost, as this test asked")))

    def hold(self) -> None:
        """Appends wait, uncancellably as if they were on their way to the disk, until `release`."""
        self._gate = self._gate or trio.Event()

    def release(self) -> None:
        """Let everything that is held go on."""
        if self._gate is not None:
            self._gate.set()
            self._gate = None

    async def wait_held(self, count: int = 1) -> None:
        """Return when at least `count` appends are being held."""
        async with self._changed:
            while self._held < count:
                await self._changed.wait()

    async def append(self, append: Append) -> Head:
        await trio.lowlevel.checkpoint()
        self.appends.append(append)
        happens, error = self._orders.popleft() if self._orders else (True, None)
        head = Head(append.room)
        # From here on it is as if it were queued for the disk: a cancelled caller waits like everybody else.
        with trio.CancelScope(shield=True):
            if self._gate is not None:
                await self._wait(self._gate)
            if happens:
                head = await self.inner.append(append)
        if error is not None:
            raise error
        return head

    async def _wait(self, gate: trio.Event) -> None:
        await self._count(1)
        await gate.wait()
        await self._count(-1)

    async def _count(self, change: int) -> None:
        async with self._changed:
            self._held += change
            self._changed.notify_all()

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def encrypts(self) -> bool:
        return self.inner.encrypts

    async def head(self, room: str) -> Head:
        return await self.inner.head(room)

    async def read(self, room: str, after: int = 0, limit: int = 500) -> list[Record]:
        return await self.inner.read(room, after, limit)

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = 500
    ) -> list[Record]:
        return await self.inner.sift(room, sieve, after, upto, limit)

    async def writings(self, room: str, document: str, upto: int = ANY_SEQ) -> list[int]:
        return await self.inner.writings(room, document, upto)

    async def find(self, room: str, record_id: str) -> Record | None:
        return await self.inner.find(room, record_id)

    async def rooms(
        self,
        cursor: str = "",
        limit: int = 50,
        query: str = "",
        metadata: Mapping[str, str | None] | None = None,
        names: Sequence[str] = ANY,
    ) -> Listing:
        return await self.inner.rooms(cursor, limit, query, metadata, names)

    async def room_names(self, after: str = "", limit: int = 500) -> list[str]:
        return await self.inner.room_names(after, limit)

    async def forks(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        return await self.inner.forks(room, after, limit)

    async def blob(self, name: str) -> Blob | None:
        return await self.inner.blob(name)

    async def blob_facts(self, name: str) -> BlobFacts | None:
        return await self.inner.blob_facts(name)

    async def blobs_of(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        return await self.inner.blobs_of(room, after, limit)

    async def blob_reaches(self, name: str, rooms: Sequence[str]) -> bool:
        return await self.inner.blob_reaches(name, rooms)

    async def revocations(self) -> list[Revocation]:
        return await self.inner.revocations()

    async def revoke(self, revocation: Revocation) -> None:
        await self.inner.revoke(revocation)

    async def sealed(self, room: str, after: int = 0, limit: int = 500) -> list[Sealed]:
        return await self.inner.sealed(room, after, limit)

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        return await self.inner.snapshot(room, at)

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        return await self.inner.unfinished(due, after, limit)

    async def make(self, making: Making) -> Head:
        return await self.inner.make(making)

    async def unmake(self, room: str) -> None:
        await self.inner.unmake(room)

    async def save_snapshot(self, room: str, snapshot: Snapshot) -> None:
        await self.inner.save_snapshot(room, snapshot)

    async def put_blob(self, data: bytes, media_type: str) -> str:
        return await self.inner.put_blob(data, media_type)

    async def delete(self, room: str) -> bool:
        return await self.inner.delete(room)

    async def erase(self, erasure: Erasure) -> Head:
        return await self.inner.erase(erasure)

    async def adopt(self, append: Append, pages: AsyncIterable[Sequence[Sealed]]) -> Head:
        return await self.inner.adopt(append, pages)

    async def aclose(self) -> None:
        self.release()
        await self.inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.aclose()
