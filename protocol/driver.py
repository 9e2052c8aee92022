"""The driver of flows: it runs a flow by `send`, not by Trio, and knows which steps the flow waits for.

Outcomes are fed one at a time in log order, so a replay takes the very turns that the live flow took. Nothing here
waits, and nothing is kept that feeding the same outcomes again would not give.
"""

import inspect
from collections import deque
from collections.abc import Awaitable, Coroutine
from typing import Any

from . import limits
from .events import ToolCall
from .flow import All, Asked, AskedCall, AskedPerson, AskedRun, FlowFunction, FlowMisused, FlowRun, StepFailed
from .redaction import AS_IT_IS, Cleaner


class _Scope:
    """One strand of a flow: its coroutine, the counters of its steps, and the branches that it waits for."""

    def __init__(self, path: str, coroutine: Coroutine[Any, Any, Any], parent: "_Scope | None", name: str) -> None:
        self.path = path
        self.coroutine = coroutine
        self.parent = parent
        self.name = name
        self.counts: dict[str, int] = {}
        self.results: dict[str, Any] = {}
        self.errors: list[BaseException] = []
        self.missing = 0

    def nth(self, kind: str) -> str:
        n = self.counts.get(kind, 0)
        self.counts[kind] = n + 1
        return f"{self.path}{kind}.{n}"


_Turn = tuple[_Scope, Any, BaseException | None]
"""A strand that goes on, with what is sent or thrown into it."""


class Flow:
    """A flow at work on one run: which steps it awaits, and whether it has returned (`result`) or failed."""

    def __init__(self, function: FlowFunction, run: FlowRun, cleaner: Cleaner = AS_IT_IS) -> None:
        self._cleaner = cleaner
        self.waiting: dict[str, tuple[_Scope, Asked]] = {}
        self.done = False
        self.result: Any = None
        self.failure: StepFailed | None = None
        self.fed = 0
        self._asked = 0
        self._turns: deque[_Turn] = deque()
        self._go(_Scope("", _begin(function, run), None, ""))

    def feed(self, step: str, outcome: Any) -> None:
        """Give the flow a step's outcome, a StepFailed to be thrown, and run it until it waits again."""
        self.fed += 1
        if step not in self.waiting:
            self.diverge(step, "the outcome of this step", ", ".join(self.waiting) or "nothing more")
            return
        scope, _ = self.waiting.pop(step)
        if isinstance(outcome, StepFailed):
            self._go(scope, None, outcome)
        else:
            self._go(scope, outcome)

    def diverge(self, step: str, logged: str, asked: str) -> None:
        """The log holds another step than the code asks for: the code has changed since the run began."""
        sentence = (
            f"At step {step} the log has {logged}, and the flow's code now asks for {asked}. "
            "The code has changed since this run began: bring the old code back, or prompt again."
        )
        self._fail("flow-diverged", sentence)

    def close(self) -> None:
        """Drop the coroutines, innermost first; none is ever left for the garbage collector to warn of."""
        for scope in [*(turn[0] for turn in self._turns), *(scope for scope, _ in self.waiting.values())]:
            inner: _Scope | None = scope
            while inner is not None:
                _close(inner.coroutine)
                inner = inner.parent
        self._turns.clear()
        self.waiting.clear()

    def _fail(self, code: str, message: str) -> None:
        self.close()
        self.failure = StepFailed(code, message)

    def _misuse(self, scope: _Scope, message: str, code: str = "flow-misused") -> None:
        self._turns.append((scope, None, None))  # So that it is closed with the others.
        self._fail(code, message)

    def _go(self, scope: _Scope, value: Any = None, error: BaseException | None = None) -> None:
        self._turns.append((scope, value, error))
        while self._turns:
            scope, value, error = self._turns.popleft()
            try:
                asked = scope.coroutine.throw(error) if error is not None else scope.coroutine.send(value)
            except StopIteration as stop:
                self._returned(scope, stop.value)
            except KeyboardInterrupt:
                raise
            except BaseException as raised:  # An exit or a panic, too: it would come again with each replay.
                self._raised(scope, raised)
            else:
                self._wait(scope, asked)

    def _wait(self, scope: _Scope, asked: object) -> None:
        if not isinstance(asked, Asked):
            self._misuse(scope, _OTHER.format(type(asked).__name__))
        elif asked.taken:
            self._misuse(scope, f"run.{asked.kind}(…) was awaited twice; call it again for another step")
        elif self._asked == limits.FLOW_STEPS:
            self._misuse(scope, f"a flow may ask for {limits.FLOW_STEPS} steps", "run-too-many-steps")
        elif len(self.waiting) == limits.FLOW_BRANCHES:
            self._misuse(scope, f"a flow may wait for {limits.FLOW_BRANCHES} steps at once", "run-too-many-steps")
        else:
            asked.taken = True
            self._asked += 1
            if isinstance(asked, All):
                self._branch(scope, asked)
            else:
                _clean(asked, self._cleaner)
                self.waiting[scope.nth(asked.kind)] = (scope, asked)

    def _branch(self, scope: _Scope, asked: All) -> None:
        path = scope.nth(asked.kind)
        wrong = _wrong_branches(asked.branches)
        if wrong:
            for awaitable in asked.branches.values():
                if inspect.iscoroutine(awaitable):
                    _close(awaitable)
            self._misuse(scope, wrong)
            return
        scope.results, scope.errors, scope.missing = dict.fromkeys(asked.branches), [], len(asked.branches)
        if not asked.branches:
            self._turns.append((scope, {}, None))
        for name, awaitable in asked.branches.items():
            self._turns.append((_Scope(f"{path}/{name}/", _strand(awaitable), scope, name), None, None))

    def _returned(self, scope: _Scope, value: Any) -> None:
        if scope.parent is None:
            self.done, self.result = True, value
        else:
            scope.parent.results[scope.name] = value
            self._joined(scope.parent)

    def _raised(self, scope: _Scope, error: BaseException) -> None:
        if isinstance(error, RuntimeError) and any(words in str(error) for words in _OUTSIDE):
            self._misuse(scope, _OTHER.format(f"function of another kind ({error})"))
        elif scope.parent is not None:
            scope.parent.errors.append(error)
            self._joined(scope.parent)
        elif isinstance(error, StepFailed):
            self._fail(error.code, error.message)
        elif isinstance(error, FlowMisused):
            self._fail("flow-misused", str(error))
        else:
            self._fail("flow-failed", f"{type(error).__name__}: {error}")

    def _joined(self, scope: _Scope) -> None:
        """One more branch has ended; with the last one the strand goes on, or gets the first error."""
        scope.missing -= 1
        if scope.missing == 0:
            self._turns.append((scope, scope.results, scope.errors[0] if scope.errors else None))


