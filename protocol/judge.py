"""May it happen, and what would have happened? Judging turns a command into the events that it causes, or refuses it.

Judging is pure and reads only the fold: of two commands in one pass the second is judged by what the first one did, so
a decision has one winner, the one whose record comes first (law 3). An accepted command always causes at least one
record, because that record is what a repeated command is answered from (law 5).
"""

from collections.abc import Callable, Mapping
from typing import assert_never

import msgspec
from msgspec import structs

from . import limits
from .about import provide_context, set_room
from .access import Grant, check, fits
from .commands import (
    Answer,
    Approve,
    Asking,
    ClaimTool,
    Decision,
    Deny,
    EditPrompt,
    Judged,
    Pause,
    Prompt,
    ProvideContext,
    Regenerate,
    RegisterTools,
    Resolve,
    Resume,
    ReturnToolResult,
    SetRoom,
    Steer,
    Stop,
)
from .digests import call_digest
from .errors import Refused
from .events import (
    ApprovalDenied,
    ApprovalGranted,
    Attachment,
    ForkResumed,
    QuestionAnswered,
    RunRequested,
    RunsPaused,
    RunsResumed,
    StopRequested,
    TabTool,
    ToolAnsweredLate,
    ToolClaimed,
    ToolFailed,
    ToolResolved,
    ToolReturned,
    ToolsRegistered,
)
from .forms import check_form
from .mandates import check_speaks_for, mandate_of
from .prompts import AgentFacts, Verdict, ask, steer
from .state import RoomState, Run, Step


def judge(
    state: RoomState,
    grant: Grant,
    command: Judged,
    agent_for: Callable[[str], AgentFacts],
    now: int = 0,
    tab: str = "",
    files: Mapping[str, Attachment] = {},
) -> list[Verdict]:
    """The events that the command causes in this state, at least one. Raises Refused.

    `agent_for(name)` tells of the agent that is meant, the default one for an empty name, and raises Refused. `now` is
    in µs since 1970. `tab` is the asking tab's name for itself, if it has one. `files` are those that the command names
    and the store has, by their hash.
    """
    check(grant, command)
    match command:
        case Prompt() | Regenerate() | EditPrompt():
            agent = _agent(state, command, agent_for)
            return [_for(grant, one) for one in ask(state, grant, command, agent, tab, files)]
        case Stop():
            return _stop(state, command)
        case Steer():
            said = steer(state, command.run, command.text)
            check_speaks_for(grant, state.runs[said.run])
            return [said]
        case Pause():
            return [_pause(state, command)]
        case Resume():
            return [_resume(state, grant, command)]
        case Approve() | Deny() | Answer() | Resolve():
            return [_decide(state, grant, command, now)]
        case RegisterTools():
            return [Verdict("", _tools(state, command))]
        case ClaimTool() | ReturnToolResult():
            return [_of_tab(state, command, tab)]
        case SetRoom():
            return [Verdict("", event) for event in set_room(state, command)]
        case ProvideContext():
            return [Verdict("", provide_context(state, command, tab))]
        case _:
            assert_never(command)


def _for(grant: Grant, verdict: Verdict) -> Verdict:
    """A run says for whom it was asked, and what it may do, as far as the asker's grant does."""
    if not isinstance(verdict.event, RunRequested):
        return verdict
    under = structs.replace(verdict.event, on_behalf_of=grant.on_behalf_of, mandate=mandate_of(grant))
    return Verdict(verdict.run, under)


def _agent(state: RoomState, command: Asking, agent_for: Callable[[str], AgentFacts]) -> AgentFacts:
    """Whom it is for: who is named, who answered the run that it is a version of, or who was asked last. One who is
    remembered and not at work here any more is nobody's fault; then it is the default one."""
    if command.agent:
        return agent_for(command.agent)
    earlier = None if isinstance(command, Prompt) else state.runs.get(command.run)
    try:
        return agent_for(earlier.agent if earlier is not None else state.agent)
    except Refused:
        return agent_for("")


def _pause(state: RoomState, command: Pause) -> Verdict:
    if state.paused is not None:
        raise Refused("already-decided", "The room's runs are paused already.")
    return Verdict("", RunsPaused(command.at, command.reason))


def _resume(state: RoomState, grant: Grant, command: Resume) -> Verdict:
    """Whoever lets runs go on has to hold a grant that allows all that they may do."""
    if not state.held:
        raise Refused("already-decided", "Nothing is paused in this room.")
    if command.going != "live" and state.fork is None:
        raise Refused("bad-request", "Only a fork has another room's log to go on by.")
    for run in state.open_runs():
        check_speaks_for(grant, run)
    return Verdict("", RunsResumed(command.going) if state.paused is not None else ForkResumed(command.going))


