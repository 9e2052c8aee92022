"""What a room knows of a tab: somewhere to push bytes, never somewhere to wait.

A room publishes to its tabs without blocking, so everything here is synchronous. What documents changed is pushed as a
`Delta`, made once for all tabs; a tab that is too slow drops deltas, remembers the state vector before the first one
that it dropped (`behind`), and asks for one merged update when it can write again. Answers are kept and come after that
update. The server's connections implement this; tests and the Python client have their own.
"""

from collections.abc import Sequence
from typing import Protocol


class Delta:
    """What one pass changed in one document.

    `updates` are the records' exact updates in log order, `seq` is the last one's record, `before` the document's state
    vector before the first one. `wires` is for whoever sends: what it encoded once is reused for every tab, by what its
    dialect begins each frame with.
    """

    __slots__ = ("before", "document", "seq", "updates", "wires")

    def __init__(self, document: str, seq: int, updates: tuple[bytes, ...], before: bytes) -> None:
        self.document = document
        self.seq = seq
        self.updates = updates
        self.before = before
        self.wires: dict[bytes, bytes] = {}


class Presence:
    """An awareness frame for all tabs of one document: y-protocols' awareness payload, droppable like a delta."""

    __slots__ = ("payload", "wires")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.wires: dict[bytes, bytes] = {}


class Tab(Protocol):
    """One socket's view of one document. `document` is empty for the room document."""

    @property
    def author(self) -> str:
        """Whose edits these are, as records name them."""
        ...

    @property
    def grant(self) -> str:
        """The id of the grant that it writes under, at this moment; empty where none is asked for."""
        ...

    @property
    def name(self) -> str:
        """Who people see in presence; may be empty."""
        ...

    @property
    def document(self) -> str: ...

    @property
    def writes(self) -> bool:
        """Whether its edits are taken, at this moment; of the room document they never are."""
        ...

    @property
    def behind(self) -> bytes | None:
        """The state vector before the first dropped delta, or None while nothing was dropped."""
        ...

    def push(self, delta: Delta, *, wait: bool = False) -> None:
        """Send the delta's updates, or drop them and fall behind. Never blocks, never raises. `wait`: they may leave
        together with what is said next, or by `flush`."""
        ...

    def flush(self) -> None:
        """Nothing more is said for now: what waits leaves."""
        ...

    def push_presence(self, presence: Presence) -> None:
        """Send the awareness frame, or drop it if behind."""
        ...

    def catch_up(self, update: bytes, awareness: bytes) -> None:
        """The merged update since `behind` and the present awareness; no longer behind afterwards."""
        ...

    def send_step1(self, state_vector: bytes) -> None:
        """The server's sync step 1: what we have, so that the client sends what we have not. Kept."""
        ...

    def send_step2(self, update: bytes) -> None:
        """The answer to the client's sync step 1. Kept."""
        ...

    def send_awareness(self, payload: bytes) -> None:
        """Awareness for this tab alone (a joiner's first). Kept."""
        ...

    def accepted(self, updates: Sequence[bytes], *, echo: bool) -> None:
        """These edits of this tab are on disk (or changed nothing). `echo`: their bytes were not among the deltas, so
        they are sent back as they came; a dialect that acknowledges otherwise does so here. Kept."""
        ...

    def denied(self, code: str, message: str, *, partly: bool = False) -> None:
        """An edit of this tab was not applied; the socket stays. `partly`: some of it was, and `accepted` follows for
        the same edit. Kept."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the socket with this close code once what is kept was sent."""
        ...
