"""Fan-out: how many deliveries a second one process makes, and what each costs, against Node's `ws` in the same run.

The server under test is the real one from the socket up to the room's audience: `serve`, connections, outboxes, the
push stream. What is left out is the room's commit, which token_to_tab measures. Server and readers are processes of
their own; the readers share one, and do nothing but count bytes. Every round makes one delta, encodes it once and
pushes it to every tab; the loop pauses while any tab has something waiting, so nothing is dropped and all is delivered.

    uv run python -m tests.bench.fanout [--tabs 1,100,500] [--seconds 2]
"""

import argparse
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from plait.runtime.replay.reprojection import Reprojection
from plait.runtime.room.audience import Audience
from plait.runtime.room.drafting import Change
from plait.runtime.server import listener
from plait.storage.memory import MemoryStore

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(__file__).with_name("fanout_ws.mjs")
UPDATE_BYTES = 40
FRAME_BYTES = 2 + 3 + UPDATE_BYTES
ROUNDS_PER_TURN = 4
BURSTS = 5
WAIT_S = 0.001
PACE_S = 0.05
PACED_ROUNDS = 60
SIDES = {
    "plait": [sys.executable, "-m", "tests.bench.fanout", "--role", "plait"],
    "ws": ["node", str(NODE)],
}


# --- the server under test --------------------------------------------------------------------------------------------


class Stage:
    """A room that has an audience and nothing else."""

    past = False

    def __init__(self) -> None:
        self.audience = Audience()
        self.head = 0

    def join(self, tab: Any) -> None:
        self.audience.join(tab)
        self.audience.sync(tab)

    def leave(self, tab: Any) -> None:
        self.audience.leave(tab)

    def publish(self) -> None:
        change = Change(b"")
        change.updates.append(time.monotonic_ns().to_bytes(8, "big") + bytes(UPDATE_BYTES - 8))
        self.audience.publish({"": change})


class Stages:
    """The one room, under every name."""

    store: Any = MemoryStore()
    """For what the server keeps beside rooms; nothing is appended."""
    trouble = ""

    def __init__(self) -> None:
        self.stage = Stage()

    @asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[Any]:
        await trio.lowlevel.checkpoint()
        yield self.stage

    async def delete(self, name: str) -> None:
        raise NotImplementedError

    async def fork(self, room: str, wanted: Any, grant: Any, *, measured: bool = False) -> Any:
        raise NotImplementedError

    async def merge(self, fork: str, wanted: Any, grant: Any) -> Any:
        raise NotImplementedError

    async def erase(self, name: str, subject: str, by: str) -> None:
        raise NotImplementedError

    async def reproject(self, name: str, by: str, *, check: bool = False) -> Reprojection:
        raise NotImplementedError

    def statistics(self) -> dict[str, float]:
        return {}


async def plait_side() -> None:
    """Serve, and do what the lines on stdin say."""
    rooms = Stages()
    listener.SWEEP_S = 1 << 20  # The readers are raw sockets, which answer no pings and count every byte.
    async with trio.open_nursery() as nursery:
        address = await nursery.start(partial(listener.serve, rooms, port=0))
        say({"port": address.port})
        async for line in lines():
            order = json.loads(line)
            if "flat" in order:
                say(await flat(rooms.stage, order["flat"], order["tabs"]))
            else:
                for _ in range(order["rounds"]):
                    rooms.stage.publish()
                    await trio.sleep(order["paced"])
                say({"rounds": order["rounds"]})
        nursery.cancel_scope.cancel()


async def flat(stage: Stage, seconds: float, tabs: int) -> dict[str, float]:
    while len(stage.audience) < tabs:  # noqa: ASYNC110  # The last reader has its 101 before its tab has joined.
        await trio.sleep(WAIT_S)
    outboxes = [tab.outbox for tab in stage.audience.everybody()]  # type: ignore[attr-defined]
    cpu, began, rounds = time.process_time(), time.monotonic(), 0
    while time.monotonic() - began < seconds:
        for _ in range(ROUNDS_PER_TURN):
            stage.publish()
        rounds += ROUNDS_PER_TURN
        await trio.lowlevel.checkpoint()
        while not all(outbox.clear for outbox in outboxes):  # noqa: ASYNC110  # 500 events to wait for, not one.
            await trio.sleep(WAIT_S)
    return {"rounds": rounds, "seconds": time.monotonic() - began, "cpu_s": time.process_time() - cpu}


async def lines() -> AsyncIterator[bytes]:
    stdin = trio.lowlevel.FdStream(os.dup(sys.stdin.fileno()))
    rest = b""
    while part := await stdin.receive_some():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line


