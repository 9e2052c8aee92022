"""Agents whose every write is a line in a file, for tests that kill the server in the middle of their work.

Named on the command line of a server under test, `--agent tests.end_to_end.household:host`. The file outlives the
process, so a test can say what really happened outside, and how often.
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import trio
from plait.runtime import Agent, FlowRun, flow, tool

EFFECTS = "PLAIT_TEST_EFFECTS"
"""Names the file."""

WRITES = 6
"""How many functions of its own the flow carries out, after its calls."""


def act(what: str) -> str:
    """Do something to the world outside: slowly, so that a kill may come before, within and after."""
    time.sleep(0.02)
    path = os.environ.get(EFFECTS)
    assert path is not None, f"{EFFECTS} is not set"
    with Path(path).open("a") as file:
        file.write(what + "\n")
    time.sleep(0.02)
    return what


@tool(effect="read")
async def look(item: str) -> str:
    """Look something up."""
    await trio.sleep(0.02)
    return f"{item} is fine"


@tool(approval="always")
def order(place: str) -> str:
    """Order something for a place."""
    return act(f"{place} order")


@flow
async def scouting(run: FlowRun) -> str:
    """Look twice, then say so in the model's words."""
    for item in ("wall", "roof"):
        await run.call("look", item=item)
    return (await run.generate()).text


@flow
async def hosting(run: FlowRun) -> Any:
    """Sleep, let others look meanwhile, order, and write down six things one after the other."""
    await run.sleep_until(await run.now() + timedelta(milliseconds=100))
    seen = await run.all(look=run.call("look", item="cellar"), scout=run.spawn("scout", "one two three"))
    ordered = (await run.call("order", place=run.prompt)).value
    written = [await run.once(f"write{n}", lambda n=n: act(f"{run.prompt} write{n}")) for n in range(WRITES)]
    answer = await run.generate()
    return [seen["look"].value, seen["scout"].value, ordered, *written, answer.text]


scout = Agent("scout", model="echo:100", tools=[look], flow=scouting)
host = Agent("host", model="echo:100", tools=[look, order, scout], flow=hosting)
