"""An agent and a stock tab in one paragraph, while the server is killed: nothing doubled, nothing lost."""

import json
import random
from pathlib import Path
from typing import Any

import trio

from tests.clients.node_tab import NodeTab, node_tab

from .asking import kinds
from .serving import ServerProcess, serving

NOTE = "This note is from the scripted demo. Type into it while it grows: both of us keep every letter."
KEY_S = 0.02
"""A very fast person: unpaced, the tab types ten thousand marks before the server has restarted once."""

SCRIBE = ("--agent", "tests.end_to_end.scribe:scribe")


class Typist:
    """A person who types marks behind the words that are there, whether or not anybody listens."""

    def __init__(self, tab: NodeTab) -> None:
        self.tab = tab
        self.marks: list[str] = []

    async def type_until(self, done: trio.Event) -> None:
        rng = random.Random(5)
        while not done.is_set():
            mark = f"<{len(self.marks)}>"
            self.marks.append(mark)
            await self.tab.insert_behind(" ", mark, nth=rng.randrange(1000))
            await trio.sleep(KEY_S)

    async def check(self, wanted: str) -> None:
        """Every mark is there once, and without them the text is what the agent wanted."""
        await self.tab.wait_pieces(self.marks)
        await self.tab.wait_acked()
        text = await self.tab.text()
        for mark in self.marks:
            assert text.count(mark) == 1
            text = text.replace(mark, "")
        assert text == wanted


async def ask(server: ServerProcess, room: str, **command: Any) -> str:
    status, answer = await server.post(f"/api/rooms/{room}/commands", {"id": "ask-1", "do": "prompt", **command})
    assert status == 200, answer
    return answer["ok"]["run"]


async def restart(server: ServerProcess) -> None:
    await server.kill()
    await server.start()


async def test_the_demo_writes_where_a_person_types(tmp_path: Path) -> None:
    """ED21: `plait serve` as it comes: the note grows word by word beside what is typed into it, through two kills, and
    the demo says what it did."""
    async with (
        serving(tmp_path, model="demo") as server,
        node_tab(f"{server.ws}/docs", "pad") as tab,
        node_tab(f"{server.ws}/rooms", "pad") as watch,
    ):
        await tab.wait_synced()
        await tab.insert(0, "Hello ")
        await tab.wait_acked()
        typist, done = Typist(tab), trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(typist.type_until, done)
            await ask(server, "pad", text="Write some notes")
            for word in ("scripted", "grows:"):
                await tab.wait_pieces([word])
                await restart(server)
            await watch.wait_runs(1, "done", within_s=60)
            done.set()
        await typist.check(f"Hello \n{NOTE}")
        (run,) = await watch.runs()
        assert "It is written" in run["answer"]
        records = await server.records("pad")
        edits = [record for record in records if record["event"]["type"] == "document-edited" and record["run"]]
        assert len(edits) == len(NOTE.split())
        assert {record["author"] for record in edits} == {"agent:assistant"}
        assert "tool-interrupted" in kinds(records)
        assert "Traceback" not in server.log


async def test_calls_that_are_cut_edit_once(tmp_path: Path) -> None:
    """ED19: forty calls, each at the anchor that the last one gave; four kills; a person in the same line."""
    count = 40
    calls: list[Any] = [("insert_text", {"new": "[0] "})]
    calls += [("insert_text", {"new": f"[{n}] ", "at": f"${n - 1}.end"}) for n in range(1, count)]
    calls += [("replace_text", {"old": f"[{n}]", "new": f"[{n}!]"}) for n in range(0, count, 4)]
    wanted = "".join(f"[{n}{'' if n % 4 else '!'}] " for n in range(count))
    async with (
        serving(tmp_path, arguments=SCRIBE) as server,
        node_tab(f"{server.ws}/docs", "pad") as tab,
        node_tab(f"{server.ws}/rooms", "pad") as watch,
    ):
        await tab.wait_synced()
        typist, done = Typist(tab), trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(typist.type_until, done)
            await ask(server, "pad", agent="scribe", text=json.dumps(calls))
            for piece in ("[5]", "[17]", "[33]", "[20!]"):
                await tab.wait_pieces([piece])
                await restart(server)
            await watch.wait_runs(1, "done", within_s=60)
            done.set()
        await typist.check(wanted)
        records = await server.records("pad")
        edits = [record for record in records if record["event"]["type"] == "document-edited" and record["run"]]
        assert len(edits) == len(calls)
        assert "Traceback" not in server.log
