"""A socket of our own for what stock clients never do: garbage, oversize, raw bytes; and pycrdt's provider on top.

async with raw_socket(f"{server.ws}/docs/pad") as socket:
    await socket.send(b"\\xff")
    assert await socket.close_code() == 4400
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream


class RawSocket:
    """Sends what it is told; also a `pycrdt.Channel`."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection

    @property
    def path(self) -> str:
        return self._connection.path or "/"

    @property
    def subprotocol(self) -> str | None:
        return self._connection.subprotocol

    def __aiter__(self) -> "RawSocket":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self.recv()
        except ConnectionClosed:
            raise StopAsyncIteration from None

    async def send(self, message: bytes | str) -> None:
        await self._connection.send_message(message)

    async def send_if_open(self, message: bytes | str) -> bool:
        """Send, and say whether the other side still takes anything."""
        try:
            await self._connection.send_message(message)
        except ConnectionClosed:
            return False
        return True

    async def recv(self) -> bytes:
        """The next binary message; text ones are left out."""
        while True:
            message = await self._connection.get_message()
            if isinstance(message, bytes):
                return message

    async def close_code(self, within_s: float = 60) -> int:
        """Read until the server closes; its close code."""
        with trio.fail_after(within_s):
            while True:
                try:
                    await self._connection.get_message()
                except ConnectionClosed as closed:
                    return int(closed.reason.code) if closed.reason else 1006


@asynccontextmanager
async def raw_socket(url: str, subprotocols: Sequence[str] = ()) -> AsyncIterator[RawSocket]:
    """An open socket on `url`, closed when the block ends."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    # The library's own way to open leaves the TCP socket unclosed where the server closed first.
    stream = await trio.open_tcp_stream(parts.hostname, parts.port)
    async with stream, trio.open_nursery() as nursery:
        resource = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = await wrap_client_stream(
            nursery, stream, parts.netloc, resource, subprotocols=list(subprotocols), max_message_size=64 << 20
        )
        async with connection:
            yield RawSocket(connection)
        nursery.cancel_scope.cancel()
