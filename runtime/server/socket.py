"""One WebSocket, whatever it carries: read at a pace, kept awake while nothing happens, ended with a code.

Reading is a loop of one task, which also takes in, by a call, what comes while it waits; everything else is
synchronous, called by rooms while they publish.

Rules:

1. Reading pauses while too much of what was read waits for an answer, and after a frame that the socket's pace does not
   allow, so that TCP slows the sender.
2. A frame that cannot be understood ends its own socket, with the close code of its refusal, and changes nothing.
3. A chunk of many frames delays nobody: after `FRAMES_AT_ONCE` of them others have their turn.
4. A socket that was sent nothing else is sent something that means nothing, because clients take silence for death.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

import trio
from trio_websocket import ConnectionClosed

from ...protocol import limits
from .document_tab import DocumentTab
from .heartbeat import SWEEP_S
from .inbound import Inbound
from .outbox import Outbox
from .pace import Pace

# Bytes sent just after one sweep are missed by the second after it, and then it is this many more.
QUIET_SWEEPS = limits.KEEPALIVE_S // SWEEP_S - 1


class Socket(ABC):
    """What carries one document (`Connection`) and what carries many (`Multiplex`) have in common."""

    __slots__ = ("_ending", "_in_a_row", "_moved", "_over", "_pace", "_quiet_sweeps", "_reading", "_seen", "_wait_s")

    KEEPALIVE: ClassVar[bytes]
    """The frame that means nothing."""

    def __init__(self) -> None:
        self._reading = trio.CancelScope()
        self._ending: tuple[int, str] = (1000, "")
        self._over = False
        self._moved: trio.Event | None = None
        self._pace: Pace
        self._wait_s = 0.0
        self._in_a_row = 0
        self._seen = -1
        self._quiet_sweeps = 0

    @property
    @abstractmethod
    def tabs(self) -> Sequence[DocumentTab]:
        """Its documents' tabs, for whoever looks how they stand."""

    @property
    @abstractmethod
    def outbox(self) -> Outbox:
        """For the metrics and the keepalive."""

    @property
    @abstractmethod
    def outbox_bytes(self) -> int:
        """All that waits to be sent."""

    @property
    def over(self) -> bool:
        """Whether it is about to end."""
        return self._over

    @property
    @abstractmethod
    def _bytes_out(self) -> int:
        """All that was sent so far."""

    @abstractmethod
    def _must_wait(self) -> bool:
        """Whether the next frame is not read yet."""

    @abstractmethod
    def _receive(self, frame: str | bytes) -> int:
        """Hand on what a frame says; of how many messages it is. Raises Refused."""

    async def _listen(self, socket: Inbound) -> None:
        """Take in what comes until the socket ends or is to end. Raises Refused for what cannot be understood."""
        self._pace = Pace(trio.current_time())
        with suppress(ConnectionClosed), self._reading:
            while not self._over:
                while self._must_wait():
                    await self._change()
                if self._in_a_row >= limits.FRAMES_AT_ONCE:
                    self._in_a_row = 0
                    await trio.lowlevel.checkpoint()
                frame: str | bytes | None = socket.take()
                if frame is None:
                    frame = await socket.get_message(self._hear)
                if frame is not None:
                    self._hear(frame)
                if self._wait_s > 0:
                    await trio.sleep(self._wait_s)
                    self._wait_s = 0.0

    def _hear(self, frame: str | bytes) -> bool:
        """Take a message in; whether the next one may be, at once. Raises Refused."""
        if self._over:
            return False
        self._wait_s = self._pace.spend(self._receive(frame), len(frame), trio.current_time())
        self._in_a_row += 1
        return self._wait_s <= 0 and self._in_a_row < limits.FRAMES_AT_ONCE and not self._over and not self._must_wait()

    async def _change(self) -> None:
        self._moved = self._moved or trio.Event()
        await self._moved.wait()

    def moved(self) -> None:
        """Something was answered or has left: whoever waited for that looks again."""
        if self._moved is not None:
            self._moved.set()
            self._moved = None

    def close(self, code: int, reason: str) -> None:
        """End the socket with this code."""
        if not self._over:
            self._over = True
            self._ending = (code, reason)
            self._reading.cancel()

    def overflow(self) -> None:
        """Too many answers wait."""
        self.close(1013, "The tab does not read its answers.")

    def keep_alive(self) -> None:
        """Called every `SWEEP_S`."""
        if self._bytes_out != self._seen:
            self._seen = self._bytes_out
            self._quiet_sweeps = 0
            return
        self._quiet_sweeps += 1
        if self._quiet_sweeps >= QUIET_SWEEPS and self.outbox.clear:
            self.outbox.keep(self.KEEPALIVE)

    @abstractmethod
    async def empty(self) -> None:
        """Wait until what is kept was sent; what hangs behind a merged update that will not come is given up."""
