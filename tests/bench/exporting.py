"""How fast a long room goes out as a bundle and comes in again, beside a plain copy of the same bytes.

    uv run python -m tests.bench.exporting [--records 300000]

The yardstick is the bundle itself, copied a megabyte at a time and synced, as the export's file is, in the same run.
What bounds the export is not the disk but Python: each record is read, looked at and encoded. The memory is that of the
process at its highest, above what it was before, for a third of the log and then for all of it.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import trio
from plait.runtime.replay.exporting import export
from plait.runtime.replay.importing import import_
from plait.storage import open_store

from .moments import write
from .processes import machine
from .replay import ROOM

MEGABYTE = 1 << 20


async def exported(url: str, path: Path) -> None:
    """Write the bundle as `plait export` does."""
    async with open_store(url, readonly=True) as reader:
        with path.open("wb") as file:

            async def put(part: bytes) -> None:
                file.write(part)

            await export(reader, ROOM, put, by="ann")
            file.flush()
            os.fsync(file.fileno())


async def imported(path: Path, url: str) -> None:
    async with open_store(url) as store:
        await import_(store, path, by="ann", now=1)


async def copied(path: Path, other: Path) -> None:
    with path.open("rb") as source, other.open("wb") as file:
        while part := source.read(MEGABYTE):
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def timed(work: Callable[..., Awaitable[Any]], *given: object) -> tuple[float, float, float]:
    """Seconds of the clock and of CPU, and by how many MiB the process's highest memory rose."""
    began, cpu, memory = time.perf_counter(), time.process_time(), highest()
    trio.run(partial(work, *given))
    return time.perf_counter() - began, time.process_time() - cpu, highest() - memory


def highest() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, store: Path, records: int) -> None:
    bundle, url = folder / f"{records}.zip", f"sqlite:///{store}"
    out, back = timed(exported, url, bundle), timed(imported, bundle, f"sqlite:///{folder}/{records}-back.db")
    megabytes = bundle.stat().st_size / 1e6
    copy, _, _ = timed(copied, bundle, folder / f"{records}.copy")
    print(f"{records:,} records, {megabytes:.0f} MB; a plain copy, synced: {megabytes / copy:,.0f} MB/s")
    for name, (wall, cpu, memory) in (("export", out), ("import", back)):
        print(
            f"  {name}: {megabytes / wall:,.1f} MB/s and {records / wall:,.0f} records/s by the clock, "
            f"{copy / wall:.3f} of the copy; {cpu / records * 1e6:.1f} µs of CPU a record, "
            f"which is {megabytes / cpu:,.1f} MB/s; memory +{memory:.0f} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exporting", description=__doc__)
    parser.add_argument("--records", type=int, default=300_000)
    given = parser.parse_args()
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for records in (given.records // 3, given.records):
            store = folder / f"{records}.db"
            trio.run(write, f"sqlite:///{store}", records)
            measure(folder, store, records)


if __name__ == "__main__":
    main()
