"""`python -m tests.simulation`: run many seeds, say how fast and what broke, or play one seed again with its trace."""

import argparse
import sys
import time
from collections import Counter

from .world import STORMS, Outcome, simulate


def main() -> int:
    """Exit 1 if any seed broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="how many seeds to run (default 100)")
    parser.add_argument("--first", type=int, default=0, metavar="S", help="the first of them (default 0)")
    parser.add_argument("--seed", type=int, metavar="S", help="run this seed alone")
    parser.add_argument("--storms", type=int, default=STORMS, help=f"storms in each world (default {STORMS})")
    parser.add_argument("--trace", action="store_true", help="print what happened")
    asked = parser.parse_args()
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.seeds)
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    virtual_s, broken = 0.0, 0
    for n, seed in enumerate(seeds, 1):
        outcome = simulate(seed, asked.storms)
        counts.update(outcome.counts)
        virtual_s += outcome.virtual_s
        broken += bool(outcome.broken)
        _show(outcome, asked.trace, alone=asked.seed is not None)
        if n % 50 == 0 and sys.stderr.isatty():
            print(f"{n} seeds, {n / (time.perf_counter() - began):.1f} a second, {broken} broken", file=sys.stderr)
    seconds = time.perf_counter() - began
    print(
        f"{len(seeds)} seeds in {seconds:.0f} s, {len(seeds) / seconds:.2f} a second; {virtual_s / 3600:.1f} h inside"
    )
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    print(f"{broken} seeds broke a promise" if broken else "no promise was broken")
    return 1 if broken else 0


def _show(outcome: Outcome, trace: bool, *, alone: bool) -> None:
    if trace:
        print("\n".join(outcome.lines))
    if alone:
        print(f"seed {outcome.seed}: {outcome.seconds:.2f} s, {outcome.virtual_s:.0f} s inside, trace {outcome.digest}")
    for promise in outcome.broken[:5]:
        print(f"seed {outcome.seed}: {promise}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
