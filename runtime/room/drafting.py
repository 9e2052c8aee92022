"""Drafting: a room's fold, its documents, and the records of the pass that are not yet on disk.

There is no way back from a draft: if the commit fails, the room throws all of it away and reads the log again.

Streamed text is held back until something else comes or the pass ends, so that all tokens of one pass and part make one
record. That is lossless, because nobody was shown them apart.
"""

from collections.abc import Mapping
from typing import Any

from pycrdt import Doc

from ...protocol import limits, shape
from ...protocol.access import HOUSE
from ...protocol.document import RoomDocument
from ...protocol.errors import Refused
from ...protocol.events import (
    ArgumentsStreamed,
    DocumentFact,
    EpochClosed,
    Event,
    ReasoningStreamed,
    Record,
    RoomShaped,
    TextStreamed,
    blobs_of,
)
from ...protocol.fold import fold
from ...protocol.names import draft_begun
from ...protocol.replay import Flows, Worker
from ...protocol.reshaping import clock_of, said, shaping_id
from ...protocol.state import RoomState, Run
from ...protocol.update import decode_state_vector
from ...storage.store import About, Append
from .identity import Surroundings, server_id
from .outside import outside_trio
from .quota import Quota
from .redaction import Redactor
from .shared import SharedDocument

Streamed = TextStreamed | ReasoningStreamed | ArgumentsStreamed
_StepKey = tuple[str, str, int]


class Change:
    """What a pass did to one document: the state vector before it, the exact updates, the last one's seq."""

    __slots__ = ("before", "seq", "updates")

    def __init__(self, before: bytes) -> None:
        self.before = before
        self.updates: list[bytes] = []
        self.seq = 0


