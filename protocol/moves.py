"""What should be in progress now: a pure function of the state, with the agents' flows as policy.

Decisions (`move`) are what the room itself appends; the rest is what steps do, or when to ask again. What needs no flow
is decided first (`housekeeping`). Of the open prompts the oldest is at work with all the runs below it, and the others
are queued.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from . import limits
from .assigning import is_tabs, tab_event
from .blocking import blocked_tab
from .budget import out_of_steps, over
from .driver import Flow
from .events import (
    DecisionExpired,
    Event,
    QuestionAsked,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStarted,
    SteerConsumed,
    TimerSet,
    TitleProposed,
    ToolCall,
    ToolDelegated,
    ToolFailed,
)
from .flow import (
    Asked,
    AskedAnswer,
    AskedCall,
    AskedNow,
    AskedOnce,
    AskedPerson,
    AskedRandom,
    AskedRun,
    AskedSleep,
    AskedWord,
)
from .housekeeping import archivable, due_times, ending, of_itself
from .kin import Kin
from .mandates import before_call
from .move import Call, Decide, Decision, Generate, Move, Note, Wake
from .recalling import Recall, by_record, recalled
from .replay import Flows, Worker
from .state import TITLE_STEP, RoomState, Run, Step
from .titles import proposal, title_wanted


def moves(state: RoomState, epoch: int, flows: Flows, now: int = 0, *, recalls: bool = True) -> tuple[Move, ...]:
    """What should happen next in the room, seen at `now` (µs since 1970) by the process that writes it under `epoch`.
    A fork that goes on by the record `recalls`, unless it is only looked at what its agents' code asks for.

    Decisions come alone: once they are appended, the question is asked again. What a flow at work waits for and is not
    open, unknown or over is to be done.
    """
    kin = Kin(state)
    runs = state.open_runs()
    held = state.held
    decisions = [move for run in runs if run.stopping or not held for move in of_itself(run, kin, epoch, now)]
    if recalls and by_record(state):  # Whether somebody decided in time says the record.
        decisions = [move for move in decisions if not isinstance(move.event, DecisionExpired)]
    decisions += archivable(state, kin)
    prompts = state.prompts()
    if decisions or not prompts or (held and not _in_progress(runs, epoch)):
        return tuple(decisions)
    room = _Room(state, kin, flows, epoch, now, recalls=recalls and by_record(state))
    found = [move for run in kin.family(prompts[0]) if run.open for move in room.of_run(run)]
    if held:  # What has begun comes to its end, and nothing else begins.
        begun = _in_progress(runs, epoch)
        return tuple(move for move in found if isinstance(move, Generate | Call) and (move.run, move.step) in begun)
    decided = tuple(move for move in found if isinstance(move, Decision))
    if decided:
        return decided
    due = min(due_times(runs, now), default=0)
    return (*found, *([Wake(due)] if due else []))


def _in_progress(runs: list[Run], epoch: int) -> set[tuple[str, str]]:
    """The steps that this epoch's process is at, by their runs."""
    return {
        (run.id, step.id)
        for run in runs
        for step in run.steps.values()
        if step.status == "open" and step.epoch == epoch and step.kind in ("model", "tool")
    }


