"""Agents with MCP tools: what a model is offered, what a dead server leaves in the log, what a stop does to a call."""

from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol.commands import Resolve
from plait.protocol.events import ToolFailed, ToolOutcomeUnknown, ToolReturned, ToolStarted
from plait.runtime import Agent, Runtime
from plait.runtime.embed import RoomHandle
from plait.runtime.models.model import JSON
from plait.storage.memory import MemoryStore

from ...conftest import need_module
from ..agent.scripted import Scripted, answered, calls, says

need_module("mcp")

from plait.runtime.tools.mcp import mcp_tools

from .test_mcp import noted, stdio, times, until


def one_call(name: str, args: str = "{}") -> Scripted:
    """A model that makes one call and then says what it was told."""

    def script(request: JSON) -> Any:
        if not answered(request):
            return calls(("c1", name, args))
        return says(request["messages"][-1]["text"])

    return Scripted(script)


async def seen(room: RoomHandle, kind: type[Any]) -> Any:
    with trio.fail_after(120):
        async for record in room.follow():
            if isinstance(record.event, kind):
                return record.event
    raise AssertionError


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes").touch()
    return tmp_path / "notes"


async def test_two_agents_share_a_server(notes: Path) -> None:
    """MC1, MC11: it starts with the runtime, once, and its tools are in the first request; a result comes back."""
    source = stdio(notes)
    model = one_call("test__look", '{"city": "Linz"}')
    agents = [Agent("one", model, tools=[source]), Agent("two", "echo", tools=[source])]
    async with Runtime(MemoryStore(), agents) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
        assert run["status"] == "done"
    assert {"test__look", "test__crash"} <= set(model.requests[0]["tools"])
    assert "blue" in str(run["parts"][-1]["text"])


async def test_a_write_that_died_is_a_question_to_a_person(notes: Path) -> None:
    """MC7: no model is told that it failed, nothing is called twice, and the run goes on with a person's word."""
    async with Runtime(MemoryStore(), [Agent("a", one_call("test__crash"), tools=[stdio(notes)])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        unknown = await seen(room, ToolOutcomeUnknown)
        await room.decide(Resolve(id="v", run=run, step=unknown.step, verdict="happened", result="by hand"))
        assert (await room.wait(run))["status"] == "done"
    assert times(notes, "crashed") == 1


async def test_a_read_that_died_is_told_to_the_model(notes: Path) -> None:
    """MC7: what changes nothing may be asked again."""
    async with Runtime(MemoryStore(), [Agent("a", one_call("test__crash_reading"), tools=[stdio(notes)])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        failed = await seen(room, ToolFailed)
        assert "gave no answer" in failed.message
        assert (await room.wait(run))["status"] == "done"


async def test_a_stop_reaches_the_server(notes: Path) -> None:
    """MC5: by way of the step that is cancelled."""
    async with Runtime(MemoryStore(), [Agent("a", one_call("test__wait"), tools=[stdio(notes)])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        await seen(room, ToolStarted)
        await until(lambda: noted(notes, "waiting"))
        await room.stop(run)
        assert (await room.wait(run))["status"] == "stopped"
        await until(lambda: "cancelled" in notes.read_text())


async def test_a_result_beyond_the_limit_is_told(notes: Path) -> None:
    """MC6, TL17: as any tool's: it is kept whole, and the model is told its beginning."""
    store = MemoryStore()
    async with Runtime(store, [Agent("a", one_call("test__huge"), tools=[stdio(notes)])]) as runtime:
        room = runtime.room("r")
        run = await room.wait(await room.prompt("Go"))
        returned = await seen(room, ToolReturned)
    assert (await store.blobs_of("r"), run["status"]) == ([returned.blob], "done")
    assert f'"blob":"{returned.blob}"' in run["parts"][-1]["text"]


async def test_a_tool_of_a_server_that_never_came(autojump_clock: trio.testing.MockClock) -> None:
    """MC8: the runtime starts without it, and a call says that the server has not."""
    agent = Agent("a", one_call("gone__x"), tools=[mcp_tools("gone", "/nowhere/at/all")])
    async with Runtime(MemoryStore(), [agent]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("Go")
        failed = await seen(room, ToolFailed)
        assert failed.code == "no-such-tool"
        assert "gone has not started yet" in failed.message
        await room.wait(run)
