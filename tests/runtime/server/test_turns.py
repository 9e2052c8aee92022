"""Newcomers wait for their turns, and nobody else waits for more than one of them."""

from itertools import count
from typing import Any, cast

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.runtime.auth.gate import Asker, Gate
from plait.runtime.server.document_tab import DocumentTab
from plait.runtime.server.inbound import Inbound
from plait.runtime.server.listener import Server
from plait.runtime.server.outbox import Outbox
from plait.runtime.server.socket import Socket
from plait.runtime.server.turns import Turns
from trio.testing import wait_all_tasks_blocked
from trio_websocket import CloseReason, ConnectionClosed

from .conftest import House
from .test_http import _get

UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: MTIzNDU2Nzg5MA==",
)


async def _most_in_a_turn(done: list[Any], many: int) -> int:
    """How many were done between two turns of ours, at most, until so many are. Trio shuffles who is first in a turn,
    so those of two turns may lie between, and one that was begun before."""
    most = 0
    while len(done) < many:
        before = len(done)
        await trio.lowlevel.checkpoint()
        most = max(most, len(done) - before)
    return most


@pytest.mark.parametrize(("turn_s", "each"), [(0.0, 1), (0.0041, 4)])
async def test_newcomers_take_turns(nursery: trio.Nursery, turn_s: float, each: int) -> None:
    """AD16: each turn of the loop has one newcomer, or one for each millisecond that it takes anyway."""
    moments = count()
    turns, served = Turns(clock=lambda: next(moments) * turn_s), list[int]()
    nursery.start_soon(turns.give)
    await wait_all_tasks_blocked()

    async def one(number: int) -> None:
        await turns.mine()
        served.append(number)

    for number in range(60):
        nursery.start_soon(one, number)
    assert await _most_in_a_turn(served, 60) <= 2 * each
    assert sorted(served) == list(range(60))


async def test_who_gives_up_costs_no_turn(nursery: trio.Nursery) -> None:
    """AD16: a newcomer who leaves while they wait is forgotten; nobody waits where nobody gives out turns."""
    turns = Turns(clock=lambda: 0.0)
    await turns.mine()
    with trio.CancelScope() as giving:
        nursery.start_soon(turns.give)
        await wait_all_tasks_blocked()
        await turns.mine()
        with trio.move_on_after(0):
            await turns.mine()
        await turns.mine()
        giving.cancel()


async def test_handshakes_take_turns(nursery: trio.Nursery) -> None:
    """AD16: of many who open sockets at once, one is asked in each turn who they are."""
    asked: list[str] = []

    def who(asker: Asker) -> Grant:
        asked.append(asker.path)
        return Grant()

    house = House(nursery)
    house.server = Server(house.rooms, gate=Gate(who))
    house.server.turns._clock = lambda: 0.0
    nursery.start_soon(house.server.turns.give)
    streams = [house.stream() for _ in range(30)]
    for stream in streams:
        await stream.send_all(_get("/docs/r", *UPGRADE))
    assert await _most_in_a_turn(asked, len(streams)) <= 3


class _Heard(Socket):
    """A socket that only counts what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []

    @property
    def outbox(self) -> Outbox:
        raise AssertionError("nothing is sent here")

    @property
    def outbox_bytes(self) -> int:
        return 0

    @property
    def tabs(self) -> list[DocumentTab]:
        return []

    @property
    def _bytes_out(self) -> int:
        return 0

    def _must_wait(self) -> bool:
        return False

    def _receive(self, frame: str | bytes) -> int:
        self.heard.append(frame)
        return 0

    async def empty(self) -> None: ...


class _Chunk:
    """So many frames that came in one chunk, and then the end."""

    def __init__(self, frames: int) -> None:
        self._left = frames

    def take(self) -> bytes | None:
        self._left -= 1
        return b"x" if self._left >= 0 else None

    async def get_message(self, hear: object) -> bytes:
        raise ConnectionClosed(CloseReason(1000, ""))


async def test_a_chunk_of_many_frames(nursery: trio.Nursery) -> None:
    """AD16: all frames of a chunk are handed on, and no more than `FRAMES_AT_ONCE` of them while others wait."""
    socket = _Heard()
    nursery.start_soon(socket._listen, cast(Inbound, _Chunk(1000)))
    assert await _most_in_a_turn(socket.heard, 1000) <= 2 * limits.FRAMES_AT_ONCE
