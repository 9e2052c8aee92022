"""Runs that are paused, by somebody or by a breakpoint: nothing begins before somebody resumes them."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.commands import Approve
from plait.protocol.digests import call_digest
from plait.protocol.errors import Refused
from plait.protocol.events import (
    ApprovalRequested,
    Event,
    ModelAnswered,
    ModelRequested,
    Record,
    RunsPaused,
    RunsResumed,
    TextStreamed,
    ToolFailed,
    ToolStarted,
)
from plait.runtime import Agent, Runtime, ToolError, cli, tool
from plait.runtime.models.model import TextChunk
from plait.runtime.room.breaking import Breaks
from plait.storage import MemoryStore, Reader
from pycrdt import Text

from ..agent.scripted import Scripted, answered, calls, says
from ..client.served import served


async def until(room: Any, kind: type[Event]) -> Record:
    """The room's first record of that kind, as soon as there is one."""
    async for record in room.follow():
        if isinstance(record.event, kind):
            return record
    raise AssertionError


async def events(store: Reader, *kinds: type[Event]) -> list[type[Event]]:
    return [type(one.event) for one in await store.read("r", limit=10_000) if not kinds or isinstance(one.event, kinds)]


class Shop:
    """A model whose answer waits for `speak`, and whose calls are noted."""

    def __init__(self) -> None:
        self.speak = trio.Event()
        self.looked = 0

        @tool(effect="read")
        async def look() -> str:
            """Look."""
            self.looked += 1
            return "figs"

        self.agent = Agent("clerk", Scripted(self._script), tools=[look])

    def _script(self, request: Any) -> Any:
        if answered(request):
            return says("Done.")
        return [TextChunk("Let me "), self.speak, TextChunk("see. "), *calls(("a", "look", "{}"))]


async def test_what_has_begun_ends_and_nothing_begins() -> None:
    """RP68: an answer that streams comes to its end, its calls wait; people type and prompt meanwhile; then all goes
    on, in one order, as if nobody had waited."""
    store, shop = MemoryStore(), Shop()
    async with Runtime(store, [shop.agent]) as runtime:
        room = runtime.room("r").by("ann")
        run = await room.prompt("Figs?")
        first = await until(room, TextStreamed)
        await runtime.room("r").by("bob").pause("Look at this first", at=first.seq)
        with pytest.raises(Refused, match="already-decided"):
            await room.pause()
        about = (await room.about())["paused"]
        assert about == {"author": "bob", "at": first.seq, "reason": "Look at this first"}
        shop.speak.set()
        await until(room, ModelAnswered)
        later = await room.prompt("And then?")
        await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "typed"))
        await trio.testing.wait_all_tasks_blocked()
        assert shop.looked == 0
        assert (await events(store, ToolStarted, ModelRequested)) == [ModelRequested]
        await room.resume()
        assert (await room.wait(run))["status"] == "done"
        assert (await room.wait(later))["status"] == "done"
        assert "paused" not in await room.about()
        with pytest.raises(Refused, match="already-decided"):
            await room.resume()
    assert shop.looked == 2


async def test_a_pause_survives() -> None:
    """RP68: a restart; what was at work then is decided when somebody resumes, and a run can be stopped before."""
    store, shop = MemoryStore(), Shop()
    async with Runtime(store, [shop.agent]) as runtime:
        room = runtime.room("r").by("ann")
        run = await room.prompt("Figs?")
        await until(room, TextStreamed)
        await room.pause()
    again = Shop()
    again.speak.set()
    async with Runtime(store, [again.agent]) as runtime:
        room = runtime.room("r").by("ann")
        other = await room.prompt("More?")
        await trio.testing.wait_all_tasks_blocked()
        assert (await events(store, ModelRequested)) == [ModelRequested]
        await room.stop(other)
        assert (await room.wait(other))["status"] == "stopped"
        await room.resume()
        assert (await room.wait(run))["status"] == "done"


async def test_what_is_decided_meanwhile() -> None:
    """RP68: a yes counts though nothing is carried out yet; and who may not prompt may neither pause nor resume."""
    store, sent = MemoryStore(), list[str]()

    @tool(approval="always")
    async def send() -> str:
        """Send."""
        sent.append("sent")
        return "sent"

    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("a", "send", "{}")))
    async with Runtime(store, [Agent("clerk", model, tools=[send])]) as runtime:
        room = runtime.room("r").by("ann")
        run = await room.prompt("Send it")
        asked = (await until(room, ApprovalRequested)).event
        assert isinstance(asked, ApprovalRequested)
        guest = runtime.room("r").under(Grant("guest", prompt=False))
        with pytest.raises(Refused, match="not-allowed"):
            await guest.pause()
        await room.pause()
        with pytest.raises(Refused, match="not-allowed"):
            await guest.resume()
        with pytest.raises(Refused, match="Only a fork"):
            await room.resume("recorded")
        await room.decide(Approve(id="yes", run=run, step=asked.step, shown=call_digest("send", "{}")))
        await trio.testing.wait_all_tasks_blocked()
        assert not sent
        await room.resume()
        await room.wait(run)
    assert sent == ["sent"]


