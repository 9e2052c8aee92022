"""All chance of a simulated world from one seed: Trio's scheduler, entropy, ids, and the dice of each participant.

Why: a failure that cannot be had again is a rumour. Rules:

1. Each participant has dice of its own, named, so that what one draws does not change what another one gets.
2. Whatever may be left out of a world asks `happens` under a name that says who and the how-manieth, and has dice of
   that name, so that leaving one thing out disturbs the others as little as it can (`shrinking` lives on that).
3. Libraries that ask the operating system for randomness (wsproto's masks and keys, uuid) get the seed's.
4. No thread and no real socket: when those answer is reality's choice and not the seed's.
5. Garbage is not collected in between: when a cycle goes depends on counts that the hash seed changes.

Trio's seeded scheduler is private. `test_simulation.py` has the canary that says when it changes.
"""

import gc
import os
import random
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import trio._core._run as scheduler

_scheduler: Any = scheduler


class Chance:
    """Where everything in one world gets its randomness from. `only`: what may happen, None for everything."""

    def __init__(self, seed: int, only: Collection[str] | None = None) -> None:
        self.seed = seed
        self.happened: dict[str, None] = {}
        self._only = only if only is None else frozenset(only)

    def dice(self, name: str) -> random.Random:
        """Dice for one participant; the same name gives the same throws. A string is hashed without the hash seed."""
        return random.Random(f"{self.seed}/{name}")

    def happens(self, what: str) -> bool:
        """Whether that is to happen. What has a word like "acts" or "crash" in its name is of that kind."""
        if self._only is not None and what not in self._only:
            return False
        self.happened[what] = None
        return True

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
        gc.freeze()  # What is there already is not this world's litter, and looking through it takes a while.
        try:
            yield
        finally:
            os.urandom = kept_urandom
            _scheduler._ALLOW_DETERMINISTIC_SCHEDULING = kept_choice
            _scheduler._r.setstate(kept_order)
            random.setstate(kept_random)
            gc.collect()
            gc.unfreeze()
            if collecting:
                gc.enable()
