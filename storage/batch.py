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
from typing import Any, assert_never

import msgspec
from msgspec import Struct, structs
from outcome import Error, Outcome, Value
from sqlalchemy import Connection, Insert, Select, Update, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert as insert_or

from ..protocol import limits
from ..protocol.events import Record
from . import blobs, chain, deleting, erasing, listing, straight
from .admission import active, lacking, refusal, repeated
from .jobs import Answered, AppendJob, BlobJob, DeleteJob, EraseJob, Job, MakeJob, PurgeJob, RevokeJob, SnapshotJob
from .store import About, Append, Fenced, Head, Making, RoomDeleted, StoreError
from .tables import records, revocations, rooms, snapshots

Answer = Outcome[Answered]

_NO_ROOM = ("",)

DYING, GONE, MAKING = 1, 2, 3
"""What a row says of a room that was deleted: some of it is still to be removed, or nothing; and of one that is being
made, which is as little there."""


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
    rooms.c.activity,
    rooms.c.deleted,
    rooms.c.title,
    rooms.c.metadata,
    rooms.c.waiting_runs,
).where(rooms.c.name.in_(_listed("names")))
_PLACES = select(records.c.record_id, records.c.seq).where(
    records.c.room_id == bindparam("room_id"), records.c.record_id.in_(_listed("ids"))
)
_NEW_ROOM = insert(rooms)
_SHOW = update(rooms).where(rooms.c.id == bindparam("room_id")).values(deleted=0)
_NEW_RECORDS, _RECORD_ORDER = _spelled(insert(records), [column.name for column in records.c if column.name != "pos"])
_MOVE_HEADS, _HEAD_ORDER = _spelled(
    update(rooms).where(
        rooms.c.id == bindparam("b_id"), rooms.c.seq == bindparam("was_seq"), rooms.c.epoch == bindparam("was_epoch")
    ),
    ["seq", "epoch", "hash", "time"],
)
_SET_WAITS, _WAIT_ORDER = _spelled(update(rooms).where(rooms.c.id == bindparam("b_id")), ["open_runs", "wake_at"])
_SET_ACTIVITY, _ = _spelled(update(rooms).where(rooms.c.id == bindparam("b_id")), ["activity"])
_SET_ABOUT, _ = _spelled(
    update(rooms).where(rooms.c.id == bindparam("b_id")), ["title", "metadata", "folded", "waiting_runs"]
)
_head_row = attrgetter(*(name.removeprefix("b_") for name in _HEAD_ORDER))
_wait_row = attrgetter(*(name.removeprefix("b_") for name in _WAIT_ORDER))
_NEW_SNAPSHOT = insert(snapshots)
_DROP_SNAPSHOTS = delete(snapshots).where(
    snapshots.c.room_id == bindparam("of_room"),
    snapshots.c.seq >= bindparam("rung"),
    snapshots.c.seq <= bindparam("newest"),
)


