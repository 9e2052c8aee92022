"""A move: one thing that the room should decide now, or that should be in progress; `moves` says which there are."""

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

from .events import Event, ToolCall
from .recalling import Recall


class Decide(Struct, frozen=True):
    """The room itself should append this event now, in the name of `agent` if its flow asked for it. A `RunRequested`
    makes a run of its own; `run` is then the one that asks."""

    run: str
    event: Event
    agent: str = ""


class Note(Struct, frozen=True):
    """The room should write down what the world outside is like now, for the flow that asks."""

    run: str
    step: str
    what: Literal["now", "random"]
    agent: str = ""


class Generate(Struct, frozen=True):
    """An attempt at a model step should be in progress, not before `not_before` (µs since 1970); with other
    instructions than the agent's, and only these tools, if given."""

    run: str
    step: str
    attempt: int
    not_before: int = 0
    instructions: str | None = None
    tools: tuple[str, ...] | None = None


class Call(Struct, frozen=True):
    """An attempt at a tool's call should be in progress; `approved` by a person, perhaps with arguments of theirs.
    A `function` of the flow's own takes the place of the tool of that name."""

    run: str
    step: str
    attempt: int
    call: ToolCall
    approved: bool = False
    function: Callable[..., Any] | None = None
    effect: Literal["read", "idempotent", "write"] = "write"


class Wake(Struct, frozen=True):
    """The question should be asked again at that time (µs since 1970), though nothing else may happen until then."""

    at: int


Decision = Decide | Note
Work = Generate | Call | Recall
Move = Decision | Work | Wake
