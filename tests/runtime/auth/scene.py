"""A real server over memory streams that asks for grants, and clients that show them. Time is Trio's."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from plait.protocol import frames, limits, tokens
from plait.protocol.access import Grant
from plait.runtime import Agent, Runtime, keys_of
from plait.runtime.auth.gate import Auth, Gate
from plait.runtime.auth.revocations import Revocations
from plait.runtime.server.listener import Server
from plait.storage import MemoryStore
from trio.testing import memory_stream_pair
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

SECRET = b"a shared secret of 32 bytes or more"
KEY = tokens.secret(SECRET)
BEGUN = 1_800_000_000_000_000


def now() -> int:
    """The wall clock of these tests: Trio's, from some day on."""
    return BEGUN + round(trio.current_time() * 1_000_000)


def token(subject: str = "ann", *, lives_s: Any = 0, **more: Any) -> str:
    """A grant for everything that is good for so long, or for ever."""
    expires = now() + round(lives_s * 1_000_000) if lives_s else 0
    return tokens.sign(Grant(subject, issued=now(), expires=expires, **more), KEY)


class Scene:
    """One server. Another one on the same store is a restart."""

    def __init__(self, runtime: Runtime, auth: Auth, nursery: trio.Nursery) -> None:
        self.runtime = runtime
        self.revocations = Revocations(runtime.store)
        self.gate = Gate(auth, revocations=self.revocations, now=now)
        self.server = Server(runtime.rooms, gate=self.gate, about={"agents": ["echo"]})
        self.nursery = nursery

    def stream(self) -> Any:
        client, there = memory_stream_pair()
        self.nursery.start_soon(self.server.handle, there)
        return client

    async def http(self, method: str, path: str, shown: str = "", body: bytes = b"") -> tuple[int, Any]:
        """The status and the body, as JSON if it is."""
        shows = f"Authorization: Bearer {shown}\r\n" if shown else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{shows}"
        stream = self.stream()
        await stream.send_all(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while part := await stream.receive_some():
            answer += part
        said, _, rest = answer.partition(b"\r\n\r\n")
        status = int(said.split(b" ")[1])
        return status, json.loads(rest) if rest[:1] in (b"{", b"[") and b"ndjson" not in said else rest

    async def command(self, shown: str, room: str = "r", **fields: Any) -> tuple[int, Any]:
        body = json.dumps({"id": fields.get("do", ""), **fields}).encode()
        return await self.http("POST", f"/api/rooms/{room}/commands", shown, body)

    @asynccontextmanager
    async def socket(self, path: str, *subprotocols: str, **headers: str) -> AsyncIterator[WebSocketConnection]:
        async with trio.open_nursery() as nursery:
            extra = [(name.encode(), value.encode()) for name, value in headers.items()]
            socket = await wrap_client_stream(
                nursery, self.stream(), "localhost", path, subprotocols=subprotocols or None, extra_headers=extra
            )
            yield socket
            await socket.aclose()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def scene(auth: Auth | None = None, store: MemoryStore | None = None) -> AsyncIterator[Scene]:
    async with (
        Runtime(store or MemoryStore(), [Agent("echo", "echo")]) as runtime,
        trio.open_nursery() as nursery,
    ):
        made = Scene(runtime, auth or keys_of(SECRET), nursery)
        await made.revocations.load()
        yield made
        nursery.cancel_scope.cancel()


async def closed(socket: WebSocketConnection) -> int:
    """The code that the socket ends with, whatever it says before."""
    with trio.fail_after(2 * limits.HEAD_S + 3600):
        while True:
            try:
                await socket.get_message()
            except ConnectionClosed as end:
                return end.reason.code if end.reason is not None else 0


async def answer(socket: WebSocketConnection, **command: Any) -> dict[str, Any]:
    """What a command on the control channel is answered."""
    await socket.send_message(json.dumps(command))
    return await texted(socket, "id")


async def binary(socket: WebSocketConnection, beginning: bytes) -> bytes:
    """The next binary frame that begins so."""
    while True:
        message = await socket.get_message()
        if isinstance(message, bytes) and message.startswith(beginning):
            return message


def authenticate(name: str, shown: str) -> bytes:
    """The auth message of a Hocuspocus provider."""
    return b"".join((frames.write_string(name), b"\2\0", frames.write_string(shown), frames.write_string("4.8.0")))


async def texted(socket: WebSocketConnection, key: str) -> dict[str, Any]:
    """The next text frame that has this key."""
    while True:
        message = await socket.get_message()
        if isinstance(message, str) and key in (said := json.loads(message)):
            return said
