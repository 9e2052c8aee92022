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

What this module decides is only true once COMMIT returned; `engine` hands out the answers.
"""

from collections.abc import Callable, Sequence
from typing import assert_never

from msgspec import structs
from outcome import Error, Outcome, Value
from sqlalchemy import Connection, bindparam, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from . import adopting, blobs, chain, deleting, erasing, ladder, listing, rows, shredding, straight, written
from .admission import active, check_making, lacking, refusal, repeated
from .errors import Conflict, RoomDeleted, RoomTaken, StoreError
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
    prepare,
)
from .sealing import Sealer
from .standing import (
    DYING,
    GONE,
    MAKING,
    MOVE_HEADS,
    ROOMS,
    SET_ABOUT,
    SET_ACTIVITY,
    SET_WAITS,
    Standing,
    about_row,
    begin,
    head_row,
    json_list,
    wait_row,
)
from .store import About, Append, Head
from .tables import revocations, rooms

Answer = Outcome[Answered]

_NO_ROOM = ("",)

_SHOW = update(rooms).where(rooms.c.id == bindparam("room_id")).values(deleted=0)

_revoked = insert_or(revocations)
_REVOKE = _revoked.on_conflict_do_update(
    index_elements=["kind", "value"],
    set_={"at": _revoked.excluded.at},
    where=_revoked.excluded.at > revocations.c.at,
)


class Moved(Exception):
    """A room's row is not what was remembered of it: run the batch again, with nothing remembered."""


