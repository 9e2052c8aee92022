"""One WebSocket of a client: wsproto over a Trio stream, without a task of its own.

trio-websocket reads in a task of its own, which needs a nursery, reads on while nobody takes its messages, and waits
for ever where a server hangs up in the middle of the handshake. A client that reconnects meets exactly that, so it uses
the library beneath. Rules:

1. `receive` is called by one task; the socket is read only then, so whoever does not take holds the server back.
2. `send` may be called by another; frames never mix.
3. Every end is `Closed`, with the code that the other side gave or 1006.
"""

from collections.abc import Iterable
from contextlib import suppress

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from ...protocol import limits

_READ_BYTES = 64 << 10


class Closed(Exception):
    """The socket has ended, with the other side's code, or 1006 where it gave none."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"closed with {code}: {reason}" if reason else f"closed with {code}")
        self.code = code
        self.reason = reason


class Rejected(Exception):
    """The server answered the handshake with an HTTP status in place of a WebSocket."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status


class WebSocket:
    """A client's side of one socket over a stream that the caller opened and closes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._wire = WSConnection(ConnectionType.CLIENT)
        self._writing = trio.StrictFIFOLock()
        self._parts: list[str | bytes] = []
        self._size = 0
        self._torn = False  # A frame was sent in part: whatever followed would be read as its rest.

    async def shake_hands(self, host: str, target: str, subprotocols: Iterable[str]) -> str:
        """Become a WebSocket; the subprotocol that the server selected, or none. Raises Rejected, Closed."""
        await self._write(Request(host=host, target=target, subprotocols=list(subprotocols)))
        while True:
            match await self._event():
                case AcceptConnection(subprotocol=selected):
                    return selected or ""
                case RejectConnection(status_code=status):
                    raise Rejected(status)
                case _:
                    pass

    async def receive(self) -> str | bytes:
        """The next message. Raises Closed."""
        while True:
            event = await self._event()
            if isinstance(event, TextMessage | BytesMessage):
                self._parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
                self._size += len(event.data)
                if self._size > limits.CLIENT_FRAME_BYTES:
                    raise Closed(1009, f"A message of the server has more than {limits.CLIENT_FRAME_BYTES} bytes.")
                if event.message_finished:
                    parts, self._parts, self._size = self._parts, [], 0
                    return "".join(map(str, parts)) if isinstance(event, TextMessage) else b"".join(map(_bytes, parts))
            elif isinstance(event, Ping):
                await self._write(event.response())
            elif isinstance(event, CloseConnection):
                if self._wire.state is ConnectionState.REMOTE_CLOSING:
                    await self._write(event.response())
                raise Closed(event.code, event.reason or "")

    async def send(self, message: str | bytes) -> None:
        """Send one message. Raises Closed."""
        await self._write(TextMessage(data=message) if isinstance(message, str) else BytesMessage(data=message))

    async def close(self) -> None:
        """Say goodbye, without waiting for the answer. Raises nothing of its own."""
        if self._wire.state is ConnectionState.OPEN and not self._torn:
            with suppress(Closed):
                await self._write(CloseConnection(code=1000))

    async def _event(self) -> Event:
        while True:
            for event in self._wire.events():
                return event
            if self._wire.state is ConnectionState.CLOSED:
                raise Closed(1006)
            try:
                data = await self._stream.receive_some(_READ_BYTES)
                if not data:
                    raise Closed(1006, "The connection ended.")
                self._wire.receive_data(bytes(data))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise Closed(1006, str(error.__cause__ or error)) from None
            except RemoteProtocolError as error:
                raise Closed(1002, str(error)) from None

    async def _write(self, event: Event) -> None:
        async with self._writing:
            try:
                data = self._wire.send(event)
                self._torn = True
                await self._stream.send_all(data)
                self._torn = False
            except (trio.BrokenResourceError, trio.ClosedResourceError, LocalProtocolError) as error:
                raise Closed(1006, str(error.__cause__ or error)) from None


def _bytes(part: str | bytes) -> bytes:
    assert isinstance(part, bytes)
    return part
