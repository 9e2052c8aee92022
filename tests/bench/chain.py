"""How fast the hash chain of a long room is checked, by one process and by all, and what it is spent on.

    uv run python -m tests.bench.chain [--records 500000]

It is what `plait verify --chain` does, over a log of tokens as rooms leave it, plain and encrypted (the chain is over
the ciphertext, so no key is needed). On a quiet machine the clock says what is wanted; on another one the CPU does.
"""

import argparse
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import trio
from plait.protocol.events import Record, TextStreamed
from plait.runtime.cli.segments import check_chains
from plait.storage import Append, Masters, chain, open_store

from .processes import machine

ROOM = "bench"
TOGETHER = 1000
UPDATE = bytes(38)
"""As long as the update of a token is."""

SLICE = 100_000
"""Records for each of the parts: what comes back from the database for them is held in memory."""


def token(seq: int) -> Record:
    event = TextStreamed("generate.0", 1, 0, f" token{seq % 500}")
    return Record(seq, 1_763_800_000_000_000 + seq, "agent:assistant", "000000000001", 1, event, "", UPDATE)


async def write(url: str, records: int, keys: Masters | None) -> None:
    async with open_store(url, keys=keys) as store:
        for after in range(0, records, TOGETHER):
            page = tuple(token(seq) for seq in range(after + 1, after + TOGETHER + 1))
            await store.append(Append(ROOM, 1, after, page))


async def check(url: str, jobs: int) -> tuple[float, float]:
    """Seconds of the clock and of all processes' CPU."""
    async with open_store(url, readonly=True) as reader:
        head = await reader.head(ROOM)
        before, began = cpu(), time.perf_counter()
        found = await check_chains(url, reader, [head], lambda _: None, jobs)
        wall = time.perf_counter() - began
        for child in active_children():
            child.join()  # Only of one that was waited for is it known what it used.
    assert (found[ROOM].bad, found[ROOM].good, found[ROOM].hash) == (None, head.seq, head.hash)
    return wall, cpu() - before


def cpu() -> float:
    """Of this process and of those that it began and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def parts(path: Path) -> None:
    """What SQLite takes for the rows alone, and hashing for what they hold."""
    columns = 'seq, time, author, run, epoch, document, record_id, asked, kind, grant_id, body, "update", body_hash'
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        taken, rows = spent(lambda: connection.execute(f"SELECT {columns} FROM records LIMIT {SLICE}").fetchall())
    finally:
        connection.close()
    hashed = [(chain.header(*row[:10]), (len(row[10]).to_bytes(8, "big"), row[10], row[11]), row[12]) for row in rows]
    found = {"SQLite's rows": taken}
    found["headers"], _ = spent(lambda: [chain.header(*row[:10]) for row in rows])
    found["SHA-256"], _ = spent(lambda: [(sha256(b"".join(b)).digest(), sha256(h + s).digest()) for h, b, s in hashed])
    took = (f"{name} {seconds / len(rows) * 1e6:.1f}" for name, seconds in found.items())
    print(f"  of it, µs a record: {', '.join(took)}")


def spent(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and what it gives."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def measure(name: str, path: Path, records: int, keys: Masters | None) -> None:
    url = f"sqlite:///{path}"
    trio.run(write, url, records, keys)
    print(f"{name}, {records:,} records, {path.stat().st_size / 1e6:.0f} MB")
    for jobs in (1, os.cpu_count() or 1):
        wall, used = trio.run(check, url, jobs)
        each = used / records
        print(
            f"  {jobs} process{'es' if jobs > 1 else ''}: {records / wall:,.0f} records/s by the clock; "
            f"{each * 1e6:.1f} µs of CPU a record, which is {jobs / each:,.0f} records/s where nobody else is at work"
        )
    parts(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.chain", description=__doc__)
    parser.add_argument("--records", type=int, default=500_000)
    records = parser.parse_args().records // TOGETHER * TOGETHER
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        measure("plain", Path(folder) / "plain.db", records, None)
        measure("encrypted", Path(folder) / "sealed.db", records, Masters([bytes(range(32))]))


if __name__ == "__main__":
    main()
