"""Fuzz the decoders with coverage guidance: `python -m tests.fuzz [TARGET ...] --seconds 600`.

atheris is no dependency of the project, because its wheel has 37 MB: `uv run --with atheris python -m tests.fuzz`.
Each target is given its kept inputs, or where it has none the seeds, and atheris changes them. What makes a target fail
is printed in base64 and written to `--folder`; the exit code is then 1. With `--keep` a small set of inputs that goes
the same ways through protocol/ joins the kept ones (tests/fuzz/corpus), which stay, for some of them were bugs.
"""

import argparse
import base64
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from . import corpus
from .seeds import SEEDS

KEPT = 120
"""Inputs that one target keeps at most, the shortest of them: the normal tests try them all."""


def fuzz(target: str, seconds: int, folder: Path, keep: bool) -> bool:
    """Run one target and say how it went; whether nothing was found."""
    work = folder / target
    shutil.rmtree(work, ignore_errors=True)
    (work / "found").mkdir(parents=True)
    _write(work / "corpus", [*SEEDS[target](), *corpus.load(target)])
    options = [
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-max_len=4096",
        "-rss_limit_mb=1500",
        "-print_final_stats=1",
    ]
    began = time.monotonic()
    done = _guided(target, [*options, f"-artifact_prefix={work / 'found'}/", str(work / "corpus")])
    runs = re.search(r"number_of_executed_units: *(\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    found = sorted((work / "found").iterdir())
    print(
        f"{target:10} {runs[1] if runs else '?':>9} inputs in {time.monotonic() - began:4.0f} s, "
        f"coverage {covered[0] if covered else '?'} -> {covered[-1] if covered else '?'}, "
        f"{len(found)} found, exit {done.returncode}",
        flush=True,
    )
    for path in found:
        print(f"  {path.name[:12]} {base64.b64encode(path.read_bytes()).decode()}")
    if found or done.returncode:
        print(done.stderr[-3000:])
        return False
    if keep:
        found_ways = _telling(target, sorted((work / "corpus").iterdir(), key=lambda path: path.stat().st_size))
        corpus.save(target, [*corpus.load(target), *found_ways][:KEPT])
    return True


def _telling(target: str, paths: list[Path]) -> list[bytes]:
    """Of these inputs, shortest first, those that take a way from one line to another that none before them took."""
    from . import targets

    taken: set[tuple[str, int, int]] = set()
    kept: list[bytes] = []
    for path in paths:
        data, before = path.read_bytes(), len(taken)
        if len(data) > corpus.LONGEST or len(kept) == KEPT:
            continue
        sys.settrace(lambda frame, _, __: _watch(frame, taken))
        try:
            targets.run(target, data)
        finally:
            sys.settrace(None)
        if len(taken) > before:
            kept.append(data)
    return kept


def _watch(frame: FrameType, taken: set[tuple[str, int, int]]) -> Callable[..., Any] | None:
    """Note the ways through one function of protocol/; others are not looked at."""
    name = frame.f_code.co_filename
    if "/protocol/" not in name:
        return None
    last = 0

    def line(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal last
        if event == "line":
            taken.add((name, last, frame.f_lineno))
            last = frame.f_lineno
        return line

    return line


def _write(folder: Path, inputs: list[bytes]) -> None:
    folder.mkdir()
    for n, each in enumerate(inputs):
        (folder / f"{n:04}").write_bytes(each)


def _guided(target: str, options: list[str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.fuzz.guided", target, *options]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(SEEDS), help=", ".join(SEEDS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/plait-fuzz"))
    parser.add_argument("--keep", action="store_true", help="keep what reaches more in tests/fuzz/corpus")
    given = parser.parse_args()
    clean = [fuzz(target, given.seconds, given.folder, given.keep) for target in given.targets]
    sys.exit(not all(clean))


if __name__ == "__main__":
    main()
