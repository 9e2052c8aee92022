"""Whether anybody is still there: pings, silence, and lines that do not move."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from plait.protocol import limits
from plait.runtime.server.heartbeat import SWEEP_S, Heartbeat
from plait.runtime.server.stream import PushStream
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked

from .conftest import House
from .test_sockets import _closed, _synced

HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
PING = b"\x89\x00"
PONG = b"\x8a\x80\x00\x00\x00\x00"  # Masked, as a client's frames are.
LIFE_S = limits.PING_S + limits.PONG_S + SWEEP_S  # Bytes that come just after a sweep are seen by the next one.


class Wire:
    """A client's side of a socket, below any library: it answers nothing by itself."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.pings: list[float] = []

    async def read(self, *, answer: bool) -> None:
        """Read until the server says goodbye or hangs up; with `answer` as a browser does."""
        while data := bytes(await self._stream.receive_some()):
            if b"\x88" in data:  # Frames may come together.
                return
            if PING in data:
                self.pings.append(trio.current_time())
                if answer:
                    await self._stream.send_all(PONG)


@asynccontextmanager
async def _wire(house: House, path: bytes = b"/docs/r") -> AsyncIterator[Wire]:
    stream = house.stream()
    await stream.send_all(HANDSHAKE % path)
    yield Wire(stream)
    await stream.aclose()


@pytest.mark.parametrize("path", [b"/docs/r", b"/hocuspocus"])
async def test_a_silent_socket_is_asked_and_then_over(
    house: House, autojump_clock: MockClock, nursery: trio.Nursery, path: bytes
) -> None:
    """SV37: a socket that says nothing, not even a pong, is over within seconds, and its tab has left the room."""
    nursery.start_soon(house.server.sockets.keep_alive, SWEEP_S)
    began = trio.current_time()
    async with _wire(house, path) as wire:
        await wire.read(answer=False)
        assert limits.PING_S + limits.PONG_S <= trio.current_time() - began <= LIFE_S
        assert len(wire.pings) == 1
        assert wire.pings[0] - began <= 2 * SWEEP_S
        assert house.rooms.room("r").tabs == []


async def test_a_socket_that_answers_lives(house: House, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """SV37: a pong is enough, from a browser that says nothing else for an hour."""
    nursery.start_soon(house.server.sockets.keep_alive, SWEEP_S)
    async with _wire(house) as wire:
        with trio.move_on_after(3600):
            await wire.read(answer=True)
        assert len(house.rooms.room("r").tabs) == 1
        assert len(wire.pings) > 3600 / (4 * SWEEP_S)


async def test_the_librarys_client_answers(house: House, autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """SV37: a pong of a library is taken for what it is, and the socket goes on."""
    nursery.start_soon(house.server.sockets.keep_alive, SWEEP_S)
    async with house.socket("/docs/r") as socket:
        await _synced(socket)
        with trio.move_on_after(10 * LIFE_S):
            while True:
                await socket.get_message()
        house.rooms.room("r").tabs[0].close(1000, "Enough.")
        assert (await _closed(socket))[0] == 1000


async def test_silence_counts_while_the_server_reads(nursery: trio.Nursery) -> None:
    """SV37: nobody is over for what the server has not read yet."""
    inner, _client = lockstep_stream_pair()
    stream = PushStream(inner, nursery)
    heartbeat = Heartbeat(stream)
    assert {heartbeat.beat() for _ in range(100)} == {"alive"}
    nursery.start_soon(stream.receive_some)
    await wait_all_tasks_blocked()
    found = [heartbeat.beat() for _ in range((limits.PING_S + limits.PONG_S) // SWEEP_S)]
    assert found == ["silent", *["alive"] * (len(found) - 2), "gone"]
    nursery.cancel_scope.cancel()


async def test_a_line_that_does_not_move(nursery: trio.Nursery) -> None:
    """SV38: a socket that takes nothing for STALLED_S is over; one that takes a document bit by bit is not."""
    inner, client = lockstep_stream_pair()
    stream = PushStream(inner, nursery)
    heartbeat = Heartbeat(stream)
    nursery.start_soon(stream.receive_some)
    size, taken = 4 << 20, 0
    stream.push(bytes(size))
    await wait_all_tasks_blocked()
    stalled = limits.STALLED_S // SWEEP_S
    while taken < size - (1 << 20):
        assert {heartbeat.beat() for _ in range(stalled - 1)} == {"alive"}
        taken += len(await client.receive_some(1 << 16))
        await wait_all_tasks_blocked()
    assert [heartbeat.beat() for _ in range(stalled + 1)][-2:] == ["alive", "gone"]
    nursery.cancel_scope.cancel()
