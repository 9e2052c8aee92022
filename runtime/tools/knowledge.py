"""Knowledge: searches in what an agent's host knows, as tools that people see as such.

A host that has an index, a database or a search engine gives an agent a function that takes a query and returns
`Source`s. The agent asks it as it asks any tool; people see the search and, behind it, the sources that it found, and
the model gets their titles, addresses and texts.
"""

from collections.abc import Callable
from typing import Any, Literal, overload

import msgspec

from .call import Call, Source
from .function import FunctionTool
from .tool import ToolError


class KnowledgeTool(FunctionTool):
    """A search. A read by its nature: it is repeated after a crash, and abandoned when nobody wants it any more."""

    shows: Literal["", "retrieval"] = "retrieval"

    def __init__(self, function: Callable[..., Any], name: str, timeout_s: float | None) -> None:
        super().__init__(function, "read", name, timeout_s=timeout_s)

    async def call(self, args: str, call: Call, /) -> list[dict[str, str]]:
        """The sources, shown to people and as the model is told them. Raises ToolError if there are others among them
        than sources, or objects with their attributes."""
        found = await super().call(args, call)
        try:
            sources = msgspec.convert(found, list[Source], from_attributes=True)
        except msgspec.ValidationError as error:
            raise ToolError(f"{self.schema.name} returned something else than a list of sources: {error}") from error
        for source in sources:
            call.show(source)
        return [_told(source) for source in sources]


def _told(source: Source) -> dict[str, str]:
    """A source in the model's words, without what it does not have."""
    told = {"title": source.title, "url": source.url, "text": source.excerpt}
    return {key: value for key, value in told.items() if value}


@overload
def knowledge(function: Callable[..., Any], /) -> KnowledgeTool: ...
@overload
def knowledge(
    *, name: str | None = None, timeout_s: float | None = None
) -> Callable[[Callable[..., Any]], KnowledgeTool]: ...
def knowledge(
    function: Callable[..., Any] | None = None, /, *, name: str | None = None, timeout_s: float | None = None
) -> KnowledgeTool | Callable[[Callable[..., Any]], KnowledgeTool]:
    """Make a search of a function, sync or async, that returns `list[Source]`: `@knowledge`, or with options.

    An agent takes such a function, decorated or plain, in its `knowledge`. Its docstring tells the model what is to be
    found there. Raises TypeError and ValueError as `tool` does.
    """

    def make(function: Callable[..., Any]) -> KnowledgeTool:
        return KnowledgeTool(function, name or getattr(function, "__name__", type(function).__name__), timeout_s)

    return make if function is None else make(function)


def knowledge_tool(function: Callable[..., Any]) -> KnowledgeTool:
    """The search that an agent was given, as a tool."""
    return function if isinstance(function, KnowledgeTool) else knowledge(function)
