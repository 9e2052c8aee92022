"""OpenAI and whatever speaks its chat completions: `OPENAI_BASE_URL` points to any of them, local ones included.

Chat completions rather than the Responses API, because that is what the others imitate. The terminal event is
`data: [DONE]`; a stream that ended after a `finish_reason` is taken for whole as well, since that is the vendor's own
word and only usage can be missing then. Imitators' dialects are understood where they are known: `reasoning_content`
and `reasoning`, calls without a place, errors in the middle of a stream.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import openai
from msgspec import Struct

from ...protocol.events import Usage
from ...protocol.limits import MODEL_IDLE_S
from ...protocol.options import DEFAULTS, Options
from .calls import Calls
from .chat import chat_messages, chat_tools, with_contents
from .endpoint import Endpoint, endpoint_from_environment
from .failures import event_failure, failure
from .model import (
    JSON,
    Answered,
    Chunk,
    Message,
    ModelError,
    ReasoningChunk,
    TextChunk,
    ToolSchema,
    canonical,
)
from .openai_options import SHOWN, kind_of_model, option_fields, takes_files
from .sources import Sources
from .sse import ServerEvent
from .structured import in_instructions, is_object
from .wire import Wire, body_of, timeouts

FINISHES = {
    "stop": "stop",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "length": "length",
    "content_filter": "content-filter",
}
"""The vendor's word -> ours; an unknown one is a stop."""


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(Struct):
    content: str | None = None
    refusal: str | None = None
    # Not part of OpenAI's own; what others put there is not always text.
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: list[_Call] | None = None
    annotations: Any = None


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Details(Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Piece(Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


class OpenAIModel:
    """One model behind one endpoint. `options` are further fields of every request, as the vendor names them;
    `takes` are the media types that it can be shown, of pictures, PDF and text, where its name does not tell."""

    titles = True

    def __init__(
        self,
        model: str,
        endpoint: Endpoint,
        options: JSON | None = None,
        idle_s: float = MODEL_IDLE_S,
        takes: frozenset[str] | None = None,
    ) -> None:
        self.name = f"openai:{model}"
        self._model = model
        self._options = options or {}
        self._kind = kind_of_model(model, endpoint.url)
        self.takes = takes_files(model, self._kind) if takes is None else takes & SHOWN
        client = openai.AsyncOpenAI(
            api_key=endpoint.key, base_url=endpoint.url, max_retries=0, timeout=timeouts(idle_s)
        )
        self._wire = Wire(openai, client, "/chat/completions", endpoint, _is_done)

    @classmethod
    def from_environment(cls, model: str) -> "OpenAIModel":
        """The model by that name, with key and endpoint from the environment. Raises ModelNotOpened."""
        return cls(model, endpoint_from_environment("OpenAI", "openai", model, "gpt-5"))

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        if options.output is not None and not is_object(options.output.schema):
            instructions = in_instructions(instructions, options.output)
        asked = option_fields(self._kind, options, bool(tools))
        request: JSON = {"model": self._model, **self._options, **asked}
        if "max_completion_tokens" in asked:
            request.pop("max_tokens", None)  # The older name of the same, which is refused beside it.
        request |= {"stream": True, "stream_options": {"include_usage": True}}
        if tools:
            request["tools"] = chat_tools(tools)
        request["messages"] = chat_messages(instructions, messages, self.takes)
        return request

    @asynccontextmanager
    async def stream(self, request: JSON, files: Mapping[str, bytes] = {}) -> AsyncIterator[AsyncIterator[Chunk]]:
        calls = Calls(canonical(request))
        body = await body_of(with_contents, request, files)
        async with self._wire.send(body) as events, aclosing(self._chunks(events, calls)) as chunks:
            yield chunks

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def _chunks(self, events: AsyncIterator[ServerEvent], calls: Calls) -> AsyncGenerator[Chunk]:
        finish: str | None = None
        usage = Usage()
        sources = Sources()
        try:
            async for event in events:
                if _is_done(event):
                    continue
                piece = self._piece(event)
                if piece.usage is not None:
                    usage = _read_usage(piece.usage)
                for choice in piece.choices or ():
                    finish = choice.finish_reason or finish
                    if choice.delta is not None:
                        for chunk in _read_delta(choice.delta, calls):
                            yield chunk
                        for source in sources.read(_citations(choice.delta)):
                            yield source
        except ModelError as error:
            if finish is None or error.code not in ("model-truncated", "model-timeout"):
                raise
        if finish is None:
            raise failure("model-truncated", f"{self._wire.vendor}'s answer ended without a finish reason")
        yield _answered(finish, calls, usage)

    def _piece(self, event: ServerEvent) -> _Piece:
        piece = self._wire.read(event, _Piece)
        if piece.error is not None:
            raise event_failure(self._wire.endpoint, piece.error)
        return piece


def _is_done(event: ServerEvent) -> bool:
    return event.data == "[DONE]"


def _read_delta(delta: _Delta, calls: Calls) -> list[Chunk]:
    chunks: list[Chunk] = []
    reasoning = delta.reasoning_content or delta.reasoning
    if isinstance(reasoning, str) and reasoning:
        chunks.append(ReasoningChunk(reasoning))
    # A refusal is what the model says to the person, so it is shown as that.
    chunks += [TextChunk(text) for text in (delta.content, delta.refusal) if text]
    for call in delta.tool_calls or ():
        function = call.function or _Function()
        chunks += calls.add(call.index, call.id, function.name, function.arguments)
    return chunks


def _citations(delta: _Delta) -> list[tuple[Any, Any, Any]]:
    """URL, title and passage of what the answer stands on; OpenRouter gives the passage, OpenAI does not."""
    noted = delta.annotations if isinstance(delta.annotations, list) else []
    cited = [note.get("url_citation") for note in noted if isinstance(note, dict)]
    return [(each.get("url"), each.get("title"), each.get("content")) for each in cited if isinstance(each, dict)]


def _read_usage(usage: _Usage) -> Usage:
    read, made = usage.prompt_tokens_details or _Details(), usage.completion_tokens_details or _Details()
    return Usage(
        usage.prompt_tokens or 0, usage.completion_tokens or 0, read.cached_tokens or 0, made.reasoning_tokens or 0
    )


def _answered(finish: str, calls: Calls, usage: Usage) -> Answered:
    whole = calls.whole()
    ours = FINISHES.get(finish, "stop")
    # Some servers say `stop` after calls; an answer that was cut by its length stays cut.
    return Answered("tool-calls" if whole and ours == "stop" else ours, whole, usage)
