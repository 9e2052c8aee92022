"""Stepping: what a step says of itself is taken into the room's memory, or is no longer wanted.

A step's task may be slower than what happened to its run: it was stopped, its room was read again, another attempt has
begun. So each report is held against the fold, and one that comes too late changes nothing (laws 7 and 8).
"""

from collections.abc import Collection
from typing import Any

from ...protocol.access import HOUSE
from ...protocol.events import (
    ApprovalRequested,
    ArgumentsStreamed,
    Event,
    ModelAnswered,
    ModelFailed,
    ModelRequested,
    QuestionAsked,
    SteerConsumed,
    ToolDelegated,
    ToolFailed,
    ToolRefused,
    ToolStarted,
)
from ...protocol.requests import describe
from ...protocol.state import Run
from ...protocol.steps import record_id
from .drafting import Streamed
from .forking import Forking


class Stepping(Forking):
    """One epoch of one room, as far as steps report to it."""

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
        elsewhere = [place for place in self._tails if place[:3] == key and place[3] != event.part]
        if any(not isinstance(self._tails[place][0], ArgumentsStreamed) for place in elsewhere):
            self._end_streams(run, event.step, texts=True)  # A text that something followed goes on as another part.
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
        if isinstance(event, ModelAnswered | ModelFailed):
            self._end_streams(run, event.step)
        key = None if isinstance(event, ToolRefused) else record_id(known, event.step, attempt, event)
        self._draft(event, author, run, id=key)
        if isinstance(event, ModelFailed):
            self._withdraw(known, known.steps[event.step])
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
                self._draft(SteerConsumed(steer.seq), HOUSE, run, id=f"{run}#steer.{steer.seq}")
        return self.report(run, author, event)

    def _wanted(self, run_id: str, step_id: str, attempt: int) -> bool:
        run = self.state.runs.get(run_id)
        if run is None or not run.open or run.stopping:
            return False
        step = run.steps.get(step_id)
        return step is not None and step.status == "open" and step.attempt == attempt and step.epoch == self.epoch

    def _too_late(self, run: Run, event: Any) -> bool:
        """Whether a step says what only the epoch that it began in could take. The end of an answer whose text was
        lost with a failed append is not the answer, and nor is one whose text was dropped because its run is being
        stopped; a call that was cancelled because its room was read again was not stopped. What a call is known to
        have done stays true."""
        step = run.steps.get(event.step)
        if step is not None and step.kind == "model" and run.stopping:
            return True
        if step is None or step.status != "open" or step.epoch == self.epoch:
            return False
        cancelled = isinstance(event, ToolFailed) and event.code == "tool-cancelled" and not run.stopping
        return step.kind == "model" or cancelled


def _follows(run: Run, step_id: str, attempt: int, event: Event) -> bool:
    """Whether a step's report may follow what is folded: an attempt begins once, and ends only while it is open."""
    step = run.steps.get(step_id)
    if isinstance(event, ApprovalRequested | QuestionAsked):
        return step is None and not run.stopping
    if isinstance(event, ToolRefused):
        return not run.stopping and (step is None or step.status in ("ready", "retry"))
    if isinstance(event, ModelRequested | ToolStarted | ToolDelegated):
        if run.stopping:
            return False
        if step is None:
            return attempt == 1
        return attempt == step.attempt + 1 and step.status in ("ready", "retry")
    return step is not None and step.status == "open" and step.attempt == attempt
