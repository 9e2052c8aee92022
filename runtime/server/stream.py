"""A byte stream that can be written without waiting, beside a library that waits.

trio-websocket writes through `send_all`, one frame at a time, each time a pass through the scheduler: 25,000 deliveries
a second. A room that publishes to 500 tabs pushes one frame, encoded once, with one system call and no checkpoint for
each: 150,000. Both go through here, so frames never mix.

Rules:

1. Bytes leave in the order in which `push` and `send_all` were called, each call's bytes in one piece.
2. `push` never waits and never raises. What the socket does not take at once is kept and a task flushes it; until then
   `ready` is False and whoever has more to push keeps it (the outbox), so this buffer holds one push and the library's
   control frames.
3. `send_all` keeps the library's contract: it returns when its bytes have left. Cancelling it does not cut a frame.
4. Nothing follows a WebSocket close frame; what is pushed after it is dropped.
5. Over TLS of our own a push is sealed when it is pushed, so what waits here is what goes over the wire.
   What is pushed to `wait` is not sealed, and leaves in one piece with what is pushed next, or by `flush`.
6. A stream without a file descriptor (memory streams in tests and simulation) works the same: the task writes it all.
"""

import array
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import trio
from outcome import Error

if sys.platform == "linux":
    import fcntl
    import termios

from .arrivals import READ_BYTES, Reader, arrivals
from .tls import TlsStream

_CLOSE_FRAME = b"\x88"
_LINGER_BYTES = 64 << 10
_CHUNK_BYTES = 64 << 10  # Handed to the socket at once, so that one sees a whole document leave bit by bit.


def _nothing() -> bytes:
    return b""


def _descriptor(stream: trio.abc.Stream) -> int:
    """The socket's descriptor where `os.write` works on it (not on Windows, whose sockets are no files), else -1."""
    return stream.socket.fileno() if os.name == "posix" and isinstance(stream, trio.SocketStream) else -1


