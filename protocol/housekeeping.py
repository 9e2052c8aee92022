"""Housekeeping: what the room decides about its runs whatever their flows would say.

A process is gone and left steps open, a time has come, a run is being stopped, an old one leaves the document. A run
ends only when no run below it is open and no tool of it is in progress.
"""

from collections.abc import Iterator
from typing import cast

from . import limits
from .errors import CODES, Code
from .events import (
    DecisionExpired,
    ModelInterrupted,
    RunArchived,
    RunFailed,
    RunStopped,
    StopRequested,
    TimerFired,
    ToolInterrupted,
    ToolOutcomeUnknown,
)
from .kin import Kin
from .move import Decide
from .state import RoomState, Run, Step


def of_itself(run: Run, kin: Kin, epoch: int, now: int) -> list[Decide]:
    """What is to be decided about an open run whatever its flow would say: its process is gone, time has passed, it is
    being stopped."""
    found = _leftovers(run, epoch)
    if run.stopping:
        code = cast("Code | None", run.stop_code or None)
        return found + ending(run, kin, RunFailed(code, CODES[code].sentence) if code else RunStopped())
    if kin.orphan(run):
        found.append(Decide(run.id, StopRequested()))
    for step in run.steps.values():
        if 0 < step.due <= now:
            if step.status == "asking":
                found.append(Decide(run.id, DecisionExpired(step.id)))
            elif step.kind == "timer" and step.status == "open":
                found.append(Decide(run.id, TimerFired(step.id)))
    return found


def _leftovers(run: Run, epoch: int) -> list[Decide]:
    """What an earlier epoch left open: its process is gone, and each attempt gets the end that fits its kind."""
    found: list[Decide] = []
    for step in run.steps.values():
        if step.status != "open" or step.epoch == epoch or step.kind not in ("model", "tool"):
            continue
        if step.kind == "model":
            found.append(Decide(run.id, ModelInterrupted(step.id, step.attempt)))
        elif step.effect == "write":
            found.append(Decide(run.id, ToolOutcomeUnknown(step.id, step.attempt)))
        else:
            found.append(Decide(run.id, ToolInterrupted(step.id, step.attempt)))
    return found


def ending(run: Run, kin: Kin, end: RunStopped | RunFailed) -> list[Decide]:
    """The run ends once all that was done for it has: runs below it are stopped, its tools have said how far they came
    (nothing of a run that ends is in progress any more, so they are being cancelled)."""
    below = kin.open_children(run)
    if below:
        return [Decide(child.id, StopRequested()) for child in below if not child.stopping]
    if any(step.kind == "tool" and step.status == "open" for step in run.steps.values()):
        return []
    return [Decide(run.id, end)]


def archivable(state: RoomState, kin: Kin) -> list[Decide]:
    """The oldest finished prompts beyond the newest, with the runs below them; those first, so that a crash between
    leaves none behind that nobody counts."""
    finished = [run for run in state.runs.values() if not run.open and run.parent not in state.runs]
    old = finished[: max(0, len(finished) - limits.FINISHED_RUNS)]
    return [Decide(run.id, RunArchived()) for top in old for run in reversed(list(kin.family(top)))]


def due_times(runs: list[Run], now: int) -> Iterator[int]:
    """When something is to be decided though nothing happens."""
    for run in runs:
        yield from (step.due for step in run.steps.values() if step.due > now and _waits(step))
        if run.deadline > now:
            yield run.deadline


def _waits(step: Step) -> bool:
    return step.status in ("asking", "assigned", "claimed") or (step.kind == "timer" and step.status == "open")
