"""The inputs that are kept: one file per target, one input per line in base64, so that a new one is one new line.

They are the seeds of every run, by Hypothesis and by atheris, and each of them is tried by the normal tests. A line is
there because it reached a branch that no line above it did, or because it once was a bug.
"""

import base64
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
LONGEST = 2_000
"""Bytes of one input; what needs more to be shown is a test of its own."""


def load(target: str) -> list[bytes]:
    """The target's inputs, oldest first; none for one that was never fuzzed."""
    path = FOLDER / f"{target}.txt"
    return [base64.b64decode(line) for line in path.read_text().splitlines()] if path.exists() else []


def save(target: str, inputs: Iterable[bytes]) -> None:
    """Keep these inputs instead."""
    FOLDER.mkdir(exist_ok=True)
    lines = dict.fromkeys(base64.b64encode(each).decode() for each in inputs if len(each) <= LONGEST)
    (FOLDER / f"{target}.txt").write_text("".join(f"{line}\n" for line in lines))
