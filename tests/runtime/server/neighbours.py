"""A real server on a loopback port, and people who come from different addresses of 127.0.0.0/8."""

import json
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio
from plait.protocol.access import Grant
from plait.protocol.admission import Allowance
from plait.runtime import Agent, Auth, Runtime
from plait.storage import MemoryStore
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

BOUND_S = 60  # So that a bug is a failure and not a hang.


def by_name(asker: Any) -> Grant | None:
    """Whoever says a name as a token is that one; without one nobody comes in."""
    return Grant(asker.token) if asker.token else None


class Neighbourhood:
    """The server, and how to reach it from an address."""

    def __init__(self, port: int, runtime: Runtime) -> None:
        self.port = port
        self.runtime = runtime

    async def stream(self, source: str = "127.0.0.1") -> trio.SocketStream:
        """A TCP connection from that address."""
        socket = trio.socket.socket(sockets.AF_INET, sockets.SOCK_STREAM)
        await socket.bind((source, 0))
        await socket.connect(("127.0.0.1", self.port))
        return trio.SocketStream(socket)

    async def http(
        self, method: str, path: str, source: str = "127.0.0.1", *, body: bytes = b"", **headers: str
    ) -> tuple[int, Any]:
        """The status and the JSON of an answer on a connection of its own."""
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}"
        async with await self.stream(source) as stream:
            await stream.send_all(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            return await answered(stream)

    @asynccontextmanager
    async def socket(self, path: str, source: str = "127.0.0.1") -> AsyncIterator[WebSocketConnection]:
        """A WebSocket from that address, with the control channel."""
        async with await self.stream(source) as stream, trio.open_nursery() as nursery:
            yield await wrap_client_stream(nursery, stream, "localhost", path, subprotocols=["plait.v1"])
            await stream.aclose()
            nursery.cancel_scope.cancel()  # Its reader may wait for somebody who takes what came.


async def answered(stream: trio.abc.ReceiveStream) -> tuple[int, Any]:
    """All that comes until the other side closes, as a status and JSON."""
    said = b""
    while part := await stream.receive_some():
        said += part
    head, _, rest = said.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(rest)


async def closed(socket: WebSocketConnection) -> tuple[int, str]:
    """The code and the reason with which it ends."""
    with suppress(ConnectionClosed):
        while True:
            await socket.get_message()
    assert socket.closed is not None
    return socket.closed.code, socket.closed.reason or ""


async def asked(socket: WebSocketConnection, **command: Any) -> Any:
    """What a command is answered: `ok`, or the code of its refusal."""
    await socket.send_message(json.dumps(command))
    while True:
        said = await socket.get_message()
        if isinstance(said, str) and (answer := json.loads(said)).get("id") == command["id"]:
            return answer["ok"] if "ok" in answer else answer["refused"]["code"]


@asynccontextmanager
async def neighbourhood(allowance: Allowance, auth: Auth | None = None, **serving: Any) -> AsyncIterator[Neighbourhood]:
    """Real rooms over a store in memory, with the echo agent."""
    with trio.fail_after(BOUND_S):
        async with (
            Runtime(MemoryStore(), [Agent("echo", "echo")], allowance=allowance) as runtime,
            trio.open_nursery() as nursery,
        ):
            url = await nursery.start(lambda **more: runtime.serve(port=0, auth=auth, **serving, **more))
            yield Neighbourhood(int(url.rpartition(":")[2]), runtime)
            nursery.cancel_scope.cancel()
