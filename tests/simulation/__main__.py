"""`python -m tests.simulation`: run many seeds, say how fast and what broke, play one again, or shrink it."""

import argparse
import sys
import time
from collections import Counter

from .shrinking import shrink
from .world import STORMS, Outcome, simulate


def main() -> int:
    """Exit 1 if any seed broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="how many seeds to run (default 100)")
    parser.add_argument("--first", type=int, default=0, metavar="S", help="the first of them (default 0)")
    parser.add_argument("--seed", type=int, metavar="S", help="run this seed alone")
    parser.add_argument("--storms", type=int, default=STORMS, help=f"storms in each world (default {STORMS})")
    parser.add_argument("--trace", action="store_true", help="print what happened")
    parser.add_argument("--shrink", action="store_true", help="look for the smallest world of --seed that still breaks")
    parser.add_argument("--tries", type=int, default=300, help="how many worlds to try for that (default 300)")
    asked = parser.parse_args()
    if asked.shrink:
        return _shrink(asked.seed, asked.storms, asked.tries)
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.seeds)
    tally = Tally()
    try:
        for seed in seeds:
            outcome = simulate(seed, asked.storms)
            tally.add(outcome)
            _show(outcome, asked.trace, alone=asked.seed is not None)
    except KeyboardInterrupt:
        print("interrupted; so far:")
    tally.show()
    return 1 if tally.broken else 0


def _shrink(seed: int | None, storms: int, tries: int) -> int:
    if seed is None:
        raise SystemExit("--shrink needs a --seed")
    best, happened = shrink(seed, storms, tries=tries, told=lambda said: print(said, file=sys.stderr, flush=True))
    print("\n".join(best.lines))
    print(f"What happens in it: {', '.join(happened) or 'nothing that could be left out'}")
    print("\n".join(best.broken[:5]))
    return 1


class Tally:
    """What many seeds come to."""

    def __init__(self) -> None:
        self.seeds = self.broken = 0
        self._began = time.perf_counter()
        self._virtual_s = 0.0
        self._counts: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.broken += bool(outcome.broken)
        self._virtual_s += outcome.virtual_s
        self._counts.update(outcome.counts)
        if self.seeds % 50 == 0:
            commits = self._counts["commits"]
            so_far = f"{self.seeds} seeds up to {outcome.seed}, {self._rate:.2f} a second, {commits} commits"
            print(f"{so_far}, {self.broken} broken", file=sys.stderr, flush=True)

    @property
    def _rate(self) -> float:
        return self.seeds / (time.perf_counter() - self._began)

    def show(self) -> None:
        print(f"{self.seeds} seeds, {self._rate:.2f} a second; {self._virtual_s / 3600:.1f} h inside")
        print(", ".join(f"{count} {what}" for what, count in sorted(self._counts.items())))
        print(f"{self.broken} seeds broke a promise" if self.broken else "no promise was broken")


def _show(outcome: Outcome, trace: bool, *, alone: bool) -> None:
    if trace:
        print("\n".join(outcome.lines))
    if alone:
        print(f"seed {outcome.seed}: {outcome.seconds:.2f} s, {outcome.virtual_s:.0f} s inside, trace {outcome.digest}")
    for promise in outcome.broken[:5]:
        print(f"seed {outcome.seed}: {promise}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
