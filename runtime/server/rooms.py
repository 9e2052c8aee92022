"""What the server knows of rooms: the port that runtime/room fills.

The server depends on these shapes and not on the room's modules, so its tests can hand it a room that is one list.
Everything but `ask` and `beyond` is synchronous and never blocks.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from ...protocol.access import Grant
from ...protocol.commands import Asked
from ...protocol.errors import PlaitError
from ...protocol.events import DocumentSeeded
from ...protocol.forks import Wanted, WantedBack
from ...storage.store import Erasure, Store
from ..replay.fork import Fork
from ..replay.reprojection import Reprojection
from ..room.breaking import Breaks
from ..room.forking import Merged
from ..room.seeding import Seeded, Written
from ..room.tab import Tab


class Answer(Protocol):
    """A command is on disk: its first record's seq, and the run that it began (or empty)."""

    @property
    def seq(self) -> int: ...

    @property
    def run(self) -> str: ...

    @property
    def result(self) -> Any:
        """What else there is to tell, as JSON can say it; None if nothing."""
        ...


class Room(Protocol):
    """One open room. What it answers, it answers while it publishes, through the tab or the reply."""

    @property
    def head(self) -> int:
        """The last published seq."""
        ...

    @property
    def breaks(self) -> Breaks:
        """The breakpoints for which the room's steps wait."""
        ...

    @property
    def past(self) -> bool:
        """Whether this is a past moment, which takes no commands and is not followed."""
        ...

    def join(self, tab: Tab) -> None:
        """The tab is here: it is sent the server's step 1 and everyone's awareness."""
        ...

    def step1(self, tab: Tab, state_vector: bytes) -> None:
        """Answered by `tab.send_step2`; from then on the tab is pushed deltas."""
        ...

    def resync(self, tab: Tab) -> None:
        """The tab asks to be asked again: answered by `tab.send_step1`."""
        ...

    def edit(self, tab: Tab, update: bytes, *, step2: bool) -> None:
        """Answered by `tab.accepted` or `tab.denied`, in the order of the edits."""
        ...

    def aware(self, tab: Tab, payload: bytes) -> None: ...

    def query_awareness(self, tab: Tab) -> None:
        """Answered by `tab.send_awareness`."""
        ...

    def catch_up(self, tab: Tab) -> None:
        """The tab, which is behind, can be written to again. Answered by `tab.catch_up`."""
        ...

    def leave(self, tab: Tab) -> None: ...

    def command(
        self,
        grant: Grant,
        command: Asked,
        reply: Callable[[Answer | PlaitError], None],
        tab: Tab | None = None,
        *,
        measured: bool = False,
    ) -> None:
        """`reply` is called once, while publishing, after the deltas; with an error if nothing happened. `measured`:
        how often they ask counts."""
        ...

    async def ask(self, grant: Grant, command: Asked, *, measured: bool = False) -> Answer:
        """As `command`, for somebody who can wait. Raises Refused or OutcomeUnknown."""
        ...

    async def document(self, name: str = "") -> bytes:
        """A document's whole content as one update."""
        ...

    async def documents(self) -> Sequence[Written]:
        """The shared documents in which somebody has written, by name."""
        ...

    async def seed(self, author: str, document: str, event: DocumentSeeded, data: bytes, grant: str = "") -> Seeded:
        """Let a document begin with a file. Raises Refused or OutcomeUnknown."""
        ...

    async def beyond(self, seq: int) -> int:
        """Wait until `head` is greater than that seq and return it. Raises OutcomeUnknown if this room ends before."""
        ...


class Rooms(Protocol):
    """All rooms of one store."""

    @property
    def store(self) -> Store: ...

    def use(self, name: str) -> AbstractAsyncContextManager[Room]:
        """The room, opened or woken, and kept awake inside. Raises Refused."""
        ...

    async def delete(self, name: str) -> None:
        """Delete the room, for good and whoever is in it. Raises Refused('no-such-room') if there is nothing to
        delete, StoreError or OutcomeUnknown."""
        ...

    async def fork(self, room: str, wanted: Wanted, grant: Grant, *, measured: bool = False) -> Fork:
        """Make a fork of the room. Raises Refused, StoreError or OutcomeUnknown."""
        ...

    async def merge(self, fork: str, wanted: WantedBack, grant: Grant) -> Merged:
        """Take a fork's edits into its parent, or say what that would be. Raises as `fork` does."""
        ...

    async def erase(self, name: str, subject: str, by: str) -> Erasure | None:
        """Erase that person from the room's log; None if there is nothing of theirs. Raises Refused, StoreError or
        OutcomeUnknown."""
        ...

    async def reproject(self, name: str, by: str, *, check: bool = False) -> Reprojection:
        """Project the room's document anew; with `check` only say what that would change. Raises Refused, StoreError or
        OutcomeUnknown."""
        ...

    @property
    def trouble(self) -> str:
        """The code of what the store last failed with; empty if all is well."""
        ...

    def statistics(self) -> Mapping[str, float]:
        """What the metrics show of rooms and their store."""
        ...
