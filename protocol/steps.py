"""How a record changes one step of a run: the part of the fold that is about steps.

A step is settled once, by its outcome, and from then on stands in the run's `outcomes`, which is what its flow is fed.
"""

from typing import assert_never

import msgspec

from .events import (
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    ArgumentsStreamed,
    DecisionExpired,
    Event,
    ModelAnswered,
    ModelFailed,
    ModelInterrupted,
    ModelRequested,
    PartShown,
    QuestionAnswered,
    QuestionAsked,
    ReasoningStreamed,
    Record,
    SteerConsumed,
    TextStreamed,
    TimerFired,
    TimerSet,
    ToolAnsweredLate,
    ToolAssigned,
    ToolAwaited,
    ToolClaimed,
    ToolDelegated,
    ToolFailed,
    ToolHolderLost,
    ToolInterrupted,
    ToolLeaseExpired,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolProgressed,
    ToolRefused,
    ToolResolved,
    ToolReturned,
    ToolStarted,
    ValueNoted,
)
from .state import Run, Step, StepStatus

Streamed = TextStreamed | ReasoningStreamed | ArgumentsStreamed

_BEING_SENT = -1
"""Where a steer stands that is in the request of the next record."""


def fold_step(run: Run, record: Record, event: Event) -> None:
    """Take in a record that concerns one step of the run."""
    match event:
        case ModelRequested() | ToolStarted() | ToolDelegated():
            _begin(run, record, event)
        case ApprovalRequested() | QuestionAsked():
            step = Step(event.step, "tool", 0, record.epoch, "asking", call=event.call, name=event.name)
            step.due, step.schema = event.expires_at or 0, event.schema
            step.asks = "approval" if isinstance(event, ApprovalRequested) else "input"
            step.given = event.args if isinstance(event, ApprovalRequested) else ""
            run.steps[step.id] = step
            run.status = "waiting"
        case ToolAwaited() | ToolAssigned() | ToolClaimed() | ToolHolderLost() | ToolLeaseExpired():
            _fold_tab(run, record.epoch, event)
        case SteerConsumed() | TimerSet() | TimerFired() | ValueNoted():
            _fold_flow(run, record.epoch, event)
        case ApprovalGranted() | ApprovalDenied() | QuestionAnswered() | DecisionExpired() | ToolResolved():
            run.status = "running"
            _fold_decision(run, run.steps[event.step], record.author, event)
        case ToolAnsweredLate():
            pass
        case ToolRefused():
            step = run.steps[event.step] = _refused(run, record, event)
            _refuse(run, step, event.code, event.message)
        case ToolProgressed() | PartShown():
            run.steps[event.step].records += 1
        case (
            ModelAnswered()
            | ModelFailed()
            | ModelInterrupted()
            | ToolNotStarted()
            | ToolReturned()
            | ToolFailed()
            | ToolInterrupted()
            | ToolOutcomeUnknown()
        ):
            step = run.steps[event.step]
            step.records += 1
            _fold_outcome(run, step, event)
        case _:
            raise AssertionError(f"{type(event).__name__} is not about a step")


def fold_stream(run: Run, event: Streamed) -> None:
    """Take in some of a model's stream: nine of ten records are that."""
    step = run.steps[event.step]
    step.records += 1
    run.streamed += len(event.text)
    if type(event) is TextStreamed:
        step.text.append(event.text)


def record_id(run: Run, step: str, attempt: int, event: Event) -> str:
    """The id of the step's next record: where it stands in the run, the attempt, and its ordinal in the attempt."""
    known = run.steps.get(step)
    begins = isinstance(event, ModelRequested | ToolStarted | ToolDelegated | ApprovalRequested | QuestionAsked)
    ordinal = 0 if begins or known is None else known.records
    return f"{run.id}/{step}#{attempt}.{ordinal}"


def settle(run: Run, step: Step, status: StepStatus) -> None:
    """The step is over; the run's flow is fed its outcome next."""
    step.status = status
    step.edits.clear()
    run.outcomes.append(step.id)


def _begin(run: Run, record: Record, event: ModelRequested | ToolStarted | ToolDelegated) -> None:
    step = Step(event.step, "tool", event.attempt, record.epoch)
    match event:
        case ModelRequested():
            step.kind, step.began = "model", record.seq
            for steer in run.steers:
                if steer.after == _BEING_SENT:  # It stands before the step that saw it first.
                    steer.after = list(run.steps).index(event.step) if event.step in run.steps else len(run.steps)
        case ToolStarted():
            step.call, step.name, step.effect, step.given = event.call, event.name, event.effect, event.args
        case ToolDelegated():
            step.kind = "run"
            step.call, step.name, step.agent, step.prompt = event.call, event.name, event.agent, event.prompt
        case _:
            assert_never(event)
    step.records = 1
    earlier = run.steps.get(step.id)
    if earlier is not None:
        step.args, step.digest, step.edits = earlier.args, earlier.digest, earlier.edits
    run.status = "running"
    run.steps[step.id] = step


