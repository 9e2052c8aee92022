"""Power cuts on a simulated disk: what was acked is in the log, whatever the disk made of what was not synced."""

from pathlib import Path

import pytest

from ..conftest import need_module

need_module("apsw")

from .harness import TROUBLE, survive, synchronous_normal

SEEDS = {"none": range(3), "syncs fail for a while": range(3, 5)}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_the_power_goes(tmp_path: Path, trouble: str) -> None:
    """PF20, PF21, PF22: the file opens, verifies and is in a state that was promised, at every cut of every seed."""
    found = await survive(tmp_path, trouble, SEEDS.get(trouble, range(1)))
    assert not found.stories
    assert found["held"] >= 9


async def test_the_power_goes_while_a_failed_sync_is_made_good(tmp_path: Path) -> None:
    """PF21, ST51: the seed that showed that a WAL must be written again before it is checkpointed."""
    found = await survive(tmp_path, "syncs fail for a while", range(100, 101))
    assert not found.stories


async def test_without_syncs_the_harness_finds_the_loss(tmp_path: Path) -> None:
    """PF23: the same run under synchronous=NORMAL loses what was acked, and never the file."""
    with synchronous_normal():
        found = await survive(tmp_path, "none", range(2))
    assert found["differs"] > 0
    assert set(found.stories) == {"differs"}