# --- the readers ------------------------------------------------------------------------------------------------------


def readers_side(port: int, tabs: int) -> None:
    """Open the sockets, then read; each line on stdin is answered with the bytes read and the frames' ages since."""
    ready = selectors.DefaultSelector()
    for _ in range(tabs):
        ready.register(_websocket(port), selectors.EVENT_READ)
    ready.register(sys.stdin, selectors.EVENT_READ)
    say({"tabs": tabs})
    got, ages, paced = 0, [], False
    while True:
        for key, _ in ready.select():
            if isinstance(key.fileobj, socket.socket):
                data = key.fileobj.recv(1 << 16)
                got += len(data)
                if paced:
                    now = time.monotonic_ns()
                    ages += [now - int.from_bytes(data[at + 5 : at + 13], "big") for at in _frames(data)]
            elif line := sys.stdin.readline():
                say({"bytes": got, "ages": ages})
                got, ages, paced = 0, [], json.loads(line)["paced"]
            else:
                return
        if not paced:
            time.sleep(0.001)  # Read in larger pieces; the readers are not what is measured.


def _frames(data: bytes) -> range:
    assert len(data) % FRAME_BYTES == 0, "a paced frame came in pieces"
    return range(0, len(data), FRAME_BYTES)


def _websocket(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(
        b"GET /rooms/r HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    return connection


# --- both, side by side -----------------------------------------------------------------------------------------------


class Side:
    """A process that is told and tells by JSON lines."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self.hear()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args} ended without a word")
        return json.loads(line)

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self.hear()

    @property
    def resident_kib(self) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


def measure(side: str, tabs: int, seconds: float) -> dict[str, float]:
    """One side with that many tabs: flat out, then paced."""
    server = Side(SIDES[side])
    try:
        before = server.resident_kib
        port = str(server.first["port"])
        readers = Side(
            [sys.executable, "-m", "tests.bench.fanout", "--role", "readers", "--port", port, "--tabs", str(tabs)]
        )
        try:
            idle = (server.resident_kib - before) / tabs
            return {"idle_kib": idle, **flat_out(server, readers, tabs, seconds), **_paced(server, readers)}
        finally:
            readers.end()
    finally:
        server.end()


def flat_out(server: Side, readers: Side, tabs: int, seconds: float) -> dict[str, float]:
    """The best of some bursts: what a burst loses, it lost to the machine's other work."""
    best = {"per_second": 0.0, "cpu_us": float("inf"), "deliveries": 0}
    for _ in range(BURSTS):
        readers.ask(paced=False)
        told = server.ask(flat=seconds / BURSTS, tabs=tabs)
        deliveries = told["rounds"] * tabs
        time.sleep(0.3)
        got = readers.ask(paced=False)["bytes"]
        assert got == deliveries * FRAME_BYTES, f"{got} of {deliveries * FRAME_BYTES} bytes arrived"
        best["deliveries"] += deliveries
        best["per_second"] = max(best["per_second"], deliveries / told["seconds"])
        best["cpu_us"] = min(best["cpu_us"], told["cpu_s"] / deliveries * 1e6)
    return best


def _paced(server: Side, readers: Side) -> dict[str, float]:
    readers.ask(paced=True)
    server.ask(paced=PACE_S, rounds=PACED_ROUNDS)
    time.sleep(0.3)
    ages = sorted(readers.ask(paced=True)["ages"])
    return {"p50_ms": ages[len(ages) // 2] / 1e6, "p99_ms": ages[len(ages) * 99 // 100] / 1e6}


def main() -> None:
    """Print the table, or be one of the processes that it needs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tabs", default="1,100,500")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--role", choices=["plait", "readers"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role == "plait":
        trio.run(plait_side)
    elif given.role == "readers":
        readers_side(given.port, int(given.tabs))
    else:
        print(
            f"{'tabs':>5} {'side':>6} {'deliveries/s':>13} {'CPU µs':>7} {'paced p50 ms':>13} {'p99 ms':>7} "
            f"{'KiB/tab':>8}"
        )
        for tabs in map(int, given.tabs.split(",")):
            found = {side: measure(side, tabs, given.seconds) for side in SIDES}
            for side, row in found.items():
                print(
                    f"{tabs:>5} {side:>6} {row['per_second']:>13,.0f} {row['cpu_us']:>7.2f} {row['p50_ms']:>13.2f} "
                    f"{row['p99_ms']:>7.2f} {row['idle_kib']:>8.1f}"
                )
            print(f"{tabs:>5}  ratio {found['plait']['per_second'] / found['ws']['per_second']:>13.2f}", flush=True)


def say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