_revoked = insert_or(revocations)
_REVOKE = _revoked.on_conflict_do_update(
    index_elements=["kind", "value"],
    set_={"at": _revoked.excluded.at},
    where=_revoked.excluded.at > revocations.c.at,
)


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
    activity: int
    deleted: int
    about: About
    was_seq: int
    was_epoch: int

    @classmethod
    def read(cls, row: Sequence[Any]) -> "Standing":
        """The room as a row of _ROOMS says."""
        columns: tuple[Any, ...] = tuple(row[:-3])
        about = About(row[-3], msgspec.json.decode(row[-2]), row[-1])
        return cls(*columns, about=about, was_seq=row[2], was_epoch=row[3])

    def head(self) -> Head:
        return Head(
            self.name,
            self.seq,
            self.epoch,
            self.hash,
            self.lineage,
            self.open_runs,
            self.wake_at,
            self.time,
            self.deleted > 0,
        )


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
        self._active: dict[int, Standing] = {}
        self._described: dict[int, Standing] = {}
        self._rows: list[tuple[object, ...]] = []

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Judge and write the jobs in their order; the answers are true once the transaction is committed.

        Raises Moved if a room is not as remembered. After any error the memory of rooms is worth nothing.
        """
        names = {job.room for job in jobs}.difference(self._rooms, _NO_ROOM)
        if names:
            for row in self._connection.execute(_ROOMS, {"names": _json(list(names))}):
                self._rooms[row[1]] = Standing.read(row)
        answers: list[Answer] = []
        for job in jobs:
            try:
                answers.append(Value(self._append(job) if isinstance(job, AppendJob) else self._seldom(job)))
            except StoreError as refused:
                answers.append(Error(refused))
        self._flush()
        self._move_heads()
        return answers

    def _seldom(self, job: SnapshotJob | BlobJob | DeleteJob | PurgeJob | EraseJob | RevokeJob) -> Answered:
        match job:
            case SnapshotJob():
                return self._snapshot(job)
            case BlobJob():
                return blobs.put(self._connection, job)
            case DeleteJob():
                return self._delete(job)
            case PurgeJob():
                return self._purge(job)
            case EraseJob():
                return self._erase(job)
            case RevokeJob():
                self._connection.execute(_REVOKE, structs.asdict(job.revocation))
                return None
            case _:
                assert_never(job)

    def _append(self, job: AppendJob) -> Head:
        append = job.append
        room = self._rooms.get(append.room)
        making = job.making if isinstance(job, MakeJob) else None
        if making is not None:
            _check_making(making, room)
        elif room is not None and room.deleted:
            raise RoomDeleted(append.room)
        refused: StoreError | None = refusal(append, room.seq, room.epoch) if room else refusal(append, 0, 0)
        if append.blobs and refused is None:
            refused = lacking(append, blobs.missing(self._connection, append.blobs))
        suspect = self._careful or refused is not None
        if room is not None and suspect and repeated(append, self._places(room, append)):
            return room.head()
        if refused is not None:
            raise refused
        now_active = active(append, room.activity if room else None)
        if room is None:
            room = self._new_room(append.room, making)
        if making is not None and making.last:
            self._connection.execute(_SHOW, {"room_id": room.id})
            room.deleted = 0
        self._add(room, append, job.leaves)
        if room.activity != now_active:
            room.activity = now_active
            self._active[room.id] = room
        if append.blobs:
            blobs.use(self._connection, room.id, append.blobs)
        return room.head()

    def _add(self, room: Standing, append: Append, leaves: Sequence[chain.Leaf]) -> None:
        """The room goes on with these records."""
        for record, leaf in zip(append.records, leaves, strict=True):
            room.hash = chain.link(room.hash, leaf.header, leaf.body_hash)
            self._rows.append(_row(room.id, record, leaf, room.hash))
        last = append.records[-1]
        room.seq, room.time, room.epoch = last.seq, last.time, append.epoch
        if room.open_runs != append.open_runs or room.wake_at != append.wake_at:
            room.open_runs, room.wake_at = append.open_runs, append.wake_at
            self._waiting[room.id] = room
        if append.about is not None and append.about != room.about:
            room.about = append.about
            self._described[room.id] = room
        self._moved[room.id] = room

    def _places(self, room: Standing, append: Append) -> dict[str, int]:
        """Where the append's record ids stand in the log, this batch's part of it included."""
        ids = [record.id for record in append.records if record.id is not None]
        if not ids:
            return {}
        self._flush()
        found = self._connection.execute(_PLACES, {"room_id": room.id, "ids": _json(ids)})
        return {row[0]: row[1] for row in found}

    def _new_room(self, name: str, making: Making | None) -> Standing:
        fresh: dict[str, Any] = {
            "name": name,
            "lineage": self._entropy(16).hex(),
            "epoch": 0,
            "seq": 0,
            "hash": chain.START,
            "open_runs": 0,
            "wake_at": None,
            "time": 0,
            "folded": listing.searched(name, About()),
            "deleted": MAKING if making is not None else 0,
            "fork_of": making.of if making is not None else "",
        }
        made = self._connection.execute(_NEW_ROOM, fresh).inserted_primary_key
        assert made is not None
        room = self._rooms[name] = Standing(
            made[0],
            name,
            0,
            0,
            chain.START,
            fresh["lineage"],
            0,
            None,
            0,
            0,
            fresh["deleted"],
            About(),
            was_seq=0,
            was_epoch=0,
        )
        return room

    def _snapshot(self, job: SnapshotJob) -> None:
        room, snapshot = self._rooms.get(job.room), job.snapshot
        if room is not None and room.deleted:
            raise RoomDeleted(job.room)
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

    def _delete(self, job: DeleteJob) -> bool:
        room = self._rooms.get(job.room)
        if room is None or room.deleted in (GONE, MAKING):
            return False
        if not room.deleted:
            deleting.kill(self._connection, room.id)
            room.deleted, room.open_runs, room.wake_at, room.about = DYING, 0, None, About()
            for changed in (self._waiting, self._active, self._described):
                changed.pop(room.id, None)
        return True

    def _purge(self, job: PurgeJob) -> bool:
        room = self._rooms.get(job.room)
        if room is None or room.deleted not in (DYING, MAKING):
            return False
        self._flush()
        if deleting.purge(self._connection, room.id, unmade=room.deleted == MAKING):
            return True
        if room.deleted == MAKING:
            del self._rooms[job.room]
            self._moved.pop(room.id, None)
        room.deleted = GONE
        return False

    def _erase(self, job: EraseJob) -> Head:
        append = job.erasure.append
        room = self._rooms.get(append.room)
        if room is None or room.deleted:
            raise RoomDeleted(append.room) if room else StoreError(f"no room named {append.room} is in this store")
        refused = refusal(append, room.seq, room.epoch)
        if refused is not None:
            raise refused
        self._connection.exec_driver_sql("PRAGMA secure_delete = ON")
        try:
            self._flush()
            room.lineage = self._entropy(16).hex()
            erasing.rewrite(self._connection, room.id, job.erasure, room.lineage)
            self._add(room, append, job.leaves)
            self._set_about()
        finally:
            self._connection.exec_driver_sql("PRAGMA secure_delete = OFF")
        return room.head()

    def _flush(self) -> None:
        if self._rows:
            straight.execute(self._connection, _NEW_RECORDS, self._rows)
            self._rows = []

    def _move_heads(self) -> None:
        # What a room waits for changes seldom and is indexed; SQLite rewrites an index if its column is merely named.
        if self._waiting:
            self._connection.exec_driver_sql(_SET_WAITS, [_wait_row(room) for room in self._waiting.values()])
        if self._active:
            self._connection.exec_driver_sql(_SET_ACTIVITY, [(one.activity, one.id) for one in self._active.values()])
        self._set_about()
        moved = [_head_row(room) for room in self._moved.values()]
        if moved and straight.execute(self._connection, _MOVE_HEADS, moved) != len(moved):
            raise Moved
        for room in self._moved.values():
            room.was_seq, room.was_epoch = room.seq, room.epoch

    def _set_about(self) -> None:
        if self._described:
            self._connection.exec_driver_sql(_SET_ABOUT, [_about_row(room) for room in self._described.values()])
            self._described.clear()


def _check_making(making: Making, room: Standing | None) -> None:
    """Raises Fenced unless the room is being made, or is nobody's and begins now."""
    if room is None if making.append.after else room is not None:
        raise Fenced(f"room {making.append.room!r} cannot be made: there is one, or it was not begun")
    if room is not None and room.deleted != MAKING:
        raise Fenced(f"room {making.append.room!r} is made already")


def _about_row(room: Standing) -> tuple[object, ...]:
    """What the list shows of a room, in the order of _SET_ABOUT."""
    about = room.about
    metadata = msgspec.json.encode(about.metadata, order="sorted").decode()
    return (about.title, metadata, listing.searched(room.name, about), about.waiting_runs, room.id)


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
        record.grant,
    )
