"""What is done under grants: a tool that is forbidden, one that somebody has to approve, a run that is revoked."""

import trio
from plait.protocol.access import Grant
from plait.protocol.commands import Approve
from plait.protocol.digests import call_digest
from plait.protocol.events import ApprovalRequested
from plait.runtime import Agent, Runtime, tool
from plait.runtime.embed import RoomHandle
from plait.runtime.models.model import JSON
from plait.runtime.room.identity import Surroundings
from plait.storage.memory import MemoryStore

from ..runtime.agent.scripted import Line, Scripted, answered, calls, says

BEGUN = 1_700_000_000_000_000


@tool(effect="idempotent")
async def send(to: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


@tool
async def wipe(what: str) -> str:
    """Delete something."""
    return f"{what} is gone"


def asking(request: JSON) -> list[Line]:
    if answered(request):
        return says("Done.")
    return calls(("a", "wipe", '{"what":"all"}'), ("b", "send", '{"to":"Zoë"}'))


async def _asked(room: RoomHandle, after: int) -> ApprovalRequested:
    async for record in room.follow(after):
        if isinstance(record.event, ApprovalRequested):
            return record.event
    raise AssertionError


async def play_grants(store: MemoryStore) -> MemoryStore:
    """One run to its end, and one that waits when its grant is revoked."""
    agents = [Agent("desk", Scripted(asking), tools=[send, wipe], title=False)]
    time = Surroundings(now=lambda: BEGUN + int(trio.current_time() * 1_000_000), entropy=bytes)
    ann = Grant("ann", documents=("notes*",), forbid_tools=("wi*",), ask_tools=("send",), id="g1", issued=BEGUN)
    bob = Grant("bob", id="g2", issued=BEGUN)
    async with Runtime(store, agents, surroundings=time) as runtime:
        room = runtime.room("r")
        for name in ("p1", "p2"):
            run = await room.under(ann).prompt("Go", id=name)
            asked = await _asked(room, int(run))
            if name == "p1":
                shown = call_digest("send", '{"to":"Zoë"}')
                yes = Approve(id="y", run=run, step=asked.step, shown=shown, args={"to": "Ann"})
                await room.under(bob).decide(yes)
            else:
                await trio.sleep(1)
                await runtime.revoke(grant="g1")
            await room.wait(run)
    return store
