"""Random flows in a real room, cut behind a random record and recovered: tasks, documents and all."""

import random
from typing import Any

import pytest
import trio
from plait.protocol.commands import Answer, Resolve
from plait.protocol.errors import Refused
from plait.protocol.events import QuestionAsked, ToolOutcomeUnknown
from plait.protocol.flow import FlowRun
from plait.runtime import Agent, Runtime, ToolError
from plait.runtime.embed import RoomHandle
from plait.runtime.tools.function import FunctionTool
from plait.storage.memory import MemoryStore

from ...protocol.flow_world import Program, play, random_program
from .scripted import Scripted, says
from .test_surviving import cut
from .test_tab_tools import around

RUN = "000000000001"
_UNSTEADY = ("now", "random", "inbox")
"""What another life is told otherwise, or what somebody must say at the right moment."""


def steady(rng: random.Random, **more: Any) -> Program:
    """A random program whose result depends on its steps alone."""
    while True:
        program = random_program(rng, **more)
        if not any(kind in repr(program) for kind in _UNSTEADY):
            return program


def agents(seed: int) -> list[Agent]:
    """The flow of that seed, an agent that it may spawn, and a tool of each effect."""
    rng = random.Random(seed)
    root, child = steady(rng), steady(rng, depth=2, children=False)

    async def body(n: int) -> int:
        await trio.lowlevel.checkpoint()
        if n == 3:
            raise ToolError("no 3")
        return n * n

    tools = [FunctionTool(body, effect, effect) for effect in ("read", "idempotent", "write")]

    def made(name: str, program: Program) -> Agent:
        async def flow(run: FlowRun) -> Any:
            return await play(run, program)

        return Agent(name, Scripted(lambda request: says(request["system"])), tools=tools, flow=flow, title=False)

    return [made("root", root), made("child", child)]


async def end(store: MemoryStore, seed: int) -> tuple[Any, ...]:
    """How the prompt's run ends, with people who answer whatever is asked."""
    async with Runtime(store, agents(seed), surroundings=around()) as runtime:
        room = runtime.room("r")
        await room.prompt("go", id="p")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_answer, room)
            with trio.fail_after(3600):
                shown = await room.wait(RUN)
            nursery.cancel_scope.cancel()
        runs = await room.runs()
    assert all(run["status"] in ("done", "failed") for run in runs.values())
    return shown["status"], shown.get("result"), shown.get("error_code")


async def _answer(room: RoomHandle) -> None:
    async for record in room.follow():
        event, key = record.event, str(record.seq)
        try:
            if isinstance(event, QuestionAsked):
                await room.decide(Answer(id=key, run=record.run, step=event.step, answer={"answer": event.question}))
            elif isinstance(event, ToolOutcomeUnknown):
                await room.decide(Resolve(id=key, run=record.run, step=event.step, verdict="retry"))
        except Refused as refused:
            if refused.code != "already-decided":  # By an earlier life, under the same id or not.
                raise


@pytest.mark.parametrize("block", range(4))
async def test_random_flows_survive_in_a_real_room(block: int, autojump_clock: trio.testing.MockClock) -> None:
    """AG12, AG30: whole and cut they end the same, with the same number of runs and nothing left open."""
    for seed in range(block, 200, 4):
        store = MemoryStore()
        whole = await end(store, seed)
        records = [
            record for record in await store.read("r", limit=5000) if type(record.event).__name__ != "EpochClosed"
        ]
        n = random.Random(seed).randrange(1, len(records))
        assert await end(await cut(records, n), seed) == whole, f"seed {seed}, cut behind record {n}"
