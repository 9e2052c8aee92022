"""The kinds of trouble, and how often a number of seeds survives each: what the tests and the command run."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

from plait.storage import file

from .cuts import Found, cut
from .disk import KILL, Fault, Sync, Write

BATCHES = 50
CUTS = 8
"""Power cuts at random moments of each run; its clean end is looked at as well."""

TROUBLE: dict[str, Callable[[Random], Fault | None]] = {
    "none": lambda rng: None,
    "a sync fails": lambda rng: Fault(Sync, rng.randrange(1, 120)),
    "syncs fail for a while": lambda rng: Fault(Sync, rng.randrange(1, 120), times=rng.randrange(2, 8)),
    "writes fail": lambda rng: Fault(Write, rng.randrange(1, 900), times=rng.choice((1, 5, 40))),
    "the disk is full": lambda rng: Fault(Write, rng.randrange(1, 900), errno.ENOSPC, rng.choice((1, 5, 40))),
    "killed at a sync": lambda rng: Fault(Sync, rng.randrange(1, 120), KILL),
    "killed at a write": lambda rng: Fault(Write, rng.randrange(1, 900), KILL),
}


async def survive(folder: Path, trouble: str, seeds: range) -> Found:
    """One workload a seed, with this trouble at a seeded moment and power cuts all over it."""
    found = Found()
    for seed in seeds:
        await cut(folder, seed, batches=BATCHES, cuts=CUTS, fault=TROUBLE[trouble](Random(seed)), found=found)
    return found


@contextmanager
def synchronous_normal() -> Iterator[None]:
    """plait's storage as it must not be: with commits that are not synced."""
    weaker = tuple(setting.replace("synchronous = FULL", "synchronous = NORMAL") for setting in file.WRITER_SETTINGS)
    assert weaker != file.WRITER_SETTINGS
    with patch.object(file, "WRITER_SETTINGS", weaker):
        yield


async def report(folder: Path, seeds: range) -> bool:
    """Run every trouble, print a line for each, and say whether all of it held and NORMAL did not."""
    well = True
    for trouble in TROUBLE:
        began = time.monotonic()
        found = await survive(folder, trouble, seeds)
        well &= not found.stories
        print(f"{trouble}: {dict(found)} in {time.monotonic() - began:.0f} s", flush=True)
        for story in found.stories.values():
            print(f"    {story}", flush=True)
    with synchronous_normal():
        found = await survive(folder, "none", seeds)
    print(f"synchronous=NORMAL, which must lose: {dict(found)}", flush=True)
    return well and found["differs"] > 0
