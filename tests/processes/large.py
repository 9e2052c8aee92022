"""A log of gigabytes: how long a real server needs to open it, how much memory it and the reading verbs take.

The log is made by the product in this process, so that it has the snapshots that a served one would have: one room of
many small edits, one of edits near the frame's limit, one with files.
"""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio
from plait.protocol import limits
from plait.runtime import Agent, Runtime
from plait.runtime.room.tab import Delta, Presence
from plait.storage import open_store
from pycrdt import Doc, Map

from tests.clients.raw_socket import raw_socket

from .killing import Say
from .server import TriedServer

SMALL = 700
"""Bytes of a small edit: a cell, a sentence."""

LARGE = 600 << 10
"""Bytes of a large one; beyond `FRAME_BYTES` no tab could have sent it."""

KEYS = 1000
"""Keys of each document's map, which edits overwrite: the log grows and the document does not."""

MEMORY_MIB = 400
"""More than that none of the processes may take; the log is several times as long."""


class Typist:
    """A tab that edits as fast as the room takes it, and wants to see nothing."""

    author = "anonymous"
    name = ""
    document = "main"
    behind = None
    grant = ""
    writes = True

    def __init__(self) -> None:
        self.unanswered = 0
        self._answered = trio.Event()
        self._updates: list[bytes] = []
        self._doc: Doc[Any] = Doc()
        self._map = self._doc.get("cells", type=Map)
        self._subscription = self._doc.observe(lambda event: self._updates.append(event.update))

    def edit(self, key: int, size: int) -> bytes:
        """The update that overwrites a cell with so many bytes that nobody can press together."""
        self._map[str(key)] = base64.b64encode(os.urandom(size * 3 // 4)).decode()
        return self._updates.pop()

    def accepted(self, updates: Sequence[bytes], *, echo: bool) -> None:
        self.unanswered -= len(updates)
        self._answered.set()

    def denied(self, code: str, message: str, *, partly: bool = False) -> None:
        raise AssertionError(f"{code}: {message}")

    async def answered(self, left: int) -> None:
        """Return when at most so many edits wait for their answer."""
        while self.unanswered > left:
            self._answered = trio.Event()
            await self._answered.wait()

    def push(self, delta: Delta, *, wait: bool = False) -> None: ...

    def flush(self) -> None: ...

    def push_presence(self, presence: Presence) -> None: ...

    def catch_up(self, update: bytes, awareness: bytes) -> None: ...

    def send_step1(self, state_vector: bytes) -> None: ...

    def send_step2(self, update: bytes) -> None: ...

    def send_awareness(self, payload: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"closed with {code}: {reason}")


async def write(url: str, megabytes: int, say: Say) -> None:
    """A tenth of it in room `small`, which has nearly all the records; half of the rest in each of `large`, `files`."""
    tenth, half = (megabytes << 20) // 10, (megabytes << 20) * 9 // 20
    async with open_store(url) as store, Runtime(store, [Agent("parrot", "echo")]) as runtime:
        # What the log and its indexes keep beside an update of this size, by measurement, is about 350 bytes.
        await _edits(runtime, "small", SMALL, tenth // (SMALL + 350))
        say("the room of small edits is written")
        await _edits(runtime, "large", LARGE, half // LARGE)
        say("the room of large edits is written")
        files = runtime.room("files")
        for n in range(half // limits.BLOB_BYTES):
            file = await files.attach(os.urandom(limits.BLOB_BYTES), "application/octet-stream", f"file{n}")
            await files.prompt("keep this", attachments=[file])


async def _edits(runtime: Runtime, name: str, size: int, count: int) -> None:
    typist = Typist()
    async with runtime.rooms.use(name) as room:
        room.join(typist)
        for n in range(count):
            # As many as the room's passes take at once, and never the memory of more.
            await typist.answered(left=min(512, (8 << 20) // size))
            typist.unanswered += 1
            room.edit(typist, typist.edit(n % (KEYS if size < LARGE else 20), size), step2=False)
        await typist.answered(left=0)
        room.leave(typist)


async def measured(folder: Path, megabytes: int, say: Say) -> None:
    """Write the log, open it, look at it."""
    server = TriedServer(folder, "echo")
    path = trio.Path(server.path)
    await write(server.store, megabytes, say)
    say(f"{(await path.stat()).st_size / 1e9:.2f} GB")
    began = time.monotonic()
    await server.start()
    say(f"serve listens after {time.monotonic() - began:.2f} s with {server.resident_kib() >> 10} MiB")
    try:
        lengths = await _lengths(server)
        for room in ("small", "large", "files"):
            began = time.monotonic()
            async with raw_socket(f"{server.ws}/docs/{room}/main") as socket:
                await socket.recv()
                say(f"first byte of room {room} after {(time.monotonic() - began) * 1000:.0f} ms")
            last = lengths[room]
            for after in (0, last // 2, max(0, last - 10)):
                began = time.monotonic()
                status, page = await server.get(f"/api/rooms/{room}/records?after={after}")
                assert status == 200
                took = (time.monotonic() - began) * 1000
                say(f"page of {page.count(10)} records ({len(page) >> 10} KiB) after {after} in {took:.0f} ms")
        used = server.resident_kib() >> 10
        say(f"serve has {used} MiB then")
        assert used < MEMORY_MIB
        for verb in (("log", "small", "--json"), ("log", "large", "--json"), ("verify",)):
            await trio.to_thread.run_sync(_verb, server.verb(*verb), say)
        began = time.monotonic()
        assert await server.terminate() == 0
        say(f"serve ends in {time.monotonic() - began:.2f} s")
    finally:
        await server.close()


async def _lengths(server: TriedServer) -> dict[str, int]:
    """How long each room's log is, by name."""
    status, body = await server.get("/api/rooms")
    assert status == 200
    return {room["name"]: room["seq"] for room in json.loads(body)["rooms"]}


PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10, file=sys.stderr)
sys.exit(code)
"""
"""Runs a command and says how many MiB it had at most. A process between, since Linux counts a child's peak from what
its parent had, and this one has written the log."""


def _verb(command: list[str], say: Say) -> None:
    """Run it to its end, reading all that it says; how long it took and the most memory that it had."""
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", PEAK, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = 0
        while more := process.stdout.read(1 << 20):
            said += len(more)
        peak = process.stderr.read().decode()
    assert process.returncode == 0, peak
    took, most = time.monotonic() - began, int(peak)
    say(f"plait {' '.join(command[1:-2])}: {said / 1e6:.1f} MB in {took:.1f} s, at most {most} MiB")
    assert most < MEMORY_MIB
