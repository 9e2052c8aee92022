"""Anthropic's messages: the same port over its official SDK.

The system prompt stands in the head, beside `max_tokens`, which the vendor insists on and which is MODEL_OUTPUT_TOKENS
unless `options` say otherwise. Results of tools go back as blocks of one user message, directly after the answer that
asked for them. Thinking is off unless `options` turn it on: with tools the vendor then wants signed thinking sent
back, which a conversation here does not carry. The terminal event is `message_stop`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, assert_never

import anthropic
import msgspec
from msgspec import Struct

from ...protocol.events import ToolCall, Usage
from ...protocol.limits import MODEL_IDLE_S, MODEL_OUTPUT_TOKENS
from ...protocol.options import DEFAULTS, Options
from .calls import Calls
from .endpoint import Endpoint, endpoint_from_environment
from .failures import event_failure
from .model import (
    JSON,
    Answered,
    Assistant,
    Chunk,
    Message,
    ReasoningChunk,
    Result,
    TextChunk,
    ToolSchema,
    User,
    canonical,
)
from .sse import ServerEvent
from .wire import Wire, timeouts

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


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


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


class _Event(Struct):
    type: str = ""
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: Any = None


class AnthropicModel:
    """One model of Anthropic. `options` are further fields of every request, such as `temperature`."""

    def __init__(
        self, model: str, endpoint: Endpoint, options: JSON | None = None, idle_s: float = MODEL_IDLE_S
    ) -> None:
        self.name = f"anthropic:{model}"
        self._model = model
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
        request: JSON = {"model": self._model, **self._options, "stream": True}
        if instructions:
            request["system"] = instructions
        if tools:
            request["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters} for tool in tools
            ]
        request["messages"] = message_blocks(messages)
        return request

    @asynccontextmanager
    async def stream(self, request: JSON, files: Mapping[str, bytes] = {}) -> AsyncIterator[AsyncIterator[Chunk]]:
        body = canonical(request)
        async with self._wire.send(body) as events, aclosing(self._chunks(events, Calls(body))) as chunks:
            yield chunks

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def _chunks(self, events: AsyncIterator[ServerEvent], calls: Calls) -> AsyncGenerator[Chunk]:
        finish, spent = "end_turn", _Usage()
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
        yield Answered(FINISHES.get(finish, "stop"), calls.whole(), _read_usage(spent))

    def _event(self, raw: ServerEvent) -> _Event:
        event = self._wire.read(raw, _Event)
        if event.type == "error":
            raise event_failure(self._wire.endpoint, event.error)
        return event


def message_blocks(messages: Sequence[Message]) -> list[JSON]:
    """The conversation as Anthropic takes it; consecutive results share one message, and nothing is empty."""
    said: list[JSON] = []
    for message in messages:
        match message:
            case User(text=text):
                said.append({"role": "user", "content": text})
            case Assistant(text=text, calls=calls):
                # Blocks without a visible character are refused, and an answer that was stopped early has none.
                blocks: list[JSON] = [{"type": "text", "text": text}] if text.strip() else []
                blocks += [
                    {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call)} for call in calls
                ]
                if blocks:
                    said.append({"role": "assistant", "content": blocks})
            case Result(call=call, text=text, failed=failed):
                block: JSON = {"type": "tool_result", "tool_use_id": call, "content": text}
                if failed:
                    block["is_error"] = True
                if said and said[-1]["role"] == "user" and isinstance(said[-1]["content"], list):
                    said[-1]["content"].append(block)
                else:
                    said.append({"role": "user", "content": [block]})
            case _:
                assert_never(message)
    return said


def _input(call: ToolCall) -> JSON:
    """The vendor wants an object where arguments may be any text that the model wrote."""
    try:
        value = msgspec.json.decode(call.args or "{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"not_an_object": call.args}


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
    return Usage(fresh + cached, spent.output_tokens or 0, cached)
