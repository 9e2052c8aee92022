"""Thousands of random flows: crashed anywhere, replayed, carried out in another order, and always the same."""

import random

import pytest

from .flow_world import Program, World, end, random_program

SEEDS = range(1500)
"""Each is one pair of flows, whole once and cut at three places; the cache is compared with a replay at every turn."""


def programs(seed: int) -> dict[str, Program]:
    rng = random.Random(seed)
    return {"root": random_program(rng), "child": random_program(rng, depth=2, children=False)}


@pytest.mark.parametrize("block", range(10))
def test_random_flows_survive_crashes_anywhere(block: int) -> None:
    """AG12, AG30: a flow that is cut behind any record and replayed ends as the whole one did, in whatever order its
    steps are carried out; the live coroutines say at every turn what a replay of the log says."""
    for seed in SEEDS[block::10]:
        flows = programs(seed)
        whole = World(flows, seed).play()
        rng = random.Random(seed)
        for cut in {rng.randrange(1, len(whole.records)) for _ in range(3)}:
            again = World(flows, rng.randrange(1 << 30), whole.records[:cut]).play()
            assert end(again) == end(whole), f"seed {seed}, cut behind record {cut}"


@pytest.mark.parametrize("block", range(5))
def test_random_stops_leave_nothing_open(block: int) -> None:
    """AG42: whoever is stopped and whenever, a run ends after the runs below it, and nothing hangs."""
    for seed in range(block, 500, 5):
        world = World(programs(seed), seed)
        for _ in range(world.rng.randrange(40)):
            if world.root.open:
                world.turn()
        if world.root.open:
            world.stop()
        world.play()
        end(world)
