"""Projecting a room anew while the server runs and people are in it, over real sockets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from plait.protocol.access import Grant
from plait.protocol.reshaping import plain
from plait.runtime import Agent, Runtime, tool
from plait.storage.memory import MemoryStore
from trio_websocket import ConnectionClosed

from ..agent.scripted import Scripted, answered, calls, says
from ..replay.shapes import later
from ..replay.test_reprojection import shapings
from .conftest import House
from .test_erasing import drain
from .test_http import _get, _read
from .test_serving import BOUND_S, StockTab, connect


@asynccontextmanager
async def serving(store: MemoryStore, agent: Agent | None = None) -> AsyncIterator[tuple[Runtime, str]]:
    """A runtime on a free port, and its address."""
    with trio.fail_after(BOUND_S):
        agent = agent or Agent("assistant", model="echo", title=False)
        async with Runtime(store, agents=[agent]) as runtime, trio.open_nursery() as nursery:
            url = await nursery.start(runtime.serve, "127.0.0.1", 0)
            yield runtime, url
            nursery.cancel_scope.cancel()


async def ask(url: str, body: str = "", room: str = "r", method: str = "POST") -> tuple[int, Any]:
    """What the server answers to being asked to project the room anew."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = f"{method} /api/rooms/{room}/reproject HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n"
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(f"{head}Connection: close\r\n\r\n{body}".encode())
        said = b"".join([part async for part in stream])
    head, _, answer = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(answer)


async def closed_with(socket: Any) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await drain(socket)
    assert closed.value.reason is not None
    return closed.value.reason.code


async def test_people_are_in_the_room() -> None:
    """SH9, SH6: a check changes nothing; then they are sent away with 4409, and what they come back to has the new
    shape; a stock tab that brings the old document is told 4409 again, and one that begins anew is not."""
    store = MemoryStore()
    with later(1):
        async with serving(store) as (runtime, _):
            await runtime.room("r").wait(await runtime.room("r").by("ann").prompt("hello"))
    async with serving(store) as (_, url):
        ws = f"{url.replace('http', 'ws')}/rooms/r"
        async with connect(ws) as socket:
            tab = StockTab(socket)
            await tab.synced()
            assert "asked" in plain(tab.doc)["runs"]["000000000001"]
            status, said = await ask(url, '{"check": true}')
            assert (status, said["shape"], said["today"], len(said["differences"])) == (200, 1, 1, 2)
            assert shapings(await store.read("r")) == []
            status, said = await ask(url)
            assert (status, said["done"]) == (200, True)
            assert await closed_with(socket) == 4409
        async with connect(ws) as socket:
            again = StockTab(socket)
            again.doc.apply_update(tab.doc.get_update())
            with pytest.raises(ConnectionClosed) as closed:
                await again.synced()
            assert closed.value.reason is not None
            assert closed.value.reason.code == 4409
        async with connect(ws) as socket:
            fresh = StockTab(socket)
            await fresh.synced()
            assert plain(fresh.doc)["runs"]["000000000001"]["prompt"] == "hello"
        status, said = await ask(url)
        assert (status, said.get("done"), said["differences"]) == (200, None, [])
    assert [event.by for event in shapings(await store.read("r"))] == ["anonymous"]


async def test_a_room_with_a_run() -> None:
    """SH9: it is busy, and left as it was, whoever is in it."""
    store, waits = MemoryStore(), trio.Event()

    @tool(effect="read")
    async def slow() -> str:
        """Take a while."""
        await waits.wait()
        return "done"

    model = Scripted(lambda request: says("Yes.") if answered(request) else calls(("c1", "slow", "{}")))
    with later(1):
        async with serving(store, Agent("assistant", model, tools=[slow], title=False)) as (runtime, url):
            room = runtime.room("r")
            run = await room.prompt("go")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("plait.protocol.shape.SHAPE", 2)
                status, said = await ask(url)
                assert (status, said["code"]) == (409, "busy")
            waits.set()
            assert (await room.wait(run))["status"] == "done"
    assert shapings(await store.read("r")) == []


async def test_what_is_refused() -> None:
    """SH9: other methods, other bodies, rooms that nobody wrote to."""
    async with serving(MemoryStore()) as (_, url):
        assert (await ask(url, method="GET"))[0] == 405
        assert (await ask(url, "{]"))[1]["code"] == "bad-json"
        assert (await ask(url, '{"more": 1}'))[1]["code"] == "bad-json"
        status, said = await ask(url, room="nobody")
        assert (status, said["code"]) == (404, "no-such-room")


async def test_who_may(house: House) -> None:
    """SH9: an administrator."""
    house.grant = Grant("ann", admin=False)
    status, _, body = _read(await house.http(_get("/api/rooms/r/reproject", method="POST")))
    assert (status, json.loads(body)["code"]) == (403, "not-allowed")
