"""Messages past the library and those that it reads, in one order: drawn frames cut anywhere, and broken ones."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import trio
import trio.testing
from plait.runtime.server.inbound import Inbound
from plait.runtime.server.stream import PushStream
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

HEAD = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes, *, final: bool = True, mask: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    """A client's frame."""
    size = len(payload)
    long = b"" if size < 126 else size.to_bytes(2 if size < 1 << 16 else 8, "big")
    head = bytes((opcode | (0x80 if final else 0), 0x80 | (size if size < 126 else 126 if size < 1 << 16 else 127)))
    return head + long + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Ends(NamedTuple):
    """The server's messages, its library, its stream, and the client's end of that."""

    inbound: Inbound
    library: WebSocketConnection
    stream: PushStream
    client: trio.abc.Stream


@asynccontextmanager
async def connected(early: bytes = b"", limit: int = 1 << 20) -> AsyncIterator[Ends]:
    """A socket behind its handshake; `early` comes with the request's head."""
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        pushed = PushStream(server, nursery, HEAD + early)
        inbound = Inbound(pushed)
        asked = await wrap_server_stream(nursery, inbound, max_message_size=limit)
        library = await asked.accept()
        inbound.open(library)
        assert b"101" in await client.receive_some()
        yield Ends(inbound, library, pushed, client)
        nursery.cancel_scope.cancel()


def drawn(draw: random.Random) -> tuple[bytes, list[bytes | str]]:
    """A client's bytes, and the messages in them."""
    said, messages = b"", []
    for _ in range(draw.randint(1, 40)):
        match draw.randrange(8):
            case 0:
                said += frame(draw.choice((PING, PONG)), b"alive")
            case 1:
                messages.append("é" * draw.randrange(80))
                said += frame(TEXT, messages[-1].encode())
            case 2:
                parts = [draw.randbytes(draw.randrange(200)) for _ in range(draw.randint(2, 4))]
                messages.append(b"".join(parts))
                for number, part in enumerate(parts):
                    said += frame(0 if number else BINARY, part, final=number == len(parts) - 1)
                    said += frame(PING, b"between") if number < len(parts) - 1 and draw.random() < 0.3 else b""
            case 3:
                messages.append(draw.randbytes(draw.choice((126, 65_535, 65_536, 65_537, 70_000))))
                said += frame(BINARY, messages[-1], mask=draw.randbytes(4))
            case _:
                messages.append(draw.randbytes(draw.randrange(130)))
                said += frame(BINARY, messages[-1], mask=draw.randbytes(4))
    return said, messages


@pytest.mark.parametrize("seed", range(12))
async def test_messages_come_in_order_however_they_are_cut(seed: int) -> None:
    """SV40: plain frames, text, fragments with pings between them and large frames, in pieces of any size."""
    draw = random.Random(seed)
    said, messages = drawn(draw)
    early = draw.randrange(len(said)) if seed % 2 else 0
    async with connected(said[:early]) as ends, trio.open_nursery() as nursery:

        async def speak() -> None:
            at = early
            while at < len(said):
                step = draw.choice((1, 3, 40, 5000, 100_000))
                await ends.client.send_all(said[at : at + step])
                at += step

        nursery.start_soon(speak)
        with trio.fail_after(60):
            assert [await ends.inbound.get_message() for _ in messages] == messages


@pytest.mark.parametrize("seed", range(12))
async def test_messages_come_in_order_also_by_calls(seed: int) -> None:
    """SV40: some are given to whoever waits as they come until that is enough, the others are taken, and none twice."""
    draw = random.Random(seed)
    said, messages = drawn(draw)
    heard: list[bytes | str] = []

    def hear(message: bytes) -> bool:
        heard.append(message)
        return len(heard) < len(messages) and draw.random() < 0.7

    async with connected() as ends, trio.open_nursery() as nursery:

        async def speak() -> None:
            for at in range(0, len(said), 3000):
                await ends.client.send_all(said[at : at + 3000])

        nursery.start_soon(speak)
        with trio.fail_after(60):
            while len(heard) < len(messages):
                taken = await ends.inbound.get_message(hear)
                if taken is not None:
                    heard.append(taken)
    assert heard == messages


