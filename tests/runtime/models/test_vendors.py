"""What holds for every vendor, shown against a server that behaves as badly as real ones do on bad days."""

import gc
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import pytest
import trio
from plait.runtime.models.endpoint import Endpoint
from plait.runtime.models.model import Answered, Chunk, ModelError, TextChunk, User, canonical
from plait.runtime.tools.demo import demo_tools

from ...conftest import need_module
from .vendor import CUT, HOLD, Reply, events, refusal, serve_vendor, typed

need_module("anthropic")
need_module("openai")

from plait.runtime.models.anthropic import AnthropicModel
from plait.runtime.models.openai import OpenAIModel

KEY = "sk-very-secret-0123456789"
TOOLS = [tool.schema for tool in demo_tools()]


class Dialect(NamedTuple):
    """How a vendor's server says the same things."""

    model: type[OpenAIModel] | type[AnthropicModel]
    begun: list[bytes]
    done: list[bytes]

    def open(self, url: str, **more: Any) -> OpenAIModel | AnthropicModel:
        return self.model("some-model", Endpoint("Vendor", "VENDOR_API_KEY", KEY, url), **more)


OPENAI = Dialect(
    OpenAIModel,
    events(*({"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("Grüß ", "Gott"))),
    events({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]"),
)
ANTHROPIC = Dialect(
    AnthropicModel,
    typed(
        {"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüß "}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Gott"}},
        {"type": "content_block_stop", "index": 0},
    ),
    typed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}),
)
SAID = [TextChunk("Grüß "), TextChunk("Gott")]

pytestmark = pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])


@pytest.fixture(autouse=True)
async def _no_litter() -> AsyncIterator[None]:
    """MD3: whatever a stream leaves behind must show in its own test, as a warning that is an error."""
    yield
    gc.collect()
    await trio.lowlevel.checkpoint()


async def _all(model: OpenAIModel | AnthropicModel) -> list[Chunk]:
    async with model.stream(model.request("Be brief.", [User("hello")], [])) as chunks:
        return [chunk async for chunk in chunks]


async def _fails(dialect: Dialect, reply: Reply, **more: Any) -> ModelError:
    async with serve_vendor(reply) as vendor:
        model = dialect.open(vendor.url, **more)
        with pytest.raises(ModelError) as raised:
            await _all(model)
        await model.aclose()
        assert len(vendor.requests) == 1, "MD4"
        assert KEY not in str(raised.value), "MD7"
        return raised.value


async def test_what_goes_out_is_what_was_hashed(dialect: Dialect) -> None:
    """MD2: the body is canonical(request) byte for byte, with no secret in it; the key goes in a header."""
    # A number and a text that JSON encoders spell differently, the SDKs' and ours among them.
    async with serve_vendor(Reply([*dialect.begun, *dialect.done])) as vendor:
        model = dialect.open(vendor.url, options={"temperature": 1e-07, "note": "ü\u2028</script>"})
        request = model.request("Sei kurz. 🎀", [User('"hello"\n')], TOOLS)
        before = canonical(request)
        async with model.stream(request) as chunks:
            assert [chunk async for chunk in chunks][:-1] == SAID
        await model.aclose()
    (sent,) = vendor.requests
    assert sent.body == before == canonical(request)
    assert KEY not in sent.body.decode()
    assert any(KEY in value for value in sent.headers.values())
    assert sent.headers["content-type"] == "application/json"
    assert isinstance(request["messages"], list)


async def test_answers_share_a_connection(dialect: Dialect) -> None:
    whole = Reply([*dialect.begun, *dialect.done])
    async with serve_vendor(whole, whole, whole) as vendor:
        model = dialect.open(vendor.url)
        for _ in range(3):
            assert (await _all(model))[:-1] == SAID
        await model.aclose()
        await model.aclose()
        assert vendor.connections == 1


@pytest.mark.parametrize("end", [[], [CUT]], ids=["in good order", "in the middle"])
async def test_a_stream_without_its_terminal_event_is_an_error(dialect: Dialect, end: Sequence[Any]) -> None:
    """MD8: however it ended, what was streamed is not an answer."""
    failed = await _fails(dialect, Reply([*dialect.begun, *end]))
    assert (failed.code, failed.retry) == ("model-truncated", True)


async def test_an_empty_stream_is_truncated(dialect: Dialect) -> None:
    """MD8."""
    assert (await _fails(dialect, Reply([]))).code == "model-truncated"


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {not json}\n\n",
        b"event: message_start\ndata: \xff\xff\n\n",
        b'event: message_delta\ndata: {"type": "message_delta", "choices": 7, "delta": 7}\n\n',
    ],
    ids=["json", "utf-8", "shape"],
)
async def test_garbage_is_said_to_be_garbage(dialect: Dialect, garbage: bytes) -> None:
    """MD5."""
    failed = await _fails(dialect, Reply([*dialect.begun, garbage, *dialect.done]))
    assert (failed.code, failed.retry) == ("model-garbled", True)


async def test_a_page_where_a_stream_was_due(dialect: Dialect) -> None:
    """MD5: a proxy's login page comes with status 200."""
    failed = await _fails(dialect, Reply([b"<html>Log in</html>"], headers={"content-type": "text/html; charset=x"}))
    assert failed.code == "model-garbled"
    assert "text/html" in failed.message


