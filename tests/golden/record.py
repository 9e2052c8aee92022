"""Record a golden log: a scenario with every kind of record that a room of today writes. Run once per format."""

import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import trio
import trio.testing
from plait.protocol import codec
from plait.protocol.access import ANONYMOUS
from plait.protocol.codec import encode_event
from plait.protocol.commands import Answer as AnswerQuestion
from plait.protocol.commands import Approve, ClaimTool, Deny, RegisterTools, ReturnToolResult, ToolOffer
from plait.protocol.events import ToolCall, ToolStarted, kebab
from plait.protocol.flow import FlowRun, Outcome
from plait.protocol.shown import shown_drafts, shown_room, shown_runs
from plait.runtime import Agent, Runtime, ToolError, ask_person, tool
from plait.runtime.models.model import ModelError, TextChunk
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.opening import open_live
from plait.storage import About, Append, Revocation, Snapshot, open_store
from plait.storage.memory import MemoryStore
from plait.storage.migrations import VERSION
from pycrdt import Text

from ..runtime.agent.scripted import Scripted, answered, calls, says
from ..runtime.room.scene import surroundings, watching
from ..storage.logs import LIBRARY_RECORDS, TIME, append, name_of
from .agents import play_agents
from .documents import play_documents
from .forks import play_forks
from .grants import play_grants
from .pauses import play_pauses
from .shapes import play_shapes

HERE = Path(__file__).parent


@tool(effect="read")
async def stock(item: str) -> int:
    """How many of an item there are."""
    return len(item)


@tool
async def order(item: str) -> str:
    """Order an item."""
    raise ToolError(f"no {item}")


def script(request: dict[str, Any]) -> Any:
    prompt = [m["text"] for m in request["messages"] if m["role"] == "User"][-1]
    if prompt == "wait":
        return [TextChunk("Half an ans"), trio.Event()]
    if prompt == "fail":
        return [TextChunk("no"), ModelError("model-auth", "The key was refused.", retry=False)]
    if not answered(request):
        return calls(("a", "stock", '{"item":"Äpfel 🍏"}'), ("b", "order", '{"item":"figs"}'))
    return says("Grüße 🙂")


async def ask_once(run: FlowRun) -> Outcome:
    """A flow without a model: one write tool, at which the process dies."""
    return await run.call(ToolCall("w", "order", "{}"))


async def play(store: MemoryStore) -> MemoryStore:
    """The scenario: whole and cut runs, edits by two people, a clean end, two crashes."""
    agents = [Agent("clerk", Scripted(script), tools=[stock, order])]
    async with Runtime(store, agents, surroundings=surroundings()) as runtime:
        room = runtime.room("r")
        await room.wait(await room.prompt("go", id="p1"))
        await room.wait(await room.prompt("fail", id="p2"))
        async with runtime.rooms.use("r") as live:
            for author, client in (("ada", 7), ("bob", 8)):
                tab = await watching(live, "notes", author=author, client=client)
                live.edit(tab, tab.type(f"{author} schrieb: 漢字🙂 "), step2=False)
                await tab.until("accepted")
                live.leave(tab)
        cut = await room.prompt("wait", id="p3")
        async for record in room.follow():
            if record.run == cut and type(record.event).__name__ == "TextStreamed":
                break
    head = await store.head("r")
    async with Runtime(store, agents, surroundings=surroundings()) as runtime:
        room = runtime.room("r")
        async for record in room.follow(head.seq):
            if type(record.event).__name__ == "TextStreamed":
                break
        await room.stop(id="s1")
        await room.wait(cut)
    return await crash_in_a_write(store)


async def crash_in_a_write(store: MemoryStore) -> MemoryStore:
    """A run whose write tool started, and a process that was never heard of again; the next one says so."""
    agents = [Agent("doer", Scripted(script), tools=[order], flow=ask_once)]
    copy = MemoryStore(entropy=bytes)
    async with Runtime(store, agents, surroundings=surroundings()) as runtime:
        room = runtime.room("r")
        await room.wait(await room.prompt("do", id="p4"))
    records = await store.read("r", limit=10_000)
    last = [record.seq for record in records if isinstance(record.event, ToolStarted)][-1]
    for record in records[:last]:
        await copy.append(Append("r", record.epoch, record.seq - 1, (record,), open_runs=1))
    async with Runtime(copy, agents, surroundings=surroundings()) as runtime:
        await runtime.room("r").stop(id="s2")
        await runtime.room("r").wait(records[last - 1].run)
    return copy


@tool(approval="always", decide_within_s=60)
async def send(to: str) -> str:
    """Send a mail."""
    return f"sent to {to}"


def deciding(request: dict[str, Any]) -> Any:
    """Three calls that wait for people, and one for a tab."""
    if any(message["role"] == "Result" for message in request["messages"]):
        return says("All decided.")
    mail = [(f"m{n}", "send", f'{{"to":"{n}"}}') for n in range(3)]
    return calls(*mail, ("q", "ask_person", '{"question":"Größe?"}'), ("t", "paint", '{"colour":"red"}'))


