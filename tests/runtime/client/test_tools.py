"""Tools from Python against the real server: one body, one outcome, whatever is cut, killed, stopped or left."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.errors import Refused
from plait.protocol.events import ToolAnsweredLate, ToolAssigned, ToolClaimed, ToolOutcomeUnknown
from plait.runtime import Agent, ToolError, connect, tool
from plait.runtime.client import RemoteRoom
from plait.runtime.tools.tool import OutcomeNotKnown

from tests.runtime.agent.scripted import Scripted, answered, calls, says

from .served import Served, served

MEMORY = "sqlite:///:memory:"


def painter(count: int = 1) -> Agent:
    """Asks for so many paintings at once, then answers."""
    asked = [(f"c{n}", "paint", f'{{"colour":"red{n}"}}') for n in range(count)]
    return Agent("painter", Scripted(lambda r: says("Painted.") if answered(r) else calls(*asked)))


class Studio:
    """A tool and what became of it: `painted` are the bodies that ran, `ended` those that were not cut."""

    def __init__(self) -> None:
        self.painted: list[str] = []
        self.ended: list[str] = []
        self.cancelled = trio.Event()
        self.begun = trio.Event()
        self.may_end = trio.Event()
        self.may_end.set()

        @tool
        async def paint(colour: str) -> dict[str, str]:
            """Paint it."""
            self.painted.append(colour)
            self.begun.set()
            try:
                await self.may_end.wait()
            except trio.Cancelled:
                self.cancelled.set()
                raise
            self.ended.append(colour)
            return {"painted": colour}

        self.paint = paint


async def colouring(colour: str) -> str:
    """Colour it."""
    return colour


@asynccontextmanager
async def studio(agent: Agent | None = None, store: str = MEMORY) -> AsyncIterator[tuple[Served, RemoteRoom]]:
    async with (
        served(store, agent or painter()) as server,
        connect(server.url, "studio", random=lambda: 0.0) as room,
    ):
        yield server, room


async def tool_parts(room: RemoteRoom, run: str) -> list[dict[str, Any]]:
    return [part for part in (await room.wait(run))["parts"] if part["type"] == "tool"]


async def events(server: Served, *kinds: type) -> list[Any]:
    log = await server.runtime.store.read("studio", limit=500)
    return [record.event for record in log if isinstance(record.event, kinds)]


async def until(room: RemoteRoom, run: str, state: str) -> dict[str, Any]:
    """The run's tool part, once it is in that state."""
    watched = await room.document()
    while True:
        shown = (await room.runs()).get(run, {"parts": []})
        for part in shown["parts"]:
            if part.get("state") == state:
                return part
        await watched.changed()


async def test_a_call_is_carried_out_here() -> None:
    """CC22, CC23: registered, claimed, run, answered; side by side; and when the block is left the tool is gone."""
    made = Studio()
    async with studio(painter(3)) as (server, room):
        async with room.serve([made.paint]) as serving:
            assert serving.tab == room.tab
            run = await room.prompt("Paint")
            parts = await tool_parts(room, run)
            assert [part["result"] for part in parts] == [f'{{"painted":"red{n}"}}' for n in range(3)]
            assert {part["tab"] for part in parts} == {room.tab}
        assert sorted(made.painted) == ["red0", "red1", "red2"]
        assert len(await events(server, ToolClaimed)) == 3
        run = await room.prompt("Paint")
        assert {part["state"] for part in await tool_parts(room, run)} == {"failed"}
        assert len(made.painted) == 3


async def test_what_a_tool_raises_is_told() -> None:
    """CC24: a sentence of the tool's own, the name of a bug, what is no JSON, what is too large, bad arguments."""

    @tool
    async def paint(colour: str) -> Any:
        """Paint it."""
        match colour:
            case "red0":
                raise ToolError("no red left")
            case "red1":
                raise KeyError("secret")
            case "red2":
                return object()
            case _:
                return "x" * (limits.TOOL_RESULT_BYTES - 10)

    async with studio(painter(4)) as (_, room), room.serve([paint]):
        errors = [part["error"] for part in await tool_parts(room, await room.prompt("Paint"))]
        assert errors[0] == "no red left"
        assert errors[1] == "The tool raised KeyError."
        assert "not JSON" in errors[2]
        assert "does not fit" in errors[3]


async def test_so_many_at_once() -> None:
    """CC24: further calls wait in the document, and go on as others end."""
    made = Studio()
    made.may_end = trio.Event()
    count = limits.TAB_CALLS + 4
    async with studio(painter(count)) as (_, room), room.serve([made.paint]) as serving:
        run = await room.prompt("Paint")
        while len(made.painted) < limits.TAB_CALLS:
            await trio.testing.wait_all_tasks_blocked(0.01)  # The test's patience is that of `served`.
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert len(made.painted) == limits.TAB_CALLS == serving.busy
        made.may_end.set()
        assert len([part for part in await tool_parts(room, run) if part["state"] == "done"]) == count
        assert len(made.painted) == len(set(made.painted)) == count


