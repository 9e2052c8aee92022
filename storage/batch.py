"""One group commit: many rooms' appends in one transaction, each admitted or refused by itself.

A batch mixes rooms, so one room's quarrel must not cost another its commit. Each append is judged first, against its
room: it is admitted if it stands on the room's head and its epoch is not older. What is refused leaves the batch with
its error; only an error of the database itself fails the batch, and then all of it.

The rooms that wrote lately are remembered, since they are who writes next and nobody else writes to the file. Memory
decides nothing: the update that moves a head names the seq and the epoch that it moves from, in the same transaction,
and if a row says otherwise the batch is run again with every row read anew.

Record ids are looked up only where they can matter: if an append does not stand on the head (a repeat never does), or
if the unique index objected to the batch, which is then run once more with `careful`. So the common append costs
no lookup, and a repeat is still found however late it comes.

What this module decides is only true once COMMIT returned; `sqlite` hands out the answers.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct
from outcome import Error, Outcome, Value
from sqlalchemy import Connection, Insert, Select, Update, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import sqlite

from ..protocol import limits
from ..protocol.events import Record
from . import chain
from .store import Append, Conflict, Fenced, Head, Snapshot, StoreError, next_seqs
from .tables import records, rooms, snapshots

LARGEST = (1 << 63) - 1
"""Databases keep signed 64-bit integers; a larger one must fail its own append and not the batch."""


def _listed(name: str) -> Select[Any]:
    """A parameter that is a JSON array, as a subquery: one statement whatever its length."""
    return select(func.json_each(bindparam(name)).table_valued("value").c.value)


def _spelled(statement: Insert | Update, columns: list[str] | None = None) -> tuple[str, tuple[str, ...]]:
    """A statement's text, spelled once, and the order of its parameters.

    Core would do the same for each batch anew and takes twice the time of the insert itself over it (measured).
    """
    compiled = statement.compile(dialect=sqlite.dialect(), column_keys=columns)
    return str(compiled), tuple(getattr(compiled, "positiontup", ()))


_ROOMS = select(
    rooms.c.id,
    rooms.c.name,
    rooms.c.seq,
    rooms.c.epoch,
    rooms.c.hash,
    rooms.c.lineage,
    rooms.c.open_runs,
    rooms.c.wake_at,
    rooms.c.time,
).where(rooms.c.name.in_(_listed("names")))
_PLACES = select(records.c.record_id, records.c.seq).where(
    records.c.room_id == bindparam("room_id"), records.c.record_id.in_(_listed("ids"))
)
_NEW_ROOM = insert(rooms)
_NEW_RECORDS, _RECORD_ORDER = _spelled(insert(records), [column.name for column in records.c if column.name != "pos"])
_MOVE_HEADS, _HEAD_ORDER = _spelled(
    update(rooms).where(
        rooms.c.id == bindparam("b_id"), rooms.c.seq == bindparam("was_seq"), rooms.c.epoch == bindparam("was_epoch")
    ),
    ["seq", "epoch", "hash", "time"],
)
_SET_WAITS, _WAIT_ORDER = _spelled(update(rooms).where(rooms.c.id == bindparam("b_id")), ["open_runs", "wake_at"])
_head_row = attrgetter(*(name.removeprefix("b_") for name in _HEAD_ORDER))
_wait_row = attrgetter(*(name.removeprefix("b_") for name in _WAIT_ORDER))
_NEW_SNAPSHOT = insert(snapshots)
_DROP_SNAPSHOTS = delete(snapshots).where(
    snapshots.c.room_id == bindparam("of_room"),
    snapshots.c.seq >= bindparam("rung"),
    snapshots.c.seq <= bindparam("newest"),
)


class AppendJob:
    """An append on its way to a batch. Building one encodes and hashes, and refuses what could never be admitted."""

    def __init__(self, append: Append) -> None:
        self.append = append
        self.room = append.room
        self.leaves = prepare(append)
        self.weight = len(append.records)
        self.pages = 2 + sum(len(leaf.body) + 300 for leaf in self.leaves) // 4096


class SnapshotJob:
    """A snapshot on its way to a batch."""

    weight = 1

    def __init__(self, room: str, snapshot: Snapshot) -> None:
        self.room = room
        self.snapshot = snapshot
        self.pages = 2 + len(snapshot.data) // 4096


Job = AppendJob | SnapshotJob
Answer = Outcome[Head | None]


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


class Moved(Exception):
    """A room's row is not what was remembered of it: run the batch again, with nothing remembered."""


class Standing(Struct):
    """A room as this batch would leave it; `was_seq` and `was_epoch` are what its row must still say."""

    id: int
    name: str
    seq: int
    epoch: int
    hash: bytes
    lineage: str
    open_runs: int
    wake_at: int | None
    time: int
    was_seq: int
    was_epoch: int

    def head(self) -> Head:
        return Head(self.name, self.seq, self.epoch, self.hash, self.lineage, self.open_runs, self.wake_at, self.time)


def refusal(append: Append, seq: int, epoch: int) -> Fenced | None:
    """Why a room whose head is (seq, epoch) cannot take this append; None if it can. The one rule of admission."""
    if append.epoch < epoch:
        return Fenced(f"room {append.room!r} is in epoch {epoch}; epoch {append.epoch} may no longer write to it")
    if append.after != seq:
        return Fenced(f"room {append.room!r} ends at {seq}; this append stands on {append.after}")
    return None


