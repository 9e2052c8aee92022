"""A hundred thousand hostile connections: `python -m tests.hostile --connections 100000`.

Prints what they were answered, how long a good tab waited meanwhile and how large the server grew, beside the same in
quiet; exit code 1 if either is beyond twice its quiet value, or if anything was answered as it should not be. The full
run takes a while; it stands in specs/proof.md. `tests/hostile/test_hostile.py` runs a small one.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import trio

from .attackers import Target
from .storm import Outcome, attack_all, storm


def _attack(told: str) -> None:
    target, count, at_once, seed = json.loads(told)
    print(json.dumps(trio.run(attack_all, Target(*target), count, at_once, seed)))


def _report(found: Outcome) -> bool:
    print(f"{found.sent} connections in {found.seconds:.0f} s, {found.cpu_s / found.sent * 1e6:.0f} µs of CPU each")
    for kind, answers in found.answers.items():
        print(f"  {kind:18}", ", ".join(f"{code or 'cut'}: {n}" for code, n in sorted(answers.items())))
    print("turned away, as the log said last:", found.turned_away or "none")
    fine = True
    for kind in ("ping", "edit"):
        quiet, stormy = found.quiet[kind], found.storm[kind]
        ratio = stormy.at(0.5) / quiet.at(0.5)
        print(f"a good tab's {kind}, quiet: {quiet.line()}")
        print(f"a good tab's {kind}, storm: {stormy.line()}; {ratio:.2f} of the quiet median")
        print(f"  of the quiet p95 {stormy.at(0.95) / quiet.at(0.95):.2f}, p99 {stormy.at(0.99) / quiet.at(0.99):.2f}")
        fine = fine and ratio <= 2
    quiet_mib, peak_mib, after_mib = (kib / 1024 for kib in (found.quiet_kib, found.peak_kib, found.after_kib))
    print(f"RSS: quiet {quiet_mib:.1f} MiB, peak {peak_mib:.1f}, after {after_mib:.1f}")
    fine = fine and found.peak_kib <= 2 * found.quiet_kib
    for line in found.unlawful:
        print("should not be:", line)
    return fine and not found.unlawful


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--connections", type=int, default=100_000)
    options.add_argument("--at-once", type=int, default=16)
    options.add_argument("--quiet-s", type=float, default=20.0)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--attack", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.attack:
        _attack(asked.attack)
        return 0
    with tempfile.TemporaryDirectory() as folder:

        async def run() -> Outcome:
            return await storm(
                Path(folder), asked.connections, at_once=asked.at_once, quiet_s=asked.quiet_s, seed=asked.seed
            )

        return 0 if _report(trio.run(run)) else 1


if __name__ == "__main__":
    sys.exit(main())
