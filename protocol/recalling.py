"""Recalling: a fork that goes on by the record asks its parent's log, and not people, tabs, the clock or chance.

A step is found again by its place: its own id in its run, and the steps above for which that run was begun. A call is
found by its name and arguments instead, so a change elsewhere in the run does not hide it. What is recalled is written
down as it was, by whoever said it there, in one pass from where the step stands here to its end: no yes of the parent
is ever left over for something that happens now. Pure. Rules stand in specs/forks.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from .events import (
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    DecisionExpired,
    Event,
    QuestionAnswered,
    QuestionAsked,
    ToolAssigned,
    ToolCall,
    ToolClaimed,
    ToolFailed,
    ToolOutcomeUnknown,
    ToolRefused,
    ToolResolved,
    ToolReturned,
    ToolStarted,
)
from .flow import Asked, AskedNow, AskedPerson, AskedRandom, AskedSleep
from .state import RoomState, Run, Step

Deed = tuple[str, Event]
"""Who did it, and what."""

Place = tuple[str, ...]
"""A run: the prompt's, then the steps that lead down to it."""

ASKING = ApprovalRequested | QuestionAsked
DECIDING = ApprovalGranted | ApprovalDenied | QuestionAnswered | DecisionExpired
BEGINNING = ToolStarted | ToolAssigned
ENDING = ToolClaimed | ToolReturned | ToolFailed | ToolOutcomeUnknown | ToolResolved | ToolRefused
OF_A_CALL = ASKING | DECIDING | BEGINNING | ENDING


class Recall(Struct, frozen=True):
    """The parent's log should be asked what came of this step: of a `call`, or of what a flow `asked` for."""

    run: str
    step: str
    call: ToolCall | None = None
    asked: Asked | None = None
    attempt: int = 0


def by_record(state: RoomState) -> bool:
    """Whether the room is a fork that goes on by its parent's record now."""
    return state.fork is not None and state.fork.going in ("recorded", "recorded-live")


def recalled(run: Run, step_id: str, step: Step | None, asked: Asked) -> Recall | None:
    """What is to be looked up for what a flow asks for, if it is neither a model's, a tool's nor another agent's."""
    match asked:
        case AskedPerson() if step is None or step.status == "asking":
            return Recall(run.id, step_id, asked=asked)
        case AskedNow() | AskedRandom() | AskedSleep() if step is None:
            return Recall(run.id, step_id, asked=asked)
        case _:
            return None


def place_of(runs: Mapping[str, Run], run: Run) -> Place:
    """Where the run stands, which is the same in the parent and in its fork."""
    steps: list[str] = []
    while run.parent in runs:
        steps.append(run.parent_step)
        run = runs[run.parent]
    return (run.id, *reversed(steps))


def asked_with(run: Run, step_id: str, call: str) -> str:
    """With which arguments that call was first asked for: by the flow itself, or by the answer that has it."""
    step = run.steps.get(step_id)
    if step is not None and step.given:
        return step.given
    return next((c.args for each in reversed(run.steps.values()) for c in each.calls if c.id == call), "")


def rest_of(trail: Sequence[Deed], run: Run, step_id: str, call: ToolCall) -> list[Deed]:
    """What comes next of a call that went so in the parent, from where it stands here to its end, as this step's."""
    step = run.steps.get(step_id)
    status = "" if step is None else step.status
    begun = max((at for at, (_, event) in enumerate(trail) if isinstance(event, BEGINNING)), default=0)
    found: list[Deed] = []
    for at, (author, event) in enumerate(trail):
        match event:
            case ApprovalRequested() | QuestionAsked():
                wanted = status == ""
            case ApprovalGranted() | ApprovalDenied() | QuestionAnswered() | DecisionExpired():
                wanted = status in ("", "asking")
            case ToolAssigned():
                wanted = at == begun and status not in ("assigned", "claimed")
            case ToolClaimed():
                wanted = at > begun and status != "claimed"
            case _:
                wanted = at >= begun
        if wanted:
            found.append((author, event))
    number = (0 if step is None else step.number) + (status not in ("assigned", "claimed"))
    of_tab = any(isinstance(event, ToolAssigned) for _, event in trail)
    attempt = number if of_tab else (0 if step is None else step.attempt) + 1
    tags = {"step": step_id, "call": call.id, "number": number, "attempt": attempt}
    return [(author, _tagged(event, tags)) for author, event in found]


def _tagged(event: Any, tags: Mapping[str, Any]) -> Event:
    """The event as this step's, in its next attempt, under its next number."""
    return replace(event, **{name: value for name, value in tags.items() if hasattr(event, name)})
