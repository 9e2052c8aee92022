"""One document on a socket that carries many: the room's tab in the Hocuspocus dialect.

Rules (specs/dialects.md):

1. Nothing but the answer to its auth message is said of a document before its room is open; what its provider says
   meanwhile waits here.
2. An edit is acknowledged by SyncStatus when its record is on disk, never before (`hocuspocus.Unsynced` counts). The
   echo goes to everybody, the sender included, but acknowledges nothing.
3. Each step 1 of the provider is answered with our step 2 and with a step 1 of ours, as Hocuspocus does.
4. A refused edit is `8·0`; on a shared document the sentence follows as a stateless message, because SyncStatus has no
   room for one.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import trio

from ...protocol import frames, sync
from ...protocol.access import Grant
from ...protocol.dialects import hocuspocus
from ...protocol.names import Target
from ..room.tab import Delta, Presence
from . import wire
from .lanes import Turns
from .outbox import Outbox
from .rooms import Room


class Socket(Protocol):
    """What a document's tab needs of the socket that it is on."""

    turns: Turns

    def end_document(self, tab: "DocumentTab", code: int, reason: str) -> None: ...
    def answered(self) -> None: ...


class DocumentTab:
    """The `Tab` (runtime/room/tab.py) of one provider. `prefix` begins each of its frames; `scope` is the task's that
    holds its room open."""

    def __init__(self, prefix: bytes, target: Target, grant: Grant, socket: Socket) -> None:
        self.prefix = prefix
        self.target = target
        self.scope = trio.CancelScope()
        self.outbox: Outbox
        self.over = False
        self._grant = grant
        self._socket = socket
        self._room: Room | None = None
        self._early: list[sync.Message] = []
        self._unsynced = hocuspocus.Unsynced()
        self._asking = 0  # Step 1s that the room is about to send because we asked for them.
        self._state_vector: bytes | None = None  # Of a step 1 that waits for its turn.

    # --- who and what, for the room -------------------------------------------------------------------------------

    @property
    def author(self) -> str:
        return self._grant.author

    @property
    def name(self) -> str:
        return self._grant.name

    @property
    def document(self) -> str:
        return self.target.document

    @property
    def behind(self) -> bytes | None:
        return self.outbox.behind

    # --- what the room says ---------------------------------------------------------------------------------------

    def push(self, delta: Delta) -> None:
        self.outbox.droppable(wire.named_delta(delta, self.prefix), delta.before)

    def push_presence(self, presence: Presence) -> None:
        self.outbox.droppable(wire.named_presence(presence, self.prefix), None)

    def catch_up(self, update: bytes, awareness: bytes) -> None:
        merged = self._frame(frames.update(update))
        self.outbox.merged(merged + self._frame(frames.awareness(awareness)) if awareness else merged)
        self._socket.turns.over(self)

    def send_step1(self, state_vector: bytes) -> None:
        if self._asking:
            self._asking -= 1
        else:
            self._unsynced.ask()
        self.outbox.keep(self._frame(frames.step1(state_vector)))

    def send_step2(self, update: bytes) -> None:
        self.outbox.keep_large(self._frame(frames.step2(update)))
        self._socket.turns.over(self)

    def send_awareness(self, payload: bytes) -> None:
        self.outbox.keep(self._frame(frames.awareness(payload)))

    def accepted(self, update: bytes, *, echo: bool) -> None:
        self._answered(taken=True)

    def denied(self, code: str, message: str, *, partly: bool = False) -> None:
        if code:
            self._keep(hocuspocus.status(self.prefix, saved=False))
            if self.target.document:
                refused = msgspec.json.encode({"refused": {"code": code, "message": message}}).decode()
                self._keep(hocuspocus.stateless(self.prefix, refused))
        if partly:
            self._unsynced.refuse()
        else:
            self._answered(taken=False)

    def close(self, code: int, reason: str) -> None:
        if not self.over:
            self._socket.end_document(self, code, reason)

    def _answered(self, *, taken: bool) -> None:
        due = self._unsynced.answered(taken=taken)
        if due:
            self.outbox.keep(wire.binary(hocuspocus.status(self.prefix, saved=True)) * due)
        self._socket.answered()

    def _keep(self, frame: bytes) -> None:
        self.outbox.keep(wire.binary(frame))

    def _frame(self, frame: bytes) -> bytes:
        """A frame of y-protocols as one of this document's."""
        return wire.binary(self.prefix + frame)

    # --- what the provider says -----------------------------------------------------------------------------------

    @property
    def joined(self) -> bool:
        """Whether its room is open, so that nothing waits for it."""
        return self._room is not None

    @property
    def unanswered(self) -> int:
        """Edits without an answer, and what waits for the room to open."""
        return self._unsynced.unanswered + len(self._early)

    def open(self, room: Room) -> None:
        """The room is here: answer the auth message, join, and go on with what came meanwhile. Raises Refused."""
        self._room = room
        self._keep(hocuspocus.authenticated(self.prefix, writes=bool(self.target.document)))
        self._ask(room.join)
        early, self._early = self._early, []
        for message in early:
            self._hand(room, message)

    def leave(self) -> None:
        """The room hears and says nothing more here."""
        room, self._room = self._room, None
        if room is not None:
            room.leave(self)

    def authenticate(self) -> None:
        """The provider has shown its token again."""
        if self._room is not None:
            self._keep(hocuspocus.authenticated(self.prefix, writes=bool(self.target.document)))

    def hear(self, message: sync.Message) -> None:
        """Hand on what the provider says, at once or when the room is open. Raises Refused('bad-frame')."""
        if self._room is None:
            self._early.append(message)
        else:
            self._hand(self._room, message)

    def ask_catch_up(self) -> None:
        """The outbox has dropped deltas and can take a merged update, when it is this document's turn."""
        self._socket.turns.enter(self, self._catch_up_now)

    def ask_presence(self) -> None:
        """The outbox has dropped presence."""
        if self._room is not None:
            self._room.query_awareness(self)

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
        if self._room is None:
            self._socket.turns.over(self)
        else:
            self._room.catch_up(self)
