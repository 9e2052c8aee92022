"""Work for a disk: batches of every kind of job on plait's own engine, and a ledger of what each was told.

The engine is driven as the writer's thread drives it: a batch, what can wait, sometimes an idle moment, sometimes a
restart. Limits are smaller than in life, so that a few hundred steps meet checkpoints, ladders and deletions in parts.

The ledger holds, for each moment of the disk's trace, the states that the database may be in: one where everybody was
answered, two while a batch is on its way to the disk. After an unknown outcome the engine is asked what it holds, as a
room asks that opens its log anew; what it answered is shown to people and must be true from then on.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from random import Random
from unittest.mock import patch

import pycrdt
from msgspec import Struct
from outcome import Error, Value
from plait.protocol import limits
from plait.protocol.errors import OutcomeUnknown
from plait.protocol.events import DocumentEdited, Record
from plait.storage import Append, Snapshot, StoreError, file
from plait.storage.engine import SqliteEngine
from plait.storage.jobs import AppendJob, BlobJob, DeleteJob, Job, PurgeJob, SnapshotJob
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from .disk import Disk
from .driver import running_on

NAME = "/plait.db"
SMALLER = {"CHECKPOINT_PAGES": 24, "PAGE_RECORDS": 6, "SNAPSHOT_RECORDS": 8, "BLOB_LOOSE_S": 40, "BLOB_SWEEP": 2}


class Room(Struct, frozen=True):
    """A room of the model: its records' ids in order, the blobs it refers to, its snapshots."""

    ids: tuple[str, ...] = ()
    blobs: frozenset[str] = frozenset()
    snapshots: frozenset[int] = frozenset()
    deleted: bool = False


class State(Struct, frozen=True):
    """What a database holds. `loose` are blobs that were put, with the second of their last upload."""

    rooms: tuple[tuple[str, Room], ...] = ()
    loose: tuple[tuple[str, int], ...] = ()

    def room(self, name: str) -> Room:
        return dict(self.rooms).get(name, Room())

    def with_room(self, name: str, room: Room) -> "State":
        return State(tuple(sorted({**dict(self.rooms), name: room}.items())), self.loose)

    def with_loose(self, blob: str, second: int) -> "State":
        return State(self.rooms, tuple(sorted({**dict(self.loose), blob: second}.items())))

    def taken(self, blobs: set[str]) -> "State":
        """These blobs are some room's now."""
        return State(self.rooms, tuple(one for one in self.loose if one[0] not in blobs))

    def at(self, second: int) -> "State":
        """The same without the blobs that may be swept by then."""
        return State(self.rooms, tuple(one for one in self.loose if second - one[1] < SMALLER["BLOB_LOOSE_S"]))


@cache
def updates(room: str, count: int = 150) -> list[bytes]:
    """The updates of a room's edits in their order: the nth record of a room carries the nth, whoever writes it."""
    document = pycrdt.Doc(client_id=sum(room.encode()))
    typed = document.get("content", type=pycrdt.Text)
    made, rng = [], Random(room)
    for n in range(count):
        before = document.get_state()
        typed += f"{n} " + "x" * rng.choice((3, 30, 300, 1500))
        made.append(document.get_update(before))
    return made


def blob(number: int) -> bytes:
    """The bytes of the nth blob; some larger than a page."""
    return bytes([number % 251]) * (100 + number * 977 % 20_000) + str(number).encode()


class Ledger:
    """From which step of the trace on which states are possible."""

    def __init__(self) -> None:
        self._steps: list[int] = [0]
        self._states: list[tuple[State, ...]] = [(State(),)]

    def say(self, step: int, states: Sequence[State]) -> None:
        self._steps.append(step)
        self._states.append(tuple(dict.fromkeys(states)))

    @property
    def now(self) -> tuple[State, ...]:
        return self._states[-1]

    def at(self, step: int) -> tuple[State, ...]:
        return self._states[bisect_right(self._steps, step) - 1]


