"""What durability costs: appends a second through the store, against bare sqlite3 with the same group commit.

    uv run python -m tests.bench.append [--seconds 1.5] [--rounds 3] [--folder DIR]

Every appender owns a room and appends one record at a time, the next one when the last is on disk, as a room does. The
yardsticks share the Trio tasks, the queue, the thread and the wake-up, and do one executemany and one COMMIT a batch,
WAL, synchronous=FULL, without admission, heads, encoding, hashing or SQLAlchemy:

- `same rows`: what is inserted is what the store inserts, into the store's own table with its two unique indexes. The
  ratio to it is what everything that we do around the insert costs, and is the target's.
- `bare rows`: (room, seq, body) and one unique index: the least that could be called a log.

Disks have moods, so all run in turns and only ratios of medians mean anything.
"""

import argparse
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import trio
from outcome import Outcome, Value
from plait.protocol.codec import encode_event
from plait.protocol.events import Record, TextStreamed
from plait.storage import Append, file, open_store
from plait.storage.writer import Writer

APPENDERS = (1, 8, 64, 512)
TARGETS = {64: 0.6}
UPDATE = bytes(range(33))
TOKEN = TextStreamed("generate.0", 1, 0, "word ")
TIME = 1_700_000_000_000_000
AUTHOR = "agent:assistant"
RUN = "000000000001"
ROOMS = 10_000


class Row:
    """One row for a yardstick's writer."""

    weight = 1

    def __init__(self, values: tuple[object, ...]) -> None:
        self.values = values


class Raw:
    """A yardstick's engine: executemany and COMMIT into a database that is already there."""

    def __init__(self, connection: sqlite3.Connection, insert: str) -> None:
        self._connection = connection
        self._insert = insert

    def commit(self, jobs: list[Row]) -> list[Outcome[None]]:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(self._insert, [job.values for job in jobs])
        self._connection.execute("COMMIT")
        return [Value(None) for _ in jobs]

    def tend(self, *, idle: bool) -> bool:
        return False

    def close(self) -> None:
        self._connection.close()


class Figure(NamedTuple):
    """One measurement: events a second, and CPU microseconds of this process an event."""

    rate: float
    cpu_us: float


async def flood(appenders: int, seconds: float, one: Callable[[int, int], Awaitable[object]]) -> Figure:
    """Let each appender call `one(appender, seq)` in a closed loop."""
    done = 0
    deadline = time.perf_counter() + seconds

    async def keep_appending(number: int) -> None:
        nonlocal done
        seq = 0
        while time.perf_counter() < deadline:
            seq += 1
            await one(number, seq)
            done += 1

    began, cpu = time.perf_counter(), time.process_time()
    async with trio.open_nursery() as nursery:
        for number in range(appenders):
            nursery.start_soon(keep_appending, number)
    return Figure(done / (time.perf_counter() - began), (time.process_time() - cpu) / done * 1e6)


async def bare(folder: Path, appenders: int, seconds: float) -> Figure:
    connection = sqlite3.connect(folder / "bare", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE log (pos INTEGER PRIMARY KEY, room INTEGER, seq INTEGER, body BLOB, UNIQUE (room, seq)) STRICT"
    )
    body = b"b" * 120 + UPDATE
    insert = "INSERT INTO log (room, seq, body) VALUES (?, ?, ?)"
    return await raw(connection, insert, lambda room, seq: (room, seq, body), appenders, seconds)


async def same(folder: Path, appenders: int, seconds: float) -> Figure:
    file.prepare(folder / "same")
    connection = file.connect(folder / "same", readonly=False)
    connection.execute("PRAGMA wal_autocheckpoint = 1000")
    body, links = encode_event(TOKEN), (bytes(range(32)), bytes(range(32, 64)))

    def row(room: int, seq: int) -> tuple[object, ...]:
        return (room, seq, TIME + seq, AUTHOR, RUN, 1, "", "text-streamed", None, None, body, UPDATE, *links)

    names = 'room_id, seq, time, author, run, epoch, document, kind, record_id, asked, body, "update", body_hash, hash'
    insert = f"INSERT INTO records ({names}) VALUES ({', '.join('?' * 14)})"
    return await raw(connection, insert, row, appenders, seconds)


