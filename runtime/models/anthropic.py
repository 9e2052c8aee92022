"""Anthropic's messages: the same port over its official SDK.

The system prompt stands in the head, beside `max_tokens`, which the vendor insists on and which is MODEL_OUTPUT_TOKENS
unless options say otherwise. Results of tools go back as blocks of one user message, directly after the answer that
asked for them. Whether a model thinks is left to it unless options say so (`anthropic_options`); what it thought is not
sent back, because a conversation here does not carry it. The terminal event is `message_stop`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anthropic
from msgspec import Struct

from ...protocol.events import Usage
from ...protocol.limits import MODEL_IDLE_S, MODEL_OUTPUT_TOKENS
from ...protocol.options import DEFAULTS, Options
from .anthropic_blocks import message_blocks, with_contents
from .anthropic_options import kind_of_model, option_fields
from .calls import Calls
from .endpoint import Endpoint, endpoint_from_environment
from .failures import event_failure
from .files import PDF, PICTURES, TEXT
from .model import (
    JSON,
    Answered,
    Chunk,
    Message,
    ReasoningChunk,
    Result,
    TextChunk,
    ToolSchema,
    canonical,
)
from .sources import Sources
from .sse import ServerEvent
from .structured import in_instructions
from .wire import Wire, body_of, timeouts

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool-calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content-filter",
}
"""The vendor's word -> ours; an unknown one is a stop."""


class _Details(Struct):
    thinking_tokens: int | None = None


class _Citation(Struct):
    """Of a page on the web, of a search result that a tool gave, or of a document in the conversation."""

    url: Any = None
    source: Any = None
    title: Any = None
    document_title: Any = None
    cited_text: Any = None


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _Details | None = None


class _Message(Struct):
    usage: _Usage | None = None


class _Block(Struct):
    type: str = ""
    id: str | None = None
    name: str | None = None
    text: str | None = None


class _Delta(Struct):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    citation: _Citation | None = None


class _Event(Struct):
    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: Any = None


class AnthropicModel:
    """One model of Anthropic. `options` are further fields of every request, as the vendor names them."""

    takes = PICTURES | {PDF, TEXT}
    titles = True

    def __init__(
        self, model: str, endpoint: Endpoint, options: JSON | None = None, idle_s: float = MODEL_IDLE_S
    ) -> None:
        self.name = f"anthropic:{model}"
        self._model = model
        self._kind = kind_of_model(model, endpoint.url)
        self._options = {"max_tokens": MODEL_OUTPUT_TOKENS} | (options or {})
        client = anthropic.AsyncAnthropic(
            api_key=endpoint.key, base_url=endpoint.url, max_retries=0, timeout=timeouts(idle_s)
        )
        self._wire = Wire(anthropic, client, "/v1/messages", endpoint, _is_stop)

    @classmethod
    def from_environment(cls, model: str) -> "AnthropicModel":
        """The model by that name, with key and endpoint from the environment. Raises ModelNotOpened."""
        return cls(model, endpoint_from_environment("Anthropic", "anthropic", model, "claude-sonnet-4-5"))

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        after_result = bool(messages) and isinstance(messages[-1], Result)
        asked = option_fields(self._kind, options, self._options["max_tokens"], after_result)
        request: JSON = {"model": self._model, **self._options, **asked, "stream": True}
        if "output_config" in asked:
            request["output_config"] = self._options.get("output_config", {}) | asked["output_config"]
        if options.output is not None and "format" not in asked.get("output_config", {}):
            instructions = in_instructions(instructions, options.output)
        if instructions:
            request["system"] = instructions
        if tools:
            request["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools
            ]
        request["messages"] = message_blocks(messages, self.takes)
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
        finish, spent, sources = "end_turn", _Usage(), Sources()
        async for raw in events:
            event = self._event(raw)
            if event.type == "message_start" and event.message is not None:
                spent = _update(spent, event.message.usage)
            elif event.type == "message_delta":
                spent = _update(spent, event.usage)
                finish = (event.delta and event.delta.stop_reason) or finish
            else:
                for chunk in _read_block(event, calls):
                    yield chunk
                for source in sources.read(_citations(event)):
                    yield source
        yield Answered(FINISHES.get(finish, "stop"), calls.whole(), _read_usage(spent))

    def _event(self, raw: ServerEvent) -> _Event:
        event = self._wire.read(raw, _Event)
        if event.type == "error":
            raise event_failure(self._wire.endpoint, event.error)
        return event


def _is_stop(event: ServerEvent) -> bool:
    return event.event == "message_stop"


def _read_block(event: _Event, calls: Calls) -> list[Chunk]:
    block, delta = event.content_block, event.delta
    if event.type == "content_block_start" and block is not None:
        if block.type == "tool_use":
            return list(calls.add(event.index, block.id, block.name, None))
        return [TextChunk(block.text)] if block.text else []
    if event.type == "content_block_delta" and delta is not None:
        if delta.text:
            return [TextChunk(delta.text)]
        if delta.thinking:
            return [ReasoningChunk(delta.thinking)]
        if delta.partial_json:
            return list(calls.add(event.index, None, None, delta.partial_json))
    return []


def _citations(event: _Event) -> list[tuple[Any, Any, Any]]:
    """Address, title and passage of what the text before stands on; a document in the conversation has no address."""
    cited = event.delta and event.delta.citation
    return [(cited.url or cited.source, cited.title or cited.document_title, cited.cited_text)] if cited else []


def _update(spent: _Usage, news: _Usage | None) -> _Usage:
    """Later counts replace earlier ones; what the later event leaves out stays."""
    if news is None:
        return spent
    fields = _Usage.__struct_fields__
    return _Usage(*(getattr(news, f) if getattr(news, f) is not None else getattr(spent, f) for f in fields))


def _read_usage(spent: _Usage) -> Usage:
    """Anthropic counts what it read from or wrote to its cache apart from the input; here it is part of it."""
    cached = spent.cache_read_input_tokens or 0
    fresh = (spent.input_tokens or 0) + (spent.cache_creation_input_tokens or 0)
    details = spent.output_tokens_details or _Details()
    return Usage(fresh + cached, spent.output_tokens or 0, cached, details.thinking_tokens or 0)
