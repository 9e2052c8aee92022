"""A document of a socket that carries many: the room's tab in the Hocuspocus dialect.

Rules (specs/dialects.md):

1. Nothing but the answer to its auth message is said of a document before its room is open; what its provider says
   meanwhile waits here.
2. An edit is acknowledged by SyncStatus when its record is on disk, never before (`hocuspocus.Unsynced` counts). The
   echo goes to everybody, the sender included, but acknowledges nothing.
3. Each step 1 of the provider is answered with our step 2 and with a step 1 of ours, as Hocuspocus does. While it waits
   for its turn, commands wait behind it: their answers must not come before the document that they speak of.
4. A refused edit is `8·0`; on a shared document the sentence follows as a stateless message, because SyncStatus has no
   room for one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
import trio

from ...protocol import frames, sync
from ...protocol.dialects import hocuspocus
from ...protocol.names import Target
from ..auth.held import Held
from .document_tab import DocumentTab
from .lanes import Turns
from .rooms import Room


class Holder(Protocol):
    """What a document's tab needs of the socket that it is on. `crowd` is how many bytes wait for the socket."""

    turns: Turns

    @property
    def crowd(self) -> int: ...

    def end_document(self, tab: "HocuspocusTab", code: int, reason: str) -> None: ...
    def moved(self) -> None: ...
    def look_again(self) -> None: ...


class HocuspocusTab(DocumentTab):
    """The tab of one provider. `scope` is the task's that holds its room open."""

    __slots__ = (
        "_asking",
        "_early",
        "_saved",
        "_socket",
        "_state_vector",
        "_step1s",
        "_unsynced",
        "early_bytes",
        "over",
        "scope",
    )

    def __init__(self, prefix: bytes, target: Target, held: Held, socket: Holder) -> None:
        super().__init__(target, held, prefix)
        self.scope = trio.CancelScope()
        self.over = False
        self._saved = self._frame(hocuspocus.status(b"", saved=True))
        self.early_bytes = 0
        """Of what waits for its room, or for its step 2."""
        self._socket = socket
        self._early: list[tuple[sync.Message | bytes, int]] = []
        self._unsynced = hocuspocus.Unsynced()
        self._asking = 0  # Step 1s that the room is about to send because we asked for them.
        self._step1s = 0  # Of the provider's, those that have no step 2 yet,
        self._state_vector: bytes | None = None  # and what the one says that waits for its turn.

    # --- what the room says ---------------------------------------------------------------------------------------

    def catch_up(self, update: bytes, awareness: bytes) -> None:
        super().catch_up(update, awareness)
        self._socket.turns.over(self)

    def send_step1(self, state_vector: bytes) -> None:
        if self._asking:
            self._asking -= 1
        else:
            self._unsynced.ask()
        self._keep(frames.step1(state_vector))

    def send_step2(self, update: bytes) -> None:
        self.shown = True
        self.outbox.keep_large(self._frame(frames.step2(update)))
        self._step1s = max(0, self._step1s - 1)
        self._hear_early()
        self._socket.turns.over(self)
        self.cleared()

    def accepted(self, updates: Sequence[bytes], *, echo: bool) -> None:
        self._answered(len(updates), taken=True)

    def denied(self, code: str, message: str, *, partly: bool = False) -> None:
        if code:
            self._keep(hocuspocus.status(b"", saved=False))
            if self.target.document:
                refused = msgspec.json.encode({"refused": {"code": code, "message": message}}).decode()
                self._keep(hocuspocus.stateless(b"", refused))
        if partly:
            self._unsynced.refuse()
        else:
            self._answered(1, taken=False)

    def close(self, code: int, reason: str) -> None:
        if not self.over:
            self._socket.end_document(self, code, reason)

    def _answered(self, edits: int, *, taken: bool) -> None:
        due = self._unsynced.answered(edits, taken=taken)
        if due:
            self.outbox.keep(self._saved * due)
        self._socket.moved()

    # --- what the outbox says -------------------------------------------------------------------------------------

    def ask_catch_up(self) -> None:
        """The outbox has dropped deltas and can take a merged update, when it is this document's turn."""
        self._socket.turns.enter(self, self._catch_up_now)

    def cleared(self) -> None:
        """Nothing waits in it any more."""
        if self.channel is not None:
            self.channel.cleared_now()
        self._socket.moved()

    # --- what its socket and its channel ask ----------------------------------------------------------------------

    @property
    def unanswered(self) -> int:
        """Edits without an answer, and what waits here."""
        return self._unsynced.unanswered + len(self._early)

    @property
    def owes_step2(self) -> bool:
        return self._step1s > 0

    @property
    def crowd(self) -> int:
        return self._socket.crowd

    # --- what the provider says -----------------------------------------------------------------------------------

    def open(self, room: Room) -> None:
        """The room is here: answer the auth message, join, and go on with what came meanwhile. Raises Refused."""
        self._enter(room)
        self.authenticate()
        self._ask(room.join)
        self._hear_early()

    def authenticate(self) -> None:
        """The provider has shown its token; answered when the room is open."""
        if self._room is not None:
            self._keep(hocuspocus.authenticated(b"", writes=self.writes))

    def ask_token(self, _seconds: float) -> None:
        """The grant ends soon: the provider is asked for a fresh token, which comes in an auth message."""
        if self._room is not None:
            self._keep(hocuspocus.TOKEN_WANTED)

    def hear(self, said: sync.Message | bytes, size: int) -> None:
        """Hand on what the provider says, or (bytes) a command's JSON, at once or when it may be; `size` is its
        frame's. Raises Refused('bad-frame'), or why its grant is over."""
        self.held.check()
        room = self._room
        if room is None or (isinstance(said, bytes) and self.owes_step2):
            self._early.append((said, size))
            self.early_bytes += size
            self._socket.look_again()
        elif isinstance(said, bytes):
            assert self.channel is not None
            self.channel.receive(said)
        else:
            self._hand(room, said)

    def _hear_early(self) -> None:
        early, self._early, self.early_bytes = self._early, [], 0
        for said, size in early:
            self.hear(said, size)

    def _hand(self, room: Room, message: sync.Message) -> None:
        match message:
            case sync.Edit():
                self._unsynced.edit(step2=message.step2)
                room.edit(self, message.update, step2=message.step2)
            case sync.Step1():
                self._step1(room, message.state_vector)
            case sync.Aware():
                room.aware(self, message.payload)
            case sync.QueryAware():
                room.query_awareness(self)
            case sync.SyncStatus():
                raise AssertionError("the dialect's reader lets none pass")

    def _step1(self, room: Room, state_vector: bytes) -> None:
        self._unsynced.step1()
        waits = self._state_vector is not None
        self._state_vector = state_vector
        if not waits:
            self._step1s += 1
            self._socket.turns.enter(self, self._step2_now)
        if not self._unsynced.asked:
            self._ask(room.resync)

    def _ask(self, ask: Callable[[Any], None]) -> None:
        """Have the room send a step 1."""
        self._unsynced.ask()
        self._asking += 1
        ask(self)

    def _step2_now(self) -> None:
        state_vector, self._state_vector = self._state_vector, None
        if self._room is None or state_vector is None:
            self._socket.turns.over(self)
        else:
            self._room.step1(self, state_vector)

    def _catch_up_now(self) -> None:
        if self._room is None or self.behind is None:  # A room that was read again caught everybody up unasked.
            self._socket.turns.over(self)
        else:
            self._room.catch_up(self)
