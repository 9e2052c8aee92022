"""`GET /api/rooms/ROOM/moment?at=SEQ` and `/effects?seq=SEQ`: a room as it stood and what a record did, for a debugger
that goes to and fro.

The room's scrubber is kept for the next question, since whoever looks at one moment looks at its neighbours too; the
one unused longest goes. Whoever asks for one room's past waits for whoever asked before, and whoever asks for any has a
place among few (`places`).
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio

from ...protocol import limits
from ...protocol.access import Grant
from ...storage.store import Reader
from ..replay import effects
from ..replay.moment import Scrubber
from ..replay.telling import told
from .places import Places, asker_of


class Moments:
    """The pasts of a store's rooms, as far as somebody looks at them. Each question is asked from a place (`place`)."""

    def __init__(self, store: Reader) -> None:
        self._store = store
        self._places = Places(limits.MOMENTS_AT_ONCE, limits.MOMENTS_EACH, limits.MOMENTS_WAIT_S)
        self._kept: OrderedDict[str, tuple[Scrubber, trio.Lock]] = OrderedDict()

    def place(self, grant: Grant, address: str) -> AbstractAsyncContextManager[None]:
        """The right to read a past for a block. Raises Refused('overloaded')."""
        return self._places.place(asker_of(grant, address))

    async def found(
        self, room: str, seq: int, document: str = "", parts: int | None = None, run: str = ""
    ) -> dict[str, Any]:
        """The moment as plain values, with that document's content, and of the runs as many parts as are asked. Raises
        Refused('no-such-moment', 'no-such-room' or 'too-large'), StoreError."""
        async with self._scrubbing(room) as scrubber:
            return told(await scrubber.go(seq), document, parts, run)

    async def effects(self, room: str, seq: int) -> dict[str, Any]:
        """All that the record changed, as plain values. Raises as `found` does."""
        async with self._scrubbing(room) as scrubber:
            return effects.shown(await effects.effects(self._store, room, seq, scrubber))

    def forget(self, room: str) -> None:
        """Hold nothing of the room's past any more: somebody was erased from it."""
        self._kept.pop(room, None)

    @asynccontextmanager
    async def _scrubbing(self, room: str) -> AsyncIterator[Scrubber]:
        """The room's scrubber, alone."""
        kept = self._kept.get(room) or (Scrubber(self._store, room), trio.Lock())
        self._kept[room] = kept
        self._kept.move_to_end(room)
        while len(self._kept) > limits.MOMENTS_ROOMS:
            self._kept.popitem(last=False)
        scrubber, lock = kept
        async with lock:
            yield scrubber
