"""An editing trace typed by one client and watched by ten: plait beside Hocuspocus' own server, in one run.

    npm ci --prefix tests/bench && npm rebuild better-sqlite3 --ignore-scripts=false --prefix tests/bench
    uv run python -m tests.bench.typed [--edits 259778] [--window 64] [--pace 200]

The writer has at most so many edits without an answer. Hocuspocus answers by SyncStatus when an edit is in its memory
and writes the document to its database every 2 to 10 s; plait answers when the edit is on disk, in its own dialect and
in Hocuspocus'. Flat out says how much a server takes, paced how long a watcher waits. Then the text is compared.
"""

import argparse
import selectors
import tempfile
import time
from pathlib import Path

from plait.protocol import frames
from pycrdt import Doc, Text

from . import trace
from .peers import SIDES, Dialect, Peer, Row, Server, opened, quantile, wait_quiet
from .processes import machine

DOCUMENT = "t"
WATCHERS = 10
STALLED_S = 20


class Watcher:
    """Finds the marks in what comes."""

    def __init__(self, peer: Peer, marks: list[bytes]) -> None:
        self.peer = peer
        self.seen = 0
        self.got = 0
        self._marks = marks
        self._tail = b""

    def read(self, sent_at: list[float]) -> list[float]:
        """The ages of the marks that have come."""
        data = self.peer.socket.recv(1 << 18)
        now = time.monotonic()
        if not data:
            raise SystemExit("a watcher's socket ended")
        self.got += len(data)
        data = self._tail + data
        ages: list[float] = []
        while self.seen < len(self._marks) and self._marks[self.seen] in data:
            ages.append(now - sent_at[self.seen])
            self.seen += 1
        self._tail = data[1 - trace.MARK_CHARS :]
        return ages


