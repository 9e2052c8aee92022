"""The port: what a log must do, whoever keeps it.

An engine keeps, per room, an append-only sequence of records without gaps, and beside it snapshots, which are caches.
`memory` is the reference; tests/storage/contract.py is one suite that every engine passes. What one may raise stands in
`errors`.

Appending is the only way to change a log. An append names the head that it stands on and the epoch that it is made
under; the store compares both with what it has, in the transaction that writes. So two writers can never both extend
the same head, and a writer that has been replaced finds out at its next append.

Beside its log a room has a line in the list of rooms (`About`, its activity) and blobs that its records refer to. A
deleted room leaves nothing of that but its row, so that its name, its lineage and its epochs never come back.
"""

from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from ..protocol.access import ANY
from ..protocol.events import Record

ANY_SEQ = (1 << 63) - 1
"""Past every seq: the largest integer that a database keeps."""


class About(Struct, frozen=True):
    """What the list of rooms shows of a room beside its log: a title, what a host wrote on it, runs that wait."""

    title: str = ""
    metadata: dict[str, str] = {}
    waiting_runs: int = 0


class Append(Struct, frozen=True):
    """Records to put after `after` under `epoch`, with what the room's row says from then on.

    `records` have the seqs after+1, after+2, …; `open_runs` is how many runs are not terminal after them, `wake_at`
    (µs since 1970) is when something is due though nobody asks, None if nothing. `about` is what the list shows from
    now on, None for what it showed before. `blobs` are the hashes that these records refer to, which must be there.
    With `renews` the history is called by a new lineage from then on.
    """

    room: str
    epoch: int
    after: int
    records: tuple[Record, ...]
    open_runs: int = 0
    wake_at: int | None = None
    about: About | None = None
    blobs: tuple[str, ...] = ()
    renews: bool = False


class Erasure(Struct, frozen=True):
    """What erasing somebody changes (`erasing.plan`): `append` holds the record that says so, `changed` are the records
    before it as they are from then on, and `blobs` are those that the room refers to no more. `subject` is who is
    erased, `first` the seq of their first record: an encrypted store drops their keys. `kept` are records as they are
    to be kept, by their seqs, where that is not their plain encoding."""

    append: Append
    changed: tuple[Record, ...]
    blobs: tuple[str, ...] = ()
    subject: str = ""
    first: int = 0
    kept: dict[int, tuple[bytes, bytes]] = {}


class Making(Struct, frozen=True):
    """Records for a room that nobody can see before its `last` ones are in, as a copy of another room is made.

    The first ones stand on nothing and make the room, under a name that nobody ever had; `of` names the room that it is
    a fork of, if it is one. What comes before the last ones says of no open run and of nothing that is due.
    """

    append: Append
    of: str = ""
    last: bool = False


class Head(Struct, frozen=True):
    """Where a room's log ends. `lineage` names this history; a fork or a restore has another. `hash` is the chain's.

    A room that nobody has written to has seq 0, epoch 0 and an all-zero hash; its lineage is empty. Of a room that was
    deleted it says where the log ended.
    """

    room: str
    seq: int = 0
    epoch: int = 0
    hash: bytes = bytes(32)
    lineage: str = ""
    open_runs: int = 0
    wake_at: int | None = None
    time: int = 0
    deleted: bool = False


class Listed(Struct, frozen=True):
    """A room in the list. `activity` is the second (in µs) of the last record that is not the house's."""

    head: Head
    about: About
    activity: int


class Listing(Struct, frozen=True):
    """A page of the list, and the cursor that the next one begins with; an empty one says that this is the last."""

    rooms: tuple[Listed, ...]
    cursor: str = ""


class BlobFacts(Struct, frozen=True):
    """What is known of a blob: its name, which is the SHA-256 of its bytes in hex; its type as uploaded; its bytes."""

    hash: str
    media_type: str
    size: int


class Blob(Struct, frozen=True):
    """A blob and its bytes."""

    hash: str
    media_type: str
    data: bytes


class Snapshot(Struct, frozen=True):
    """A cache of a room as of `seq`: `data` is whatever the runtime wrote, `version` that of the fold that wrote it."""

    seq: int
    version: int
    data: bytes


