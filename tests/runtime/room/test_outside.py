"""Code that is run as if Trio were not there, and the room that lives on after it."""

import asyncio

import pytest
import trio
from plait.protocol.events import EpochClosed
from plait.protocol.flow import FlowRun
from plait.runtime import Agent, Runtime
from plait.runtime.room.outside import outside_trio
from plait.storage.memory import MemoryStore

from ..agent.scripted import Scripted, says


async def test_there_is_no_task_inside() -> None:
    """AG7: what a flow could open in the room's task it cannot open; afterwards the task is there as before."""
    task = trio.lowlevel.current_task()
    with outside_trio():
        with pytest.raises(RuntimeError):
            trio.lowlevel.current_task()
        with outside_trio(), pytest.raises(RuntimeError):
            trio.lowlevel.current_task()
    assert trio.lowlevel.current_task() is task
    await trio.lowlevel.checkpoint()


def test_without_trio_nothing_changes() -> None:
    """AG7: a simulation or a script that drives flows itself needs no Trio."""
    with outside_trio():
        pass


async def test_a_nursery_in_a_flow_fails_its_run_alone() -> None:
    """AG7, AG11, AG37: its run fails and says what to do instead, and the room goes on with the next."""

    async def opens(run: FlowRun) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)

    async def sleeps(run: FlowRun) -> None:
        await asyncio.sleep(1)

    agents = [
        Agent("opens", Scripted(lambda request: []), flow=opens),
        Agent("sleeps", Scripted(lambda request: []), flow=sleeps),
        Agent("says", Scripted(lambda request: says("Hi."))),
    ]
    async with Runtime(MemoryStore(), agents) as runtime:
        room = runtime.room("r")
        with trio.fail_after(60):
            shown = await room.wait(await room.prompt("Go"))
            assert shown["error_code"] == "flow-misused"
            assert "run.once(name, function)" in shown["error_message"]
            shown = await room.wait(await room.prompt("Go", agent="sleeps"))
            assert shown["error_code"] == "flow-misused"
            assert (await room.wait(await room.prompt("Go", agent="says")))["status"] == "done"


async def test_a_flow_cannot_tidy_up_in_the_rooms_task() -> None:
    """AG7: not even while it is dropped, at a stop or with its room; nothing of it stays open."""

    async def clings(run: FlowRun) -> None:
        try:
            await run.inbox()
        finally:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)

    store = MemoryStore()
    agents = [Agent("clings", Scripted(lambda request: []), flow=clings)]
    with trio.fail_after(60):
        async with Runtime(store, agents) as runtime:
            room = runtime.room("r")
            run = await room.prompt("Go")
            await room.stop()
            assert (await room.wait(run))["status"] == "stopped"
            await room.prompt("Go")
            await trio.testing.wait_all_tasks_blocked()
        async with Runtime(store, agents) as runtime:
            assert await runtime.room("r").runs()
    assert isinstance((await store.read("r"))[-1].event, EpochClosed)
