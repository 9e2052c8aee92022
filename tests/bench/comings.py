"""Thousands of documents opened, written in and closed: what a process keeps of each, plait beside Hocuspocus.

    uv run python -m tests.bench.comings [--documents 5000] [--first 1000]

Each document is opened by a tab of its own, gets one edit, and is closed when that is acknowledged. A first lot pays
for what is bought once; then resident memory is compared before and after. plait's rooms fall asleep after half a
second here (a minute otherwise), and the figure is taken when all do. *Again* opens the same documents without an
edit, and *others* as many new ones.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from plait.protocol import frames

from .memory import until_asleep
from .peers import Dialect, HocuspocusServer, Peer, Server, opened, wait_quiet
from .processes import Plait, machine
from .trace import Typist

IDLE_S = 0.5
AT_ONCE = 20


class Sleepy(Plait):
    """plait with rooms that soon fall asleep, as this benchmark speaks to a server."""

    name = "plait"

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), idle_s=IDLE_S)
        self.port = int(self.url.rpartition(":")[2])


def come_and_go(port: int, dialects: Iterable[Dialect], edit: bytes) -> None:
    """Open, write, wait for the answer, close; some at once."""
    batch: list[Peer] = []
    for dialect in dialects:
        peer = Peer(port, dialect)
        batch.append(peer)
        if len(batch) == AT_ONCE:
            _write_and_close(batch, edit)
            batch = []
    _write_and_close(batch, edit)


def _write_and_close(peers: list[Peer], edit: bytes) -> None:
    for peer in peers:
        peer.open()
        if edit:
            peer.say(frames.update(edit))
    for peer in peers:
        ack = peer.dialect.ack(edit)
        for payload in peer.payloads() if edit else ():
            if ack.endswith(payload):
                break
        peer.close()


def settled_kib(server: Sleepy | Server) -> int:
    """Resident memory when nothing is awake and nothing changes any more."""
    if isinstance(server, Sleepy):
        until_asleep(server)
    else:
        wait_quiet(server)
    time.sleep(1)
    return server.resident_kib()


def measure(server: Sleepy | Server, side: str, documents: int, first: int) -> None:
    """Print what one server keeps."""
    named = side != "plait /docs"

    def some(start: int, count: int) -> Iterable[Dialect]:
        for number in range(start, start + count):
            name = f"room-{number}"
            if isinstance(server, Sleepy):
                yield Dialect(name, "/hocuspocus" if named else "")
            else:
                yield opened(server, name, named=named)

    edit = Typist(1).type("one edit")
    come_and_go(server.port, some(0, first), edit)
    figures = [settled_kib(server)]
    began = time.monotonic()
    for start, written in ((first, edit), (first, b""), (first + documents, edit)):
        come_and_go(server.port, some(start, documents), written)
        figures.append(settled_kib(server))
    seconds = time.monotonic() - began
    each = [(after - before) / documents for before, after in pairwise(figures)]
    print(
        f"{side:>18} {figures[0] / 1024:>9.1f} {each[0]:>12.2f} {each[1]:>9.2f} {each[2]:>11.2f} "
        f"{figures[-1] / 1024:>8.1f} {seconds:>8.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--sides", default="Hocuspocus,plait /hocuspocus,plait /docs")
    given = parser.parse_args()
    print(machine())
    print(
        f"{'side':>18} {'MB first':>9} {'KiB each new':>12} {'again':>9} {'others':>11} {'MB last':>8} {'seconds':>8}"
    )
    for side in given.sides.split(","):
        with tempfile.TemporaryDirectory() as folder:
            kind = HocuspocusServer if side == "Hocuspocus" else Sleepy
            with kind(Path(folder)) as server:
                measure(server, side, given.documents, given.first)


if __name__ == "__main__":
    main()
