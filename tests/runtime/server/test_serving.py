"""The whole server over loopback, with the real rooms: what memory streams and fakes cannot show."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest
import trio
from plait.protocol import frames, limits
from plait.protocol.shown import shown_runs
from plait.runtime import Agent, Runtime
from plait.storage import open_store
from pycrdt import Doc, Text
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from .fake_rooms import text_update

BOUND_S = 60  # So that a bug is a failure and not a hang; nothing here takes a second.


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """A runtime with the echo agent on a free port; gives the WebSocket URL. Ends by being cancelled, as at SIGTERM."""
    with trio.fail_after(BOUND_S):
        async with (
            open_store("sqlite:///:memory:") as store,
            Runtime(store, agents=[Agent("assistant", model="echo")]) as runtime,
            trio.open_nursery() as nursery,
        ):
            url = await nursery.start(runtime.serve, "127.0.0.1", 0)
            yield url.replace("http", "ws")
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def connect(url: str, *subprotocols: str) -> AsyncIterator[WebSocketConnection]:
    """A WebSocket whose TCP stream is closed at the end; the library leaves that to chance when the server closed."""
    where, _, path = url.removeprefix("ws://").partition("/")
    host, _, port = where.partition(":")
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream, trio.open_nursery() as nursery:
        yield await wrap_client_stream(nursery, stream, where, "/" + path, subprotocols=subprotocols or None)
        await stream.aclose()


class StockTab:
    """A tab as stock clients are: syncs on open, applies what it hears, sends what it wrote."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self.socket = socket
        self.doc: Doc[Any] = Doc()
        self.heard: list[Any] = []

    async def hear(self) -> Any:
        """The next frame: its type and sync step, or the JSON of a text frame."""
        said = await self.socket.get_message()
        if isinstance(said, str):
            self.heard.append(json.loads(said))
            return self.heard[-1]
        if said[0] == 0 and said[1] in (1, 2):
            self.doc.apply_update(frames.read_bytes(said, 2)[0])
        if said[:2] == b"\x00\x00":
            await self.socket.send_message(frames.step1(self.doc.get_state()))
        return said[:2]

    async def synced(self) -> None:
        while await self.hear() != b"\x00\x01":
            pass

    @property
    def text(self) -> str:
        return str(self.doc.get("content", type=Text))


async def test_an_echo_run_reaches_two_tabs(caplog: pytest.LogCaptureFixture) -> None:
    """SV10, SV20, SV21: the answer's document bytes come before the answer, and the records tell the same story."""
    async with (
        serving() as url,
        connect(f"{url}/rooms/r", "plait.v1") as asking,
        connect(f"{url}/rooms/r") as watching,
    ):
        one, two = StockTab(asking), StockTab(watching)
        await one.synced()
        await two.synced()
        await asking.send_message(json.dumps({"id": "f", "do": "follow"}))
        await asking.send_message(json.dumps({"id": "p", "do": "prompt", "text": "one two three"}))
        while not any("ok" in said and said["id"] == "p" for said in one.heard):
            await one.hear()
        assert "one two three" in json.dumps(shown_runs(one.doc))
        while not any(said.get("record", {}).get("event", {}).get("type") == "run-finished" for said in one.heard):
            await one.hear()
        while two.doc.get_state() != one.doc.get_state():
            await two.hear()
        seqs = [said["record"]["seq"] for said in one.heard if "record" in said]
        assert seqs == list(range(1, len(seqs) + 1))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_two_writers_converge() -> None:
    """SV10: edits of both tabs reach both, each sender's own as its echo."""
    async with (
        serving() as url,
        connect(f"{url}/docs/r/pad") as a,
        connect(f"{url}/docs/r/pad") as b,
    ):
        one, two = StockTab(a), StockTab(b)
        await one.synced()
        await two.synced()
        for tab, text in ((one, "left "), (two, "right ")):
            update = text_update(text)
            await tab.socket.send_message(frames.update(update))
        while len(one.text) < len("left right "):
            await one.hear()
        while two.text != one.text:
            await two.hear()
        assert one.text in ("left right ", "right left ")


async def test_read_only_room_documents() -> None:
    """SV11: the first edit of a room document that holds anything new is told once; the next ones are ignored."""
    async with serving() as url, connect(f"{url}/rooms/r") as socket:
        tab = StockTab(socket)
        await tab.synced()
        for text in ("one", "two"):
            await socket.send_message(frames.update(text_update(text)))
        await socket.send_message(frames.sync_status(b"\x01"))
        said = []
        while not said or said[-1] != frames.sync_status(b"\x01"):
            said.append(await socket.get_message())
        assert said.count(frames.denied("permission denied")) == 1


