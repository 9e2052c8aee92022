"""Forks: what may be otherwise in one than in the room that it was copied from, and what its tools may not do.

A fork goes on from the record that somebody chose, or asks "what if": then that record itself is another one. Whoever
forks says so by the fact itself, under their own grant: a changed prompt is asked by them, a changed approval is given
by them. Pure. Rules (specs/forks.md):

- A prompt may have other words or other options, a tool's outcome another result, a person's decision another answer.
- Nobody gets more out of a fork than their grant allows: who changes what a run is told, or lets it go on, has to hold
  a grant that allows all that the run's mandate does.
"""

import hashlib
from collections.abc import Callable

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from . import limits
from .access import COMMANDS, Grant, check_all_documents, check_rights
from .commands import Answer, Approve, Change, CommandId, Deny, Fork, Merge, Overrides
from .digests import call_digest
from .errors import Refused
from .events import (
    ApprovalDenied,
    ApprovalGranted,
    DecisionExpired,
    Event,
    Going,
    QuestionAnswered,
    Record,
    RunRequested,
    ToolFailed,
    ToolReturned,
)
from .judge import judge
from .mandates import check_speaks_for, mandate_of
from .prompts import AgentFacts, allowed_options
from .state import RoomState, Run

_KINDS = ("prompt", "options", "result", "error", "decision", "answer")


def kind_of(change: Change) -> str:
    """The word that the log has for it. Raises Refused unless it is one thing."""
    said = [name for name in _KINDS if getattr(change, name) is not UNSET]
    if not said or (len(said) > 1 and said != ["prompt", "options"]):
        raise Refused("bad-request", f"A fork changes one of: {', '.join(_KINDS)}.")
    return "result" if said[0] == "error" else said[0]


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"name": "as"}):
    """What is asked of a fork: up to record `at`, or with `change` up to the record before, which is then changed.
    Without a `name` it gets one; without `going` it goes on live where something was changed, else it is paused.
    Asked again under an `id` it is the one that was made."""

    at: int
    name: str = ""
    change: Change | None = None
    writes: bool = False
    going: Going | None = None
    id: CommandId = ""

    @property
    def cut(self) -> int:
        """The last record that is copied."""
        return self.at - (self.change is not None)

    @property
    def goes(self) -> Going:
        """How the runs that are open there go on."""
        return self.going or ("live" if self.change is not None else "paused")


class WantedBack(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to come back of a fork: of these `documents`, of all that the asker sees if none are named; or only what
    that would be. Under an `id` it happens once."""

    documents: list[str] | None = None
    preview: bool = False
    id: CommandId = ""


def said_by(command: Fork | Merge) -> Wanted | WantedBack:
    """What the command of a control channel wants."""
    if isinstance(command, Merge):
        return WantedBack(command.documents, command.preview, command.id)
    return Wanted(command.at, command.name, command.change, command.writes, command.going, command.id)


def asked(wanted: Wanted | WantedBack) -> bytes | None:
    """What tells it from anything else that is asked under its id (law 5); None without one."""
    return hashlib.sha256(_canonical.encode(wanted)).digest() if wanted.id else None


_canonical = msgspec.json.Encoder(order="sorted")


def check_fork(grant: Grant, wanted: Wanted) -> None:
    """Raises Refused('not-allowed') unless the grant allows such a fork of a room that it is for: a fork shows all that
    was there, and lets agents be prompted; whoever lets its tools write decides what happens outside."""
    check_rights(grant, COMMANDS["fork writes" if wanted.writes else "fork"])
    check_all_documents(grant)


def check_resume(grant: Grant, state: RoomState) -> None:
    """Raises Refused('not-allowed') unless the grant allows all that the open runs may do."""
    for run in state.open_runs():
        check_speaks_for(grant, run)


def altered(
    change: Change, record: Record, state: RoomState, grant: Grant, agent_for: Callable[[str], AgentFacts] | None
) -> Event:
    """What stands in the place of `record`, which came next in `state`. Raises Refused."""
    kind, event = kind_of(change), record.event
    match event:
        case RunRequested(parent="") if kind in ("prompt", "options"):
            return _prompted(change, event, grant, agent_for)
        case ToolReturned() | ToolFailed() if kind == "result":
            check_speaks_for(grant, _run(state, record))
            return _outcome(change, event)
        case ApprovalGranted() | ApprovalDenied() | DecisionExpired() if kind == "decision":
            step = _run(state, record).steps[event.step]
            shown = call_digest(step.name, step.given)
            if change.decision == "denied":
                asked = Deny(id="fork", run=record.run, step=event.step, reason=change.reason, shown=shown)
            else:
                asked = Approve(id="fork", run=record.run, step=event.step, args=change.args, shown=shown)
            return judge(state, grant, asked, _nobody)[0].event
        case QuestionAnswered() | DecisionExpired() if kind == "answer":
            asked = Answer(id="fork", run=record.run, step=event.step, answer=change.answer)
            return judge(state, grant, asked, _nobody)[0].event
        case _:
            raise Refused("bad-request", f"Record {record.seq} has no {kind} that could be another one.")


def _prompted(
    change: Change, event: RunRequested, grant: Grant, agent_for: Callable[[str], AgentFacts] | None
) -> RunRequested:
    prompt = event.prompt if change.prompt is UNSET else change.prompt
    if not prompt or len(prompt.encode()) > limits.PROMPT_BYTES:
        raise Refused("too-large", f"A prompt may have 1 to {limits.PROMPT_BYTES} bytes of UTF-8.")
    options = event.options
    if change.options is not UNSET:
        said = msgspec.json.decode(options or "{}") | msgspec.to_builtins(change.options)
        wanted = msgspec.convert(said, Overrides)
        # Without an agent at hand nobody can say what it allows; its next request then does as it always does.
        options = allowed_options(wanted, agent_for(event.agent)) if agent_for else msgspec.json.encode(said).decode()
    mandate, behalf = mandate_of(grant), grant.on_behalf_of
    return replace(event, prompt=prompt, options=options, tab="", mandate=mandate, on_behalf_of=behalf)


def _outcome(change: Change, event: ToolReturned | ToolFailed) -> ToolReturned | ToolFailed:
    if change.error is not UNSET:
        return ToolFailed(event.step, event.attempt, "tool-error", change.error)
    text = msgspec.json.encode(change.result)
    if len(text) > limits.TOOL_RESULT_BYTES:
        raise Refused("too-large", f"What takes the place of a result may have {limits.TOOL_RESULT_BYTES} bytes.")
    return ToolReturned(event.step, event.attempt, text.decode())


def _run(state: RoomState, record: Record) -> Run:
    run = state.runs.get(record.run)
    if run is None:
        raise Refused("bad-request", f"Record {record.seq} is of a run that the room held no longer.")
    return run


def _nobody(name: str) -> AgentFacts:
    raise Refused("no-such-agent")
