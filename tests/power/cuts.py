"""What is demanded of a database after a power cut, and the run that cuts the power at many moments.

The files that the disk was left with are laid on a real disk and opened by plait as any start opens them, with the
SQLite of Python's standard library. Then: the database is in one of the states that the ledger allows, with every acked
record under its id; `plait verify` finds nothing wrong; SQLite's own check neither; rooms that were deleted are gone;
and the store takes new records.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random

from plait.protocol.events import DocumentEdited, Record
from plait.runtime.cli.verify import check
from plait.storage import Append, RoomDeleted, SqliteStore, StoreError, open_store
from sqlalchemy.exc import SQLAlchemyError

from .disk import Fault
from .workload import Room, State, Workload, empty_database, smaller


class Lost(Exception):
    """The database is not what was promised. `kind` is a word for it."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(f"{kind}: {sentence}")
        self.kind = kind


async def demand(folder: Path, files: dict[str, bytes], allowed: tuple[State, ...]) -> None:
    """Open what the cut left and compare it with what may be. Raises Lost."""
    path = folder / "plait.db"
    _lay_out(folder, files)
    try:
        store = open_store(f"sqlite:///{path}", inline=True)
    except StoreError as error:
        raise Lost("unreadable", str(error)) from error
    try:
        wrong = [await _differs(store, state) for state in allowed]
        if all(wrong):
            raise Lost("differs", " | ".join(str(why) for why in wrong))
        await _verify(store)
        await _goes_on(store)
    except (StoreError, SQLAlchemyError) as error:
        raise Lost("unreadable", str(error)) from error
    finally:
        await store.aclose()
    with closing(sqlite3.connect(path)) as connection:
        (said,) = connection.execute("PRAGMA integrity_check").fetchone()
        (dying,) = connection.execute("SELECT count(*) FROM rooms WHERE deleted = 1").fetchone()
        (remains,) = connection.execute(
            "SELECT count(*) FROM records JOIN rooms ON room_id = rooms.id WHERE deleted > 0"
        ).fetchone()
    if said != "ok":
        raise Lost("damaged", said)
    if dying or remains:
        raise Lost("undead", f"{dying} rooms are dying still, {remains} records of deleted rooms are left")


def _lay_out(folder: Path, files: dict[str, bytes]) -> None:
    for left in folder.iterdir():
        left.unlink()
    for name, data in files.items():
        (folder / name.strip("/")).write_bytes(data)


async def _differs(store: SqliteStore, state: State) -> str | None:
    """How the database is not in this state; None if it is."""
    alive = [name for name, room in state.rooms if not room.deleted]
    if (names := await store.room_names()) != alive:
        return f"its rooms are {names} and not {alive}"
    for name, room in state.rooms:
        why = await _room_differs(store, name, room)
        if why is not None:
            return f"{name}: {why}"
    for name, _ in state.loose:
        if await store.blob_facts(name) is None:
            return f"blob {name[:8]} is gone"
    return None


async def _room_differs(store: SqliteStore, name: str, room: Room) -> str | None:
    head = await store.head(name)
    if (head.seq, head.deleted) != (len(room.ids), room.deleted):
        return f"its head is {head.seq} and not {len(room.ids)} (deleted: {head.deleted} and not {room.deleted})"
    if room.deleted:
        try:
            return f"is deleted and gives {len(await store.read(name))} records"
        except RoomDeleted:
            return None
    records = await store.read(name, limit=10_000)
    if tuple(record.id for record in records) != room.ids:
        return f"has {[record.id for record in records][-3:]} at its end and not {room.ids[-3:]}"
    if set(await store.blobs_of(name)) != room.blobs:
        return "refers to other blobs"
    for seq in room.snapshots:
        snapshot = await store.snapshot(name, at=seq)
        if snapshot is None or snapshot.seq != seq:
            return f"has no snapshot {seq}"
    return None


async def _verify(store: SqliteStore) -> None:
    """What `plait verify` does, for every room."""
    for name in await store.room_names():
        verdict = await check(store, await store.head(name), lambda _: None)
        if verdict.bad:
            raise Lost("damaged", f"{name}: {verdict.bad}")


async def _goes_on(store: SqliteStore) -> None:
    """Every room takes a record more, and so does a new one."""
    for name in (*await store.room_names(), "new"):
        head = await store.head(name)
        more = Record(head.seq + 1, head.time, "ada", "", head.epoch or 1, DocumentEdited(), "other", id="after#0")
        after = await store.append(Append(name, head.epoch or 1, head.seq, (more,)))
        assert after.seq == head.seq + 1


class Found(Counter[str]):
    """What became of so many cuts: `held`, or a word for what was lost. `stories` has the first of each word."""

    def __init__(self) -> None:
        super().__init__()
        self.stories: dict[str, str] = {}


async def cut(
    folder: Path, seed: int, *, batches: int, cuts: int, fault: Fault | None = None, found: Found | None = None
) -> Found:
    """Run one workload and look at what `cuts` power cuts at random moments leave of it; also its clean end."""
    found = Found() if found is None else found
    work = Workload(seed, empty_database(folder))
    work.disk.fault = fault
    work.run(batches)
    rng = Random(seed + 2)
    steps = sorted(rng.randrange(len(work.disk.trace) + 1) for _ in range(cuts))
    with smaller():
        for step in (*steps, len(work.disk.trace)):
            try:
                await demand(folder, work.disk.after_cut(step, rng), work.ledger.at(step))
            except Lost as lost:
                found[lost.kind] += 1
                found.stories.setdefault(lost.kind, f"seed {seed}, step {step}, {fault}: {lost}")
            else:
                found["held"] += 1
    for word, count in work.outcomes.items():
        found[f"told {word}"] += count
    return found
