"""Reading an answer from a program: the changes of a run as they come, the run as it is, and only its text."""

from functools import partial
from typing import Any

import pytest
import trio
from plait.protocol.changes import (
    Change,
    PartChanged,
    PartsWithdrawn,
    ReasoningAdded,
    RunEnded,
    StatusChanged,
    TextAdded,
)
from plait.protocol.errors import Refused
from plait.runtime import Agent, connect, tool
from plait.runtime.client import NotAnswered, RemoteRoom
from plait.runtime.models.model import ModelError, TextChunk

from tests.runtime.agent.scripted import Line, Scripted, answered, calls, says

from .served import served

MEMORY = "sqlite:///:memory:"


@tool(effect="read")
async def stock(item: str, depth: int = 1) -> int:
    """How many there are."""
    return 7


def clerk() -> Agent:
    """Fails in the middle of its first try, then thinks, calls a tool and answers."""
    tried: list[int] = []

    def script(request: Any) -> list[Line]:
        if answered(request):
            return says("Seven of them.")
        tried.append(1)
        if len(tried) == 1:
            return [TextChunk("I thi"), ModelError("model-overloaded", "Later.", retry=True, retry_after_s=0.0)]
        return calls(("c", "stock", '{"item":"tea","depth":2}'))

    return Agent("clerk", Scripted(script), tools=[stock])


async def changes_of(room: RemoteRoom, run: str) -> list[Change]:
    return [change async for change in room.stream(run)]


def texts(changes: list[Change]) -> dict[Any, str]:
    """What somebody who shows the changes has on the screen at the end."""
    screen: dict[Any, str] = {}
    for change in changes:
        if isinstance(change, TextAdded | ReasoningAdded):
            screen[change.part] = screen.get(change.part, "") + change.text
        elif isinstance(change, PartsWithdrawn):
            for part in [part for part in screen if part[:2] == (change.step, change.attempt)]:
                del screen[part]
    return screen


async def test_an_answer_while_it_is_written() -> None:
    """CC27: texts once and in order, a superseded try withdrawn, a call in all its states, the end last; and the same
    again long afterwards, apart from how tokens were gathered."""
    async with served(MEMORY, clerk()) as server, connect(server.url, "shop") as room:
        run = await room.prompt("How many?")
        live = await changes_of(room, run)
        for changes in (live, await changes_of(room, run)):
            ended = changes[-1]
            assert isinstance(ended, RunEnded)
            assert ended.run == await room.wait(run)
            shown = {(p["step"], p["attempt"], p["part"]): p["text"] for p in ended.run["parts"] if "text" in p}
            assert texts(changes) == shown
            assert sum(isinstance(change, PartsWithdrawn) for change in changes) == 1
            states = [change.state for change in changes if isinstance(change, PartChanged)]
            assert list(dict.fromkeys(states)) == ["streaming", "requested", "running", "done"]
            args = [change.shown["partial_args"] for change in changes if isinstance(change, PartChanged)]
            assert args[-1] == {"item": "tea", "depth": 2}
            assert StatusChanged("running") in changes


async def test_arguments_while_they_are_written() -> None:
    """CC21, CC27: a call that streams has a value at each moment."""
    gate = trio.Event()
    model = Scripted(lambda r: [*calls(("c", "stock", '{"item":"tea"}'))[:3], gate])
    async with served(MEMORY, Agent("clerk", model, tools=[stock])) as server, connect(server.url, "shop") as room:
        run = await room.prompt("How many?")
        async for change in room.stream(run):
            if isinstance(change, PartChanged):
                assert change.shown["input"] == '{"i'
                assert change.shown["partial_args"] == {}
                break
        shown = await room.run(run)
        assert shown["status"] == "running"
        assert shown["parts"][-1]["partial_args"] == {}


async def test_only_the_text() -> None:
    """CC28: `ask` gives what was said last; under one id it is one prompt; what has no answer says why."""
    asleep = Scripted(lambda r: [TextChunk("Hm "), trio.Event()])
    broken = Scripted(lambda r: [ModelError("model-refused", "No.", retry=False)])
    agents = [clerk(), Agent("sleeper", asleep), Agent("broken", broken)]
    async with served(MEMORY, *agents) as server, connect(server.url, "shop") as room:
        assert await room.ask("How many?", id="once") == "Seven of them. "
        assert await room.ask("How many?", id="once") == "Seven of them. "
        assert len(await room.runs()) == 1
        with pytest.raises(NotAnswered, match="No") as failed:
            await room.ask("Go", agent="broken")
        assert failed.value.run["status"] == "failed"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(room.ask, "Sleep", agent="sleeper", id="asleep"))
            while len(await room.runs()) < 3:  # noqa: ASYNC110 - whoever waits for a change would ask, too
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(room.stop)
            with pytest.raises(NotAnswered, match="stopped"):
                await room.ask("Sleep", agent="sleeper", id="asleep")


async def test_a_stream_of_nothing() -> None:
    """CC27: a run that never was is refused, and so is a stream that was read before."""
    async with served(MEMORY) as server, connect(server.url, "cage") as room:
        run = await room.prompt("Polly")
        stream = room.stream(run)
        assert (await stream.end())["status"] == "done"
        with pytest.raises(Refused, match="no-such-run"):
            await stream.end()
        for none in ("000000000002", "000000099999"):
            with pytest.raises(Refused, match="no-such-run"):
                await changes_of(room, none)
        for none in ("9" * 30, "0", "", "x", "²"):
            with pytest.raises(Refused, match="no-such-run"):
                room.stream(none)
        with pytest.raises(Refused, match="no-such-run"):
            await room.run("000000099999")
