"""`openai:` against a model that answers for itself: MD2, MD3 and MD8 met by a stream that nobody wrote."""

import re
from contextlib import aclosing

import pytest
import trio
from plait.runtime.models import open_model
from plait.runtime.models.endpoint import Endpoint
from plait.runtime.models.model import Answered, Assistant, Chunk, TextChunk, User

from ..conftest import need_module

need_module("openai")

from plait.runtime.models.openai import OpenAIModel

PROMPT = "Count from one to ten in words."


def open_at(url: str, **options: object) -> OpenAIModel:
    endpoint = Endpoint("SmolLM2", "OPENAI_API_KEY", "none", url)
    return OpenAIModel("smollm2", endpoint, options={"temperature": 0, "seed": 1, **options})


async def ask(model: OpenAIModel, *said: User | Assistant) -> list[Chunk]:
    async with model.stream(model.request("You are brief.", said, [])) as chunks:
        return [chunk async for chunk in chunks]


async def test_a_real_answer_streams_whole_and_repeats(real_model: str) -> None:
    """MD8: many chunks, then the vendor's own word; at temperature 0 the same request has the same answer."""
    async with aclosing(open_at(real_model, max_tokens=40)) as model:
        *said, last = await ask(model, User(PROMPT))
        assert len(said) > 5
        assert all(isinstance(chunk, TextChunk) and chunk.text for chunk in said)
        text = "".join(chunk.text for chunk in said if isinstance(chunk, TextChunk))
        assert re.search(r"two|2", text)
        assert isinstance(last, Answered)
        assert last.finish in ("stop", "length")
        assert last.usage.input > 10
        assert last.usage.output > 5
        again = await ask(model, User(PROMPT))
        assert "".join(chunk.text for chunk in again if isinstance(chunk, TextChunk)) == text
        assert again[-1] == last
        more = (await ask(model, User(PROMPT), Assistant(text), User("Go on.")))[-1]
        assert isinstance(more, Answered)
        assert more.usage.input > last.usage.input


async def test_an_answer_that_is_cut_says_so(real_model: str) -> None:
    """MD15: `length` where the bound on tokens was met."""
    async with aclosing(open_at(real_model, max_tokens=3)) as model:
        last = (await ask(model, User(PROMPT)))[-1]
    assert isinstance(last, Answered)
    assert last.finish == "length"


async def test_a_cancelled_answer_frees_the_model_for_the_next(real_model: str) -> None:
    """MD3: the server notices that nobody listens; it answers one at a time, so the next one would wait."""
    async with (
        aclosing(open_at(real_model, max_tokens=700)) as long,
        aclosing(open_at(real_model, max_tokens=3)) as short,
    ):
        with trio.CancelScope() as scope:
            async with long.stream(long.request("", [User("Tell me a long story.")], [])) as chunks:
                async for _ in chunks:
                    scope.cancel()
        assert scope.cancelled_caught
        assert isinstance((await ask(short, User(PROMPT)))[-1], Answered)


async def test_the_environment_is_enough(real_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MD1: what a person sets to use a local server."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", real_model)
    async with (
        aclosing(open_model("openai:smollm2")) as model,
        model.stream(model.request("", [User("Say hello.")], [])) as chunks,
    ):
        assert await anext(chunks)
