"""All chance of a simulated world from one seed: Trio's scheduler, entropy, ids, and the dice of each participant.

Why: a failure that cannot be had again is a rumour. Rules:

1. Each participant has dice of its own, named, so that what one draws does not change what another one gets.
2. Libraries that ask the operating system for randomness (wsproto's masks and keys, uuid) get the seed's.
3. No thread and no real socket: when those answer is reality's choice and not the seed's.
4. Garbage is not collected in between: when a cycle goes depends on counts that the hash seed changes.

Trio's seeded scheduler is private. `test_simulation.py` has the canary that says when it changes.
"""

import gc
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio._core._run as scheduler

_scheduler: Any = scheduler


class Chance:
    """Where everything in one world gets its randomness from."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def dice(self, name: str) -> random.Random:
        """Dice for one participant; the same name gives the same throws. A string is hashed without the hash seed."""
        return random.Random(f"{self.seed}/{name}")

    @contextmanager
    def rules(self) -> Iterator[None]:
        """Within the block nothing in this process is left to chance but what a thread or a socket would bring."""
        kept_urandom, kept_choice = os.urandom, _scheduler._ALLOW_DETERMINISTIC_SCHEDULING
        kept_order, kept_random = _scheduler._r.getstate(), random.getstate()
        collecting = gc.isenabled()
        os.urandom = self.dice("os.urandom").randbytes
        _scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
        _scheduler._r.seed(f"{self.seed}/scheduler")
        random.seed(f"{self.seed}/random")
        gc.disable()
        try:
            yield
        finally:
            os.urandom = kept_urandom
            _scheduler._ALLOW_DETERMINISTIC_SCHEDULING = kept_choice
            _scheduler._r.setstate(kept_order)
            random.setstate(kept_random)
            if collecting:
                gc.enable()
                gc.collect()