class Writer:
    """Sends edits and counts their answers, which come in order."""

    def __init__(self, peer: Peer, updates: list[bytes]) -> None:
        self.peer = peer
        self.sent = 0
        self.acked = 0
        self.ages: list[float] = []
        self.sent_at: list[float] = []
        """When each mark left."""
        self._frames = [peer.dialect.frame(frames.update(update)) for update in updates]
        self._acks = [peer.dialect.ack(update) for update in updates]
        self._rest = b""

    def send(self, upto: int) -> None:
        if upto <= self.sent:
            return
        now = time.monotonic()
        self.sent_at += [now] * (upto // trace.MARK_EVERY - self.sent // trace.MARK_EVERY)
        part, self.sent = self._frames[self.sent : upto], upto
        self.peer.socket.sendall(b"".join(part))

    def read(self) -> None:
        data = self.peer.socket.recv(1 << 18)
        if not data:
            raise SystemExit("the writer's socket ended")
        before = self.acked
        data = self._rest + data
        at = 0
        while at < len(data) - 1:
            if self.acked < self.sent and data.startswith(self._acks[self.acked], at):
                at += len(self._acks[self.acked])
                self.acked += 1
                continue
            size = data[at + 1]
            head = 2 if size < 126 else 4 if size == 126 else 10
            size = size if size < 126 else int.from_bytes(data[at + 2 : at + head], "big")
            if at + head + size > len(data):
                break
            at += head + size
        self._rest = data[at:]
        now = time.monotonic()
        every = trace.MARK_EVERY
        self.ages += [now - self.sent_at[n] for n in range(before // every, self.acked // every)]


def type_out(writer: Writer, watchers: list[Watcher], upto: int, window: int, pace: float = 0) -> list[float]:
    """Send edits up to a number and wait until all are answered and seen; the ages of the marks at the watchers."""
    selector = selectors.DefaultSelector()
    selector.register(writer.peer.socket, selectors.EVENT_READ, writer)
    for watcher in watchers:
        selector.register(watcher.peer.socket, selectors.EVENT_READ, watcher)
    ages: list[float] = []
    first, began = writer.sent, time.monotonic()
    moved = kept_alive = began
    while (writer.acked < upto or any(w.seen < upto // trace.MARK_EVERY for w in watchers)) and (
        time.monotonic() - moved < STALLED_S
    ):
        now = time.monotonic()
        may = min(upto, writer.acked + window)
        writer.send(min(may, first + int((now - began) * pace) + 1) if pace else may)
        for key, _ in selector.select(min(1 / pace, 0.1) if pace else 1):
            moved = now
            if key.data is writer:
                writer.read()
            else:
                ages += key.data.read(writer.sent_at)
        if now - kept_alive > 5:  # Both servers end a socket that says nothing for a minute.
            kept_alive = now
            for watcher in watchers:
                watcher.peer.say(frames.KEEPALIVE)
    selector.close()
    return ages


def measure(side: str, updates: list[bytes], text: str, window: int, pace: float, paced: int) -> Row:
    """One server: most of the trace flat out, the rest paced."""
    kind, named = SIDES[side]
    marks = [trace.mark(n).encode() for n in range(len(updates) // trace.MARK_EVERY)]
    with tempfile.TemporaryDirectory() as folder, kind(Path(folder)) as server:
        dialect = opened(server, DOCUMENT, named=named)
        peers = [Peer(server.port, dialect) for _ in range(WATCHERS + 1)]
        for peer in peers:
            peer.open()
        for peer in peers:
            peer.settle()
        writer, watchers = Writer(peers[0], updates), [Watcher(peer, marks) for peer in peers[1:]]
        cpu, began = server.cpu_ms(), time.monotonic()
        flat = len(updates) - paced
        ages = sorted(type_out(writer, watchers, flat, window))
        seconds = time.monotonic() - began
        wait_quiet(server)
        cpu = server.cpu_ms() - cpu
        acks = sorted(writer.ages)
        got = sum(w.got for w in watchers) / len(watchers)
        paced_ages = sorted(type_out(writer, watchers, len(updates), window, pace))
        row: Row = {
            "edits/s": flat / seconds,
            "cpu": cpu / flat * 1000,
            "ack p99": quantile(acks, 0.99) * 1000,
            "p50": quantile(ages, 0.5) * 1000,
            "p99": quantile(ages, 0.99) * 1000,
            "paced p50": quantile(paced_ages, 0.5) * 1000,
            "paced p99": quantile(paced_ages, 0.99) * 1000,
            "bytes": got / flat,
            "rss": server.resident_kib() / 1024,
        }
        lost = len(marks) * WATCHERS - len(ages) - len(paced_ages)
        assert writer.acked == len(updates), f"{side}: {writer.acked} of {len(updates)} edits were answered"
        assert not lost, f"{side}: {lost} marks never came to a watcher"
        assert read_text(server, dialect) == text, f"{side} holds another text"
        for peer in peers:
            peer.close()
        server.stop()
        return {**row, "disk": server.disk_bytes() / 1e6}


def read_text(server: Server, dialect: Dialect) -> str:
    """The document's text, as a fresh tab gets it."""
    peer = Peer(server.port, dialect)
    doc: Doc = Doc()
    root = doc["content"] = Text()
    doc.apply_update(peer.open())
    peer.close()
    return str(root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=trace.EDITS)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--pace", type=float, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sides", default=",".join(SIDES))
    given = parser.parse_args()
    updates, text = trace.typed(given.edits)
    paced = min(int(given.pace * 10), given.edits // 5)
    print(machine())
    print(f"{given.edits:,} edits, {given.window} unanswered at most, {WATCHERS} watchers")
    print(
        f"{'side':>18} {'acked/s':>8} {'CPU µs':>7} {'ack p99':>8} {'watch p50':>9} {'p99 ms':>7} "
        f"{'paced p50':>9} {'p99 ms':>7} {'bytes':>6} {'disk MB':>8} {'RSS MB':>7}"
    )
    for _ in range(given.rounds):
        for side in given.sides.split(","):
            row = measure(side, updates, text, given.window, given.pace, paced)
            print(
                f"{side:>18} {row['edits/s']:>8,.0f} {row['cpu']:>7.1f} {row['ack p99']:>8.1f} {row['p50']:>9.1f} "
                f"{row['p99']:>7.1f} {row['paced p50']:>9.1f} {row['paced p99']:>7.1f} {row['bytes']:>6.0f} "
                f"{row['disk']:>8.1f} {row['rss']:>7.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
