"""A socket's heartbeat: whether anybody is still at the other end of it.

A laptop that is shut and a network that is gone say nothing: TCP believes in them for a quarter of an hour, and so long
a ghost is present, and holds the calls of its tab. So a silent socket is asked by a WebSocket ping, which browsers and
libraries answer below the page's own code. Rules:

1. A socket from which nothing came since the last sweep is sent a ping, once until something comes.
2. Silence counts while we listen. Where reading is paused for the sake of limits, the answer lies in the socket.
3. A ping cannot overtake what waits to be sent. While something waits, it is bytes that leave that show life: a slow
   line takes minutes for a large document, and has `STALLED_S` for each of them.
"""

from typing import Literal

from ...protocol import limits
from . import wire
from .stream import PushStream

SWEEP_S = limits.PING_S
_SILENT_SWEEPS = 1 + limits.PONG_S // SWEEP_S  # At the first one the ping is sent.
_STALLED_SWEEPS = limits.STALLED_S // SWEEP_S


class Heartbeat:
    """What the sweeps have found out about one socket."""

    __slots__ = ("_gone", "_heard", "_silent", "_stalled", "_stream")

    def __init__(self, stream: PushStream) -> None:
        self._stream = stream
        self._heard = -1
        self._gone = 0
        self._silent = 0
        self._stalled = 0

    def beat(self) -> Literal["alive", "silent", "gone"]:
        """Called every `SWEEP_S`, before anything else is sent; who is silent is to be asked now."""
        stream = self._stream
        if stream.heard != self._heard or not stream.listening:
            self._heard = stream.heard
            self._silent = self._stalled = 0
        elif stream.ready:
            self._stalled = 0
            self._silent += 1
        else:
            self._silent = 0
            self._stalled = 0 if stream.gone != self._gone else self._stalled + 1
        self._gone = stream.gone
        if self._silent >= _SILENT_SWEEPS or self._stalled >= _STALLED_SWEEPS:
            return "gone"
        return "silent" if self._silent == 1 else "alive"

    def ask(self) -> None:
        """Send the ping."""
        self._stream.push(wire.PING)
