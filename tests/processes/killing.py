"""Kill real servers while a crowd is at work, round after round on one file, and hold the next one to its promises.

A round: a server starts, what was promised before is looked for in its log (`crowd`), everybody comes, and it is
killed: at its nth `fdatasync` from then on, which strace counts in the thread that writes, at a random moment, or at
one of the syncs with which it opens the file that the last one left.
"""

import random
from collections.abc import Callable
from pathlib import Path

import trio
from plait.runtime.cli.verify import check
from plait.storage.reader import SqliteReader

from .crowd import Crowd, crowd, moment
from .server import TriedServer

VERIFY_EVERY = 25
"""Rounds between two runs of `plait verify`, which reads the whole log each time."""

Say = Callable[[str], None]


async def killed_at_syncs(folder: Path, syncs: list[int], say: Say) -> None:
    """A round for each of these counts."""
    server = TriedServer(folder)
    await server.start()
    try:
        async with crowd(server) as people:
            for n, nth in enumerate(syncs):
                await people.check()
                await people.meet()
                async with server.injecting("fdatasync", f"signal=SIGKILL:when={nth}"):
                    await server.gone()
                await people.leave()
                say(f"killed at fdatasync {nth}: {_promised(people)}")
                if nth <= OPENING:
                    ready = not await server.start_and_die(nth)
                    say(f"killed at fdatasync {nth} of the next start, {'after' if ready else 'before'} it was ready")
                await server.start()
                if n % VERIFY_EVERY == VERIFY_EVERY - 1:
                    await verify(server.path)
            await _end(server, people)
            say(f"at the end: {_promised(people)}")
    finally:
        await server.close()


OPENING = 2
"""Opening the file of a killed server syncs its WAL, and then the database."""


async def killed_at_random(folder: Path, seed: int, rounds: int, say: Say) -> None:
    """So many rounds, each with a plain `kill -9` at a moment that the seed gives, now and then during the start."""
    chance = random.Random(seed)
    server = TriedServer(folder)
    await server.start()
    try:
        async with crowd(server) as people:
            for n in range(rounds):
                await people.check()
                await people.meet()
                lived = moment(chance)
                await trio.sleep(lived)
                await server.kill()
                await people.leave()
                say(f"round {n + 1}, killed after {lived:.2f} s: {_promised(people)}")
                if chance.random() < 0.2:
                    with trio.move_on_after(chance.uniform(0, 2)):
                        await server.start()
                    await server.kill()
                await server.start()
                if n % VERIFY_EVERY == VERIFY_EVERY - 1:
                    await verify(server.path)
            await _end(server, people)
            say(f"at the end: {_promised(people)}")
    finally:
        await server.close()


async def _end(server: TriedServer, people: Crowd) -> None:
    """The last server is left in peace: everybody agrees, it stops cleanly, and the log is whole."""
    await people.check()
    await people.meet()
    await people.agree()
    await people.check()
    assert len(people.acked) > 0
    assert people.edits > 0
    assert len(people.followed) > 0
    assert await server.terminate() == 0
    await verify(server.path)


async def verify(path: Path) -> None:
    """Nothing is wrong with any room, as `plait verify` finds it; in this process, since a start costs a second."""
    async with SqliteReader(path) as reader:
        for room in await reader.room_names():
            assert (await check(reader, await reader.head(room), lambda _: None)).bad is None


def _promised(people: Crowd) -> str:
    return (
        f"{len(people.acked)} prompts acked, {people.edits} characters at the last check, "
        f"{len(people.followed)} records followed, {len(people.log)} in the log"
    )
