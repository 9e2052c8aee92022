"""A storm of hostile connections against a real `plait serve`, and how a good tab and the server's memory fare in it.

Three phases: quiet, storm, quiet again. The server runs as an operator would run it, with a secret file; attackers run
in a process of their own, on one core and at the lowest priority, a bounded number at a time, because they share the
machine's cores with those whom they attack, and what an attacker's own work takes is not the server's doing. How long
the server waited for a core is counted beside it: what others on the machine do is not its doing either.
"""

import json
import math
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trio
from plait.protocol import tokens
from plait.protocol.access import Grant

from ..end_to_end.serving import ServerProcess, serving
from .attackers import KINDS, TURNED_AWAY, Kind, Target, attack, kind_of

ADDRESSES = 250
"""So many different addresses attack; one in ten connections comes from a single one, which meets its rate."""

HANGERS = 400
"""Connections of the kinds that hold on for seconds may be so many at a time, beside the others."""


class Samples(NamedTuple):
    """How long a good tab waited for one kind of answer in one phase, in ms, sorted."""

    ms: list[float]

    def at(self, part: float) -> float:
        return self.ms[min(len(self.ms) - 1, math.ceil(part * len(self.ms)) - 1)]

    def line(self) -> str:
        return f"p50 {self.at(0.5):.1f}, p95 {self.at(0.95):.1f}, p99 {self.at(0.99):.1f} ms of {len(self.ms)}"


class Outcome(NamedTuple):
    """What a storm did."""

    sent: int
    seconds: float
    answers: dict[str, Counter[int]]
    unlawful: list[str]
    quiet: dict[str, Samples]
    storm: dict[str, Samples]
    quiet_kib: int
    peak_kib: int
    after_kib: int
    cpu_s: float
    delayed: tuple[float, float]
    """Of a second, how much the server waited for a core: in quiet, in the storm."""
    turned_away: dict[str, int]


def grants(folder: Path) -> tuple[Path, str, str]:
    """A secret file, the good tab's token, and the attackers'."""
    secret = b"a secret that is known to this test only"
    path = folder / "secret"
    path.write_bytes(secret)
    key = tokens.secret(secret)
    now = time.time_ns() // 1000
    good = tokens.sign(Grant("good", issued=now, rooms=("good",)), key)
    return path, good, tokens.sign(Grant("mallory", issued=now, rooms=("hostile-*",), admin=False), key)


class GoodTab:
    """The good tab's process, and what it has measured."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.lines: list[tuple[float, str, float]] = []

    async def listen(self) -> None:
        rest = b""
        assert self.process.stdout is not None
        async for part in self.process.stdout:
            *lines, rest = (rest + bytes(part)).split(b"\n")
            self.lines += [tuple(json.loads(line)) for line in lines]

    def between(self, begin: float, end: float) -> dict[str, Samples]:
        found: dict[str, list[float]] = {"edit": [], "ping": []}
        for moment, kind, ms in self.lines:
            if begin <= moment < end:
                found[kind].append(ms)
        return {kind: Samples(sorted(ms)) for kind, ms in found.items()}


@asynccontextmanager
async def good_tab(server: ServerProcess, token: str) -> AsyncIterator[GoodTab]:
    command = [sys.executable, "-m", "tests.hostile.good", server.ws, token]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, env={**os.environ})
    async with trio.open_nursery() as nursery:
        tab = GoodTab(process)
        nursery.start_soon(tab.listen)
        with trio.fail_after(120):
            while not tab.lines:  # noqa: ASYNC110 - the other process tells when it is asked.
                await trio.sleep(0.05)
        try:
            yield tab
            assert process.poll() is None, "the good tab was not served to the end"
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
            nursery.cancel_scope.cancel()


async def attack_all(
    target: Target, count: int, at_once: int, seed: int, per_s: float = 0
) -> tuple[dict[str, Counter[int]], list[str]]:
    """So many connections of all kinds by turns, at most `per_s` a second if that is given; what they were answered,
    and what they should not have been."""
    began = trio.current_time()
    answers = {kind.__name__: Counter[int]() for kind in KINDS}
    unlawful: list[str] = []
    slots, hangers = trio.Semaphore(at_once), trio.Semaphore(max(4, min(HANGERS, count // 8)))

    async def one(kind: Kind, number: int, slot: trio.Semaphore) -> None:
        dice = random.Random(f"{seed}.{number}")
        last = dice.randrange(ADDRESSES) + 2 if number % 10 else 1
        try:
            said = await attack(kind, target, f"127.66.0.{last}", dice)
        finally:
            slot.release()
        answers[kind.__name__][said] += 1
        if said not in KINDS[kind] | TURNED_AWAY | {1013} and len(unlawful) < 100:
            unlawful.append(f"{kind.__name__} {number}: {said}")

    async with trio.open_nursery() as nursery:
        for number in range(count):
            kind = kind_of(number)
            slot = hangers if not KINDS[kind] or kind.__name__.startswith(("slow", "half")) else slots
            await slot.acquire()
            if per_s:
                await trio.sleep_until(began + number / per_s)
            nursery.start_soon(one, kind, number, slot)
    return answers, unlawful


def make_room() -> None:
    """Let this process have one core, the last, and that one while hardly anybody else wants it; also where server and
    good tab run ahead of everybody, as under `chrt`."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    os.nice(19)


