"""How fast a room comes back from its log alone: records read, decoded, applied and folded a second, no snapshot.

    uv run python -m tests.bench.replay [--records 100000]

The log is what a long talk leaves: runs of 500 tokens, one token a record, as when tokens come slower than commits. The
parts are measured alone as well, so that a slow one shows. At last code of a later shape opens the room, once: it
projects the whole log anew and writes down what differs (specs/reprojection.md).
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import trio
from plait.protocol.access import Grant
from plait.protocol.commands import Prompt
from plait.protocol.events import ModelAnswered, Record, RoomShaped, TextStreamed, run_id
from plait.protocol.flow import converse
from plait.protocol.fold import fold
from plait.protocol.prompts import AgentFacts
from plait.protocol.replay import Policy
from plait.protocol.state import RoomState
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.live import Live
from plait.runtime.room.opening import open_live
from plait.storage import Append, Store, open_store
from pycrdt import Doc

from tests.runtime.replay.shapes import later

from .processes import machine

ROOM = "bench"
TOKENS = 500
ROUNDS = 3
TOGETHER = 32  # As recovery does.
WORKERS = {"assistant": Policy(converse)}
STEP = "generate.0"


class Writing:
    """A room's work without waiting for anybody: drafts go to the store a thousand at a time."""

    def __init__(self, live: Live, store: Store, room: str = ROOM) -> None:
        self._live = live
        self._room = room
        self._store = store
        self._waiting: list[Record] = []

    async def take(self) -> None:
        """End a pass."""
        if self._live.append() is not None:
            self._waiting += self._live.committed()[0]
        if len(self._waiting) >= 1000:
            await self.save()

    async def save(self) -> None:
        if self._waiting:
            append = Append(self._room, self._live.epoch, self._waiting[0].seq - 1, tuple(self._waiting))
            await self._store.append(append)
            self._waiting = []

    async def talk(self, number: int) -> None:
        """One run: a prompt, an answer of many tokens."""
        live = self._live
        run = live.command(Grant(), Prompt(id=f"p{number}", text="go on"), None, lambda _: AgentFacts("assistant")).run
        live.decide()
        live.begin_request(run, "agent:assistant", STEP, 1, "echo", {"model": "echo", "messages": [{"n": number}]})
        await self.take()
        for n in range(TOKENS):
            live.stream(run, TextStreamed(STEP, 1, 0, f" token{n}"))
            await self.take()
        live.report(run, "agent:assistant", ModelAnswered(STEP, 1, "stop"))
        live.decide()
        await self.take()


async def write(url: str, records: int) -> int:
    async with open_store(url) as store:
        live = await open_live(ROOM, store, WORKERS, Surroundings())
        writing = Writing(live, store)
        number = 0
        while live.state.seq < records:
            await writing.talk(number)
            number += 1
        await writing.save()
        assert not live.state.open_runs()
        assert live.state.runs[run_id(max(int(run) for run in live.state.runs))].status == "done"
        return live.state.seq


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


async def read_all(store: Store) -> list[Record]:
    records: list[Record] = []
    while page := await store.read(ROOM, len(records)):
        records += page
    return records


def apply_all(records: list[Record]) -> None:
    doc: Doc[Any] = Doc()
    for first in range(0, len(records), TOGETHER):
        with doc.transaction():
            for record in records[first : first + TOGETHER]:
                if record.update:
                    doc.apply_update(record.update)


def fold_all(records: list[Record]) -> None:
    state = RoomState()
    for record in records:
        fold(state, record)


async def measure(url: str) -> dict[str, float]:
    """CPU seconds of each part; `whole` is what opening the room takes, in wall time too."""
    async with open_store(url) as store:
        began, cpu = time.perf_counter(), time.process_time()
        live = await open_live(ROOM, store, WORKERS, Surroundings())
        whole, wall = time.process_time() - cpu, time.perf_counter() - began
        cpu = time.process_time()
        records = await read_all(store)
        read = time.process_time() - cpu
        assert live.state.seq == len(records)
    parts = {"read": read, "apply": timed(lambda: apply_all(records)), "fold": timed(lambda: fold_all(records))}
    return {"whole": whole, "wall": wall, **parts}


async def reshape(url: str) -> tuple[float, int]:
    """CPU seconds of the first opening by code of a later shape, and the bytes of the update that it wrote."""
    async with open_store(url) as store:
        before = (await store.head(ROOM)).seq
        cpu = time.process_time()
        with later():
            await open_live(ROOM, store, WORKERS, Surroundings())
        took = time.process_time() - cpu
        (shaped,) = [one for one in await store.read(ROOM, before) if isinstance(one.event, RoomShaped)]
        return took, len(shaped.update)


def main(records: int) -> None:
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        began = time.perf_counter()
        count = trio.run(write, url, records)
        print(f"{count:,} records written in {time.perf_counter() - began:.1f} s\n")
        rounds = [trio.run(measure, url) for _ in range(ROUNDS)]
        anew, written = trio.run(reshape, url)
    print("| what | records/s | µs a record |")
    print("| --- | --- | --- |")
    names = {
        "wall": "opening the room, wall",
        "whole": "opening the room, CPU",
        "read": "of it: read and decode",
        "apply": "of it: apply the stored updates",
        "fold": "of it: fold",
    }
    for key, name in names.items():
        seconds = median(one[key] for one in rounds)
        print(f"| {name} | {count / seconds:,.0f} | {seconds / count * 1e6:.2f} |")
    print(f"| opening it by code of a later shape, once, CPU | {count / anew:,.0f} | {anew / count * 1e6:.2f} |")
    print(f"\nof a later shape: {anew:.2f} s, {written:,} bytes written")
    print(f"target: 100,000 records/s; wall {count / median(one['wall'] for one in rounds) / 100_000:.2f} of it")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    main(parser.parse_args().records)