class Workload:
    """One run on one disk. After `run`, `disk.trace` and `ledger` tell what may be found after which cut."""

    def __init__(self, seed: int, empty: bytes) -> None:
        self.rng = Random(seed)
        self.disk = Disk(Random(seed + 1))
        self.disk.hold(NAME, empty)
        self.ledger = Ledger()
        self.second = 0
        self.outcomes: dict[str, int] = {}
        self._attempt = 0
        self._named = 0

    def run(self, batches: int) -> None:
        """So many batches, then a clean end."""
        with running_on(self.disk), smaller():
            engine = self._open()
            for _ in range(batches):
                if engine is None:
                    engine = self._open()
                    continue
                process = self.disk.process
                self._batch(engine)
                engine.tend(idle=self.rng.random() < 0.15)
                if self.disk.process != process:
                    engine.close()
                    engine = self._open()
                    continue
                if self.rng.random() < 0.03:
                    engine.close()
                    engine = self._open()
            if engine is not None:
                engine.close()

    def _open(self) -> SqliteEngine | None:
        """The engine, or None if the disk does not let it be opened at the moment."""
        try:
            engine = SqliteEngine(Path(NAME), self._entropy, 0)
        except (DBAPIError, StoreError):
            return None
        engine.finish_deletions()
        if len(self.ledger.now) > 1:
            self.ledger.say(len(self.disk.trace), self._look(engine, self.ledger.now))
        return engine

    def _entropy(self, size: int) -> bytes:
        return self.rng.randbytes(size)

    def _batch(self, engine: SqliteEngine) -> None:
        self.second += self.rng.choice((0, 1, 15))
        before: tuple[State, ...] = tuple(state.at(self.second) for state in self.ledger.now)
        if len(before) > 1:
            before = self._look(engine, before)
            self.ledger.say(len(self.disk.trace), before)
        if len(before) > 1:  # The engine does not say what it holds until the disk behaves.
            return
        jobs, after = self._jobs(next(iter(before)))
        # While it is under way, and if it fails with an unknown outcome, each job's effect is there or none is.
        self.ledger.say(len(self.disk.trace), (*before, after))
        process = self.disk.process
        answers = engine.commit(jobs)
        if self.disk.process != process:  # Killed: nobody was told anything, and the next process will be asked.
            return
        told = {type(answer.error).__name__ if isinstance(answer, Error) else "acked" for answer in answers}
        for one in told:
            self.outcomes[one] = self.outcomes.get(one, 0) + 1
        if all(isinstance(answer, Value) for answer in answers):
            states: tuple[State, ...] = (after,)
        elif any(isinstance(answer, Error) and isinstance(answer.error, OutcomeUnknown) for answer in answers):
            states = self._look(engine, (*before, after))
        else:
            states = before
        self.ledger.say(len(self.disk.trace), states)

    def _look(self, engine: SqliteEngine, possible: tuple[State, ...]) -> tuple[State, ...]:
        """Those of the states that the engine shows; all of them while it cannot be asked."""
        if not engine.settled:
            return possible
        try:
            rows = engine.connection.execute(text("SELECT name, seq, deleted > 0 FROM rooms")).all()
        except (DBAPIError, StoreError):
            return possible
        shown = {(name, seq, bool(gone)) for name, seq, gone in rows}
        held = [s for s in possible if {(n, len(r.ids), r.deleted) for n, r in s.rooms} == shown]
        assert held, f"the database shows {shown}, which is none of the possible states"
        return tuple(held)

    def _jobs(self, state: State) -> tuple[list[Job], State]:
        """A batch, all of which this state admits, and the state behind it."""
        jobs: list[Job] = []
        for _ in range(self.rng.choice((1, 1, 2, 5))):
            job, state = self._job(state)
            jobs.append(job)
        return jobs, state

    def _job(self, state: State) -> tuple[Job, State]:
        alive = [name for name, room in state.rooms if not room.deleted]
        match self.rng.choices(("append", "blob", "snapshot", "delete", "purge"), (12, 3, 2, 0.5, 3))[0]:
            case "blob":
                number = self.rng.randrange(12)
                job = BlobJob(blob(number), "text/plain", self.second * 1_000_000)
                return job, state.with_loose(job.hash, self.second)
            case "snapshot" if alive:
                name = self.rng.choice(alive)
                room = state.room(name)
                seq = self.rng.randint(max(1, len(room.ids) - 2), len(room.ids))
                rung = seq - seq % SMALLER["SNAPSHOT_RECORDS"]
                kept = frozenset(n for n in room.snapshots if not rung <= n <= seq) | {seq}
                data = self.rng.randbytes(self.rng.choice((10, 9000)))
                return SnapshotJob(name, Snapshot(seq, 1, data)), state.with_room(
                    name, Room(room.ids, room.blobs, kept)
                )
            case "delete" if alive:
                name = self.rng.choice(alive)
                return DeleteJob(name), state.with_room(name, Room(state.room(name).ids, deleted=True))
            case "purge" if len(alive) < len(state.rooms):
                return PurgeJob(self.rng.choice([name for name, room in state.rooms if room.deleted])), state
            case _:
                return self._append(state, alive)

    def _append(self, state: State, alive: list[str]) -> tuple[Job, State]:
        if len(alive) < 4:
            self._named += 1
            alive = [*alive, f"room-{self._named}"]
        name = self.rng.choice(alive)
        room = state.room(name)
        self._attempt += 1
        after, records = len(room.ids), []
        for n in range(self.rng.choice((1, 1, 2, 4))):
            seq = after + n + 1
            update = updates(name)[seq - 1]
            records.append(
                Record(seq, seq, "ada", "", 1, DocumentEdited(), "notes", update, f"try-{self._attempt}#{n}")
            )
        fresh = [one for one, _ in state.loose]
        used = tuple(self.rng.sample(fresh, 1)) if fresh and self.rng.random() < 0.3 else ()
        job = AppendJob(Append(name, 1, after, tuple(records), open_runs=self.rng.randrange(2), blobs=used))
        ids = (*room.ids, *(str(record.id) for record in records))
        return job, state.with_room(name, Room(ids, room.blobs | set(used), room.snapshots)).taken(set(used))


@contextmanager
def smaller() -> Iterator[None]:
    """Limits as a long life would meet them, in a short one."""
    with ExitStack() as patches:
        for name, value in SMALLER.items():
            patches.enter_context(patch.object(limits, name, value))
        yield


def empty_database(folder: Path) -> bytes:
    """A database as plait makes it, before anybody wrote to it."""
    path = folder / "empty.db"
    file.prepare(path)
    data = path.read_bytes()
    path.unlink()
    return data
