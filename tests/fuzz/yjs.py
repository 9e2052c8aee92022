"""Random edit histories between the stock Yjs and a room's shared document, both ways: `python -m tests.fuzz.yjs`.

Why: law 11 and law 4 stand on our reading of updates that Yjs wrote and yrs applies. So Yjs writes random histories
(texts with characters beyond 16 bits, formats, embeds, maps, arrays, nested types, XML, undo, up to four tabs that hear
of each other now and then), and their updates reach a room's document out of order and more than once. Rules
(specs/proof.md):

- Every update is accepted or refused by name. One that came too early is sent again later, as a tab does. Several that
  are accepted one behind the other are one transaction and one record.
- What the room then holds is what Yjs holds, and every update of it fits whole, wherever it is delivered.
- A `wild` history also cuts characters in two and brings subdocuments, which are refused; the document stays whole.
"""

import argparse
import base64
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plait.protocol.errors import Refused
from plait.protocol.update import fits, read
from plait.runtime.room.shared import SharedDocument
from pycrdt import Doc, Text

from ..clients.node_tab import HERE, require_node
from ..protocol.test_update import History
from .documents import state

JSON = dict[str, Any]


class Yjs:
    """The Node process that writes and reads histories."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, **what: Any) -> JSON:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the stock Yjs threw an error"
        return json.loads(answer)

    def apply(self, updates: list[bytes], *, tidy: bool = True) -> JSON:
        """What a fresh Yjs document shows after these updates, in that order.

        Without `tidy` it takes away none of the marks that have lost their effect, which Yjs does by new deletions.
        """
        return self.ask(apply=[base64.b64encode(update).decode() for update in updates], tidy=tidy)


@contextmanager
def yjs() -> Iterator[Yjs]:
    """Node with the pinned Yjs; skips where it is missing."""
    require_node()
    command = ["node", str(HERE / "histories.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Yjs(process)
        finally:
            process.kill()


class Room:
    """A shared document as a room holds it, and what became of the updates that it was given."""

    def __init__(self, draw: random.Random) -> None:
        self.shared = SharedDocument(9)
        self.shared.loaded()
        self.log: list[bytes] = []
        self.said: Counter[str] = Counter()
        self._draw = draw
        self._judged: list[bytes] = []

    def take(self, update: bytes) -> str:
        """Give it one update: 'accepted', 'nothing new' or the code of the refusal."""
        foretold = fits(read(update), self.shared.clocks) if self._readable(update) else False
        before = self.shared.doc.get_update()
        try:
            self._judged.append(self.shared.judge(update, "a", {}, "r")[0].data)
        except Refused as refused:
            assert refused.code in ("update-incomplete", "bad-update"), refused  # noqa: PT017
            assert refused.code == "bad-update" or not foretold  # noqa: PT017
            assert self.shared.doc.get_update() == before, "a refused edit changes nothing"
            self.said[refused.code] += 1
            return refused.code
        assert foretold
        self.said["accepted"] += 1
        if self._draw.random() < 0.5:
            self.apply()
        return "accepted"

    def apply(self) -> None:
        """What was judged since the last time is one record."""
        if self._judged:
            exact = self.shared.apply(self._judged)
            self._judged = []
            assert state(self.shared.doc) == self.shared.clocks
            if exact:
                self.log.append(exact)
            else:
                self.said["nothing new"] += 1

    def _readable(self, update: bytes) -> bool:
        try:
            read(update)
        except Refused:
            return False
        return True

    def deliver(self, updates: list[bytes], draw: random.Random) -> list[bytes]:
        """All of them out of order and some twice, those that came too early again and again; what never fitted."""
        waiting = [*updates, *draw.choices(updates, k=len(updates) // 4)] if updates else []
        draw.shuffle(waiting)
        while waiting:
            early = [update for update in waiting if self.take(update) == "update-incomplete"]
            self.apply()
            if len(early) == len(waiting):
                return early
            waiting = early
        return []


def from_yjs(node: Yjs, seed: int, *, changes: int = 60, wild: bool = False) -> Counter[str]:
    """A history of Yjs's, through a room, and back to another Yjs. Raises AssertionError."""
    draw = random.Random(seed)
    made = node.ask(make=seed, changes=changes, wild=wild)
    updates = [base64.b64decode(update) for update in made["updates"]]
    room = Room(draw)
    left = room.deliver(updates, draw)
    refused = room.said["bad-update"]
    whole = room.shared.doc.get_update()
    assert fits(read(whole, own=True), {}), "the document is whole"
    back = node.apply([whole])
    assert not back["pending"]
    assert back["shown"]["text"] == str(room.shared.doc.get("t", type=Text))
    assert node.apply(room.log)["shown"] == back["shown"], "a tab that saw every record equals one that joined late"
    if not refused:
        assert not left
        # A tab that looked into the middle of a character shows two replacement characters from then on, though it
        # tells nobody: what counts is what its updates say to another Yjs.
        assert back["shown"] == (node.apply(updates)["shown"] if wild else made["shown"])
    assert wild or not refused
    room.shared.release()
    return room.said


def from_pycrdt(node: Yjs, seed: int) -> Counter[str]:
    """A history of pycrdt's, out of order, through a room and to Yjs. Raises AssertionError."""
    draw = random.Random(seed)
    history = History(seed, 40)
    room = Room(draw)
    assert not room.deliver(history.log, draw)
    direct = list(history.log)
    draw.shuffle(direct)
    told, heard = node.apply(room.log), node.apply(direct)
    assert not told["pending"]
    assert told["shown"] == heard["shown"]
    last = Doc[Any]()
    for doc in history.docs:
        last.apply_update(doc.get_update())
    assert node.apply([last.get_update()])["shown"] == told["shown"]
    assert str(last.get("t", type=Text)) == told["shown"]["text"]
    room.shared.release()
    return room.said


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.yjs", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed; with --seeds 1 it is replayed alone")
    parser.add_argument("--changes", type=int, default=60, help="edits of one history")
    given = parser.parse_args()
    began = time.monotonic()
    said: dict[str, Counter[str]] = {"from yjs": Counter(), "wild": Counter(), "from pycrdt": Counter()}
    failed: list[str] = []
    with yjs() as node:
        for seed in range(given.first, given.first + given.seeds):
            for kind, wild in (("from yjs", False), ("wild", True), ("from pycrdt", None)):
                try:
                    said[kind] += (
                        from_pycrdt(node, seed)
                        if wild is None
                        else from_yjs(node, seed, changes=given.changes, wild=wild)
                    )
                except AssertionError as error:
                    failed.append(f"{kind} seed {seed}: {str(error)[:300]}")
                    print(failed[-1], flush=True)
    print(f"{given.seeds} seeds, three histories each, in {time.monotonic() - began:.0f} s; {len(failed)} failed")
    for kind, counts in said.items():
        print(f"{kind:12}", ", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
