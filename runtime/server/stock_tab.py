"""The document of a socket that carries one: the room's tab in the words of y-websocket and y-sweet.

Rules (specs/server.md):

1. An accepted edit is acknowledged by its echo, a refused one by y-protocols' `2·0`.
2. y-sweet's status frame is echoed after the answers of all edits that came before it. It means "saved", so none is
   echoed between an edit that a failing store has lost and the step 2 that brings it again.
3. Only one sync step 1 waits in the room; reading pauses until it is answered.
"""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from ...protocol import frames, limits, sync
from ...protocol.names import Target
from ..auth.held import Held
from . import wire
from .document_tab import DocumentTab
from .rooms import Room

_LOST = frozenset({"outcome-unknown", "store-failed", "store-full"})


class Holder(Protocol):
    """What the tab needs of its socket."""

    def close(self, code: int, reason: str) -> None: ...
    def moved(self) -> None: ...


class StockTab(DocumentTab):
    """The tab of one stock client."""

    __slots__ = ("_edits", "_edits_done", "_lost", "_mended_by", "_socket", "_statuses", "_step1s")

    def __init__(self, target: Target, held: Held, socket: Holder) -> None:
        super().__init__(target, held)
        self._socket = socket
        self._edits = 0  # Handed to the room, and
        self._edits_done = 0  # answered by it, both for the life of the socket.
        self._step1s = 0
        self._statuses: deque[tuple[int, bytes]] = deque()
        self._lost = False  # An edit was lost with a commit, and
        self._mended_by = 0  # the number of the step 2 that brings it again, once that has come.

    # --- what the room says ---------------------------------------------------------------------------------------

    def send_step1(self, state_vector: bytes) -> None:
        self._keep(frames.step1(state_vector))

    def send_step2(self, update: bytes) -> None:
        self.shown = True
        self._keep(frames.step2(update))
        if self._step1s:
            self._step1s -= 1
            self._answered()

    def accepted(self, updates: Sequence[bytes], *, echo: bool) -> None:
        if echo:
            self.outbox.keep(wire.update_frames(updates, self.prefix))
        elif not self.outbox.clear:
            self.outbox.acknowledged(wire.update_frames(updates, self.prefix))
        self._edits_answered(len(updates))

    def denied(self, code: str, message: str, *, partly: bool = False) -> None:
        if code in _LOST:
            self._lost, self._mended_by = True, 0
        if code:  # Without one the tab was told before; the edit is answered all the same.
            # The read-only sentence is the one that y-protocols documents; other refusals say what they are.
            reason = "permission denied" if code == "permission-denied" else f"{code}: {message}"
            self._keep(frames.denied(reason))
        if not partly:
            self._edits_answered(1)

    def close(self, code: int, reason: str) -> None:
        self._socket.close(code, reason)

    def _edits_answered(self, count: int) -> None:
        self._edits_done = min(self._edits_done + count, self._edits)
        if self._mended_by and self._mended_by <= self._edits_done:
            self._lost, self._mended_by = False, 0
        while self._statuses and self._statuses[0][0] <= self._edits_done:
            echo = self._statuses.popleft()[1]
            if not self._lost:
                self.outbox.keep(echo)
        self._answered()

    def _answered(self) -> None:
        self._socket.moved()
        if self.channel is not None:
            self.channel.cleared_now()

    # --- what its socket asks -------------------------------------------------------------------------------------

    @property
    def must_wait(self) -> bool:
        """Whether it is to be told nothing more before it has answers."""
        unanswered = self._edits - self._edits_done
        return unanswered >= limits.EDITS_UNANSWERED or self._step1s > 0 or bool(self._statuses)

    @property
    def owes_step2(self) -> bool:
        return self._step1s > 0

    @property
    def crowd(self) -> int:
        return self.outbox.waiting

    def cleared(self) -> None:
        """The outbox says that nothing waits any more."""
        self._answered()

    def ask_catch_up(self) -> None:
        if self._room is not None:
            self._room.catch_up(self)

    # --- what the client says -------------------------------------------------------------------------------------

    def open(self, room: Room) -> None:
        """Join the room."""
        self._enter(room)
        room.join(self)

    def leave(self) -> None:
        super().leave()
        self._step1s = 0  # A room that ends a tab because of its step 1 does not answer it.

    def hear(self, said: sync.Message) -> None:
        """Hand on what the client says. Raises Refused('bad-frame'), or why its grant is over."""
        self.held.check()
        room = self._room
        assert room is not None
        match said:
            case sync.Edit():
                self._edits += 1
                if self._lost and said.step2 and not self._mended_by:
                    self._mended_by = self._edits
                room.edit(self, said.update, step2=said.step2)
            case sync.Step1():
                # A second one in the same frame is answered by the first one's answer, which holds more.
                if not self._step1s:
                    self._step1s += 1
                    room.step1(self, said.state_vector)
            case sync.Aware():
                room.aware(self, said.payload)
            case sync.QueryAware():
                room.query_awareness(self)
            case sync.SyncStatus():
                self._status(wire.binary(frames.sync_status(said.payload)))

    def _status(self, echo: bytes) -> None:
        if self._edits == self._edits_done:
            if not self._lost:
                self.outbox.keep(echo)
        else:
            self._statuses.append((self._edits, echo))
