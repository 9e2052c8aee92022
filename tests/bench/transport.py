"""What TLS costs the fan-out: plain, over TLS of our own, and behind an nginx that does the TLS.

As fanout, with the real server from the socket up; the readers open what they read and count it. The CPU is that of
plait's process alone, by the kernel's count: what nginx uses stands beside it.

    uv run python -m tests.bench.transport [--tabs 500] [--seconds 2]
"""

import argparse
import json
import os
import selectors
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import trio
from plait.runtime import Certificate
from plait.runtime.server import listener

from tests.certificates import Files, certificate
from tests.proxies.nginx import nginx

from . import fanout

SIDES = ("plain", "own TLS", "nginx")


async def server_side(folder: Path, tls: bool) -> None:
    """Serve, and publish for as long as a line on stdin says."""
    rooms = fanout.Stages()
    listener.SWEEP_S = 1 << 20  # The readers answer no pings and count every byte.
    files = Files(folder / "tls.pem", folder / "tls.key")
    own = Certificate(*files) if tls else None
    async with trio.open_nursery() as nursery:
        address = await nursery.start(partial(listener.serve, rooms, port=0, tls=own))
        fanout.say({"port": address.port})
        async for line in fanout.lines():
            order = json.loads(line)
            if "flat" in order:
                fanout.say(await fanout.flat(rooms.stage, order["flat"], order["tabs"]))
            else:
                fanout.say({"cpu_s": time.process_time()})
        nursery.cancel_scope.cancel()


def readers_side(port: int, tabs: int, cafile: str) -> None:
    """Open the sockets, then read; each line on stdin is answered with the bytes that came since."""
    context = ssl.create_default_context(cafile=cafile) if cafile else None
    ready = selectors.DefaultSelector()
    for _ in range(tabs):
        ready.register(_websocket(port, context), selectors.EVENT_READ)
    ready.register(sys.stdin, selectors.EVENT_READ)
    fanout.say({"tabs": tabs})
    got = 0
    while True:
        for key, _ in ready.select():
            if isinstance(key.fileobj, socket.socket):
                got += _read(key.fileobj)
            elif sys.stdin.readline():
                fanout.say({"bytes": got})
                got = 0
            else:
                return
        time.sleep(0.001)


def _read(reader: socket.socket) -> int:
    got = 0
    try:
        while data := reader.recv(1 << 16):
            got += len(data)
    except (ssl.SSLWantReadError, BlockingIOError):
        pass
    return got


def _websocket(port: int, context: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is not None:
        connection = context.wrap_socket(connection, server_hostname="localhost")
    connection.sendall(
        b"GET /rooms/r HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    connection.setblocking(False)
    return connection


@contextmanager
def front(side: str, folder: Path, files: Files, upstream: int) -> Iterator[tuple[int, int]]:
    """Where the readers connect, and the process id of what stands between, or 0."""
    if side != "nginx":
        yield upstream, 0
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with nginx(folder / "nginx", files, port, upstream) as process:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.01)
        yield port, process.pid


def measure(side: str, tabs: int, seconds: float) -> dict[str, float]:
    """One way with that many tabs: what joining cost, and then the best burst."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = certificate(folder)
        role = [sys.executable, "-m", "tests.bench.transport", "--folder", name, "--role"]
        server = fanout.Side([*role, "tls" if side == "own TLS" else "plain"])
        with front(side, folder, files, server.first["port"]) as (port, proxy):
            before, cpu = server.resident_kib, server.ask()["cpu_s"]
            cafile = [] if side == "plain" else ["--cafile", str(files.chain)]
            readers = fanout.Side([*role, "readers", "--port", str(port), "--tabs", str(tabs), *cafile])
            joined = {
                "join_ms": (server.ask()["cpu_s"] - cpu) / tabs * 1000,
                "kib": (server.resident_kib - before) / tabs,
            }
            used = _cpu_s(proxy)
            found = fanout.flat_out(server, readers, tabs, seconds)
            joined["proxy_us"] = (_cpu_s(proxy) - used) / found["deliveries"] * 1e6
            readers.end()
        server.end()
    return {**joined, **found}


def _cpu_s(pid: int) -> float:
    """CPU time of a process's children so far: nginx's work is done by its workers."""
    if not pid:
        return 0.0
    total = 0.0
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def main() -> None:
    """Print the table, or be one of the processes that it needs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tabs", default="100,500")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--role", choices=["plain", "tls", "readers"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--cafile", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role == "readers":
        readers_side(given.port, int(given.tabs), given.cafile)
    elif given.role:
        trio.run(server_side, given.folder, given.role == "tls")
    else:
        print(
            f"{'tabs':>5} {'way':>8} {'deliveries/s':>13} {'CPU µs':>7} {'proxy µs':>9} {'join ms':>8} {'KiB/tab':>8}"
        )
        for tabs in map(int, given.tabs.split(",")):
            for side in SIDES:
                row = measure(side, tabs, given.seconds)
                print(
                    f"{tabs:>5} {side:>8} {row['per_second']:>13,.0f} {row['cpu_us']:>7.2f} {row['proxy_us']:>9.2f} "
                    f"{row['join_ms']:>8.2f} {row['kib']:>8.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
