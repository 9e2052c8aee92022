"""What somebody who may read asks the server to do: all at once, again and again, not waiting for the answer."""

from collections import Counter
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.admission import Allowance
from plait.protocol.errors import Refused
from plait.runtime.server import reads
from plait.runtime.server.forks import Forks
from pycrdt import Text
from trio.testing import wait_all_tasks_blocked

from ..runtime.server.neighbours import Neighbourhood, answered, by_name, neighbourhood


class Stuck:
    """Work that ends when it is told to, and who is at it."""

    def __init__(self) -> None:
        self.at_work = 0
        self.changed = trio.Event()
        self.go = trio.Event()

    async def __call__(self, *_: Any, **__: Any) -> Any:
        self._count(1)
        try:
            await self.go.wait()
        finally:
            self._count(-1)
        return {}

    def _count(self, more: int) -> None:
        self.at_work += more
        self.changed.set()
        self.changed = trio.Event()

    async def until(self, number: int) -> None:
        """Wait until so many are at work, and nobody else is about to be."""
        while self.at_work != number:
            await self.changed.wait()
        for _ in range(3):
            await wait_all_tasks_blocked(0.01)
        assert self.at_work == number


def asks(who: str, path: str, method: str = "GET") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n"
    return f"{head}Authorization: Bearer {who}\r\n\r\n".encode()


async def written(here: Neighbourhood, room: str = "r") -> None:
    await here.runtime.room(room).edit("main", lambda doc: doc.get("content", type=Text).insert(0, "one"))


async def ask(here: Neighbourhood, who: str, path: str, method: str = "GET") -> trio.SocketStream:
    stream = await here.stream()
    await stream.send_all(asks(who, path, method))
    return stream


async def test_one_reader_has_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD19, AD20: however much one asks for, others are answered; and what nobody waits for is not gone on with."""
    stuck = Stuck()
    monkeypatch.setattr(reads, "search", stuck)
    async with neighbourhood(Allowance(), by_name) as here:
        await written(here)
        streams = [await ask(here, "eve", "/api/rooms/r/search?text=x") for _ in range(3 * limits.READS_EACH)]
        await stuck.until(limits.READS_EACH)
        for path in ("outline", "records", "runs", "view?at=1", "documents/main"):
            async with await ask(here, "ben", f"/api/rooms/r/{path}") as stream:
                said = b"".join([part async for part in stream])
                assert said.startswith(b"HTTP/1.1 200 "), path
        for stream in streams[:-1]:
            await stream.aclose()
        await stuck.until(1)
        stuck.go.set()
        async with streams[-1]:
            assert await answered(streams[-1]) == (200, {})
        await stuck.until(0)


async def test_a_request_behind_the_one_that_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD20: who says more, instead of hanging up, is answered both."""
    stuck = Stuck()
    monkeypatch.setattr(reads, "search", stuck)
    async with neighbourhood(Allowance(), by_name) as here:
        await written(here)
        async with await here.stream() as stream:
            await stream.send_all(asks("eve", "/api/rooms/r/search?text=x").replace(b"Connection: close\r\n", b""))
            await stuck.until(1)
            await stream.send_all(asks("eve", "/api/rooms/r/outline"))
            await stuck.until(1)
            stuck.go.set()
            said = b"".join([part async for part in stream])
        assert said.count(b"HTTP/1.1 200 ") == 2
        assert said.endswith(b"}")


async def test_breakpoints_of_one_reader() -> None:
    """AD19: one asker does not take all that a room, or the process, looks into."""
    async with neighbourhood(Allowance(), by_name) as here:
        await written(here)
        live = "/api/rooms/r/find?matches=never&live=1"
        streams = [await ask(here, "eve", live) for _ in range(limits.FINDS_EACH)]
        for stream in streams:
            said = b""
            while b"caught_up" not in said:
                said += await stream.receive_some()
        assert (await here.http("GET", live, Authorization="Bearer eve"))[1]["code"] == "too-many"
        status, said = await here.http("GET", "/api/rooms/r/find?matches=never", Authorization="Bearer ben")
        assert (status, said["seq"]) == (200, None)
        for stream in streams:
            await stream.aclose()
        with trio.fail_after(60):
            while (await here.http("GET", live.replace("&live=1", ""), Authorization="Bearer eve"))[0] != 200:  # noqa: ASYNC110
                await trio.sleep(0.01)


async def test_forks_and_merges_of_one() -> None:
    """AD19: one at a time for each, and no more than a few in all."""

    class Rooms:
        stuck = Stuck()
        fork = merge = stuck

    rooms: Any = Rooms()
    forks: Any = Forks(rooms)
    async with trio.open_nursery() as nursery:
        for whose in ("eve", "eve", "eve", "ben", "ann"):
            nursery.start_soon(forks.done, "r", None, None, whose)
        await Rooms.stuck.until(limits.FORKS_AT_ONCE)
        Rooms.stuck.go.set()


async def test_the_same_person_is_erased_twice_at_once() -> None:
    """KY13: one does it, the other is told so, and the room goes on."""
    async with neighbourhood(Allowance(), by_name) as here:
        rooms, told = here.runtime.rooms, Counter[str]()
        await here.runtime.room("r").by("eve").edit("main", lambda doc: doc.get("content", type=Text).insert(0, "one"))

        async def erase() -> None:
            try:
                told["erased" if await rooms.erase("r", "eve", "ben") else "nothing"] += 1
            except Refused as refused:
                told[refused.code] += 1

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(erase)
        assert told["erased"] == 1
        assert told["busy"] + told["nothing"] == 4
        await erase()
        assert told["nothing"] >= 1
        await written(here)


async def test_the_same_bundle_is_imported_twice_at_once() -> None:
    """BU6: two who import the same get the same room, which is made once."""
    async with neighbourhood(Allowance(), by_name) as here:
        await written(here)
        async with await ask(here, "ann", "/api/rooms/r/export") as stream:
            answer = b"".join([part async for part in stream])
        rest, bundle = answer.partition(b"\r\n\r\n")[2], b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            bundle, rest = bundle + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        told: list[tuple[int, Any]] = []

        async def import_(who: str) -> None:
            said = await here.http("POST", "/api/import?as=copy", body=bundle, Authorization=f"Bearer {who}")
            told.append((said[0], said[1].get("code")))

        async with trio.open_nursery() as nursery:
            for who in ("ann", "ben", "eve"):
                nursery.start_soon(import_, who)
        assert sorted(told, key=str).count((201, None)) == 1, told
        assert {status for status, _ in told} <= {200, 201, 409}, told
        assert (await here.runtime.rooms.store.head("copy")).seq == 2 + (
            await here.runtime.rooms.store.head("r")
        ).seq - 1
