"""What waits to be sent to one socket, and what happens when it waits too long: law 6, a slow tab costs O(1) memory.

While the socket takes everything there is no queue: a delta goes straight to it. When it does not, frames wait here in
one line. Deltas and presence are *droppable*, because documents can be sent again as one merged update; everything else
is *kept*: answers, the server's sync steps, awareness for a joiner, the log's records.

Rules:

1. What waits is sent in the order in which it came.
2. When more than `OUTBOX_BYTES` wait, every droppable frame that has not begun to leave is dropped and the tab is
   *behind*, from the state vector before the first dropped delta. While it is behind further ones are dropped too.
3. A tab that is behind asks for one merged update when its socket has drained. Kept frames come after that update,
   because an answer with seq n must follow the document bytes of every record up to n.
4. Once more than `ANSWERS_BYTES` of kept frames wait, the next one ends the socket (1013). One frame alone may be
   larger: a fresh tab's step 2 is as long as its document. Where many documents share a socket (lanes), the answers of
   all of them are meant, and step 2s, which come one at a time, are not counted.
5. An accepted edit is acknowledged by its echo, byte for byte. When the delta that echoes it is dropped, the echo is
   kept in its place.
6. Presence that was dropped alone, no delta with it, is asked for again.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from ...protocol import limits

_CHUNK_BYTES = 64 << 10  # What is handed to the socket at once when a line forms: as much as it usually takes.


class Stream(Protocol):
    """What an outbox writes to: a socket's `PushStream`, or its lane on one (`lanes`)."""

    @property
    def ready(self) -> bool: ...

    @property
    def over(self) -> bool: ...

    @property
    def unsent(self) -> int: ...

    def push(self, data: bytes, *, wait: bool = False) -> None: ...

    def flush(self) -> None: ...

    def feed(self, refill: Callable[[], bytes], drained: Callable[[], object]) -> None: ...


class _Waiting:
    """A frame in the line. `before` is a delta's state vector; `kept` what must be sent; `echo` what becomes kept;
    `large` a kept frame that is not counted among the answers."""

    __slots__ = ("before", "data", "echo", "kept", "large")

    def __init__(
        self,
        data: bytes,
        *,
        before: bytes | None = None,
        kept: bool = False,
        echo: bool = False,
        large: bool = False,
    ) -> None:
        self.data = data
        self.before = before
        self.kept = kept
        self.echo = echo
        self.large = large


def _nothing() -> int:
    return 0


