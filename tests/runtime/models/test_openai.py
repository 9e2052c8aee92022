"""OpenAI's dialect, and those of the servers that imitate it."""

from collections.abc import Sequence
from typing import Any

import pytest
from plait.protocol.events import ToolCall, Usage
from plait.protocol.limits import MODEL_SOURCES, TOOL_CALLS_PER_STEP
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
from .vendor import CUT, HOLD, Act, Reply, events

need_module("openai")

from plait.runtime.models.openai import OpenAIModel

CLOCK = ToolSchema("clock", "Tells the time.", {"type": "object", "properties": {}})


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def piece(index: int | None, call: str | None = None, name: str | None = None, arguments: str | None = None) -> Any:
    return {"index": index, "id": call, "function": {"name": name, "arguments": arguments}}


async def play(*said: Any, end: Sequence[Act] = (), idle_s: float = 5.0) -> list[Chunk]:
    return await vendor.play(
        Reply([*events(*said), *end]),
        lambda url: OpenAIModel("m", Endpoint("OpenAI", "OPENAI_API_KEY", "sk-k", url), idle_s=idle_s),
    )


def test_a_request_is_a_chat_completion() -> None:
    """MD2: what each field is; a failed result says so in its text."""
    model = OpenAIModel("m", Endpoint("OpenAI", "OPENAI_API_KEY", "sk-k"), options={"seed": 1})
    calls = (ToolCall("c1", "clock", ""), ToolCall("c2", "clock", '{"a":1}'))
    talk = [User("q"), Assistant("", calls), Result("c1", "clock", '"noon"'), Result("c2", "clock", "no", failed=True)]
    assert model.request("Be brief.", talk, [CLOCK]) == {
        "model": "m",
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {"name": "clock", "description": "Tells the time.", "parameters": CLOCK.parameters},
            }
        ],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
                    {"id": "c2", "type": "function", "function": {"name": "clock", "arguments": '{"a":1}'}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": '"noon"'},
            {"role": "tool", "tool_call_id": "c2", "content": "Error: no"},
        ],
    }
    assert "tools" not in model.request("", [User("q")], [])


async def test_reasoning_text_calls_and_usage() -> None:
    """MD14, MD26: calls interleave by their place, and the answer holds them whole."""
    chunks = await play(
        delta(role="assistant", content=""),
        delta(reasoning_content="hm "),
        delta(reasoning="so"),
        delta(reasoning={"not": "text"}),
        delta(content="Look:"),
        delta(tool_calls=[piece(0, "a", "clock", "")]),
        delta(tool_calls=[piece(0, None, None, '{"z'), piece(1, "b", "clock", "{")]),
        delta(tool_calls=[piece(1, "b", "clock", "}"), piece(0, None, None, '":1}')]),
        delta("tool_calls"),
        {
            "choices": [],
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
        },
        "[DONE]",
    )
    assert chunks == [
        ReasoningChunk("hm "),
        ReasoningChunk("so"),
        TextChunk("Look:"),
        ArgumentsChunk("a", "clock", ""),
        ArgumentsChunk("a", "clock", '{"z'),
        ArgumentsChunk("b", "clock", "{"),
        ArgumentsChunk("b", "clock", "}"),
        ArgumentsChunk("a", "clock", '":1}'),
        Answered("tool-calls", (ToolCall("a", "clock", '{"z":1}'), ToolCall("b", "clock", "{}")), Usage(9, 4, 8, 3)),
    ]


def cites(*cited: Any) -> dict[str, Any]:
    return delta(annotations=[{"type": "url_citation", "url_citation": each} for each in cited])


async def test_what_an_answer_stands_on_is_told_once() -> None:
    """MD25: with the passage where a server gives one, and never as a link that is none."""
    page = {"url": "https://example.org/a", "title": "A", "start_index": 0, "end_index": 4}
    odd = {"url": "javascript:alert(1)", "title": "Press me"}
    chunks = await play(
        delta(content="So it is"),
        cites(page, page, {**page, "content": "so"}),
        cites(page, odd, {"url": "HTTP://example.org/b"}, {"title": ""}, {"url": 7, "title": ["x"]}, "rubbish", None),
        delta("stop", annotations={"not": "a list"}),
        delta(annotations=["rubbish"]),
        "[DONE]",
    )
    assert chunks == [
        TextChunk("So it is"),
        SourceChunk("https://example.org/a", "A"),
        SourceChunk("https://example.org/a", "A", "so"),
        SourceChunk("", "Press me"),
        SourceChunk("HTTP://example.org/b", "HTTP://example.org/b"),
        Answered("stop"),
    ]


async def test_sources_have_their_limit() -> None:
    """MD25."""
    cited = [{"url": f"https://example.org/{n}", "title": "x" * 9000} for n in range(MODEL_SOURCES + 1)]
    chunks = await play(cites(*cited), delta("stop"), "[DONE]")
    assert len(chunks) == MODEL_SOURCES + 1
    assert isinstance(chunks[0], SourceChunk)
    assert len(chunks[0].title) == 2000


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content-filter"), ("whatever", "stop")],
)
async def test_a_finish_reason_has_our_word(theirs: str, ours: str) -> None:
    """MD15."""
    assert await play(delta(theirs, content="x"), "[DONE]") == [TextChunk("x"), Answered(ours)]


