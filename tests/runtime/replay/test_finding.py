"""Breakpoints: in what was written, in what is being written; in Python, over HTTP and at a terminal."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trio
from plait.protocol import limits
from plait.protocol.errors import Refused
from plait.protocol.events import ToolFailed
from plait.runtime import Agent, Runtime, ToolError, cli, moment, tool
from plait.runtime.replay.bisecting import expression
from plait.runtime.replay.finding import Walk, condition, spelled
from plait.runtime.server import finding
from plait.storage import open_store
from plait.storage.memory import MemoryStore
from pycrdt import Text

from ..agent.scripted import Scripted, answered, calls, says
from ..client.served import served
from .asked import get
from .test_moment import lived, scribe


async def hits(store: MemoryStore, text: str, after: int = 0) -> list[int]:
    walk = Walk(store, "r", spelled(text, "main"))
    await walk.begin(after)
    found: list[int] = []
    while (hit := await walk.go_on()) is not None:
        found.append(hit.seq)
    assert walk.seq == (await store.head("r")).seq
    return found


@pytest.mark.parametrize(
    "text",
    [
        "length(pending) > `0`",
        "runs.*.status | contains(@, 'running')",
        "runs.*.parts[] | [?contains(to_string(text), 'Done')]",
        "values(runs)[-1].parts[-1].text",
        "texts.main.content && contains(texts.main.content, 'one')",
        "length(documents) == `2` && spent.steps > `1`",
        "spent.steps == `3`",
        "seq > `5` && seq < `9`",
        "length(keys(@)) == `9` && spent.steps > `1`",
        "recovery",
        "room.tip",
    ],
)
async def test_each_beginning_is_found(text: str) -> None:
    """RP64: exactly the records after which it holds and before which it did not, as every moment says."""
    store = MemoryStore()
    await lived(store)
    head = (await store.head("r")).seq
    holds = expression(text)
    held = [holds(await moment(store, "r", seq)) for seq in range(head + 1)]
    expected = [seq for seq in range(1, head + 1) if held[seq] and not held[seq - 1]]
    assert await hits(store, text) == expected
    half = head // 2
    assert await hits(store, text, half) == [seq for seq in expected if seq > half]


async def test_what_comes_and_goes() -> None:
    """RP64: in a text that has the word, loses it and has it again, both beginnings; cut short, it goes on."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r").by("ann")
        for _ in range(2):
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "TODO"))
            await room.edit("other", lambda doc: doc.get("content", type=Text).insert(0, "TODO"))
            await room.edit("main", lambda doc: doc.get("content", type=Text).__delitem__(slice(0, 4)))
    assert await hits(store, "/TO+DO/") == [1, 4]
    walk = Walk(store, "r", spelled("/TODO/"))
    await walk.begin(1)
    assert walk.held
    assert await walk.go_on(lambda: True) is None
    assert walk.seq == 3
    hit = await walk.go_on()
    assert hit is not None
    assert hit.seq == 4


async def test_a_tool_that_fails() -> None:
    """RP65: each failure of the named tool, two in a row too, or of any; no expression, or two, are none."""

    @tool(effect="read")
    async def look() -> str:
        """Look."""
        raise ToolError("nothing there")

    asked = calls(("c1", "look", "{}"), ("c2", "look", "{}"), ("c3", "none", "{}"))
    store = MemoryStore()
    agent = Agent("a", Scripted(lambda request: says("No.") if answered(request) else asked), tools=[look])
    async with Runtime(store, [agent]) as runtime:
        await runtime.room("r").wait(await runtime.room("r").prompt("Go"))
    failed = [record.seq for record in await store.read("r") if isinstance(record.event, ToolFailed)]
    named = await hits(store, "tool-error:look")
    assert len(named) == 2
    every = await hits(store, "tool-error")
    assert set(named) < set(every)
    assert set(every) >= set(failed)
    for bad in ({}, {"when": "a", "pattern": "b"}, {"when": "]"}, {"pattern": "("}):
        with pytest.raises(Refused, match="bad-request"):
            condition(**bad)