class Sealed(Struct, frozen=True, array_like=True, gc=False):
    """A record as it is kept: its bytes and its link of the hash chain (storage/chain says how they are computed).

    `body_hash` is kept beside the body, so that the chain still verifies when a body was erased and is another. In an
    encrypted store it is that of `cipher`, the bytes that are kept in place of body and update; these two are empty
    where the key is not here, or does not open it.
    """

    seq: int
    header: bytes
    body: bytes
    update: bytes
    body_hash: bytes
    hash: bytes
    cipher: bytes = b""

    @property
    def kept(self) -> tuple[bytes, bytes]:
        """What is kept, which the chain covers: body and update, or what they were encrypted to."""
        return (self.cipher, b"") if self.cipher else (self.body, self.update)

    @property
    def locked(self) -> bool:
        """Whether it is encrypted and could not be opened."""
        return bool(self.cipher) and not self.body


class Sieve(Struct, frozen=True):
    """Which records `sift` lets through: those that wrote in a shared `document` or in one of its drafts; or, of a
    `run`, those of these `kinds`."""

    document: str = ""
    run: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def drafts(self) -> str:
        """What the names of the document's drafts begin with."""
        return f"{self.document}~"

    def is_of(self, document: str) -> bool:
        """Whether that is the document, or a draft of it."""
        return document == self.document or document.startswith(self.drafts)

    def passes(self, document: str, run: str, kind: str) -> bool:
        """Whether a record with these columns passes."""
        return run == self.run and kind in self.kinds if self.run else self.is_of(document)


class Revocation(Struct, frozen=True):
    """Grants that count no more: every one of a subject, or for a room, that was issued up to `at` (µs since 1970), or
    the one grant of that id."""

    kind: Literal["subject", "grant", "room"]
    value: str
    at: int