def repeated(append: Append, places: dict[str, int]) -> bool:
    """Whether the append is in the log already, given where its ids were found. Raises Conflict if it is half there."""
    if not places:
        return False
    offsets = {places[r.id] - r.seq if r.id in places else None for r in append.records if r.id is not None}
    if len(offsets) == 1 and None not in offsets:
        return True
    found = ", ".join(sorted(places))
    raise Conflict(f"room {append.room!r} holds records with some of this append's ids, but not this append: {found}")


class Batch:
    """The judging and writing of one batch, inside a transaction that somebody else begins and commits."""

    def __init__(
        self,
        connection: Connection,
        entropy: Callable[[int], bytes],
        known: dict[str, Standing],
        *,
        careful: bool = False,
    ) -> None:
        self._connection = connection
        self._entropy = entropy
        self._rooms = known
        self._careful = careful
        self._moved: dict[int, Standing] = {}
        self._waiting: dict[int, Standing] = {}
        self._rows: list[tuple[object, ...]] = []

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Judge and write the jobs in their order; the answers are true once the transaction is committed.

        Raises Moved if a room is not as remembered. After any error the memory of rooms is worth nothing.
        """
        names = {job.room for job in jobs}.difference(self._rooms)
        if names:
            for row in self._connection.execute(_ROOMS, {"names": _json(list(names))}):
                self._rooms[row[1]] = Standing(*row, was_seq=row[2], was_epoch=row[3])
        answers: list[Answer] = []
        for job in jobs:
            try:
                answer = self._append(job) if isinstance(job, AppendJob) else self._snapshot(job)
                answers.append(Value(answer))
            except StoreError as refused:
                answers.append(Error(refused))
        self._flush()
        self._move_heads()
        return answers

    def _append(self, job: AppendJob) -> Head:
        append = job.append
        room = self._rooms.get(append.room)
        refused = refusal(append, room.seq, room.epoch) if room else refusal(append, 0, 0)
        suspect = self._careful or refused is not None
        if room is not None and suspect and repeated(append, self._places(room, append)):
            return room.head()
        if refused is not None:
            raise refused
        if room is None:
            room = self._new_room(append.room)
        for record, leaf in zip(append.records, job.leaves, strict=True):
            room.hash = chain.link(room.hash, leaf.header, leaf.body_hash)
            self._rows.append(_row(room.id, record, leaf, room.hash))
        last = append.records[-1]
        room.seq, room.time, room.epoch = last.seq, last.time, append.epoch
        if room.open_runs != append.open_runs or room.wake_at != append.wake_at:
            room.open_runs, room.wake_at = append.open_runs, append.wake_at
            self._waiting[room.id] = room
        self._moved[room.id] = room
        return room.head()

    def _places(self, room: Standing, append: Append) -> dict[str, int]:
        """Where the append's record ids stand in the log, this batch's part of it included."""
        ids = [record.id for record in append.records if record.id is not None]
        if not ids:
            return {}
        self._flush()
        found = self._connection.execute(_PLACES, {"room_id": room.id, "ids": _json(ids)})
        return {row[0]: row[1] for row in found}

    def _new_room(self, name: str) -> Standing:
        fresh: dict[str, Any] = {
            "name": name,
            "lineage": self._entropy(16).hex(),
            "epoch": 0,
            "seq": 0,
            "hash": chain.START,
            "open_runs": 0,
            "wake_at": None,
            "time": 0,
        }
        made = self._connection.execute(_NEW_ROOM, fresh).inserted_primary_key
        assert made is not None
        room = self._rooms[name] = Standing(made[0], name, 0, 0, chain.START, fresh["lineage"], 0, None, 0, 0, 0)
        return room

    def _snapshot(self, job: SnapshotJob) -> None:
        room, snapshot = self._rooms.get(job.room), job.snapshot
        if room is None or snapshot.seq > room.seq:
            raise StoreError(f"room {job.room!r} has no record {snapshot.seq} that a snapshot could be of")
        rung = snapshot.seq - snapshot.seq % limits.SNAPSHOT_RECORDS
        self._connection.execute(_DROP_SNAPSHOTS, {"of_room": room.id, "rung": rung, "newest": snapshot.seq})
        self._connection.execute(
            _NEW_SNAPSHOT,
            {
                "room_id": room.id,
                "seq": snapshot.seq,
                "version": snapshot.version,
                "data": snapshot.data,
                "data_hash": chain.data_hash(snapshot.data),
            },
        )

    def _flush(self) -> None:
        if self._rows:
            self._connection.exec_driver_sql(_NEW_RECORDS, self._rows)
            self._rows = []

    def _move_heads(self) -> None:
        # What a room waits for changes seldom and is indexed; SQLite rewrites an index if its column is merely named.
        if self._waiting:
            self._connection.exec_driver_sql(_SET_WAITS, [_wait_row(room) for room in self._waiting.values()])
        moved = [_head_row(room) for room in self._moved.values()]
        if moved and self._connection.exec_driver_sql(_MOVE_HEADS, moved).rowcount != len(moved):
            raise Moved
        for room in self._moved.values():
            room.was_seq, room.was_epoch = room.seq, room.epoch


def _json(strings: list[str]) -> str:
    return msgspec.json.encode(strings).decode()


def _row(room_id: int, record: Record, leaf: chain.Leaf, link: bytes) -> tuple[object, ...]:
    """A record's row, in the order of _RECORD_ORDER."""
    return (
        room_id,
        record.seq,
        record.time,
        record.author,
        record.run,
        record.epoch,
        record.document,
        leaf.kind,
        record.id,
        record.asked,
        leaf.body,
        record.update,
        leaf.body_hash,
        link,
    )