async def _attackers(
    target: Target, count: int, at_once: int, seed: int, per_s: float = 0
) -> tuple[dict[str, Counter[int]], list[str]]:
    """The same in a process that makes room for others (`make_room`)."""
    told = json.dumps([target, count, at_once, seed, per_s])
    command = [sys.executable, "-m", "tests.hostile", "--attack", told]
    done = await trio.run_process(command, capture_stdout=True)
    answers, unlawful = json.loads(done.stdout)
    return {kind: Counter({int(code): n for code, n in found.items()}) for kind, found in answers.items()}, unlawful


async def storm(
    folder: Path, count: int, *, at_once: int = 96, quiet_s: float = 20.0, seed: int = 1, per_s: float = 0
) -> Outcome:
    """The whole of it. Raises AssertionError if the good tab loses its socket or the server does not stop cleanly."""
    secret, good, hostile = grants(folder)
    async with serving(folder, arguments=["--secret-file", str(secret)]) as server, good_tab(server, good) as tab:
        target = Target(server.port, hostile)
        await _attackers(target, len(KINDS), at_once, 0)  # What is loaded once is loaded before.
        await trio.sleep(2)
        begin, quiet_kib, waits = time.monotonic(), server.resident_kib(), [_delayed_s(server)]
        await trio.sleep(quiet_s)
        stormy, cpu, peak = time.monotonic(), server.cpu_s(), [0]
        waits.append(_delayed_s(server))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch, server, peak)
            answers, unlawful = await _attackers(target, count, at_once, seed, per_s)
            nursery.cancel_scope.cancel()
        calm, cpu = time.monotonic(), server.cpu_s() - cpu
        waits.append(_delayed_s(server))
        await trio.sleep(quiet_s)
        after = server.resident_kib()
        quiet, later = tab.between(begin, stormy), tab.between(calm, time.monotonic())
        both = {kind: Samples(sorted(quiet[kind].ms + later[kind].ms)) for kind in quiet}
        turned = await _turned_away(server)
        delayed = (waits[1] - waits[0]) / (stormy - begin), (waits[2] - waits[1]) / (calm - stormy)
        outcome = Outcome(
            *(count, calm - stormy, answers, unlawful, both, tab.between(stormy, calm)),
            *(quiet_kib, peak[0], after, cpu, delayed, turned),
        )
    assert "Traceback" not in server.log, server.log[-3000:]
    return outcome


def _delayed_s(server: ServerProcess) -> float:
    """How long the server's first thread, which answers, could have run and waited for a core: schedstat in proc(5)."""
    path = Path(f"/proc/{server.pid}/schedstat")
    return int(path.read_text().split()[1]) / 1e9 if path.exists() else 0.0


async def _watch(server: ServerProcess, peak: list[int]) -> None:
    while True:
        peak[0] = max(peak[0], server.resident_kib())
        await trio.sleep(0.1)


async def _turned_away(server: ServerProcess) -> dict[str, int]:
    """By their codes, as the log says it at times."""
    said: dict[str, Any] = {}
    for line in server.log.splitlines():
        if "turned away: " in line:
            for part in line.rpartition(": ")[2].split(", "):
                number, _, code = part.partition(" ")
                said[code] = int(number)
    return said
