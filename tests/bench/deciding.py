"""What accepting one hunk of a draft costs whoever else is in the room, in a document that was typed in many places.

    python -m tests.bench.deciding [--insertions 40000]

The answer may take long. What counts is how long nobody else had a turn meanwhile, of which the room's pass is a part:
a task asks for its turn all the time, and its longest wait is told. The store is in memory.
"""

import argparse
import time
from typing import Any

import trio
from plait.runtime import Runtime
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from .blame import anywhere
from .processes import machine


def typed(insertions: int) -> bytes:
    """A text of a megabyte into which somebody typed so many words, each anywhere."""
    doc: Doc[Any] = Doc(client_id=7)
    with doc.transaction():
        for update in anywhere(insertions):
            doc.apply_update(update)
    return doc.get_update()


class Waits:
    """How long it was at worst until a task that wanted a turn had one."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            began = time.perf_counter()
            await trio.lowlevel.checkpoint()
            self.longest = max(self.longest, time.perf_counter() - began)

    def told(self) -> str:
        longest, self.longest = self.longest, 0.0
        return f"{longest * 1000:.0f} ms"


async def measure(insertions: int) -> None:
    async with Runtime(MemoryStore()) as runtime, trio.open_nursery() as nursery:
        room = runtime.room("r")
        base = typed(insertions)
        await room.edit("main", lambda doc: doc.apply_update(base))
        waits = Waits()
        nursery.start_soon(waits.watch)
        draft = await room.propose("main")
        print("propose: nobody else had a turn for", waits.told())
        await room.edit(draft, lambda doc: doc.get("content", type=Text).insert(1000, "hello "))
        waits.told()
        shown = await room.draft(draft)
        print("a look at the draft, nobody else had a turn for", waits.told())
        for what in (room.accept, room.reject):
            began = time.perf_counter()
            await what(draft, [shown.hunks[0].id])
            took = time.perf_counter() - began
            print(f"{what.__name__}: answered in {took:.2f} s, nobody else had a turn for", waits.told())
            await room.edit(draft, lambda doc: doc.get("content", type=Text).insert(2000, "hello "))
            shown = await room.draft(draft)
            waits.told()
        nursery.cancel_scope.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deciding", description=__doc__)
    parser.add_argument("--insertions", type=int, default=40_000)
    given = parser.parse_args()
    print(machine())
    trio.run(measure, given.insertions)


if __name__ == "__main__":
    main()