class Outbox:
    """One socket's line. `catch_up` asks for the merged update, `ask_presence` for everyone's present awareness,
    `overflow` ends the socket; `cleared` is called whenever nothing waits any more. `beside` tells how many bytes of
    answers wait in other lines of the socket, and `share` is how much may wait in this one before deltas are
    dropped."""

    __slots__ = (
        "_asked",
        "_droppable",
        "_kept",
        "_large",
        "_line",
        "_merged",
        "_presence_lost",
        "_stream",
        "ask_presence",
        "behind",
        "beside",
        "bytes_out",
        "catch_up",
        "catch_ups",
        "cleared",
        "deliveries",
        "overflow",
        "share",
    )

    def __init__(
        self,
        stream: Stream,
        *,
        catch_up: Callable[[], None],
        ask_presence: Callable[[], None],
        overflow: Callable[[], None],
        cleared: Callable[[], None],
        beside: Callable[[], int] = _nothing,
    ) -> None:
        self._stream = stream
        stream.feed(self._refill, self._drained)
        self._line: deque[_Waiting] = deque()
        self._droppable = 0  # Bytes of droppable frames in the line, and
        self._kept = 0  # of kept ones that are counted, and
        self._large = 0  # of those that are not.
        self._merged = b""  # A merged update that waits for a control frame to leave; not counted as an answer.
        self._asked = False
        self._presence_lost = False
        self.behind: bytes | None = None
        self.catch_up = catch_up
        self.ask_presence = ask_presence
        self.overflow = overflow
        self.cleared = cleared
        self.beside = beside
        self.share = limits.OUTBOX_BYTES
        self.deliveries = 0
        self.bytes_out = 0
        self.catch_ups = 0

    @property
    def clear(self) -> bool:
        """Nothing waits, nothing is being flushed and nothing was dropped."""
        return self.behind is None and not self._line and not self._merged and self._stream.ready

    @property
    def waiting(self) -> int:
        """Bytes that this socket costs now, in the line and in the stream's buffer."""
        return self.queued + self._stream.unsent

    @property
    def queued(self) -> int:
        """Bytes in the line."""
        return self._droppable + self._kept + self._large + len(self._merged)

    @property
    def answers(self) -> int:
        """Bytes of answers in the line."""
        return self._kept

    def droppable(self, data: bytes, before: bytes | None, *, wait: bool = False) -> None:
        """Send a delta's frames (`before` is the document's state vector before it) or a presence frame (None). With
        `wait` they may leave together with what is sent next, or by `flush`."""
        if self.behind is not None:
            return
        if not self._line and self._stream.ready:  # With nothing merged either, which is flushing if it is there.
            self.deliveries += 1
            self.bytes_out += len(data)
            self._stream.push(data, wait=wait)
            return
        if self._stream.over:
            return
        self._line.append(_Waiting(data, before=before))
        self._droppable += len(data)
        if self._droppable + self._stream.unsent > self.share:
            self._drop()

    def flush(self) -> None:
        """Nothing more is sent for now."""
        self._stream.flush()

    def keep(self, data: bytes) -> None:
        """Send what must not be dropped, after everything that came before it."""
        if self.clear:
            self.bytes_out += len(data)
            self._stream.push(data)
            return
        if self._stream.over:
            return
        if self._kept + self.beside() > limits.ANSWERS_BYTES:
            self._forget()
            self.overflow()
            return
        self._line.append(_Waiting(data, kept=True))
        self._kept += len(data)

    def keep_large(self, data: bytes) -> None:
        """As `keep`, for a step 2 that is not counted, because nobody asks for a second one before it has left."""
        if self.clear or self._stream.over:
            self.keep(data)
            return
        self._line.append(_Waiting(data, kept=True, large=True))
        self._large += len(data)

    def acknowledged(self, data: bytes) -> None:
        """An edit was accepted whose bytes, `data`, are among the deltas: keep them if that delta is dropped."""
        if self.behind is not None:
            self.keep(data)
        elif self._line:
            self._line.append(_Waiting(data, echo=True))

    def merged(self, data: bytes) -> None:
        """Send the merged update (and the awareness) that was asked for: the tab is behind no longer."""
        self.behind = None
        self._asked = False
        self._presence_lost = False
        self.catch_ups += 1
        self._merged = data
        while (self._merged or self._line) and self._stream.ready:
            self._stream.push(self._refill())
        if self.clear:
            self.cleared()

    def finish(self) -> None:
        """The socket is about to be closed: what hangs behind a merged update that will not come is given up."""
        if self.behind is not None:
            self._forget()
            self.behind = None

    def _forget(self) -> None:
        self._line.clear()
        self._droppable = self._kept = self._large = 0

    def _drop(self) -> None:
        """Leave only what is kept in the line; be behind from the first delta that goes."""
        line, self._line = self._line, deque()
        self._droppable = 0
        for waiting in line:
            if waiting.echo:
                waiting.kept, waiting.echo = True, False
                self._kept += len(waiting.data)
            if waiting.kept:
                self._line.append(waiting)
            elif self.behind is None and waiting.before is not None:
                self.behind = waiting.before
            elif waiting.before is None:
                self._presence_lost = True

    def _refill(self) -> bytes:
        """The next frames to leave, at least one if there is one that may."""
        if self.behind is not None:
            return b""
        chunk: list[bytes] = []
        if self._merged:
            chunk.append(self._merged)
            self._merged = b""
        size = sum(map(len, chunk))
        while self._line and size < _CHUNK_BYTES:
            waiting = self._line.popleft()
            if waiting.echo:
                continue
            if waiting.large:
                self._large -= len(waiting.data)
            elif waiting.kept:
                self._kept -= len(waiting.data)
            else:
                self._droppable -= len(waiting.data)
                self.deliveries += 1
            chunk.append(waiting.data)
            size += len(waiting.data)
        self.bytes_out += size
        return chunk[0] if len(chunk) == 1 else b"".join(chunk)

    def _drained(self) -> None:
        if self._stream.over:
            self._line.clear()
            return
        if self.behind is not None:
            if not self._asked:
                self._asked = True
                self.catch_up()
        elif self._presence_lost:
            self._presence_lost = False
            self.ask_presence()
        if self.clear:
            self.cleared()
