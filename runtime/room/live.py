"""A room in memory: its fold, its documents, and the records that are not yet on disk.

`Live` speculates. Each method takes one thing that was asked, judges it against the fold, writes it into the documents
and drafts the record (`drafting`; `editing` for shared documents, `stepping` for what steps say); nothing here waits,
and nobody outside may look until the drafts are committed.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ...protocol.access import HOUSE, Grant, check
from ...protocol.commands import (
    Accept,
    Asked,
    Asking,
    Judged,
    Proposal,
    Propose,
    ProvideContext,
    Reject,
    Steer,
    Undo,
)
from ...protocol.errors import PlaitError, Refused
from ...protocol.events import (
    Attachment,
    DraftOpened,
    DraftRejected,
    EditsUndone,
    HunksAccepted,
    HunksRejected,
    ModelInterrupted,
    Record,
    RunRequested,
    StopRequested,
    TabLeft,
    ToolsRegistered,
    ValueNoted,
    command_record_id,
    run_id,
)
from ...protocol.judge import judge
from ...protocol.mandates import grant_of
from ...protocol.move import Decide, Note, Wake, Work
from ...protocol.moves import moves
from ...protocol.parsing import digest
from ...protocol.planning import Plan
from ...protocol.prompts import AgentFacts
from ...protocol.replay import Worker
from ...protocol.steps import record_id
from .drafting import Change
from .identity import Surroundings
from .outside import outside_trio
from .shared import Later, SharedDocument
from .stepping import Stepping
from .undoing import Prepared

log = logging.getLogger("plait.room")

_PROMPTS = Asking | Steer
_GROWS = Asking | Steer | ProvideContext | Propose | Accept | Undo
"""What a full room refuses: all that is more than a decision."""


class Answer:
    """What an accepted command is told: the seq of its first record, and the run that it concerns, if one."""

    __slots__ = ("result", "run", "seq")

    def __init__(self, seq: int, run: str, result: Any = None) -> None:
        self.seq = seq
        self.run = run
        self.result = result
        """What else there is to tell, as JSON can say it."""


class Live(Stepping):
    """One epoch of one room. `opening.open_live` makes it from the log."""

    def __init__(
        self,
        name: str,
        epoch: int,
        client: int,
        workers: Mapping[str, Worker],
        surroundings: Surroundings,
    ) -> None:
        super().__init__(name, epoch, client, workers, surroundings)
        self.work: tuple[Work, ...] = ()
        self.revoked: Callable[[Grant, str], bool] = _never
        """Whether a grant counts no more, for that room."""
        self._asked: dict[str, tuple[bytes, Answer]] = {}

    def committed(self) -> tuple[list[Record], dict[str, Change]]:
        """The pass is on disk: its records and what they changed; the next pass begins."""
        self._asked.clear()
        return super().committed()

    def drop_flows(self) -> None:
        """No flow goes on in this epoch: close their coroutines."""
        with outside_trio():
            self.flows.clear()

    def command(
        self,
        grant: Grant,
        command: Asked,
        known: Record | None,
        agents: Callable[[str], AgentFacts],
        tab: str = "",
        files: Mapping[str, Attachment] = {},
        prepared: Prepared | Plan | SharedDocument | None = None,
        run: str = "",
        *,
        measured: bool = False,
    ) -> Answer:
        """Carry a command out, or answer it as it was answered before (law 5). `known` is its first record, if the log
        has one; `tab` is the asking tab, if it has a name; `files` are its attachments that the store has;
        `prepared` is what an undo or a decision about a draft would do, or what a draft begins as; `run` is the run in
        which an agent asks; `measured`: it comes from outside, and the quota counts it.
        Raises Refused, OutcomeUnknown; Later if nothing was done and the next pass should ask again. Anything else
        that it raises without having touched anything is logged, and is no more than a refusal of this one command."""
        check(grant, command)
        if run and isinstance(command, Propose):
            self.check_mandate(run, command.document, "write")
        asked = digest(command)
        earlier = (known.asked, Answer(known.seq, known.run, _told(known))) if known else self._asked.get(command.id)
        if earlier is not None:
            if earlier[0] != asked:
                raise Refused("id-reused")
            return earlier[1]
        if any(draft.id == command_record_id(command.id) for draft in self.drafts):
            raise Refused("id-reused")  # It is a host's edit of this very pass.
        command = self.redactor.command(command)
        self._flush()
        self.touched, self.under = False, grant.id
        if measured and isinstance(command, _GROWS):
            self.check_growth()
        try:
            if isinstance(command, Undo):
                assert not isinstance(prepared, Plan | SharedDocument)
                answer = self._undo(grant, command, asked, prepared)
            elif isinstance(command, Propose | Accept | Reject):
                answer = self._proposal(grant, command, asked, prepared, run)
            else:
                answer = self._judged(grant, command, asked, agents, tab, files, measured=measured)
        except (PlaitError, Later):
            raise
        except Exception as error:
            if self.touched:
                raise
            log.error("room %s: a command was not carried out", self.name, exc_info=error)
            raise Refused("bad-request", "This cannot be done.") from error
        finally:
            self.under = ""
        if not (isinstance(command, Undo) and command.preview):
            self._asked[command.id] = (asked, answer)
        return answer

    def _judged(
        self,
        grant: Grant,
        command: Judged,
        asked: bytes,
        agents: Callable[[str], AgentFacts],
        tab: str,
        files: Mapping[str, Attachment],
        *,
        measured: bool,
    ) -> Answer:
        verdicts = judge(self.state, grant, command, agents, self._surroundings.now(), tab, files)
        if measured and self.quota is not None and isinstance(command, _PROMPTS):
            begins = any(isinstance(verdict.event, RunRequested) for verdict in verdicts)
            self.quota.prompt(self.name, grant.author, self.state.prompts(), begins=begins)
        for verdict in verdicts:
            if isinstance(verdict.event, StopRequested):
                self._end_streams(verdict.run)
        first = self.state.seq + 1
        for ordinal, verdict in enumerate(verdicts):
            key = command_record_id(command.id, ordinal)
            self._draft(verdict.event, grant.author, verdict.run, id=key, asked=asked if not ordinal else None)
        return Answer(first, verdicts[0].run)

    def _undo(self, grant: Grant, command: Undo, asked: bytes, prepared: Prepared | None) -> Answer:
        assert prepared is not None
        if prepared.seq < self.state.undone:
            raise Later  # Somebody undid something since, and nothing may be brought back twice.
        if command.preview:
            return Answer(prepared.seq, "", prepared.told())
        exact = self.take_back({name: undone.update for name, undone in prepared.documents.items()})
        first = self.state.seq + 1
        for ordinal, (name, undone) in enumerate(prepared.documents.items()):
            told = "" if ordinal else msgspec.json.encode(prepared.told()).decode()
            key = command_record_id(command.id, ordinal)
            once = None if ordinal else asked
            event = EditsUndone(undone.records, told)
            self._draft(event, grant.author, document=name, update=exact[name], id=key, asked=once)
        return Answer(first, "", prepared.told())

    def _proposal(
        self,
        grant: Grant,
        command: Proposal,
        asked: bytes,
        prepared: Prepared | Plan | SharedDocument | None,
        run: str,
    ) -> Answer:
        first = self.state.seq + 1
        if isinstance(command, Propose):
            assert not isinstance(prepared, Prepared | Plan)
            return Answer(first, run, self.propose(grant, command, prepared, run, asked))
        assert not isinstance(prepared, Prepared | SharedDocument)
        return Answer(first, run, self.settle(grant, command, prepared, run, asked))

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

    def decide(self) -> None:
        """Append what the room itself should, until nothing is left to decide; then `work` is what steps should do."""
        self._flush()
        self._end_revoked()
        while self._undecided:
            self._undecided = False
            with outside_trio():
                found = moves(self.state, self.epoch, self.flows, self._surroundings.now())
            for move in found:
                if isinstance(move, Decide | Note):
                    self._decide(move)
            self.work = tuple(move for move in found if isinstance(move, Work))
            self.due = next((move.at for move in found if isinstance(move, Wake)), None)

    def _end_revoked(self) -> None:
        """Runs go on when their grants expire, and end when they are revoked: before anything else is done for them."""
        for run in self.state.open_runs() if self._undecided else ():
            if run.mandate is not None and not run.stopping and self.revoked(grant_of(run), self.name):
                self._draft(StopRequested("grant-revoked"), HOUSE, run.id)

    def _decide(self, move: Decide | Note) -> None:
        event = move.event if isinstance(move, Decide) else ValueNoted(move.step, self._surroundings.note(move.what))
        step, attempt = getattr(event, "step", None), getattr(event, "attempt", 0)
        key = record_id(self.state.runs[move.run], step, attempt, event) if step and attempt else None
        run = run_id(self.state.seq + 1) if isinstance(event, RunRequested) else move.run
        self._draft(event, f"agent:{move.agent}" if move.agent else HOUSE, run, id=key)
        if isinstance(event, ModelInterrupted):
            self._withdraw(self.state.runs[run], self.state.runs[run].steps[event.step])

    def reconsider(self) -> None:
        """Time has passed: ask again what should happen."""
        self._undecided = True


def _never(_grant: Grant, _room: str) -> bool:
    return False


def _told(known: Record) -> Any:
    """What the command of that record was told beside where it is."""
    match known.event:
        case EditsUndone(kept=kept) if kept:
            return msgspec.json.decode(kept)
        case DraftOpened(draft=draft):
            return {"draft": draft}
        case HunksAccepted(hunks=hunks, kept=kept):
            return {"hunks": list(hunks), "kept": list(kept)}
        case HunksRejected(hunks=hunks):
            return {"hunks": list(hunks)}
        case DraftRejected():
            return {}
        case _:
            return None