_OTHER = (
    "a flow may await only what its run offers (run.generate, run.call, run.all and the others), and this one "
    "awaited a {}; do such work in a tool, or in run.once(name, function)"
)


_OUTSIDE = ("async context", "event loop")
"""How Trio, asyncio and anyio say that their functions were called where they are not at work, as in a flow."""


def _wrong_branches(branches: dict[str, Awaitable[Any]]) -> str:
    """What is wrong with them, as a sentence; empty if nothing is."""
    if any(not name or "/" in name for name in branches):
        return "a branch of run.all has a name, without a slash"
    coroutines = [each for each in branches.values() if inspect.iscoroutine(each)]
    begun = any(inspect.getcoroutinestate(each) != inspect.CORO_CREATED for each in coroutines)
    if begun or len({id(each) for each in branches.values()}) < len(branches):
        return "each branch of run.all is an awaitable of its own, which nobody has awaited; call its function again"
    return ""


async def _begin(function: FlowFunction, run: FlowRun) -> Any:
    return await function(run)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _strand(awaitable: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    return awaitable if inspect.iscoroutine(awaitable) else _await(awaitable)


def _close(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Drop a coroutine. What its clean-up raises, or awaits as `finally: await …` does, comes too late to count: the
    run has ended, and a flow that could object would be one that nobody can stop."""
    try:
        coroutine.close()
    except KeyboardInterrupt:
        raise
    except BaseException:
        return


def _clean(asked: Asked, cleaner: Cleaner) -> None:
    """What the flow asks for, in the words in which it may be written down."""
    match asked:
        case AskedCall():
            asked.call = ToolCall(
                asked.call.id, asked.call.name, cleaner.json(asked.call.args) if asked.call.args else ""
            )
        case AskedRun():
            asked.prompt = cleaner.text(asked.prompt)
        case AskedPerson():
            asked.question = cleaner.text(asked.question)
        case _:
            pass