async def test_a_stop_cancels_the_body() -> None:
    """CC25: what is stopped from anywhere is cancelled here, and says nothing more."""
    made = Studio()
    made.may_end = trio.Event()
    async with studio() as (server, room), connect(server.url, "studio") as other, room.serve([made.paint]) as serving:
        run = await room.prompt("Paint")
        await made.begun.wait()
        await other.stop(run)
        await made.cancelled.wait()
        assert (await room.wait(run))["status"] == "stopped"
        assert not made.ended
        while serving.busy:
            await trio.testing.wait_all_tasks_blocked()


async def left_while_it_runs(room: RemoteRoom, made: Studio, ends: bool) -> str:
    """A run whose body runs when the block is left, and ends afterwards, or does not."""

    async def end() -> None:
        await trio.testing.wait_all_tasks_blocked(0.01)
        made.may_end.set()

    run = ""
    async with trio.open_nursery() as nursery, room.serve([made.paint]):
        run = await room.prompt("Paint")
        await made.begun.wait()
        if ends:
            nursery.start_soon(end)
    return run


@pytest.mark.parametrize("ends", [True, False])
async def test_leaving_the_block(ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """CC26: what runs is waited for; what does not end is cancelled, and of a write a person is asked."""
    monkeypatch.setattr(limits, "DRAIN_S", 60 if ends else 0.2)
    made = Studio()
    made.may_end = trio.Event()
    async with studio() as (server, room):
        run = await left_while_it_runs(room, made, ends)
        if ends:
            assert (await room.wait(run))["status"] == "done"
        else:
            await until(room, run, "unknown")
            assert made.cancelled.is_set()
        assert len(await events(server, ToolOutcomeUnknown)) == (not ends)


async def test_an_exception_inside_leaves_at_once() -> None:
    """CC26: it leaves as it is, in no group; what ran is cancelled."""
    made = Studio()
    made.may_end = trio.Event()
    run = ""
    async with studio() as (_, room):
        try:
            async with room.serve([made.paint]):
                run = await room.prompt("Paint")
                await made.begun.wait()
                raise KeyError("mine")
        except KeyError as error:
            assert str(error) == "'mine'"  # noqa: PT017 - no group may be around it
        assert made.cancelled.is_set()
        await until(room, run, "unknown")
        with trio.move_on_after(0.2) as scope:
            async with room.serve([made.paint]):
                await trio.sleep_forever()
        assert scope.cancelled_caught


async def test_nobody_knows() -> None:
    """CC24: a write whose body says so is a question to a person; a read is told to the model."""

    @tool
    async def paint(colour: str) -> str:
        """Paint it."""
        raise OutcomeNotKnown("the brush did not answer")

    async with studio() as (_, room), room.serve([paint]):
        await until(room, await room.prompt("Paint"), "unknown")


async def test_what_cannot_be_served() -> None:
    """CC22: a name twice, a question to a person, a second block, and more than a tab may have are refused at once."""
    made = Studio()

    @tool(approval="always")
    async def paint(colour: str) -> str:
        """Paint it."""
        return colour

    async def served_with(*tools: Any, **more: Any) -> None:
        async with room.serve(tools, **more):
            pass

    async with studio() as (_, room):
        with pytest.raises(ValueError, match="one name"):
            await served_with(made.paint, made.paint)
        with pytest.raises(ValueError, match="asks a person"):
            await served_with(paint)
        many = [tool(name=f"paint{n}")(colouring) for n in range(limits.TAB_TOOLS + 1)]
        with pytest.raises(Refused, match="bad-json"):
            await served_with(*many)
        with pytest.raises(Refused, match="bad-json"):
            await served_with(made.paint, tab="t" * 200)
        async with room.serve([made.paint]):
            with pytest.raises(ValueError, match="one block"):
                await served_with(made.paint)
        await served_with(made.paint)


async def test_a_server_that_restarts_while_a_tool_runs(tmp_path: Path) -> None:
    """CC23: the body goes on without a server, says to the next one that it does, and its result counts."""
    made = Studio()
    made.may_end = trio.Event()
    async with studio(store=f"sqlite:///{tmp_path / 'plait.db'}") as (server, room), room.serve([made.paint]):
        run = await room.prompt("Paint")
        await made.begun.wait()
        await server.stop()
        made.may_end.set()
        while not made.ended:
            await trio.testing.wait_all_tasks_blocked()
        await server.start()
        assert (await tool_parts(room, run))[0]["result"] == '{"painted":"red0"}'
        assert made.painted == ["red0"]
        assert len(await events(server, ToolAssigned)) == 1
        assert not await events(server, ToolAnsweredLate, ToolOutcomeUnknown)
