"""A few simulated worlds with every run of the tests, and what makes them worth believing.

`python -m tests.simulation --seeds 1000` runs many. Here the budget is some 20 seconds: seeds that always run, those
that once found a bug, and the proof that the checks bite and that a seed is a whole world.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from plait.protocol.events import Record
from plait.storage.memory import MemoryStore
from plait.storage.store import Append, Head

from . import engines, house
from .disk import Handle
from .found import FOUND, Found
from .shrinking import same_as, shrink
from .world import simulate

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = (7, 9, 21)
CANARY = 6
LIED = 23
FORGOT = 1


played = cache(simulate)


@pytest.mark.parametrize("seed", CHOSEN)
def test_promises_hold_in_storms(seed: int) -> None:
    """PF1, PF2, PF3, PF4, PF5, PF6, PF7, PF8, PF9, PF12, PF13, PF14, PF16: one storm and the
    quiet after it, everything compared."""
    outcome = played(seed, storms=1)
    assert not outcome.broken, f"python -m tests.simulation --seed {seed} --storms 1 --trace"


@pytest.mark.parametrize("found", FOUND, ids=lambda found: f"{found.rule}-{found.seed}")
def test_what_was_found_stays_mended(found: Found) -> None:
    """PF11: a seed that once broke a promise does not any more."""
    outcome = simulate(found.seed, found.storms)
    assert not outcome.broken, found.story


def test_worlds_are_not_idle() -> None:
    """PF1: the promises do not hold for want of trouble."""
    counts = played(CHOSEN[0], storms=1).counts
    assert counts["commits"] > 50
    for trouble in ("crashes", "appends full", "acked", "processes"):
        assert counts.get(trouble), trouble


def test_a_seed_is_a_world() -> None:
    """PF10: the same seed gives the same trace in two processes whose hashes differ, and another seed another one."""

    def digest(seed: int, hashes: str) -> str:
        program = f"from tests.simulation.world import simulate; print(simulate({seed}, storms=1).digest)"
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    first = digest(CANARY, "1")
    assert first == digest(CANARY, "2")
    assert first != played(CHOSEN[0], storms=1).digest


class Early(Handle):
    """A disk that says yes once before it has written."""

    lied = False

    async def append(self, append: Append) -> Head:
        if self.lied or len(append.records) == 1 or append.after < 20:
            return await super().append(append)
        self.lied = True
        return Head(append.room, append.records[-1].seq, append.epoch)


class Twice(MemoryStore):
    """A log that does not know again which commands it has."""

    async def find(self, room: str, record_id: str) -> Record | None:
        await super().find(room, record_id)
        return None


def test_a_disk_that_lies_is_caught_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """PF1, PF4, PF15: what was acked or shown and is not on disk is seen at once, and little is enough to show it."""
    monkeypatch.setattr(house, "Handle", Early)
    whole = simulate(LIED, storms=1, to_the_end=False)
    assert any("not on disk" in each or "uncommitted" in each for each in whole.broken), whole.broken
    best, happens = shrink(LIED, storms=1, tries=25)
    assert same_as(whole)(best)
    assert set(happens) < set(whole.happened)
    assert len(happens) <= len(whole.happened) // 2
    again = simulate(LIED, 1, happens, to_the_end=False)
    assert again.digest == best.digest


def test_a_forgetful_log_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """PF2: a command that is asked again and not known again is seen."""
    monkeypatch.setattr(engines, "MemoryStore", Twice)
    assert simulate(FORGOT, storms=1, to_the_end=False).broken
