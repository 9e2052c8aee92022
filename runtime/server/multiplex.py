"""A Hocuspocus socket: many documents on it, each of them one tab of a room.

Reading is a loop of one task, as on every socket; each document has a task that does nothing but hold its room open.

Rules (specs/dialects.md):

1. A document begins with its auth message. What is said of one that has none is read and forgotten: a stock provider
   says everything again behind its token. A socket that has not been granted any document may say so little that it
   costs nothing (`STRANGER_MESSAGES`, `STRANGER_BYTES`).
2. What is wrong with one document is said of that one (PermissionDenied) and leaves the others alone, because no close
   code keeps a provider from coming back. What passes by itself ends the socket (1012, 1013), because providers ask
   again only on a new one. A frame that cannot be understood ends it too (4400).
3. Reading pauses while `EDITS_UNANSWERED` edits of all documents have no answer, while what came for rooms that are
   still being opened is as much, while more than `OUTBOX_BYTES` wait to be sent, and after a frame that the socket's
   pace does not allow.
"""

from collections.abc import Callable

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from ...protocol import limits
from ...protocol.access import Grant
from ...protocol.dialects import hocuspocus
from ...protocol.errors import Refused, code_of
from ...protocol.names import Target
from . import wire
from .connection import QUIET_SWEEPS
from .document_tab import DocumentTab
from .endings import PASSES, close_code, ending
from .lanes import Lanes, Turns
from .metrics import Tally
from .pace import Pace
from .rooms import Rooms
from .stream import PushStream

_LARGE_BYTES = 64 << 10  # The next whole document is asked for when so little of the last one is left.


