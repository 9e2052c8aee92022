"""Forking: what a room that was made as a copy of another one writes first, and what a room takes back from a fork.

The records up to there are copied as they are, ids and times and authors; what comes then is this room's own, under a
CRDT client id of its own, so that nothing it writes can ever be taken for the parent's (law 4). That is what makes it
possible to take a fork's edits back: they are applied as they were made, and merge with whatever people wrote here
meanwhile as two tabs' edits do. Each keeps its author. Rules (specs/forks.md):

- A merge is one pass, of all documents or of none, and what is here already makes no record.
- A client id that wrote on both sides stands for two texts; nothing is merged then.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct, field
from pycrdt import Doc

from ...protocol import limits
from ...protocol.access import HOUSE, Grant
from ...protocol.errors import Refused
from ...protocol.events import EditMerged, Event, Forked, ForkMerged, ForkResumed, Record
from ...protocol.recalling import Deed, by_record
from ...protocol.state import Run
from ...protocol.steps import record_id
from ...protocol.update import fits, read
from .proposing import Proposing


class Piece(Struct):
    """Edits of one document by one author in a fork, one behind the other, in its records from `first` to `last`."""

    document: str
    author: str
    first: int
    last: int
    updates: list[bytes]
    run: str = ""
    step: str = ""


class Merging(Struct):
    """What is to be taken back from `fork`, read up to its record `until`, given that what `merged` says was taken
    before, by document. `clocks` are those that the clients of the pieces had when they began."""

    fork: str
    lineage: str
    until: int
    kin: tuple[str, ...]
    merged: dict[str, int]
    pieces: list[Piece]
    clocks: dict[str, dict[int, int]]
    key: str | None = None
    asked: bytes | None = None
    """Under which id it is asked for, as a record's, and what tells it from anything else that is."""

    @property
    def documents(self) -> tuple[str, ...]:
        """Those that have something new."""
        return tuple(sorted({piece.document for piece in self.pieces}))


class MergedDocument(Struct, frozen=True):
    """What came back of one document: so many `edits` by these `authors`; of a preview, what would be otherwise."""

    edits: int
    authors: list[str]
    changes: list[Any] = field(default_factory=list)


class Merged(Struct, frozen=True):
    """A merge: into which `room`, from which `fork` up to its record `until`, in which record (0 if there was nothing
    to be taken, or it was only a preview)."""

    room: str
    fork: str
    until: int
    seq: int
    documents: dict[str, MergedDocument]


class Stale(Exception):
    """What was prepared stands on something else than what was merged before; `merged` says what that is."""

    def __init__(self, merged: dict[str, int]) -> None:
        self.merged = merged
        super().__init__("somebody merged the fork meanwhile")


def fork_id(room: str) -> str:
    """The id of the record by which that room says of whom it is a fork. No command's records are called so."""
    return f"fork/{room}"


def merge_id(fork: str, command: str) -> str:
    """The id of the record by which the parent says that this was merged, if it was asked for under an id."""
    return f"merge/{fork}/{hashlib.sha256(command.encode()).hexdigest()}"


