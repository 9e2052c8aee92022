"""Rooms too long to wait for: written into a store as a room itself would have, before a server is started on it."""

from unittest.mock import patch

import trio
from plait.protocol import document
from plait.protocol.access import Grant
from plait.protocol.commands import Prompt
from plait.protocol.events import ModelAnswered, ReasoningStreamed, TextStreamed
from plait.protocol.flow import converse
from plait.protocol.prompts import AgentFacts
from plait.protocol.replay import Policy
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.live import Live
from plait.runtime.room.opening import open_live
from plait.storage import Store, open_store

from ..bench.replay import Writing

STEP = "generate.0"
PARAGRAPH = "Part {n} of a long talk: some **words**, a `name` and a [link](https://example.org/{n}) to read past."
CODE = "```python\ndef part_{n}(x: int) -> int:\n    return x + {n}\n```"


async def _run(live: Live, writing: Writing, number: int, parts: int) -> None:
    """One run whose answer is so many parts, every fourth of them reasoning, every tenth with code."""
    asked = Prompt(id=f"p{number}", text=f"Question {number}")
    run = live.command(Grant(), asked, None, lambda _: AgentFacts("assistant")).run
    live.decide()
    live.begin_request(run, "agent:assistant", STEP, 1, "echo", {"model": "echo", "messages": [{"n": number}]})
    await writing.take()
    for n in range(parts):
        kind = ReasoningStreamed if n % 4 == 3 else TextStreamed
        text = (CODE if n % 10 == 5 else PARAGRAPH).format(n=number * parts + n)
        live.stream(run, kind(STEP, 1, n, text))
        await writing.take()
    live.report(run, "agent:assistant", ModelAnswered(STEP, 1, "stop"))
    live.decide()
    await writing.take()


async def _write(url: str, room: str, runs: int, parts: int) -> None:
    async with open_store(url) as store:
        await _fill(store, room, runs, parts)


async def _fill(store: Store, room: str, runs: int, parts: int) -> None:
    live = await open_live(room, store, {"assistant": Policy(converse)}, Surroundings())
    writing = Writing(live, store, room)
    for number in range(runs):
        await _run(live, writing, number, parts)
    await writing.save()


def _is_new(_shown: object, _wanted: object) -> None:
    """Every part here is. The projection would look through all parts of the run for each one, and find nothing."""


def write_room(url: str, room: str, runs: int, parts: int) -> None:
    """A room `room` in the store at `url` with so many finished runs of so many parts each, one record a part."""
    with patch.object(document, "last", _is_new):
        trio.run(_write, url, room, runs, parts)
