"""Change the code one thing at a time and see which changes no test notices: `python -m tests.mutation [HOUSE]`.

Why: a line that may be altered without a test failing is a line that nobody has shown to be needed. mutmut makes the
changes; it is no dependency of the project: `uv run --with mutmut python -m tests.mutation`. Rules (specs/proof.md):

- A sample is drawn over all mutants of the house alike, so large modules weigh as much as they are large; the same
  seed draws the same sample from the same source.
- The score is what was noticed among what was noticed, survived or was reached by no test, with its 95 % interval
  (Wilson). Mutants that ran out of time stand apart: a busy machine does the same.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any

from .mutants import Mutant, lay_out, mutate

HOUSES = {
    "protocol": (
        "tests/protocol",
        "tests/golden",
        "tests/fuzz/test_targets.py",
        "tests/runtime/room",
        "tests/runtime/agent",
        "tests/runtime/models/test_asking.py",
    ),
    "runtime/room": ("tests/runtime/room", "tests/runtime/agent", "tests/runtime/server"),
}
"""What is mutated, and the tests that are to notice."""


def attempt(folder: Path, mutants: list[Mutant], tests: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Try mutants in the copy; yields what `trying` says, line by line."""
    plan = folder / "plan.json"
    plan.write_text(json.dumps({"tests": tests, "mutants": [(each.name, each.function) for each in mutants]}))
    environ = os.environ | {"PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "tests/mutation/trying.py", str(plan)]
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.startswith("{"):
                yield json.loads(line)


def score(outcomes: Counter[str]) -> str:
    """A score in per cent with its interval, and the counts that it comes from."""
    noticed, counted = outcomes["noticed"], outcomes["noticed"] + outcomes["survived"] + outcomes["not reached"]
    if not counted:
        return f"{'-':>8}  {outcomes['out of time']} out of time"
    low, high = wilson(noticed, counted)
    counts = ", ".join(f"{count} {word}" for word, count in sorted(outcomes.items()))
    return f"{100 * noticed / counted:6.1f} %  ({100 * low:.1f} to {100 * high:.1f})  {counts}"


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), which holds for few tries and for shares near 1 as well."""
    z = 1.96
    middle = (hits + z * z / 2) / (tries + z * z)
    half = z / (tries + z * z) * sqrt(hits * (tries - hits) / tries + z * z / 4)
    return middle - half, middle + half


def report(mutants: list[Mutant], outcomes: dict[str, str]) -> None:
    """The changes that nobody noticed, then the score of each module and of all."""
    by_module: dict[str, Counter[str]] = {}
    for mutant in mutants:
        outcome = outcomes.get(mutant.name, "not tried")
        by_module.setdefault(mutant.module, Counter())[outcome] += 1
        if outcome != "noticed":
            print(f"{outcome}: {mutant.name}\n{mutant.change}")
    for module, counts in sorted(by_module.items()):
        print(f"{module:28} {score(counts)}")
    print(f"{'all':28} {score(sum(by_module.values(), Counter()))}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("house", nargs="?", default="protocol", choices=HOUSES)
    parser.add_argument("--sample", type=int, help="how many mutants, of all that there are; default all")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--only", nargs="*", default=[], metavar="MODULE", help="of the house, instead of all of it")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/plait-mutation"), help="where the copy is laid out")
    given = parser.parse_args()
    os.nice(10)
    lay_out(given.folder)
    mutants = mutate(given.folder, given.house, given.only)
    print(f"{len(mutants)} mutants of {given.house}", flush=True)
    if given.sample is not None and given.sample < len(mutants):
        mutants = random.Random(given.seed).sample(mutants, given.sample)
    outcomes: dict[str, str] = {}
    for line in attempt(given.folder, mutants, HOUSES[given.house]):
        if "name" in line:
            outcomes[line["name"]] = line["outcome"]
        print(json.dumps(line), file=sys.stderr, flush=True)
    report(sorted(mutants), outcomes)


if __name__ == "__main__":
    main()