class Batch:
    """The judging and writing of one batch, inside a transaction that somebody else begins and commits."""

    def __init__(
        self,
        connection: Connection,
        entropy: Callable[[int], bytes],
        known: dict[str, Standing],
        sealer: Sealer | None = None,
        *,
        careful: bool = False,
    ) -> None:
        self._connection = connection
        self._sealer = sealer
        self._entropy = entropy
        self._rooms = known
        self._careful = careful
        self._moved: dict[int, Standing] = {}
        self._waiting: dict[int, Standing] = {}
        self._active: dict[int, Standing] = {}
        self._described: dict[int, Standing] = {}
        self._rows: list[rows.Row] = []

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Judge and write the jobs in their order; the answers are true once the transaction is committed.

        Raises Moved if a room is not as remembered. After any error the memory of rooms is worth nothing.
        """
        names = {job.room for job in jobs}.difference(self._rooms, _NO_ROOM)
        if names:
            for row in self._connection.execute(ROOMS, {"names": json_list(list(names))}):
                self._rooms[row[1]] = Standing.read(row, self._sealer)
        answers: list[Answer] = []
        for job in jobs:
            try:
                answers.append(Value(self._append(job) if isinstance(job, AppendJob) else self._seldom(job)))
            except StoreError as refused:
                if self._sealer is not None and self._sealer.ring.failed:
                    raise  # Keys that this batch made may be gone, and records are sealed by them.
                answers.append(Error(refused))
        self._flush()
        self._move_heads()
        if self._sealer is not None:
            self._sealer.commit()
        return answers

    def _seldom(
        self, job: SnapshotJob | BlobJob | DeleteJob | PurgeJob | EraseJob | StageJob | AdoptJob | RevokeJob
    ) -> Answered:
        match job:
            case SnapshotJob():
                return self._snapshot(job)
            case BlobJob():
                return self._put_blob(job)
            case DeleteJob():
                return self._delete(job)
            case PurgeJob():
                return self._purge(job)
            case EraseJob():
                return self._erase(job)
            case StageJob():
                return self._stage(job)
            case AdoptJob():
                return self._adopt(job)
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
            begun = room is not None and room.deleted == MAKING
            check_making(append, begun=begun, taken=room is not None and not begun)
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
        leaves = self._sealed(room, append, job.leaves)
        now_active = active(append, room.activity if room else None)
        if room is None:
            lineage = self._entropy(16).hex()
            room = self._rooms[append.room] = begin(self._connection, append.room, lineage, making)
        if making is not None and making.last:
            self._connection.execute(_SHOW, {"room_id": room.id})
            room.deleted = 0
        self._add(room, append, leaves)
        if room.activity != now_active:
            room.activity = now_active
            self._active[room.id] = room
        if append.blobs:
            blobs.use(self._connection, room.id, append.blobs)
        if append.renews:
            room.lineage = self._entropy(16).hex()
            erasing.rename(self._connection, room.id, room.lineage)
        return room.head()

    def _sealed(self, room: Standing | None, append: Append, leaves: list[chain.Leaf]) -> list[chain.Leaf]:
        if self._sealer is None:
            return leaves
        return self._sealer.leaves(self._connection, room.id if room else 0, append.room, append.records, leaves)

    def _add(self, room: Standing, append: Append, leaves: Sequence[chain.Leaf]) -> None:
        """The room goes on with these records."""
        for record, leaf in zip(append.records, leaves, strict=True):
            room.hash = chain.link(room.hash, leaf.header, leaf.body_hash)
            self._rows.append(rows.row(room.id, record, leaf, room.hash))
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
        return self._found(room, [record.id for record in append.records if record.id is not None])

    def _found(self, room: Standing, ids: list[str]) -> dict[str, int]:
        if not ids:
            return {}
        self._flush()
        return rows.places(self._connection, room.id, ids)

    def _snapshot(self, job: SnapshotJob) -> None:
        room, snapshot = self._rooms.get(job.room), job.snapshot
        if room is not None and room.deleted:
            raise RoomDeleted(job.room)
        if room is None or snapshot.seq > room.seq:
            raise StoreError(f"room {job.room!r} has no record {snapshot.seq} that a snapshot could be of")
        if self._sealer is not None:
            snapshot = self._sealer.seal_snapshot(room.name, room.seq, snapshot)
        ladder.keep(self._connection, room.id, snapshot)
        self._flush()
        written.note(self._connection, room.id, snapshot.seq)

    def _delete(self, job: DeleteJob) -> bool:
        room = self._rooms.get(job.room)
        if room is None or room.deleted in (GONE, MAKING):
            return False
        if not room.deleted:
            deleting.kill(self._connection, room.id)
            room.deleted, room.open_runs, room.wake_at, room.about = DYING, 0, None, About()
            for changed in (self._waiting, self._active, self._described):
                changed.pop(room.id, None)
            if self._sealer is not None:
                self._sealer.ring.doom(room.name, "deleted")
        return True

    def _purge(self, job: PurgeJob) -> bool:
        room = self._rooms.get(job.room)
        if room is None or room.deleted not in (DYING, MAKING):
            return False
        self._flush()
        let_go = deleting.purge(self._connection, room.id, unmade=room.deleted == MAKING)
        if let_go is not None:
            self._forget_blobs(let_go)
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
        self._flush()
        erasure, leaves = job.erasure, job.leaves
        if self._sealer is not None:
            erasure = shredding.shred(self._sealer, self._connection, room.id, erasure)
            leaves = self._sealed(room, erasure.append, prepare(erasure.append))
        room.lineage = self._entropy(16).hex()
        erasing.rewrite(self._connection, room.id, erasure, room.lineage)
        self._forget_blobs(erasure.blobs)
        self._add(room, erasure.append, leaves)
        self._described[room.id] = room  # As it was, too: sealed, it stood under a key that is dropped.
        self._set_about()
        return room.head()

    def _put_blob(self, job: BlobJob) -> None:
        sealer = self._sealer
        data = None if sealer is None else lambda: sealer.seal_blob(job.hash, job.data)
        self._forget_blobs(blobs.put(self._connection, job, data))

    def _forget_blobs(self, names: Sequence[str]) -> None:
        """Drop the keys of those of these blobs that are here no more."""
        if names and self._sealer is not None:
            self._sealer.ring.doom_blobs(blobs.missing(self._connection, names))

    def _stage(self, job: StageJob) -> None:
        room = self._rooms.get(job.room)
        if room is None:
            room = self._rooms[job.room] = Standing.bare(adopting.stage(self._connection, job.room, MAKING), job.room)
        twice = self._found(room, job.ids)
        if twice:
            raise Conflict(f"two records of the log have the id {next(iter(twice))!r}")
        for one, columns in zip(job.page, job.columns, strict=True):
            self._rows.append(rows.kept_row(room.id, one, columns))

    def _adopt(self, job: AdoptJob) -> Head:
        append, room = job.append, self._rooms.get(job.room)
        if room is not None:
            raise RoomDeleted(job.room) if room.deleted else RoomTaken(job.room)
        newest = chain.columns(job.last.header)
        (row,) = self._connection.execute(ROOMS, {"names": json_list([job.staged])})
        staged = Standing.read(row, None)
        refused = refusal(append, job.last.seq, newest.epoch)
        refused = refused or lacking(append, blobs.missing(self._connection, append.blobs))
        if refused is None and (twice := self._places(staged, append)):
            refused = Conflict(f"a record of the log has the id {next(iter(twice))!r} already")
        if refused is not None:
            raise refused
        self._flush()
        adopting.check_whole(self._connection, staged.id, append.after)
        lineage, about = self._entropy(16).hex(), append.about or About()
        adopting.appear(self._connection, staged.id, job.room, lineage, job.last, about)
        self._rooms.pop(job.staged, None)
        room = self._rooms[job.room] = Standing.bare(staged.id, job.room)
        room.seq = room.was_seq = job.last.seq
        room.epoch = room.was_epoch = newest.epoch
        room.hash, room.time, room.lineage, room.deleted = job.last.hash, newest.time, lineage, 0
        self._add(room, append, job.leaves)
        room.activity = active(append, listing.activity(newest.time))
        self._active[room.id] = room
        if append.blobs:
            blobs.use(self._connection, room.id, append.blobs)
        return room.head()

    def _flush(self) -> None:
        if self._rows:
            rows.add(self._connection, self._rows)
            self._rows = []

    def _move_heads(self) -> None:
        # What a room waits for changes seldom and is indexed; SQLite rewrites an index if its column is merely named.
        if self._waiting:
            self._connection.exec_driver_sql(SET_WAITS, [wait_row(room) for room in self._waiting.values()])
        if self._active:
            self._connection.exec_driver_sql(SET_ACTIVITY, [(one.activity, one.id) for one in self._active.values()])
        self._set_about()
        moved = [head_row(room) for room in self._moved.values()]
        if moved and straight.execute(self._connection, MOVE_HEADS, moved) != len(moved):
            raise Moved
        for room in self._moved.values():
            room.was_seq, room.was_epoch = room.seq, room.epoch

    def _set_about(self) -> None:
        if self._described:
            self._connection.exec_driver_sql(
                SET_ABOUT, [about_row(room, self._sealer) for room in self._described.values()]
            )
            self._described.clear()
