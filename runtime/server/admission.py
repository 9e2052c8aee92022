"""Who comes in: connections are counted as they are accepted, by address, before a byte of theirs is read.

What somebody costs before they have said who they are is bounded here; what a subject may have open is asked of the
gate, which knows who holds a grant. A connection through a trusted proxy is the proxy's until its head tells whose it
is. Rules (specs/admission.md):

1. A connection too many is told its code with an HTTP status and is gone; `TURNED_AWAY` at a time are told, and the
   others are cut.
2. Addresses that are not known ("", as in a simulation) are not told apart and have no limits of their own.
3. Nothing here grows with the number of those who came: what is counted is open, and rates are kept for `ADDRESSES`.
4. While the process has more memory than it may, nobody comes in, and who has most waiting for them is ended.
"""

import ipaddress
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Self

import trio
from msgspec import to_builtins

from ...protocol import limits
from ...protocol.access import ANONYMOUS
from ...protocol.admission import Allowance
from ...protocol.buckets import Buckets
from ...protocol.errors import Code, Refused
from . import resources
from .exchange import Response, refusal

_SAY_S = 60
_HEAD_BYTES = 4 << 10

log = logging.getLogger("plait.server")


class Visit:
    """One connection that was let in, for the block in which it is open."""

    __slots__ = ("_admission", "address")

    def __init__(self, admission: "Admission", address: str) -> None:
        self._admission = admission
        self.address = address

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._admission.left(self.address)


class Admission:
    """The counts of one server. `shed(bytes)` ends the sockets that hold most, until so much is free; `clock` gives
    seconds."""

    def __init__(self, allowance: Allowance | None = None, *, clock: Callable[[], float] = trio.current_time) -> None:
        self.allowance = allowance or Allowance()
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._handshakes = Buckets(
            self.allowance.handshakes_per_s, self.allowance.sockets_per_address, limits.ADDRESSES
        )
        self._requests = Buckets(
            self.allowance.requests_per_s, self.allowance.requests_per_s * limits.REQUESTS_BURST_S, limits.ADDRESSES
        )
        self._high_water = resources.high_water(self.allowance.memory_mib)
        self._telling = 0
        self._said = -float("inf")
        self.connections = 0
        """Connections that are open, of whatever kind."""
        self.refused: Counter[Code] = Counter()
        """How many were turned away, by their codes."""
        self.crowded = False
        """Whether the process has more memory than it may."""

    @property
    def may_have(self) -> int:
        """How many sockets and documents there may be, as far as the process has descriptors for them."""
        descriptors = resources.descriptors()
        spare = min(limits.DESCRIPTORS_SPARE, descriptors // 16)
        return min(self.allowance.connections, descriptors - spare)

    def shown(self) -> dict[str, Any]:
        """Every limit as it is in effect."""
        changeable = to_builtins(self.allowance) | {
            "connections": self.may_have,
            "memory_mib": self._high_water >> 20,
        }
        return {name.lower(): limit.value for name, limit in limits.LIMITS.items()} | changeable

    def arrive(self, address: str) -> Visit:
        """A connection was accepted. Raises Refused."""
        address = told_apart(address)
        # One that is too many is told so by a close code, if it becomes a WebSocket; that takes a socket, too.
        if self.connections >= self.may_have + limits.TURNED_AWAY:
            self._refuse("overloaded")
        self._count_in(address)
        self.connections += 1
        return Visit(self, address)

    def asks(self, visit: Visit, address: str) -> float:
        """That address sends a request over the connection, a trusted proxy's if the address is another than it came
        from; how many seconds to wait before the next one is read. Raises Refused."""
        address = told_apart(address)
        if address != visit.address:
            self._count_in(address)
            self._count_out(visit.address)
            visit.address = address
        return self._requests.owe(address, self._clock()) if address else 0.0

    def _count_in(self, address: str) -> None:
        if not address:
            return
        if self._open[address] >= self.allowance.sockets_per_address:
            self._refuse("too-many-sockets")
        if not self._handshakes.take(address, self._clock()):
            self._refuse("rate-limited")
        self._open[address] += 1

    def _count_out(self, address: str) -> None:
        if address:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def left(self, address: str) -> None:
        """A connection is over."""
        self.connections -= 1
        self._count_out(address)

    def _refuse(self, code: Code) -> None:
        self.refused[code] += 1
        now = self._clock()
        if now - self._said >= _SAY_S:  # A line for each would fill the disk as well.
            self._said = now
            log.warning("connections are turned away: %s", ", ".join(f"{n} {c}" for c, n in self.refused.items()))
        raise Refused(code)

    def check_room(self, sockets: int = 0) -> None:
        """Whether there is room for one more, beside so many sockets and documents on them. Raises Refused."""
        if self.crowded or sockets >= self.may_have:
            self._refuse("overloaded")

    def check_subject(self, author: str, open_: int) -> None:
        """Whether that subject, who has so many open, may open one more. Raises Refused. Who is nobody in particular
        has no limit of their own."""
        if author != ANONYMOUS.author and open_ >= self.allowance.sockets_per_subject:
            self._refuse("too-many-sockets")

    async def turn_away(self, stream: trio.abc.Stream, refused: Refused) -> None:
        """Tell a connection why it is not let in, unless too many are being told."""
        if self._telling >= limits.TURNED_AWAY:
            return
        self._telling += 1
        try:
            with trio.move_on_after(limits.TURNED_AWAY_S), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                # Read what they say, or the answer would be lost with the connection's reset.
                await stream.receive_some(_HEAD_BYTES)
                await stream.send_all(_written(refusal(refused.code)))
                if isinstance(stream, trio.abc.HalfCloseableStream):
                    await stream.send_eof()
                while await stream.receive_some(_HEAD_BYTES):
                    pass
        finally:
            self._telling -= 1

    async def watch(self, shed: Callable[[int], int]) -> None:
        """Look at the memory now and then, for ever; `shed` ends who holds most of what waits to be sent."""
        while True:
            self.look(shed)
            await trio.sleep(limits.ADMISSION_S)

    def look(self, shed: Callable[[int], int]) -> None:
        """Look at the memory once."""
        if not self._high_water:
            return
        used = resources.resident()
        if used > self._high_water:
            resources.give_back()
            used = resources.resident()
        crowded = used > self._high_water
        if crowded:
            ended = shed(used - self._high_water)
            if not self.crowded or ended:
                log.warning(
                    "%d MiB are in use and %d may be: nobody comes in, and %d who did not read were ended",
                    used >> 20,
                    self._high_water >> 20,
                    ended,
                )
        self.crowded = crowded


def told_apart(address: str) -> str:
    """The part of an address by which people are told apart: all of it, or the network of an IPv6 one."""
    if ":" not in address:
        return address
    network = ipaddress.ip_network((address, limits.NETWORK_BITS), strict=False)
    return str(network.network_address)


def _written(response: Response) -> bytes:
    """A whole answer, for a connection of which nothing was understood."""
    assert isinstance(response.body, bytes)
    headers = [*response.headers, ("content-length", str(len(response.body))), ("retry-after", "1")]
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.body
