"""What the server's tests share: a server over memory streams or a loopback socket, and clients of both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from plait.protocol.access import ANONYMOUS
from plait.protocol.admission import Allowance
from plait.runtime.auth.gate import Gate
from plait.runtime.server.listener import Server
from trio.testing import memory_stream_pair
from trio_websocket import WebSocketConnection, wrap_client_stream

from .fake_rooms import FakeRooms


class House:
    """A server over memory streams. Nothing here touches the network or a clock but Trio's."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.rooms = FakeRooms()
        self.grant: Any = ANONYMOUS
        self.server = Server(self.rooms, gate=Gate(lambda asker: self.grant), about={"models": ["echo"]})
        self.nursery = nursery

    def allow(self, **allowed: int) -> None:
        """Let in so much from now on, and otherwise what is usual."""
        self.server.admission.allowance = Allowance(**allowed)

    def stream(self) -> Any:
        """A new connection's client side."""
        client, server = memory_stream_pair()
        self.nursery.start_soon(self.server.handle, server)
        return client

    async def http(self, request: bytes) -> bytes:
        """Everything that the server answers to these bytes until it closes."""
        stream = self.stream()
        await stream.send_all(request)
        answer = b""
        while part := await stream.receive_some():
            answer += part
        return answer

    @asynccontextmanager
    async def socket(self, path: str, *subprotocols: str) -> AsyncIterator[WebSocketConnection]:
        """A WebSocket by the library's own client."""
        async with trio.open_nursery() as nursery:
            socket = await wrap_client_stream(
                nursery, self.stream(), "localhost", path, subprotocols=subprotocols or None
            )
            yield socket
            await socket.aclose()
            nursery.cancel_scope.cancel()


@pytest.fixture
async def house(nursery: trio.Nursery) -> House:
    return House(nursery)
