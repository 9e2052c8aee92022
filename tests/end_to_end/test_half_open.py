"""A line that is dead without a word: TCP still stands, and nothing comes through it any more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio

from tests.clients.node_tab import node_tab
from tests.runtime.client.served import served

SWEEP_S = 0.5  # In place of five seconds: what is looked at is what a sweep finds, not how often it looks.


class Swallower:
    """A proxy that carries bytes both ways until it is silenced; then it takes them and hands on none."""

    def __init__(self, port: int) -> None:
        self._server = port
        self.port = 0
        self.silent = False
        self.ended = trio.Event()

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._carry, listeners)
            task_status.started()

    async def _carry(self, client: trio.SocketStream) -> None:
        async with (
            client,
            await trio.open_tcp_stream("127.0.0.1", self._server) as server,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._pump, client, server)
            await self._pump(server, client)
            self.ended.set()
            nursery.cancel_scope.cancel()

    async def _pump(self, here: trio.SocketStream, there: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in here:
                if not self.silent:
                    await there.send_all(data)


@asynccontextmanager
async def _proxy(port: int) -> AsyncIterator[Swallower]:
    async with trio.open_nursery() as nursery:
        proxy = Swallower(port)
        await nursery.start(proxy.run)
        yield proxy
        nursery.cancel_scope.cancel()


async def test_a_ghost_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """ET11: a stock tab whose line goes dead without a close disappears for the others, and its socket is cut, though
    TCP never failed; a tab that says nothing, but lives, stays."""
    monkeypatch.setattr("plait.runtime.server.listener.SWEEP_S", SWEEP_S)
    async with (
        served("sqlite:///:memory:") as server,
        _proxy(server.port) as proxy,
        node_tab(f"{server.url}/docs", "pad") as stays,
        node_tab(f"ws://127.0.0.1:{proxy.port}/docs", "pad") as vanishes,
    ):
        for tab in (stays, vanishes):
            await tab.wait_synced()
            await tab.set_presence({"user": {"name": "Somebody"}})
        await stays.wait_peers(2)
        await stays.insert(0, "Both are here.")
        await vanishes.wait_text("Both are here.")
        proxy.silent = True
        await stays.wait_peers(1)
        with trio.fail_after(60):
            await proxy.ended.wait()
        assert (await stays.look())["closes"] == []