def failing() -> Agent:
    """An agent whose tool fails, again and again."""

    @tool(effect="read")
    async def look() -> str:
        """Look."""
        raise ToolError("nothing there")

    def script(request: Any) -> Any:
        roles = [message["role"] for message in request["messages"]]
        tried = roles[len(roles) - roles[::-1].index("User") :].count("Result")
        return says("I give up.") if tried == 3 else calls((f"c{tried}", "look", "{}"))

    return Agent("clerk", Scripted(script), tools=[look])


class Heard:
    """What comes of a breakpoint over HTTP."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._lines: list[Any] = []

    async def line(self) -> Any:
        while not self._lines:
            part = bytes(await self._stream.receive_some())
            assert part
            self._lines += [json.loads(each) for each in part.splitlines() if each.startswith(b"{")]
        return self._lines.pop(0)


async def test_it_stops_at_the_record() -> None:
    """RP69: no model is asked and no tool called between the record that is hit and the pause; resumed, it stops at the
    next one; who stops listening takes the breakpoint away. What it hit before it was set is no hit."""
    async with served("sqlite:///:memory:", failing()) as server:
        runtime = server.runtime
        room = runtime.room("r").by("ann")
        await room.wait(await room.prompt("Once"))
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            await stream.send_all(_BREAK)
            heard = Heard(stream)
            assert (await heard.line())["caught_up"] > 1
            run = await room.prompt("Look")
            for number in range(3):
                hit = await heard.line()
                assert hit["paused"] is True
                records = await room.next_records(hit["seq"] - 1)
                assert isinstance(records[0].event, ToolFailed)
                paused = [one for one in records if isinstance(one.event, RunsPaused)]
                assert [one.event for one in paused] == [RunsPaused(hit["seq"], "tool-error:look")]
                between = records[: records.index(paused[0])]
                assert not any(isinstance(one.event, ModelRequested | ToolStarted) for one in between)
                assert (await room.about())["paused"]["at"] == hit["seq"]
                if number < 2:
                    await room.resume()
        async with runtime.rooms.use("r") as opened:
            while opened.breaks:  # noqa: ASYNC110 - it is gone as soon as the server knows of the socket's end
                await trio.sleep(0.01)
        await room.resume()
        assert (await room.wait(run))["status"] == "done"
        await room.wait(await room.prompt("Again"))
        assert (await events(server.runtime.rooms.store, RunsPaused, RunsResumed)) == [RunsPaused, RunsResumed] * 3


_BREAK = b"POST /api/rooms/r/break?tool-error=look HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


async def test_a_breakpoint_that_does_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """RP69: it is waited for no longer than `BREAK_WAIT_S`, and not at all once it is gone."""
    breaks = Breaks()
    await breaks.pass_by(99)
    monkeypatch.setattr(limits, "BREAK_WAIT_S", 0.01)
    with breaks.setting(3) as one:
        await breaks.pass_by(3)
        with trio.fail_after(60):
            await breaks.pass_by(4)
        monkeypatch.setattr(limits, "BREAK_WAIT_S", 600)
        passed = list[int]()
        async with trio.open_nursery() as nursery:

            async def go(seq: int) -> None:
                await breaks.pass_by(seq)
                passed.append(seq)

            for seq in (5, 6, 7):
                nursery.start_soon(go, seq)
            await trio.testing.wait_all_tasks_blocked()
            assert not passed
            for seq in (5, 6):
                one.look(seq)
                await trio.testing.wait_all_tasks_blocked()
            assert passed == [5, 6]
            nursery.cancel_scope.cancel()
    assert passed == [5, 6]
    assert not breaks


async def test_at_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RP67: with `--pause` the server pauses the runs at the hit, which the record of it names."""
    url = f"sqlite:///{tmp_path / 'plait.db'}"
    for words in (["--pause", "ws://localhost:1"], ["--break", "seq", "--pause", "ws://localhost:1"]):
        assert await trio.to_thread.run_sync(cli.run, ["replay", "r", *words, "--store", url]) == 2
    async with served(url) as server:
        room = server.runtime.room("r").by("ann")
        await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "one"))
        words = ["replay", "r", "--break", "room.title", "--live", "--json", "--store", url]
        codes: list[int] = []
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                where = f"ws://127.0.0.1:{server.port}"
                codes.append(await trio.to_thread.run_sync(cli.run, [*words, "--pause", where]))

            nursery.start_soon(wait)
            while not codes:  # It waits behind whatever is the newest when it begins; so until it says so, go on.
                await room.change(title="")
                await room.change(title="Here")
                await trio.sleep(0.05)
        paused = (await room.about())["paused"]
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (codes, told["paused"], paused["at"], paused["reason"]) == ([0], True, told["seq"], "room.title")
