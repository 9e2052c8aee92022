"""The port: who answers a prompt. A new vendor is one file beside this one and one line in `open_model`.

A model turns a conversation into a request, which is plain JSON and is written to the log before it is sent, and a
request into a stream of chunks. `request` is pure; `stream` sends exactly the bytes that `canonical(request)` gives, so
that what the model saw can be shown from the log. A stream that ends without `Answered` was cut, which is an error.

Files are the one exception, because a log of pictures would be a log of nothing else: a request holds a `File` where
the vendor wants its content, by hash, and `stream` is given the bytes and puts them there.

A model of somebody's own may lack what came later: `request` without options, `stream` without files, no `takes` and no
`titles`. Whoever asks a model therefore goes through `asking`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from ...protocol.errors import PlaitError
from ...protocol.events import Attachment, ToolCall, Usage
from ...protocol.options import DEFAULTS, Options

JSON = dict[str, Any]


File = Attachment
"""A file in a conversation, by the SHA-256 of its content. Without a `blob` the model is only told that it is there."""


class User(Struct, frozen=True, tag="user"):
    """What a person said, and the files that they attached."""

    text: str
    files: tuple[File, ...] = ()


class Assistant(Struct, frozen=True, tag="assistant"):
    """What the model said before, and the calls that it asked for. Reasoning is not sent back."""

    text: str
    calls: tuple[ToolCall, ...] = ()


class Result(Struct, frozen=True, tag="result"):
    """What a tool gave: JSON text, or an error's sentence with `failed`; and the files that it made."""

    call: str
    name: str
    text: str
    failed: bool = False
    files: tuple[File, ...] = ()


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


class SourceChunk(Struct, frozen=True):
    """Something that the vendor says the answer stands on. `url` is empty for what is not on the web, and never
    anything but http or https; `text` is the passage, if the vendor quotes one."""

    url: str
    title: str
    text: str = ""


class Answered(Struct, frozen=True):
    """The vendor's own word that the answer is complete. `finish`: stop, tool-calls, length or content-filter."""

    finish: str
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()


Chunk = TextChunk | ReasoningChunk | ArgumentsChunk | SourceChunk | Answered


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
    """One model of one vendor, ready to answer.

    Two attributes may be there as well. `takes: frozenset[str]` are the media types of the files that it can be shown,
    `text/*` among them if it reads text files; without it, or where it is empty, it is shown none. `titles: bool` says
    whether it makes sense to ask it for a room's title.
    """

    @property
    def name(self) -> str:
        """As given on the command line: `echo`, `openai:gpt-5`."""
        ...

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        """The request's whole body, with its conversation under `messages`; pure, and without secrets. What the vendor
        does not take of the options is left out."""
        ...

    def stream(
        self, request: JSON, files: Mapping[str, bytes] = {}
    ) -> AbstractAsyncContextManager[AsyncIterator[Chunk]]:
        """Send the request and yield chunks, the last one `Answered`. Raises ModelError. Cancellable at each chunk.

        `files` has the content of the request's files by their blobs; of one that is missing the model is told."""
        ...

    async def aclose(self) -> None:
        """Close connections. Idempotent."""
        ...


def canonical(value: Any) -> bytes:
    """JSON in the one spelling that is hashed and sent: compact, UTF-8, keys in the order given."""
    return msgspec.json.encode(value)