async def test_a_refusal_is_what_the_model_says() -> None:
    assert await play(delta("stop", refusal="I will not."), "[DONE]") == [TextChunk("I will not."), Answered("stop")]


async def test_calls_with_the_word_stop_are_calls() -> None:
    """MD15: imitators say `stop` after calls; one that was cut by its length stays cut."""
    call = delta(tool_calls=[piece(0, "a", "clock", "{}")])
    for theirs, ours in (("stop", "tool-calls"), ("length", "length")):
        last = (await play(call, delta(theirs), "[DONE]"))[-1]
        assert last == Answered(ours, (ToolCall("a", "clock", "{}"),))


async def test_calls_that_all_have_the_place_0_or_none() -> None:
    """MD14: a new id is a new call."""
    for place in (0, None):
        last = (
            await play(
                delta(tool_calls=[piece(place, "a", "clock", "{}")]),
                delta(tool_calls=[piece(place, "b", "clock", "{")]),
                delta("stop", tool_calls=[piece(place, None, None, "}")]),
                "[DONE]",
            )
        )[-1]
        assert isinstance(last, Answered)
        assert last.calls == (ToolCall("a", "clock", "{}"), ToolCall("b", "clock", "{}"))


async def test_calls_without_an_id_get_one_that_a_second_try_repeats() -> None:
    """MD14."""
    said = (delta("stop", tool_calls=[piece(0, "", "clock", "{}"), piece(1, None, "clock", "{}")]), "[DONE]")
    once, again = (await play(*said))[-1], (await play(*said))[-1]
    assert isinstance(once, Answered)
    assert once == again
    assert len({call.id for call in once.calls}) == 2


async def test_an_id_of_an_earlier_answer_is_not_taken_again() -> None:
    """MD14: some servers count from 0 in each answer, and a result must belong to one call."""
    said = (
        delta(tool_calls=[piece(0, "call_0", "clock", "{")]),
        delta("tool_calls", tool_calls=[piece(0, "call_0", None, "}")]),
    )
    earlier = [User("hi"), Assistant("", (ToolCall("call_0", "clock", "{}"),)), Result("call_0", "clock", "noon")]
    async with vendor.serve_vendor(Reply(events(*said, "[DONE]"))) as server:
        model = OpenAIModel("m", Endpoint("OpenAI", "OPENAI_API_KEY", "sk-k", server.url))
        async with model.stream(model.request("", earlier, [])) as stream:
            chunks = [chunk async for chunk in stream]
        await model.aclose()
    last = chunks[-1]
    assert isinstance(last, Answered)
    (call,) = last.calls
    assert (call.name, call.args) == ("clock", "{}")
    assert call.id != "call_0"
    assert {chunk.call for chunk in chunks if isinstance(chunk, ArgumentsChunk)} == {call.id}


async def test_a_call_is_shown_when_its_name_is_known() -> None:
    said = (
        delta(tool_calls=[piece(0, "a", None, "{")]),
        delta("tool_calls", tool_calls=[piece(0, None, "clock", "}")]),
    )
    chunks = await play(*said, "[DONE]")
    assert chunks[0] == ArgumentsChunk("a", "clock", "{}")
    with pytest.raises(ModelError, match="without a tool's name"):
        await play(said[0], delta("tool_calls"), "[DONE]")


async def test_too_many_calls_are_refused() -> None:
    """MD14: law 6."""
    calls = [piece(n, f"c{n}", "clock", "{}") for n in range(TOOL_CALLS_PER_STEP + 1)]
    last = (await play(delta("tool_calls", tool_calls=calls[:-1]), "[DONE]"))[-1]
    assert isinstance(last, Answered)
    assert len(last.calls) == TOOL_CALLS_PER_STEP
    with pytest.raises(ModelError, match="more than") as raised:
        await play(delta("tool_calls", tool_calls=calls), "[DONE]")
    assert (raised.value.code, raised.value.retry) == ("model-too-many-calls", False)


@pytest.mark.parametrize("end", [(), (CUT,), (HOLD,)], ids=["ended", "cut", "silent"])
async def test_a_finish_reason_is_the_vendors_word(end: Sequence[Act]) -> None:
    """MD8: some servers send no [DONE]; after a finish reason only usage can be missing."""
    assert await play(delta("stop", content="x"), end=end, idle_s=1) == [TextChunk("x"), Answered("stop")]


async def test_done_without_a_finish_reason_is_truncated() -> None:
    """MD8: somebody between us and the model closed what the model had not."""
    with pytest.raises(ModelError, match="without a finish reason") as raised:
        await play(delta(content="x"), "[DONE]")
    assert raised.value.code == "model-truncated"


async def test_an_error_in_an_imitators_stream() -> None:
    """MD5."""
    with pytest.raises(ModelError) as raised:
        await play(delta(content="x"), {"error": {"message": "busy", "code": 429}}, "[DONE]")
    assert (raised.value.code, raised.value.retry) == ("model-rate-limited", True)
