"""A Hocuspocus socket: many documents on it, each of them one tab of a room.

Each document has a task that does nothing but hold its room open. On a socket that speaks `plait.v1` each room document
has a control channel.

Rules (specs/dialects.md), beside those of every socket:

1. A document begins with its auth message, and nothing is read until that is judged. What is said of a document that
   has none is read and forgotten: a stock provider says everything again behind its token. A socket that has not been
   granted any document may say so little that it costs nothing (`STRANGER_MESSAGES`, `STRANGER_BYTES`).
2. What is wrong with one document is said of that one (PermissionDenied) and leaves the others alone, because no close
   code keeps a provider from coming back. What passes by itself ends the socket (1012, 1013), because providers ask
   again only on a new one. A frame that cannot be understood ends it too (4400).
3. Reading pauses while `EDITS_UNANSWERED` edits of all documents have no answer, while what waits for rooms that are
   still being opened and for step 2s is as much, and while more than `OUTBOX_BYTES` of answers wait to be sent; while
   one tab's large document leaves, the others are heard.
4. A command that no channel is there for is refused, and the socket stays: a tab may have closed the document a moment
   ago. Without `plait.v1` a text frame is a mistake and ends the socket with 4400.
"""

from collections.abc import Awaitable, Callable

import trio

from ...protocol import addressing, control, frames, limits, sync
from ...protocol.dialects import hocuspocus
from ...protocol.errors import Refused, code_of
from ...protocol.names import Target
from ...protocol.parsing import CommandRefused
from ..auth.gate import Gate
from ..auth.held import Held
from . import wire
from .channel import Channel, Sources
from .endings import PASSES, close_code, ending
from .hocuspocus_tab import HocuspocusTab
from .inbound import Inbound
from .lanes import Lanes, Turns
from .metrics import Tally
from .outbox import Outbox
from .rooms import Rooms
from .socket import Socket
from .stream import PushStream

_UNSEEN = 32  # Frames; to look costs as much as to read one.
_LARGE_BYTES = 64 << 10  # The next whole document is asked for when so little of the last one is left.


