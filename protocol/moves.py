"""What should be in progress now: a pure function of the state, with the agents' flows as policy.

A flow is a coroutine that awaits only what its `Work` offers. It is driven by `send`, not by Trio: each await names a
step; where the log has the step's outcome, it is sent back at once, otherwise the step is what should be in progress.
So a flow is resumed after a crash by running it again from its first line against the log, and the live coroutine that
`Flows` keeps is only a cache. Outcomes are fed one at a time in log order, so a replay takes the very turns that the
live flow took.

A step's id is structural: the scope it stands in, what it is, and the how-manieth of that kind in the scope. Parallel
work is `work.all(a=…, b=…)`, each branch a scope of its own, so ids do not depend on who finished first.
"""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import Any

from msgspec import Struct

from . import limits
from .errors import PlaitError
from .events import (
    DecisionExpired,
    Event,
    ModelInterrupted,
    RunArchived,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    ToolCall,
    ToolInterrupted,
    ToolOutcomeUnknown,
    Usage,
)
from .state import RoomState, Run, Step


class Answer(Struct, frozen=True):
    """What a model step gave; `steered`: meanwhile somebody said something that it has not seen."""

    text: str
    calls: tuple[ToolCall, ...]
    finish: str
    usage: Usage
    steered: bool = False


class Outcome(Struct, frozen=True):
    """What a tool step gave: JSON text, or with `failed` the sentence that the model is told."""

    result: str
    failed: bool = False


class StepFailed(PlaitError):
    """Thrown into a flow by a model step that failed for good; uncaught, it ends the run with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FlowMisused(PlaitError):
    """A flow awaited something that is not its `Work`'s, or the log holds a step that it does not ask for."""


class Asked(Struct, frozen=True):
    """A step that a flow awaits: a model's answer, or the call of a tool."""

    kind: str
    call: ToolCall | None = None

    def __await__(self) -> Generator["Asked", Any, Any]:
        return (yield self)


class _All:
    def __init__(self, branches: Mapping[str, Awaitable[Any]]) -> None:
        self.branches = branches

    def __await__(self) -> Generator["_All", Any, Any]:
        return (yield self)


class Work:
    """What a flow may await. Everything else fails the run with `flow-misused`."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt

    def generate(self) -> Awaitable[Answer]:
        """One answer of the agent's model to the conversation so far. Raises StepFailed."""
        return Asked("generate")

    def call(self, call: ToolCall) -> Awaitable[Outcome]:
        """One call of one of the agent's tools."""
        return Asked("call", call)

    def all(self, branches: Mapping[str, Awaitable[Any]]) -> Awaitable[dict[str, Any]]:
        """Several at once; a dict of their results under the same names, when all have one."""
        return _All(branches)


FlowFunction = Callable[[Work], Coroutine[Any, Any, Any]]


async def converse(work: Work) -> str:
    """The built-in loop: ask the model, call the tools that it asks for side by side, until it asks for none and
    nobody has said anything meanwhile."""
    while True:
        answer = await work.generate()
        if not answer.calls and not answer.steered:
            return answer.text
        await work.all({str(n): work.call(call) for n, call in enumerate(answer.calls)})


class _Scope:
    """One strand of a flow: its coroutine, the counters of its steps, and the branches that it waits for."""

    def __init__(self, path: str, coroutine: Coroutine[Any, Any, Any], parent: "_Scope | None", name: str) -> None:
        self.path = path
        self.coroutine = coroutine
        self.parent = parent
        self.name = name
        self.counts: dict[str, int] = {}
        self.results: dict[str, Any] = {}
        self.missing = 0

    def nth(self, kind: str) -> str:
        n = self.counts.get(kind, 0)
        self.counts[kind] = n + 1
        return f"{self.path}{kind}.{n}"


