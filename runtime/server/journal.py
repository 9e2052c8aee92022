"""What each tab had been sent and had taken, looked at once a second and noted down when it says something new.

Why by looking: a token goes to a thousand tabs in a few milliseconds, and to note that down for each would cost more
than sending it. A look at a tab costs a microsecond, and none of it is on a token's way. Rules (specs/replay.md):

- A tab *has been sent* what its room had published when nothing waited for its socket any more. It *had taken* that
  once the other machine's kernel had acknowledged every byte (Linux says so of a TCP socket; elsewhere nobody does).
- A row is written when a tab comes, goes, stalls or is level again, and else at most every DELIVERIES_EVERY_S.
- Who came and went between two looks is not in it. Whoever was refused is.
- A journal that cannot be written is said once, until it can be again, and costs nobody anything else.
- Of a deleted room, and of who is erased from one, nothing is noted any more, though their tabs are still there to be
  closed; what a process that was killed left of a deleted room goes when the next one starts.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from secrets import token_hex
from typing import Protocol

import trio
from msgspec import Struct
from msgspec.structs import replace

from ...protocol import limits
from ...storage.deliveries import Deliveries, Delivery
from ...storage.store import Reader
from .document_tab import DocumentTab
from .stream import PushStream

logger = logging.getLogger("plait.server")

_SWEEP_S = 600


class Looked(Protocol):
    """What is looked at: every tab of a server with its socket's stream."""

    def places(self) -> Iterable[tuple[DocumentTab, PushStream]]: ...


class _Known(Struct):
    """What was found at the last look, and what was last written down."""

    now: Delivery
    written: Delivery


class Journal:
    """Looks at a server's tabs."""

    def __init__(self, deliveries: Deliveries) -> None:
        self.deliveries = deliveries
        self._known: dict[DocumentTab, _Known] = {}
        self._rows: list[Delivery] = []
        self._swept = 0.0
        self._silent = False
        self._looked: Looked | None = None
        self._muted: set[DocumentTab] = set()
        self._writing = trio.Lock()

    async def run(self, tabs: Looked) -> None:
        """Look, for ever."""
        self._looked = tabs
        while True:
            self.look(tabs.places(), time.time_ns() // 1000)
            await self.save()
            await trio.sleep(limits.DELIVERIES_LOOK_S)

    def refused(self, room: str, document: str, code: str) -> None:
        """Somebody was not let in. A room that is not there has nobody who could ask who saw it."""
        if code != "no-such-room":
            self._note(Delivery(room, time.time_ns() // 1000, "", "", document, "refused", 0, 0, 0, 0, code))

    async def forget(self, room: str, subject: str = "") -> None:
        """The room is deleted; or that person erased from it, whose tabs there are noted no more."""
        for tab, _ in self._looked.places() if self._looked is not None else ():
            if tab.target.room == room and subject in ("", tab.author):
                self._muted.add(tab)
                self._known.pop(tab, None)
        async with self._writing:
            self._rows = [row for row in self._rows if row.room != room or subject not in ("", row.subject)]
            await trio.to_thread.run_sync(partial(self.deliveries.forget, room=room, subject=subject))

    async def rooms_of(self, subject: str) -> list[str]:
        """Where that person is known to have been."""
        async with self._writing:
            written = await trio.to_thread.run_sync(self.deliveries.rooms, subject)
            return sorted({*written, *(row.room for row in self._rows if row.subject == subject)})

    async def forget_deleted(self, store: Reader) -> None:
        """Whoever deleted these rooms was killed before they were forgotten here."""
        with self._trying():
            for room in await trio.to_thread.run_sync(self.deliveries.rooms):
                if (await store.head(room)).deleted:
                    await self.forget(room)

    def look(self, places: Iterable[tuple[DocumentTab, PushStream]], now: int) -> None:
        """See how each tab stands; what is new waits to be written."""
        seen: set[DocumentTab] = set()
        for tab, stream in places:
            shows = tab.shows
            if shows is None:
                continue
            seen.add(tab)
            if tab not in self._muted:
                self._take(tab, stream, shows, now)
        self._muted &= seen
        for tab in self._known.keys() - seen:
            last = self._known.pop(tab).now
            self._note(replace(last, what="left", at=now, waiting=0))

    def _take(self, tab: DocumentTab, stream: PushStream, head: int, now: int) -> None:
        known = self._known.get(tab)
        level = tab.shown and tab.outbox.clear
        sent = head if level else (known.now.sent if known else 0)
        taken = level and stream.unacknowledged == 0
        acked = head if taken else (known.now.acked if known else 0)
        found = Delivery(
            room=tab.target.room,
            at=now,
            tab=known.now.tab if known else token_hex(4),
            subject=tab.author,
            document=tab.document,
            what="seen" if known else "joined",
            head=head,
            sent=sent,
            acked=acked,
            waiting=tab.outbox.waiting,
            note="past" if tab.past else "",
        )
        if known is None:
            self._known[tab] = _Known(found, found)
            self._note(found)
            return
        known.now = found
        if _says_more(known.written, found):
            known.written = found
            self._note(found)

    def _note(self, row: Delivery) -> None:
        if len(self._rows) < limits.DELIVERIES_WAITING:
            self._rows.append(row)

    async def save(self) -> None:
        """Write down what waits, and forget what is old now and then."""
        sweeps = trio.current_time() >= self._swept
        if not self._rows and not sweeps:
            return
        with self._trying():
            async with self._writing:  # Or what is forgotten meanwhile would be written after it.
                rows, self._rows = self._rows, []
                if sweeps:
                    self._swept = trio.current_time() + _SWEEP_S
                    await trio.to_thread.run_sync(self.deliveries.sweep, time.time_ns() // 1000)
                if rows:
                    await trio.to_thread.run_sync(self.deliveries.add, rows)
                    self._silent = False

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """Whatever SQLite, the disk or the store says: it is no reason to end a server."""
        try:
            yield
        except Exception as error:
            if not self._silent:
                self._silent = True
                logger.warning("the journal of deliveries is not written: %s", error)


def _says_more(before: Delivery, now: Delivery) -> bool:
    """Whether it stalled or is level again; or has been sent or has taken more, and the last row is old enough."""
    if (before.sent < before.head) != (now.sent < now.head) and now.at - before.at >= 1_000_000:
        return True
    moved = (before.sent, before.acked) != (now.sent, now.acked) or now.sent < now.head
    return moved and now.at - before.at >= limits.DELIVERIES_EVERY_S * 1_000_000
