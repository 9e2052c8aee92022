"""Exactly once: sockets cut at every read and write, a proxy that cuts anywhere, and a server under `kill -9`."""

import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import trio
from plait.protocol.events import Record, ToolAnsweredLate, ToolFailed, ToolOutcomeUnknown, ToolReturned
from plait.runtime import connect, tool
from plait.runtime.client import RemoteRoom
from plait.runtime.client.link import Address, dial
from trio.testing import wait_all_tasks_blocked

from tests.end_to_end.serving import ServerProcess

from .painting import painter
from .served import Cutter, Served, served

COLOURS = "red green blue"


class Painting:
    """A write that counts how often each of its calls ran."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint) -> None:
        self.ran: Counter[str] = Counter()

        @tool
        async def paint(colour: str) -> str:
            """Paint it."""
            self.ran[colour] += 1
            await meanwhile()
            return f"{colour} it is"

        self.paint = paint


class Fragile:
    """A stream that breaks at the n-th read or write of all that were dialled: before it happens, or just after."""

    def __init__(self, nth: int, after: bool) -> None:
        self.left = nth
        self._after = after

    async def dial(self, address: Address) -> trio.abc.Stream:
        return _Breaking(await dial(address), self)

    async def once(self, stream: trio.abc.Stream, act: Callable[[], Awaitable[Any]]) -> Any:
        """Read or write, unless it is the one that breaks."""
        self.left -= 1
        breaks = not self.left
        if breaks and not self._after:
            await stream.aclose()
        done = await act()
        if breaks:
            await stream.aclose()
            raise trio.BrokenResourceError
        return done


class _Breaking(trio.abc.Stream):
    def __init__(self, stream: trio.abc.Stream, fragile: Fragile) -> None:
        self._stream = stream
        self._fragile = fragile

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._fragile.once(self._stream, lambda: self._stream.send_all(data))

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._fragile.once(self._stream, lambda: self._stream.receive_some(max_bytes))

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


def once_each(painting: Painting, outcomes: list[Any], runs: int) -> None:
    """No body ran twice, every call has one outcome, and nothing came late or is unknown."""
    colours = COLOURS.split()
    assert painting.ran == Counter(colours * runs)
    assert [type(each) for each in outcomes] == [ToolReturned] * (len(colours) * runs)
    assert [each.result for each in outcomes] == [f'"{colour} it is"' for colour in colours] * runs


async def outcomes_of(server: Served, room: str) -> list[Any]:
    kinds = (ToolReturned, ToolFailed, ToolAnsweredLate, ToolOutcomeUnknown)
    log: list[Record] = await server.runtime.store.read(room, limit=500)
    return [record.event for record in log if isinstance(record.event, kinds)]


async def scenario(room: RemoteRoom, painting: Painting) -> None:
    async with room.serve([painting.paint], lasting=True):
        assert (await room.wait(await room.prompt(COLOURS, id="once")))["status"] == "done"


@pytest.mark.parametrize("after", [False, True])
async def test_cut_at_every_read_and_write(after: bool) -> None:
    """CC23: wherever the socket breaks, also between a frame and its answer, each body runs once and is answered."""
    broken, nth = True, 0
    async with served("sqlite:///:memory:", painter()) as server:
        while broken:
            nth += 1
            fragile, painting = Fragile(nth, after), Painting()
            async with connect(server.url, f"studio{nth}", dial=fragile.dial, random=lambda: 0.0) as room:
                await scenario(room, painting)
            broken = fragile.left <= 0
            once_each(painting, await outcomes_of(server, f"studio{nth}"), 1)
    assert nth > 25


async def test_a_proxy_that_cuts_anywhere() -> None:
    """CC23: in the middle of frames, again and again, while bodies run."""
    async with served("sqlite:///:memory:", painter()) as server, trio.open_nursery() as nursery:
        cutter = Cutter(server, seed=3, cuts=15)
        await nursery.start(cutter.run)
        painting = Painting(wait_all_tasks_blocked)
        runs = 0
        async with (
            connect(cutter.url, "studio", random=lambda: 0.0) as room,
            room.serve([painting.paint], lasting=True),
        ):
            while cutter.cuts:
                runs += 1
                assert (await room.wait(await room.prompt(COLOURS)))["status"] == "done"
        once_each(painting, await outcomes_of(server, "studio"), runs)
        nursery.cancel_scope.cancel()


class Mortal:
    """Sockets of a process that dies at once, without a goodbye."""

    def __init__(self) -> None:
        self._streams: list[trio.abc.Stream] = []
        self._dead = False

    async def dial(self, address: Address) -> trio.abc.Stream:
        if self._dead:
            raise OSError("The process is dead.")
        self._streams.append(await dial(address))
        return self._streams[-1]

    async def die(self) -> None:
        self._dead = True
        for stream in self._streams:
            await stream.aclose()


@pytest.mark.parametrize("effect", ["idempotent", "write"])
async def test_a_client_that_dies(effect: Literal["idempotent", "write"]) -> None:
    """CC23: the next process of that name repeats what may be repeated, under the same key; of a write nobody knows."""
    keys: list[str] = []
    begun = trio.Event()
    may_end = trio.Event()

    @tool(effect=effect)
    async def paint(colour: str, key: str = "") -> str:
        """Paint it."""
        keys.append(key)
        begun.set()
        await may_end.wait()
        return "done"

    async with served("sqlite:///:memory:", painter()) as server:
        mortal = Mortal()
        with trio.CancelScope() as life:
            async with connect(server.url, "studio", dial=mortal.dial) as room, trio.open_nursery() as nursery:
                await nursery.start(_serve, room, paint)
                run = await room.prompt("red", id="once")
                await begun.wait()
                await mortal.die()
                life.cancel()
        may_end.set()
        async with connect(server.url, "studio") as room, room.serve([paint], tab="easel", lasting=True):
            run = await room.prompt("red", id="once")
            if effect == "idempotent":
                assert (await room.wait(run))["status"] == "done"
                assert keys == [f"studio/{run}/all.0/0/call.0"] * 2
            else:
                await _logged(room, int(run), "tool-outcome-unknown")
                assert keys == [""]


async def _serve(room: RemoteRoom, paint: Any, task_status: trio.TaskStatus[None]) -> None:
    async with room.serve([paint], tab="easel", lasting=True):
        task_status.started()
        await trio.sleep_forever()


class PaintingServer(ServerProcess):
    """The agent of `painting.py` in a process that is killed."""

    def command(self, *more: str) -> list[str]:
        script = str(Path(__file__).with_name("painting.py"))
        return [sys.executable, script, "--store", self.store, "--port", str(self.port), *more]


async def test_a_server_that_is_killed(tmp_path: Path) -> None:
    """CC23: `kill -9` while bodies run, before they are claimed and as they answer; each ran once and is answered."""
    server = PaintingServer(tmp_path, "", (), {})
    with trio.fail_after(480):
        try:
            await server.start()
            async with connect(server.ws, "studio", random=lambda: 0.0) as room:
                await _killed_again_and_again(server, room)
            records = await server.records("studio")
            kinds = Counter(record["event"]["type"] for record in records)
            assert kinds["tool-returned"] == 3 * len(MOMENTS)
            assert not kinds["tool-answered-late"] + kinds["tool-outcome-unknown"] + kinds["tool-failed"]
        finally:
            await server.close()


MOMENTS = ["tool-assigned", "tool-claimed", "running", "tool-returned"]


async def _killed_again_and_again(server: PaintingServer, room: RemoteRoom) -> None:
    running = trio.Event()
    may_end = trio.Event()

    async def meanwhile() -> None:
        running.set()
        await may_end.wait()

    painting = Painting(meanwhile)
    async with room.serve([painting.paint], lasting=True):
        for turn, moment in enumerate(MOMENTS):
            running, may_end = trio.Event(), trio.Event()
            if moment != "running":
                may_end.set()
            run = await room.prompt(COLOURS)
            if moment == "running":
                await running.wait()
            else:
                await _logged(room, int(run), moment)
            await server.kill()
            may_end.set()
            await server.start()
            assert (await room.wait(run))["status"] == "done"
            assert painting.ran == Counter(COLOURS.split() * (turn + 1)), moment


async def _logged(room: RemoteRoom, after: int, kind: str) -> None:
    """Until a record of that kind is in the log."""
    async with room.follow(after) as records:
        async for record in records:
            if record.event.__struct_config__.tag == kind:
                return
