"""One document on a socket, as its room's tab: what every dialect of Yjs does alike.

What the room says is framed and pushed, or waits in the outbox; a dialect adds how edits are acknowledged
(`stock_tab`, `hocuspocus_tab`).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ...protocol import frames
from ...protocol.access import writes
from ...protocol.names import Target
from ..auth.held import Held
from ..room.tab import Delta, Presence
from . import wire
from .channel import Channel
from .outbox import Outbox
from .rooms import Room


class DocumentTab(ABC):
    """The `Tab` (runtime/room/tab.py) of one client. `prefix` begins each of its frames; `channel` is there if it may
    say commands. `outbox` is given by its socket."""

    __slots__ = ("_granted", "_room", "_writes", "channel", "held", "outbox", "prefix", "shown", "target")

    def __init__(self, target: Target, held: Held, prefix: bytes = b"") -> None:
        self.prefix = prefix
        self.target = target
        self.held = held
        self.outbox: Outbox
        self.channel: Channel | None = None
        self._room: Room | None = None
        self._granted = held.grant
        self._writes = writes(held.grant, target.document)
        self.shown = False
        """Whether it has been sent the document, so that only changes follow."""

    # --- who and what, for the room -------------------------------------------------------------------------------

    @property
    def author(self) -> str:
        return self.held.grant.author

    @property
    def grant(self) -> str:
        return self.held.grant.id

    @property
    def name(self) -> str:
        return self.held.grant.name

    @property
    def document(self) -> str:
        return self.target.document

    @property
    def writes(self) -> bool:
        grant = self.held.grant
        if grant is not self._granted:  # It was renewed; patterns are compared then, and not for each edit.
            self._granted = grant
            self._writes = writes(grant, self.target.document)
        return self._writes

    @property
    def behind(self) -> bytes | None:
        return self.outbox.behind

    @property
    def shows(self) -> int | None:
        """The newest record that its room has published; None while it is in none."""
        return None if self._room is None else self._room.head

    @property
    def past(self) -> bool:
        """Whether it shows a moment of the past."""
        return self._room is not None and self._room.past

    # --- what the room says ---------------------------------------------------------------------------------------

    def push(self, delta: Delta, *, wait: bool = False) -> None:
        encoded = delta.wires.get(self.prefix) or wire.delta_frames(delta, self.prefix)
        self.outbox.droppable(encoded, delta.before, wait=wait)

    def flush(self) -> None:
        self.outbox.flush()

    def push_presence(self, presence: Presence) -> None:
        self.outbox.droppable(wire.presence_frame(presence, self.prefix), None)

    def catch_up(self, update: bytes, awareness: bytes) -> None:
        merged = self._frame(frames.update(update))
        self.outbox.merged(merged + self._frame(frames.awareness(awareness)) if awareness else merged)

    def send_awareness(self, payload: bytes) -> None:
        self._keep(frames.awareness(payload))

    @abstractmethod
    def send_step1(self, state_vector: bytes) -> None: ...

    @abstractmethod
    def send_step2(self, update: bytes) -> None: ...

    @abstractmethod
    def accepted(self, updates: Sequence[bytes], *, echo: bool) -> None: ...

    @abstractmethod
    def denied(self, code: str, message: str, *, partly: bool = False) -> None: ...

    @abstractmethod
    def close(self, code: int, reason: str) -> None: ...

    def _keep(self, frame: bytes) -> None:
        self.outbox.keep(self._frame(frame))

    def _frame(self, frame: bytes) -> bytes:
        """A frame of y-protocols as one of this document's."""
        return wire.binary(self.prefix + frame)

    # --- what the outbox says -------------------------------------------------------------------------------------

    @abstractmethod
    def ask_catch_up(self) -> None:
        """The outbox has dropped deltas and can take a merged update."""

    def ask_presence(self) -> None:
        """The outbox has dropped presence."""
        if self._room is not None:
            self._room.query_awareness(self)

    # --- its room -------------------------------------------------------------------------------------------------

    def _enter(self, room: Room) -> None:
        self._room = room
        if self.channel is not None:
            self.channel.open(room)

    def leave(self) -> None:
        """The room hears and says nothing more here."""
        room, self._room = self._room, None
        if self.channel is not None:
            self.channel.end()
        if room is not None:
            room.leave(self)
