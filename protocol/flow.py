"""Flows: agents as code, `async def flow(run)`; what a flow may await, and what it is given for it.

A flow awaits only what its `run` offers, and each await names a step. Where the log has the step's outcome, it is sent
back at once; otherwise the step is what should be in progress. So a flow is resumed after a crash by running it again
from its first line against the log. That asks two things of its code: everything from outside (the time, chance, a
file, the network) comes through a step, and what has started is not rewritten (`flow-diverged` says so).

A step's id is structural: the scope it stands in, what it is, and the how-manieth of that kind in the scope. Parallel
work is `run.all(a=…, b=…)`, each branch a scope of its own, so ids do not depend on who finished first.

This page is the vocabulary; `driver` runs a flow, `moves` says what follows from what it waits for.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Struct

from .errors import PlaitError
from .events import Attachment, ToolCall, Usage

# --- what a flow is given ---------------------------------------------------------------------------------------------


class Answer(Struct, frozen=True):
    """What a model step gave; `steered`: meanwhile somebody said something that it has not seen."""

    text: str
    calls: tuple[ToolCall, ...]
    finish: str
    usage: Usage
    steered: bool = False


class Outcome(Struct, frozen=True):
    """What a call or another agent's run gave: JSON text, or with `failed` a stable code and the sentence why."""

    result: str
    failed: bool = False
    code: str = ""

    @property
    def value(self) -> Any:
        """The result as a plain value. Raises StepFailed if it failed."""
        if self.failed:
            raise StepFailed(self.code or "tool-error", self.result)
        return msgspec.json.decode(self.result)


class Said(Struct, frozen=True):
    """What somebody said to the run at work."""

    author: str
    text: str


class StepFailed(PlaitError):
    """Thrown into a flow by a step that failed for good; uncaught, it ends the run with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FlowMisused(PlaitError):
    """A flow asked its run for something that no step can be; uncaught, it ends the run with `flow-misused`."""


# --- what a flow may await --------------------------------------------------------------------------------------------


class Asked(Struct, eq=False, kw_only=True):
    """A step that a flow awaits. `taken`: it was awaited, and may not be again."""

    kind: ClassVar[str] = ""
    taken: bool = False

    def __await__(self) -> Generator["Asked", Any, Any]:
        return (yield self)

    def __str__(self) -> str:
        return self.kind


class AskedAnswer(Asked):
    """A model's answer, perhaps under other instructions and with some of the tools only."""

    kind: ClassVar[str] = "generate"
    instructions: str | None = None
    tools: tuple[str, ...] | None = None


class AskedCall(Asked):
    """The call of a tool; its id is empty if the flow itself asks for it."""

    kind: ClassVar[str] = "call"
    call: ToolCall

    def __str__(self) -> str:
        return f"call of {self.call.name} with {self.call.args or '{}'}"


class AskedOnce(Asked):
    """A function of the flow's own, carried out as a tool is."""

    kind: ClassVar[str] = "once"
    name: str
    function: Callable[..., Any]
    effect: Literal["read", "idempotent", "write"]

    def __str__(self) -> str:
        return f"once {self.name}"


class AskedRun(Asked):
    """Another agent's work on a prompt."""

    kind: ClassVar[str] = "spawn"
    agent: str
    prompt: str

    def __str__(self) -> str:
        return f"spawn of {self.agent} for {self.prompt!r}"


class AskedPerson(Asked):
    """A person's answer; `schema` is JSON Schema text."""

    kind: ClassVar[str] = "ask"
    question: str
    schema: str
    within_s: float | None


class AskedSleep(Asked):
    """A sleep until `at`, in µs since 1970."""

    kind: ClassVar[str] = "sleep"
    at: int


class AskedNow(Asked):
    """The time."""

    kind: ClassVar[str] = "now"


class AskedRandom(Asked):
    """A random number."""

    kind: ClassVar[str] = "random"


class AskedWord(Asked):
    """The next thing that somebody says to the run."""

    kind: ClassVar[str] = "inbox"


class All(Asked):
    """Several at once, each under its name."""

    kind: ClassVar[str] = "all"
    branches: dict[str, Awaitable[Any]]


_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TEXT = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


