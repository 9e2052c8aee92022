"""What it costs to look at a thousand tabs once a second, for the journal of deliveries, and to write down what is new.

    uv run python -m tests.bench.deliveries [--tabs 1000] [--seconds 300]

The tabs are stand-ins with a real TCP socket each, of which the system is asked; their room gets ahead with each
second, so each of them has something new to be written as often as it may be. Seconds are counted, not waited for.
"""

import argparse
import array
import fcntl
import socket
import tempfile
import termios
import time
from pathlib import Path
from typing import Any

import trio
from plait.runtime.server.journal import Journal
from plait.storage.deliveries import Deliveries

from .processes import machine

BEGINNING = 1_763_800_000


class Outbox:
    clear = True
    waiting = 0


class Target:
    room = "bench"


class Tab:
    """How a tab stands: it was sent all that its room has."""

    past = False
    shown = True
    author = "ann"
    document = "main"
    target = Target()
    outbox = Outbox()
    shows = 1


class Stream:
    def __init__(self, there: socket.socket) -> None:
        self._here = socket.create_connection(there.getsockname())

    @property
    def unacknowledged(self) -> int:
        size = array.array("i", [-1])
        fcntl.ioctl(self._here.fileno(), termios.TIOCOUTQ, size)
        return size[0]


async def measure(path: Path, tabs: int, seconds: int) -> tuple[float, float]:
    """Seconds of CPU for all the looks, and for all that they wrote."""
    looked = saved = 0.0
    with Deliveries(path) as deliveries, socket.create_server(("127.0.0.1", 0), backlog=tabs) as there:
        journal = Journal(deliveries)
        places: Any = [(Tab(), Stream(there)) for _ in range(tabs)]
        for second in range(seconds):
            Tab.shows += 1
            began = time.process_time()
            journal.look(places, (BEGINNING + second) * 1_000_000)
            middle = time.process_time()
            await journal.save()
            looked, saved = looked + middle - began, saved + time.process_time() - middle
    return looked, saved


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deliveries", description=__doc__)
    parser.add_argument("--tabs", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=300)
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deliveries"
        looked, saved = trio.run(measure, path, given.tabs, given.seconds)
        size = sum(part.stat().st_size for part in path.parent.iterdir())
    each = 1000 / given.seconds
    print(f"{given.tabs:,} tabs: {looked * each:.1f} ms of CPU a second to look, {saved * each:.1f} ms to write")
    print(f"{size / given.seconds / 1000:.1f} kB a second in the file")


if __name__ == "__main__":
    main()
