"""A room in memory: its fold, its documents, and the records that are not yet on disk.

`Live` speculates. Each method takes one thing that was asked, judges it against the fold, writes it into the documents
and drafts the record; nothing here waits, and nobody outside may look until the drafts are committed. There is no way
back from a draft: if the commit fails, the room throws its `Live` away and opens another from the log.

Streamed text is held back until something else comes or the pass ends, so that all tokens of one pass and part make one
record. That is lossless, because nobody was shown them apart.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pycrdt import Doc

from ...protocol import limits
from ...protocol.access import HOUSE, Grant
from ...protocol.commands import Asked, digest
from ...protocol.document import RoomDocument
from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.events import (
    ApprovalRequested,
    ArgumentsStreamed,
    Attachment,
    DocumentEdited,
    EpochClosed,
    Event,
    ModelRequested,
    QuestionAsked,
    ReasoningStreamed,
    Record,
    RunRequested,
    SteerConsumed,
    TabLeft,
    TextStreamed,
    ToolDelegated,
    ToolFailed,
    ToolsRegistered,
    ToolStarted,
    ValueNoted,
    blobs_of,
    command_record_id,
    run_id,
)
from ...protocol.fold import fold
from ...protocol.judge import judge
from ...protocol.moves import Call, Decide, Generate, Note, Wake, moves
from ...protocol.prompts import AgentFacts
from ...protocol.replay import Flows, Worker
from ...protocol.requests import describe
from ...protocol.state import RoomState, Run
from ...protocol.steps import record_id
from ...protocol.update import decode_state_vector, new_clients, read
from ...storage.store import About, Append
from .identity import Surroundings
from .outside import outside_trio
from .shared import Broken, SharedDocument, Taken

Streamed = TextStreamed | ReasoningStreamed | ArgumentsStreamed
_StepKey = tuple[str, str, int]


class Answer:
    """What an accepted command is told: the seq of its first record, and the run that it concerns, if one."""

    __slots__ = ("run", "seq")

    def __init__(self, seq: int, run: str) -> None:
        self.seq = seq
        self.run = run


class Change:
    """What a pass did to one document: the state vector before it, the exact updates, the last one's seq."""

    __slots__ = ("before", "seq", "updates")

    def __init__(self, before: bytes) -> None:
        self.before = before
        self.updates: list[bytes] = []
        self.seq = 0


