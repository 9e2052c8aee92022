"""Forks: what may be otherwise in one than in the room that it was copied from, and what its tools may not do.

A fork goes on from the record that somebody chose, or asks "what if": then that record itself is another one. Whoever
forks says so by the fact itself, under their own grant: a changed prompt is asked by them, a changed approval is given
by them. Pure. Rules (specs/forks.md):

- A prompt may have other words or other options, a tool's outcome another result, a person's decision another answer.
- Nobody gets more out of a fork than their grant allows: who changes what a run is told, or lets it go on, has to hold
  a grant that allows all that the run's mandate does.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from . import limits
from .access import Grant, check_all_documents, check_rights
from .commands import Answer, Approve, Deny, Overrides
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


class Change(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the chosen record has otherwise. Of a prompt: `prompt` (its words) and `options`. Of a tool's outcome:
    `result` (any JSON) or `error` (what the model is told instead). Of an approval: `decision`, with other `args` or a
    `reason`; of a question: its `answer` (any JSON)."""

    prompt: str | UnsetType = UNSET
    options: Overrides | UnsetType = UNSET
    result: Any | UnsetType = UNSET
    error: str | UnsetType = UNSET
    decision: Literal["approved", "denied"] | UnsetType = UNSET
    args: dict[str, Any] | None = None
    reason: str = ""
    answer: Any | UnsetType = UNSET

    @property
    def kind(self) -> str:
        """The word for it that the log has. Raises Refused unless it is one thing."""
        said = [name for name in _KINDS if getattr(self, name) is not UNSET]
        if not said or (len(said) > 1 and said != ["prompt", "options"]):
            raise Refused("bad-request", f"A fork changes one of: {', '.join(_KINDS)}.")
        return "result" if said[0] == "error" else said[0]


_KINDS = ("prompt", "options", "result", "error", "decision", "answer")


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"name": "as"}):
    """What is asked of a fork: up to record `at`, or with `change` up to the record before, which is then changed.
    Without a `name` it gets one; without `going` it goes on live where something was changed, else it is paused."""

    at: int
    name: str = ""
    change: Change | None = None
    writes: bool = False
    going: Going | None = None

    @property
    def cut(self) -> int:
        """The last record that is copied."""
        return self.at - (self.change is not None)

    @property
    def goes(self) -> Going:
        """How the runs that are open there go on."""
        return self.going or ("live" if self.change is not None else "paused")


def check_fork(grant: Grant, wanted: Wanted) -> None:
    """Raises Refused('not-allowed') unless the grant allows such a fork of a room that it is for: a fork shows all that
    was there, and lets agents be prompted; whoever lets its tools write decides what happens outside."""
    check_rights(grant, frozenset({"read", "prompt", "write", "decide"} if wanted.writes else {"read", "prompt"}))
    check_all_documents(grant)


def check_resume(grant: Grant, state: RoomState) -> None:
    """Raises Refused('not-allowed') unless the grant allows all that the open runs may do."""
    for run in state.open_runs():
        check_speaks_for(grant, run)


def altered(
    change: Change, record: Record, state: RoomState, grant: Grant, agent_for: Callable[[str], AgentFacts] | None
) -> Event:
    """What stands in the place of `record`, which came next in `state`. Raises Refused."""
    kind, event = change.kind, record.event
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