async def _branch(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


class Flow:
    """A flow at work on one run: which steps it awaits, and whether it has returned or failed."""

    def __init__(self, function: FlowFunction, prompt: str) -> None:
        self.waiting: dict[str, tuple[_Scope, Asked]] = {}
        self.done = False
        self.failure: StepFailed | None = None
        self.fed = 0
        self._advance(_Scope("", function(Work(prompt)), None, ""), lambda c: c.send(None))

    def feed(self, step: str, outcome: Answer | Outcome | StepFailed) -> None:
        """Give the flow a step's outcome and run it until it waits again."""
        self.fed += 1
        if step not in self.waiting:
            self._fail("flow-diverged", f"the log has an outcome of step {step}, which this agent's code does not ask")
            return
        scope, _ = self.waiting.pop(step)
        if isinstance(outcome, StepFailed):
            self._advance(scope, lambda c: c.throw(outcome))
        else:
            self._advance(scope, lambda c: c.send(outcome))

    def close(self) -> None:
        """Drop the coroutines, innermost first; none is ever left for the garbage collector to warn of."""
        for scope, _ in list(self.waiting.values()):
            inner: _Scope | None = scope
            while inner is not None:
                inner.coroutine.close()
                inner = inner.parent
        self.waiting.clear()

    def _fail(self, code: str, message: str) -> None:
        self.close()
        self.failure = StepFailed(code, message)

    def _advance(self, scope: _Scope, resume: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        try:
            asked = resume(scope.coroutine)
        except StopIteration as stop:
            self._returned(scope, stop.value)
        except StepFailed as failure:
            self._fail(failure.code, failure.message)
        except Exception as error:
            self._fail("flow-failed", f"{type(error).__name__}: {error}")
        else:
            self._wait(scope, asked)

    def _wait(self, scope: _Scope, asked: object) -> None:
        if isinstance(asked, Asked):
            self.waiting[scope.nth(asked.kind)] = (scope, asked)
        elif isinstance(asked, _All):
            path = scope.nth("all")
            scope.results, scope.missing = {}, len(asked.branches)
            if not asked.branches:
                self._advance(scope, lambda c: c.send({}))
            for name, awaitable in asked.branches.items():
                if self.failure is None:
                    branch = _Scope(f"{path}/{name}/", _branch(awaitable), scope, name)
                    self._advance(branch, lambda c: c.send(None))
        else:
            scope.coroutine.close()
            self._fail("flow-misused", "a flow may await only what its work offers")

    def _returned(self, scope: _Scope, value: object) -> None:
        parent = scope.parent
        if parent is None:
            self.done = True
            return
        parent.results[scope.name] = value
        parent.missing -= 1
        if parent.missing == 0:
            results = parent.results
            self._advance(parent, lambda c: c.send(results))


class Flows:
    """The flows of a room's open runs, by agent; a cache of the fold."""

    def __init__(self, functions: Mapping[str, FlowFunction]) -> None:
        self.functions = functions
        self._live: dict[str, Flow] = {}

    def of(self, run: Run) -> Flow | None:
        """The run's flow, fed with all that the log has; None if no agent of that name is at work here."""
        flow = self._live.get(run.id)
        if flow is None:
            function = self.functions.get(run.agent)
            if function is None:
                return None
            flow = self._live[run.id] = Flow(function, run.prompt)
        while flow.fed < len(run.outcomes) and flow.failure is None:
            step = run.outcomes[flow.fed]
            flow.feed(step, _outcome(run.steps[step]))
        return flow

    def forget(self, run: str) -> None:
        """The run is terminal."""
        flow = self._live.pop(run, None)
        if flow is not None:
            flow.close()

    def clear(self) -> None:
        """The room goes to sleep or is read again from its log."""
        for run in list(self._live):
            self.forget(run)


def _outcome(step: Step) -> Answer | Outcome | StepFailed:
    if step.kind == "model":
        if step.status == "failed":
            return StepFailed(step.code, step.message)
        return Answer("".join(step.text), step.calls, step.finish, step.usage, step.steered)
    return Outcome(step.result) if step.status == "done" else Outcome(step.message, failed=True)


# --- moves ------------------------------------------------------------------------------------------------------------


class Decide(Struct, frozen=True):
    """The room itself should append this event now."""

    run: str
    event: Event


class Generate(Struct, frozen=True):
    """An attempt at a model step should be in progress, not before `not_before` (µs since 1970)."""

    run: str
    step: str
    attempt: int
    not_before: int = 0


class Call(Struct, frozen=True):
    """An attempt at a tool's call should be in progress; `approved` by a person, perhaps with arguments of theirs."""

    run: str
    step: str
    attempt: int
    call: ToolCall
    approved: bool = False


class Wake(Struct, frozen=True):
    """The question should be asked again at that time (µs since 1970), though nothing else may happen until then."""

    at: int


Move = Decide | Generate | Call | Wake


def moves(state: RoomState, epoch: int, flows: Flows, now: int = 0) -> tuple[Move, ...]:
    """What should happen next in the room, seen at `now` (µs since 1970) by the process that writes it under `epoch`.

    Decisions come alone: once they are appended, the question is asked again. Of the open runs the oldest one is at
    work and the others are queued; whatever the agent's flow waits for and is not open, unknown or over is to be done.
    """
    runs = state.open_runs()
    decisions = [decision for run in runs for decision in _leftovers(run, epoch)]
    decisions += [Decide(run.id, RunStopped()) for run in runs if run.stopping and not _tool_open(run)]
    decisions += [Decide(run.id, DecisionExpired(step.id)) for run, step in _asking(runs) if 0 < step.due <= now]
    decisions += _archivable(state)
    if decisions or not runs:
        return tuple(decisions)
    due = min((step.due for _, step in _asking(runs) if step.due), default=0)
    return (*_of_run(runs[0], flows), *([Wake(due)] if due else []))


def _asking(runs: list[Run]) -> list[tuple[Run, Step]]:
    return [(run, step) for run in runs if not run.stopping for step in run.steps.values() if step.status == "asking"]


def _leftovers(run: Run, epoch: int) -> list[Decide]:
    """What an earlier epoch left open: its process is gone, and each attempt gets the end that fits its kind."""
    found: list[Decide] = []
    for step in run.steps.values():
        if step.status != "open" or step.epoch == epoch:
            continue
        if step.kind == "model":
            found.append(Decide(run.id, ModelInterrupted(step.id, step.attempt)))
        elif step.effect == "write":
            found.append(Decide(run.id, ToolOutcomeUnknown(step.id, step.attempt)))
        else:
            found.append(Decide(run.id, ToolInterrupted(step.id, step.attempt)))
    return found


def _tool_open(run: Run) -> bool:
    return any(step.kind == "tool" and step.status == "open" for step in run.steps.values())


def _archivable(state: RoomState) -> list[Decide]:
    finished = [run.id for run in state.runs.values() if not run.open]
    return [Decide(run, RunArchived()) for run in finished[: max(0, len(finished) - limits.FINISHED_RUNS)]]


def _of_run(run: Run, flows: Flows) -> tuple[Move, ...]:
    if run.status == "queued":
        return (Decide(run.id, RunStarted()),)
    flow = flows.of(run)
    if flow is None or run.stopping:
        return ()
    over = _over_limit(run)
    if over is not None:
        return (Decide(run.id, over),)
    if flow.failure is not None:
        return (Decide(run.id, RunFailed(flow.failure.code, flow.failure.message)),)
    if flow.done:
        return (Decide(run.id, RunFinished()),)
    wanted = (_todo(run, step, asked) for step, (_, asked) in flow.waiting.items())
    return tuple(move for move in wanted if move is not None)


def _over_limit(run: Run) -> RunFailed | None:
    if run.streamed > limits.RUN_BYTES:
        return RunFailed("run-too-long", f"the model streamed more than {limits.RUN_BYTES} characters")
    if sum(step.kind == "model" for step in run.steps.values()) > limits.RUN_STEPS:
        return RunFailed("run-too-many-steps", f"the run made more than {limits.RUN_STEPS} model requests")
    return None


def _todo(run: Run, step_id: str, asked: Asked) -> Move | None:
    step = run.steps.get(step_id)
    if step is not None and step.status in ("asking", "unknown"):
        return None
    attempt = 1 if step is None else step.attempt + (step.status in ("ready", "retry"))
    if asked.call is not None:
        call = asked.call
        if step is not None and step.args:
            call = ToolCall(call.id, call.name, step.args)
        return Call(run.id, step_id, attempt, call, approved=step is not None)
    return Generate(run.id, step_id, attempt, 0 if step is None else step.retry_at)
