"""A file of signed heads, for `plait verify`: what it says that a log was, and whether the log still is.

One head a line, oldest first; lines are only ever added. A line that is no head, or is not signed with a known key, is
an error and not passed over: whoever can spoil a line could else make a head disappear.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...protocol.heads import BadHead, SignedHead, read, sign
from ...protocol.tokens import Keys
from ...storage import Head

Heads = dict[str, list[SignedHead]]
"""By room, in the order of the file."""


def load(path: Path, keys: Keys) -> Heads:
    """The heads of a file. Raises BadHead, which names the line, and OSError."""
    heads: Heads = {}
    for number, line in enumerate(path.read_text("ascii", "replace").splitlines(), 1):
        try:
            head = read(line.strip(), keys)
        except BadHead as bad:
            raise BadHead(f"line {number} of {path} proves nothing: {bad}") from None
        heads.setdefault(head.room, []).append(head)
    return heads


def contradiction(
    head: Head, hashes: Mapping[int, str], signed: Sequence[SignedHead], former: Sequence[str]
) -> str | None:
    """What a log that is whole up to `head` does not have of what was signed. `hashes` are those of its records,
    `former` the lineages that it had before somebody was erased from it, or its document took another shape."""
    for one in signed:
        if head.deleted:
            return f"the room was deleted since its record {one.seq} was signed"
        if one.seq > head.seq:
            return f"record {one.seq} was signed and is not there: the log was cut, or is an older one"
        if one.lineage not in (head.lineage, *former):
            return f"it is of another lineage than the log whose record {one.seq} was signed"
        if hashes.get(one.seq) != one.hash:
            return f"record {one.seq} is not the one that was signed: the log was written anew"
    return None


def add(path: Path, heads: Sequence[Head], known: Heads, keys: Keys, now_s: float) -> int:
    """Sign these heads, but for those whose newest signature says the same, and add them to the file; how many. They
    are on disk when it returns. Raises BadKey, OSError."""
    key = keys.signer()
    lines: list[str] = []
    for head in heads:
        made = SignedHead(head.room, head.lineage, head.seq, head.hash.hex(), head.time, now_s)
        last = known.get(head.room, [])[-1:]
        if not last or (last[0].lineage, last[0].seq, last[0].hash) != (made.lineage, made.seq, made.hash):
            lines.append(sign(made, key) + "\n")
    with path.open("a", encoding="ascii") as file:
        file.write("".join(lines))
        file.flush()
        os.fsync(file.fileno())
    return len(lines)
