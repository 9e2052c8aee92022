"""A link: one machine of `protocol/` and the sockets that it speaks through, one after the other, until it is over.

All that is decided is decided by the machine and by `protocol/comeback`; here bytes are carried. Rules:

1. A socket that says nothing for `SILENCE_S` while it is being read is dead, whatever TCP believes.
2. Reading pauses while a machine is not `ready`.
3. A machine that raises Refused, and a close that is an answer, end the link; whoever waits is told by `check`.
"""

import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

import trio

from ...protocol import comeback, limits
from ...protocol.comeback import ComeBack
from ...protocol.errors import Refused
from .websocket import Closed, Rejected, WebSocket

Status = Literal["connecting", "connected", "waiting", "ended"]
"""`waiting`: for the next try, after a socket that failed."""


class Machine(Protocol):
    """What speaks through a link: it takes messages and gives messages, and knows nothing of sockets."""

    @property
    def ready(self) -> bool: ...
    def connected(self) -> None: ...
    def lost(self) -> None: ...
    def outgoing(self) -> Sequence[str | bytes]: ...
    def receive(self, message: str | bytes) -> None: ...


class Address(NamedTuple):
    """Where a server is, and as whom one comes. `base` stands before every path."""

    host: str
    port: int
    tls: bool
    base: str
    grant: str

    @classmethod
    def parse(cls, url: str, grant: str = "") -> "Address":
        """The address of `ws://HOST:PORT`; `wss`, `http` and `https` say the same. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is not the URL of a server, such as ws://127.0.0.1:8787")
        tls = parts.scheme in ("wss", "https")
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls, parts.path.rstrip("/"), grant)

    @property
    def header(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


Dial = Callable[[Address], Awaitable[trio.abc.Stream]]
"""Opens a stream to a server. Raises OSError."""


async def dial(address: Address) -> trio.abc.Stream:
    """A stream to the server, over TCP, with TLS where the URL says so. Raises OSError."""
    if address.tls:
        return await trio.open_ssl_over_tcp_stream(
            address.host, address.port, ssl_context=ssl.create_default_context(), https_compatible=True
        )
    return await trio.open_tcp_stream(address.host, address.port)


class Link:
    """Runs machines over sockets to one path. `random` makes the pauses differ between clients."""

    def __init__(self, address: Address, path: str, random: Callable[[], float], dial: Dial) -> None:
        self._address = address
        self._dial = dial
        self._path = path
        self._random = random
        self._machines: list[Machine] = []
        self._wanted = trio.Event()
        self._lot = trio.lowlevel.ParkingLot()
        self.status: Status = "connecting"
        self.error: Refused | None = None
        """Why the link has ended."""
        self.trouble = ""
        """How the last socket ended, for people."""
        self.sockets = 0
        """How many sockets were opened so far."""

    def add(self, machine: Machine) -> None:
        """Let a machine speak from now on."""
        self._machines.append(machine)
        if self.status == "connected":
            machine.connected()
        self.wake()

    def remove(self, machine: Machine) -> None:
        """The machine speaks and hears no more."""
        self._machines.remove(machine)

    def wake(self) -> None:
        """Something is to be sent, or there is room for more."""
        self._wanted.set()
        self._lot.unpark_all()

    async def changed(self) -> None:
        """Wait until something may have changed."""
        await self._lot.park()

    def check(self) -> None:
        """Raises Refused if the link has ended."""
        if self.error is not None:
            raise Refused(self.error.code, self.error.message)

    async def check_waiting(self) -> None:
        """As `check`, for somebody who waits: whoever is cancelled is told that first. Leaving the block ends the link
        and cancels those inside in one moment, and a timeout must not turn into a refusal by who runs first."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self.check()

    async def run(self) -> None:
        """Speak until a machine or the server ends it, or until cancelled; nobody waits for a link that has ended."""
        try:
            await self._come_and_go()
        finally:
            for machine in self._machines:
                machine.lost()
            self.error = self.error or Refused("bad-request", "The block of this client was left.")
            self.status = "ended"
            self._lot.unpark_all()

    async def _come_and_go(self) -> None:
        failures = 0
        pause_s = 0.0
        while True:
            self.status = "connecting"
            began = trio.current_time()
            self.error = await self._once()
            if self.error:
                return
            for machine in self._machines:
                machine.lost()
            self.status = "waiting"
            self._lot.unpark_all()
            # What lived longer than the pause before it was of use; anything else comes ever more rarely.
            if trio.current_time() - began > pause_s:
                failures = 0
            pause_s = comeback.pause_s(failures, self._random)
            failures += 1
            await trio.sleep(pause_s)

    async def _once(self) -> Refused | None:
        """One socket, from its opening to its end; the refusal if it was the last one."""
        try:
            with trio.fail_after(limits.CLIENT_CONNECT_S):
                stream = await self._dial(self._address)
        except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
            self.trouble = str(error) or "The server did not answer in time."
            return None
        async with stream:
            socket = WebSocket(stream)
            try:
                await self._open(socket)
                return await self._speak(socket)
            except trio.TooSlowError:
                self.trouble = "The server did not answer in time."
            except Rejected as rejected:
                self.trouble = str(rejected)
                return comeback.rejected(rejected.status)
            except Closed as closed:
                self.trouble = str(closed)
                return comeback.refusal(closed.code, closed.reason)
            except Refused as refused:
                return refused
            finally:
                with trio.move_on_after(limits.CLIENT_CLOSE_S, shield=True):
                    await socket.close()
        return None

    async def _open(self, socket: WebSocket) -> None:
        offered = ["plait.v1"]
        if self._address.grant:
            offered.append(f"plait.token.{self._address.grant}")
        with trio.fail_after(limits.CLIENT_CONNECT_S):
            selected = await socket.shake_hands(self._address.header, self._address.base + self._path, offered)
        if selected != "plait.v1":
            raise Refused("bad-request", "The server does not speak plait.v1.")

    async def _speak(self, socket: WebSocket) -> Refused | None:
        self.status = "connected"
        self.sockets += 1
        for machine in self._machines:
            machine.connected()
        self.wake()
        ending: Refused | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, socket)
            try:
                await self._read(socket)
            except Closed as closed:
                self.trouble = str(closed)
                ending = comeback.refusal(closed.code, closed.reason)
            except ComeBack as end:
                self.trouble = str(end)
            except Refused as refused:
                ending = refused
            nursery.cancel_scope.cancel()
        return ending

    async def _read(self, socket: WebSocket) -> None:
        while True:
            while not all(machine.ready for machine in self._machines):
                await self.changed()
            message: str | bytes | None = None
            with trio.move_on_after(limits.SILENCE_S):
                message = await socket.receive()
            if message is None:
                raise ComeBack(f"The server said nothing for {limits.SILENCE_S} s.")
            for machine in tuple(self._machines):
                machine.receive(message)
            self.wake()

    async def _write(self, socket: WebSocket) -> None:
        """Send what the machines have to say. An end is the reader's to tell, who may hear the reason still."""
        try:
            while True:
                self._wanted = trio.Event()
                out = [message for machine in self._machines for message in machine.outgoing()]
                for message in out:
                    await socket.send(message)
                if not out:
                    await self._wanted.wait()
        except Closed:
            pass