async def raw(
    connection: sqlite3.Connection,
    insert: str,
    row: Callable[[int, int], tuple[object, ...]],
    appenders: int,
    seconds: float,
) -> Figure:
    writer: Writer[Row, None] = Writer(Raw(connection, insert), "raw writer")
    try:
        return await flood(appenders, seconds, lambda room, seq: writer.submit(Row(row(room, seq))))
    finally:
        await writer.aclose()


async def stored(folder: Path, appenders: int, seconds: float) -> Figure:
    def token(room: int, seq: int) -> Append:
        record = Record(seq, TIME + seq, AUTHOR, RUN, 1, TOKEN, "", UPDATE)  # As a room streams them: without an id.
        return Append(f"room-{room}", 1, seq - 1, (record,), 1)

    async with open_store(f"sqlite:///{folder}/stored") as store:
        return await flood(appenders, seconds, lambda room, seq: store.append(token(room, seq)))


async def in_a_fresh_folder(
    measure: Callable[[Path, int, float], Awaitable[Figure]], place: str | None, appenders: int, seconds: float
) -> Figure:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        return await measure(Path(folder), appenders, seconds)


def resident_kib() -> int:
    """Memory of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


async def many_rooms(place: str | None) -> None:
    """10,000 rooms in one file: how long opening and listing take, and how much memory they hold."""
    record = Record(1, TIME, AUTHOR, RUN, 1, TOKEN, "", UPDATE)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        url = f"sqlite:///{folder}/rooms"
        async with open_store(url) as store, trio.open_nursery() as nursery:
            for number in range(ROOMS):
                nursery.start_soon(store.append, Append(f"room-{number:05d}", 1, 0, (record,), number % 100 == 0))
        before = resident_kib()
        began = time.perf_counter()
        store = open_store(url)
        opened = time.perf_counter()
        await store.rooms()
        listed = time.perf_counter()
        waiting = await store.unfinished(due=0, limit=ROOMS)
        found = time.perf_counter()
        grown = resident_kib() - before
        await store.aclose()
        size = (Path(folder) / "rooms").stat().st_size
    print(f"\n{ROOMS:,} rooms, {size / ROOMS:.0f} bytes of file each:\n")
    print("| open the store | list 50 rooms | find the unfinished | memory grew by |")
    print("| --- | --- | --- | --- |")
    times = " | ".join(f"{span * 1000:.1f} ms" for span in (opened - began, listed - opened, found - listed))
    print(f"| {times} ({len(waiting)}) | {grown} KiB |")


async def main(seconds: float, rounds: int, place: str | None) -> None:
    print("| appenders | bare rows, events/s | same rows, events/s | store, events/s | of bare | of same | target |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    costs = []
    for appenders in APPENDERS:
        figures: dict[str, list[Figure]] = {"bare": [], "same": [], "store": []}
        for _ in range(rounds):
            for name, measure in (("bare", bare), ("same", same), ("store", stored)):
                figures[name].append(await in_a_fresh_folder(measure, place, appenders, seconds))
        rate = {name: statistics.median(one.rate for one in some) for name, some in figures.items()}
        costs.append([statistics.median(one.cpu_us for one in some) for some in figures.values()])
        rates = " | ".join(f"{one:,.0f}" for one in rate.values())
        of_bare, of_same = rate["store"] / rate["bare"], rate["store"] / rate["same"]
        print(f"| {appenders} | {rates} | {of_bare:.2f} | {of_same:.2f} | {TARGETS.get(appenders, '')} |")
    print("\nCPU microseconds of this process an event, the appenders' own work included:\n")
    print("| appenders | bare rows | same rows | store |")
    print("| --- | --- | --- | --- |")
    for appenders, cost in zip(APPENDERS, costs, strict=True):
        print(f"| {appenders} | " + " | ".join(f"{one:.1f}" for one in cost) + " |")
    await many_rooms(place)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What durability costs: appends a second through the store.")
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where the databases are made; the disk that is measured")
    asked = parser.parse_args()
    trio.run(main, asked.seconds, asked.rounds, asked.folder)