async def test_a_rate_limit_says_when(dialect: Dialect) -> None:
    """MD6, MD4: one request, whatever the SDK would do by itself; retries belong to the durable loop."""
    failed = await _fails(dialect, refusal(429, {"type": "rate_limit_error", "message": "slow"}, {"retry-after": "7"}))
    assert (failed.code, failed.retry, failed.retry_after_s) == ("model-rate-limited", True, 7.0)
    assert "429: slow" in failed.message


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "model-refused-request"), (401, "model-auth"), (404, "model-refused-request"), (500, "model-failed")],
)
async def test_a_refusal_has_its_code(dialect: Dialect, status: int, code: str) -> None:
    """MD5, MD7: even if the server quotes the key."""
    failed = await _fails(dialect, refusal(status, {"type": "x", "message": f"no, {KEY}!"}))
    assert failed.code == code
    assert str(status) in failed.message


async def test_a_failure_that_is_not_json(dialect: Dialect) -> None:
    failed = await _fails(dialect, Reply([b"<h1>Bad gateway</h1>"], 502, {"content-type": "text/html"}))
    assert failed.code == "model-failed"


async def test_a_failure_that_is_cut(dialect: Dialect) -> None:
    """MD5: the SDKs let the HTTP library's error through here."""
    assert (await _fails(dialect, Reply([b"{", CUT], 500))).code == "model-unreachable"


async def test_an_error_in_the_middle_of_a_stream(dialect: Dialect) -> None:
    """MD5: its status line said 200 long ago."""
    event = typed({"type": "error", "error": {"type": "overloaded_error", "message": f"Overloaded, {KEY}"}})
    failed = await _fails(dialect, Reply([*dialect.begun, *event, HOLD]))
    assert (failed.code, failed.retry) == ("model-failed", True)
    assert "Overloaded" in failed.message


async def test_a_slow_first_byte_times_out(dialect: Dialect) -> None:
    failed = await _fails(dialect, Reply([HOLD], status=None), idle_s=0.05)
    assert (failed.code, failed.retry) == ("model-timeout", True)


async def test_silence_in_the_middle_times_out(dialect: Dialect) -> None:
    """MD13: time is bounded between bytes, not for a whole answer."""
    failed = await _fails(dialect, Reply([*dialect.begun, HOLD]), idle_s=0.2)
    assert (failed.code, failed.retry) == ("model-timeout", True)


async def test_a_server_that_is_not_there(dialect: Dialect) -> None:
    with socket.socket() as taken:  # Bound and not listening: nobody else gets the port, and nobody answers.
        taken.bind(("127.0.0.1", 0))
        model = dialect.open(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ModelError, match="cannot reach Vendor: all attempts to connect") as raised:
            await _all(model)
        await model.aclose()
    assert (raised.value.code, raised.value.retry) == ("model-unreachable", True)


async def test_a_server_that_hangs_up(dialect: Dialect) -> None:
    assert (await _fails(dialect, Reply([CUT], status=None))).code == "model-unreachable"


async def test_a_cancelled_step_gets_nothing_more(dialect: Dialect) -> None:
    """MD3: buffered events are not delivered after the cancel, and nothing is left open."""
    burst = b"".join([*dialect.begun] * 50)
    seen: list[Chunk] = []
    async with serve_vendor(Reply([burst, HOLD])) as vendor:
        model = dialect.open(vendor.url)
        with trio.CancelScope() as scope:
            async with model.stream(model.request("", [User("hi")], [])) as chunks:
                async for chunk in chunks:
                    seen.append(chunk)
                    if len(seen) == 5:
                        scope.cancel()
        assert scope.cancelled_caught
        assert len(seen) == 5
        await vendor.left.wait()
        await model.aclose()


async def test_a_cancel_while_nothing_comes(dialect: Dialect) -> None:
    """MD3."""
    async with serve_vendor(Reply([*dialect.begun, HOLD])) as vendor:
        model = dialect.open(vendor.url)
        seen: list[Chunk] = []
        async with trio.open_nursery() as nursery:
            arrived = trio.Event()

            async def read() -> None:
                async with model.stream(model.request("", [User("hi")], [])) as chunks:
                    async for chunk in chunks:
                        seen.append(chunk)
                        if len(seen) == 2:
                            arrived.set()

            nursery.start_soon(read)
            await arrived.wait()
            nursery.cancel_scope.cancel()
        await vendor.left.wait()
        await model.aclose()


@pytest.mark.parametrize("pieces", [0, 1, 2])
async def test_a_stream_may_be_left_early(dialect: Dialect, pieces: int) -> None:
    """MD3: the connection closes and no generator is left to the garbage collector, with or without an error."""
    held = Reply([b"".join(dialect.begun), HOLD])
    async with serve_vendor(held, held) as vendor:
        model = dialect.open(vendor.url)
        async with model.stream(model.request("", [User("hi")], [])) as chunks:
            for _ in range(pieces):
                await anext(chunks)
        with trio.fail_after(60):
            await vendor.left.wait()

        async def fail() -> None:
            async with model.stream(model.request("", [User("hi")], [])) as chunks:
                await anext(chunks)
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        await model.aclose()


async def test_the_last_chunk_is_the_answer(dialect: Dialect) -> None:
    """MD8: exactly one Answered, at the end, even if the server goes on talking or does not hang up."""
    async with serve_vendor(Reply([*dialect.begun, *dialect.done, *dialect.begun, HOLD])) as vendor:
        model = dialect.open(vendor.url)
        chunks = await _all(model)
        await model.aclose()
    assert chunks[:-1] == SAID
    assert isinstance(chunks[-1], Answered)
    assert chunks[-1].finish == "stop"
