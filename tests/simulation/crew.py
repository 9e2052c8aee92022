"""The agents of a simulated world: a scripted model that takes its time and fails, and tools that note what they do.

What is asked says what is done: "order" calls a write, "pay" one that wants a yes, "paint" a tab's tool, and so on.
`Acts` is the world outside: what really happened there, whatever the log says.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import timedelta
from random import Random
from typing import Any

import trio
from plait.protocol.events import ToolCall, ToolClaimed, ToolStarted, Usage
from plait.runtime import Agent, Call, FlowRun, ask_person, flow, tool
from plait.runtime.models.model import JSON, Answered, Chunk, ModelError, ReasoningChunk, TextChunk

from tests.runtime.agent.scripted import Scripted, answered, calls, says

from .disk import Disk
from .trace import Trace

TASKS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "order": (("c1", "order", '{"item":"tiles"}'),),
    "look": (("c1", "look", '{"item":"roof"}'),),
    "post": (("c1", "post", '{"item":"letter"}'),),
    "pay": (("c1", "pay", '{"item":"bill"}'),),
    "paint": (("c1", "paint", '{"colour":"red"}'),),
    "ask": (("c1", "ask_person", '{"question":"Which one?"}'),),
    "scout": (("c1", "scout", '{"prompt":"order"}'),),
    "both": (("c1", "order", '{"item":"a door"}'), ("c2", "look", '{"item":"wall"}'), ("c3", "paint", "{}")),
    "wrong": (("c1", "nothing", "{}"), ("c2", "look", "[]")),
}
PROMPTS = (*TASKS, "say", "say", "long", "long", "break")
AGENTS = ("", "host", "hasty", "listener", "sleeper")
LONG = [f"word{n} " for n in range(60)]
"""What the model says when asked for much: the first so many of these."""
_DONE, _LOOK, _BREAK = "All of that is done now. ", "Let me look. ", "I will "
SAYINGS = ("".join(LONG), _DONE, _LOOK, _BREAK)
"""All that a model says here; `Usage` counts the words of it."""


class Acts:
    """What was done in the world outside, by (room, run, step, name)."""

    def __init__(self, disk: Disk, trace: Trace) -> None:
        self.done: dict[tuple[str, str, str, str], int] = {}
        self._disk = disk
        self._trace = trace

    def note(self, name: str, call: Call) -> None:
        """A write happens. What says that it begins must be on disk by now (law 7)."""
        key = (call.room, call.run, call.step, name)
        self.done[key] = self.done.get(key, 0) + 1
        self._trace.say(name, f"acts for {call.room}/{call.run}/{call.step}, try {call.attempt}", count="writes")
        kind = ToolClaimed if name == "paint" else ToolStarted
        log = self._disk.log(call.room)
        if not any(r.run == call.run and isinstance(r.event, kind) and r.event.step == call.step for r in log):
            self._trace.breach(name, f"{key} happens and the log does not say that it begins")


class Acting(Scripted):
    """Says its script with pauses."""

    def __init__(self, dice: Random) -> None:
        super().__init__(self._play)
        self._dice = dice

    def _play(self, request: JSON) -> Any:
        said = [message.get("text", "") for message in request["messages"] if message["role"] == "User"]
        task = next((text.split()[0] for text in reversed(said) if text.split()[0] in PROMPTS), "say")
        if task == "break" and self._dice.random() < 0.5:
            return [TextChunk(_BREAK), ModelError("model-failed", "It broke.", retry=self._dice.random() < 0.8)]
        if task == "long":
            words = [TextChunk(word) for word in LONG[: self._dice.randrange(10, 60)]]
            return [ReasoningChunk("Well. "), *words, Answered("stop", (), Usage(3, len(words)))]
        if task in TASKS and not answered(request):
            *lines, _ = calls(*TASKS[task], thought=_LOOK)
            made = tuple(ToolCall(id_, name, args) for id_, name, args in TASKS[task])
            return [*lines, Answered("tool-calls", made, Usage(3, len(_LOOK.split())))]
        return says(_DONE)

    async def _lines(self, request: JSON) -> AsyncGenerator[Chunk]:
        async with aclosing(super()._lines(request)) as lines:
            async for line in lines:
                await trio.sleep(self._dice.choice((0.0, 0.005, 0.05, 0.4)))
                yield line


@flow
async def doze(run: FlowRun) -> str:
    """Sleep for a while, through whatever happens meanwhile, and answer then."""
    while await run.random() < 0.7:
        await run.sleep_until(await run.now() + timedelta(seconds=30 * await run.random()))
    return (await run.generate()).text


def crew(acts: Acts, dice: Random, alive: Callable[[], bool]) -> list[Agent]:
    """The agents of one process; what it does once it is dead does not happen."""

    async def act(name: str, call: Call) -> None:
        if alive():
            acts.note(name, call)
        await trio.sleep(dice.choice((0.0, 0.1, 2.0)))

    @tool(effect="read")
    async def look(item: str) -> str:
        """Look something up."""
        await trio.sleep(dice.random())
        return f"{item} is fine"

    @tool
    async def order(item: str, call: Call) -> str:
        """Order an item."""
        await act("order", call)
        return f"ordered {item}"

    @tool(approval="always", decide_within_s=300)
    async def pay(item: str, call: Call) -> str:
        """Pay for an item."""
        await act("pay", call)
        return f"paid {item}"

    @tool(effect="idempotent")
    async def post(item: str, key: str) -> str:
        """Post something, once for one key."""
        await trio.sleep(dice.random())
        return f"posted {item} under {key}"

    def agent(name: str, *more: Any, **how: Any) -> Agent:
        return Agent(name, Acting(dice), tools=[look, order, *more], title=False, **how)

    scout = agent("scout")
    rest = (pay, post, ask_person(decide_within_s=600), scout)
    return [
        agent("host", *rest),
        agent("hasty", *rest, on_second_prompt="interrupt"),
        agent("listener", *rest, on_second_prompt="steer"),
        agent("sleeper", flow=doze),
    ]
