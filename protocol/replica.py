"""Replica: a client's copy of one document, without a socket: synced, edited, and sure of what is on disk.

Why: stock providers forget what they sent, so their users cannot know what a crash of the server took. Here an edit is
kept until the server echoes it byte for byte, which means that it is on disk. Rules (specs/client.md):

- On each new socket step 1 is sent first; the changes before its answer are passed over, because the answer holds them.
- Unsaved edits are sent again, each as it was, whenever the server asks for what it lacks (its step 1). If it found one
  incomplete, it has lost what that leans on, and is sent the whole difference instead.
- Nothing is ever applied that does not fit (law 11): a change that does not makes the replica ask again.
- An edit that is refused for good ends the replica; one that failed for a while is asked for again by the server.
- Who writes into a replica that may not be written, writes for nobody: it is never sent.
"""

from collections.abc import Callable
from typing import Any, cast

from pycrdt import Doc, TransactionEvent

from . import frames, heard
from .comeback import ComeBack
from .errors import CODES, Code, Refused
from .heard import Change, NotTaken
from .limits import FRAME_BYTES
from .sync import Step1
from .update import fits, read


def _nothing() -> None:
    pass


class Replica:
    """One live document. `client` is the CRDT client id to write under: 32 random bits, as browsers draw theirs."""

    ready = True
    """A document is wanted as it is now: there is always room for more."""

    def __init__(self, client: int, *, writable: bool) -> None:
        self.doc: Doc[Any] = Doc(client_id=client)
        self.writable = writable
        self.synced = False
        """Whether the document was ever level with the server's."""
        self.version = 0
        """Counts the changes, from here and from there."""
        self.speak: Callable[[], None] = _nothing
        """Called when there is something to send."""
        self._clocks: dict[int, int] = {}
        self._unsaved: dict[bytes, None] = {}
        self._whole: dict[bytes, tuple[bytes, ...]] = {}
        self._out: list[str | bytes] = []
        self._level = False
        self._asked = False
        self._lacking = False
        self._applying = False
        self._subscription: Any = self.doc.observe(self._observe)

    @property
    def unsaved(self) -> int:
        """How many edits of ours are not known to be on disk."""
        return len(self._unsaved)

    @property
    def level(self) -> bool:
        """Whether it is level with the server's on this socket: what it shows is so, and not only was."""
        return self._level

    def release(self) -> None:
        """Let go of the document, which its observer would hold for ever."""
        if self._subscription is not None:
            self.doc.unobserve(self._subscription)
            self._subscription = None

    def connected(self) -> None:
        """There is a new socket."""
        self._whole.clear()
        self._level = self._asked = False
        self._out = [frames.step1(self.doc.get_state())]

    def lost(self) -> None:
        """The socket is gone; what is unsaved stays so."""
        self._level = self._asked = False
        self._out = []

    def outgoing(self) -> list[str | bytes]:
        """The frames to send now."""
        out, self._out = self._out, []
        return out

    def receive(self, message: str | bytes) -> None:
        """What the server said. Raises Refused where the replica has ended, ComeBack where this socket has."""
        if isinstance(message, str):
            return
        for said in heard.read(message):
            match said:
                case Step1():
                    self._asked = True
                    self._send_unsaved(said.state_vector)
                case Change():
                    self._take(said)
                case NotTaken():
                    self._refused(said)

    # --- theirs -------------------------------------------------------------------------------------------------------

    def _take(self, change: Change) -> None:
        if change.update in self._unsaved:
            del self._unsaved[change.update]
            self.version += 1
            if not change.step2:
                return  # An answer may be the same bytes, for it brings all deletions: it makes the replica level.
        for update in self._whole.pop(change.update, ()):
            self._unsaved.pop(update, None)
        if not (self._level or change.step2):
            return
        update = read(change.update, own=True)
        if not fits(update, self._clocks):
            if change.step2:
                raise ComeBack("The server's answer leans on what it does not hold.")
            self._level = False
            self._out.append(frames.step1(self.doc.get_state()))
            return
        self._applying = True
        try:
            self.doc.apply_update(change.update)
        finally:
            self._applying = False
        self._count(change.update)
        if change.step2:
            self._level = self.synced = True

    def _refused(self, said: NotTaken) -> None:
        if not self.writable:
            return
        code = cast(Code, said.code)
        if code == "update-incomplete":
            self._lacking = True
        elif code not in CODES or CODES[code].status < 500:
            raise Refused(code, f"An edit was not taken: {said.message}")

    # --- ours ---------------------------------------------------------------------------------------------------------

    def _observe(self, event: TransactionEvent) -> None:
        if self._applying or event.update == frames.EMPTY_UPDATE:
            return
        self._count(event.update)
        if not self.writable:
            return
        self._unsaved[event.update] = None
        if self._asked:
            self._out.append(frames.update(event.update))
            self.speak()

    def _count(self, data: bytes) -> None:
        self.version += 1
        for client, _, end in read(data, own=True).inserted:
            self._clocks[client] = max(end, self._clocks.get(client, 0))

    def _send_unsaved(self, state_vector: bytes) -> None:
        if not self._unsaved:
            return
        if self._lacking:
            self._lacking = False
            whole = self.doc.get_update(state_vector)
            self._whole[whole] = tuple(self._unsaved)
            self._send(frames.step2(whole))
            return
        for update in self._unsaved:
            self._send(frames.update(update))

    def _send(self, frame: bytes) -> None:
        if len(frame) > FRAME_BYTES:
            raise Refused("too-large", f"An edit of {len(frame)} bytes; a frame may have {FRAME_BYTES}.")
        self._out.append(frame)