class Reader(Protocol):
    """The reading half, which `storage.aio` offers to asyncio as well. No method changes anything.

    What a deleted room had can no longer be read: whoever names it gets RoomDeleted, except from `head`.
    """

    @property
    def encrypts(self) -> bool:
        """Whether what is written is encrypted, so that erasing needs no more than dropping keys; of what only reads,
        whether it has the keys of such a store."""
        ...

    async def head(self, room: str) -> Head:
        """Where the room's log ends; an unwritten room gives `Head(room)`."""
        ...

    async def read(self, room: str, after: int = 0, limit: int = 500) -> list[Record]:
        """The records after seq `after`, at most `limit` and about `limits.PAGE_BYTES`, in order; [] at the end."""
        ...

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = 500
    ) -> list[Record]:
        """As `read`, but only the records up to seq `upto` that pass the sieve; the others are not read."""
        ...

    async def writings(self, room: str, document: str, upto: int = ANY_SEQ) -> list[int]:
        """The seqs of the records that wrote in a shared document, up to that one; hardly any of them is read."""
        ...

    async def find(self, room: str, record_id: str) -> Record | None:
        """The record of that id, by an index (never a scan)."""
        ...

    async def rooms(
        self,
        cursor: str = "",
        limit: int = 50,
        query: str = "",
        metadata: Mapping[str, str | None] | None = None,
        names: Sequence[str] = ANY,
    ) -> Listing:
        """At most `limit` rooms, the latest active first, from `cursor` on.

        Those whose name or title contains `query`, however either is capitalised, and whose metadata has each of these
        values, or lacks the key where the value is None. Their names fit one of the patterns `names`
        (protocol.access). Raises BadCursor.
        """
        ...

    async def room_names(self, after: str = "", limit: int = 500) -> list[str]:
        """The names of all rooms in the order of their code points, after that name; at most `limit`."""
        ...

    async def forks(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        """The names of the rooms that were forked from that one, in order, after that name; at most `limit`."""
        ...

    async def sealed(self, room: str, after: int = 0, limit: int = 500) -> list[Sealed]:
        """As `read`, but as kept, undecoded: for `verify`."""
        ...

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        """The newest snapshot, or the newest one at or before seq `at`."""
        ...

    async def blob(self, name: str) -> Blob | None:
        """The blob of that hash with its bytes, which are not compared with it."""
        ...

    async def blob_facts(self, name: str) -> BlobFacts | None:
        """What is known of the blob of that hash, without reading it."""
        ...

    async def blobs_of(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        """The hashes of the blobs that the room refers to, in order, after that one; at most `limit`."""
        ...

    async def blob_reaches(self, name: str, rooms: Sequence[str]) -> bool:
        """Whether a room whose name fits one of these patterns refers to the blob, or no room does."""
        ...

    async def revocations(self) -> list[Revocation]:
        """Everything that was revoked, by kind and value."""
        ...


class Store(Reader, Protocol):
    """A log that can be written."""

    @property
    def url(self) -> str:
        """What was opened, without secrets."""
        ...

    async def append(self, append: Append) -> Head:
        """Put the records after the head and return the new one, once they are on disk.

        If all of the append's record ids (it must have some) are in the log already, at one and the same place, nothing
        happens and the present head is returned. Not cancellable once it is queued.

        Raises Fenced, Conflict, NoSuchBlob, RoomDeleted, StoreFull or StoreError if nothing happened;
        protocol.errors.OutcomeUnknown if it is not known; ValueError if the append is malformed, which is the caller's
        bug.
        """
        ...

    async def make(self, making: Making) -> Head:
        """Put records into a room that is being made. Until its last ones are on disk it cannot be read or written
        otherwise and is in no list, and what a process leaves of it is removed when the store is opened again.

        Raises Fenced for a name that is taken, and as `append` does; then `unmake` takes back what there is.
        """
        ...

    async def unmake(self, room: str) -> None:
        """Remove what there is of a room that was not made to its end; nothing, if it was. Its name is free again."""
        ...

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        """Names of rooms with open runs, which a restart looks after; with `due`, of those with `wake_at` by then."""
        ...

    async def save_snapshot(self, room: str, snapshot: Snapshot) -> None:
        """Keep a cache, in place of the older ones of its rung of `limits.SNAPSHOT_RECORDS`.

        Raises StoreError or OutcomeUnknown if it was not kept, which is never an error of the room's: its log is whole.
        """
        ...

    async def put_blob(self, data: bytes, media_type: str) -> str:
        """Keep these bytes and return their name once they are on disk: their SHA-256 in lower-case hex.

        Bytes that are here already keep the type that they came with. What no room refers to within
        `limits.BLOB_LOOSE_S` of its last upload may be swept. Raises as `append` does; ValueError if the bytes or their
        type break protocol.media's rules.
        """
        ...

    async def revoke(self, revocation: Revocation) -> None:
        """Keep a revocation, in place of an older one of the same kind and value; of two the later one stays. Returns
        once it is on disk. Raises StoreFull, StoreError or OutcomeUnknown, and then asking again is safe."""
        ...

    async def delete(self, room: str) -> bool:
        """Remove the room's records, its snapshots and the blobs that only it refers to; False if there was nothing.

        From the first commit on the room is deleted, whatever happens next: a crash in between is made good when the
        store is opened again. Raises StoreFull, StoreError or OutcomeUnknown, and then asking again goes on.
        """
        ...

    async def erase(self, erasure: Erasure) -> Head:
        """Write over the records that change, drop the room's snapshots and its blobs that go, append the record that
        says so, and begin a new lineage: all of it or nothing. Raises as `append` does."""
        ...

    async def adopt(self, append: Append, pages: AsyncIterable[Sequence[Sealed]]) -> Head:
        """Begin a room with records that were sealed elsewhere, as they are, and put the append behind them, under a
        new lineage. All of it appears at once, or nothing: also if `pages` raises, and after a crash.

        Whoever calls has checked the records, or does so while they are taken: here they are only held against
        `append.after`. Raises RoomTaken if somebody has written to a room of that name, and as `append` does.
        """
        ...

    async def aclose(self) -> None:
        """Let what is queued finish, then let go of the database. Idempotent."""
        ...


def next_seqs(append: Append) -> Sequence[int]:
    """The seqs that the append's records must have."""
    return range(append.after + 1, append.after + 1 + len(append.records))
