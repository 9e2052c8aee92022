"""Echo says what was said, exactly, at the pace that was asked for."""

import pytest
import trio
from plait.protocol.events import ToolCall, Usage
from plait.protocol.options import Options
from plait.runtime.models.echo import Echo
from plait.runtime.models.model import Answered, Assistant, File, Result, TextChunk, User


async def _all(model: Echo, text: str) -> list[object]:
    async with model.stream(model.request("", [User(text)], [])) as chunks:
        return [chunk async for chunk in chunks]


@pytest.mark.parametrize("text", ["one", "two  words", " a\n\n\tb ", "", "   ", "schön 🎀  ok\n", "a\u2003b\u00a0c"])
async def test_what_comes_back_is_what_was_said(text: str) -> None:
    """MD9: joined, the chunks are the prompt to the letter."""
    *said, last = await _all(Echo(), text)
    assert all(isinstance(chunk, TextChunk) and chunk.text for chunk in said)
    assert "".join(chunk.text for chunk in said if isinstance(chunk, TextChunk)) == text
    assert isinstance(last, Answered)
    assert last.finish == "stop"


async def test_files_and_options_change_nothing() -> None:
    """MD9: it says no word that the prompt has not."""
    model, picture = Echo(), File("d0", "image/png", "dot.png", 7)
    talk = [User("look at this", (picture,)), Result("c", "t", "{}", files=(picture,))]
    request = model.request("", talk, [], Options(max_output_tokens=1))
    async with model.stream(request) as chunks:
        said = [chunk async for chunk in chunks]
    assert "".join(chunk.text for chunk in said if isinstance(chunk, TextChunk)) == "look at this"


async def test_it_streams_word_by_word_and_counts_words() -> None:
    *said, last = await _all(Echo(), "three small words")
    assert said == [TextChunk("three "), TextChunk("small "), TextChunk("words")]
    assert last == Answered("stop", usage=Usage(input=3, output=3))


async def test_the_last_prompt_is_echoed_whatever_came_after_it() -> None:
    model = Echo()
    call = ToolCall("c1", "clock", "{}")
    talk = [User("first"), Assistant("first"), User("second"), Assistant("", (call,)), Result("c1", "clock", "noon")]
    async with model.stream(model.request("Be brief.", talk, [])) as chunks:
        assert await anext(chunks) == TextChunk("second")


async def test_a_rate_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    """MD10: at 20 words a second the fortieth word comes after two seconds."""
    start = trio.current_time()
    await _all(Echo(20), " ".join(["word"] * 40))
    assert trio.current_time() - start == pytest.approx(2.0)


async def test_an_unpaced_echo_can_be_cancelled_at_every_word() -> None:
    """MD3: no word is yielded after the cancel."""
    seen = 0
    model = Echo()
    with trio.CancelScope() as scope:
        async with model.stream(model.request("", [User("w " * 1000)], [])) as chunks:
            async for _ in chunks:
                seen += 1
                if seen == 5:
                    scope.cancel()
    assert scope.cancelled_caught
    assert seen == 5


async def test_an_unpaced_echo_lets_others_run() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await _all(Echo(), "w " * 50)
        nursery.cancel_scope.cancel()
    assert turns > 40
