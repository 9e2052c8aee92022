"""What holds for every log that a room can write, asked of random ones: the fold and the documents as algebra."""

import random
from collections import Counter
from functools import cache
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from plait.protocol.errors import PlaitError
from plait.protocol.events import Record, kebab
from plait.protocol.fold import fold
from plait.protocol.shown import shown_runs
from plait.protocol.state import RoomState
from plait.protocol.update import fits, read
from plait.runtime import Runtime
from plait.runtime.room.live import Live
from plait.runtime.room.opening import replay
from pycrdt import Doc, Text

from ..runtime.agent.test_tab_tools import around
from ..runtime.room.scene import surroundings, watching
from .documents import state
from .rooms import Play, crew, told

SEEDS = range(6)


@cache
def played(seed: int) -> tuple[Play, list[Record]]:
    """A random room's life and its log."""

    async def main() -> tuple[Play, list[Record]]:
        play = await Play(seed).play()
        return play, await play.records()

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def documents(updates: list[tuple[str, bytes]]) -> dict[str, tuple[Any, Any, dict[int, int]]]:
    """What each document shows after these updates, and its clocks."""
    docs: dict[str, Doc[Any]] = {}
    for name, update in updates:
        docs.setdefault(name, Doc[Any](client_id=5)).apply_update(update)
    return {
        name: (shown_runs(doc) if not name else None, str(doc.get("content", type=Text)) if name else "", state(doc))
        for name, doc in docs.items()
    }


def as_they_fit(waiting: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The same updates, each as early as law 11 lets it in: what came too early is delivered again behind the others.

    Without this yrs itself would keep what came too early, and then loses some of it (specs/proof.md)."""
    clocks: dict[str, dict[int, int]] = {}
    taken: list[tuple[str, bytes]] = []
    while waiting:
        early: list[tuple[str, bytes]] = []
        for name, update in waiting:
            known, decoded = clocks.setdefault(name, {}), read(update, own=True)
            if not fits(decoded, known):
                early.append((name, update))
                continue
            taken.append((name, update))
            for client, _, end in decoded.inserted:
                known[client] = max(end, known.get(client, 0))
        assert len(early) < len(waiting), "no update fits"
        waiting = early
    return taken


@pytest.mark.parametrize("seed", SEEDS)
def test_replay_equals_live(seed: int) -> None:
    """PF50: what the log says, folded and applied, is what the process had in memory that wrote it."""
    play, records = played(seed)
    live = Live("r", 99, 99, {}, surroundings())
    for record in (record for record in records if record.seq <= play.state.seq):
        replay(live, record)
    assert live.state == play.state
    of_log = documents([(record.document, record.update) for record in records if record.update])
    assert of_log == documents(list(play.documents.items()))


@pytest.mark.parametrize("seed", SEEDS)
def test_snapshot_and_tail_equal_replay(seed: int) -> None:
    """PF51: a fold that was stored and taken up again, behind every single record, goes on as if it had not been."""
    _, records = played(seed)
    straight, cut = RoomState(), RoomState()
    for record in records:
        fold(straight, record)
        fold(cut, record)
        cut = msgspec.msgpack.decode(msgspec.msgpack.encode(cut), type=RoomState)
        assert cut == straight, record


@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_gives_the_same_documents(seed: int) -> None:
    """PF52: the stored updates of a log, shuffled and some of them twice, give the same documents."""
    _, records = played(seed)
    updates = [(record.document, record.update) for record in records if record.update]
    straight, draw = documents(updates), random.Random(seed)
    for _ in range(4):
        waiting = [*updates, *draw.choices(updates, k=len(updates) // 3)]
        draw.shuffle(waiting)
        assert documents(as_they_fit(waiting)) == straight


@pytest.mark.parametrize("seed", SEEDS)
def test_repeated_commands_do_nothing(seed: int) -> None:
    """PF53: every command that was accepted, asked again of a later process, gets its first answer and no record."""
    play, _ = played(seed)

    async def main() -> None:
        async with (
            Runtime(play.store, crew(random.Random(seed)), surroundings=around()) as runtime,
            runtime.rooms.use("r") as room,
        ):
            await trio.sleep(1)
            before = (await play.store.head("r")).seq
            tab = await watching(room)
            for command, (seq, run) in play.commands:
                answer = await told(room, command, tab)
                assert not isinstance(answer, PlaitError), (command, answer)
                assert (answer.seq, answer.run) == (seq, run), command
            assert (await play.store.head("r")).seq == before

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_what_the_random_rooms_show() -> None:
    """PF50: the logs hold most kinds of events, so that what is asked of them is asked of those."""
    kinds = Counter(kebab(type(record.event).__name__) for seed in SEEDS for record in played(seed)[1])
    assert len(kinds) >= 30, sorted(kinds)
