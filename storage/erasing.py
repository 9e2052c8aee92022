"""Erasing one person from a room's log: what is to change, and the one transaction that changes it.

A record that is erased keeps its place, its header and its hashes; its body and its update are written over with what
`protocol/eraser` leaves of them. So the chain still proves that nobody else changed anything: each link holds the hash
of the body that was, and the record of the erasure (`SubjectErased`, which the chain covers) says which records do not
have that body any more, and holds a digest of what they have instead. An erasure lists all records that were ever
erased in its room, because a record can lose something to two people; so the newest one says it all.

It is one transaction, so a crash leaves the room as it was or erased. Old pages that wait to be used again, and dropped
snapshots among them, may still hold what was said: `file.compact` writes the database anew without them.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from sqlalchemy import Connection, bindparam, delete, update

from ..protocol.access import HOUSE
from ..protocol.codec import encode_event
from ..protocol.eraser import Eraser
from ..protocol.events import Record, SubjectErased
from . import blobs, chain
from .store import About, Append, Erasure, Reader, Sealed
from .tables import records, rooms, snapshots

Spans = tuple[tuple[int, int], ...]


class Erased:
    """Which records of a log were erased, and what stands in their places, by the newest erasure."""

    def __init__(self, event: SubjectErased | None) -> None:
        self._seqs = frozenset(seqs(event.records)) if event is not None else frozenset[int]()
        self._event = event
        self._digest = sha256()
        self._as_written = 0

    def __contains__(self, seq: object) -> bool:
        return seq in self._seqs

    def __len__(self) -> int:
        return len(self._seqs)

    def take(self, sealed: Sealed) -> None:
        """What stands in the place of the next record that was erased."""
        found = chain.body_hash(*sealed.kept)
        self._as_written += found == sealed.body_hash
        self._digest.update(found)

    @property
    def sound(self) -> bool:
        """Whether all that was taken is what the erasure left, or what the chain itself holds: a fork's copy was
        written as it stands, and in an encrypted store it is other bytes than its parent's."""
        if self._event is None or self._as_written == len(self._seqs):
            return True
        return self._digest.digest() == self._event.digest


def erasure_id(number: int) -> str:
    """The id of the record of a room's nth erasure, from 1. No command's records are called so: theirs have a `#`."""
    return f"erasure/{number}"


def name_hash(salt: bytes, subject: str) -> bytes:
    """What the log says of who was erased."""
    return sha256(salt + subject.encode()).digest()


def seqs(spans: Iterable[tuple[int, int]]) -> Iterator[int]:
    """All seqs of these ranges, which have a first and a last."""
    for first, last in spans:
        yield from range(first, last + 1)


def spans(numbers: Iterable[int]) -> Spans:
    """These seqs as ranges, in order."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] + 1 == number:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)


async def erasures(reader: Reader, room: str) -> list[SubjectErased]:
    """All erasures of the room, the oldest first."""
    found: list[SubjectErased] = []
    while (record := await reader.find(room, erasure_id(len(found) + 1))) is not None:
        assert isinstance(record.event, SubjectErased)
        found.append(record.event)
    return found


async def plan(reader: Reader, room: str, subject: str, *, by: str, now: int, salt: bytes) -> Erasure | None:
    """What erasing that person from the room's log would change; None if there is nothing of theirs.

    The whole log is read, and what changes is held in memory. Raises StoreError.
    """
    head = await reader.head(room)
    before = await erasures(reader, room)
    gone = set(seqs(before[-1].records)) if before else set[int]()
    eraser, changed, digests = Eraser((subject,)), list[Record](), dict[int, bytes]()
    seq = 0
    while seq < head.seq and (page := await reader.read(room, seq)):
        for record in page[: head.seq - seq]:
            new = eraser.take(record)
            if new is not record:
                changed.append(new)
            if new is not record or record.seq in gone:
                digests[record.seq] = chain.body_hash(encode_event(new.event), new.update)
        seq = page[-1].seq
    if not changed:
        return None
    event = SubjectErased(
        subject=name_hash(salt, subject),
        salt=salt,
        by=by,
        records=spans(digests),
        digest=sha256(b"".join(digests[each] for each in sorted(digests))).digest(),
        lineage=head.lineage,
    )
    record = Record(head.seq + 1, max(now, head.time), HOUSE, "", head.epoch + 1, event, id=erasure_id(len(before) + 1))
    open_runs = eraser.state.open_runs()
    about = About(eraser.state.title, dict(eraser.state.metadata), sum(run.status == "waiting" for run in open_runs))
    append = Append(room, record.epoch, head.seq, (record,), len(open_runs), head.wake_at, about)
    return Erasure(append, tuple(changed), eraser.blobs, subject, eraser.first)


_REWRITE = (
    update(records)
    .where(records.c.room_id == bindparam("of_room"), records.c.seq == bindparam("at"))
    .values(body=bindparam("new_body"), update=bindparam("new_update"))
)
_DROP = delete(snapshots).where(snapshots.c.room_id == bindparam("of_room"))
_RENAME = update(rooms).where(rooms.c.id == bindparam("of_room")).values(lineage=bindparam("new_lineage"))


def rewrite(connection: Connection, room_id: int, erasure: Erasure, lineage: str) -> None:
    """Write over what goes, drop every cache of it, and name the history anew."""
    kept = {one.seq: (encode_event(one.event), one.update) for one in erasure.changed} | erasure.kept
    rows = [
        {"of_room": room_id, "at": seq, "new_body": body, "new_update": update} for seq, (body, update) in kept.items()
    ]
    connection.execute(_REWRITE, rows)
    connection.execute(_DROP, {"of_room": room_id})
    rename(connection, room_id, lineage)
    blobs.let_go_of(connection, room_id, erasure.blobs)


def rename(connection: Connection, room_id: int, lineage: str) -> None:
    """Name the room's history anew."""
    connection.execute(_RENAME, {"of_room": room_id, "new_lineage": lineage})
