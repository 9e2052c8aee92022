"""A room without a server: tabs that remember all that they were sent, and a crew that starts nothing."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from plait.protocol.prompts import AgentFacts
from plait.protocol.replay import Worker
from plait.protocol.state import RoomState
from plait.runtime.room.identity import Surroundings
from plait.runtime.room.room import Room
from plait.runtime.room.rooms import Rooms
from plait.runtime.room.tab import Delta, Presence
from plait.storage.store import Store
from pycrdt import Doc, Map, Text


class Idle:
    """A crew whose one agent never does anything: its flow is asked, its steps are not started."""

    def __init__(self) -> None:
        self.workers: Mapping[str, Worker] = {}
        self.settled: list[tuple[Any, ...]] = []

    def agent_for(self, name: str) -> AgentFacts:
        from plait.protocol.errors import Refused

        if name in ("", "assistant"):
            return AgentFacts("assistant")
        raise Refused("no-such-agent")

    def settle(self, room: Room, state: RoomState, work: tuple[Any, ...], nursery: trio.Nursery) -> None:
        self.settled.append(work)

    def busy(self, room: Room) -> bool:
        return False

    def abandon(self, room: Room) -> None:
        pass


class FakeTab:
    """A tab with a document of its own. `seen` are all document bytes that it was ever sent, `said` everything else."""

    def __init__(self, document: str = "", author: str = "anonymous", client: int | None = None) -> None:
        self.document = document
        self.author = author
        self.name = ""
        self.grant = ""
        self.writes = bool(document)
        self.behind: bytes | None = None
        self.stalled = False
        self.seen: list[bytes] = []
        self.said: list[tuple[Any, ...]] = []
        self.waits: list[bool] = []
        """Of each delta, whether it was to wait for what is said next, and False for each time that nothing is."""
        self.doc: Doc[Any] = Doc(client_id=client) if client else Doc()
        self._heard = trio.Event()

    def _hear(self, *what: Any) -> None:
        self.said.append(what)
        heard, self._heard = self._heard, trio.Event()
        heard.set()

    async def until(self, kind: str, count: int = 1) -> tuple[Any, ...]:
        """Wait until that was said so often; the last one."""
        with trio.fail_after(60):
            while sum(said[0] == kind for said in self.said) < count:
                await self._heard.wait()
        return [said for said in self.said if said[0] == kind][count - 1]

    def _see(self, update: bytes) -> None:
        self.seen.append(update)
        self.doc.apply_update(update)

    def push(self, delta: Delta, *, wait: bool = False) -> None:
        if self.stalled:
            self.behind = self.behind if self.behind is not None else delta.before
            return
        self.waits.append(wait)
        for update in delta.updates:
            self._see(update)
        self._hear("delta", delta.seq, delta.updates)

    def flush(self) -> None:
        self.waits.append(False)

    def push_presence(self, presence: Presence) -> None:
        self._hear("presence", presence.payload)

    def catch_up(self, update: bytes, awareness: bytes) -> None:
        self.behind = None
        self._see(update)
        self._hear("catch_up", update)

    def send_step1(self, state_vector: bytes) -> None:
        self._hear("step1", state_vector)

    def send_step2(self, update: bytes) -> None:
        self._see(update)
        self._hear("step2", update)

    def send_awareness(self, payload: bytes) -> None:
        self._hear("awareness", payload)

    def accepted(self, updates: Sequence[bytes], *, echo: bool) -> None:
        for update in updates:
            self._hear("accepted", update, echo)

    def denied(self, code: str, message: str, *, partly: bool = False) -> None:
        self._hear("denied", code)

    def close(self, code: int, reason: str) -> None:
        self._hear("close", code)

    @property
    def text(self) -> str:
        """The shared document's text as the tab has it."""
        return str(self.doc.get("content", type=Text))

    def type(self, text: str, at: int = 0) -> bytes:
        """Type into the tab's own document; the update to send."""
        before = self.doc.get_state()
        self.doc.get("content", type=Text).insert(at, text)
        return self.doc.get_update(before)

    def erase(self, start: int, end: int) -> bytes:
        """Delete from the tab's own text, which is ASCII; the update to send."""
        return self.change(lambda doc: doc.get("content", type=Text).__delitem__(slice(start, end)))

    def change(self, change: Callable[["Doc[Any]"], object]) -> bytes:
        """Change the tab's own document; the update to send."""
        updates: list[bytes] = []
        for name, kind in (("content", Text), ("map", Map)):
            self.doc.get(name, type=kind)
        subscription = self.doc.observe(lambda event: updates.append(event.update))
        change(self.doc)
        self.doc.unobserve(subscription)
        return updates[-1]


class Ticks:
    """Time that moves one microsecond per look, and entropy that counts: two runs of a test see the same."""

    def __init__(self, start: int = 1_700_000_000_000_000) -> None:
        self._now = start
        self._drawn = 0

    def now(self) -> int:
        self._now += 1
        return self._now

    def entropy(self, n: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(n, "big")


def surroundings() -> Surroundings:
    """Fresh deterministic surroundings."""
    ticks = Ticks()
    return Surroundings(ticks.now, ticks.entropy)


@asynccontextmanager
async def rooms(store: Store, crew: Any = None, around: Surroundings | None = None) -> AsyncIterator[Rooms]:
    """All rooms of a process that ends in good order with the block."""
    async with trio.open_nursery() as nursery:
        made = Rooms(store, crew or Idle(), around or surroundings())
        await nursery.start(made.run)
        yield made
        nursery.cancel_scope.cancel()


async def watching(room: Room, document: str = "", **more: Any) -> FakeTab:
    """A tab that has joined and synced."""
    tab = FakeTab(document, **more)
    room.join(tab)
    room.step1(tab, tab.doc.get_state())
    await tab.until("step2")
    return tab