@pytest.mark.parametrize(("size", "code"), [(limits.FRAME_BYTES + 1, 4413), (2 * limits.FRAME_BYTES + 1, 1009)])
async def test_oversize_over_tcp(size: int, code: int) -> None:
    """SV5: the close code arrives although the client was still writing when it was sent."""
    async with serving() as url, connect(f"{url}/docs/r") as socket:
        with suppress(ConnectionClosed):
            await socket.send_message(bytes(size))
            while True:
                await socket.get_message()
        assert socket.closed is not None
        assert socket.closed.code == code


async def test_a_stopping_server_says_1012() -> None:
    """SV8: to every socket, and within the time for it."""
    with trio.fail_after(BOUND_S):
        async with trio.open_nursery() as nursery:
            codes: list[int] = []

            async def watch(url: str, task_status: Any) -> None:
                async with connect(url) as socket:
                    await socket.get_message()
                    task_status.started()
                    try:
                        while True:
                            await socket.get_message()
                    except ConnectionClosed as closed:
                        codes.append(closed.reason.code if closed.reason else 0)

            async with serving() as url:
                for path in ("/rooms/a", "/rooms/b", "/docs/a", "/docs/b/x"):
                    await nursery.start(watch, url + path)
        assert codes == [1012] * 4


async def test_a_stalled_tab_converges_with_one_merged_update() -> None:
    """SV15, SV16: much is written while a tab does not read; it then gets what the kernel held and one update."""
    async with serving() as url, connect(f"{url}/docs/r/pad") as writing:
        writer = StockTab(writing)
        await writer.synced()
        stream, said = await _raw_tab(url, "/docs/r/pad")
        text = writer.doc.get("content", type=Text)
        for _ in range(40):  # 4 MB of traffic that leaves a small document, and more than these sockets buffer.
            before = writer.doc.get_state()
            text += "x" * 100_000
            await _send_and_wait(writer, before)
            before = writer.doc.get_state()
            del text[0:100_000]
            await _send_and_wait(writer, before)
        before = writer.doc.get_state()
        text += "the end"
        await _send_and_wait(writer, before)
        doc: Doc[Any] = Doc()
        total = 0
        async with aclosing(_frames(stream, said)) as heard:
            async for frame in heard:
                total += len(frame)
                if frame[:2] in (b"\x00\x01", b"\x00\x02"):
                    doc.apply_update(frames.read_bytes(frame, 2)[0])
                    if str(doc.get("content", type=Text)) == "the end":
                        break
        assert total < 2_500_000
        await stream.aclose()


async def _send_and_wait(tab: StockTab, before: bytes) -> None:
    """Send what the tab wrote since then, and wait for its echo."""
    update = tab.doc.get_update(before)
    await tab.socket.send_message(frames.update(update))
    while await tab.socket.get_message() != frames.update(update):
        pass


async def _raw_tab(url: str, path: str) -> tuple[trio.SocketStream, bytearray]:
    """A tab of bare TCP, with a small window, that has synced and read nothing since; and what it has read."""
    port = int(url.rpartition(":")[2])
    connection = trio.socket.socket()
    connection.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 16 << 10)
    await connection.connect(("127.0.0.1", port))
    stream = trio.SocketStream(connection)
    await stream.send_all(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    got = bytearray()
    while b"\r\n\r\n" not in got:
        got += await stream.receive_some()
    await stream.send_all(b"\x82\x84\x00\x00\x00\x00" + frames.step1(b"\x00"))  # Masked, with zeros.
    while frames.step2(b"\x00\x00") not in got:
        got += await stream.receive_some()
    return stream, got.partition(b"\r\n\r\n")[2]


async def _frames(stream: trio.SocketStream, got: bytearray) -> AsyncGenerator[bytes, None]:
    while True:
        while len(got) >= 2:
            length, at = got[1], 2
            if length >= 126:
                at = 4 if length == 126 else 10
                length = int.from_bytes(got[2:at], "big") if len(got) >= at else 1 << 40
            if len(got) < at + length:
                break
            yield bytes(got[at : at + length])
            del got[: at + length]
        got += await stream.receive_some(1 << 16)