async def test_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """RP66: the first hit, or how far was looked and from where to go on; live, each as it comes."""
    async with served("sqlite:///:memory:", Agent("a", Scripted(lambda request: says("Yes.")))) as server:
        room = server.runtime.room("r").by("ann")
        await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "TODO"))
        await room.edit("main", lambda doc: doc.get("content", type=Text).__delitem__(slice(0, 4)))

        async def find(query: str) -> tuple[int, Any]:
            return await get(server, f"/api/rooms/r/find?{query}")

        status, told = await find("matches=TODO")
        assert (status, told["seq"], told["record"]["author"], told["held"]) == (200, 1, "ann", False)
        assert (await find("matches=TODO&after=1"))[1] == {"seq": None, "looked": 2, "held": True}
        assert (await find("when=" + quote("spent.cost > `1`")))[1]["seq"] is None
        assert (await find("tool-error="))[1]["seq"] is None
        assert (await find("matches=TODO&after=9"))[1]["code"] == "no-such-moment"
        for bad in ("", "matches=TO*DO", "when=" + quote("[@,@]"), "matches=a&when=b", "matches=" + "a" * 501):
            assert (await find(bad))[0] == 400, bad
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            await stream.send_all(b"GET /api/rooms/r/find?matches=TODO&live=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            lines: list[Any] = []

            async def heard(count: int) -> None:
                while len(lines) < count:
                    part = await stream.receive_some()
                    lines.extend(json.loads(each) for each in bytes(part).splitlines() if each.startswith(b"{"))

            await heard(2)
            assert [lines[0]["seq"], lines[1]] == [1, {"caught_up": 2}]
            monkeypatch.setattr(limits, "FINDS_ROOM", 1)
            assert (await find("matches=TODO"))[1]["code"] == "too-many"
            monkeypatch.setattr(limits, "FINDS_ROOM", 8)
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "TODO"))
            await heard(3)
            assert lines[2]["seq"] == 3
        monkeypatch.setattr(limits, "FIND_S", 0)
        _, told = await find("matches=never")
        assert (told["seq"], told["rest"]) == (None, told["looked"])


def test_what_strangers_may_say() -> None:
    """RP66: nothing that takes a time or a memory out of proportion: it is refused before it is tried."""
    for pattern in ("TODO", r"cost: \d{1,4}\b", "colou?r|hue", "[a-z*+]x", r"\(no\)", "^a.b$"):
        finding.modest(None, pattern)
    for pattern in (
        "a*",
        "a+",
        "(a{1,9}){1,9}",
        "a{1,9}b{1,9}",
        r"(a)\1",
        "(?=a)",
        "a??????",
        "a{100}",
        "(a|b)|(c|d)|(e|f)",
    ):
        with pytest.raises(Refused):
            finding.modest(None, pattern)
    for text in ("spent.cost > `1`", "runs.*.parts[] | [?state=='error']", "sort_by(values(runs), &status)"):
        finding.modest(text, None)
    for text in ("[@,@]", "{a: @, b: @}", "to_string(to_string(@))", "map(&[@], @)", "]"):
        with pytest.raises(Refused):
            finding.modest(text, None)


def test_at_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RP67: exit 0 at a hit, 1 without one, 2 for what is no condition."""
    url = f"sqlite:///{tmp_path / 'log.db'}"

    async def main() -> None:
        async with open_store(url) as store, Runtime(store, [scribe()]) as runtime:
            room = runtime.room("r").by("ann")
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "TODO"))
            await room.wait(await room.prompt("Go"))

    trio.run(main)

    def said(*words: str, code: int = 0) -> str:
        assert cli.run(["replay", "r", "--store", url, *words]) == code
        return capsys.readouterr().out

    assert said("--break", "/TODO/").startswith("r: it holds after record 1\n")
    assert json.loads(said("--break", "spent.steps >= `1`", "--json"))["record"]["event"]["type"] == "model-answered"
    assert "does not begin" in said("--break", "tool-error:note", code=1)
    assert "does not begin" in said("--break", "/TODO/", "--at", "1", code=1)
    for words in (["--break", "]"], ["--live"], ["--break", "a", "--request", "1"]):
        said(*words, code=2)


async def test_live_at_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RP67: with `--live` it waits for what is yet to come, beside the server that writes."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    words = ["replay", "r", "--break", "/TODO/", "--live", "--json", "--store", url]
    async with open_store(url) as store, Runtime(store) as runtime, trio.open_nursery() as nursery:
        room = runtime.room("r").by("ann")
        await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "TODO"))
        codes: list[int] = []

        async def wait() -> None:
            codes.append(await trio.to_thread.run_sync(cli.run, words))

        nursery.start_soon(wait)
        number = 1
        deadline = trio.current_time() + 120
        while (
            not codes and trio.current_time() < deadline
        ):  # It waits behind whatever is the newest when it begins; so until it says so, go on.
            number += 2
            await room.edit("main", lambda doc: doc.get("content", type=Text).__delitem__(slice(0, 4)))
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "TODO"))
            await trio.sleep(0.02)
    told = json.loads(capsys.readouterr().out)
    assert codes == [0]
    assert told["seq"] % 2 == 1
    assert 3 <= told["seq"] <= number
