"""A hundred people who type in one document at once: plait beside Hocuspocus' own server, in one run.

    uv run python -m tests.bench.writers [--writers 100] [--edits 100] [--pace 0]

Everybody has one edit on its way and sends the next when it is acknowledged, and everybody is sent what all type. With
`--pace` each types so many letters a second, which says how long an answer takes when nobody is in a hurry.
"""

import argparse
import selectors
import tempfile
import time
from pathlib import Path

from plait.protocol import frames
from pycrdt import Doc, Text

from .peers import SIDES, Peer, Row, opened, quantile, wait_quiet
from .processes import machine
from .trace import Typist

DOCUMENT = "t"
STALLED_S = 20


class Person:
    """One writer: its frames, how many were answered, and how long that took."""

    def __init__(self, peer: Peer, number: int, edits: int) -> None:
        self.peer = peer
        self.due = 0.0
        self.sent_at = 0.0
        self.answered = 0
        self.ages: list[float] = []
        typist = Typist(number, client=1000 + number)
        updates = [typist.type("abcdefghij klmno"[at % 16]) for at in range(edits)]
        self._frames = [peer.dialect.frame(frames.update(update)) for update in updates]
        self._acks = [peer.dialect.ack(update) for update in updates]
        self._rest = b""
        self._waits = False

    def send(self, now: float, pace: float) -> None:
        """The next edit, if it is time."""
        if not self._waits and self.answered < len(self._frames) and now >= self.due:
            self.due = now + (1 / pace if pace else 0)
            self.sent_at = now
            self._waits = True
            self.peer.socket.sendall(self._frames[self.answered])

    def read(self) -> None:
        """Take what came; the answer is somewhere in it."""
        data = self._rest + self.peer.socket.recv(1 << 18)
        if self._waits and self._acks[self.answered] in data:
            self.answered += 1
            self._waits = False
            self.ages.append(time.monotonic() - self.sent_at)
            data = b""
        self._rest = data[-200:]


def type_all(people: list[Person], edits: int, pace: float) -> None:
    """Until all edits are answered."""
    selector = selectors.DefaultSelector()
    for person in people:
        selector.register(person.peer.socket, selectors.EVENT_READ, person)
    moved = time.monotonic()
    for number, person in enumerate(people):
        person.due = moved + (number / len(people) / pace if pace else 0)
    left = len(people) * edits
    while left > 0 and time.monotonic() - moved < STALLED_S:
        now = time.monotonic()
        for person in people:
            person.send(now, pace)
        for key, _ in selector.select(0.005 if pace else 1):
            moved = now
            key.data.read()
        left = len(people) * edits - sum(person.answered for person in people)
    assert not left, f"{left} edits were not answered"
    selector.close()


def measure(side: str, writers: int, edits: int, pace: float) -> Row:
    """One server."""
    kind, named = SIDES[side]
    with tempfile.TemporaryDirectory() as folder, kind(Path(folder)) as server:
        dialect = opened(server, DOCUMENT, named=named)
        peers = [Peer(server.port, dialect) for _ in range(writers)]
        for peer in peers:
            peer.open()
        for peer in peers:
            peer.settle(0.02)
        people = [Person(peer, number, edits) for number, peer in enumerate(peers)]
        cpu, began = server.cpu_ms(), time.monotonic()
        type_all(people, edits, pace)
        seconds = time.monotonic() - began
        wait_quiet(server)
        cpu = server.cpu_ms() - cpu
        fresh = Peer(server.port, dialect)
        doc: Doc = Doc()
        root = doc["content"] = Text()
        doc.apply_update(fresh.open())
        assert len(str(root)) == writers * edits, f"{side} lost letters"
        for peer in (*peers, fresh):
            peer.close()
        server.stop()
        ages = sorted(age for person in people for age in person.ages)
        count = writers * edits
        return {
            "edits/s": count / seconds,
            "cpu": cpu / count * 1000,
            "p50": quantile(ages, 0.5) * 1000,
            "p99": quantile(ages, 0.99) * 1000,
            "disk": server.disk_bytes() / 1e6,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=100)
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--pace", type=float, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sides", default=",".join(SIDES))
    given = parser.parse_args()
    print(machine())
    print(f"{'side':>18} {'acked/s':>8} {'CPU µs':>7} {'ack p50':>8} {'p99 ms':>7} {'disk MB':>8}")
    for _ in range(given.rounds):
        for side in given.sides.split(","):
            row = measure(side, given.writers, given.edits, given.pace)
            print(
                f"{side:>18} {row['edits/s']:>8,.0f} {row['cpu']:>7.1f} {row['p50']:>8.1f} {row['p99']:>7.1f} "
                f"{row['disk']:>8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
