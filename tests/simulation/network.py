"""A network in memory: streams with delay, in small pieces, that stall, go half-open and break.

A pipe is one direction of a connection. It keeps order, as TCP does, and holds at most `_WINDOW` bytes, so a reader
that does not read holds its writer back. Connections overtake each other freely. Rules:

1. A cut loses what is on its way, in both directions, in the middle of a frame if it so happens.
2. A half-open connection loses all that is sent on it and says nothing: only silence tells, or the kernel, which
   gives up on what nobody acknowledges after `_GIVEN_UP_S`.
3. A stalled one delivers nothing for a while and then everything.
"""

from collections import deque
from collections.abc import Callable
from random import Random

import trio

from .chance import Chance
from .trace import Trace

_WINDOW = 64 << 10
_PIECES = (30, 500, 65536)
_GIVEN_UP_S = 100.0
"""TCP's own patience is some 15 minutes; shorter here, so that quiet comes."""


class Weather:
    """How the network is just now. `calm`: no new trouble; what is broken already stays so."""

    def __init__(self) -> None:
        self.calm = False


class Pipe:
    """One direction: bytes with the time at which they arrive."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._line: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._moved = trio.Event()
        self._arrived = 0.0
        self._latency_s = dice.choice((0.001, 0.02, 0.2)) * dice.random()
        self.lost = False
        self.lost_since = 0.0
        """When the first byte was lost; 0 if none was."""
        self.cut = False
        self.ended = False
        self.unread = False

    def _move(self) -> None:
        moved, self._moved = self._moved, trio.Event()
        moved.set()

    def stall(self, until: float) -> None:
        """Deliver nothing before that time, neither what is on its way nor what comes."""
        self._arrived = max(self._arrived, until)
        self._line = deque((max(due, until), data) for due, data in self._line)
        self._move()

    def break_off(self) -> None:
        self.cut = True
        self._line.clear()
        self._move()

    def end(self) -> None:
        """Nothing more is sent."""
        self.ended = True
        self._move()

    def hang_up(self) -> None:
        """Nobody reads any more."""
        self.unread = True
        self._line.clear()
        self._move()

    async def send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        while True:
            if self.cut or self.unread or self.ended:
                raise trio.BrokenResourceError("the connection was cut, as the seed wants it")
            if self.lost:
                self.lost_since = self.lost_since or trio.current_time()
                return
            if not data:
                return
            if self._size >= _WINDOW:
                await self._moved.wait()
                continue
            delay_s = self._latency_s * self._dice.random()
            self._arrived = max(self._arrived, trio.current_time() + delay_s)
            taken, data = data[:_WINDOW], data[_WINDOW:]
            self._line.append((self._arrived, taken))
            self._size += len(taken)
            self._move()

    async def receive(self, most: int) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            if self.cut:
                raise trio.BrokenResourceError("the connection was cut, as the seed wants it")
            due = self._line[0][0] if self._line else float("inf")
            if due <= trio.current_time():
                return self._taken(most)
            if self.ended and not self._line and not self.lost:
                return b""
            with trio.move_on_at(due):
                await self._moved.wait()

    def _taken(self, most: int) -> bytes:
        due, data = self._line.popleft()
        size = min(most, self._dice.choice(_PIECES), len(data))
        if len(data) > size:
            self._line.appendleft((due, data[size:]))
        self._size -= size
        self._move()
        return data[:size]


class End(trio.abc.HalfCloseableStream):
    """One end of a connection. Two tasks that use one direction at once are a bug, as with a real socket."""

    def __init__(self, name: str, out: Pipe, into: Pipe, trace: Trace, closed: Callable[[], None]) -> None:
        self.name = name
        self._out = out
        self._into = into
        self._trace = trace
        self._told_closed = closed
        self._sending = self._receiving = self._closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if self._sending:
            raise trio.BusyResourceError("another task is sending")
        self._sending = True
        try:
            await self._out.send(bytes(data))
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._closed:
            raise trio.ClosedResourceError
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving")
        self._receiving = True
        try:
            data = await self._into.receive(max_bytes or 65536)
        finally:
            self._receiving = False
        if self._closed:
            raise trio.ClosedResourceError
        self._trace.say(self.name, f"got {len(data)} bytes")
        return data

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        self._out.end()

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._out.end()
            self._into.hang_up()
            self._told_closed()
        await trio.lowlevel.checkpoint()


class Network:
    """All connections of a world; `nursery` carries their fates."""

    def __init__(self, trace: Trace, chance: Chance, nursery: trio.Nursery) -> None:
        self.weather = Weather()
        self._trace = trace
        self._chance = chance
        self._nursery = nursery
        self._count = 0
        self._open: dict[int, tuple[Pipe, Pipe]] = {}

    def connect(self, who: str) -> tuple[End, End]:
        """A new connection: the caller's end and the other one."""
        self._count += 1
        number = self._count
        dice = self._chance.dice(f"connection {number}")
        there, back = Pipe(dice), Pipe(dice)
        self._open[number] = (there, back)
        scope = trio.CancelScope()
        sides: set[str] = set()

        def closed(side: str) -> None:
            sides.add(side)
            if len(sides) == 2:
                self._open.pop(number, None)
                scope.cancel()

        self._nursery.start_soon(self._fate, number, dice, scope)
        name = f"{who}#{number}"
        near = End(f"{name} <", there, back, self._trace, lambda: closed("near"))
        return near, End(f"{name} >", back, there, self._trace, lambda: closed("far"))

    def cut_all(self) -> None:
        """Every connection breaks now: the process at its other end is gone."""
        for there, back in self._open.values():
            there.break_off()
            back.break_off()
        self._open.clear()

    async def _fate(self, number: int, dice: Random, scope: trio.CancelScope) -> None:
        with scope:
            while True:
                await trio.sleep(dice.expovariate(1 / 25))
                if number not in self._open:
                    return
                there, back = self._open[number]
                given_up = trio.current_time() - _GIVEN_UP_S
                if any(0 < pipe.lost_since < given_up for pipe in (there, back)):
                    there.break_off()
                    back.break_off()
                if self.weather.calm:
                    continue
                fate = dice.choice(("cut", "half-open", "stall", "stall", "nothing", "nothing"))
                if fate == "nothing" or not self._chance.happens(f"{fate} of connection {number}"):
                    continue
                match fate:
                    case "cut":
                        self._trace.say("network", f"connection {number} is cut", count="cuts")
                        there.break_off()
                        back.break_off()
                    case "half-open":
                        self._trace.say("network", f"connection {number} goes half-open", count="half-open")
                        for pipe in dice.choice(((there,), (back,), (there, back))):
                            pipe.lost = True
                    case _:
                        self._trace.say("network", f"connection {number} stalls", count="stalls")
                        dice.choice((there, back)).stall(trio.current_time() + dice.choice((1.0, 10.0, 50.0)))
