"""The port: who answers a prompt. A new vendor is one file beside this one and one line in `open_model`.

A model turns a conversation into a request, which is plain JSON and is written to the log before it is sent, and a
request into a stream of chunks. `request` is pure; `stream` sends exactly the bytes that `canonical(request)` gives, so
that what the model saw can be shown from the log. A stream that ends without `Answered` was cut, which is an error.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from ...protocol.errors import PlaitError
from ...protocol.events import ToolCall, Usage

JSON = dict[str, Any]


class User(Struct, frozen=True, tag="user"):
    """What a person said."""

    text: str


class Assistant(Struct, frozen=True, tag="assistant"):
    """What the model said before, and the calls that it asked for. Reasoning is not sent back."""

    text: str
    calls: tuple[ToolCall, ...] = ()


class Result(Struct, frozen=True, tag="result"):
    """What a tool gave: JSON text, or an error's sentence with `failed`."""

    call: str
    name: str
    text: str
    failed: bool = False


Message = User | Assistant | Result


class ToolSchema(Struct, frozen=True):
    """A tool as a model sees it; `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: JSON


class TextChunk(Struct, frozen=True):
    """Some text of the answer."""

    text: str


class ReasoningChunk(Struct, frozen=True):
    """Some of the model's reasoning."""

    text: str


class ArgumentsChunk(Struct, frozen=True):
    """Some JSON text of a call's arguments (may be empty: the call exists). Calls may interleave; `call` tells them."""

    call: str
    name: str
    text: str


class Answered(Struct, frozen=True):
    """The vendor's own word that the answer is complete. `finish`: stop, tool-calls, length or content-filter."""

    finish: str
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()


Chunk = TextChunk | ReasoningChunk | ArgumentsChunk | Answered


class ModelError(PlaitError):
    """The model did not answer. `code` is stable (specs/models.md), `retry` says whether another try makes sense and
    `retry_after_s` when at the earliest, if the vendor said so. The sentence never holds a key."""

    def __init__(self, code: str, message: str, *, retry: bool, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry
        self.retry_after_s = retry_after_s


class ModelNotOpened(PlaitError):
    """No model can be had under that name here, now; the sentence says what to do about it. The operator's to mend."""


class Model(Protocol):
    """One model of one vendor, ready to answer."""

    @property
    def name(self) -> str:
        """As given on the command line: `echo`, `openai:gpt-5`."""
        ...

    def request(self, instructions: str, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> JSON:
        """The request's whole body, with its conversation under `messages`; pure, and without secrets."""
        ...

    def stream(self, request: JSON) -> AbstractAsyncContextManager[AsyncIterator[Chunk]]:
        """Send the request and yield chunks, the last one `Answered`. Raises ModelError. Cancellable at each chunk."""
        ...

    async def aclose(self) -> None:
        """Close connections. Idempotent."""
        ...


def canonical(value: Any) -> bytes:
    """JSON in the one spelling that is hashed and sent: compact, UTF-8, keys in the order given."""
    return msgspec.json.encode(value)
