"""Rooms for the server's tests: a list of records, a Yjs document, and answers given at once or on demand.

It does what the server may rely on and no more. `held` makes it keep its answers until `publish`, which is how a test
puts something between a question and its answer.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.commands import Asked, Prompt
from plait.protocol.errors import OutcomeUnknown, PlaitError, Refused
from plait.protocol.events import DocumentEdited, DocumentSeeded, Record, RunRequested, kebab, run_id
from plait.protocol.forks import Wanted, WantedBack
from plait.runtime.replay.fork import Fork
from plait.runtime.replay.reprojection import Reprojection
from plait.runtime.room.breaking import Breaks
from plait.runtime.room.forking import Merged
from plait.runtime.room.seeding import Seeded, Written
from plait.runtime.room.tab import Delta, Presence, Tab
from plait.storage.errors import RoomDeleted, StoreError
from plait.storage.memory import MemoryStore
from plait.storage.store import ANY_SEQ, Head, Sealed, Sieve, Snapshot
from pycrdt import Doc


class FakeStore(MemoryStore):
    """A store whose logs a test writes as it likes; its list and its blobs are the real ones. `reads` counts page
    reads."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, list[Record]] = {}
        self.gone = {"deleted"}
        self.reads = 0

    async def head(self, room: str) -> Head:
        await trio.lowlevel.checkpoint()
        if room in self.gone:
            return Head(room, seq=1, deleted=True)
        return Head(room, seq=len(self.records.get(room, ())))

    async def read(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Record]:
        await trio.lowlevel.checkpoint()
        if room in self.gone:
            raise RoomDeleted(room)
        self.reads += 1
        return self.records.get(room, [])[after : after + limit]

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = limits.PAGE_RECORDS
    ) -> list[Record]:
        page = await self.read(room, after, upto - after)
        passed = (one for one in page if sieve.passes(one.document, one.run, kebab(type(one.event).__name__)))
        return list(islice(passed, limit))

    async def writings(self, room: str, document: str, upto: int = ANY_SEQ) -> list[int]:
        return [one.seq for one in await self.read(room, 0, upto) if one.document == document]

    async def find(self, room: str, record_id: str) -> Record | None:
        raise AssertionError("the server has no business here")

    async def sealed(self, room: str, after: int = 0, limit: int = 500) -> list[Sealed]:
        raise AssertionError("the server has no business here")

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        raise AssertionError("the server has no business here")


class Answered:
    def __init__(self, seq: int, run: str) -> None:
        self.seq = seq
        self.run = run
        self.result: object = None