class _Room:
    """The room at one moment, as the runs at work see it."""

    def __init__(self, state: RoomState, kin: Kin, flows: Flows, epoch: int, now: int, *, recalls: bool) -> None:
        self.recalls = recalls
        self.state = state
        self.kin = kin
        self.flows = flows
        self.epoch = epoch
        self.now = now
        self._requested = 0

    def of_run(self, run: Run) -> list[Move]:
        """What the run, which is at work, should do or have done."""
        worker = self.flows.workers.get(run.agent)
        if worker is None or run.stopping:
            return []
        allowed = worker.facts.limits
        if run.status == "queued":
            return [Decide(run.id, RunStarted(allowed.deadline(self.now), worker.facts.code))]
        flow = self.flows.of(run)
        assert flow is not None, "a worker is known, so its flow is"
        failed = _failure(flow)
        if failed is None and TITLE_STEP not in run.steps:  # A title is what the run itself did not ask for.
            began_elsewhere = self.state.fork is not None and int(run.id) <= self.state.fork.since
            # The time since then was the parent's, or nobody's while the fork was paused.
            failed = over(run, self.kin.family(run), allowed, 0 if began_elsewhere else self.now)
        if failed is None and any(_is_new_request(run, step, asked) for step, (_, asked) in flow.waiting.items()):
            failed = out_of_steps(run, self.kin.family(run), allowed)
        if failed is not None:
            return [*ending(run, self.kin, failed)]
        if flow.done:
            return self._title(run, worker) or [Decide(run.id, _finished(run, flow.result, worker.facts.structured))]
        said = iter(run.unseen())
        wanted = [self._of_step(run, worker, step, asked, said) for step, (_, asked) in flow.waiting.items()]
        return [move for move in wanted if move is not None]

    def _title(self, run: Run, worker: Worker) -> list[Move]:
        """The last thing of a room's first answer: what the room might be called."""
        source = worker.facts.titles
        if not source or not title_wanted(self.state, run):
            return []
        step = run.steps.get(TITLE_STEP)
        patience = run.streamed <= limits.RUN_BYTES and not 0 < run.deadline <= self.now
        if source == "model" and patience and (step is None or step.status == "open"):
            return [Generate(run.id, TITLE_STEP, 1)]
        return [Decide(run.id, TitleProposed(proposal(run)), run.agent)]

    def _of_step(self, run: Run, worker: Worker, step_id: str, asked: Asked, said: Iterator[Any]) -> Move | None:
        step = run.steps.get(step_id)
        match asked:
            case AskedCall(call):
                call = ToolCall(call.id or step_id, call.name, call.args)
                if step is not None and step.kind == "run":
                    return self._child(run, step)
                tabs = call.name not in worker.tools and is_tabs(self.state, run, step_id, call)
                event = before_call(run, step_id, call, tabs=tabs)
                if event is None and self.recalls and _recalled_call(step, tabs=tabs):
                    return Recall(run.id, step_id, call)
                if event is None and tabs:
                    event = blocked_tab(self.state, run, step_id, call, self.epoch)
                if event is not None or tabs:
                    event = event or tab_event(self.state, run, step_id, call, self.epoch, self.now)
                    return None if event is None else Decide(run.id, event)
                return _attempt(run, step_id, step, call)
            case AskedOnce(name, function, effect):
                return _attempt(run, step_id, step, ToolCall(step_id, name, "{}"), function, effect)
            case AskedRun() if step is not None:
                return self._child(run, step)
            case AskedAnswer(instructions, tools):
                begun = 0 if step is None else step.attempt + (step.status == "retry")
                not_before = 0 if step is None else step.retry_at
                return Generate(run.id, step_id, begun or 1, not_before, instructions, tools)
            case AskedWord():
                steer = next(said, None)
                if steer is not None:
                    return Decide(run.id, SteerConsumed(steer.seq, step_id), run.agent)
                return Recall(run.id, step_id, asked=asked, attempt=len(run.steers)) if self.recalls else None
            case _ if self.recalls and (recall := recalled(run, step_id, step, asked)) is not None:
                return recall
            case AskedNow() | AskedRandom() if step is None:
                return Note(run.id, step_id, "now" if isinstance(asked, AskedNow) else "random", run.agent)
            case _ if step is None:
                return Decide(run.id, self._first(step_id, asked), run.agent)
            case _:
                return None

    def _first(self, step_id: str, asked: Asked) -> Event:
        """How a step begins that the room itself begins."""
        match asked:
            case AskedRun(agent, prompt):
                return ToolDelegated(step_id, 1, step_id, "spawn", agent, prompt)
            case AskedPerson(question, schema, within_s):
                until = None if within_s is None else self.now + math.ceil(within_s * 1_000_000)
                return QuestionAsked(step_id, step_id, "ask", question, schema, until)
            case AskedSleep(at):
                return TimerSet(step_id, at)
            case _:
                raise AssertionError(f"{asked} is not the room's to begin")

    def _child(self, run: Run, step: Step) -> Decide | None:
        """The run that carries the step out, or why there can be none."""
        if step.child or step.status != "open":
            return None
        above = [run, *self.kin.above(run)]
        below = sum(1 for _ in self.kin.family(above[-1])) - 1 + self._requested
        failed = None
        if step.agent not in self.flows.workers:
            failed = "no-such-agent", f"No agent {step.agent!r} is at work here."
        elif len(above) > limits.RUN_DEPTH:
            failed = "sub-agent-too-deep", f"Sub-agents may call each other {limits.RUN_DEPTH} deep."
        elif below >= limits.RUN_CHILDREN:
            failed = "too-many-sub-agents", f"A prompt may have {limits.RUN_CHILDREN} runs of sub-agents."
        if failed is not None:
            return Decide(run.id, ToolFailed(step.id, step.attempt, *failed))
        self._requested += 1
        request = RunRequested(
            step.agent, step.prompt, run.tab, after="", parent=run.id, step=step.id, mandate=run.mandate
        )
        return Decide(run.id, request, run.agent)


def _recalled_call(step: Step | None, *, tabs: bool) -> bool:
    """Whether the parent's log is asked for the call before anybody carries it out: for a tab's always, for the agent's
    own while somebody is asked; else who carries it out does that."""
    status = "" if step is None else step.status
    return status == "asking" or (tabs and status not in ("unknown", "open"))


def _is_new_request(run: Run, step: str, asked: Asked) -> bool:
    return isinstance(asked, AskedAnswer) and step not in run.steps


def _failure(flow: Flow) -> RunFailed | None:
    return None if flow.failure is None else RunFailed(flow.failure.code, flow.failure.message)


def _finished(run: Run, result: Any, structured: bool) -> RunFinished | RunFailed:
    """The run's end, with what its flow returned, unless that is what its last answer says anyway. A structured answer
    is JSON text already."""
    if structured and result == run.answer:
        return RunFinished(run.answer.strip())
    if result is None or result == run.answer:
        return RunFinished()
    try:
        text = msgspec.json.encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        return RunFailed("flow-failed", f"The flow returned what cannot be written as JSON: {error}")
    if len(text) > limits.TOOL_RESULT_BYTES:
        return RunFailed("flow-failed", f"The flow returned more than {limits.TOOL_RESULT_BYTES} bytes of JSON.")
    return RunFinished(text.decode())


def _attempt(
    run: Run,
    step_id: str,
    step: Step | None,
    call: ToolCall,
    function: Callable[..., Any] | None = None,
    effect: Literal["read", "idempotent", "write"] = "write",
) -> Call | None:
    if step is None:
        return Call(run.id, step_id, 1, call, False, function, effect)
    if step.status in ("asking", "unknown"):
        return None
    if step.args:
        call = ToolCall(call.id, call.name, step.args)
    return Call(run.id, step_id, step.attempt + (step.status in ("ready", "retry")), call, True, function, effect)
