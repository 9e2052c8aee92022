"""What each tab had been sent and had taken, looked at once a second and noted down when it says something new.

Why by looking: a token goes to a thousand tabs in a few milliseconds, and to note that down for each would cost more
than sending it. A look at a tab costs a microsecond, and none of it is on a token's way. Rules (specs/replay.md):

- A tab *has been sent* what its room had published when nothing waited for its socket any more. It *had taken* that
  once the other machine's kernel had acknowledged every byte (Linux says so of a TCP socket; elsewhere nobody does).
- A row is written when a tab comes, goes, stalls or is level again, and else at most every DELIVERIES_EVERY_S.
- Who came and went between two looks is not in it. Whoever was refused is.
- A journal that cannot be written is said once, and costs nobody anything else.
"""

import logging
import time
from collections.abc import Iterable
from secrets import token_hex
from typing import Protocol

import trio
from msgspec import Struct
from msgspec.structs import replace

from ...protocol import limits
from ...storage.deliveries import Deliveries, Delivery
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

    async def run(self, tabs: Looked) -> None:
        """Look, for ever."""
        while True:
            self.look(tabs.places(), time.time_ns() // 1000)
            await self.save()
            await trio.sleep(limits.DELIVERIES_LOOK_S)

    def refused(self, room: str, document: str, code: str) -> None:
        """Somebody was not let in."""
        if len(self._rows) < limits.DELIVERIES_WAITING:
            self._rows.append(Delivery(room, time.time_ns() // 1000, "", "", document, "refused", 0, 0, 0, 0, code))

    def look(self, places: Iterable[tuple[DocumentTab, PushStream]], now: int) -> None:
        """See how each tab stands; what is new waits to be written."""
        seen: set[DocumentTab] = set()
        for tab, stream in places:
            shows = tab.shows
            if shows is None:
                continue
            seen.add(tab)
            self._take(tab, stream, shows, now)
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
        rows, self._rows = self._rows, []
        sweeps = trio.current_time() >= self._swept
        if not rows and not sweeps:
            return
        try:
            if rows:
                await trio.to_thread.run_sync(self.deliveries.add, rows)
            if sweeps:
                self._swept = trio.current_time() + _SWEEP_S
                await trio.to_thread.run_sync(self.deliveries.sweep, time.time_ns() // 1000)
        except Exception as error:  # Whatever SQLite or the disk says: it is no reason to end a server.
            if not self._silent:
                self._silent = True
                logger.warning("the journal of deliveries is not written: %s", error)


def _says_more(before: Delivery, now: Delivery) -> bool:
    """Whether it stalled or is level again; or has been sent or has taken more, and the last row is old enough."""
    if (before.sent < before.head) != (now.sent < now.head) and now.at - before.at >= 1_000_000:
        return True
    moved = (before.sent, before.acked) != (now.sent, now.acked) or now.sent < now.head
    return moved and now.at - before.at >= limits.DELIVERIES_EVERY_S * 1_000_000
