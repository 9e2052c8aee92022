"""The reference engine: a log in plain dicts, which says what the others must do.

It keeps nothing when the process ends. It judges an append with the same rules as a batch does (`admission`) and seals
records with the same chain, so a hash made here equals one made on disk. The contract suite runs on it first; the state
machine in tests/storage holds the SQLite engine to it, step by step.
"""

import os
import time
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Self

import trio
from msgspec import Struct, field, structs

from ..protocol import limits
from ..protocol.access import ANY, fits
from ..protocol.codec import encode_event
from ..protocol.events import Record
from . import chain, listing
from .admission import active, check_making, lacking, refusal, repeated
from .errors import Conflict, RoomDeleted, RoomTaken, StoreError
from .jobs import checked_kind, checked_revocation, prepare
from .store import (
    ANY_SEQ,
    About,
    Append,
    Blob,
    BlobFacts,
    Erasure,
    Head,
    Listed,
    Listing,
    Making,
    Revocation,
    Sealed,
    Sieve,
    Snapshot,
)


class _Room(Struct):
    head: Head
    about: About = About()
    activity: int = 0
    of: str = ""
    records: list[Record] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)


class MemoryStore:
    """A store in memory. `entropy` draws lineages and `now` is the time of uploads; a test gives its own."""

    url = "memory:"
    encrypts = False

    def __init__(
        self,
        *,
        entropy: Callable[[int], bytes] = os.urandom,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._rooms: dict[str, _Room] = {}
        self._making: dict[str, _Room] = {}
        self._blobs: dict[str, Blob] = {}
        self._loose: dict[str, int] = {}
        self._revoked: dict[tuple[str, str], Revocation] = {}
        self._entropy = entropy
        self._now = now
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def head(self, room: str) -> Head:
        await self._checkpoint()
        if room in self._making:
            return structs.replace(self._making[room].head, deleted=True)
        kept = self._rooms.get(room)
        return kept.head if kept else Head(room)

    async def read(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Record]:
        await self._checkpoint()
        kept = self._kept(room)
        if kept is None:
            return []
        return kept.records[after : after + self._fitting(kept, after, limit)]

    async def sealed(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Sealed]:
        await self._checkpoint()
        kept = self._kept(room)
        if kept is None:
            return []
        return kept.sealed[after : after + self._fitting(kept, after, limit)]

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = limits.PAGE_RECORDS
    ) -> list[Record]:
        await self._checkpoint()
        kept = self._kept(room)
        found: list[Record] = []
        room_left = limits.PAGE_BYTES
        for one, record in zip(kept.sealed[after:upto], kept.records[after:upto], strict=True) if kept else ():
            if len(found) >= limit or room_left <= 0:
                break
            if sieve.passes(record.document, record.run, chain.kind_of(record.event)):
                found.append(record)
                room_left -= len(one.body) + len(one.update)
        return found

    async def writings(self, room: str, document: str, upto: int = ANY_SEQ) -> list[int]:
        await self._checkpoint()
        kept = self._kept(room)
        return [one.seq for one in kept.records[:upto] if one.document == document] if kept else []

    async def find(self, room: str, record_id: str) -> Record | None:
        await self._checkpoint()
        kept = self._kept(room)
        if kept is None or record_id not in kept.places:
            return None
        return kept.records[kept.places[record_id] - 1]

    async def rooms(
        self,
        cursor: str = "",
        limit: int = 50,
        query: str = "",
        metadata: Mapping[str, str | None] | None = None,
        names: Sequence[str] = ANY,
    ) -> Listing:
        start = listing.place(cursor)
        await self._checkpoint()
        found = [
            ((kept.activity, name), kept)
            for name, kept in self._rooms.items()
            if not kept.head.deleted
            and fits(name, names)
            and (kept.activity, name) < start
            and listing.folded(query) in listing.searched(name, kept.about)
            and listing.matches(kept.about.metadata, metadata or {})
        ]
        found.sort(key=lambda one: one[0], reverse=True)
        page = tuple(Listed(kept.head, kept.about, kept.activity) for _, kept in found[:limit])
        return Listing(page, listing.cursor(found[limit - 1][0]) if len(found) > limit > 0 else "")

    async def room_names(self, after: str = "", limit: int = 500) -> list[str]:
        await self._checkpoint()
        return sorted(name for name, kept in self._rooms.items() if name > after and not kept.head.deleted)[:limit]

    async def forks(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        await self._checkpoint()
        of = (name for name, kept in self._rooms.items() if kept.of == room != "" and not kept.head.deleted)
        return sorted(name for name in of if name > after)[:limit]

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        await self._checkpoint()
        kept = self._kept(room)
        if kept is None:
            return None
        return kept.snapshots.get(max((seq for seq in kept.snapshots if at is None or seq <= at), default=-1))

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        await self._checkpoint()
        return sorted(name for name, kept in self._rooms.items() if name > after and _waits(kept.head, due))[:limit]

    async def append(self, append: Append) -> Head:
        leaves = prepare(append)
        await self._checkpoint()
        kept = self._kept(append.room)
        self._rooms[append.room] = kept = self._add(append, leaves, kept)
        return kept.head

    async def make(self, making: Making) -> Head:
        append = making.append
        leaves = prepare(append)
        await self._checkpoint()
        kept = self._making.get(append.room)
        check_making(append, begun=kept is not None, taken=append.room in self._rooms)
        kept = self._add(append, leaves, kept)
        kept.of = making.of
        if making.last:
            self._making.pop(append.room, None)
            self._rooms[append.room] = kept
        else:
            self._making[append.room] = kept
        return kept.head

    async def unmake(self, room: str) -> None:
        await self._checkpoint()
        kept = self._making.pop(room, None)
        for name in kept.blobs if kept is not None else ():
            if name not in self._loose:
                self._drop_unused(name)

    def _add(self, append: Append, leaves: Sequence[chain.Leaf], kept: _Room | None) -> _Room:
        """The room with these records too. Raises as `append` does, and then nothing happened."""
        before = kept.activity if kept else None
        kept = kept or _Room(Head(append.room))
        wanted = (record.id for record in append.records if record.id is not None)
        if repeated(append, {one: kept.places[one] for one in wanted if one in kept.places}):
            return kept
        missing = [name for name in append.blobs if name not in self._blobs]
        refused = refusal(append, kept.head.seq, kept.head.epoch) or lacking(append, missing)
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
            self._entropy(16).hex() if append.renews else kept.head.lineage or self._entropy(16).hex(),
            append.open_runs,
            append.wake_at,
            last.time,
        )
        kept.activity = active(append, before)
        kept.about = kept.about if append.about is None else append.about
        kept.blobs.update(append.blobs)
        for name in append.blobs:
            self._loose.pop(name, None)
        return kept

    async def adopt(self, append: Append, pages: AsyncIterable[Sequence[Sealed]]) -> Head:
        sealed: list[Sealed] = []
        async for page in pages:
            sealed.extend(page)
        if not sealed:
            raise ValueError("a log that is adopted has records")
        records = [chain.unsealed(one) for one in sealed]
        places = {record.id: record.seq for record in records if record.id is not None}
        prepare(append)
        await self._checkpoint()
        if self._kept(append.room) is not None:
            raise RoomTaken(append.room)
        ids = [record.id for record in (*records, *append.records) if record.id is not None]
        missing = [name for name in append.blobs if name not in self._blobs]
        refused = refusal(append, sealed[-1].seq, records[-1].epoch) or lacking(append, missing)
        if refused is not None:
            raise refused
        if len(set(ids)) < len(ids):
            raise Conflict("two records of the log have one id")
        if [one.seq for one in sealed] != list(range(1, append.after + 1)):
            raise StoreError(f"{len(sealed)} records of the log were put aside, and it has {append.after}")
        head = Head(append.room, append.after, records[-1].epoch, sealed[-1].hash, time=records[-1].time)
        activity = listing.activity(head.time)
        self._rooms[append.room] = _Room(head, About(), activity, "", records, sealed, places)
        return await self.append(append)

    async def erase(self, erasure: Erasure) -> Head:
        append = erasure.append
        prepare(append)
        await self._checkpoint()
        kept = self._kept(append.room)
        if kept is None:
            raise StoreError(f"no room named {append.room} is in this store")
        refused = refusal(append, kept.head.seq, kept.head.epoch)
        if refused is not None:
            raise refused
        for one in erasure.changed:
            old = kept.sealed[one.seq - 1]
            kept.records[one.seq - 1] = one
            kept.sealed[one.seq - 1] = structs.replace(old, body=encode_event(one.event), update=one.update)
        kept.snapshots.clear()
        kept.blobs.difference_update(erasure.blobs)
        for name in erasure.blobs:
            if name not in self._loose:
                self._drop_unused(name)
        await self.append(append)
        kept.head = structs.replace(kept.head, lineage=self._entropy(16).hex())
        return kept.head

    async def save_snapshot(self, room: str, snapshot: Snapshot) -> None:
        await self._checkpoint()
        kept = self._kept(room)
        if kept is None or snapshot.seq > kept.head.seq:
            raise StoreError(f"room {room!r} has no record {snapshot.seq} that a snapshot could be of")
        rung = snapshot.seq - snapshot.seq % limits.SNAPSHOT_RECORDS
        for older in [seq for seq in kept.snapshots if rung <= seq <= snapshot.seq]:
            del kept.snapshots[older]
        kept.snapshots[snapshot.seq] = structs.replace(snapshot)

    async def blob(self, name: str) -> Blob | None:
        await self._checkpoint()
        return self._blobs.get(name)

    async def blob_facts(self, name: str) -> BlobFacts | None:
        blob = await self.blob(name)
        return BlobFacts(name, blob.media_type, len(blob.data)) if blob else None

    async def blobs_of(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        await self._checkpoint()
        kept = self._kept(room)
        return sorted(name for name in kept.blobs if name > after)[:limit] if kept else []

    async def blob_reaches(self, name: str, rooms: Sequence[str]) -> bool:
        await self._checkpoint()
        using = [room for room, kept in self._rooms.items() if name in kept.blobs and not kept.head.deleted]
        return not using or any(fits(room, rooms) for room in using)

    async def revocations(self) -> list[Revocation]:
        await self._checkpoint()
        return [self._revoked[key] for key in sorted(self._revoked)]

    async def revoke(self, revocation: Revocation) -> None:
        checked_revocation(revocation)
        await self._checkpoint()
        key = (revocation.kind, revocation.value)
        known = self._revoked.get(key)
        if known is None or known.at < revocation.at:
            self._revoked[key] = revocation

    async def put_blob(self, data: bytes, media_type: str) -> str:
        kind, name, now = checked_kind(data, media_type), sha256(data).hexdigest(), self._now()
        await self._checkpoint()
        self._blobs.setdefault(name, Blob(name, kind, data))
        self._loose[name] = now
        before = now - limits.BLOB_LOOSE_S * 1_000_000
        expired = sorted((since, loose) for loose, since in self._loose.items() if since < before)
        for _, loose in expired[: limits.BLOB_SWEEP]:
            del self._loose[loose]
            self._drop_unused(loose)
        return name

    async def delete(self, room: str) -> bool:
        await self._checkpoint()
        kept = self._rooms.get(room)
        if kept is None or kept.head.deleted:
            return False
        head = structs.replace(kept.head, open_runs=0, wake_at=None, deleted=True)
        self._rooms[room] = _Room(head)
        for name in kept.blobs:
            if name not in self._loose:
                self._drop_unused(name)
        return True

    def _drop_unused(self, name: str) -> None:
        if not any(name in kept.blobs for kept in (*self._rooms.values(), *self._making.values())):
            del self._blobs[name]

    def _kept(self, room: str) -> _Room | None:
        """The room, None if nobody has written to it. Raises RoomDeleted."""
        kept = self._rooms.get(room)
        if room in self._making or (kept is not None and kept.head.deleted):
            raise RoomDeleted(room)
        return kept

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
