"""Searches in what an agent's host knows."""

from typing import Any

import pytest
from plait.runtime import Agent, Call, Source, knowledge, tool
from plait.runtime.tools.knowledge import knowledge_tool
from plait.runtime.tools.tool import ToolError

LEAVE = Source("https://handbook.example/leave", "Leave", "25 days. " * 1000)


def handbook(query: str) -> list[Source]:
    """Search the handbook."""
    return [LEAVE, Source("", "Paper")]


async def test_a_search_shows_its_sources_and_tells_them_to_the_model() -> None:
    """TL20: people see excerpts, the model gets the texts; what a source does not have is left out."""
    search = knowledge_tool(handbook)
    assert (search.effect, search.shows, search.schema.name) == ("read", "retrieval", "handbook")
    assert search.schema.description == "Search the handbook."
    call = Call()
    assert await search.call('{"query": "leave"}', call) == [
        {"title": "Leave", "url": "https://handbook.example/leave", "text": "25 days. " * 1000},
        {"title": "Paper"},
    ]
    assert [(shown.title, len(shown.excerpt)) for shown in call.shown if isinstance(shown, Source)] == [
        ("Leave", 2000),
        ("Paper", 0),
    ]


async def test_what_is_nearly_a_source_becomes_one() -> None:
    """TL20: objects and dicts with its attributes; anything else is told, and nothing shown."""

    class Hit:
        url, title, score = "u", "t", 0.5

    @knowledge(name="find", timeout_s=3)
    async def search(query: str, call: Call):  # type: ignore[no-untyped-def]
        return [Hit(), {"url": "v", "title": query}] if query != "rubbish" else ["x"]

    assert (search.schema.name, search.timeout_s) == ("find", 3)
    call = Call()
    assert await search.call('{"query": "q"}', call) == [{"title": "t", "url": "u"}, {"title": "q", "url": "v"}]
    assert len(call.shown) == 2
    with pytest.raises(ToolError, match="find returned something else than a list of sources"):
        await search.call('{"query": "rubbish"}', call)
    assert len(call.shown) == 2


def test_an_agent_takes_functions_plain_or_decorated() -> None:
    """TL20: beside its tools, and under names of their own."""

    @tool(effect="read")
    def clock() -> str:
        return "noon"

    def archive(query: str) -> list[Source]:
        return []

    agent = Agent("clerk", "echo", tools=[clock], knowledge=[handbook, knowledge(archive)])
    assert list(agent.tools) == ["clock", "handbook", "archive"]
    shows: dict[str, Any] = {name: each.shows for name, each in agent.tools.items()}
    assert shows == {"clock": "", "handbook": "retrieval", "archive": "retrieval"}
    with pytest.raises(ValueError, match="same name"):
        Agent("clerk", "echo", knowledge=[handbook, handbook])