async def test_what_a_call_raises_is_raised_where_it_was_given() -> None:
    """SV40: a message that cannot be understood ends the wait for one, and not the task that reads."""

    def refuse(message: bytes) -> bool:
        raise ValueError(message)

    async with connected() as ends:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ends.client.send_all, frame(BINARY, b"bad") + frame(BINARY, b"next"))
                with pytest.raises(ValueError, match="bad"):
                    await ends.inbound.get_message(refuse)
            assert await ends.inbound.get_message() == b"next"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (b"\x82\x03abc", 1002),  # Not masked.
        (frame(BINARY | 0x40, b"abc"), 1002),  # An extension.
        (frame(3, b"abc"), 1002),
        (frame(0, b"abc"), 1002),  # Goes on with nothing.
        (frame(PING, b"a" * 126), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(BINARY, b"a", final=False) + frame(BINARY, b"b"), 1002),
        (frame(BINARY, b"a" * 70_000), 1009),
        (frame(BINARY, b"a" * 40_000, final=False) + frame(0, b"a" * 40_000, final=False) + frame(PING, b""), 1009),
        (b"\x82\xfe\x00\x01" + b"\x00" * 4 + b"a", 1002),  # A length that is longer than it need be.
        (b"\x82\xff" + b"\x00" * 6 + b"\xff\xff" + b"\x00" * 4 + b"a" * 0xFFFF, 1002),
        (frame(CLOSE, b"\x03\xe8"), 1000),
    ],
)
async def test_what_is_wrong_ends_the_socket_behind_what_was_right(wrong: bytes, code: int) -> None:
    """SV40: the library says what is wrong, after the message before it; and it answers a close frame."""
    async with connected(limit=1 << 16) as ends:
        await ends.client.send_all(frame(BINARY, b"right") + wrong + frame(BINARY, b"too late"))
        with trio.fail_after(60):
            assert await ends.inbound.get_message() == b"right"
            with pytest.raises(ConnectionClosed) as closed:
                await ends.inbound.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == code


async def test_a_message_too_large_in_fragments_ends_the_wait_for_it() -> None:
    """SV40: the library stops reading in the middle of it, and whoever waits for one is told."""
    async with connected(limit=1 << 16) as ends:
        part = b"a" * 40_000
        await ends.client.send_all(frame(BINARY, part, final=False) + frame(0, part, final=False) + frame(PING, b""))
        with trio.fail_after(60), pytest.raises(ConnectionClosed):
            await ends.inbound.get_message()


async def test_a_socket_that_breaks_under_the_library_ends_the_wait() -> None:
    """SV40: the library cannot answer a ping and reads no further, with more of its frames in the same chunk."""
    async with connected() as ends:
        assert isinstance(ends.client, trio.StapledStream)
        await ends.client.receive_stream.aclose()
        await ends.client.send_all(frame(PING, b"one") + frame(PING, b"two"))
        with trio.fail_after(60), pytest.raises(ConnectionClosed):
            await ends.inbound.get_message()


async def test_who_is_not_heard_is_not_read() -> None:
    """SV40: a chunk is read when the one before was taken; when nobody takes any more, a close frame is still found."""
    async with connected() as ends, trio.open_nursery() as nursery:
        said = frame(BINARY, b"x" * 1000) * 1000
        await ends.client.send_all(said)
        assert await ends.inbound.get_message() == b"x" * 1000
        await trio.testing.wait_all_tasks_blocked()
        assert ends.stream.heard < len(said) / 10
        ends.inbound.deaf()
        nursery.start_soon(ends.library.aclose, 1013)
        with trio.fail_after(60):
            assert (await ends.client.receive_some())[0] == 0x88
            await ends.client.send_all(frame(CLOSE, b"\x03\xe8"))
            assert not await ends.client.receive_some()