class Live:
    """One epoch of one room. `opening.open_live` makes it from the log."""

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
        self.work: tuple[Generate | Call, ...] = ()
        self.due: int | None = None
        """When something is to be decided though nothing happens, in µs since 1970."""
        self.drafts: list[Record] = []
        self.changes: dict[str, Change] = {}
        self.broken: set[str] = set()
        """Shared documents that are to be read again from the log before anybody may look at them."""
        self.snapshot_seq = 0
        self._surroundings = surroundings
        self._streams: dict[_StepKey, tuple[Streamed, list[str]]] = {}
        self._asked: dict[str, tuple[bytes, Answer]] = {}
        self._undecided = True

    # --- looking ------------------------------------------------------------------------------------------------------

    def document(self, name: str) -> "Doc[Any]":
        """The live document; the room document for an empty name. A shared one begins empty. Raises Refused."""
        return self.room_document.doc if not name else self.shared_document(name).doc

    def shared_document(self, name: str) -> SharedDocument:
        """The shared document of that name. Raises Refused('room-full')."""
        shared = self.shared.get(name)
        if shared is None:
            if len(self.shared) >= limits.DOCUMENTS_PER_ROOM:
                raise Refused("room-full", f"A room may have {limits.DOCUMENTS_PER_ROOM} documents.")
            shared = self.shared[name] = self.new_shared()
            shared.loaded()
        return shared

    def new_shared(self) -> SharedDocument:
        """An empty shared document that this epoch writes to under its own client id."""
        return SharedDocument(self.client)

    def forget_unwritten(self, name: str) -> None:
        """Nobody watches the document any more; if nobody ever wrote to it either, it costs nothing from now on."""
        if name in self.shared and name not in self.state.documents:
            self.shared.pop(name).release()

    def drop_flows(self) -> None:
        """No flow goes on in this epoch: close their coroutines."""
        with outside_trio():
            self.flows.clear()

    def release(self) -> None:
        """This epoch is over: let its documents leave memory."""
        self.room_document.release()
        for shared in self.shared.values():
            shared.release()

    # --- speculating --------------------------------------------------------------------------------------------------

    def command(
        self,
        grant: Grant,
        command: Asked,
        known: Record | None,
        agents: Callable[[str], AgentFacts],
        tab: str = "",
        files: Mapping[str, Attachment] = {},
    ) -> Answer:
        """Carry a command out, or answer it as it was answered before (law 5). `known` is its first record, if the log
        has one; `tab` is the asking tab, if it has a name; `files` are its attachments that the store has. Raises
        Refused."""
        asked = digest(command)
        earlier = (known.asked, Answer(known.seq, known.run)) if known else self._asked.get(command.id)
        if earlier is not None:
            if earlier[0] != asked:
                raise Refused("id-reused")
            return earlier[1]
        self._flush()
        verdicts = judge(self.state, grant, command, agents, self._surroundings.now(), tab, files)
        first = self.state.seq + 1
        for ordinal, verdict in enumerate(verdicts):
            key = command_record_id(command.id, ordinal)
            self._draft(verdict.event, grant.author, verdict.run, id=key, asked=asked if not ordinal else None)
        answer = Answer(first, verdicts[0].run)
        self._asked[command.id] = (asked, answer)
        return answer

    def tab_left(self, name: str) -> None:
        """The socket of a tab with tools is closed."""
        if name in self.state.tabs:
            self._flush()
            self._draft(TabLeft(name), HOUSE)

    def tab_stays(self, name: str) -> None:
        """Another epoch has begun, and the tab's socket lives on with all that it carries out."""
        known = self.state.tabs.get(name)
        if known is not None:
            self._flush()
            steps = [step for run in self.state.open_runs() for step in run.steps.values()]
            running = tuple(step.id for step in steps if step.tab == name and step.status == "claimed")
            self._draft(ToolsRegistered(name, tuple(known.tools.values()), running), HOUSE)

    def edit(self, author: str, document: str, update: bytes) -> Taken:
        """Take a tab's edit of a shared document. Raises Refused, OutcomeUnknown; Broken for an edit that broke it."""
        self._flush()
        if document in self.broken:
            raise OutcomeUnknown("the document is being read again from the log")
        shared = self.shared_document(document)
        before = shared.doc.get_state()
        try:
            taken = shared.take(update, author, self.state.owners, self.name)
        except Broken:
            self.broken.add(document)
            raise
        if taken.update:
            self._change(document, before)
            self._draft(DocumentEdited(), author, document=document, update=taken.update)
        return taken

    def has_news(self, update: bytes) -> bool:
        """Whether an edit of the room document holds a struct or a deletion that the document has not."""
        edit = read(update)
        if new_clients(edit, decode_state_vector(self.room_document.doc.get_state())):
            return True
        if not edit.deleted:
            return False
        doc = self.room_document.doc
        known = read(doc.get_update(doc.get_state()), own=True).deleted
        return any(not any(c == k and a <= s and e <= b for k, a, b in known) for c, s, e in edit.deleted)

    def stream(self, run: str, event: Streamed) -> bool:
        """Take some of a step's stream; False if the step is no longer wanted, and then nothing happened."""
        if not self._wanted(run, event.step, event.attempt):
            return False
        key = (run, event.step, event.attempt)
        held = self._streams.get(key)
        if held is not None:
            first, texts = held
            if type(first) is type(event) and first.part == event.part:
                texts.append(event.text)
                return True
            self._flush_one(key)
        self._streams[key] = (event, [event.text])
        return True

    def report(self, run: str, author: str, event: Any) -> bool:
        """Take what a step did; False if the step is no longer wanted, and then nothing happened."""
        known = self.state.runs.get(run)
        if known is None or not known.open:
            return False
        attempt = getattr(event, "attempt", 0)  # Asking a person is no attempt yet.
        if not _follows(known, event.step, attempt, event) or self._too_late(known, event):
            return False
        self._flush()
        self._draft(event, author, run, id=record_id(known, event.step, attempt, event))
        return True

    def begin_request(
        self,
        run: str,
        author: str,
        step: str,
        attempt: int,
        model: str,
        request: dict[str, Any],
        steers: Collection[int] = (),
    ) -> bool:
        """Write a model request down, by reference to the one before it; `steers` are what it is the first to hold."""
        self._flush()
        event = describe(self.state.request, step, attempt, model, request)
        known = self.state.runs.get(run)
        if known is None or not known.open or not _follows(known, step, attempt, event):
            return False
        for steer in known.unseen():
            if steer.seq in steers:
                self._draft(SteerConsumed(steer.seq), HOUSE, run, id=f"{run}/steer#{steer.seq}")
        return self.report(run, author, event)

    def decide(self) -> None:
        """Append what the room itself should, until nothing is left to decide; then `work` is what steps should do."""
        self._flush()
        while self._undecided:
            self._undecided = False
            with outside_trio():
                found = moves(self.state, self.epoch, self.flows, self._surroundings.now())
            for move in found:
                if isinstance(move, Decide | Note):
                    self._decide(move)
            self.work = tuple(move for move in found if isinstance(move, Generate | Call))
            self.due = next((move.at for move in found if isinstance(move, Wake)), None)

    def _decide(self, move: Decide | Note) -> None:
        event = move.event if isinstance(move, Decide) else ValueNoted(move.step, self._surroundings.note(move.what))
        step, attempt = getattr(event, "step", None), getattr(event, "attempt", 0)
        key = record_id(self.state.runs[move.run], step, attempt, event) if step and attempt else None
        run = run_id(self.state.seq + 1) if isinstance(event, RunRequested) else move.run
        self._draft(event, f"agent:{move.agent}" if move.agent else HOUSE, run, id=key)

    def reconsider(self) -> None:
        """Time has passed: ask again what should happen."""
        self._undecided = True

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

    # --- the pass -----------------------------------------------------------------------------------------------------

    def append(self) -> Append | None:
        """What is to be committed, or None if the pass changed nothing."""
        self._flush()
        if not self.drafts:
            return None
        after = self.drafts[0].seq - 1
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
        )

    def committed(self) -> tuple[list[Record], dict[str, Change]]:
        """The pass is on disk: its records and what they changed; the next pass begins."""
        done = (self.drafts, self.changes)
        self.drafts, self.changes = [], {}
        self._asked.clear()
        return done

    def _flush(self) -> None:
        for key in list(self._streams):
            self._flush_one(key)

    def _flush_one(self, key: _StepKey) -> None:
        first, texts = self._streams.pop(key)
        run = self.state.runs[key[0]]
        event: Streamed
        if isinstance(first, ArgumentsStreamed):
            event = ArgumentsStreamed(first.step, first.attempt, first.part, first.call, first.name, "".join(texts))
        else:
            event = type(first)(first.step, first.attempt, first.part, "".join(texts))
        # Without an id: that a stream is not appended twice is the head's to see to, and an index entry for each token
        # would double the pages that a commit writes.
        self._draft(event, f"agent:{run.agent}", run.id)
        if run.streamed > limits.RUN_BYTES:
            self._undecided = True

    def _wanted(self, run_id: str, step_id: str, attempt: int) -> bool:
        run = self.state.runs.get(run_id)
        if run is None or not run.open or run.stopping:
            return False
        step = run.steps.get(step_id)
        return step is not None and step.status == "open" and step.attempt == attempt and step.epoch == self.epoch

    def _too_late(self, run: Run, event: Any) -> bool:
        """Whether a step says what only the epoch that it began in could take. The end of an answer whose text was
        lost with a failed append is not the answer; and a call that was cancelled because its room was read again was
        not stopped. What a call is known to have done stays true."""
        step = run.steps.get(event.step)
        if step is None or step.status != "open" or step.epoch == self.epoch:
            return False
        cancelled = isinstance(event, ToolFailed) and event.code == "tool-cancelled" and not run.stopping
        return step.kind == "model" or cancelled

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
    ) -> None:
        """One record: the fact and the exact update it causes, folded at once so that what follows sees it."""
        seq = self.state.seq + 1
        now = self._surroundings.now()
        if not isinstance(event, DocumentEdited | EpochClosed):
            if "" not in self.changes:
                self._change("", self.room_document.doc.get_state())
            update = self.room_document.project(run, author, now, event)
        record = Record(seq, now, author, run, self.epoch, event, document, update, id, asked)
        self.drafts.append(record)
        if update:
            change = self.changes[document]
            change.updates.append(update)
            change.seq = seq
        fold(self.state, record)
        if not isinstance(event, TextStreamed | ReasoningStreamed | ArgumentsStreamed | DocumentEdited | EpochClosed):
            self._undecided = True
            if run and not self.state.runs.get(run, _NO_RUN).open:
                with outside_trio():
                    self.flows.forget(run)


_NO_RUN = Run("", "", "", "", status="done")


def _follows(run: Run, step_id: str, attempt: int, event: Event) -> bool:
    """Whether a step's report may follow what is folded: an attempt begins once, and ends only while it is open."""
    step = run.steps.get(step_id)
    if isinstance(event, ApprovalRequested | QuestionAsked):
        return step is None and not run.stopping
    if isinstance(event, ModelRequested | ToolStarted | ToolDelegated):
        if run.stopping:
            return False
        if step is None:
            return attempt == 1
        return attempt == step.attempt + 1 and step.status in ("ready", "retry")
    return step is not None and step.status == "open" and step.attempt == attempt
