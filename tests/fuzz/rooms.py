"""Random logs that a real room wrote: real agents with a model that says anything, and people who ask anything.

Why: what holds for every log is best asked of logs that can be. A seed decides what the model says, which tools it
calls, who asks what and when, who edits, when a tab leaves and when the process ends. Invented records would show that
the fold survives nonsense; these show that what a room does, it can do again from its log.
"""

import random
from typing import Any, Literal

import trio
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import (
    Answer,
    Approve,
    Asked,
    ClaimTool,
    Deny,
    EditPrompt,
    Prompt,
    ProvideContext,
    Regenerate,
    RegisterTools,
    Resolve,
    ReturnToolResult,
    SetRoom,
    Steer,
    Stop,
    ToolOffer,
)
from plait.protocol.errors import PlaitError
from plait.protocol.events import Record, Usage
from plait.protocol.state import RoomState, Step
from plait.runtime import Agent, Runtime, ToolError, ask_person, tool
from plait.runtime.models.model import JSON, Answered, ModelError, ReasoningChunk, TextChunk
from plait.runtime.room.room import Room
from plait.storage.memory import MemoryStore
from pycrdt import Text

from ..runtime.agent.scripted import Scripted, calls
from ..runtime.agent.test_tab_tools import around
from ..runtime.room.scene import FakeTab, watching

POLICIES: list[Literal["queue", "steer", "interrupt", "reject"]] = ["queue", "steer", "interrupt", "reject"]
WORDS = ["ja ", "hé ", "🙂", "漢字 ", "word ", "\n"]


def crew(draw: random.Random) -> list[Agent]:
    """Two agents with every kind of tool; what their model says is drawn."""

    @tool(effect="read")
    async def look(item: str) -> str:
        """Look something up."""
        if draw.random() < 0.2:
            raise ToolError(f"no {item}")
        return f"{item} is fine"

    @tool(approval="always", decide_within_s=40)
    async def order(item: str) -> str:
        """Order an item."""
        await trio.sleep(draw.random() * 3)
        return f"ordered {item}"

    def say(request: JSON) -> Any:
        how = draw.random()
        number = f"c{draw.randrange(1000)}"
        if how < 0.45 and len(request["messages"]) < 12:
            asked = [("look", '{"item":"Äpfel 🍏"}'), ("order", '{"item":"figs"}'), ("paint", '{"colour":"red"}')]
            asked += [("ask_person", '{"question":"Größe?"}'), ("helper", '{"prompt":"Help"}'), ("nobody", "{")]
            chosen = draw.sample(asked, draw.randint(1, 3))
            return calls(*((f"{number}{n}", name, args) for n, (name, args) in enumerate(chosen)))
        text = [TextChunk(draw.choice(WORDS)) for _ in range(draw.randint(1, 6))]
        if how < 0.55:
            return [*text, ModelError("model-overloaded", "Later.", retry=True)]
        if how < 0.6:
            return [*text, ModelError("model-auth", "No.", retry=False)]
        if how < 0.7:
            return [ReasoningChunk("hm "), *text, trio.Event()]
        return [*text, Answered("stop", (), Usage(3, len(text)))]

    helper = Agent("helper", Scripted(say), tools=[look], title=False)
    policy = draw.choice(POLICIES)
    host = Agent("host", Scripted(say), tools=[look, order, ask_person(), helper], on_second_prompt=policy)
    return [host, Agent("other", Scripted(say), tools=[order])]


