"""Following: a client's cursor into a room's log, without a socket.

Why: a log's records are numbered without a gap, so a follower that remembers one number can lose its socket at any
moment and go on where it was. Rules (specs/client.md):

- On each new socket `follow` asks for what comes after the last record that arrived.
- A record is taken if it is the next one, ignored if it was taken before; a gap ends the socket, not the follower.
- A server whose log is shorter than the cursor has another history: Refused('lineage-changed').
- No more than `FOLLOW_RECORDS` wait to be taken; then reading pauses, and the server waits with them in its log.
"""

from collections import deque

import msgspec

from . import control
from .comeback import ComeBack
from .commands import Follow
from .control import CaughtUp, Denied, Ok, Shown
from .errors import Refused
from .events import Record
from .limits import FOLLOW_RECORDS

_ID = "follow"


class Following:
    """The records of one room after `after`, each once and in order."""

    def __init__(self, after: int = 0) -> None:
        self._arrived = after
        self._records: deque[Record] = deque()
        self._ask = False
        self._reached = False

    @property
    def ready(self) -> bool:
        """Whether there is room for another record."""
        return len(self._records) < FOLLOW_RECORDS

    @property
    def caught_up(self) -> bool:
        """Whether everything was taken that the log held when this socket began."""
        return self._reached and not self._records

    def take(self) -> Record | None:
        """The next record, if it is here."""
        return self._records.popleft() if self._records else None

    def connected(self) -> None:
        """There is a new socket."""
        self._ask, self._reached = True, False

    def lost(self) -> None:
        """The socket is gone; what arrived stays."""
        self._ask = self._reached = False

    def outgoing(self) -> list[str | bytes]:
        """The frames to send now."""
        if not self._ask:
            return []
        self._ask = False
        return [msgspec.json.encode(Follow(id=_ID, after=self._arrived)).decode()]

    def receive(self, message: str | bytes) -> None:
        """What the server said. Raises Refused where following is over, ComeBack where this socket is."""
        if isinstance(message, bytes):
            return
        match control.read(message):
            case Shown(record=shown) if shown.seq > self._arrived:
                if shown.seq != self._arrived + 1:
                    raise ComeBack(f"Record {shown.seq} came after {self._arrived}.")
                self._arrived = shown.seq
                self._records.append(control.record_of(shown))
            case CaughtUp():
                self._reached = True
            case Ok(id=id_, ok=ok) if id_ == _ID and ok.seq is not None and ok.seq < self._arrived:
                raise Refused("lineage-changed", f"The log ends at {ok.seq}, before the cursor {self._arrived}.")
            case Denied(id=id_, refused=reason) if id_ == _ID:
                raise control.refusal_of(reason)
            case _:
                pass
