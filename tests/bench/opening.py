"""Opening a document of a megabyte, as a fresh tab: plait beside Hocuspocus' own server, in one run.

    uv run python -m tests.bench.opening [--kilobytes 1000] [--tabs 20]

The text is pasted in pieces of 100 letters at places that jump, so it has ten thousand structs. *Cold* is the first
tab after a restart, which has to read the document from its database; *warm* are the others. Time is from
the upgrade request to the last byte of sync step 2.
"""

import argparse
import tempfile
import time
from pathlib import Path

from plait.protocol import frames

from .peers import SIDES, Dialect, Peer, Row, Server, opened, quantile, wait_quiet
from .processes import machine
from .trace import Typist

DOCUMENT = "t"
PASTE = "the quick brown fox jumps over the lazy dog and back again to where it began, for ever and a day. \n "
AT_ONCE = 32


def fill(server: Server, dialect: Dialect, kilobytes: int) -> None:
    """Write the document, with so many pastes on their way at once."""
    typist = Typist(7)
    updates: list[bytes] = []
    for number in range(kilobytes * 1000 // len(PASTE)):
        if number % 3 == 0:
            typist.jump()
        updates.append(typist.type(PASTE))
    peer = Peer(server.port, dialect)
    peer.open()
    peer.settle()
    for at in range(0, len(updates), AT_ONCE):
        part = updates[at : at + AT_ONCE]
        for update in part:
            peer.say(frames.update(update))
        waits = len(part)
        for payload in peer.payloads():
            said = payload[len(dialect.prefix) :]
            waits -= said == b"\x08\x01" or (not dialect.prefix and said[2:].endswith(tuple(part)))
            if not waits:
                break
    peer.close()


def open_once(server: Server, dialect: Dialect) -> tuple[float, int]:
    """Milliseconds until a fresh tab has it all, and how many bytes that is."""
    began = time.monotonic()
    peer = Peer(server.port, dialect)
    size = len(peer.open())
    took = (time.monotonic() - began) * 1000
    peer.close()
    return took, size


def measure(side: str, kilobytes: int, tabs: int) -> Row:
    """One server, filled, restarted, and opened so often."""
    kind, named = SIDES[side]
    with tempfile.TemporaryDirectory() as folder:
        with kind(Path(folder)) as server:
            dialect = opened(server, DOCUMENT, named=named)
            fill(server, dialect, kilobytes)
            wait_quiet(server)
            server.stop()
        with kind(Path(folder)) as server:
            holds = Peer(server.port, dialect)  # Another document, so that the process has done everything once.
            other = Peer(server.port, opened(server, "other", named=named))
            other.open()
            cpu = server.cpu_ms()
            cold, size = open_once(server, dialect)
            holds.open()
            cold_cpu, cpu = server.cpu_ms() - cpu, server.cpu_ms()
            warm = sorted(open_once(server, dialect)[0] for _ in range(tabs))
            cpu = (server.cpu_ms() - cpu) / tabs
            server.stop()
            return {
                "cold": cold,
                "cold cpu": cold_cpu,
                "warm": quantile(warm, 0.5),
                "worst": warm[-1],
                "cpu": cpu,
                "size": size / 1e6,
                "disk": server.disk_bytes() / 1e6,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kilobytes", type=int, default=1000)
    parser.add_argument("--tabs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sides", default=",".join(SIDES))
    given = parser.parse_args()
    print(machine())
    print(
        f"{'side':>18} {'cold ms':>8} {'CPU ms':>7} {'warm ms':>8} {'worst':>7} {'CPU ms':>7} {'MB sent':>8} "
        f"{'disk MB':>8}"
    )
    for _ in range(given.rounds):
        for side in given.sides.split(","):
            row = measure(side, given.kilobytes, given.tabs)
            print(
                f"{side:>18} {row['cold']:>8.1f} {row['cold cpu']:>7.1f} {row['warm']:>8.1f} {row['worst']:>7.1f} "
                f"{row['cpu']:>7.1f} {row['size']:>8.2f} {row['disk']:>8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
