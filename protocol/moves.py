"""What should be in progress now: a pure function of the state, with the agents' flows as policy.

Decisions are what the room itself appends; the rest is what steps do, or when to ask again. The live coroutines that
`Flows` keeps are only a cache of the fold.
"""

from collections.abc import Collection, Mapping

from msgspec import Struct

from . import limits
from .events import (
    DecisionExpired,
    Event,
    ModelInterrupted,
    RunArchived,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    TabTool,
    ToolAssigned,
    ToolAwaited,
    ToolCall,
    ToolHolderLost,
    ToolInterrupted,
    ToolLeaseExpired,
    ToolOutcomeUnknown,
)
from .flow import Answer, Asked, Flow, FlowFunction, Outcome, StepFailed
from .state import RoomState, Run, Step


class Flows:
    """The flows of a room's open runs, by agent; a cache of the fold. `own_tools` are the names of each agent's tools:
    a call of another name is a tab's."""

    def __init__(self, functions: Mapping[str, FlowFunction], own_tools: Mapping[str, Collection[str]] = {}) -> None:
        self.functions = functions
        self.own_tools = own_tools
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
    found = _of_run(state, runs[0], flows, epoch, now)
    if any(isinstance(move, Decide) for move in found):
        return tuple(move for move in found if isinstance(move, Decide))
    due = min((step.due for run in runs for step in run.steps.values() if step.due and _waits(step)), default=0)
    return (*found, *([Wake(due)] if due else []))


def _waits(step: Step) -> bool:
    return step.status in ("asking", "assigned", "claimed")


def _asking(runs: list[Run]) -> list[tuple[Run, Step]]:
    return [(run, step) for run in runs if not run.stopping for step in run.steps.values() if step.status == "asking"]


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


def _tool_open(run: Run) -> bool:
    return any(step.kind == "tool" and step.status == "open" for step in run.steps.values())


def _archivable(state: RoomState) -> list[Decide]:
    finished = [run.id for run in state.runs.values() if not run.open]
    return [Decide(run, RunArchived()) for run in finished[: max(0, len(finished) - limits.FINISHED_RUNS)]]


def _of_run(state: RoomState, run: Run, flows: Flows, epoch: int, now: int) -> tuple[Move, ...]:
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
    wanted: list[Move | None] = []
    for step, (_, asked) in flow.waiting.items():
        call = asked.call
        if (
            call is not None
            and call.name not in flows.own_tools.get(run.agent, ())
            and _is_tabs(state, run, step, call)
        ):
            wanted.append(_tab_move(state, run, step, call, epoch, now))
        else:
            wanted.append(_todo(run, step, asked))
    return tuple(move for move in wanted if move is not None)


def tab_tools(state: RoomState, epoch: int) -> dict[str, TabTool]:
    """The tools that tabs offer now, by name: those of tabs that are here, and the lasting ones."""
    here = [tools for tab in state.tabs.values() if tab.epoch == epoch for tools in tab.tools.values()]
    return state.lasting | {tool.name: tool for tool in here}


def _is_tabs(state: RoomState, run: Run, step_id: str, call: ToolCall) -> bool:
    """Whether a call of that name is a tab's: one has or had the tool. What nobody ever had is the step's to refuse."""
    step = run.steps.get(step_id)
    if step is not None:
        return step.number > 0 or step.status == "awaiting"
    return call.name in state.lasting or any(call.name in tab.tools for tab in state.tabs.values())


def _tab_move(state: RoomState, run: Run, step_id: str, call: ToolCall, epoch: int, now: int) -> Decide | None:
    """Assign a call to a tab, watch over its lease, take it away when that has ended."""
    step = run.steps.get(step_id)
    if step is None or step.status == "awaiting":
        tab = _tab_for(state, run, call.name, epoch)
        if tab:
            tool = state.tabs[tab].tools[call.name]
            number = 1 if step is None else step.number + 1
            return Decide(run.id, ToolAssigned(step_id, call.id, call.name, tool.effect, tab, number))
        if step is None:
            return Decide(run.id, ToolAwaited(step_id, call.id, call.name))
        return None
    if step.status == "retry":
        return Decide(run.id, ToolLeaseExpired(step_id, step.number))
    if step.status not in ("assigned", "claimed"):
        return None
    here = step.tab in state.tabs and state.tabs[step.tab].epoch == epoch
    if not here and not step.due:
        return Decide(run.id, ToolHolderLost(step_id, now + limits.TOOL_LEASE_S * 1_000_000))
    if step.due and step.due <= now:
        if step.status == "claimed" and step.effect == "write":
            return Decide(run.id, ToolOutcomeUnknown(step_id, step.number))
        return Decide(run.id, ToolLeaseExpired(step_id, step.number))
    return None


def _tab_for(state: RoomState, run: Run, name: str, epoch: int) -> str:
    """The tab that started or last continued the run, if it has the tool; else the one that registered it last."""
    having = [tab for tab, tools in state.tabs.items() if tools.epoch == epoch and name in tools.tools]
    if run.tab in having:
        return run.tab
    return having[-1] if having else ""


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
