"""Many outboxes on one socket: each document of a Hocuspocus socket has a line of its own, and they leave by turns.

Rules:

1. Each outbox keeps its own order; between outboxes there is none.
2. The deltas that may wait, `OUTBOX_BYTES`, are shared by the outboxes that there are, so that one busy document drops
   its own deltas and not its neighbours'. Answers are summed up over all of them.
3. What answers with a whole document, a step 2 or a merged update, is asked of the rooms one at a time (`Turns`), and
   only when the one before has left: a socket that does not read costs one of them and not a hundred.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from ...protocol import limits
from .outbox import Outbox
from .stream import PushStream


def _no_bytes() -> bytes:
    return b""


def _nothing() -> None:
    pass


class Lane:
    """The stream as one outbox sees it."""

    __slots__ = ("_lanes", "_open", "drained", "refill")

    def __init__(self, lanes: "Lanes") -> None:
        self._lanes = lanes
        self._open = True
        self.refill: Callable[[], bytes] = _no_bytes
        self.drained: Callable[[], object] = _nothing

    @property
    def ready(self) -> bool:
        return self._open and self._lanes.stream.ready

    @property
    def over(self) -> bool:
        return not self._open or self._lanes.stream.over

    @property
    def unsent(self) -> int:
        """Its part of what the stream holds: the other side of `share`."""
        return self._lanes.stream.unsent // len(self._lanes.outboxes)

    def push(self, data: bytes, *, wait: bool = False) -> None:
        if self._open:
            self._lanes.bytes_out += len(data)
            self._lanes.stream.push(data, wait=wait)

    def flush(self) -> None:
        """As the stream's: what other lanes sent leaves as well."""
        self._lanes.stream.flush()

    def feed(self, refill: Callable[[], bytes], drained: Callable[[], object]) -> None:
        """As the stream's."""
        self.refill = refill
        self.drained = drained

    def close(self) -> None:
        """Nothing of it leaves any more."""
        self._open = False


class Lanes:
    """The outboxes of one socket. `moved` is called whenever there is more room than before."""

    def __init__(self, stream: PushStream, *, overflow: Callable[[], None], moved: Callable[[], None]) -> None:
        self.stream = stream
        self.outboxes: dict[Outbox, Lane] = {}
        self.bytes_out = 0
        self._overflow = overflow
        self._moved = moved
        self._turn: deque[Lane] = deque()
        stream.feed(self._refill, self._drained)

    @property
    def clear(self) -> bool:
        """Nothing waits in any outbox."""
        return self.stream.ready and all(outbox.clear for outbox in self.outboxes)

    @property
    def waiting(self) -> int:
        """Bytes that the socket has not taken yet."""
        if self.stream.ready:
            return 0  # What a lane still holds waits for its merged update.
        return self.stream.unsent + sum(outbox.queued for outbox in self.outboxes)

    @property
    def answers(self) -> int:
        """Bytes of answers among them."""
        return sum([outbox.answers for outbox in self.outboxes])

    def open(
        self,
        *,
        catch_up: Callable[[], None] = _nothing,
        ask_presence: Callable[[], None] = _nothing,
        cleared: Callable[[], None] = _nothing,
    ) -> Outbox:
        """An outbox more, whose share the others give up."""
        lane = Lane(self)
        outbox = Outbox(
            lane,
            catch_up=catch_up,
            ask_presence=ask_presence,
            overflow=self._overflow,
            cleared=cleared,
            beside=lambda: self.answers,
        )
        self.outboxes[outbox] = lane
        self._turn.append(lane)
        self._divide()
        return outbox

    def close(self, outbox: Outbox) -> None:
        """Forget an outbox and what waits in it."""
        lane = self.outboxes.pop(outbox, None)
        if lane is not None:
            lane.close()
            self._turn.remove(lane)
            self._divide()

    def _divide(self) -> None:
        for outbox in self.outboxes:
            outbox.share = limits.OUTBOX_BYTES // len(self.outboxes)

    def _refill(self) -> bytes:
        """What leaves next: some of the lane whose turn it is."""
        self._moved()
        for _ in range(len(self._turn)):
            lane = self._turn[0]
            self._turn.rotate(-1)
            if more := lane.refill():
                self.bytes_out += len(more)
                return more
        return b""

    def _drained(self) -> None:
        for lane in tuple(self._turn):
            lane.drained()
        self._moved()


class Turns:
    """Who asks its room for a whole document next. `free` says whether the socket has taken the last one."""

    def __init__(self, free: Callable[[], bool]) -> None:
        self._free = free
        self._line: deque[tuple[Any, Callable[[], None]]] = deque()
        self._taken: Any = None

    def enter(self, who: Any, ask: Callable[[], None]) -> None:
        """Have `ask` called when it is `who`'s turn."""
        self._line.append((who, ask))
        self.go_on()

    def over(self, who: Any) -> None:
        """The room has answered."""
        if self._taken is who:
            self._taken = None
            self.go_on()

    def leave(self, who: Any) -> None:
        """Nobody of that name asks any more."""
        self._line = deque(waiting for waiting in self._line if waiting[0] is not who)
        self.over(who)

    def go_on(self) -> None:
        """Give the next turn, if it may be."""
        while self._taken is None and self._line and self._free():
            self._taken, ask = self._line.popleft()
            ask()
