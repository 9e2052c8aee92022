"""What encryption at rest costs: CPU of the process for each record that is appended, and for each that is read back.

    uv run python -m tests.bench.encryption [--records 20000] [--rounds 3]

The same log of one person's run is written into a plain and into an encrypted store, in appends of fifty, inline, and
read back in pages, in turns. CPU time and not the clock's, because the disk is the same for both; medians of rounds.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import trio
from plait.protocol.events import Record, RunRequested, TextStreamed
from plait.storage import Append, Masters, open_store

TIME = 1_700_000_000_000_000
RUN = "000000000001"
UPDATE = bytes(range(33))
TOGETHER = 50


def log(records: int) -> list[Record]:
    """A prompt and a stream of words."""
    asked = Record(1, TIME, "ann", RUN, 1, RunRequested("assistant", "hello"))
    word = TextStreamed("generate.0", 1, 0, "word ")
    return [asked, *(Record(n, TIME, "agent:assistant", RUN, 1, word, "", UPDATE) for n in range(2, records + 1))]


async def measure(path: Path, records: list[Record], keys: Masters | None) -> tuple[float, float]:
    """µs of CPU for each record, written and read."""
    async with open_store(f"sqlite:///{path}", inline=True, keys=keys) as store:
        began = time.process_time()
        for first in range(0, len(records), TOGETHER):
            await store.append(Append("r", 1, first, tuple(records[first : first + TOGETHER]), open_runs=1))
        written = time.process_time()
        after = 0
        while page := await store.read("r", after):
            after = page[-1].seq
        read = time.process_time()
    each = 1e6 / len(records)
    return (written - began) * each, (read - written) * each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    records = log(asked.records)
    found: dict[str, list[tuple[float, float]]] = {"plain": [], "encrypted": []}
    for _ in range(asked.rounds):
        for name, keys in (("plain", None), ("encrypted", Masters([bytes(32)]))):
            with tempfile.TemporaryDirectory() as folder:
                found[name].append(trio.run(measure, Path(folder) / "plait.db", records, keys))
    for at, what in enumerate(("appended", "read")):
        plain, sealed = (statistics.median(one[at] for one in found[name]) for name in ("plain", "encrypted"))
        print(f"{what:9} plain {plain:6.1f} µs  encrypted {sealed:6.1f} µs  a record, ratio {sealed / plain:.2f}")


if __name__ == "__main__":
    main()
