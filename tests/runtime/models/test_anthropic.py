"""Anthropic's dialect."""

from typing import Any

import pytest
from plait.protocol.events import ToolCall, Usage
from plait.protocol.limits import MODEL_OUTPUT_TOKENS
from plait.runtime.models.endpoint import Endpoint
from plait.runtime.models.model import (
    Answered,
    ArgumentsChunk,
    Assistant,
    Chunk,
    ModelError,
    ReasoningChunk,
    Result,
    SourceChunk,
    TextChunk,
    ToolSchema,
    User,
)

from ...conftest import need_module
from . import vendor
from .vendor import Reply, typed

need_module("anthropic")

from plait.runtime.models.anthropic import AnthropicModel

CLOCK = ToolSchema("clock", "Tells the time.", {"type": "object", "properties": {}})
START = {"type": "message_start", "message": {"usage": {"input_tokens": 5, "output_tokens": 1}}}
STOP = {"type": "message_stop"}


def begin(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def more(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def finish(reason: str, **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


async def play(*said: Any) -> list[Chunk]:
    return await vendor.play(
        Reply(typed(*said)), lambda url: AnthropicModel("m", Endpoint("Anthropic", "ANTHROPIC_API_KEY", "sk-k", url))
    )


def open_model(**options: Any) -> AnthropicModel:
    return AnthropicModel("m", Endpoint("Anthropic", "ANTHROPIC_API_KEY", "sk-k"), options=options)


def test_a_request_is_a_message() -> None:
    """MD2: instructions stand in the head, results in one user message, a failed one says so."""
    calls = (ToolCall("c1", "clock", ""), ToolCall("c2", "clock", "[1]"), ToolCall("c3", "clock", '{"a":1}'))
    talk = [
        User("q"),
        Assistant("Look:", calls),
        Result("c1", "clock", '"noon"'),
        Result("c2", "clock", "no", failed=True),
        Result("c3", "clock", "1"),
        Assistant(" \n"),
        User("and?"),
    ]
    assert open_model().request("Be brief.", talk, [CLOCK]) == {
        "model": "m",
        "max_tokens": MODEL_OUTPUT_TOKENS,
        "stream": True,
        "system": "Be brief.",
        "tools": [{"name": "clock", "description": "Tells the time.", "input_schema": CLOCK.parameters}],
        "messages": [
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Look:"},
                    {"type": "tool_use", "id": "c1", "name": "clock", "input": {}},
                    {"type": "tool_use", "id": "c2", "name": "clock", "input": {"not_an_object": "[1]"}},
                    {"type": "tool_use", "id": "c3", "name": "clock", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": '"noon"'},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "no", "is_error": True},
                    {"type": "tool_result", "tool_use_id": "c3", "content": "1"},
                ],
            },
            {"role": "user", "content": "and?"},
        ],
    }


def test_max_tokens_is_stated_and_can_be_changed() -> None:
    """MD16."""
    assert open_model().request("", [User("q")], [])["max_tokens"] == MODEL_OUTPUT_TOKENS
    assert open_model(max_tokens=5).request("", [User("q")], [])["max_tokens"] == 5
    assert set(open_model().request("", [User("q")], [])) == {"model", "max_tokens", "stream", "messages"}


async def test_thinking_text_calls_and_usage() -> None:
    """MD14, MD26: what was read from or written to the cache is part of the input, thinking part of the output."""
    usage = {"input_tokens": 5, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 7, "output_tokens": 1}
    chunks = await play(
        {"type": "message_start", "message": {"usage": usage}},
        begin(0, type="thinking", thinking="", signature=""),
        more(0, type="thinking_delta", thinking="hm"),
        more(0, type="signature_delta", signature="xyz"),
        begin(1, type="text", text=""),
        more(1, type="text_delta", text="Look:"),
        begin(2, type="tool_use", id="a", name="clock", input={}),
        begin(3, type="tool_use", id="b", name="clock", input={}),
        more(2, type="input_json_delta", partial_json=""),
        more(3, type="input_json_delta", partial_json="{}"),
        more(2, type="input_json_delta", partial_json='{"z":'),
        more(2, type="input_json_delta", partial_json="1}"),
        begin(4, type="something_new", anything=1),
        {"type": "something_else", "index": 4},
        finish("tool_use", output_tokens=40, output_tokens_details={"thinking_tokens": 9}),
        STOP,
    )
    assert chunks == [
        ReasoningChunk("hm"),
        TextChunk("Look:"),
        ArgumentsChunk("a", "clock", ""),
        ArgumentsChunk("b", "clock", ""),
        ArgumentsChunk("b", "clock", "{}"),
        ArgumentsChunk("a", "clock", '{"z":'),
        ArgumentsChunk("a", "clock", "1}"),
        Answered("tool-calls", (ToolCall("a", "clock", '{"z":1}'), ToolCall("b", "clock", "{}")), Usage(42, 40, 30, 9)),
    ]


async def test_what_an_answer_stands_on() -> None:
    """MD25: pages, search results that a tool gave, and documents of the conversation, which have no address."""
    cited = [
        {"type": "web_search_result_location", "url": "https://e.org", "title": "E", "cited_text": "so", "extra": 1},
        {"type": "search_result_location", "source": "docs/7", "title": None, "cited_text": "it"},
        {"type": "page_location", "document_index": 0, "document_title": "paper.pdf", "cited_text": "is"},
        {"type": "char_location", "document_index": 0, "document_title": None, "cited_text": "lost"},
    ]
    chunks = await play(
        START,
        begin(0, type="text", text="", citations=[]),
        more(0, type="text_delta", text="So it is"),
        *(more(0, type="citations_delta", citation=each) for each in (*cited, cited[0])),
        finish("end_turn", output_tokens=2),
        STOP,
    )
    assert chunks == [
        TextChunk("So it is"),
        SourceChunk("https://e.org", "E", "so"),
        SourceChunk("", "docs/7", "it"),
        SourceChunk("", "paper.pdf", "is"),
        Answered("stop", usage=Usage(5, 2)),
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content-filter"),
        ("whatever", "stop"),
    ],
)
async def test_a_stop_reason_has_our_word(theirs: str, ours: str) -> None:
    """MD15."""
    assert await play(START, finish(theirs, output_tokens=2), STOP) == [Answered(ours, usage=Usage(5, 2))]


async def test_a_stop_reason_is_not_the_end() -> None:
    """MD8: only message_stop is."""
    with pytest.raises(ModelError) as raised:
        await play(START, finish("end_turn", output_tokens=2))
    assert raised.value.code == "model-truncated"
