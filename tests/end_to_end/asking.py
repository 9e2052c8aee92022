"""Prompts for the echo model, and what the log says of their runs."""

from typing import Any

from plait.protocol.state import TITLE_STEP

from .serving import ServerProcess


def words(count: int, name: str = "word") -> str:
    """A prompt of so many words, each different, so that an answer can show where it was cut or doubled."""
    return " ".join(f"{name}{n}" for n in range(count))


async def prompt(server: ServerProcess, room: str, text: str, command: str = "ask-1", agent: str = "assistant") -> str:
    """Prompt over HTTP, as a back end would; returns the run's id."""
    asked = {"id": command, "do": "prompt", "text": text, "agent": agent}
    status, answer = await server.post(f"/api/rooms/{room}/commands", asked)
    assert status == 200, answer
    return answer["ok"]["run"]


def kinds(records: list[dict[str, Any]]) -> list[str]:
    """The records' event types in order."""
    return [record["event"]["type"] for record in records]


def streamed(records: list[dict[str, Any]], run: str) -> str:
    """The text of the run's last attempt, put together from the log alone; the room's title is none of it."""
    mine = [record["event"] for record in records if record["run"] == run and record["event"].get("step") != TITLE_STEP]
    last = max((event["attempt"] for event in mine if event["type"] == "model-requested"), default=0)
    return "".join(e["text"] for e in mine if e["type"] == "text-streamed" and e["attempt"] == last)
