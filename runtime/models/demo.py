"""The model that needs no key and no network: it plays scripts, says so, and shows what a run can look like.

It thinks aloud, speaks Markdown, calls a tool where it is offered (the clock; for a *mail* one that needs a person's
yes; to *ask* one that a person answers) and goes on with what came of it. What it says depends on the conversation
alone, so a second try at a step says the same again. The scripts are in `demo_scripts`, the tools in
`runtime/tools/demo`.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

from ...protocol.events import ToolCall, Usage
from ...protocol.options import DEFAULTS, Options
from .chat import chat_messages, chat_tools
from .demo_scripts import CLOCK, THINKING, WITHOUT_TOOL, scene_for, script_for
from .model import (
    JSON,
    Answered,
    ArgumentsChunk,
    Chunk,
    Message,
    ReasoningChunk,
    TextChunk,
    ToolSchema,
    canonical,
)
from .pace import Pace, count_words, words

WORDS_PER_S = 40
"""About ten times as fast as people read: visibly a stream, and the longest script is over in half a minute."""


class Demo:
    """Plays scripts at a pleasant pace; tests give another."""

    name = "demo"

    def __init__(self, words_per_s: float = WORDS_PER_S) -> None:
        self._words_per_s = words_per_s

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        request: JSON = {"model": self.name, "messages": chat_messages(instructions, messages)}
        if tools:
            request["tools"] = chat_tools(tools)
        return request

    @asynccontextmanager
    async def stream(self, request: JSON, files: Mapping[str, bytes] = {}) -> AsyncIterator[AsyncIterator[Chunk]]:
        async with aclosing(self._chunks(request)) as chunks:
            yield chunks

    async def _chunks(self, request: JSON) -> AsyncGenerator[Chunk]:
        pace = Pace(self._words_per_s)
        spoken = 0
        calls: tuple[ToolCall, ...] = ()
        for chunk in _play(request):
            await pace.next()
            if isinstance(chunk, ArgumentsChunk):
                before = calls[0].args if calls else ""
                calls = (ToolCall(chunk.call, chunk.name, before + chunk.text),)
            else:
                spoken += count_words(chunk.text)
            yield chunk
        heard = sum(count_words(message["content"]) for message in request["messages"])
        yield Answered("tool-calls" if calls else "stop", calls, Usage(input=heard, output=spoken))

    async def aclose(self) -> None:
        """Nothing is open."""


def _play(request: JSON) -> Sequence[TextChunk | ReasoningChunk | ArgumentsChunk]:
    """All chunks of the answer to this request but the last."""
    messages = request["messages"]
    asked = max((i for i, message in enumerate(messages) if message["role"] == "user"), default=-1)
    prompt = messages[asked]["content"] if asked >= 0 else ""
    results = [message["content"] for message in messages[asked + 1 :] if message["role"] == "tool"]
    offered = {tool["function"]["name"] for tool in request.get("tools", ())}
    scene = scene_for(prompt)
    # A tool that is not offered is not missed: the clock is, and then the words are enough.
    scene = scene if scene.tool in offered else CLOCK
    script = script_for(prompt) if scene is CLOCK else ""
    if results:
        said = scene.failed if results[-1].startswith("Error: ") else scene.after
        return _text(said.replace("{result}", results[-1].removeprefix("Error: ")) + script)
    thinking = [ReasoningChunk(word) for word in words(THINKING.format(count=count_words(prompt)))]
    if scene.tool not in offered:
        return [*thinking, *_text(WITHOUT_TOOL + script)]
    # The id is a hash of the conversation: the same for every try at this step, another one for the next call.
    call = f"call_{hashlib.sha256(canonical(messages)).hexdigest()[:12]}"
    arguments = [ArgumentsChunk(call, scene.tool, text) for text in ("", *words(scene.args))]
    return [*thinking, *_text(scene.before), *arguments]


def _text(text: str) -> list[TextChunk]:
    return [TextChunk(word) for word in words(text)]
