"""An agent that does as it is told, for the console's tests: the prompt is the call, as JSON, that its model makes.

Named on the command line of a server under test, `--agent tests.console.crew:clerk`. Its tools are those that a person
has to decide about: one that asks for a yes, one that asks, and one that ends the server in the middle of its work.
"""

import json
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio
from plait.protocol.events import ToolCall, Usage
from plait.protocol.options import DEFAULTS, Options
from plait.runtime import (
    Agent,
    Call,
    Data,
    File,
    FlowRun,
    Limits,
    Prices,
    Source,
    ask_person,
    document_tools,
    flow,
    knowledge,
    tool,
)
from plait.runtime.models.chat import chat_messages
from plait.runtime.models.model import JSON, Answered, Chunk, Message, TextChunk, ToolSchema

FELL = "PLAIT_TEST_FELL"
"""Names the file that remembers that the server has fallen once."""


TAKES = Usage(input=1000, output=10)
"""What each answer takes."""


class Obedient:
    """Makes the call, or the calls, that the prompt spells, and then says what came of it."""

    name = "obedient"

    def request(
        self,
        instructions: str,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        options: Options = DEFAULTS,
    ) -> JSON:
        return {"model": self.name, "messages": chat_messages(instructions, messages)}

    @asynccontextmanager
    async def stream(self, request: JSON, files: Mapping[str, bytes] = {}) -> AsyncIterator[AsyncIterator[Chunk]]:
        yield _chunks(request["messages"])

    async def aclose(self) -> None:
        """Nothing is open."""


async def _chunks(messages: list[JSON]) -> AsyncIterator[Chunk]:
    last = messages[-1]
    if last["role"] == "tool":
        # As code, since the text of an answer is Markdown.
        yield TextChunk(f"Told: `{last['content']}`")
        yield Answered("stop", usage=TAKES)
    else:
        asked = json.loads(last["content"])
        wanted = asked if isinstance(asked, list) else [asked]
        begun = len(messages)
        calls = (ToolCall(f"call-{begun + nth}", one["name"], one["args"]) for nth, one in enumerate(wanted))
        yield Answered("tool-calls", tuple(calls), TAKES)


@tool(approval=lambda args: str(args.get("why") or "Because I say so."), decide_within_s=3600)
def act(why: str = "", to: str = "", count: float = 0, sure: bool = False, more: Any = None) -> dict[str, Any]:
    """Do something that needs a yes."""
    return {"to": to, "count": count, "sure": sure, "more": more}


@tool
def fall(to: str) -> str:
    """End the server, the first time."""
    fell = Path(os.environ[FELL])
    if not fell.exists():
        fell.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return f"fell for {to}"


FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name"},
        "size": {"type": "integer", "title": "Size", "minimum": 1, "maximum": 9},
        "share": {"type": "number", "title": "Share"},
        "loud": {"type": "boolean", "title": "Loud"},
        "colour": {"enum": ["red", "green", "<b>blue</b>"], "title": "Colour"},
        "zone": {"enum": [f"zone {number}" for number in range(20)], "title": "Zone"},
        "notes": {"type": "string", "title": "Notes", "maxLength": 1000},
        "tags": {"type": "array", "items": {"type": "string"}, "title": "Tags"},
        "__proto__": {"type": "string", "title": "<img src=x onerror=window.owned=1>"},
    },
    "required": ["name", "size", "colour"],
}

clerk = Agent("clerk", Obedient(), tools=[act, fall, ask_person(FORM, description="Ask.")])

boss = Agent("boss", Obedient(), tools=[clerk])
"""Has the clerk do it: the call's argument is the clerk's prompt."""

scribe = Agent("scribe", Obedient(), tools=[*document_tools(), act])
"""Writes into shared documents."""

proposer = Agent("proposer", Obedient(), tools=[*document_tools(propose=True)])
"""Writes into drafts of shared documents."""

dear = Agent("dear", Obedient(), prices=Prices(input=3, output=10))
"""Whose answers cost something."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int = 48, height: int = 32) -> bytes:
    """A teal picture."""
    lines = b"".join(b"\0" + b"\x0f\x7b\x6c" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(lines)) + _chunk(b"IEND", b"")


@tool(effect="read")
async def work(call: Call) -> str:
    """Say how far it is, and never end."""
    call.progress("Counting twice", 0.25)
    await trio.sleep_forever()
    return ""


@tool(effect="read")
def show(call: Call) -> str:
    """Show one of each, and return more than a model is told."""
    call.show(Source("https://example.org/crash", "What survives a crash", "Whatever was acknowledged."))
    call.show(Source("javascript:window.owned=1", "<b>Not</b> a link"))
    call.show(File(png(), "image/png", "teal.png"))
    call.show(File(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "drawing.svg"))
    call.show(Data("weather", {"sky": "<i>clear</i>", "degrees": 12}))
    return "long " * (60 << 10)


@knowledge
def look_up(query: str) -> list[Source]:
    """Search."""
    return [Source("https://example.org/a", "First"), Source("", "Second, of paper", f"on {query}")]


@flow
async def nap(run: FlowRun) -> None:
    """Sleep until the last day of a far year."""
    await run.sleep_until(datetime(2099, 12, 31, tzinfo=UTC))


shower = Agent("shower", Obedient(), tools=[work, show, look_up])
"""Shows one part of each kind."""

sleeper = Agent("sleeper", Obedient(), flow=nap, limits=Limits(wall_s=3600))
"""Sleeps, and has an hour for it."""