class Multiplex:
    """One socket. `admit` gives the grant of whoever shows that token for that document, or raises Refused."""

    def __init__(
        self,
        stream: PushStream,
        nursery: trio.Nursery,
        rooms: Rooms,
        tally: Tally,
        *,
        admit: Callable[[Target, str], Grant],
    ) -> None:
        self._nursery = nursery
        self._rooms = rooms
        self._tally = tally
        self._admit = admit
        self._lanes = Lanes(stream, overflow=self._overflow, moved=self._moved)
        self.turns = Turns(lambda: self._lanes.waiting <= _LARGE_BYTES)
        self.outbox = self._lanes.open()
        """For what belongs to no document, and for the metrics."""
        self._tabs: dict[bytes, DocumentTab] = {}
        self._tasks = 0
        self._early_bytes = 0
        self._strange = [0, 0]  # Messages and bytes before the first grant.
        self._granted = False
        self._reading = trio.CancelScope()
        self._more: trio.Event | None = None
        self._ending: tuple[int, str] = (1000, "")
        self._over = False
        self._seen = -1
        self._quiet_sweeps = 0

    # --- the socket -----------------------------------------------------------------------------------------------

    async def read(self, socket: WebSocketConnection) -> tuple[int, str]:
        """Take in what comes until the socket ends; the close code to end with. Raises Refused for a frame that cannot
        be understood."""
        pace = Pace(trio.current_time())
        try:
            with self._reading:
                while True:
                    while self._must_wait():
                        self._more = self._more or trio.Event()
                        await self._more.wait()
                    frame = await socket.get_message()
                    self._receive(frame)
                    wait_s = pace.spend(1, len(frame), trio.current_time())
                    if wait_s > 0:
                        await trio.sleep(wait_s)
        except ConnectionClosed:
            pass
        finally:
            self._over = True
            for tab in self._tabs.values():
                tab.over = True
                tab.scope.cancel()
        return self._ending

    async def empty(self) -> None:
        """Wait until what is kept was sent; what hangs behind a merged update that will not come is given up."""
        for outbox in self._lanes.outboxes:
            outbox.finish()
        while not self._lanes.clear:
            self._more = self._more or trio.Event()
            await self._more.wait()

    def close(self, code: int, reason: str) -> None:
        """End the socket with this code."""
        if not self._over:
            self._over = True
            self._ending = (code, reason)
            self._reading.cancel()

    def keep_alive(self) -> None:
        """Called at every sweep: says something that means nothing when nothing was sent for a while."""
        if self._lanes.bytes_out != self._seen:
            self._seen = self._lanes.bytes_out
            self._quiet_sweeps = 0
            return
        self._quiet_sweeps += 1
        if self._quiet_sweeps >= QUIET_SWEEPS and self.outbox.clear:
            self.outbox.keep(wire.binary(hocuspocus.KEEPALIVE))

    def _overflow(self) -> None:
        self.close(1013, "The tab does not read its answers.")

    def _must_wait(self) -> bool:
        if self._lanes.waiting > limits.OUTBOX_BYTES or self._early_bytes > limits.FRAME_BYTES:
            return True
        return sum(tab.unanswered for tab in self._tabs.values()) >= limits.EDITS_UNANSWERED

    def _moved(self) -> None:
        self.turns.go_on()
        if self._more is not None:
            self._more.set()
            self._more = None

    def answered(self) -> None:
        """An edit has its answer."""
        self._moved()

    # --- what comes in --------------------------------------------------------------------------------------------

    def _receive(self, frame: str | bytes) -> None:
        if isinstance(frame, str):
            raise Refused("bad-frame", "A Hocuspocus socket has no text frames.")
        if len(frame) > limits.FRAME_BYTES:
            self._too_large(hocuspocus.read_prefix(frame))
            return
        prefix, message = hocuspocus.read(frame)
        tab = self._tabs.get(prefix)
        match message:
            case hocuspocus.Ping():
                self.outbox.keep(wire.binary(hocuspocus.PONG))
            case hocuspocus.Pong():
                pass
            case hocuspocus.Auth():
                if tab is not None:
                    tab.authenticate()
                else:
                    self._begin(prefix, message.token)
            case _ if tab is None:
                self._meet_stranger(len(frame))
            case hocuspocus.Close():
                self._drop(tab)
            case hocuspocus.Stateless():
                pass  # For a hook of the server's owner, and there is none.
            case _:
                if not tab.joined:
                    self._early_bytes += len(frame)
                tab.hear(message)

    def _meet_stranger(self, size: int) -> None:
        if self._granted:
            return
        self._strange[0] += 1
        self._strange[1] += size
        if self._strange[0] > limits.STRANGER_MESSAGES or self._strange[1] > limits.STRANGER_BYTES:
            raise Refused("not-allowed", "A socket that was granted no document says too much.")

    def _begin(self, prefix: bytes, token: str) -> None:
        self._meet_stranger(len(prefix) + len(token))
        try:
            target = hocuspocus.target(prefix)
            grant = self._admit(target, token)
        except Refused as refused:
            self._refuse(prefix, refused)
            return
        if self._tasks >= limits.DOCUMENTS_PER_SOCKET:
            # Said of this document alone: on its next socket the provider would ask for as many.
            self._deny(prefix, "overloaded")
            return
        self._granted = True
        tab = self._tabs[prefix] = DocumentTab(prefix, target, grant, self)
        tab.outbox = self._lanes.open(catch_up=tab.ask_catch_up, ask_presence=tab.ask_presence)
        self._tally.beside.add(tab.outbox)
        self._tasks += 1
        self._nursery.start_soon(self._attend, tab)

    def _too_large(self, prefix: bytes) -> None:
        """Its next socket would bring the same again, so the document is taken from it and not the socket."""
        tab = self._tabs.get(prefix)
        if tab is not None:
            self._drop(tab)
        self._deny(prefix, "too-large")
        self._meet_stranger(limits.FRAME_BYTES)

    # --- documents ------------------------------------------------------------------------------------------------

    async def _attend(self, tab: DocumentTab) -> None:
        """Hold the document's room open for as long as the provider has the document."""
        room_name = tab.target.room
        try:
            with tab.scope:
                async with self._rooms.use(room_name) as room:
                    try:
                        tab.open(room)
                        self._recount()
                        await trio.sleep_forever()
                    finally:
                        tab.leave()
        except Refused as refused:
            self._refuse(tab.prefix, refused)
        except PASSES:
            raise
        except BaseException as error:
            self.close(*ending(f"room {room_name}", error))
        finally:
            self._tasks -= 1
            self._tally.ended(tab.outbox)
            if not self._over:
                self._drop(tab)

    def end_document(self, tab: DocumentTab, code: int, reason: str) -> None:
        """The room ends a tab: with a code that is final the document alone, else the socket."""
        if 4400 <= code < 4500:
            self._drop(tab)
            self._deny(tab.prefix, code_of(code, reason))
        else:
            self.close(code, reason)

    def _refuse(self, prefix: bytes, refused: Refused) -> None:
        code = close_code(refused)
        if 4400 <= code < 4500 and refused.code != "bad-frame":
            self._deny(prefix, refused.code)
        else:
            self.close(code, refused.message)

    def _deny(self, prefix: bytes, reason: str) -> None:
        self.outbox.keep(wire.binary(hocuspocus.denied(prefix, reason)))

    def _drop(self, tab: DocumentTab) -> None:
        """The document is no longer on this socket."""
        tab.over = True
        if self._tabs.get(tab.prefix) is tab:
            del self._tabs[tab.prefix]
        self._lanes.close(tab.outbox)
        self.turns.leave(tab)
        tab.scope.cancel()
        self._recount()

    def _recount(self) -> None:
        """Something that waited for a room waits no longer."""
        if all(tab.joined for tab in self._tabs.values()):
            self._early_bytes = 0
        self._moved()
