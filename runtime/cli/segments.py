"""`plait verify --chain`: the hash chain alone, of many rooms or of a long one, on all processors.

Every record is kept with its hash, so a chain can be checked from anywhere: each part begins with the hash that is kept
of the record before it, and the part before proves that one. It needs no keys, and decodes no event. Parts are given to
processes, because Python hashes and reads rows on one processor at a time.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import trio
from msgspec import Struct

from ...storage import Erased, Head, Reader, RoomDeleted, StoreCorrupt, erasures, open_store
from ...storage.chain import START, verify

_PART = 50_000
"""Records: a third of a second, so that the bar moves and nobody waits long for the last one."""

_PAGE = 2_000
_ALONE = 40_000
"""Records that are checked sooner than a second process has begun."""


class Part(Struct, frozen=True):
    """Some of a room's records: those after seq `after` and up to `upto`."""

    room: str
    after: int
    upto: int


class Checked(Struct, frozen=True):
    """How far a part is as it was written: up to `good`, whose hash is `hash`; `bad` is what is wrong with the next."""

    room: str
    good: int
    hash: bytes
    bad: str | None = None
    gone: bool = False


async def check_chains(
    url: str, reader: Reader, heads: Sequence[Head], tick: Callable[[int], None], jobs: int = 0
) -> dict[str, Checked]:
    """Each room's chain up to its head: where it ends, or the first record that does not follow. Rooms that are deleted
    meanwhile are left out."""
    jobs = jobs or os.cpu_count() or 1
    tasks = list(_tasks(parts(heads)))
    found: list[Checked] = []
    if jobs == 1 or sum(head.seq for head in heads) <= _ALONE:
        for task in tasks:
            found += await _check(reader, task)
            tick(sum(part.upto - part.after for part in task))
    else:
        with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=get_context("spawn")) as pool:
            futures = [(task, pool.submit(_check_there, url, task)) for task in tasks]
            try:
                for task, future in futures:
                    found += await trio.to_thread.run_sync(_result, future, abandon_on_cancel=True)
                    tick(sum(part.upto - part.after for part in task))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    return _joined(found)


def parts(heads: Iterable[Head]) -> Iterator[Part]:
    """The rooms' records in order."""
    for head in heads:
        if not head.deleted:
            for after in range(0, head.seq, _PART):
                yield Part(head.room, after, min(after + _PART, head.seq))


def _tasks(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Parts in order, together as many records as one part may have: a store of many small rooms has few tasks."""
    task: list[Part] = []
    size = 0
    for part in parts:
        if task and size + part.upto - part.after > _PART:
            yield task
            task, size = [], 0
        task.append(part)
        size += part.upto - part.after
    if task:
        yield task


def _joined(found: Iterable[Checked]) -> dict[str, Checked]:
    """Of each room its first break, or its end."""
    rooms: dict[str, Checked] = {}
    for one in found:
        if one.room not in rooms or rooms[one.room].bad is None:
            rooms[one.room] = one
    return {name: one for name, one in rooms.items() if not one.gone}


def _result(future: "Future[list[Checked]]") -> list[Checked]:
    return future.result()


def _check_there(url: str, task: list[Part]) -> list[Checked]:
    """In a process of its own."""

    async def main() -> list[Checked]:
        async with open_store(url, readonly=True, inline=True) as reader:
            return await _check(reader, task)

    return trio.run(main)


async def _check(reader: Reader, task: list[Part]) -> list[Checked]:
    return [await _check_part(reader, part) for part in task]


async def _check_part(reader: Reader, part: Part) -> Checked:
    good, previous = part.after, START
    try:
        past = await erasures(reader, part.room)
        erased = Erased(past[-1] if past else None)
        if part.after:
            before = await reader.sealed(part.room, part.after - 1, 1)
            if not before or before[0].seq != part.after:
                return Checked(part.room, good - 1, previous, f"record {part.after} is missing")
            previous = before[0].hash
        while good < part.upto:
            page = await reader.sealed(part.room, good, min(_PAGE, part.upto - good))
            if not page:
                return Checked(part.room, good, previous, f"record {good + 1} is missing")
            found = verify(page, after=good, previous=previous, erased=erased)
            if found is not None:
                return Checked(part.room, found.seq - 1, b"", found.why)
            good, previous = page[-1].seq, page[-1].hash
    except StoreCorrupt as corrupt:
        return Checked(part.room, good, previous, str(corrupt))
    except RoomDeleted:
        return Checked(part.room, good, previous, gone=True)
    return Checked(part.room, good, previous)
