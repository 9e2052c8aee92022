"""A run's flow, brought to where the log is: each outcome in log order, compared with what the flow asks for.

The live coroutines that `Flows` keeps are only a cache of the fold. What a log holds and a flow does not ask for is a
flow whose code changed: it ends visibly (`flow-diverged`) instead of doing something else than it had begun.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from .driver import Flow
from .flow import (
    Answer,
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
    FlowFunction,
    FlowRun,
    Outcome,
    Said,
    StepFailed,
)
from .prompts import AgentFacts
from .redaction import AS_IT_IS, Cleaner
from .state import TITLE_STEP, Run, Step

NOT_ASKED = frozenset({TITLE_STEP})
"""Steps that the room adds by itself, when a flow has returned."""


class Worker(Protocol):
    """What moves must know of an agent. `tools` are the names of its own tools: a call of another name is a tab's."""

    @property
    def flow(self) -> FlowFunction: ...

    @property
    def tools(self) -> Collection[str]: ...

    @property
    def facts(self) -> AgentFacts: ...


class Policy(Struct, frozen=True):
    """A worker that is nothing else, for tests and examples."""

    flow: FlowFunction
    tools: Collection[str] = ()
    facts: AgentFacts = AgentFacts("")


class Flows:
    """The flows of a room's open runs; a cache of the fold. `workers` are the agents at work here, by name."""

    def __init__(self, workers: Mapping[str, Worker]) -> None:
        self.workers = workers
        self.cleaner: Cleaner = AS_IT_IS
        """What cleans the words of a flow before anybody acts on them: they are compared with those in the log."""
        self._live: dict[str, Flow] = {}

    def of(self, run: Run) -> Flow | None:
        """The run's flow, fed with all that the log has; None if no agent of that name is at work here."""
        flow = self._live.get(run.id)
        if flow is None:
            worker = self.workers.get(run.agent)
            if worker is None:
                return None
            given = FlowRun(
                run.prompt,
                id=run.id,
                agent=run.agent,
                author=run.author,
                attachments=run.attachments,
                context=run.context,
            )
            flow = self._live[run.id] = Flow(worker.flow, given, self.cleaner)
        while flow.fed < len(run.outcomes) and flow.failure is None:
            step = run.steps[run.outcomes[flow.fed]]
            if step.id in NOT_ASKED:
                flow.fed += 1
                continue
            asked = _asked(flow, step)
            if asked is not None:
                flow.feed(step.id, _outcome(step, asked))
        if flow.failure is None:
            _compare_open(flow, run)
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


def _compare_open(flow: Flow, run: Run) -> None:
    """What has begun and has no outcome yet is what the flow waits for, or the flow is another one."""
    for step in run.steps.values():
        if step.status not in ("done", "failed") and step.id not in NOT_ASKED and _asked(flow, step) is None:
            return


def _asked(flow: Flow, step: Step) -> Asked | None:
    """What the flow asks for where the log has that step; None, and the flow has failed, if that is not the same."""
    asked = flow.waiting[step.id][1] if step.id in flow.waiting else None
    if asked is not None and _same(step, asked):
        return asked
    flow.diverge(step.id, _logged(step), str(asked) if asked else ", ".join(flow.waiting) or "nothing more")
    return None


_KINDS: dict[type[Asked], str] = {
    AskedAnswer: "model",
    AskedOnce: "tool",
    AskedPerson: "tool",
    AskedRun: "run",
    AskedSleep: "timer",
    AskedNow: "value",
    AskedRandom: "value",
    AskedWord: "inbox",
}


def _same(step: Step, asked: Asked) -> bool:
    """Whether the logged step is the one that is asked for now."""
    match asked:
        case AskedCall(call):
            named = step.kind in ("tool", "run") and step.name == call.name
            return named and (not step.given or step.given == (call.args or "{}"))
        case AskedOnce(name):
            return step.kind == "tool" and step.name == name
        case AskedRun(agent, prompt):
            return step.kind == "run" and (step.agent, step.prompt) == (agent, prompt)
        case _:
            return step.kind == _KINDS[type(asked)]


def _logged(step: Step) -> str:
    match step.kind:
        case "tool":
            return f"call of {step.name}" + (f" with {step.given}" if step.given else "")
        case "run":
            return f"a run of {step.agent} for {step.prompt!r}"
        case "model":
            return "a model's answer"
        case _:
            return f"a step of kind {step.kind}"


def _outcome(step: Step, asked: Asked) -> Any:
    """What the flow is given for the step that it asked for."""
    failed = step.status == "failed"
    match asked:
        case AskedCall() | AskedRun():
            return Outcome(step.message, True, step.code) if failed else Outcome(step.result)
        case _ if failed:
            return StepFailed(step.code, step.message)
        case AskedAnswer():
            return Answer("".join(step.text), step.calls, step.finish, step.usage, step.steered)
        case AskedNow():
            return _EPOCH + timedelta(microseconds=msgspec.json.decode(step.result, type=int))
        case AskedWord():
            return msgspec.json.decode(step.result, type=Said)
        case AskedSleep():
            return None
        case _:
            return msgspec.json.decode(step.result)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
