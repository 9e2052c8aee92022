"""An agent that says only so much of its answer until the test lets it go on: there is always a middle to look at.

    pace = Pace(tmp_path)
    serve(agents=[pace.agent], env=pace.env)

A model that speaks at a rate has a middle only for as long as it speaks, which a busy machine misses. This one stands
still, however long it takes the test to look, to reload or to kill the server.
"""

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import trio
from plait.runtime import Agent
from plait.runtime.models.echo import Echo
from plait.runtime.models.model import JSON, Chunk, TextChunk

PACE = "PLAIT_TEST_PACE"
"""Names the file that says how many words of an answer may be said."""


def _allowed() -> int:
    return int(Path(os.environ[PACE]).read_text())


class Paced(Echo):
    """An echo, a hundred words a second, that asks the file before each of them."""

    async def _chunks(self, messages: list[JSON]) -> AsyncGenerator[Chunk]:
        said = 0
        async for chunk in super()._chunks(messages):
            while isinstance(chunk, TextChunk) and said >= _allowed():  # noqa: ASYNC110 - a file tells nobody.
                await trio.sleep(0.01)
            said += 1
            yield chunk


paced = Agent("paced", Paced(100))


class Pace:
    """How many words of an answer `paced` may say: none at first."""

    agent = "tests.end_to_end.paced:paced"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "pace"
        self.env = {PACE: str(self._file)}
        self.words(0)

    def words(self, many: int) -> None:
        # Whoever reads it while it is written reads one number or the other.
        half = self._file.with_suffix(".half")
        half.write_text(str(many))
        half.replace(self._file)

    def go_on(self) -> None:
        """To the end, and so with every answer from now on."""
        self.words(1_000_000)
