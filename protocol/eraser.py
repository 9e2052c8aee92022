"""The eraser: a room's log, record by record, without what one person said and wrote.

Whose a record is says the log: its author's, or, where an agent or the house acts in a run, that of whoever the run is
for. Whose a piece of a shared document is says the record that brought it first: what an acceptance, a rejection, an
undo or the opening of a draft brings is a copy, and stays that of whoever wrote the original. Rules (specs/erasure.md):

- What others wrote stays, in its order; what they copied of the person goes.
- Ids, lengths, places and numbers stay, so that every later record still means what it meant.
- Requests to models hold what anybody said before, and so does a room document that was projected again, so from the
  person's first record on all that was said in them goes.
"""

from bisect import bisect_right
from collections.abc import Container, Iterator
from typing import Any

from msgspec.structs import replace

from .access import HOUSE
from .blocks import Blocks
from .erased import WORD, erased
from .events import (
    DocumentCopied,
    EditsUndone,
    HunksAccepted,
    HunksRejected,
    ModelRequested,
    Record,
    RoomShaped,
    RunRequested,
    blobs_of,
)
from .fold import fold
from .images import Images
from .items import ANY, STRING
from .restored import Restored
from .rows import blocks_in
from .state import RoomState
from .structs import Range
from .update import read
from .wiping import Choice, wiped

# fmt: off
CLEAR = frozenset((
    "after", "agent", "asks", "at", "attachments", "attempt", "author", "branch", "bytes", "call", "child", "cost",
    "deadline", "decided_at", "decided_by", "decision", "done", "ended_at", "error_code", "expires_at", "id",
    "input", "input_tokens", "instead", "media_type", "metadata", "model", "named", "number", "of", "opened_at",
    "output_tokens", "parent", "part", "parts", "requested_at", "run", "seen", "shape", "state", "status", "step",
    "tab", "text", "type", "wakes_at",
))
# fmt: on
"""Keys of the room document under which stand ids, numbers and words of the house's. What stands under any other goes,
so a new key is a person's until somebody says that it is not."""

_METADATA = "metadata"
_INSTEAD = {"args": "{}", "result": "null", "value": "{}", "schema": "{}", "title": "", "blob": ""}
"""What stands in the room document instead, where a program reads it."""


class Ranges:
    """Units of one document, as ranges of clocks."""

    def __init__(self) -> None:
        self._starts: dict[int, list[int]] = {}
        self._ends: dict[int, list[int]] = {}

    def add(self, client: int, start: int, end: int) -> None:
        """These units, none of which is in it yet, too."""
        starts, ends = self._starts.setdefault(client, []), self._ends.setdefault(client, [])
        at = bisect_right(starts, start)
        if at and ends[at - 1] == start:
            ends[at - 1] = end
        else:
            starts.insert(at, start)
            ends.insert(at, end)

    def has(self, client: int, clock: int, most: int) -> tuple[bool, int]:
        """Whether it has the unit, and of how many from there on, at most so many, that is true."""
        starts = self._starts.get(client)
        if not starts:
            return False, most
        at = bisect_right(starts, clock) - 1
        if at >= 0 and clock < (end := self._ends[client][at]):
            return True, min(most, end - clock)
        following = starts[at + 1] if at + 1 < len(starts) else clock + most
        return False, min(most, following - clock)


class _Shared:
    """One shared document, as far as it has come."""

    def __init__(self) -> None:
        self.blocks = Blocks()
        self.restored = Restored()
        self.clocks: dict[int, int] = {}
        self.theirs = Ranges()

    def fresh(self, ranges: tuple[Range, ...]) -> Iterator[Range]:
        """What of these ranges no record before brought."""
        for client, start, end in ranges:
            start = max(start, self.clocks.get(client, 0))
            if start < end:
                self.clocks[client] = end
                yield client, start, end

    def said_here(self, client: int, clock: int, otherwise: bool) -> bool:
        """Whether the unit, which an undo brought back though nobody can say of what it is a copy, is the person's:
        if they wrote the same in its place, under the same key or in the same sequence, and not if only others did."""
        block = self.blocks.find(client, clock)
        if block is None or block.row is None or block.kind not in (STRING, ANY):
            return otherwise
        olds = [one for one in blocks_in(block.row) if one.kind == block.kind and one.deleted]
        if block.kind == STRING:
            same = [one for one in olds if block.text in one.text]
        else:
            same = [one for one in olds if block.values[clock - block.clock] in one.values]
        return any(self.theirs.has(one.client, one.clock, 1)[0] for one in same) or (otherwise and not same)


class Everybody:
    """All people, and nobody in particular: what no person asked for is theirs, too."""

    def __contains__(self, subject: object) -> bool:
        return True


