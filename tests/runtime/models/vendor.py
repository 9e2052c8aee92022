"""A vendor's server that does what a script says: for everything that a real one does only on bad days.

It speaks HTTP/1.1 on loopback over a Trio socket, keeps what it received byte for byte, and answers request n with
reply n. A reply is a status, headers and pieces: bytes are sent as one chunk each, `HOLD` waits until the client goes
away, `CUT` closes the connection in the middle of the body.
"""

import enum
import functools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import trio
from plait.runtime.models.model import Chunk, Model, ModelError, User


class Act(enum.Enum):
    """What a server can do instead of sending."""

    HOLD = "wait until the client has gone"
    CUT = "close in the middle"


HOLD, CUT = Act.HOLD, Act.CUT


class Reply(NamedTuple):
    """One answer; without a status it begins with what it does before it says anything."""

    pieces: Sequence[bytes | Act]
    status: int | None = 200
    headers: Mapping[str, str] = {}


class Request(NamedTuple):
    """What the client sent, the body as it came."""

    line: str
    headers: Mapping[str, str]
    body: bytes


def events(*events: Any) -> list[bytes]:
    """Each as one server-sent event without a type, as OpenAI sends them; strings go as they are."""
    return [f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n".encode() for e in events]


def typed(*events: Mapping[str, Any]) -> list[bytes]:
    """Each as one server-sent event of its own type, as Anthropic sends them."""
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def refusal(status: int, error: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """An error as both vendors wrap it."""
    body = json.dumps({"type": "error", "error": error}).encode()
    return Reply([body], status, {"content-type": "application/json", **(headers or {})})


class Vendor:
    """The server: `url` is where it is, `requests` what it got, `connections` how many were opened."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self._replies = list(replies)
        self.url = ""
        self.requests: list[Request] = []
        self.connections = 0
        self.left = trio.Event()
        """Set when a client went away during a HOLD."""

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection, until either side closes it."""
        self.connections += 1
        buffer = bytearray()
        async with stream:
            try:
                while (request := await _read_request(stream, buffer)) is not None:
                    self.requests.append(request)
                    await self._answer(stream, self._replies[len(self.requests) - 1])
            except trio.BrokenResourceError:
                self.left.set()

    async def _answer(self, stream: trio.SocketStream, reply: Reply) -> None:
        if reply.status is not None:
            headers = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **reply.headers}
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            await stream.send_all(f"HTTP/1.1 {reply.status} Scripted\r\n{head}\r\n".encode())
        for piece in reply.pieces:
            if piece is CUT:
                raise trio.BrokenResourceError
            if piece is HOLD:
                # A client that goes away while it is owed bytes ends the connection, in good order or not.
                await stream.receive_some()
                raise trio.BrokenResourceError
            assert isinstance(piece, bytes)
            await stream.send_all(b"%x\r\n%s\r\n" % (len(piece), piece))
        await stream.send_all(b"0\r\n\r\n")


async def _read_request(stream: trio.SocketStream, buffer: bytearray) -> Request | None:
    async def more() -> bool:
        received = await stream.receive_some()
        buffer.extend(received)
        return bool(received)

    while b"\r\n\r\n" not in buffer:
        if not await more():
            return None
    head, _, rest = bytes(buffer).partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    length = int(headers.get("content-length", "0"))
    buffer[:] = rest
    while len(buffer) < length:
        if not await more():
            return None
    body = bytes(buffer[:length])
    del buffer[:length]
    return Request(line, headers, body)


@asynccontextmanager
async def serve_vendor(*replies: Reply) -> AsyncIterator[Vendor]:
    """A server on a free port of loopback, gone at the end of the block."""
    vendor = Vendor(replies)
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            functools.partial(trio.serve_tcp, vendor.serve, 0, host="127.0.0.1")
        )
        vendor.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield vendor
        nursery.cancel_scope.cancel()


async def play(reply: Reply, open_at: Callable[[str], Model]) -> list[Chunk]:
    """What a model makes of one reply. Raises ModelError as it is, not in a nursery's group."""
    failed: ModelError | None = None
    chunks: list[Chunk] = []
    async with serve_vendor(reply) as vendor:
        model = open_at(vendor.url)
        try:
            async with model.stream(model.request("", [User("hi")], [])) as stream:
                chunks = [chunk async for chunk in stream]
        except ModelError as error:
            failed = error
        await model.aclose()
    if failed is not None:
        raise failed
    return chunks