class FakeRoom:
    """One document for all tabs, whatever they call theirs; `asked` lists what the server asked, in order."""

    past = False

    def __init__(self, name: str, store: FakeStore) -> None:
        self.name = name
        self.store = store
        self.records = store.records.setdefault(name, [])
        self.head = 0
        self.doc: Doc[Any] = Doc()
        self.tabs: list[Tab] = []
        self.synced: set[int] = set()
        self.asked: list[Any] = []
        self.held = False
        self.ended = False
        self.breaks = Breaks()
        self._later: list[Callable[[], None]] = []
        self._grown = trio.Event()

    # --- what the server asks -------------------------------------------------------------------------------------

    def _do(self, act: Callable[[], None]) -> None:
        self._later.append(act)
        if not self.held:
            self.publish()

    @property
    def waiting(self) -> int:
        """Questions that have no answer yet."""
        return len(self._later)

    def publish(self) -> None:
        while self._later:
            self._later.pop(0)()

    def join(self, tab: Tab) -> None:
        self.tabs.append(tab)
        self._do(lambda: tab.send_step1(self.doc.get_state()))

    def leave(self, tab: Tab) -> None:
        self.tabs.remove(tab)
        self.synced.discard(id(tab))

    def step1(self, tab: Tab, state_vector: bytes) -> None:
        def answer() -> None:
            self.synced.add(id(tab))
            tab.send_step2(self.doc.get_update(state_vector))

        self._do(answer)

    def resync(self, tab: Tab) -> None:
        self._do(lambda: tab.send_step1(self.doc.get_state()))

    def edit(self, tab: Tab, update: bytes, *, step2: bool) -> None:
        self.asked.append(("edit", update, step2))
        if update == b"explode":
            raise RuntimeError("the room broke")
        if update == b"panic":
            raise BaseException("a panic that is no Exception")

        def answer() -> None:
            if update == b"no":
                tab.denied("bad-update", "Not an update.")
                return
            if update == b"lost":
                tab.denied("store-full", "The disk is full; nothing changed.")
                return
            if update == b"\x00\x00":  # Nothing is new, so there is no record.
                tab.accepted([update], echo=True)
                return
            self.change(update)
            tab.accepted([update], echo=False)

        self._do(answer)

    def aware(self, tab: Tab, payload: bytes) -> None:
        presence = Presence(payload)
        for other in self.tabs:
            other.push_presence(presence)

    def query_awareness(self, tab: Tab) -> None:
        self.asked.append("query-awareness")
        self._do(lambda: tab.send_awareness(b"\x00"))

    def catch_up(self, tab: Tab) -> None:
        self.asked.append("catch-up")

        def answer() -> None:
            assert tab.behind is not None
            tab.catch_up(self.doc.get_update(tab.behind), b"\x00")

        self._do(answer)

    def command(
        self,
        grant: Grant,
        command: Asked,
        reply: Callable[[Answered | PlaitError], None],
        tab: Tab | None = None,
        *,
        measured: bool = False,
    ) -> None:
        def answer() -> None:
            if not isinstance(command, Prompt):
                reply(Refused("no-such-run"))
                return
            seq = self.log(RunRequested("echo", command.text))
            reply(Answered(seq, run_id(seq)))

        self._do(answer)

    async def ask(self, grant: Grant, command: Asked, *, measured: bool = False) -> Answered:
        await trio.lowlevel.checkpoint()
        if not isinstance(command, Prompt):
            raise Refused("no-such-run")
        seq = self.log(RunRequested("echo", command.text))
        return Answered(seq, run_id(seq))

    async def document(self, name: str = "") -> bytes:
        await trio.lowlevel.checkpoint()
        return self.doc.get_update()

    async def documents(self) -> list[Written]:
        await trio.lowlevel.checkpoint()
        return [Written("main", len(self.doc.get_update()))]

    async def seed(self, author: str, document: str, event: DocumentSeeded, data: bytes, grant: str = "") -> Seeded:
        await trio.lowlevel.checkpoint()
        return Seeded(self.log(event), author, event, fresh=True)

    async def beyond(self, seq: int) -> int:
        while self.head <= seq:
            if self.ended:
                raise OutcomeUnknown("the room ended, as this test asked")
            await self._grown.wait()
        return self.head

    # --- what a test does -----------------------------------------------------------------------------------------

    def log(self, event: Any, update: bytes = b"", run: str = "") -> int:
        """One more record, published at once."""
        seq = len(self.records) + 1
        self.records.append(
            Record(seq, 1_700_000_000_000_000 + seq, "somebody", run or run_id(seq), 1, event, "", update)
        )
        self.head = seq
        self._grown.set()
        self._grown = trio.Event()
        return seq

    def end(self) -> None:
        """The room leaves memory."""
        self.ended = True
        self._grown.set()

    def change(self, update: bytes) -> None:
        """An update is committed and pushed to every tab that has synced."""
        before = self.doc.get_state()
        self.doc.apply_update(update)
        seq = self.log(DocumentEdited(), update)
        delta = Delta("", seq, (update,), before)
        for tab in self.tabs:
            if id(tab) in self.synced:
                tab.push(delta)


class FakeRooms:
    def __init__(self) -> None:
        self.store = FakeStore()
        self.trouble = ""
        self.open: dict[str, FakeRoom] = {}
        self.gate: trio.Event | None = None
        """Where a test sets one, rooms open when it is set."""

    def room(self, name: str) -> FakeRoom:
        return self.open.setdefault(name, FakeRoom(name, self.store))

    @asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[FakeRoom]:
        await trio.lowlevel.checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        if name == "deleted":
            raise Refused("no-such-room")
        if name == "unreadable":
            raise StoreError("the disk that holds /secret/plait.db failed")
        yield self.room(name)

    async def delete(self, name: str) -> None:
        await trio.lowlevel.checkpoint()
        if name not in self.open:
            raise Refused("no-such-room")
        del self.open[name]

    async def fork(self, room: str, wanted: Wanted, grant: Grant, *, measured: bool = False) -> Fork:
        raise AssertionError("these rooms have no forks")

    async def erase(self, name: str, subject: str, by: str) -> None:
        raise NotImplementedError

    async def reproject(self, name: str, by: str, *, check: bool = False) -> Reprojection:
        raise NotImplementedError

    async def merge(self, fork: str, wanted: WantedBack, grant: Grant) -> Merged:
        raise AssertionError("these rooms have no forks")

    def statistics(self) -> dict[str, float]:
        return {"rooms": len(self.open), "tabs": 1, "records": 3, "commits": 2, "commit_seconds": 0.5, "reopened": 0}


def text_update(text: str) -> bytes:
    """An update that a fresh client made: `text` in the root `content`."""
    from pycrdt import Text

    doc: Doc[Any] = Doc()
    doc["content"] = Text(text)
    return doc.get_update()
