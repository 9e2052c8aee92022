"""A real server that has no file descriptor left, because somebody opens more sockets than it may have.

Those who are connected go on as before, whichever rooms they are in; those who come wait in the kernel's queue, and
come in when others leave. The server neither ends nor spins nor floods its log.
"""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import trio
from plait.runtime import connect
from plait.runtime.client.room import RemoteRoom

from tests.clients.node_tab import node_tab

from .killing import Say, verify
from .server import TriedServer

SPARE = 12
"""Descriptors that are still free when the sockets come."""

SOCKETS = 300
ROOMS = 6
LOOK_S = 2.0


async def exhausted(folder: Path, say: Say) -> None:
    """`ROOMS` rooms with a client each, a stock tab, and `SOCKETS` sockets that take whatever is left."""
    server = TriedServer(folder, "echo")
    await server.start()
    try:
        async with trio.open_nursery() as nursery, node_tab(f"{server.ws}/docs", "pad") as tab:
            await tab.wait_synced()
            rooms = [await _visit(nursery, server, f"room{n}") for n in range(ROOMS)]
            _limit(server, SPARE)
            with ExitStack() as strangers:
                for _ in range(SOCKETS):
                    strangers.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                await _full(server)
                for n in range(3):
                    await tab.append(f"<{n}>")
                    await tab.wait_acked()
                    await _all_ask(rooms, f"p{n}")
                spent = server.cpu_s()
                said = len(server.log)
                await trio.sleep(LOOK_S)
                spent, said = server.cpu_s() - spent, len(server.log) - said
                assert spent < LOOK_S / 2, f"{spent} s of CPU in {LOOK_S} s with nothing to do"
            say(f"{SOCKETS} sockets: {spent:.2f} s of CPU and {said} bytes of log in {LOOK_S} s of being full")
            async with node_tab(f"{server.ws}/docs", "pad") as late:
                await late.wait_text("<0><1><2>")
            assert (await tab.look())["closes"] == []
            await _all_ask(rooms, "after")
            for room in rooms:
                await room.wait(await room.prompt("one two three", id="after"))
            nursery.cancel_scope.cancel()
        for n in range(ROOMS):
            kinds = [record["event"]["type"] for record in await server.records(f"room{n}")]
            assert kinds.count("run-requested") == kinds.count("run-finished") == 5
        assert server.log.count("accept") == 1, server.log
        assert await server.terminate() == 0
        await verify(server.path)
    finally:
        await server.close()


async def _visit(nursery: trio.Nursery, server: TriedServer, name: str) -> RemoteRoom:
    """A client that stays in that room and was answered there once."""

    async def stay(task_status: "trio.TaskStatus[RemoteRoom]") -> None:
        async with connect(server.url, name) as room:
            await room.prompt("one two three", id="first")
            task_status.started(room)
            await trio.sleep_forever()

    return await nursery.start(stay)


async def _all_ask(rooms: list[RemoteRoom], name: str) -> None:
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for room in rooms:
                nursery.start_soon(lambda room=room: room.prompt("one two three", id=name))


def _descriptors(server: TriedServer) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def _limit(server: TriedServer, spare: int) -> None:
    """The process may have so many descriptors more, and then none."""
    limit = max(int(path.name) for path in Path(f"/proc/{server.pid}/fd").iterdir()) + 1 + spare
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, limit))


async def _full(server: TriedServer) -> None:
    """Return when it has as many as it may."""
    limit, _ = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    with trio.fail_after(60):
        for _ in range(1000):
            if _descriptors(server) >= limit:
                return
            await trio.sleep(0.01)
