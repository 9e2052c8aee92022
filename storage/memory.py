"""The reference engine: a log in plain dicts, which says what the others must do.

It keeps nothing when the process ends. It judges an append with the same rules as a batch does (`batch.refusal`,
`batch.repeated`) and seals records with the same chain, so a hash made here equals one made on disk. The contract suite
runs on it first; the state machine in tests/storage holds the SQLite engine to it, step by step.
"""

import os
from collections.abc import Callable
from typing import Self

import trio
from msgspec import Struct, field, structs

from ..protocol import limits
from ..protocol.events import Record
from . import chain
from .batch import prepare, refusal, repeated
from .store import Append, Head, Sealed, Snapshot, StoreError


class _Room(Struct):
    head: Head
    records: list[Record] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    snapshots: dict[int, Snapshot] = field(default_factory=dict)


class MemoryStore:
    """A store in memory. `entropy` draws lineages; a test gives its own."""

    url = "memory:"

    def __init__(self, *, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._rooms: dict[str, _Room] = {}
        self._entropy = entropy
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def head(self, room: str) -> Head:
        await self._checkpoint()
        kept = self._rooms.get(room)
        return kept.head if kept else Head(room)

    async def read(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Record]:
        await self._checkpoint()
        kept = self._rooms.get(room)
        if kept is None:
            return []
        return kept.records[after : after + self._fitting(kept, after, limit)]

    async def sealed(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Sealed]:
        await self._checkpoint()
        kept = self._rooms.get(room)
        if kept is None:
            return []
        return kept.sealed[after : after + self._fitting(kept, after, limit)]

    async def find(self, room: str, record_id: str) -> Record | None:
        await self._checkpoint()
        kept = self._rooms.get(room)
        if kept is None or record_id not in kept.places:
            return None
        return kept.records[kept.places[record_id] - 1]

    async def rooms(self, after: str = "", limit: int = 50, query: str = "") -> list[Head]:
        await self._checkpoint()
        names = sorted(name for name in self._rooms if name > after and query in name)
        return [self._rooms[name].head for name in names[:limit]]

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        await self._checkpoint()
        kept = self._rooms.get(room)
        if kept is None:
            return None
        return kept.snapshots.get(max((seq for seq in kept.snapshots if at is None or seq <= at), default=-1))

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        await self._checkpoint()
        return sorted(name for name, kept in self._rooms.items() if name > after and _waits(kept.head, due))[:limit]

    async def append(self, append: Append) -> Head:
        leaves = prepare(append)
        await self._checkpoint()
        kept = self._rooms.get(append.room) or _Room(Head(append.room))
        wanted = (record.id for record in append.records if record.id is not None)
        if repeated(append, {one: kept.places[one] for one in wanted if one in kept.places}):
            return kept.head
        refused = refusal(append, kept.head.seq, kept.head.epoch)
        if refused is not None:
            raise refused
        link = kept.head.hash
        for record, leaf in zip(append.records, leaves, strict=True):
            link = chain.link(link, leaf.header, leaf.body_hash)
            kept.records.append(record)
            kept.sealed.append(Sealed(record.seq, leaf.header, leaf.body, record.update, leaf.body_hash, link))
            if record.id is not None:
                kept.places[record.id] = record.seq
        last = append.records[-1]
        kept.head = Head(
            append.room,
            last.seq,
            append.epoch,
            link,
            kept.head.lineage or self._entropy(16).hex(),
            append.open_runs,
            append.wake_at,
            last.time,
        )
        self._rooms[append.room] = kept
        return kept.head

    async def save_snapshot(self, room: str, snapshot: Snapshot) -> None:
        await self._checkpoint()
        kept = self._rooms.get(room)
        if kept is None or snapshot.seq > kept.head.seq:
            raise StoreError(f"room {room!r} has no record {snapshot.seq} that a snapshot could be of")
        rung = snapshot.seq - snapshot.seq % limits.SNAPSHOT_RECORDS
        for older in [seq for seq in kept.snapshots if rung <= seq <= snapshot.seq]:
            del kept.snapshots[older]
        kept.snapshots[snapshot.seq] = structs.replace(snapshot)

    async def aclose(self) -> None:
        self._closed = True
        await trio.lowlevel.checkpoint()

    async def _checkpoint(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self.url} is closed")
        await trio.lowlevel.checkpoint()

    def _fitting(self, kept: _Room, after: int, limit: int) -> int:
        taken = filled = 0
        for one in kept.sealed[after : after + limit]:
            if filled >= limits.PAGE_BYTES:
                break
            taken, filled = taken + 1, filled + len(one.body) + len(one.update)
        return taken


def _waits(head: Head, due: int | None) -> bool:
    if due is None:
        return head.open_runs > 0
    return head.wake_at is not None and head.wake_at <= due