class Play:
    """One room's life over several processes. `commands` are those that were accepted, with their answers."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.store = MemoryStore(entropy=bytes)
        self.commands: list[tuple[Asked, tuple[int, str]]] = []
        self.state = RoomState()
        self.documents: dict[str, bytes] = {}
        self._asked = 0

    async def play(self, processes: int = 3, turns: int = 14) -> "Play":
        """Several processes one after another; afterwards `state` and `documents` are what the last one had."""
        for process in range(processes):
            async with (
                Runtime(self.store, crew(self.draw), surroundings=around()) as runtime,
                runtime.rooms.use("r") as room,
            ):
                tabs = [
                    await watching(room, draw_from, author=author, client=100 * process + 10 + n)
                    for n, (draw_from, author) in enumerate((("notes", "ada"), ("notes", "bob"), ("", "ada")))
                ]
                for _ in range(turns):
                    await self._turn(room, tabs)
                    await trio.sleep(self.draw.choice([0, 0.1, 1, 1, 20]))
                await self._command(room, Stop(id=self._id()), None)
                await trio.sleep(1)
                self._look(room)
        return self

    async def records(self) -> list[Record]:
        """The whole log."""
        return await self.store.read("r", limit=100_000)

    def _look(self, room: Room) -> None:
        live = room._live
        assert live is not None
        self.state = live.state
        self.documents = {"": live.room_document.doc.get_update()}
        self.documents |= {name: live.shared[name].doc.get_update() for name in live.state.documents}

    def _id(self) -> str:
        self._asked += 1
        return f"k{self._asked}"

    async def _turn(self, room: Room, tabs: list[FakeTab]) -> None:
        if self.draw.random() < 0.3:
            tab = self.draw.choice(tabs[:2])
            room.edit(tab, self._edit(tab), step2=False)
            return
        live = room._live
        state = live.state if live is not None else RoomState()
        await self._command(room, self._any(state), tabs[2])

    def _edit(self, tab: FakeTab) -> bytes:
        before, text = tab.doc.get_state(), tab.doc.get("content", type=Text)
        if len(text) and self.draw.random() < 0.3:
            text.clear()
        else:
            text.insert(0, self.draw.choice(WORDS))
        return tab.doc.get_update(before)

    def _any(self, state: RoomState) -> Asked:
        draw, key = self.draw, self._id()
        run = draw.choice([*state.runs, "000000000099"])
        held = state.runs.get(run)
        steps: list[Step] = list(held.steps.values()) if held else []
        waiting = [step for step in steps if step.status in ("asking", "assigned", "claimed", "unknown")]
        if waiting and draw.random() < 0.7:
            return self._about(key, run, draw.choice(waiting))
        offer = ToolOffer("paint", "Paint it.", {"type": "object"}, "read", lasting=draw.random() < 0.5)
        return draw.choice(
            [
                Prompt(id=key, text="Go 🙂", agent=draw.choice(["", "host", "other", "nobody"])),
                Prompt(id=key, text="On", agent="host", context={"k": "v"}, after=draw.choice([None, "", run])),
                Regenerate(id=key, run=run),
                EditPrompt(id=key, run=run, text="Otherwise"),
                Steer(id=key, text="Hurry", run=draw.choice(["", run])),
                Stop(id=key, run=run),
                SetRoom(
                    id=key, title="Tür", metadata={"team": draw.choice(["a", None])}, branch=draw.choice(["", run])
                ),
                ProvideContext(id=key, facts={"at": draw.choice(["home", None])}, tab=draw.choice(["", "page"])),
                RegisterTools(id=key, tab="page", tools=draw.choice([[offer], []])),
            ]
        )

    def _about(self, key: str, run: str, step: Step) -> Asked:
        draw = self.draw
        if step.status == "asking" and step.asks == "input":
            return Answer(id=key, run=run, step=step.id, answer={"answer": draw.choice(["42", 3])})
        if step.status == "asking":
            yes = Approve(id=key, run=run, step=step.id, args=draw.choice([None, {"item": "Zoë"}]))
            return draw.choice([yes, Deny(id=key, run=run, step=step.id, reason="Nein.")])
        if step.status == "unknown":
            return Resolve(id=key, run=run, step=step.id, verdict=draw.choice(["happened", "did-not-happen", "retry"]))
        if step.status == "assigned":
            return ClaimTool(id=key, run=run, step=step.id, number=step.number)
        return ReturnToolResult(id=key, run=run, step=step.id, number=step.number, result=draw.choice(["red", 1]))

    async def _command(self, room: Room, command: Asked, tab: FakeTab | None) -> None:
        answer = await told(room, command, tab)
        if not isinstance(answer, PlaitError):
            self.commands.append((command, (answer.seq, answer.run)))


async def told(room: Room, command: Asked, tab: FakeTab | None) -> Any:
    """What a command is answered: an Answer or the error."""
    answers: list[Any] = []
    heard = trio.Event()

    def reply(answer: Any) -> None:
        answers.append(answer)
        heard.set()

    room.command(ANONYMOUS, command, reply, tab)
    await heard.wait()
    return answers[0]
