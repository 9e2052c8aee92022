"""What a look into a long room's past costs: opening it, any moment, a step, a search, blame and effects.

    uv run python -m tests.bench.moments [--records 1000000] [--keep FILE]

The log is a long talk, one token a record, in which a person types now and then, with a snapshot wherever a room keeps
one (each SNAPSHOT_RECORDS), so what is read is what a server leaves. Times are of CPU, all threads, which is what a
quiet machine would show on its clock. `--keep` writes the store once and uses it again.
"""

import argparse
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, cast

import trio
from plait.protocol import limits
from plait.runtime.replay.bisecting import bisect, expression
from plait.runtime.replay.effects import effects
from plait.runtime.replay.moment import Scrubber, moment
from plait.runtime.replay.telling import told
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.opening import open_live
from plait.runtime.room.past import Pasts, Question
from plait.runtime.room.snapshots import take_snapshot
from plait.storage import Reader, Store, open_store
from pycrdt import Doc, Text

from .processes import machine
from .replay import ROOM, WORKERS, Writing

LOOKS = 40


async def write(url: str, records: int) -> None:
    async with open_store(url) as store:
        live = await open_live(ROOM, store, WORKERS, Surroundings())
        writing = Writing(live, store)
        number = 0
        written: Doc[Any] = Doc(client_id=7)
        while live.state.seq < records:
            await writing.talk(number)
            live.edit("ann", "main", typed(written, f"Note {number}. "), by=None)
            await writing.take()
            number += 1
            if live.state.seq - live.snapshot_seq >= limits.SNAPSHOT_RECORDS:
                await writing.save()
                live.snapshot_seq = live.state.seq
                await store.save_snapshot(ROOM, take_snapshot(live))
        await writing.save()


def typed(doc: "Doc[Any]", text: str) -> bytes:
    """The update of a person who types at the end."""
    state, root = doc.get_state(), doc.get("content", type=Text)
    root.insert(len(root), text)
    return doc.get_update(state)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of CPU that it takes, its thread that reads the database included."""
    began = time.process_time()
    await work()
    return (time.process_time() - began) * 1000


def shown(name: str, times: list[float], target: float) -> None:
    times = sorted(times)
    worst = times[min(len(times) - 1, round(len(times) * 0.99))]
    print(f"{name:<46} median {median(times):8.1f} ms   p99 {worst:8.1f} ms   target {target:.0f} ms")


async def measure(url: str) -> None:
    chance = random.Random(7)
    async with open_store(url, readonly=True) as reader:
        head = (await reader.head(ROOM)).seq
        opening = partial(open_live, ROOM, cast(Store, reader), WORKERS, Surroundings())  # It only reads.
        shown("opening the room", [await timed(opening) for _ in range(10)], 100)
        seqs = [chance.randint(1, head) for _ in range(LOOKS)]
        shown("any moment", [await timed(lambda seq=seq: moment(reader, ROOM, seq)) for seq in seqs], 150)
        await steps(reader, head, chance)
        for part in (0.1, 0.5, 0.9):
            run = f"{int(head * part) // 500 * 500:012d}"
            finds = expression(f"length(runs.keys(@)[?@ >= '{run}']) > `0`")
            shown(f"bisect, {part:.0%} into the log", [await timed(lambda it=finds: bisect(reader, ROOM, it))], 2000)
        await places(reader, seqs)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory of the process at its highest: {rss:.0f} MiB")


async def steps(reader: Reader, head: int, chance: random.Random) -> None:
    """Steps forth and back from where somebody looks, with all that the page is told."""
    forth: list[float] = []
    back: list[float] = []
    whole: list[float] = []
    for _ in range(8):
        scrubber = Scrubber(reader, ROOM)
        seq = chance.randint(1000, head - 100)
        await scrubber.go(seq)
        for _ in range(20):
            seq += 1
            forth.append(await timed(partial(scrubber.go, seq)))
        for _ in range(60):
            seq -= 1
            back.append(await timed(partial(scrubber.go, seq)))
        here = await scrubber.go(seq)
        began = time.process_time()
        told(here)
        whole.append((time.process_time() - began) * 1000)
    shown("a step forward", forth, 5)
    shown("a step back", back, 5)
    shown("telling a moment as JSON", whole, 5)


async def places(reader: Reader, seqs: list[int]) -> None:
    """From a place to its record, and from a record to its places."""
    character = Question(root="content", at=100)
    first = [await timed(partial(Pasts(reader).ask, ROOM, "main", character)) for _ in range(LOOKS)]
    shown("blame of a character, asked first", first, 20)
    every = Question(root="content", limit=limits.BLAME_SPANS)
    first = [await timed(partial(Pasts(reader).ask, ROOM, "main", every)) for _ in range(LOOKS)]
    shown("blame of a page of spans, asked first", first, 20)
    pasts = Pasts(reader)
    ask = partial(pasts.ask, ROOM, "main", character)
    shown("blame of a character, asked again", [await timed(ask) for _ in range(LOOKS)], 20)
    page = partial(pasts.ask, ROOM, "main", every)
    shown("blame of a page of spans, asked again", [await timed(page) for _ in range(LOOKS)], 20)
    shown("effects of any record", [await timed(partial(effects, reader, ROOM, seq)) for seq in seqs[:10]], 2000)


def ladder(path: Path) -> str:
    """What a room keeps on disk so that its past is near."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        ((rungs, size),) = database.execute("SELECT count(*), sum(length(data)) FROM snapshots").fetchall()
        ((noted,),) = database.execute("SELECT sum(length(data)) FROM written").fetchall()
    return f"{size / 1e6:.1f} MB on {rungs} rungs, and {noted / 1e3:.0f} kB which say what wrote in a document"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "bench.db"
        if not path.exists():
            trio.run(write, f"sqlite:///{path}", given.records)
        print(f"{given.records:,} records, {path.stat().st_size / 1e6:.0f} MB on disk")
        print(f"of it the ladder {ladder(path)}\n")
        trio.run(measure, f"sqlite:///{path}")


if __name__ == "__main__":
    main()