def _fold_flow(run: Run, epoch: int, event: SteerConsumed | TimerSet | TimerFired | ValueNoted) -> None:
    """What a flow asks for that is neither a model's nor a tool's."""
    match event:
        case SteerConsumed():
            steer = next((steer for steer in run.steers if steer.seq == event.steer), None)
            if steer is None:
                return
            steer.seen, steer.after = True, _BEING_SENT
            if event.step:
                steer.after = len(run.steps)
                step = run.steps[event.step] = Step(event.step, "inbox", 1, epoch)
                step.result = msgspec.json.encode({"author": steer.author, "text": steer.text}).decode()
                settle(run, step, "done")
        case TimerSet():
            run.steps[event.step] = Step(event.step, "timer", 1, epoch, due=event.at)
            run.status = "waiting"
        case TimerFired():
            run.status = "running"
            run.steps[event.step].due = 0
            settle(run, run.steps[event.step], "done")
        case ValueNoted():
            step = run.steps[event.step] = Step(event.step, "value", 1, epoch, result=event.value)
            settle(run, step, "done")
        case _:
            assert_never(event)


def _fold_tab(
    run: Run, epoch: int, event: ToolAwaited | ToolAssigned | ToolClaimed | ToolHolderLost | ToolLeaseExpired
) -> None:
    """A call's way through tabs."""
    step = run.steps.get(event.step)
    if step is None:
        step = run.steps[event.step] = Step(event.step, "tool", 0, epoch)
    match event:
        case ToolAwaited():
            step.status, step.call, step.name, step.given = "awaiting", event.call, event.name, event.args
            run.status = "waiting"
        case ToolAssigned():
            step.status, step.call, step.name, step.effect = "assigned", event.call, event.name, event.effect
            step.tab, step.number, step.due, step.given = event.tab, event.number, 0, event.args
            run.status = "running"
        case ToolClaimed():
            step.status, step.attempt = "claimed", event.number
        case ToolHolderLost():
            step.due = event.until
        case ToolLeaseExpired():
            step.status, step.tab, step.due = "awaiting", "", 0
            run.status = "waiting"
        case _:
            assert_never(event)


def _refused(run: Run, record: Record, event: ToolRefused) -> Step:
    step = run.steps.get(event.step) or Step(event.step, "tool", 0, record.epoch)
    step.call, step.name, step.given = event.call, event.name, event.args or step.given
    run.status = "running"
    return step


_Decision = ApprovalGranted | ApprovalDenied | QuestionAnswered | DecisionExpired | ToolResolved


def _fold_decision(run: Run, step: Step, author: str, event: _Decision) -> None:
    """What a person said, or that nobody did."""
    step.due, step.schema = 0, ""
    match event:
        case ApprovalGranted():
            step.status, step.args, step.digest = "ready", event.args, event.digest
        case ApprovalDenied():
            why = f": {event.reason}" if event.reason else "."
            _refuse(run, step, "denied", f"{author} denied this call{why}")
        case QuestionAnswered():
            step.result = event.answer
            settle(run, step, "done")
        case DecisionExpired():
            _refuse(run, step, "decision-expired", "Nobody decided in time.")
        case ToolResolved(verdict="retry"):
            step.status, step.retry_at = "retry", 0
        case ToolResolved(verdict="happened"):
            step.result = event.result or "null"
            settle(run, step, "done")
        case ToolResolved():
            _refuse(run, step, "did-not-happen", f"{author} found that this call did not happen.")
        case _:
            assert_never(event)


def _refuse(run: Run, step: Step, code: str, message: str) -> None:
    step.code, step.message = code, message
    settle(run, step, "failed")


_Outcome = (
    ModelAnswered
    | ModelFailed
    | ModelInterrupted
    | ToolNotStarted
    | ToolReturned
    | ToolFailed
    | ToolInterrupted
    | ToolOutcomeUnknown
)


def _fold_outcome(run: Run, step: Step, event: _Outcome) -> None:
    match event:
        case ModelAnswered():
            step.finish, step.calls, step.usage = event.finish, event.calls, event.usage
            step.steered = bool(run.unseen())
            settle(run, step, "done")
        case ModelFailed():
            step.code, step.message = event.code, event.message
            if event.retry_at is None:
                settle(run, step, "failed")
            else:
                step.status, step.retry_at = "retry", event.retry_at
        case ModelInterrupted() | ToolInterrupted() | ToolNotStarted():
            step.status, step.retry_at = "retry", 0
        case ToolReturned():
            step.result, step.files = event.result, event.files
            run.tab = step.tab or run.tab
            settle(run, step, "done")
        case ToolFailed():
            run.tab = step.tab or run.tab
            step.code, step.message = event.code, event.message
            settle(run, step, "failed")
        case ToolOutcomeUnknown():
            step.status, step.due = "unknown", 0
            run.status = "waiting"
        case _:
            assert_never(event)