class Forking(Proposing):
    """One epoch of one room, as far as it is a fork, or has some."""

    def begin_fork(
        self, grant: Grant, forked: Forked, changed: Event | None, instead: Record | None, *, asked: bytes | None = None
    ) -> None:
        """Write down that this is a fork; before that, what is otherwise, in the place of the parent's next record.
        `asked` tells what was asked for under its id."""
        if changed is not None and instead is not None:
            # A step's outcome keeps its id, so that nothing reports it again; a command of the parent's is none here.
            key = instead.id if instead.asked is None and (instead.id or "").startswith(f"{instead.run}/") else None
            self._draft(changed, grant.author, instead.run, id=key, grant=grant.id)
        self._draft(forked, grant.author, id=fork_id(self.name), grant=grant.id, asked=asked)

    def diverge(self, run: str, step: str, what: str) -> None:
        """The record does not have what is asked for: go on live if that was wanted, else wait until somebody says."""
        if self.state.fork is not None and by_record(self.state):
            self._flush()
            going = "live" if self.state.fork.going == "recorded-live" else "paused"
            self._draft(ForkResumed(going, step, what), HOUSE, run)

    def recall(self, run_id: str, step: str, deeds: Callable[[Run], Sequence[Deed]]) -> bool:
        """Let happen in that run what happened in the parent, all of it: as it was, by whoever did it there. False if
        it is not wanted any more, and then nothing happened."""
        run = self.state.runs.get(run_id)
        if run is None or not run.open or run.stopping or not by_record(self.state):
            return False
        known = run.steps.get(step)
        if known is not None and known.status in ("done", "failed"):
            return False
        self._flush()
        for author, event in deeds(run):
            attempt = getattr(event, "attempt", 0)
            self._draft(event, author, run_id, id=record_id(run, step, attempt, event) if attempt else None)
        return True

    def merge(self, grant: Grant, merging: Merging) -> Merged:
        """Take a fork's edits back. Raises Refused and Stale, and then nothing happened; what else it raises leaves a
        room that is to be read again from its log."""
        self.check_merge(merging)
        if not merging.pieces:
            return Merged(self.name, merging.fork, merging.until, 0, {})
        self.check_growth()
        first = self.state.seq + 1
        edits = tuple([one.edits for one in told(merging).values()])
        said = ForkMerged(merging.fork, merging.lineage, merging.until, merging.documents, merging.kin, edits)
        self._draft(said, grant.author, grant=grant.id, id=merging.key, asked=merging.asked)
        for piece in merging.pieces:
            shared = self.shared[piece.document]
            before = shared.doc.get_state()
            update, _ = shared.write(lambda doc, piece=piece: _apply(doc, piece.updates))
            if update:
                self._change(piece.document, before)
                event = EditMerged(merging.fork, piece.first, piece.last, piece.run, piece.step)
                self._draft(event, piece.author, document=piece.document, update=update, grant=grant.id)
        return Merged(self.name, merging.fork, merging.until, first, told(merging))

    def check_merge(self, merging: Merging) -> None:
        """Raises Refused, Stale or Later unless all of it can be taken."""
        self._flush()
        merged = self.state.merged.get(merging.fork, {})
        if merged != merging.merged:
            raise Stale(merged)
        for name in merging.documents:
            self._check_whole(name)
            shared = self.shared_document(name)
            clocks = dict(shared.clocks)
            began = merging.clocks[name]
            both = [client for client in began if clocks.get(client, 0) != began[client]]
            if both:
                who = ", ".join(sorted({self.state.owners.get(client, "somebody") for client in both}))
                raise Refused("update-foreign", f"A client of {who} wrote in '{name}' on both sides under one id.")
            size = 0
            for update in (update for piece in merging.pieces if piece.document == name for update in piece.updates):
                edit = read(update, own=True)
                if not fits(edit, clocks):
                    raise Refused(
                        "update-incomplete", f"'{name}' does not have any more what the fork's edits lean on."
                    )
                clocks |= {client: max(end, clocks.get(client, 0)) for client, _, end in edit.inserted}
                size += len(update)
            if shared.size + size > limits.DOCUMENT_BYTES:
                raise Refused("too-large", f"A shared document may have {limits.DOCUMENT_BYTES} bytes.")


def _apply(doc: "Doc[Any]", updates: Sequence[bytes]) -> None:
    for update in updates:
        doc.apply_update(update)


def told(merging: Merging) -> dict[str, MergedDocument]:
    """What of each document comes back, for whoever asked."""
    found: dict[str, MergedDocument] = {}
    for name in merging.documents:
        mine = [piece for piece in merging.pieces if piece.document == name]
        edits = sum(len(piece.updates) for piece in mine)
        found[name] = MergedDocument(edits, sorted({piece.author for piece in mine}))
    return found
