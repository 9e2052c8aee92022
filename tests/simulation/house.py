"""The process of a simulated world: the real runtime and the real server, on memory streams, until it is restarted.

It ends in one of two ways, as processes do. A deploy lets it finish what it may. A crash does not: its handle on the
disk is dead and its connections are cut before its tasks hear of anything, so nothing that they still do gets out.
"""

import trio
from plait.protocol import limits
from plait.runtime import Runtime
from plait.runtime.client.link import Address, Dial
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.room import Room
from plait.runtime.room.rooms import Rooms
from plait.runtime.server.heartbeat import SWEEP_S
from plait.runtime.server.listener import Server, _Handlers

from .chance import Chance
from .crew import Acts, crew
from .disk import Disk, Handle
from .network import Network
from .trace import Trace

_TRIES = 30
"""How often a room may be read again within a second: once for what each of a few people asks for."""


class House:
    """One process at a time, over one disk."""

    def __init__(
        self, chance: Chance, trace: Trace, disk: Disk, network: Network, acts: Acts, around: Surroundings
    ) -> None:
        self.lives = 0
        self.runtime: Runtime | None = None
        self._around = around
        self._chance = chance
        self._trace = trace
        self._disk = disk
        self._network = network
        self._acts = acts
        self._dice = chance.dice("house")
        self._handle: Handle | None = None
        self._server: Server | None = None
        self._handlers: trio.Nursery | None = None
        self._end = trio.Event()
        self.peak = 0
        disk.on_kill = self.crash

    async def run(self) -> None:
        """One life after another, until cancelled."""
        while True:
            self._end = trio.Event()
            handle = self._handle = Handle(self._disk, self._trace)
            try:
                async with trio.open_nursery() as nursery:
                    await self._live(nursery, handle)
                    nursery.cancel_scope.cancel()
            finally:
                self._handle = None
                await handle.bury()
            self._trace.say("house", "the process is gone")
            await trio.sleep(self._dice.choice((0.1, 3.0)))

    async def _live(self, process: trio.Nursery, handle: Handle) -> None:
        self.lives += 1
        agents = crew(self._acts, self._chance.dice(f"crew {self.lives}"), lambda: not handle.dead)
        async with Runtime(handle, agents, surroundings=self._around) as runtime:
            server = Server(runtime.rooms)
            handlers = await process.start(_Handlers.live)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(server.sockets.keep_alive, SWEEP_S)
                    nursery.start_soon(self._measure, server, runtime.rooms)
                    self.runtime, self._server, self._handlers = runtime, server, handlers.nursery
                    self._trace.say("house", f"process {self.lives} listens", count="processes")
                    await self._end.wait()
                    nursery.cancel_scope.cancel()
            finally:
                self.runtime = self._server = None
                server.drain()
                handlers.finish(trio.current_time() + (0 if handle.dead else limits.DRAIN_S))

    async def _measure(self, server: Server, rooms: Rooms) -> None:
        """Look every second at what each socket costs (law 6), and whether a room whose disk fails keeps trying."""
        reopened: dict[Room, int] = {}
        most = limits.OUTBOX_BYTES + limits.ANSWERS_BYTES + limits.FRAME_BYTES
        while True:
            await trio.sleep(1)
            for connection in server.sockets._open:
                self.peak = max(self.peak, connection.outbox.waiting)
            if self.peak > most:
                self._trace.breach("house", f"a socket costs {self.peak} bytes")
            for room in rooms._awake.values():
                if room.reopened - reopened.get(room, 0) > _TRIES:
                    self._trace.breach("house", f"room {room.name} spins")
                reopened[room] = room.reopened

    def crash(self) -> None:
        """The process dies now, wherever it is."""
        if self._handle is not None and not self._handle.dead:
            self._trace.say("house", "CRASH", count="crashes")
            self._handle.die()
            self._network.cut_all()
            self._end.set()

    def deploy(self) -> None:
        """The process is asked to end."""
        if self._server is not None:
            self._trace.say("house", "is asked to end", count="deploys")
            self._end.set()

    async def dial(self, who: str, dice_s: float) -> trio.abc.Stream:
        """A connection to whichever process is there. Raises OSError if none is."""
        await trio.sleep(dice_s)
        if self._server is None or self._handlers is None:
            raise ConnectionRefusedError("nobody listens")
        near, far = self._network.connect(who)
        self._handlers.start_soon(self._server.handle, far)
        return near

    def dialler(self, who: str) -> Dial:
        """`dial` as a Python client takes it."""
        dice = self._chance.dice(f"dial {who}")

        async def dial(_: Address) -> trio.abc.Stream:
            return await self.dial(who, dice.choice((0.001, 0.05)))

        return dial
