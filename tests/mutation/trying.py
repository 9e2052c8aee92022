"""Try mutants in one process: collect and run the tests once, then fork for each mutant and run those that reach it.

Why: starting pytest and importing everything takes seconds, and most mutants are noticed within milliseconds. Run by
`tests.mutation` in the copy, with a file that says which mutants and which tests; says a line of JSON for each. Rules:

- The first run finds which functions each test calls and how long it takes. Tests that fail without any mutant, or
  take longer than `SLOW_S`, are left out; and a mutant that survived `ENOUGH_S` of tests is asked no more. Both can
  only make a score lower.
- A mutant's tests run in a fork, fastest first, until one fails. A test that takes much longer than it took ends the
  fork: such a mutant is out of time, which is not the same as noticed.
- A mutant of nothing goes first, with every test: one that fails there would notice anything, so it is left out too.
- What was called while modules were loaded was not the mutant: if no test in the fork noticed, the mutant is tried once
  more in a process of its own, in which it is on from the first line.
- Hypothesis does not shrink what it finds, since one failure is enough; otherwise it tries what it always tries.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation import trampoline  # pyright: ignore[reportMissingImports]

SLOW_S = 0.5
ENOUGH_S = 3.0
SURVIVED, NOTICED = 0, 1


class Timed(NamedTuple):
    """A test that passes: the seconds of processor time that it takes, and the functions that it calls."""

    took: float
    item: pytest.Item
    calls: frozenset[str]


class Mutant:
    """Which mutant this process is; `stats` makes the trampolines tell what is called.

    mutmut looks into the environment at each call of each function, which takes longer than most of them.
    """

    name = "stats"


MUTANT = Mutant()


class Trial:
    """pytest's loop, which runs all tests once and then some of them for each mutant."""

    def __init__(self, mutants: list[tuple[str, str]], say: Callable[[dict[str, Any]], None]) -> None:
        self._mutants, self._say = mutants, say
        self._calls: set[str] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Listen to the trampolines from before the first import of what is mutated, and shrink nothing."""
        from hypothesis import Phase, settings  # Only now: pytest wants to rewrite what it finds unloaded.

        quick = settings(settings.get_profile("plait"), phases=[Phase.explicit, Phase.generate])
        settings.register_profile("mutation", quick)
        settings.load_profile("mutation")
        trampoline.record_trampoline_hit = lambda name, caller=None: self._calls.add(name)
        trampoline.get_mutant_under_test = lambda: MUTANT.name

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Everything happens here, in place of the usual loop."""
        loading = frozenset(self._calls)
        began = time.monotonic()
        tests = self._measure(session.items)
        self._say({"tests": len(tests), "took": round(time.monotonic() - began), "loading": len(loading)})
        gc.freeze()
        for name, function in self._mutants:
            began = time.monotonic()
            reach = [test for test in tests if function in test.calls]
            outcome, by = self._fork(name, reach, ENOUGH_S) if reach else ("not reached", "")
            if outcome in ("survived", "not reached") and function in loading:
                asked = [test.item.nodeid for test in reach] or session.config.args[:1]
                outcome, by = _alone(name, asked) or (outcome, by)
            took = round(time.monotonic() - began, 2)
            self._say({"name": name, "outcome": outcome, "by": by, "tests": len(reach), "took": took})
        return True

    def _measure(self, items: list[pytest.Item]) -> list[Timed]:
        """Run every test as it is, and keep those that pass quickly, fastest first."""
        kept: list[Timed] = []
        for item in items:
            self._calls.clear()
            start = time.process_time()
            failed = _fails(item)
            took = time.process_time() - start
            if failed or took > SLOW_S:
                self._say({"left out": item.nodeid, "why": "fails" if failed else f"{took:.1f} s"})
                continue
            kept.append(Timed(took, item, frozenset(self._calls)))
        kept.sort(key=lambda test: test.took)
        while (control := self._fork("", kept, inf))[0] != "survived":
            self._say({"left out": control[1], "why": f"{control[0]} without a mutant"})
            kept = [test for test in kept if test.item.nodeid != control[1]]
        return kept

    def _fork(self, name: str, tests: list[Timed], enough_s: float) -> tuple[str, str]:
        """One mutant in a process of its own: the outcome, and the test that noticed."""
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            _be(name, tests, enough_s, write)
        os.close(write)
        _, status = os.waitpid(child, 0)
        last = len(os.read(read, 1 << 16)) - 1
        os.close(read)
        code, by = os.waitstatus_to_exitcode(status), tests[last].item.nodeid
        if -code in (signal.SIGPROF, signal.SIGALRM):
            return "out of time", by
        return ("survived", "") if code == SURVIVED else ("noticed", by)


def _be(name: str, tests: list[Timed], enough_s: float, write: int) -> None:
    """In the fork: be the mutant, run its tests, and end the process with what became of it."""
    try:
        MUTANT.name = name
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        until = time.process_time() + enough_s
        for test in tests:
            os.write(write, b".")
            _limit(test.took)
            if _fails(test.item):
                os._exit(NOTICED)
            if time.process_time() > until:
                break
        os._exit(SURVIVED)
    finally:
        os._exit(NOTICED)  # What tears through pytest itself was noticed as well.


def _limit(took: float) -> None:
    """Let the system end this process if a test takes so much longer: of the processor, or of waiting for nothing."""
    signal.setitimer(signal.ITIMER_PROF, 2 + 10 * took)
    signal.setitimer(signal.ITIMER_REAL, 10 + 30 * took)


def _fails(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def _alone(name: str, tests: list[str]) -> tuple[str, str] | None:
    """The mutant in a new Python: what became of it there, None if nothing noticed."""
    environ = os.environ | {"MUTANT_UNDER_TEST": name}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, env=environ, capture_output=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return "out of time", ""
    return ("noticed", "a process of its own") if done.returncode else None


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text())
    sys.path[0] = os.getcwd()  # Python put this file's folder there, whose names are nobody else's business.
    out = os.fdopen(os.dup(1), "w")

    def say(line: dict[str, Any]) -> None:
        print(json.dumps(line), file=out, flush=True)

    options = ["-q", "-s", "--tb=no", "-p", "no:cacheprovider"]
    options += [f"--basetemp={os.getcwd()}/basetemp", "-o", "tmp_path_retention_policy=none"]
    pytest.main([*options, *given["tests"]], plugins=[Trial(given["mutants"], say)])


if __name__ == "__main__":
    main()
