"""A real server on loopback that may be stopped and started again, and a proxy before it that cuts what it carries."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio
from plait.runtime import Agent, Runtime
from plait.storage import open_store


class Served:
    """One store and one port; `runtime` while the server runs."""

    def __init__(self, url: str, agents: Sequence[Agent], nursery: trio.Nursery) -> None:
        self._url = url
        self._agents = agents
        self._nursery = nursery
        self._stop = trio.Event()
        self._stopped = trio.Event()
        self.port = 0
        self.runtime: Runtime

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._stop, self._stopped = trio.Event(), trio.Event()
        await self._nursery.start(self._run)

    async def stop(self) -> None:
        self._stop.set()
        await self._stopped.wait()

    async def _run(self, task_status: trio.TaskStatus[None]) -> None:
        async with (
            open_store(self._url) as store,
            Runtime(store, self._agents) as self.runtime,
            trio.open_nursery() as nursery,
        ):
            url = await nursery.start(partial(self.runtime.serve, port=self.port))
            self.port = int(url.rpartition(":")[2])
            task_status.started()
            await self._stop.wait()
            nursery.cancel_scope.cancel()
        self._stopped.set()


@asynccontextmanager
async def served(store: str, *agents: Agent) -> AsyncIterator[Served]:
    """A server, running when the block begins and gone when it ends."""
    with trio.fail_after(240):
        async with trio.open_nursery() as nursery:
            server = Served(store, agents or (Agent("parrot", "echo"),), nursery)
            await server.start()
            yield server
            await server.stop()


class Cutter:
    """A proxy whose connections break after seeded numbers of bytes, in the middle of frames, until `cuts` are used."""

    def __init__(self, server: Served, seed: int, cuts: int) -> None:
        self._server = server
        self._chance = random.Random(seed)
        self.cuts = cuts
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, self._carry, listeners)
            task_status.started()

    async def _carry(self, client: trio.SocketStream) -> None:
        left = self._chance.randrange(1, 6000) if self.cuts else 1 << 40
        async with client:
            with suppress(OSError):
                async with await trio.open_tcp_stream("127.0.0.1", self._server.port) as server:
                    budget = [left]
                    async with trio.open_nursery() as nursery:
                        for here, there in ((client, server), (server, client)):
                            nursery.start_soon(self._pump, here, there, budget, nursery.cancel_scope)

    async def _pump(
        self, here: trio.SocketStream, there: trio.SocketStream, budget: list[int], scope: trio.CancelScope
    ) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in here:
                await there.send_all(data[: budget[0]])
                budget[0] -= len(data)
                if budget[0] <= 0:
                    self.cuts = max(0, self.cuts - 1)
                    break
        scope.cancel()