class PushStream(trio.abc.Stream):
    """`inner` with `push`. `nursery` runs the flushing task while there is something to flush, so an idle tab has none.

    `already` are bytes that were read from `inner` before (the head of the upgrade request); they are received first.
    """

    __slots__ = (
        "_already",
        "_broken",
        "_closing",
        "_drained",
        "_ended",
        "_fd",
        "_flushing",
        "_gone",
        "_held",
        "_inner",
        "_left",
        "_moved",
        "_nursery",
        "_queued",
        "_reader",
        "_receiving",
        "_refill",
        "_seal",
        "_wire",
        "heard",
    )

    def __init__(self, inner: trio.abc.Stream, nursery: trio.Nursery, already: bytes = b"") -> None:
        self._inner = inner
        self._nursery = nursery
        self._already = already
        self._seal = inner.seal if isinstance(inner, TlsStream) else None
        self._wire = inner.transport if isinstance(inner, TlsStream) else inner
        self._fd = _descriptor(self._wire)
        self._held: list[bytes] = []
        self._left: deque[bytes] = deque()
        self._queued = 0  # Bytes that ever had to wait, and
        self._gone = 0  # those of them that have left.
        self._flushing = False
        self._closing = False
        self._broken = False
        self._moved: trio.Event | None = None
        self._receiving = False
        self._reader: Reader | None = None
        self._ended: trio.Event | None = None
        self.heard = 0
        """Bytes that came from the socket."""
        self._refill: Callable[[], bytes] = _nothing
        self._drained: Callable[[], object] = _nothing

    def feed(self, refill: Callable[[], bytes], drained: Callable[[], object]) -> None:
        """`refill` is asked for more whole frames when the buffer is empty, `drained` is told when it had none."""
        self._refill = refill
        self._drained = drained

    @property
    def ready(self) -> bool:
        """Whether all that was pushed has left, so that the next push may go straight to the socket."""
        return not self._flushing

    @property
    def over(self) -> bool:
        """Whether a close frame was written or the socket broke: what is pushed now goes nowhere."""
        return self._closing

    @property
    def unacknowledged(self) -> int:
        """Bytes that the other machine has not taken: those that are still here, and those on their way, where the
        system says (a TCP socket's does on Linux); else -1."""
        if self._flushing or self._fd < 0 or sys.platform != "linux":
            return self.unsent or -1
        size = array.array("i", [-1])
        with suppress(OSError):
            fcntl.ioctl(self._fd, termios.TIOCOUTQ, size)
        return size[0]

    @property
    def unsent(self) -> int:
        """Bytes that were pushed and are still here."""
        return self._queued - self._gone

    @property
    def gone(self) -> int:
        """Bytes that had to wait and have left since; while it grows, the other side reads."""
        return self._gone

    @property
    def listening(self) -> bool:
        """Whether somebody waits for bytes, so that silence is the other side's."""
        return self._receiving

    def push(self, data: bytes, *, wait: bool = False) -> None:
        """Send whole frames, or what the socket takes of them now and the rest soon. `wait`: more comes at once, and a
        system call costs as much as all the rest of what is done for a frame."""
        if self._closing:
            return
        if wait or self._held:
            self._held.append(data)
            if wait:
                return
            data = b"".join(self._held)
            self._held.clear()
        if self._seal is not None:
            try:
                data = self._seal(data)
            except trio.BrokenResourceError:
                self._closing = self._broken = True
                return
        if not self._flushing:
            if self._fd >= 0:
                try:
                    sent = os.write(self._fd, data)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    self._closing = self._broken = True  # The reader meets the same end and says so.
                    return
                if sent == len(data):
                    return
                data = data[sent:]
            self._flushing = True
            self._nursery.start_soon(self._flush)
        self._left.append(data)
        self._queued += len(data)

    def flush(self) -> None:
        """Nothing more comes for now: what waits leaves."""
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self.push(data)

    async def _flush(self) -> None:
        try:
            while True:
                try:
                    if not self._left and not self._closing and (more := self._refill()):
                        more = more if self._seal is None else self._seal(more)
                        self._left.append(more)
                        self._queued += len(more)
                    if not self._left:
                        break
                    data = self._left[0] if len(self._left) == 1 else b"".join(self._left)
                    self._left.clear()
                    for at in range(0, len(data), _CHUNK_BYTES):
                        await self._wire.send_all(data[at : at + _CHUNK_BYTES])
                        self._gone += min(_CHUNK_BYTES, len(data) - at)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._closing = self._broken = True
                    self._left.clear()
                    break
                self._wake()
        finally:
            self._flushing = False
            self._wake()
        self._drained()

    def _wake(self) -> None:
        if self._moved is not None:
            self._moved.set()
            self._moved = None

    async def _left_by(self, mark: int) -> None:
        while self._flushing and self._gone < mark:
            if self._moved is None:
                self._moved = trio.Event()
            await self._moved.wait()

    # --- what the library uses ------------------------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send the library's own frames: the handshake, pongs, the close frame. Raises trio.BrokenResourceError."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closing:
            raise trio.BrokenResourceError
        data = bytes(data)
        self.push(data)
        if data[:1] == _CLOSE_FRAME:
            self._closing = True
        if self._flushing:
            await self._left_by(self._queued)
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
        if self._broken:
            raise trio.BrokenResourceError

    async def wait_send_all_might_not_block(self) -> None:
        """Part of the interface; the library does not call it."""
        await self._left_by(self._queued)
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """The bytes that were read before, then the socket's."""
        if self._already:
            await trio.lowlevel.checkpoint()
            cut = len(self._already) if max_bytes is None else max_bytes
            data, self._already = self._already[:cut], self._already[cut:]
            return data
        self._receiving = True
        try:
            data = await self._inner.receive_some(max_bytes)
            self.heard += len(data)
            while data and self._ended is not None:  # Lingering: what comes now is thrown away.
                data = await self._inner.receive_some(max_bytes)
            return data
        finally:
            self._receiving = False
            if self._ended is not None:
                self._ended.set()

    async def receive(self, take: Callable[[bytes], bool]) -> None:
        """Give `take` what comes, chunk by chunk, until it says that it has enough; an empty chunk is the end. It is
        called by whoever reads, and must not wait. Raises as `receive_some` does, and what `take` raised."""
        found = arrivals() if self._fd >= 0 and self._wire is self._inner and not self._already else None
        if found is None:
            while not take(bytes(await self.receive_some(READ_BYTES))):
                pass
            return
        reader = self._reader = Reader(self._fd, take, found)
        self._receiving = True
        try:
            await trio.lowlevel.wait_task_rescheduled(reader.begin(self._heard))
        finally:
            self._reader = None
            self._receiving = False
            if self._ended is not None:
                self._ended.set()

    def _heard(self, size: int) -> bool:
        """So many bytes were read; whether they are wanted."""
        self.heard += size
        return self._ended is None

    def cut(self) -> None:
        """Forget the socket: nothing is written any more, and its descriptor's number may become another's."""
        if self._reader is not None:
            self._reader.stop()
        self._closing = True
        self._fd = -1
        self._held.clear()
        self._left.clear()

    async def linger(self) -> None:
        """After the close frame: say that nothing follows, and read what still comes until the peer hangs up."""
        self._ended = trio.Event()
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            if isinstance(self._inner, trio.abc.HalfCloseableStream):
                await self._inner.send_eof()
            if not self._receiving:
                await self.receive_some(_LINGER_BYTES)
        await self._ended.wait()

    async def aclose(self) -> None:
        """Close the socket; what is unsent is lost."""
        reader, self._reader = self._reader, None
        self.cut()
        if reader is not None:
            reader.end(Error(trio.ClosedResourceError()))
        await self._inner.aclose()