def _tools(state: RoomState, command: RegisterTools) -> ToolsRegistered:
    lasting = state.lasting.keys() | {tool.name for tool in command.tools if tool.lasting}
    if len(lasting) > max(limits.LASTING_TOOLS, len(state.lasting)):
        raise Refused("too-large", f"A room may have {limits.LASTING_TOOLS} lasting tools.")
    offered = tuple(
        TabTool(tool.name, tool.description, _text(tool.parameters or _NOTHING), tool.effect, tool.lasting)
        for tool in command.tools
    )
    return ToolsRegistered(command.tab, offered, tuple(command.running))


_NOTHING = {"type": "object", "properties": {}}


def _of_tab(state: RoomState, command: ClaimTool | ReturnToolResult, tab: str) -> Verdict:
    """Numbers are decided by log order: only who holds the newest one carries the call out, and only once."""
    run = state.runs.get(command.run)
    step = run.steps.get(command.step) if run is not None else None
    if run is None or step is None or not step.number:
        raise Refused("no-such-step", f"Run {command.run} has no call {command.step} for a tab.")
    holds = bool(tab) and step.tab == tab and step.number == command.number and run.open and not run.stopping
    if isinstance(command, ClaimTool):
        if holds and step.status == "assigned":
            return Verdict(run.id, ToolClaimed(step.id, step.number))
        raise Refused("not-claimed")
    if holds and step.status == "claimed":
        if command.error:
            return Verdict(run.id, ToolFailed(step.id, step.number, "tool-error", command.error))
        return Verdict(run.id, ToolReturned(step.id, step.number, _text(command.result)))
    if step.status == "assigned" and step.number == command.number:
        raise Refused("not-claimed")
    return Verdict(run.id, ToolAnsweredLate(step.id, command.number, command.error or _text(command.result)))


def _decide(state: RoomState, grant: Grant, command: Decision, now: int) -> Verdict:
    """One winner: the first in log order. Everybody else is told that it was decided, or that it is too late."""
    run = state.runs.get(command.run)
    step = run.steps.get(command.step) if run is not None else None
    if run is None or step is None:
        raise Refused("no-such-step", f"Run {command.run} has no step {command.step} that asks anything.")
    wanted = "unknown" if isinstance(command, Resolve) else "asking"
    if step.status != wanted or run.stopping or not run.open or 0 < step.due <= now:
        raise Refused("already-decided", "This was decided before, or has expired, or its run has ended.")
    if not isinstance(command, Resolve) and step.asks != ("input" if isinstance(command, Answer) else "approval"):
        raise Refused("already-decided", f"This step asks for {step.asks}.")
    match command:
        case Approve():
            return Verdict(run.id, _granted(grant, run, step, command))
        case Deny():
            _check_shown(grant, step, command)
            return Verdict(run.id, ApprovalDenied(step.id, command.reason, command.shown))
        case Answer():
            check_form(step.schema, command.answer)
            return Verdict(run.id, QuestionAnswered(step.id, _text(command.answer)))
        case Resolve():
            return Verdict(run.id, ToolResolved(step.id, command.verdict, _text(command.result)))
        case _:
            assert_never(command)


def _granted(grant: Grant, run: Run, step: Step, command: Approve) -> ApprovalGranted:
    """A yes is for what was shown, and for nothing that its giver's own grant forbids. Other arguments are the giver's
    words, so they may be no more than the giver may."""
    _check_shown(grant, step, command)
    if fits(step.name, grant.forbid_tools):
        raise Refused("not-allowed", f"The grant forbids the tool {step.name}, and so to say yes to it.")
    args = ""
    if command.args is not None:
        check_speaks_for(grant, run)
        check_form(step.schema, command.args)
        args = _text(command.args)
    return ApprovalGranted(step.id, args, call_digest(step.name, args or step.given), command.shown)


def _check_shown(grant: Grant, step: Step, command: Approve | Deny) -> None:
    """Raises Refused('decision-stale') for what is about another call, or, under a grant, about none."""
    unsaid = not command.shown and isinstance(command, Approve) and bool(grant.issued)
    if unsaid or (command.shown and command.shown != call_digest(step.name, step.given)):
        raise Refused("decision-stale")


def _text(value: object) -> str:
    """The JSON text that the log keeps; a result as long as a tool's may be."""
    text = msgspec.json.encode(value)
    if len(text) > limits.TOOL_RESULT_BYTES:
        raise Refused("too-large", f"What takes the place of a result may have {limits.TOOL_RESULT_BYTES} bytes.")
    return text.decode()


def _stop(state: RoomState, command: Stop) -> list[Verdict]:
    """A stop that finds nothing to stop is recorded all the same, and changes nothing: the asker's aim is reached."""
    if command.run:
        if command.run not in state.runs and not _existed(state, command.run):
            raise Refused("no-such-run", f"This room has no run {command.run}.")
        return [Verdict(command.run, StopRequested())]
    return [Verdict(run.id, StopRequested()) for run in state.open_runs()] or [Verdict("", StopRequested())]


def _existed(state: RoomState, run: str) -> bool:
    # "²" is a digit to `isdigit` and none to `int`.
    return run.isascii() and run.isdigit() and len(run) == 12 and 0 < int(run) <= state.seq