class Drafting:
    """One epoch of one room, as far as it writes records."""

    def __init__(
        self,
        name: str,
        epoch: int,
        client: int,
        workers: Mapping[str, Worker],
        surroundings: Surroundings,
    ) -> None:
        self.name = name
        self.epoch = epoch
        self.client = client
        self.state = RoomState()
        self.room_document = RoomDocument(client)
        self.shared: dict[str, SharedDocument] = {}
        self.flows = Flows(workers)
        self.lineage = ""
        """As the log said when it was opened; empty for a room that nobody had written to."""
        self.due: int | None = None
        """When something is to be decided though nothing happens, in µs since 1970."""
        self.drafts: list[Record] = []
        self.changes: dict[str, Change] = {}
        self.broken: set[str] = set()
        """Shared documents that are to be read again from the log before anybody may look at them."""
        self.touched = False
        """Whether anything was written or may have been, since somebody said that nothing was."""
        self.under = ""
        """The id of the grant of whoever is being obeyed; empty where nobody was asked for one."""
        self.snapshot_seq = 0
        self.quota: Quota | None = None
        """What outsiders are measured by, if by anything."""
        self.runs_moved = True
        """Whether runs began or ended since the quota was told."""
        self._surroundings = surroundings
        self.redactor = Redactor()
        """What cleans every text before it is in a record."""
        self._tails: dict[tuple[str, str, int, int], tuple[Streamed, str]] = {}
        """Ends of streams, by run, step, attempt and part, that are not shown yet."""
        self._withheld: set[tuple[str, str, int, int]] = set()
        self._streams: dict[_StepKey, tuple[Streamed, list[str]]] = {}
        self._undecided = True

    # --- looking ------------------------------------------------------------------------------------------------------

    def document(self, name: str) -> "Doc[Any]":
        """The live document; the room document for an empty name. A shared one begins empty. Raises Refused."""
        return self.room_document.doc if not name else self.shared_document(name).doc

    def shared_document(self, name: str) -> SharedDocument:
        """The shared document of that name. Raises Refused('room-full')."""
        self.touched = True
        shared = self.shared.get(name)
        if shared is None:
            if draft_begun(name) and name not in self.state.drafts:
                raise Refused("no-such-draft")
            if len(self.shared) >= limits.DOCUMENTS_PER_ROOM:
                raise Refused("room-full", f"A room may have {limits.DOCUMENTS_PER_ROOM} documents.")
            shared = self.shared[name] = self.new_shared(name)
            shared.loaded()
        return shared

    def new_shared(self, name: str) -> SharedDocument:
        """An empty shared document that this epoch writes to under its own client id; a draft under one that is the
        draft's, because what its base gets meanwhile has the same clocks (law 4)."""
        return SharedDocument(server_id(self.name, self._surroundings.entropy) if draft_begun(name) else self.client)

    def forget_unwritten(self, name: str) -> None:
        """Nobody watches the document any more; if nobody ever wrote to it either, it costs nothing from now on."""
        if name in self.shared and name not in self.state.documents:
            self.shared.pop(name).release()

    def check_growth(self) -> None:
        """Whether outsiders may make the log longer. Raises Refused('room-full')."""
        if self.quota is not None:
            self.quota.check_room(self.state.size)

    def release(self) -> None:
        """This epoch is over: let its documents leave memory."""
        self.room_document.release()
        for shared in self.shared.values():
            shared.release()

    # --- the pass -----------------------------------------------------------------------------------------------------

    def append(self) -> Append | None:
        """What is to be committed, or None if the pass changed nothing."""
        self._flush()
        if not self.drafts:
            return None
        after = self.drafts[0].seq - 1
        if not after and self.state.shape != shape.SHAPE:
            self.reshape()  # Behind what the room begins with, whose place is known already.
        open_runs = self.state.open_runs()
        return Append(
            self.name,
            self.epoch,
            after,
            tuple(self.drafts),
            open_runs=len(open_runs),
            wake_at=self.due,
            blobs=tuple(dict.fromkeys(blob for draft in self.drafts for blob in blobs_of(draft.event))),
            about=About(self.state.title, dict(self.state.metadata), sum(run.status == "waiting" for run in open_runs)),
            renews=any(isinstance(draft.event, RoomShaped) for draft in self.drafts),
        )

    def committed(self) -> tuple[list[Record], dict[str, Change]]:
        """The pass is on disk: its records and what they changed; the next pass begins."""
        done = (self.drafts, self.changes)
        self.drafts, self.changes = [], {}
        return done

    def close_epoch(self) -> None:
        """Leave the room in good order, so that the next epoch goes on with this one's client id."""
        self._flush()
        if self.state.closed is not None or self.state.epoch != self.epoch:
            return
        clocks = {"": decode_state_vector(self.room_document.doc.get_state()).get(self.client, 0)}
        for name, shared in self.shared.items():
            if self.client in shared.clocks:
                clocks[name] = shared.clocks[self.client]
        self._draft(EpochClosed(self.client, clocks), HOUSE)

    def reshape(self, wanted: RoomDocument | None = None, by: str = "") -> None:
        """Say that the room document has today's shape, and make it what is `wanted`, made from the same log."""
        doc = self.room_document.doc
        self._change("", doc.get_state())
        before = said(doc) if wanted is not None else b""
        update = self.room_document.reshape(shape.SHAPE, wanted)
        clock = clock_of(doc, self.client)
        after = said(doc) if wanted is not None else b""
        event = RoomShaped(shape.SHAPE, self.lineage, self.client, clock, before, after, by)
        self._draft(event, HOUSE, update=update, id=shaping_id(self.lineage or self.name))

    # --- one record ---------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        for key in list(self._streams):
            self._flush_one(key)

    def _flush_one(self, key: _StepKey) -> None:
        first, texts = self._streams.pop(key)
        place = (*key, first.part)
        _, held = self._tails.pop(place, (first, ""))
        text = held + "".join(texts)
        if isinstance(first, ArgumentsStreamed) and self.redactor.asks:
            # JSON can spell a word so that nobody finds it; the call's arguments are cleaned when they are whole.
            if place not in self._withheld:
                self._withheld.add(place)
                self._stream_record(key[0], first, "")
            return
        shown = self.redactor.shown(text)
        if shown < len(text):
            self._tails[place] = (first, text[shown:])
        if shown:
            self._stream_record(key[0], first, self.redactor.text(text[:shown]))

    def _stream_record(self, run_id: str, first: Streamed, text: str) -> None:
        run = self.state.runs[run_id]
        event: Streamed
        if isinstance(first, ArgumentsStreamed):
            event = ArgumentsStreamed(first.step, first.attempt, first.part, first.call, first.name, text)
        else:
            event = type(first)(first.step, first.attempt, first.part, text)
        # Without an id: that a stream is not appended twice is the head's to see to, and an index entry for each token
        # would double the pages that a commit writes.
        self._draft(event, f"agent:{run.agent}", run.id)
        if run.streamed > limits.RUN_BYTES:
            self._undecided = True

    def _end_streams(self, run: str, step: str = "", *, texts: bool = False) -> None:
        """Nothing more comes of what the run, or that step of it, streams (or of its `texts`): show what was held."""
        self._flush()
        for place in [place for place in self._tails if place[0] == run and step in ("", place[1])]:
            if texts and isinstance(self._tails[place][0], ArgumentsStreamed):
                continue  # Those of several calls may come by turns.
            first, text = self._tails.pop(place)
            self._stream_record(run, first, self.redactor.text(text))

    def _change(self, document: str, before: bytes) -> Change:
        change = self.changes.get(document)
        if change is None:
            change = self.changes[document] = Change(before)
        return change

    def _draft(
        self,
        event: Event,
        author: str,
        run: str = "",
        *,
        document: str = "",
        update: bytes = b"",
        id: str | None = None,  # noqa: A002
        asked: bytes | None = None,
        grant: str = "",
    ) -> None:
        """One record: the fact and the exact update it causes, folded at once so that what follows sees it."""
        if not isinstance(event, TextStreamed | ReasoningStreamed | ArgumentsStreamed):  # A stream is cleaned before.
            event = self.redactor.event(event)
        self.touched = True
        seq = self.state.seq + 1
        now = self._surroundings.now()
        if not isinstance(event, DocumentFact | EpochClosed | RoomShaped):
            if "" not in self.changes:
                self._change("", self.room_document.doc.get_state())
            update = self.room_document.project(run, author, now, event)
        record = Record(seq, now, author, run, self.epoch, event, document, update, id, asked, grant or self.under)
        self.drafts.append(record)
        if update:
            change = self.changes[document]
            change.updates.append(update)
            change.seq = seq
        fold(self.state, record)
        if not isinstance(event, TextStreamed | ReasoningStreamed | ArgumentsStreamed | DocumentFact | EpochClosed):
            self._undecided = self.runs_moved = True
            if run and not self.state.runs.get(run, _NO_RUN).open:
                with outside_trio():
                    self.flows.forget(run)
                self._tails = {place: held for place, held in self._tails.items() if place[0] != run}
                self._withheld = {place for place in self._withheld if place[0] != run}


_NO_RUN = Run("", "", "", "", status="done")
