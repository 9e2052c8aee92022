"""A room as it was: what the server's sockets know of a room, for a moment that does not change any more.

Whoever opens `/rooms/ROOM?at=SEQ` or `/docs/ROOM/NAME?at=SEQ` joins one of these instead of the room, so a stock editor
or somebody's own page shows the past without knowing it. Rules (specs/replay.md):

- Everything can be read and nothing changes: an edit is answered as on any read-only document, a command is refused
  `past-moment`, and nobody else is present.
- It is read when its tab joins and held by that tab alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import trio

from ...protocol.access import Grant
from ...protocol.commands import Asked
from ...protocol.errors import CODES, PlaitError, Refused
from ...protocol.events import DocumentSeeded
from ...protocol.names import Target
from ...protocol.update import decode_state_vector
from ...storage.store import Reader
from ..room.audience import NOBODY
from ..room.breaking import Breaks
from ..room.identity import is_server_id
from ..room.seeding import Seeded, Written
from ..room.shared import has_news
from ..room.tab import Tab
from .moment import moment


class PastRoom:
    """The `Room` (runtime/server/rooms.py) of one socket. `doc` is the one document that it shows."""

    past = True

    def __init__(self, room: str, seq: int, doc: Any, kin: Sequence[str] = ()) -> None:
        self.head = seq
        self.breaks = Breaks()
        self._room = room
        self._kin = kin
        self._doc = doc
        self._warned = False

    def join(self, tab: Tab) -> None:
        tab.send_step1(self._doc.get_state())
        tab.send_awareness(NOBODY)

    def step1(self, tab: Tab, state_vector: bytes) -> None:
        theirs, ours = decode_state_vector(state_vector), decode_state_vector(self._doc.get_state())
        mine = (client for client in theirs if is_server_id(client, self._room, self._kin))
        if any(theirs[client] > ours.get(client, 0) for client in mine):
            tab.close(CODES["lineage-changed"].close or 4409, "lineage-changed")
            return
        tab.send_step2(self._doc.get_update(state_vector))

    def resync(self, tab: Tab) -> None:
        tab.send_step1(self._doc.get_state())

    def edit(self, tab: Tab, update: bytes, *, step2: bool) -> None:
        try:
            if not has_news(self._doc, update):
                tab.accepted([update], echo=True)
                return
            refused = Refused("permission-denied")
        except Refused as bad:
            refused = bad
        if refused.code == "permission-denied" and self._warned:
            tab.denied("", "")
            return
        self._warned = self._warned or refused.code == "permission-denied"
        tab.denied(refused.code, refused.message)

    def aware(self, tab: Tab, payload: bytes) -> None:
        """Nobody is told who looks at the past."""

    def query_awareness(self, tab: Tab) -> None:
        tab.send_awareness(NOBODY)

    def catch_up(self, tab: Tab) -> None:
        if tab.behind is not None:
            tab.catch_up(self._doc.get_update(tab.behind), NOBODY)

    def leave(self, tab: Tab) -> None:
        """Nobody waits for it."""

    def command(
        self,
        grant: Grant,
        command: Asked,
        reply: Callable[[Any], None],
        tab: Tab | None = None,
        *,
        measured: bool = False,
    ) -> None:
        refused: PlaitError = Refused("past-moment")
        reply(refused)

    async def ask(self, grant: Grant, command: Asked, *, measured: bool = False) -> NoReturn:
        raise Refused("past-moment")

    async def document(self, name: str = "") -> bytes:
        return self._doc.get_update()

    async def documents(self) -> Sequence[Written]:
        return ()

    async def seed(self, author: str, document: str, event: DocumentSeeded, data: bytes, grant: str = "") -> Seeded:
        raise Refused("past-moment")

    async def beyond(self, seq: int) -> int:
        """The past gets no longer."""
        await trio.sleep_forever()
        raise AssertionError


async def past_room(store: Reader, target: Target, seq: int) -> PastRoom:
    """The target's document after that record. Raises Refused, StoreError."""
    found = await moment(store, target.room, seq)
    return PastRoom(target.room, seq, found.document(target.document), found.state.kin)
