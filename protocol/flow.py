"""Flows: agents as coroutines that are driven by `send`, not by Trio.

A flow awaits only what its `Work` offers, and each await names a step. Where the log has the step's outcome, it is sent
back at once; otherwise the step is what should be in progress. So a flow is resumed after a crash by running it again
from its first line against the log. Outcomes are fed one at a time in log order, so a replay takes the very turns that
the live flow took.

A step's id is structural: the scope it stands in, what it is, and the how-manieth of that kind in the scope. Parallel
work is `work.all({"a": …, "b": …})`, each branch a scope of its own, so ids do not depend on who finished first.
"""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from typing import Any

from msgspec import Struct

from .errors import PlaitError
from .events import ToolCall, Usage


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


def _close(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Drop a coroutine. What its clean-up raises, or awaits as `finally: await …` does, comes too late to count: the
    run has ended, and a flow that could object would be one that nobody can stop."""
    try:
        coroutine.close()
    except KeyboardInterrupt:
        raise
    except BaseException:
        return


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
                _close(inner.coroutine)
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
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # An exit or a panic, too: it would come again with each replay.
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
            _close(scope.coroutine)
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
