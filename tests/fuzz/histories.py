"""What `History` says of random edits, compared with what Yjs and pycrdt say: `python -m tests.fuzz.histories`.

Why: `protocol/blocks` is a second implementation of the CRDT, which only looks back. Where it differed from the two
that people look at, blame would speak of another document. So each moment of a random history is shown by both. Rules
(specs/attribution.md):

- The updates go in as Yjs wrote them, and as a room wrote them down after it got them out of order and twice.
- Not only the last moment is compared: a fresh Yjs that saw the first n records shows what the history says of n.
- What blame says of the texts, joined, is the texts; what two moments differ in, taken back, is the earlier one.
"""

import argparse
import base64
import random
import sys
import time
from typing import Any

from plait.protocol.history import History
from plait.protocol.items import decode
from plait.protocol.moments import NOW
from plait.protocol.update import read
from pycrdt import Doc, Text

from ..protocol.test_update import History as Edits
from .documents import state
from .yjs import JSON, Room, Yjs, yjs


def history_of(log: list[bytes]) -> History:
    """The history of a log whose records are numbered from 1."""
    history = History()
    for seq, update in enumerate(log, 1):
        history.take(seq, update)
    return history


def shown(history: History, at: int = NOW) -> JSON:
    """What `shown` of tests/clients/histories.mjs gives, read from the history."""
    return {
        "t": _plain(history.value("t", "text", at)),
        "m": _plain(history.value("m", "map", at)),
        "a": _plain(history.value("a", "array", at)),
        "e": _plain(history.value("e", "text", at)),
        "x": "".join(map(_xml, history.value("x", "xml", at))),
        "text": _characters(history, at),
    }


def _characters(history: History, at: int) -> str:
    """A text as `toString` gives it, which leaves out what is no character."""
    return "".join(piece["insert"] for piece in history.value("t", "text", at) if isinstance(piece["insert"], str))


def _plain(value: Any) -> Any:
    """The value as JSON over the pipe has it."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return {key: _plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def _xml(node: JSON) -> str:
    """A node as Yjs's `toString` writes it."""
    if "text" in node:
        return "".join(map(_marked, node["text"]))
    name, inside = node["name"].lower(), "".join(map(_xml, node["children"]))
    return f"<{name}{_attributes(node['attributes'])}>{inside}</{name}>"


def _attributes(given: JSON) -> str:
    return "".join(f' {key}="{value}"' for key, value in sorted(given.items()))


def _marked(piece: JSON) -> str:
    said = piece["insert"] if isinstance(piece["insert"], str) else "[object Object]"
    for mark, value in sorted(piece.get("attributes", {}).items(), reverse=True):
        said = f"<{mark}{_attributes(value if isinstance(value, dict) else {})}>{said}</{mark}>"
    return said


def check_decoding(update: bytes) -> None:
    """Both readers of an update say the same."""
    measured = read(update, own=True)
    sections, deleted = decode(update)
    assert deleted == measured.deleted
    assert [(s[0].client, s[0].clock, s[-1].clock + s[-1].length) for s in sections] == [
        (s.client, s.start, s.end) for s in measured.sections
    ]


def check(node: Yjs, log: list[bytes], draw: random.Random) -> History:
    """Compare the history of a log with what Yjs shows of it, at the end and at some moments before."""
    for update in log:
        check_decoding(update)
    history = history_of(log)
    for moment in {len(log), *(draw.randint(0, len(log)) for _ in range(3))}:
        told = node.apply(log[:moment], tidy=False)
        assert shown(history, moment) == told["shown"], f"at {moment} of {len(log)}"
    check_blame(history)
    check_hunks(history, draw.randint(0, len(log)), draw.randint(0, len(log)))
    return history


def check_blame(history: History) -> None:
    """Blame covers a text without a gap, names the records that `whose` names, and its deleted spans take no room."""
    for deleted in (False, True):
        at, units, said = 0, 0, ""
        for span in history.blame("t", deleted=deleted):
            for client, start, stop in span.ids:
                assert {history.whose(client, clock) for clock in range(start, stop)} == {(span.seq, span.deleted)}
            if span.path == ("t",) and span.key is None:
                assert (span.start, span.units[0]) == (at, units)
                at, units = span.end, span.units[1]
                said += "" if span.deleted else span.text or "\ufffc" * (span.end - span.start)
        assert said == history.text("t")
        assert (at, units) == (len(said), len(said.encode("utf-16-le")) // 2)


def check_hunks(history: History, one: int, other: int) -> None:
    """Between two moments: the earlier text with its hunks put in is the later one."""
    first, last = min(one, other), max(one, other)
    text = history.text("t", first).encode("utf-16-le")
    done, at = b"", 0
    for hunk in history.between(first, last):
        if hunk.path != ("t",) or hunk.key is not None:
            continue
        done += text[2 * at : 2 * hunk.was]
        assert hunk.now == len(done) // 2
        at = hunk.was
        gone = hunk.deleted_text.encode("utf-16-le")
        assert text[2 * at : 2 * at + len(gone)] == gone
        at += len(gone) // 2
        done += hunk.inserted_text.encode("utf-16-le")
    assert (done + text[2 * at :]).decode("utf-16-le") == history.text("t", last)


def from_yjs(node: Yjs, seed: int, *, changes: int = 60) -> int:
    """A history of Yjs's, as it was written and as a room wrote it down. Raises AssertionError."""
    draw = random.Random(seed)
    made = node.ask(make=seed, changes=changes, wild=False)
    updates = [base64.b64decode(update) for update in made["updates"]]
    assert shown(check(node, updates, draw)) == made["shown"]
    room = Room(draw)
    assert not room.deliver(updates, draw)
    assert shown(check(node, room.log, draw)) == made["shown"]
    whole = history_of([room.shared.doc.get_update()])
    assert shown(whole) == made["shown"], "a document as a room holds it, what was collected left out"
    room.shared.release()
    return len(updates)


def from_pycrdt(node: Yjs, seed: int) -> int:
    """A history of pycrdt's, as a room wrote it down. Raises AssertionError."""
    draw = random.Random(seed)
    edits = Edits(seed, 40)
    room = Room(draw)
    assert not room.deliver(edits.log, draw)
    history = check(node, room.log, draw)
    document = Doc[Any]()
    for update in room.log:
        document.apply_update(update)
    assert str(document.get("t", type=Text)) == _characters(history, NOW)
    for client, clock in state(document).items():
        assert history.whose(client, clock - 1)
        assert history.whose(client, clock) is None
    room.shared.release()
    return len(room.log)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.histories", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="the first seed; with --seeds 1 it is replayed alone")
    parser.add_argument("--changes", type=int, default=60, help="edits of one history")
    given = parser.parse_args()
    began, failed, records = time.monotonic(), 0, 0
    with yjs() as node:
        for seed in range(given.first, given.first + given.seeds):
            for name in ("yjs", "pycrdt"):
                try:
                    records += from_yjs(node, seed, changes=given.changes) if name == "yjs" else from_pycrdt(node, seed)
                except AssertionError as error:
                    failed += 1
                    print(f"from {name} seed {seed}: {str(error)[:1500]}", flush=True)
    print(f"{given.seeds} seeds, {records} records in {time.monotonic() - began:.0f} s; {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