class Multiplex(Socket):
    """One socket. `admit` gives the grant of whoever shows that token for that document, held, or raises Refused; with
    `sources` it speaks `plait.v1`."""

    KEEPALIVE = wire.binary(hocuspocus.KEEPALIVE)

    def __init__(
        self,
        stream: PushStream,
        nursery: trio.Nursery,
        rooms: Rooms,
        tally: Tally,
        sources: Sources | None,
        *,
        gate: Gate,
        admit: Callable[[Target, str], Awaitable[Held]],
    ) -> None:
        super().__init__()
        self._gate = gate
        self._nursery = nursery
        self._rooms = rooms
        self._tally = tally
        self._sources = sources
        self._admit = admit
        self._lanes = Lanes(stream, overflow=self.overflow, moved=self.moved)
        self.turns = Turns(lambda: self._lanes.waiting <= _LARGE_BYTES)
        self._common = self._lanes.open()  # For what belongs to no document.
        self._tabs: dict[bytes, HocuspocusTab] = {}
        self._spoken = b""  # The prefix of the newest frame: mostly the next one's too.
        self._tasks = 0
        self._asking = 0  # Tokens about which nothing is decided yet.
        self._spare = 0
        """So many more frames may be read before anybody looks again whether too much waits."""
        self._strange = [0, 0]  # Messages and bytes before the first grant.
        self._granted = False
        self._begun = trio.current_time()

    # --- the socket -----------------------------------------------------------------------------------------------

    @property
    def tabs(self) -> tuple[HocuspocusTab, ...]:
        """Those that it has now."""
        return tuple(self._tabs.values())

    @property
    def outbox(self) -> Outbox:
        return self._common

    @property
    def crowd(self) -> int:
        return self._lanes.waiting

    @property
    def outbox_bytes(self) -> int:
        return self._lanes.waiting

    @property
    def _bytes_out(self) -> int:
        return self._lanes.bytes_out

    def keep_alive(self) -> None:
        if not self._granted and trio.current_time() - self._begun > limits.STRANGER_S:
            self.close(4401, f"No document was granted within {limits.STRANGER_S} s.")
        super().keep_alive()

    async def read(self, socket: Inbound) -> tuple[int, str]:
        """Take in what comes until the socket ends; the close code to end with. Raises Refused for a frame that cannot
        be understood."""
        try:
            await self._listen(socket)
        finally:
            self._over = True
            for tab in self._tabs.values():
                tab.over = True
                tab.scope.cancel()
        return self._ending

    async def empty(self) -> None:
        for outbox in self._lanes.outboxes:
            outbox.finish()
        while not self._lanes.clear:
            await self._change()

    def _must_wait(self) -> bool:
        if self._asking:
            return True
        if self._spare > 0:
            self._spare -= 1
            return False
        unanswered = early_bytes = 0
        for tab in self._tabs.values():
            unanswered += tab.unanswered
            early_bytes += tab.early_bytes
        if (
            unanswered >= limits.EDITS_UNANSWERED
            or early_bytes > limits.FRAME_BYTES
            or self._lanes.answers > limits.OUTBOX_BYTES
        ):
            return True
        if not early_bytes:
            self._spare = min(_UNSEEN, limits.EDITS_UNANSWERED - unanswered - 1)
        return False

    def look_again(self) -> None:
        """Something waits that is not counted in frames."""
        self._spare = 0

    def moved(self) -> None:
        self.turns.go_on()
        super().moved()

    # --- what comes in --------------------------------------------------------------------------------------------

    def _receive(self, frame: str | bytes) -> int:
        if isinstance(frame, str):
            self._receive_text(frame)
        elif len(frame) > limits.FRAME_BYTES:
            self._too_large(hocuspocus.read_prefix(frame))
        else:
            self._receive_binary(frame)
        return 1

    def _receive_binary(self, frame: bytes) -> None:
        prefix, message = hocuspocus.read(frame, self._spoken)
        self._spoken = prefix
        tab = self._tabs.get(prefix)
        match message:
            case sync.Edit() if tab is not None:
                tab.hear(message, len(frame))
            case hocuspocus.Ping():
                self._common.keep(wire.binary(hocuspocus.PONG))
            case hocuspocus.Pong():
                pass
            case hocuspocus.Auth():
                if tab is None:
                    self._meet_stranger(len(prefix) + len(message.token))
                self._asking += 1
                self._nursery.start_soon(self._judge, prefix, message.token)
            case _ if tab is None:
                self._meet_stranger(len(frame))
            case hocuspocus.Close():
                self._drop(tab)
            case hocuspocus.Stateless():
                pass  # For a hook of the server's owner, and there is none.
            case _:
                tab.hear(message, len(frame))

    def _receive_text(self, frame: str) -> None:
        """A command for the channel of one of the documents, or a ping for the socket."""
        if self._sources is None:
            raise Refused("bad-frame", "Text frames need the subprotocol plait.v1.")
        try:
            letter = addressing.read(frame)
        except CommandRefused as refused:
            answer = control.refused(refused.id, refused)
        else:
            tab = None if letter.to is None else self._tabs.get(frames.write_string(letter.to))
            if tab is not None and tab.channel is not None:
                tab.hear(letter.body, len(frame))
                return
            answer = addressing.stray(letter)
        self._meet_stranger(len(frame))
        self._common.keep(wire.text(answer))

    def _meet_stranger(self, size: int) -> None:
        if self._granted:
            return
        self._strange[0] += 1
        self._strange[1] += size
        if self._strange[0] > limits.STRANGER_MESSAGES or self._strange[1] > limits.STRANGER_BYTES:
            raise Refused("not-allowed", "A socket that was granted no document says too much.")

    async def _judge(self, prefix: bytes, token: str) -> None:
        """A token was shown for a document, the first time or again. Nothing is read until it is judged, because what
        comes behind it stands on it."""
        try:
            tab = self._tabs.get(prefix)
            if tab is None:
                target = hocuspocus.target(prefix)
                self._begin(prefix, target, await self._admit(target, token))
            else:
                await tab.held.renew(token)
                tab.authenticate()
        except Refused as refused:
            if prefix in self._tabs and 4400 <= close_code(refused) < 4500:
                self._drop(self._tabs[prefix])
            self._refuse(prefix, refused)
        except PASSES:
            raise
        except BaseException as error:
            self.close(*ending("a token", error))
        finally:
            self._asking -= 1
            self.moved()

    def _begin(self, prefix: bytes, target: Target, held: Held) -> None:
        if self._tasks >= limits.DOCUMENTS_PER_SOCKET:
            # Said of this document alone: on its next socket the provider would ask for as many.
            self._deny(prefix, "overloaded")
            return
        self._granted = True
        tab = self._tabs[prefix] = HocuspocusTab(prefix, target, held, self)
        tab.outbox = self._lanes.open(catch_up=tab.ask_catch_up, ask_presence=tab.ask_presence, cleared=tab.cleared)
        held.warn, held.end = tab.ask_token, self._expelled
        if self._sources is not None and not target.document:
            key, _ = frames.read_string(prefix, 0)
            tab.channel = Channel(tab, held, self._sources, self._nursery, to=key)
            held.warn = tab.channel.warn
        self._tally.beside.add(tab.outbox)
        self._tasks += 1
        self._nursery.start_soon(self._attend, tab)

    def _expelled(self, refused: Refused) -> None:
        """A grant on this socket is over. The whole socket ends, since providers come back with fresh tokens only on a
        new one."""
        self.close(close_code(refused), refused.message)

    def _too_large(self, prefix: bytes) -> None:
        """Its next socket would bring the same again, so the document is taken from it and not the socket."""
        tab = self._tabs.get(prefix)
        if tab is not None:
            self._drop(tab)
        self._deny(prefix, "too-large")
        self._meet_stranger(limits.FRAME_BYTES)

    # --- documents ------------------------------------------------------------------------------------------------

    async def _attend(self, tab: HocuspocusTab) -> None:
        """Hold the document's room open for as long as the provider has the document."""
        room_name = tab.target.room
        try:
            with tab.scope, self._gate.holding(tab.held):
                async with self._rooms.use(room_name) as room:
                    try:
                        tab.open(room)
                        self.moved()
                        await tab.held.watch()
                    finally:
                        tab.leave()
        except Refused as refused:
            self._refuse(tab.prefix, refused)
        except PASSES:
            raise
        except BaseException as error:
            self.end_document(tab, *ending(f"room {room_name}", error))
        finally:
            self._tasks -= 1
            self._tally.ended(tab.outbox)
            if not self._over:
                self._drop(tab)

    def end_document(self, tab: HocuspocusTab, code: int, reason: str) -> None:
        """The room ends a tab: the document alone, or the socket."""
        if self._survives(code):
            self._drop(tab)
            self._deny(tab.prefix, code_of(code, reason))
        else:
            self.close(code, reason)

    def _refuse(self, prefix: bytes, refused: Refused) -> None:
        code = close_code(refused)
        if self._survives(code) and refused.code != "bad-frame":
            self._deny(prefix, refused.code)
        else:
            self.close(code, refused.message)

    def _survives(self, code: int) -> bool:
        """Whether the socket stays when one of its documents ends with that code."""
        return 4400 <= code < 4500 or (code == 1013 and self._sources is not None)

    def _deny(self, prefix: bytes, reason: str) -> None:
        self._common.keep(wire.binary(hocuspocus.denied(prefix, reason)))

    def _drop(self, tab: HocuspocusTab) -> None:
        """The document is no longer on this socket."""
        tab.over = True
        if self._tabs.get(tab.prefix) is tab:
            del self._tabs[tab.prefix]
        self._lanes.close(tab.outbox)
        self.turns.leave(tab)
        tab.scope.cancel()
        self.moved()
