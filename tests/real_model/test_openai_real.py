"""`openai:` against a model that answers for itself: MD2, MD3 and MD8 met by a stream that nobody wrote."""

import re
from contextlib import aclosing

import pytest
import trio
from plait.protocol.limits import TITLE_CHARS
from plait.protocol.options import Options
from plait.protocol.titles import read_title
from plait.runtime.models import open_model
from plait.runtime.models.asking import make_request, open_stream, title_request, wanted_files
from plait.runtime.models.endpoint import Endpoint
from plait.runtime.models.model import Answered, Assistant, Chunk, File, TextChunk, User

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


async def test_options_reach_the_model(real_model: str) -> None:
    """MD17: the same seed says the same at a temperature, another one does not, and a length is kept."""
    endpoint = Endpoint("SmolLM2", "OPENAI_API_KEY", "none", real_model)
    said: list[list[Chunk]] = []
    async with aclosing(OpenAIModel("smollm2", endpoint)) as model:
        for seed in (1, 1, 2):
            options = Options(temperature=1.5, seed=seed, max_output_tokens=20)
            request = make_request(model, "", [User("Tell me something odd.")], [], options)
            async with open_stream(model, request) as chunks:
                said.append([chunk async for chunk in chunks])
    first, again, other = said
    assert first == again
    assert other != first
    assert isinstance(first[-1], Answered)
    assert first[-1].usage.output <= 20


async def test_a_text_file_is_read(real_model: str) -> None:
    """MD21: the model is given its words, as a plain string, which is all that this server takes."""
    content = b"one, two, three, four, five, six, seven, eight, nine, ten"
    asked = [User("Repeat the numbers of the file.", (File("f0", "text/plain", "numbers.txt", len(content)),))]
    async with aclosing(open_at(real_model, max_tokens=40)) as model:
        assert wanted_files(model, asked) == ["f0"]
        request = make_request(model, "You are brief.", asked, [])
        async with open_stream(model, request, {"f0": content}) as chunks:
            said = [chunk async for chunk in chunks]
    text = "".join(chunk.text for chunk in said if isinstance(chunk, TextChunk))
    assert re.search(r"three|3", text), text


async def test_a_real_model_proposes_a_title(real_model: str) -> None:
    """MD24: small as it is, it says something, and that is made one line."""
    async with aclosing(open_at(real_model)) as model:
        talk = [User("How do I bake bread?"), Assistant("Mix flour, water, yeast and salt, and wait.")]
        async with open_stream(model, title_request(model, talk)) as chunks:
            said = [chunk async for chunk in chunks]
    title = read_title("".join(chunk.text for chunk in said if isinstance(chunk, TextChunk)))
    assert 0 < len(title) <= TITLE_CHARS


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
