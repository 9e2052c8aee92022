"""The demo agent's tools at work: with the demo model in a room, as a visitor sees them."""

from typing import Any

import msgspec
import trio
from plait.protocol.events import ToolProgressed, ToolReturned
from plait.runtime import Agent, Call, Runtime, demo_tools
from plait.runtime.cli.serve import _crew
from plait.runtime.tools.demo import search_docs, slow_work
from plait.storage.memory import MemoryStore


def part_of(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(part for part in run["parts"] if part["type"] == kind)


async def test_slow_work_tells_how_far_it_is(autojump_clock: trio.testing.MockClock) -> None:
    """TL21: for about twenty seconds, and what it counted is shown."""
    store = MemoryStore()
    async with Runtime(store, [Agent("demo", "demo", tools=demo_tools())]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("something slow"))
    records = await store.read("r", limit=5000)
    told = [record for record in records if isinstance(record.event, ToolProgressed)]
    assert 40 <= len(told) <= 60
    (returned,) = [record.event.result for record in records if isinstance(record.event, ToolReturned)]
    assert msgspec.json.decode(returned)["seconds"] == 20
    assert (part_of(run, "tool")["progress"], part_of(run, "tool")["done"]) == ("Done", 1.0)
    assert part_of(run, "data")["name"] == "counted"
    assert "Done, slowly" in run["parts"][-1]["text"]


async def test_slow_work_is_stopped_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """TL21: it changes nothing, so nobody is asked what became of it."""
    async with Runtime(MemoryStore(), [Agent("demo", "demo", tools=demo_tools())]) as runtime:
        room = runtime.room("r")
        id_ = await room.prompt("something slow")
        async for record in room.follow():
            if isinstance(record.event, ToolProgressed):
                break
        began = trio.current_time()
        await room.stop(id_)
        run = await room.wait(id_)
        assert trio.current_time() - began < 1
    assert (run["status"], part_of(run, "tool")["state"]) == ("stopped", "failed")


async def test_a_search_finds_what_is_meant(autojump_clock: trio.testing.MockClock) -> None:
    """TL21: at most three texts, the best first, shown as sources; nothing for what no text is about."""
    for query, title in (("what survives a crash", "What survives a crash"), ("approval?", "Approvals")):
        found = await search_docs.call(msgspec.json.encode({"query": query}).decode(), Call())
        assert found[0]["title"].startswith(title)
        assert len(found) <= 3
    assert await search_docs.call('{"query": "what is the weather"}', Call()) == []
    assert slow_work.effect == search_docs.effect == "read"
    async with Runtime(MemoryStore(), [Agent("demo", "demo", tools=demo_tools())]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("search the docs"))
    sources = [part for part in run["parts"] if part["type"] == "source"]
    assert (part_of(run, "retrieval")["name"], part_of(run, "retrieval")["state"]) == ("search_docs", "done")
    assert sources[0]["excerpt"]
    assert sources[0]["step"] == part_of(run, "retrieval")["call"]


async def test_the_assistant_has_a_colleague(autojump_clock: trio.testing.MockClock) -> None:
    """TL21: whom nobody else can ask, and whose search is in a run of its own."""
    (assistant,) = _crew("demo", ())
    async with Runtime(MemoryStore(), [assistant]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("do some research"))
        child = (await room.runs())[part_of(run, "tool")["child"]]
    assert (child["agent"], child["status"]) == ("researcher", "done")
    assert [part["title"] for part in child["parts"] if part["type"] == "source"]
    assert "What survives a crash" in run["parts"][-1]["text"]
