"""The model that says what was said: the straight line through the house without a vendor, for tests and benchmarks.

It streams the last prompt back word by word. Unpaced it is as fast as whoever reads; `echo:20` says twenty words a
second. It never calls a tool, never fails, and knows of no files: not a word is said that the prompt has not.
"""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

from ...protocol.events import Usage
from ...protocol.options import DEFAULTS, Options
from .chat import chat_messages
from .files import without_files
from .model import JSON, Answered, Chunk, Message, TextChunk, ToolSchema
from .pace import Pace, count_words, words


class Echo:
    """Streams the last user message back; `words_per_s` is infinite unless given."""

    takes: frozenset[str] = frozenset()
    titles = False

    def __init__(self, words_per_s: float = math.inf) -> None:
        if not words_per_s > 0:
            raise ValueError("an echo's rate is above 0 words per second")
        self._words_per_s = words_per_s
        self.name = "echo" if math.isinf(words_per_s) else f"echo:{words_per_s:g}"

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        return {"model": self.name, "messages": chat_messages(instructions, without_files(messages))}

    @asynccontextmanager
    async def stream(self, request: JSON, files: Mapping[str, bytes] = {}) -> AsyncIterator[AsyncIterator[Chunk]]:
        async with aclosing(self._chunks(request["messages"])) as chunks:
            yield chunks

    async def _chunks(self, messages: list[JSON]) -> AsyncGenerator[Chunk]:
        text = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
        pace = Pace(self._words_per_s)
        for word in words(text):
            await pace.next()
            yield TextChunk(word)
        heard = sum(count_words(message["content"]) for message in messages)
        yield Answered("stop", usage=Usage(input=heard, output=count_words(text)))

    async def aclose(self) -> None:
        """Nothing is open."""
