"""What a fork of a long room costs, and a merge of it: seconds, CPU, bytes on disk, and how long others wait.

    uv run python -m tests.bench.forks [--records 100000]

The log is that of `tests.bench.moments`. While the copy is made, somebody in another room edits as fast as they are
answered; the slowest of those answers says whether the copy holds anybody up.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import trio
from plait.protocol.forks import Wanted
from plait.runtime import Runtime
from plait.storage import open_store
from pycrdt import Doc, Text

from .moments import write
from .processes import machine
from .replay import ROOM


async def measure(path: Path, records: int) -> None:
    url = f"sqlite:///{path}"
    await write(url, records)
    async with open_store(url) as store, Runtime(store) as runtime:
        head = (await store.head(ROOM)).seq
        other = runtime.room("other")
        await other.edit("main", _put)
        waits: list[float] = []
        before, began, cpu = (await trio.Path(path).stat()).st_size, time.perf_counter(), time.process_time()
        async with trio.open_nursery() as nursery:

            async def edit() -> None:
                while True:
                    asked = time.perf_counter()
                    await other.edit("main", _put)
                    waits.append(time.perf_counter() - asked)

            nursery.start_soon(edit)
            made = await runtime.rooms.fork(ROOM, Wanted(head, "fork"), other.grant)
            nursery.cancel_scope.cancel()
        spent, cpu = time.perf_counter() - began, time.process_time() - cpu
        waits.sort()
        print(f"fork of {made.at} records: {spent:.2f} s, {cpu:.2f} s of CPU, {len(waits)} edits elsewhere meanwhile")
        print(f"an edit elsewhere: median {waits[len(waits) // 2] * 1000:.1f} ms, slowest {waits[-1] * 1000:.0f} ms")
        fork = runtime.room("fork")
        for _ in range(1000):
            await fork.edit("main", _put)
        began, cpu = time.perf_counter(), time.process_time()
        merged = await fork.merge()
        spent, cpu = time.perf_counter() - began, time.process_time() - cpu
        print(f"merge of {merged.documents['main'].edits} edits: {spent:.2f} s, {cpu:.2f} s of CPU")
    grown = (await trio.Path(path).stat()).st_size - before
    print(f"the file grew by {grown / 1e6:.1f} MB, from {before / 1e6:.1f} MB, {grown / records:.0f} bytes a record")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _put(doc: "Doc[Any]") -> None:
    doc.get("content", type=Text).insert(0, "x")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--records", type=int, default=100_000)
    records = asked.parse_args().records
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        trio.run(measure, Path(folder) / "plait.db", records)


if __name__ == "__main__":
    main()
