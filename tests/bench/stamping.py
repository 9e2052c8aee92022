"""A plait server whose model stamps each token with the time, for the benchmarks to measure at the other end.

    python -m tests.bench.stamping STORE [IDLE_S]

A prompt "COUNT MILLISECONDS" streams so many tokens, one each so many milliseconds, 0 for as fast as they are taken. A
token is `@<monotonic nanoseconds>;`, and all processes of one machine share that clock; "COUNT MILLISECONDS plain"
gives tokens of ordinary length. Rooms fall asleep after IDLE_S. It is a program like anybody's who embeds plait, so
what is measured is the public way in.
"""

import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager

import trio
from plait.protocol import limits
from plait.protocol.options import DEFAULTS, Options
from plait.runtime import Agent, Runtime
from plait.runtime.models.chat import chat_messages
from plait.runtime.models.model import JSON, Answered, Chunk, Message, TextChunk, ToolSchema
from plait.storage import open_store

END = "#END#" * 4


class Stamping:
    """The model. It never fails and calls nothing."""

    name = "stamping"

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        return {"model": self.name, "messages": chat_messages(instructions, messages[-1:])}

    @asynccontextmanager
    async def stream(self, request: JSON, files: Mapping[str, bytes] = {}) -> AsyncIterator[AsyncIterator[Chunk]]:
        async with aclosing(self._chunks(request["messages"][-1]["content"])) as chunks:
            yield chunks

    async def _chunks(self, prompt: str) -> AsyncGenerator[Chunk]:
        count, milliseconds, *plain = prompt.split()
        interval_s = float(milliseconds) / 1000
        began = trio.current_time()
        for n in range(int(count)):
            # In the past for the unpaced, where it is a checkpoint.
            await trio.sleep_until(began + n * interval_s)
            yield TextChunk(" token" if plain else f"@{time.monotonic_ns()};")
        yield TextChunk(END)
        yield Answered("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


async def main(store_url: str) -> None:
    async with (
        open_store(store_url) as store,
        Runtime(store, [Agent("assistant", model=Stamping())]) as runtime,
        trio.open_nursery() as nursery,
    ):
        url = await nursery.start(lambda task_status: runtime.serve(port=0, task_status=task_status))
        print(f"plait is listening on {url}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        limits.ROOM_IDLE_S = float(sys.argv[2])  # type: ignore[assignment]
    trio.run(main, sys.argv[1])
