"""A socket that carries one document: what comes in is read and handed to its tab.

Rules, beside those of every socket:

1. Reading pauses while `EDITS_UNANSWERED` edits, one sync step 1 or a status frame have no answer yet.
2. Text frames belong to the subprotocol `plait.v1`. On another socket they are a mistake and end it with 4400: a client
   that forgot the subprotocol would otherwise wait for its answer for ever.
"""

import trio

from ...protocol import frames, limits, sync
from ...protocol.errors import Refused
from ...protocol.names import Target
from ..auth.held import Held
from . import wire
from .channel import Channel, Sources
from .endings import close_code
from .inbound import Inbound
from .outbox import Outbox
from .rooms import Room
from .socket import Socket
from .stock_tab import StockTab
from .stream import PushStream


class Connection(Socket):
    """One such socket. With `sources` it speaks `plait.v1`, so text frames are commands."""

    __slots__ = ("_tab",)

    KEEPALIVE = wire.binary(frames.KEEPALIVE)

    def __init__(
        self, target: Target, held: Held, stream: PushStream, nursery: trio.Nursery, sources: Sources | None
    ) -> None:
        super().__init__()
        self._tab = tab = StockTab(target, held, self)
        tab.outbox = Outbox(
            stream,
            catch_up=tab.ask_catch_up,
            ask_presence=tab.ask_presence,
            overflow=self.overflow,
            cleared=tab.cleared,
        )
        if sources is not None:
            tab.channel = Channel(tab, held, sources, nursery)
            held.warn = tab.channel.warn
        held.end = self._expelled

    def _expelled(self, refused: Refused) -> None:
        self.close(close_code(refused), refused.message)

    @property
    def tabs(self) -> tuple[StockTab]:
        """The one that it has."""
        return (self._tab,)

    @property
    def outbox(self) -> Outbox:
        return self._tab.outbox

    @property
    def outbox_bytes(self) -> int:
        return self._tab.outbox.waiting

    @property
    def _bytes_out(self) -> int:
        return self._tab.outbox.bytes_out

    async def read(self, socket: Inbound, room: Room) -> tuple[int, str]:
        """Join the room and hand on what comes in until the socket or the room ends it; the close code to end with.

        Raises Refused for a frame that cannot be understood.
        """
        self._tab.open(room)
        try:
            await self._listen(socket)
        finally:
            self._over = True
            self._tab.leave()
        return self._ending

    async def empty(self) -> None:
        self.outbox.finish()
        await trio.lowlevel.checkpoint()
        while not self.outbox.clear:
            await self._change()

    def _must_wait(self) -> bool:
        return self._tab.must_wait

    def _receive(self, frame: str | bytes) -> int:
        if isinstance(frame, str):
            if self._tab.channel is None:
                raise Refused("bad-frame", "Text frames need the subprotocol plait.v1.")
            if len(frame) > limits.FRAME_BYTES:
                raise Refused("too-large", f"A frame may have {limits.FRAME_BYTES} bytes.")
            self._tab.channel.receive(frame)
            return 1
        messages = sync.receive(frame)
        for said in messages:
            self._tab.hear(said)
        return len(messages)
