"""What the list of rooms costs among 100,000 of them: a page from the front, from the middle, searched and filtered.

    uv run python -m tests.bench.rooms [--rooms 100000] [--folder DIR]

Each figure is the median of a few pages as `GET /api/rooms` asks them, worker thread included. A search that finds
nothing, and a filter that holds nowhere, look at every room there is: they are the worst that can be asked.
"""

import argparse
import statistics
import tempfile
import time

import trio
from plait.protocol.events import Record, TextStreamed
from plait.storage import About, Append, SqliteStore, open_store

TIME = 1_700_000_000_000_000
TOKEN = TextStreamed("generate.0", 1, 0, "word ")
PAGE = 50
TIMES = 9


async def fill(store: SqliteStore, rooms: int) -> None:
    """Rooms a minute apart, each with a title and two values; every tenth is somebody else's."""

    async def append(first: int, last: int) -> None:
        for number in range(first, last):
            record = Record(1, TIME + number * 60_000_000, "ann", "000000000001", 1, TOKEN)
            about = About(f"Question {number} about the braid", {"team": str(number % 10), "user": f"u{number % 1000}"})
            await store.append(Append(f"room-{number:06d}", 1, 0, (record,), about=about))

    async with trio.open_nursery() as nursery:
        for first in range(0, rooms, 1000):
            nursery.start_soon(append, first, min(first + 1000, rooms))


async def main(rooms: int, place: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        async with open_store(f"sqlite:///{folder}/rooms") as store:
            await fill(store, rooms)
            (middle,) = [(await store.rooms(limit=rooms // 2)).cursor]
            asked = {
                "first page": {},
                "page in the middle": {"cursor": middle},
                "search that finds a page": {"query": "QUESTION 77"},
                "search that finds nothing": {"query": "nothing of the kind"},
                "filter that holds for a tenth": {"metadata": {"team": "3"}},
                "filter that holds nowhere": {"metadata": {"team": "none"}},
            }
            print(f"| a page of {PAGE} among {rooms:,} rooms | median |")
            print("| --- | --- |")
            for name, question in asked.items():
                spans = []
                for _ in range(TIMES):
                    began = time.perf_counter()
                    await store.rooms(limit=PAGE, **question)
                    spans.append(time.perf_counter() - began)
                print(f"| {name} | {statistics.median(spans) * 1000:.1f} ms |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What the list of rooms costs among 100,000 of them.")
    parser.add_argument("--rooms", type=int, default=100_000)
    parser.add_argument("--folder", help="where the database is made")
    given = parser.parse_args()
    trio.run(main, given.rooms, given.folder)
