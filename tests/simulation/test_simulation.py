"""A few simulated worlds with every run of the tests, and what makes them worth believing.

`python -m tests.simulation --seeds 1000` runs many. Here the budget is some 20 seconds: seeds that always run, those
that once found a bug, and the proof that the checks bite and that a seed is a whole world.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plait.protocol.events import Record
from plait.storage.memory import MemoryStore
from plait.storage.store import Append, Head

from . import house
from .disk import Disk, Handle
from .found import FOUND, Found
from .world import simulate

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = (1, 5, 8)
CANARY = 4


@pytest.mark.parametrize("seed", CHOSEN)
def test_promises_hold_in_storms(seed: int) -> None:
    """PF1, PF2, PF3, PF4, PF5, PF6, PF7, PF8, PF9: one storm and the quiet after it, everything compared."""
    outcome = simulate(seed, storms=1)
    assert not outcome.broken, f"python -m tests.simulation --seed {seed} --storms 1 --trace"


@pytest.mark.parametrize("found", FOUND, ids=lambda found: f"{found.rule}-{found.seed}")
def test_what_was_found_stays_mended(found: Found) -> None:
    """PF11: a seed that once broke a promise does not any more."""
    outcome = simulate(found.seed, found.storms)
    assert not outcome.broken, found.story


def test_worlds_are_not_idle() -> None:
    """PF1: the promises do not hold for want of trouble."""
    counts = simulate(CHOSEN[0], storms=1).counts
    assert counts["commits"] > 50
    for trouble in ("crashes", "store errors", "acked", "processes"):
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
    assert first != simulate(CANARY + 1, storms=1).digest


class Early(Handle):
    """A disk that says yes before it has written."""

    def __init__(self, disk: Disk, trace: Any) -> None:
        super().__init__(disk, trace)
        self._lost = 0

    async def append(self, append: Append) -> Head:
        self._lost += 1
        if self._lost % 5:
            return await super().append(append)
        return Head(append.room, append.records[-1].seq, append.epoch)


class Twice(MemoryStore):
    """A log that does not know again which commands it has."""

    async def find(self, room: str, record_id: str) -> Record | None:
        await super().find(room, record_id)
        return None


def test_a_disk_that_lies_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """PF1, PF4: what was acked or shown and is not on disk is seen at once."""
    monkeypatch.setattr(house, "Handle", Early)
    broken = [each for seed in CHOSEN for each in simulate(seed, storms=1).broken]
    assert any("not on disk" in each or "uncommitted" in each for each in broken), broken


def test_a_forgetful_log_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """PF2: a command that is asked again and not known again is seen."""
    monkeypatch.setattr("tests.simulation.world.MemoryStore", Twice)
    assert any(simulate(seed, storms=1).broken for seed in CHOSEN)
