"""How large the WAL of a real server grows while hundreds of megabytes are written and readers stall or never rest.

SQLite can begin a WAL anew only when nobody reads what stands in it, so a read transaction that stays open makes it
grow without end. plait's own readers ask one statement a page and hold none while they wait for whoever takes the page.
"""

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import trio
from plait.protocol import limits

from .killing import Say, verify
from .server import TriedServer

BLOB = 4 << 20
PROMPT = 60 << 10
PROMPTS = 24
PAGE = 4096
RESTLESS = 3

BOUND = 2 * (limits.CHECKPOINT_PAGES * PAGE + BLOB)
"""What gathers until a checkpoint, and what is committed before the WAL can begin anew, twice."""

STALLING_AIO = """
    import asyncio, sys
    from plait.storage.aio import open_reader

    async def main():
        async with open_reader(sys.argv[1]) as reader:
            page = await reader.read("pad")
            print(len(page), flush=True)
            sys.stdin.readline()

    asyncio.run(main())
"""


async def bounded(folder: Path, megabytes: int, say: Say, restless: int = 0) -> tuple[int, int]:
    """Write so much while every kind of reader stalls in the middle of what it was given, and `restless` more read all
    the time; then the same beside somebody else's transaction. The largest that the WAL was in either time."""
    server = TriedServer(folder, "echo")
    await server.start()
    wal = Path(f"{server.path}-wal")
    try:
        await _fill(server)
        with ExitStack() as stack:
            for reader in (_stalled_page, _stalled_follower, _stalled_log, _stalled_aio):
                stack.enter_context(reader(server))
            async with trio.open_nursery() as nursery:
                for _ in range(restless):
                    nursery.start_soon(_read_on, server)
                beside_ours = await _write(server, wal, megabytes)
                nursery.cancel_scope.cancel()
            await _emptied(wal)
        say(f"{megabytes} MiB beside stalled readers and {restless} restless ones: WAL {beside_ours >> 20} MiB")
        with closing(sqlite3.connect(f"file:{server.path}?mode=ro", uri=True, isolation_level=None)) as foreign:
            foreign.execute("BEGIN")
            foreign.execute("SELECT count(*) FROM rooms").fetchone()
            beside_foreign = await _write(server, wal, megabytes)
        await _write(server, wal, 1)
        await _emptied(wal)
        say(f"{megabytes} MiB beside somebody else's transaction: WAL {beside_foreign >> 20} MiB, and then empty")
        assert await server.terminate() == 0
        await verify(server.path)
        return beside_ours, beside_foreign
    finally:
        await server.close()


async def _fill(server: TriedServer) -> None:
    """A log of some megabytes, so that a page of it is more than a pipe or a socket takes."""
    for n in range(PROMPTS):
        body = {"id": f"p{n}", "do": "prompt", "text": f"{n} " + "x" * PROMPT}
        status, answer = await server.post("/api/rooms/pad/commands", body)
        assert status == 200, answer


async def _write(server: TriedServer, wal: Path, megabytes: int) -> int:
    """Put blobs of random bytes; the largest that the WAL was behind any of them."""
    largest = 0
    for _ in range(max(1, (megabytes << 20) // BLOB)):
        await trio.to_thread.run_sync(_put, f"{server.url}/api/blobs", os.urandom(BLOB))
        largest = max(largest, _size(wal))
    return largest


def _put(url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT"), timeout=60) as answer:
        assert answer.status == 201


def _size(path: Path) -> int:
    return path.stat().st_size


async def _emptied(wal: Path) -> None:
    """Return when the WAL is empty, which it is an idle moment later."""
    with trio.fail_after(60):
        for _ in range(2000):
            if _size(wal) == 0:
                return
            await trio.sleep(0.01)


async def _read_on(server: TriedServer) -> None:
    """Read the whole log, again and again."""
    while True:
        await server.records("pad")


@contextmanager
def _stalled_page(server: TriedServer, query: str = "") -> Iterator[None]:
    """Asks for a page and takes the first bytes of it."""
    with socket.create_connection(("127.0.0.1", server.port)) as stream:
        stream.sendall(f"GET /api/rooms/pad/records{query} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        assert stream.recv(100).startswith(b"HTTP/1.1 200")
        yield


def _stalled_follower(server: TriedServer) -> "contextlib.AbstractContextManager[None]":
    return _stalled_page(server, "?follow=1")


@contextmanager
def _stalled_log(server: TriedServer) -> Iterator[None]:
    """`plait log` into a pipe that nobody reads on."""
    with subprocess.Popen(server.verb("log", "pad", "--json"), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(100)
        try:
            yield
        finally:
            process.kill()


@contextmanager
def _stalled_aio(server: TriedServer) -> Iterator[None]:
    """A service that read a page and does something else."""
    command = [sys.executable, "-c", textwrap.dedent(STALLING_AIO), server.store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
        try:
            yield
        finally:
            process.kill()