class Eraser:
    """Takes a room's log in order, from its first record, without what these people said. `state` is the room as it is
    then; `first` is their first record, 0 while there is none; `blobs` are files that no record refers to any more."""

    def __init__(self, subjects: Container[str]) -> None:
        self._subjects = subjects
        self.state = RoomState()
        self.first = 0
        self._takes = False
        """Whether anything of theirs was there still: what was projected anew since may hold copies of it."""
        self._was: set[str] = set()
        self._is: set[str] = set()
        self._for: dict[str, str] = {}
        self._room = Blocks()
        self._shared: dict[str, _Shared] = {}

    @property
    def blobs(self) -> tuple[str, ...]:
        return tuple(sorted(self._was - self._is))

    def take(self, record: Record) -> Record:
        """The room's next record, as it is to be from now on; the same object if nothing of it goes."""
        theirs = self._whose(record) in self._subjects
        if theirs and not self.first:
            self.first = record.seq
        copied = self._takes and isinstance(record.event, RoomShaped)
        goes = theirs or copied or (self.first and isinstance(record.event, ModelRequested))
        event = erased(record.event) if goes else record.event
        update = self._without(record, theirs or copied) if record.update else b""
        new = record
        if event is not record.event or update != record.update:
            new = replace(record, event=event, update=update)
            self._takes = True
            self._was.update(blob for blob in blobs_of(record.event) if blob)
        self._is.update(blobs_of(event))
        fold(self.state, new)
        return new

    def _whose(self, record: Record) -> str:
        event, author = record.event, record.author
        if isinstance(event, RunRequested):
            self._for[record.run] = self._for.get(event.parent, "") if event.parent else event.on_behalf_of or author
        if author == HOUSE or author.startswith("agent:"):
            return self._for.get(record.run, "")
        return self._for[record.run] if isinstance(event, RunRequested) else author

    def _without(self, record: Record, theirs: bool) -> bytes:
        if not record.document:
            self._room.take(record.seq, record.update)
            return wiped(record.update, self._shown) if theirs else record.update
        shared = self._shared.setdefault(record.document, _Shared())
        inserted = read(record.update, own=True).inserted
        shared.blocks.take(record.seq, record.update)
        shared.restored.take(record, shared.blocks)
        for client, start, end in shared.fresh(inserted):
            self._claim(shared, record, theirs, (client, start, end))

        def choose(client: int, clock: int, length: int, kind: int) -> tuple[int, Choice]:
            found, run = shared.theirs.has(client, clock, length)
            return run, found

        return wiped(record.update, choose)

    def _claim(self, shared: _Shared, record: Record, theirs: bool, units: Range) -> None:
        """Find out which of these new units are the person's."""
        copies, of = self._copied(shared, record)
        client, at, end = units
        while at < end:
            found, run = theirs, end - at
            if of is not None:
                place = copies.run(client, at) if copies is not None else ((client, at), end - at)
                if place is None:
                    found, run = shared.said_here(client, at, theirs), 1
                else:
                    (other, clock), most = place
                    found, run = of.has(other, clock, min(most, end - at))
            if found:
                shared.theirs.add(client, at, at + run)
            at += run

    def _copied(self, shared: _Shared, record: Record) -> tuple[Images | None, Ranges | None]:
        """Of what the record's new units are copies (None: they have the same ids there), and whose those are."""
        match record.event:
            case DocumentCopied(of=of):
                return None, self._shared.setdefault(of, _Shared()).theirs
            case HunksAccepted(draft=draft, moved=moved):
                return _originals(moved), self._shared.setdefault(draft, _Shared()).theirs
            case HunksRejected(moved=moved):
                return _originals(moved), shared.theirs
            case EditsUndone():
                return shared.restored.copies, shared.theirs
            case _:
                return None, None

    def _shown(self, client: int, clock: int, length: int, kind: int) -> tuple[int, Choice]:
        """What becomes of what one of their records wrote into the room document."""
        block = self._room.find(client, clock)
        if block is None or block.row is None:
            return 1, True
        key, holder = block.row.key, block.row.container.block
        clear = key in CLEAR and not (holder is not None and holder.row is not None and holder.row.key == _METADATA)
        if kind != ANY:
            return min(length, block.clock + block.length - clock), not clear
        value: Any = block.values[clock - block.clock]
        if clear or value == "":
            return 1, False
        return 1, [_INSTEAD.get(key or "", WORD)]


def _originals(moved: tuple[tuple[int, int, int, int, int], ...]) -> Images:
    """From the copies to what they are copies of."""
    images = Images()
    for client, clock, length, to_client, to_clock in moved:
        images.add((to_client, to_clock, length, client, clock))
    return images
