"""Code that is run as if Trio were not there, and the room that lives on after it."""

import pytest
import trio
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
    """AG7, AG11: the flow is told so by Trio, its run fails, and the room goes on with the next."""

    async def opens(run: FlowRun) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)

    agents = [
        Agent("opens", Scripted(lambda request: []), flow=opens),
        Agent("says", Scripted(lambda request: says("Hi."))),
    ]
    async with Runtime(MemoryStore(), agents) as runtime:
        room = runtime.room("r")
        with trio.fail_after(5):
            assert (await room.wait(await room.prompt("Go")))["error_code"] == "flow-failed"
            assert (await room.wait(await room.prompt("Go", agent="says")))["status"] == "done"
