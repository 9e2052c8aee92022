"""One long scenario, and the people in it, who go on after every crash as people do.

A prompt sleeps, thinks, calls four tools side by side (one reads, one writes and wants a yes, one is a tab's, one is
another agent), is spoken to meanwhile and answers; a second prompt is stopped while it streams. Whoever takes part
knows only the log and the document: what was asked before a crash is asked again under the same command id.
"""

from datetime import timedelta
from typing import Any

import trio
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Approve, ClaimTool, RegisterTools, Resolve, ReturnToolResult, ToolOffer
from plait.protocol.errors import PlaitError, Refused
from plait.protocol.events import (
    ApprovalRequested,
    Record,
    RunFailed,
    RunFinished,
    RunStopped,
    TextStreamed,
    ToolAssigned,
    ToolOutcomeUnknown,
)
from plait.protocol.flow import converse
from plait.runtime import Agent, FlowRun, Runtime, flow, tool
from plait.runtime.models.model import JSON, TextChunk
from plait.runtime.room.room import Room
from plait.storage.memory import MemoryStore

from ..room.scene import FakeTab, watching
from .scripted import Scripted, answered, calls, says
from .test_tab_tools import around

ENDS = RunFinished | RunStopped | RunFailed


@flow
async def rested(run: FlowRun) -> str:
    """Sleep a minute, then do what any agent does."""
    await run.sleep_until(await run.now() + timedelta(minutes=1))
    return await converse(run)


def crew(acted: list[str]) -> list[Agent]:
    """The agents of one process; `acted` notes each write that it carries out."""

    @tool(effect="read")
    async def look(item: str) -> str:
        """Look something up."""
        return f"{item} is fine"

    @tool(approval="always")
    async def order(item: str) -> str:
        """Order an item."""
        acted.append("order")
        return f"ordered {item}"

    def hosting(request: JSON) -> Any:
        if request["messages"][-1].get("text") == "Wait":
            return [TextChunk("Half an "), TextChunk("answer"), trio.Event()]
        if not answered(request) and "Hurry" not in str(request["messages"]):
            return calls(
                ("c1", "look", '{"item":"roof"}'),
                ("c2", "order", '{"item":"tiles"}'),
                ("c3", "paint", '{"colour":"red"}'),
                ("c4", "scout", '{"prompt":"How is the wall?"}'),
                thought="Let me see to it. ",
            )
        return says("All is done.")

    def scouting(request: JSON) -> Any:
        if not answered(request):
            return calls(("c1", "look", '{"item":"wall"}'), thought="Looking. ")
        return says("It stands.")

    scout = Agent("scout", Scripted(scouting), tools=[look], title=False)
    return [Agent("host", Scripted(hosting), tools=[look, order, scout], flow=rested, title=False)]


class Life:
    """One process and the people at its doors; it ends when both prompts have."""

    def __init__(self, store: MemoryStore, number: int) -> None:
        self.store = store
        self.number = number
        self.acted: list[str] = []
        self.unknown: list[str] = []
        self.runs: dict[str, Any] = {}

    async def live(self) -> "Life":
        """Until the last prompt has ended; however often it is asked, everything happens once."""
        async with Runtime(self.store, crew(self.acted), surroundings=around()) as runtime:
            self._room = runtime.room("r")
            async with runtime.rooms.use("r") as self._live, trio.open_nursery() as nursery:
                self._tab = await watching(self._live)
                offer = ToolOffer("paint", "Paint it.", {"type": "object"}, "write")
                await self._say(RegisterTools(id=f"register{self.number}", tab="page", tools=[offer]))
                self._root = await self._room.prompt("See to the house", id="p1")
                async for record in self._room.follow():
                    if await self._react(record, nursery):
                        break
                nursery.cancel_scope.cancel()
            self.runs = await self._room.runs()
        return self

    async def _react(self, record: Record, nursery: trio.Nursery) -> bool:
        """What people and the page do when they read this; True once there is nothing more to come."""
        event = record.event
        match event:
            case ApprovalRequested():
                await self._room.steer("Hurry", self._root, id="s")
                await self._room.decide(Approve(id="y", run=self._root, step=event.step))
            case ToolAssigned():
                nursery.start_soon(self._carry_out, record.run, event)
            case ToolOutcomeUnknown():
                await self._resolve(record, event)
            case TextStreamed() if record.run != self._root and (await self._prompt_of(record.run)) == "Wait":
                await self._room.stop(record.run, id="stop")
            case RunFinished() if record.run == self._root:
                await self._room.prompt("Wait", id="p2")
            case _:
                return isinstance(event, ENDS) and (await self._prompt_of(record.run)) == "Wait"
        return False

    async def _prompt_of(self, run: str) -> str:
        return (await self._room.runs())[run]["prompt"]

    async def _resolve(self, record: Record, event: ToolOutcomeUnknown) -> None:
        """Somebody sees that nobody knows, looks, and finds that it did happen."""
        parts = (await self._room.runs())[record.run]["parts"]
        part = next(part for part in parts if part.get("call") == event.step)
        if part["state"] != "unknown":
            return  # An earlier life has resolved it.
        self.unknown.append(part["name"])
        result = {"order": "ordered tiles", "paint": "painted red"}[part["name"]]
        await self._room.decide(
            Resolve(id=f"r{record.seq}", run=record.run, step=event.step, verdict="happened", result=result)
        )

    async def _carry_out(self, run: str, event: ToolAssigned) -> None:
        """The page was given a call; after a reload it knows nothing of what it had begun."""
        life = self.number
        try:
            await self._say(ClaimTool(id=f"claim{life}-{event.number}", run=run, step=event.step, number=event.number))
        except Refused:
            return
        self.acted.append("paint")
        done = ReturnToolResult(
            id=f"done{life}-{event.number}", run=run, step=event.step, number=event.number, result="painted red"
        )
        await self._say(done)

    async def _say(self, command: Any) -> None:
        """A command of the page's, over its socket. Raises what it is answered with."""
        told = trio.Event()
        answers: list[Any] = []

        def reply(answer: Any) -> None:
            answers.append(answer)
            told.set()

        room: Room = self._live
        tab: FakeTab = self._tab
        room.command(ANONYMOUS, command, reply, tab)
        await told.wait()
        if isinstance(answers[0], PlaitError):
            raise answers[0]
