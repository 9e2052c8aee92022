"""The port: what an agent can call. A new kind of tool is one file beside this one."""

from collections.abc import Awaitable
from typing import Any, Literal, Protocol

from ..models.model import ToolSchema

Effect = Literal["read", "idempotent", "write"]
"""What a call may change outside: nothing; something, but only once for one key; anything. After a crash a read runs
again, an idempotent one is retried with its key, and of a write nobody can say whether it happened (law 7)."""


class ToolError(Exception):
    """A tool says so itself: the sentence goes to the model and into the document."""


class Tool(Protocol):
    """Something with a schema that can be called with JSON arguments."""

    @property
    def schema(self) -> ToolSchema: ...

    @property
    def effect(self) -> Effect: ...

    def call(self, args: str, key: str) -> Awaitable[Any]:
        """Run it with JSON text for arguments; what it returns is encoded to JSON by the step.

        `key` is stable over retries of one call and unique among calls. Raises ToolError for anything that the model
        should be told.
        """
        ...
