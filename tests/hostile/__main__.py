"""A hundred thousand hostile connections: `python -m tests.hostile --connections 100000`.

Prints what they were answered, how long a good tab waited meanwhile and how large the server grew, beside the same in
quiet; exit code 1 if a median, a 95th percentile or the size is beyond twice its quiet value, or if anything was
answered as it should not be. What it showed stands in specs/proof.md. `tests/hostile/test_hostile.py` runs a
small one.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import trio

from .attackers import Target
from .storm import Outcome, attack_all, make_room, storm


def _attack(told: str) -> None:
    target, count, at_once, seed, per_s = json.loads(told)
    make_room()
    print(json.dumps(trio.run(attack_all, Target(*target), count, at_once, seed, per_s)))


def _report(found: Outcome) -> bool:
    rate, each, busy = found.sent / found.seconds, found.cpu_s / found.sent * 1e6, found.cpu_s / found.seconds
    print(f"{found.sent} connections in {found.seconds:.0f} s, {rate:.0f} a second")
    print(f"the server used {busy:.2f} of a core, {each:.0f} µs a connection with the good tab's own work;", end=" ")
    print(
        f"it waited for a core {found.delayed[0]:.3f} of each quiet second and {found.delayed[1]:.3f} of a stormy one"
    )
    for kind, answers in found.answers.items():
        print(f"  {kind:18}", ", ".join(f"{code or 'cut'}: {n}" for code, n in sorted(answers.items())))
    print("turned away, as the log said last:", found.turned_away or "none")
    fine = True
    for kind in ("ping", "edit"):
        quiet, stormy = found.quiet[kind], found.storm[kind]
        ratios = [stormy.at(part) / quiet.at(part) for part in (0.5, 0.95, 0.99)]
        print(f"a good tab's {kind}, quiet: {quiet.line()}")
        print(f"a good tab's {kind}, storm: {stormy.line()}")
        print(f"  of the quiet p50 {ratios[0]:.2f}, p95 {ratios[1]:.2f}, p99 {ratios[2]:.2f}")
        fine = fine and max(ratios[:2]) <= 2
    quiet_mib, peak_mib, after_mib = (kib / 1024 for kib in (found.quiet_kib, found.peak_kib, found.after_kib))
    print(f"RSS: quiet {quiet_mib:.1f} MiB, peak {peak_mib:.1f}, after {after_mib:.1f}")
    fine = fine and found.peak_kib <= 2 * found.quiet_kib
    for line in found.unlawful:
        print("should not be:", line)
    return fine and not found.unlawful


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--connections", type=int, default=100_000)
    options.add_argument("--at-once", type=int, default=96)
    options.add_argument("--per-second", type=float, default=0, help="at most; as many as come, without")
    options.add_argument("--quiet-s", type=float, default=20.0)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--attack", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.attack:
        _attack(asked.attack)
        return 0
    with tempfile.TemporaryDirectory() as folder:

        async def run() -> Outcome:
            bounds = {"at_once": asked.at_once, "quiet_s": asked.quiet_s, "seed": asked.seed}
            return await storm(Path(folder), asked.connections, **bounds, per_s=asked.per_second)

        return 0 if _report(trio.run(run)) else 1


if __name__ == "__main__":
    sys.exit(main())
