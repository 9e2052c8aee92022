"""`follow`: a cursor into the log, never a queue (law 6).

A follower remembers one number, the seq that it was sent last, and reads the log from there, a page at a time, as fast
as its socket takes it. So a follower that stalls costs nothing but its place. Followers that are at the same place
share one read and one encoding.

Rules:

1. Records are sent in order, each once, from the one after the asked seq, then live.
2. Nothing is read while the socket has something to flush, is behind, or waits for its step 2.
3. `caught_up` n is said when the cursor has reached what was the head when the follower began, and again after each
   merged update; every record up to n, and its document bytes, went out before it.
"""

from collections.abc import Callable
from typing import Protocol

import trio

from ...protocol.events import Record
from ...storage.store import Reader


class Followed(Protocol):
    """What a follower knows of a room: its last published seq, and when there is more."""

    @property
    def head(self) -> int: ...

    async def beyond(self, seq: int) -> int: ...


class Follower(Protocol):
    """What the cursor knows of its socket. `catch_ups` counts the merged updates so far; `takes_more` says whether the
    socket is keeping up well enough for one more record."""

    @property
    def takes_more(self) -> bool: ...

    @property
    def catch_ups(self) -> int: ...

    async def cleared(self) -> None:
        """Wait until nothing waits to be sent; there is no checkpoint between that moment and the return."""
        ...

    def begin(self, head: int) -> None: ...

    def send_record(self, record: bytes) -> None: ...

    def send_caught_up(self, seq: int) -> None: ...


_AGAIN_S = 0.1


class Log:
    """One room's log in one outside shape, with the last page kept: a page of an append-only log never changes."""

    __slots__ = ("__weakref__", "_after", "_lock", "_page", "_room", "_shape", "_store")

    def __init__(self, store: Reader, room: str, shape: Callable[[Record], bytes]) -> None:
        self._store = store
        self._room = room
        self._shape = shape
        self._after = -1
        self._page: list[tuple[int, bytes]] = []
        self._lock = trio.Lock()

    def forget(self) -> None:
        """Read the page anew: somebody was erased from the log."""
        self._after, self._page = -1, []

    async def page(self, after: int) -> list[tuple[int, bytes]]:
        """Each record after that seq, up to a page of them, as (seq, bytes); empty at the end of the log."""
        async with self._lock:
            # A follower whose socket takes a few at a time goes on in the middle of the page.
            if not self._after <= after < self._after + len(self._page):
                records = await self._store.read(self._room, after)
                if not records:
                    return []
                self._page = [(record.seq, self._shape(record)) for record in records]
                self._after = after
            return self._page[after - self._after :]


async def follow(log: Log, room: Followed, tab: Follower, after: int) -> None:
    """Send the room's records after that seq, for ever. Ends only by cancellation."""
    await tab.cleared()
    tab.begin(room.head)
    cursor, goal, catch_ups = after, room.head, tab.catch_ups
    told = False
    while True:
        if tab.catch_ups != catch_ups:
            goal, catch_ups, told = room.head, tab.catch_ups, False
        if not told and cursor >= goal:
            told = True
            tab.send_caught_up(min(cursor, room.head))
        if cursor >= room.head:
            await room.beyond(cursor)
        await tab.cleared()
        if tab.catch_ups == catch_ups and cursor < room.head:
            cursor = await _send_page(log, tab, cursor)
            await tab.cleared()


async def _send_page(log: Log, tab: Follower, cursor: int) -> int:
    """Send what the socket takes of the next page; the rest is read again later rather than held."""
    page = await log.page(cursor)
    if not page:
        await trio.sleep(_AGAIN_S)  # The room says that there is more: a disk that lies is no reason to spin.
    for seq, record in page:
        if not tab.takes_more:
            break
        tab.send_record(record)
        cursor = seq
    return cursor