async def play_decisions(store: MemoryStore) -> MemoryStore:
    """Yes with other arguments, no, nobody in time, an answer, words to the run, and a tab that is late."""
    agents = [Agent("desk", Scripted(deciding), tools=[send, ask_person()], on_second_prompt="steer")]
    time = Surroundings(now=lambda: 1_700_000_000_000_000 + int(trio.current_time() * 1_000_000), entropy=bytes)
    async with Runtime(store, agents, surroundings=time) as runtime, runtime.rooms.use("r") as live:
        room = runtime.room("r")
        first, second = [await watching(live, client=n) for n in (7, 8)]
        for name, tab in (("one", first), ("two", second)):
            offer = ToolOffer("paint", "Paint.", {"type": "object"}, "read", lasting=True)
            live.command(ANONYMOUS, RegisterTools(id=name, tab=name, tools=[offer]), lambda _: None, tab)
        run = await room.prompt("decide", id="p1")
        await trio.sleep(1)
        await room.prompt("and be quick", id="p2")
        step = "all.0/{}/call.0".format
        await room.by("ada").decide(Approve(id="d1", run=run, step=step(0), args={"to": "Zoë"}))
        await room.by("bob").decide(Deny(id="d2", run=run, step=step(1), reason="Nein."))
        await room.by("ada").decide(AnswerQuestion(id="d3", run=run, step=step(3), answer={"answer": "42"}))
        live.command(ANONYMOUS, ClaimTool(id="t1", run=run, step=step(4), number=1), lambda _: None, second)
        await trio.sleep(1)
        live.leave(second)
        await trio.sleep(30)
        for number, name in ((1, "late"), (2, "done")):
            claim = ClaimTool(id=f"c{number}", run=run, step=step(4), number=number)
            live.command(ANONYMOUS, claim, lambda _: None, first)
            result = ReturnToolResult(id=f"r{number}", run=run, step=step(4), number=number, result=name)
            live.command(ANONYMOUS, result, lambda _: None, first)
        await trio.sleep(60)
        await room.wait(run)
        live.leave(first)
    return store


async def play_seeding(store: MemoryStore) -> MemoryStore:
    """Documents that begin with files, and two prompts."""
    agents = [Agent("clerk", Scripted(script), tools=[stock, order])]
    async with Runtime(store, agents, surroundings=surroundings()) as runtime:
        room = runtime.room("r")
        await room.by("ada").seed("notes", "Größe 🍏".encode(), "text")
        await room.by("bob").seed("state", b'{"done": false}', "json")
        for name in ("p1", "p2"):
            await room.wait(await room.prompt("go", id=name))
    return store


async def digest(store: MemoryStore) -> dict[str, Any]:
    """What the log says, as plain values that do not depend on the fold's own shape."""
    live = await open_live("r", store, {}, surroundings())
    room = shown_room(live.room_document.doc)
    drafts = shown_drafts(live.room_document.doc)
    return {
        **({"room": room} if room else {}),
        **({"drafts": drafts} if drafts else {}),
        "seq": live.state.seq,
        "runs": shown_runs(live.room_document.doc),
        "documents": {name: str(live.shared[name].doc.get("content", type=Text)) for name in live.state.documents},
        "owners": {str(client): author for client, author in live.state.owners.items()},
        "kinds": sorted({kebab(type(r.event).__name__) for r in await store.read("r", limit=10_000)}),
    }


async def write(name: str, store: MemoryStore) -> None:
    rows = [
        [r.seq, r.time, r.author, r.run, r.epoch, encode_event(r.event), r.document, r.update, r.id, r.asked]
        for r in await store.read("r", limit=10_000)
    ]
    (HERE / f"{name}.log").write_bytes(msgspec.msgpack.encode(rows))
    text = json.dumps(await digest(store), ensure_ascii=False, indent=1, sort_keys=True)
    (HERE / f"{name}.json").write_text(text + "\n")


async def write_database() -> None:
    """A database of today's format: a room with all that one can have beside its log, and one that was deleted."""
    made = HERE / f"database-{VERSION}.sqlite"
    if made.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.db"
        async with open_store(f"sqlite:///{path}", entropy=bytes, now=lambda: TIME) as store:
            for name, kind in (("picture", "image/png"), ("loose", "text/plain")):
                await store.put_blob(name.encode(), kind)
            about = About("Bücherei", {"team": "ä"}, 1)
            blobs = (name_of(b"picture"),)
            await store.append(Append("library", 2, 0, LIBRARY_RECORDS, 1, TIME + 500, about, blobs))
            await store.save_snapshot("library", Snapshot(3, 7, b"data"))
            await store.revoke(Revocation("subject", "eve", TIME))
            await store.append(append("gone", 0))
            await store.delete("gone")
        made.write_bytes(path.read_bytes())


_SCENARIOS = {
    "": play,
    "-decisions": play_decisions,
    "-agents": play_agents,
    "-documents": play_documents,
    "-seeding": play_seeding,
    "-grants": play_grants,
    "-forks": lambda store: play_forks(store, surroundings()),
    "-pauses": lambda store: play_pauses(store, surroundings()),
    "-shapes": lambda store: play_shapes(store, surroundings()),
}


async def main() -> None:
    await write_database()
    name = f"format-{codec.FORMAT}"
    for ending, scenario in _SCENARIOS.items():
        if not (HERE / f"{name}{ending}.log").exists():  # A golden log is written once.
            await write(name + ending, await scenario(MemoryStore(entropy=bytes)))


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
