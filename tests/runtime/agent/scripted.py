"""A model that says what a script says, so that tests decide every chunk, error and pause."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
import trio
from plait.protocol.events import ToolCall, Usage
from plait.protocol.options import DEFAULTS, Options
from plait.runtime.models.model import (
    JSON,
    Answered,
    ArgumentsChunk,
    Chunk,
    Message,
    ModelError,
    ReasoningChunk,
    TextChunk,
    ToolSchema,
)

Line = Chunk | ModelError | trio.Event | Exception
Script = Callable[[JSON], Iterable[Line]]
"""Given the request: chunks to yield, errors to raise, events to wait for."""


class Scripted:
    """`requests` are all that were sent."""

    name = "scripted"

    def __init__(self, script: Script) -> None:
        self.requests: list[JSON] = []
        self._script = script

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        said = [
            {"role": type(message).__name__, **{f: _plain(getattr(message, f)) for f in message.__struct_fields__}}
            for message in messages
        ]
        return {"model": "scripted", "system": instructions, "tools": [tool.name for tool in tools], "messages": said}

    @asynccontextmanager
    async def stream(self, request: JSON, files: Mapping[str, bytes] = {}) -> AsyncIterator[AsyncIterator[Chunk]]:
        self.requests.append(request)
        lines = self._lines(request)
        try:
            yield lines
        finally:
            await lines.aclose()

    async def _lines(self, request: JSON) -> AsyncGenerator[Chunk]:
        for line in self._script(request):
            await trio.lowlevel.checkpoint()
            if isinstance(line, Exception):
                raise line
            if isinstance(line, trio.Event):
                await line.wait()
            else:
                yield line

    async def aclose(self) -> None:
        pass


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [msgspec.to_builtins(each) for each in value]
    return value


def says(text: str) -> list[Line]:
    """An answer of a few chunks."""
    chunks: list[Line] = [TextChunk(word + " ") for word in text.split()]
    return [*chunks, Answered("stop", (), Usage(3, len(chunks)))]


def calls(*asked: tuple[str, str, str], thought: str = "Let me look. ") -> list[Line]:
    """Reasoning, some text, and calls (id, tool, arguments) whose arguments stream interleaved."""
    lines: list[Line] = [ReasoningChunk("hm "), TextChunk(thought)]
    lines += [ArgumentsChunk(id_, name, args[:3]) for id_, name, args in asked]
    lines += [ArgumentsChunk(id_, name, args[3:]) for id_, name, args in asked]
    made = tuple(ToolCall(id_, name, args) for id_, name, args in asked)
    return [*lines, Answered("tool-calls", made, Usage(5, 7))]


def answered(request: JSON) -> int:
    """How many results the conversation's newest prompt has had."""
    roles = [message["role"] for message in request["messages"]]
    return roles[len(roles) - roles[::-1].index("User") :].count("Result")
