"""What is queued for the writer: one class for each kind of write.

Building a job does on the caller's thread whatever can be done there, encoding and hashing above all, and refuses what
could never be admitted. `weight` is how many records it counts for in a batch, `pages` about how much WAL it makes.
"""

from collections.abc import Sequence
from hashlib import sha256

from ..protocol import limits
from ..protocol.errors import Refused
from ..protocol.media import media_type
from . import chain
from .errors import Conflict
from .store import Append, Erasure, Head, Making, Revocation, Sealed, Snapshot, next_seqs

LARGEST = (1 << 63) - 1
"""Databases keep signed 64-bit integers; a larger one must fail its own append and not the batch."""

_PAGE = 4096


class AppendJob:
    """An append on its way to a batch."""

    def __init__(self, append: Append) -> None:
        self.append = append
        self.room = append.room
        self.leaves = prepare(append)
        self.weight = len(append.records)
        self.pages = 2 + sum(len(leaf.body) + 300 for leaf in self.leaves) // _PAGE


class MakeJob(AppendJob):
    """Records of a room that is being made, on their way to a batch."""

    def __init__(self, making: Making) -> None:
        super().__init__(making.append)
        self.making = making


class SnapshotJob:
    """A snapshot on its way to a batch."""

    weight = 1

    def __init__(self, room: str, snapshot: Snapshot) -> None:
        self.room = room
        self.snapshot = snapshot
        self.pages = 2 + len(snapshot.data) // _PAGE


class BlobJob:
    """A blob on its way to a batch; a large one fills it. `now` is when it was uploaded, in µs since 1970."""

    room = ""
    """It is no room's until one refers to it, and no room has this name."""

    def __init__(self, data: bytes, kind: str, now: int) -> None:
        self.data = data
        self.kind = checked_kind(data, kind)
        self.hash = sha256(data).hexdigest()
        self.now = now
        self.weight = 1 + len(data) * limits.BATCH_RECORDS // limits.BLOB_BYTES
        self.pages = 2 + len(data) // _PAGE


class DeleteJob:
    """The death of a room: from its commit on nobody can read or write it. Answered by whether there was anything."""

    weight = 1
    pages = 2

    def __init__(self, room: str) -> None:
        self.room = room


class PurgeJob:
    """The removal of some of a deleted room's records, snapshots and blobs, or of what there is of one that was not
    made to its end. Answered by whether there is more."""

    weight = limits.PAGE_RECORDS
    pages = limits.PAGE_RECORDS // 8

    def __init__(self, room: str) -> None:
        self.room = room


class EraseJob:
    """An erasure on its way to a batch, which it fills."""

    weight = limits.BATCH_RECORDS

    def __init__(self, erasure: Erasure) -> None:
        self.erasure = erasure
        self.room = erasure.append.room
        self.leaves = prepare(erasure.append)
        self.pages = 2 + len(erasure.changed)


class StageJob:
    """A page of a log that was sealed elsewhere, on its way to where it is put aside, under a name that is no room's.
    Raises ValueError where a header is none, Conflict where two records have one id."""

    def __init__(self, room: str, page: Sequence[Sealed]) -> None:
        self.room = room
        self.columns = [chain.columns(one.header) for one in page]
        ids = [each.record_id for each in self.columns if each.record_id is not None]
        self.ids = list(dict.fromkeys(ids))
        if len(self.ids) < len(ids):
            raise Conflict("two records of the log have one id")
        self.page = page
        self.weight = len(page)
        self.pages = 2 + sum(len(one.body) + len(one.update) + 300 for one in page) // _PAGE


class AdoptJob:
    """The appearance of what was put aside under the name `staged`: it is the room of the append, which follows it."""

    weight = limits.BATCH_RECORDS

    def __init__(self, staged: str, last: Sealed, append: Append) -> None:
        self.staged = staged
        self.last = last
        self.append = append
        self.room = append.room
        self.leaves = prepare(append)
        self.pages = 2 + len(append.records)


class RevokeJob:
    """A revocation on its way to a batch."""

    room = ""
    """It is no room's log that changes."""
    weight = 1
    pages = 1

    def __init__(self, revocation: Revocation) -> None:
        self.revocation = checked_revocation(revocation)


Job = AppendJob | SnapshotJob | BlobJob | DeleteJob | PurgeJob | EraseJob | StageJob | AdoptJob | RevokeJob
Answered = Head | bool | None


def prepare(append: Append) -> list[chain.Leaf]:
    """The append's records, encoded. Raises ValueError if it is malformed, which is the caller's bug."""
    if not append.records:
        raise ValueError("an append needs at least one record")
    ids = set()
    leaves = []
    for seq, record in zip(next_seqs(append), append.records, strict=True):
        if record.seq != seq:
            raise ValueError(f"the records of an append after {append.after} must have the seqs that follow it")
        if record.id is not None:
            if record.id in ids:
                raise ValueError(f"two records of one append have the id {record.id!r}")
            ids.add(record.id)
        if record.time > LARGEST or record.epoch > LARGEST:
            raise ValueError("a number of this append does not fit 64 bits")
        leaves.append(chain.leaf(record))
    if max(append.after + len(leaves), append.epoch, append.open_runs, append.wake_at or 0) > LARGEST:
        raise ValueError("a number of this append does not fit 64 bits")
    return leaves


def checked_revocation(revocation: Revocation) -> Revocation:
    """The revocation itself. Raises ValueError if its time does not fit 64 bits, which is the caller's bug."""
    if not 0 <= revocation.at <= LARGEST:
        raise ValueError("a number of this revocation does not fit 64 bits")
    return revocation


def checked_kind(data: bytes, kind: str) -> str:
    """The media type as it is kept. Raises ValueError if it is none, or if the bytes are more than a blob may have."""
    if len(data) > limits.BLOB_BYTES:
        raise ValueError(f"a blob may have {limits.BLOB_BYTES} bytes")
    try:
        return media_type(kind)
    except Refused as refused:
        raise ValueError(refused.message) from None
