"""The port: what an agent can call. A new kind of tool is one file beside this one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import trio
from msgspec import Struct

from ..models.model import JSON, ToolSchema
from .call import Call
from .failures import OutcomeNotKnown, ToolError, ToolTimeout

__all__ = ["Approval", "Effect", "OutcomeNotKnown", "Question", "Tool", "ToolError", "ToolSource", "ToolTimeout"]

Effect = Literal["read", "idempotent", "write"]
"""What a call may change outside: nothing; something, but only once for one key; anything. After a crash a read runs
again, an idempotent one is retried with its key, and of a write nobody can say whether it happened (law 7)."""


Approval = Literal["never", "always"] | Callable[[dict[str, Any]], bool | str | Awaitable[bool | str]]
"""Whether a person must say yes to a call first: a function is given the arguments, and says so by True or by the
reason that people are shown. An async one is awaited; a sync one is called where all rooms wait for it, so it must not
block."""


class Question(Struct, frozen=True):
    """The form of the answer that a person is asked for: a JSON Schema."""

    schema: JSON


class Tool(Protocol):
    """Something with a schema that can be called with JSON arguments."""

    @property
    def schema(self) -> ToolSchema: ...

    @property
    def effect(self) -> Effect: ...

    @property
    def approval(self) -> Approval: ...

    @property
    def question(self) -> Question | None:
        """Not None for a tool that is carried out by asking a person; it is never called then."""
        ...

    @property
    def decide_within_s(self) -> float | None:
        """How long a person may take to say yes or to answer; for ever if None."""
        ...

    @property
    def shows(self) -> Literal["", "retrieval"]:
        """How people see its calls: as a tool's, or as a search in what the agent knows."""
        ...

    def call(self, args: str, call: Call, /) -> Awaitable[Any]:
        """Run it with JSON text for arguments; what it returns is encoded to JSON by the step (`results`).

        Raises ToolError for anything that the model should be told; OutcomeNotKnown, or ToolTimeout among them, if
        nobody can say whether it happened.
        """
        ...


@runtime_checkable
class ToolSource(Protocol):
    """Tools that live elsewhere and may come and go; an agent takes a source where it takes a tool.

    A model's request is put together without waiting for anything, so a source says at any moment which tools it has.
    Their names begin with the source's own and `__`.
    """

    @property
    def name(self) -> str: ...

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools as they are now, by name."""
        ...

    def absent(self, tool: str) -> str | None:
        """Why a tool of this source that is not in `tools` cannot be had now; None if the source has no such tool."""
        ...

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled, for as long as the runtime; started once the tools are known or not to be waited for.

        It raises nothing for a source that fails: that is told call by call.
        """
        ...
