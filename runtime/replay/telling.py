"""What a moment says, as plain values: for the debugger's page, for the command line, for a diff of two moments.

Rules (specs/replay.md):

- `room`, `runs` and `drafts` are the room document's, in the shape of specs/document.md.
- `documents` names the shared documents that there were, `roots` is what the asked one held, as its export to JSON has
  it (specs/porting.md).
- `pending` is what a person or a tab is waited for, and what is due; `spent` what the room has spent by then.
- `recovery` is what the next process would have done, had this one died at that moment: the crash lens.
"""

from typing import Any

import msgspec

from ...protocol.events import ModelInterrupted, ToolInterrupted, ToolOutcomeUnknown
from ...protocol.move import Decide
from ...protocol.moves import moves
from ...protocol.porting import export
from ...protocol.replay import Flows
from ...protocol.state import RoomState
from .moment import Moment

_WAITS = {
    "asking": "a person",
    "awaiting": "a tab with that tool",
    "assigned": "the tab that has the call",
    "claimed": "the tab that carries it out",
    "unknown": "a person, to say what happened",
    "retry": "its next attempt",
}
"""For whom or what a step waits, by its status."""


def told(moment: Moment, document: str = "", parts: int | None = None, run: str = "") -> dict[str, Any]:
    """What a moment says, with the content of one shared document, and of its runs all or the newest so many `parts`,
    and `run`. Raises Refused('too-large')."""
    said = {
        "seq": moment.seq,
        "epoch": moment.state.epoch,
        **moment.shown(parts, run),
        "documents": moment.documents,
        "pending": pending(moment.state),
        "recovery": recovery(moment.state),
        "spent": msgspec.to_builtins(moment.state.spent),
    }
    if document:
        said["roots"] = roots(moment, document)
    return said


def roots(moment: Moment, document: str) -> dict[str, Any]:
    """What a shared document's roots held, by name. It is read in a copy, since the first who looks at a root decides
    what it is. Raises Refused('too-large')."""
    return msgspec.json.decode(export(moment.document(document).get_update(), "json"))


def pending(state: RoomState) -> list[dict[str, Any]]:
    """What is waited for: each open run's steps that cannot go on by themselves, oldest run first."""
    return [
        {
            "run": run.id,
            "step": step.id,
            "kind": step.kind,
            "name": step.name,
            "status": step.status,
            "waits_for": _WAITS[step.status],
            **({"due": step.due or step.retry_at} if step.due or step.retry_at else {}),
        }
        for run in state.open_runs()
        for step in run.steps.values()
        if step.status in _WAITS
    ]


def recovery(state: RoomState) -> list[dict[str, Any]]:
    """What the next process would write down first about each attempt that this one left open, and what follows: had we
    died here. Whatever waits for a person, a tab or a time goes on waiting, and is `pending`."""
    found: list[dict[str, Any]] = []
    for move in moves(state, state.epoch + 1, Flows({})):
        if isinstance(move, Decide) and isinstance(move.event, ModelInterrupted | ToolInterrupted | ToolOutcomeUnknown):
            step = state.runs[move.run].steps[move.event.step]
            follows = _FOLLOWS[step.kind if step.kind == "model" else step.effect]
            event = msgspec.to_builtins(move.event)
            found.append({"run": move.run, "name": step.name, "event": event, "follows": follows})
    return found


_FOLLOWS = {
    "model": "the model is asked again, in a part of its own",
    "read": "it is called again",
    "idempotent": "it is called again under the same key",
    "write": "a person says what happened",
}
"""By what an attempt is, or by the effect of its call (law 7)."""
