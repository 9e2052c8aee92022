"""An agent that does as it is told, for the console's tests: the prompt is the call, as JSON, that its model makes.

Named on the command line of a server under test, `--agent tests.console.crew:clerk`. Its tools are those that a person
has to decide about: one that asks for a yes, one that asks, and one that ends the server in the middle of its work.
"""

import json
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plait.protocol.events import ToolCall, Usage
from plait.protocol.options import DEFAULTS, Options
from plait.runtime import Agent, Prices, ask_person, tool
from plait.runtime.models.chat import chat_messages
from plait.runtime.models.model import JSON, Answered, Chunk, Message, TextChunk, ToolSchema

FELL = "PLAIT_TEST_FELL"
"""Names the file that remembers that the server has fallen once."""


TAKES = Usage(input=1000, output=10)
"""What each answer takes."""


class Obedient:
    """Makes the call that the prompt spells, and then says what came of it."""

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
        yield Answered("tool-calls", (ToolCall(f"call-{len(messages)}", asked["name"], asked["args"]),), TAKES)


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

dear = Agent("dear", Obedient(), prices=Prices(input=3, output=10))
"""Whose answers cost something."""
