"""The scenario of `format-1-agents.log`: what agents, flows, files and branches leave in a log."""

from datetime import timedelta
from typing import Any

import trio
from plait.protocol.commands import Answer as AnswerQuestion
from plait.protocol.commands import Overrides
from plait.runtime import Agent, Call, Data, FlowRun, Limits, Prices, Runtime, Source, tool
from plait.runtime.room.identity import Surroundings
from plait.storage.memory import MemoryStore

from ..runtime.agent.scripted import Scripted, calls, says


class Clerk(Scripted):
    """A model that is shown pictures and is asked for titles."""

    takes = frozenset({"image/png"})
    titles = True


@tool(effect="read")
async def draw(call: Call, size: int) -> str:
    """Draw something, and show all that can be shown."""
    call.progress("half", 0.5)
    call.show(Source("https://example.org/ä", "Ärzte", "…"))
    call.show(Data("chart", {"x": [1, 2]}))
    call.attach(b"\x89PNG", "image/png", "dot.png")
    await trio.sleep(1)
    return "x" * size


async def shelf(query: str) -> list[Source]:
    """What stands on the shelf."""
    return [Source("", f"On {query}", "Much.")]


def working(request: dict[str, Any]) -> Any:
    """A search, a large drawing, a colleague; a title when one is asked for."""
    if "Write a title" in request["system"]:
        return says("Bücher und Äpfel")
    if any(message["role"] == "Result" for message in request["messages"]):
        return says("All done.")
    if len(request["messages"]) > 1 or "tools" not in request or not request["tools"]:
        return says("Gut.")
    size = 300_000 if request["messages"][-1]["text"] == "Anders" else 3
    asked = (
        ("s", "shelf", '{"query":"Äpfel"}'),
        ("d", "draw", f'{{"size":{size}}}'),
        ("h", "helper", '{"prompt":"Hilf"}'),
    )
    return calls(*asked)


async def wandering(run: FlowRun) -> dict[str, Any]:
    """Every step that a flow can take, but for a model's."""
    began = await run.now()
    chance = await run.random()
    await run.sleep_until(began + timedelta(hours=1))
    size = await run.ask("Größe?", schema={"type": "object"})
    word = await run.inbox()
    helped = await run.spawn("helper", "Noch etwas")
    done = await run.once("count", lambda: 3, effect="read")
    return {"chance": chance, "size": size, "word": word.text, "helped": helped.result, "done": done}


async def play_agents(store: MemoryStore) -> MemoryStore:
    """A conversation with a branch, a name, facts, a file, sources, a large result, a colleague; and a flow."""
    time = Surroundings(now=lambda: 1_700_000_000_000_000 + int(trio.current_time() * 1_000_000), entropy=bytes)
    helper = Agent("helper", Scripted(lambda request: says("Geholfen.")))
    clerk = Agent(
        "clerk",
        Clerk(working),
        tools=[draw, helper],
        knowledge=[shelf],
        overrides={"temperature"},
        prices=Prices(2, 8),
        limits=Limits(wall_s=600),
    )
    agents = [clerk, Agent("walker", Scripted(lambda request: []), flow=wandering, tools=[helper])]
    async with Runtime(store, agents, surroundings=time) as runtime:
        room = runtime.room("r")
        await room.provide_context({"page": "Bücher", "user": "Ada"}, id="k1")
        await room.change(metadata={"team": "ä", "old": "x"}, id="k2")
        file = await room.attach(b"\x89PNG dot", "image/png", "Bild.png")
        options = Overrides(temperature=0.5)
        first = await room.prompt("Los", id="p1", attachments=[file], context={"row": "7"}, options=options)
        await room.wait(first)
        other = await room.edit_prompt(first, "Anders", id="p2")
        await room.wait(other)
        await room.regenerate(first, id="p3")
        await room.change(title="Unser Raum", metadata={"old": None}, branch=other, id="k3")
        walk = await room.prompt("Geh", id="p4", agent="walker")
        await trio.sleep(3700)
        step = next(part["call"] for part in (await room.runs())[walk]["parts"] if part.get("state") == "asking")
        await room.by("ada").decide(AnswerQuestion(id="d1", run=walk, step=step, answer={"size": 3}))
        await room.steer("Weiter", walk, id="s1")
        await room.wait(walk)
        await room.provide_context({"user": None}, id="k4")
    return store