class FlowRun:
    """The run as its flow sees it: what was asked, and what the flow may await. Everything else that is awaited fails
    the run with `flow-misused`.

    `context` are the facts that came with the prompt, `attachments` its files; `author` is who prompted.
    """

    def __init__(
        self,
        prompt: str,
        *,
        id: str = "",  # noqa: A002 - the run's own word for it
        agent: str = "",
        author: str = "",
        attachments: tuple[Attachment, ...] = (),
        context: Mapping[str, str] | None = None,
    ) -> None:
        self.prompt = prompt
        self.id = id
        self.agent = agent
        self.author = author
        self.attachments = attachments
        self.context = dict(context or {})

    def generate(self, *, instructions: str | None = None, tools: Sequence[str] | None = None) -> Awaitable[Answer]:
        """One answer of the agent's model to the conversation so far; with other instructions than the agent's, and
        only those of its tools, if given. Raises StepFailed."""
        return AskedAnswer(instructions=instructions, tools=None if tools is None else tuple(tools))

    def call(self, tool: str | ToolCall, /, **args: Any) -> Awaitable[Outcome]:
        """One call of a tool: by its name and arguments, or as a model's answer asked for it. A call that fails is an
        Outcome too, because a model may be told of it; `outcome.value` raises."""
        if isinstance(tool, str):
            return AskedCall(call=ToolCall("", tool, _json(args, f"the arguments of {tool}")))
        if args:
            raise FlowMisused("run.call takes a tool's name and its arguments, or a whole ToolCall, not both")
        return AskedCall(call=tool)

    def once(
        self, name: str, function: Callable[..., Any], *, effect: Literal["read", "idempotent", "write"] = "write"
    ) -> Awaitable[Any]:
        """What the function returned, as JSON has it, called as a tool is: never again once it has returned, and after
        a crash only if `effect` allows it. Sync or async; one with a parameter `key` is given the call's key. Raises
        StepFailed."""
        if not callable(function) or not _NAME.fullmatch(name):
            raise FlowMisused(
                "run.once takes a name of 1 to 64 letters, digits, _ or -, and a function, not its result"
            )
        return AskedOnce(name=name, function=function, effect=effect)

    def spawn(self, agent: str, prompt: str) -> Awaitable[Outcome]:
        """What another agent's run on that prompt gave: its last answer's text, or what its flow returned."""
        return AskedRun(agent=agent, prompt=prompt)

    def ask(
        self, question: str, *, schema: Mapping[str, Any] | None = None, within_s: float | None = None
    ) -> Awaitable[Any]:
        """What a person answers, in the form of the JSON Schema; `{"answer": text}` without one. Raises
        StepFailed('decision-expired') if nobody does within that time."""
        return AskedPerson(question=question, schema=_json(schema or _TEXT, "a question's schema"), within_s=within_s)

    def sleep_until(self, when: datetime | int) -> Awaitable[None]:
        """Nothing before that time: a datetime with its time zone, or µs since 1970."""
        if isinstance(when, datetime):
            if when.tzinfo is None:
                raise FlowMisused("run.sleep_until takes a datetime with a time zone, as run.now() gives")
            when = (when - _EPOCH) // timedelta(microseconds=1)
        return AskedSleep(at=min(max(when, 1), _LAST))

    def now(self) -> Awaitable[datetime]:
        """The time, in UTC; noted in the log, so the same at every replay."""
        return AskedNow()

    def random(self) -> Awaitable[float]:
        """A random number from 0 to 1, without 1; noted in the log, so the same at every replay."""
        return AskedRandom()

    def inbox(self) -> Awaitable[Said]:
        """The next thing that somebody says to this run and that no model request has held."""
        return AskedWord()

    def all(
        self, branches: Mapping[str, Awaitable[Any]] | None = None, /, **named: Awaitable[Any]
    ) -> Awaitable[dict[str, Any]]:
        """Several at once, each a step or a coroutine that awaits steps; a dict of their results under the same names,
        when all have ended. If some raised, the first error is raised here, then."""
        return All(branches={**(branches or {}), **named})


def _json(value: Any, what: str) -> str:
    try:
        return msgspec.json.encode(value, order="sorted").decode()
    except (TypeError, ValueError) as error:
        raise FlowMisused(f"{what} cannot be written as JSON: {error}") from error


FlowFunction = Callable[[FlowRun], Coroutine[Any, Any, Any]]


def flow(function: FlowFunction) -> FlowFunction:
    """Mark `async def name(run)` as a flow, for `Agent(flow=name)`. Raises TypeError for any other function."""
    name = getattr(function, "__name__", repr(function))
    if not inspect.iscoroutinefunction(function) or len(inspect.signature(function).parameters) != 1:
        raise TypeError(f"a flow is `async def {name}(run)`, with one parameter")
    return function


@flow
async def converse(run: FlowRun) -> str:
    """The built-in loop: ask the model, call the tools that it asks for side by side, until it asks for none and
    nobody has said anything meanwhile."""
    while True:
        answer = await run.generate()
        if not answer.calls and not answer.steered:
            return answer.text
        await run.all({str(n): run.call(call) for n, call in enumerate(answer.calls)})
