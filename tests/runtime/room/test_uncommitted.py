"""Every byte that any tab ever gets is in the log at that moment, whatever fails and whoever is slow or late."""

import json
import random
from typing import Any

import pytest
import trio
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Prompt, Stop
from plait.protocol.shown import shown_runs
from plait.protocol.update import Range, decode_state_vector, read
from plait.runtime.room.room import Room
from plait.storage.faults import FaultyStore
from plait.storage.memory import MemoryStore
from plait.storage.store import Append, Head

from .scene import FakeTab, Idle, rooms, surroundings

DOCUMENTS = ("", "notes")


class Ledger(FaultyStore):
    """A store that fails at random and knows, the moment that it is true, which structs are in the log."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__(MemoryStore())
        self._dice = dice
        self.structs: dict[str, set[Range]] = {document: set() for document in DOCUMENTS}
        self.failures = 0

    async def append(self, append: Append) -> Head:
        roll = self._dice.random()
        if roll < 0.3:
            self.failures += 1
            (self.fail_before if roll < 0.15 else self.fail_after)()
        for _ in range(self._dice.randrange(4)):
            await trio.lowlevel.cancel_shielded_checkpoint()
        happened = roll >= 0.15
        if happened and (await self.inner.head(append.room)).seq == append.after:
            for record in append.records:
                if record.update:
                    self.structs[record.document] |= singles(record.update)
        return await super().append(append)


def singles(update: bytes) -> set[Range]:
    """The structs of an update, clock by clock, so that merging does not matter."""
    return {(client, clock, clock + 1) for client, start, end in read(update).inserted for clock in range(start, end)}


class Watched(FakeTab):
    """A tab that checks what it is sent at the moment at which it is sent."""

    ledger: Ledger

    def _see(self, update: bytes) -> None:
        strange = singles(update) - self.ledger.structs[self.document]
        assert not strange, f"uncommitted structs were sent: {sorted(strange)[:3]}"
        super()._see(update)


async def workload(seed: int) -> int:
    """Random tabs at work on a random disk; how many appends failed."""
    dice = random.Random(seed)
    ledger = Ledger(dice)
    async with rooms(ledger, Idle(), surroundings()) as all_rooms, all_rooms.use("r") as room:
        tabs: list[Watched] = []
        for turn in range(60):
            act(dice, room, tabs, ledger, turn)
            for _ in range(dice.randrange(6)):
                await trio.lowlevel.checkpoint()
        await settle(room, tabs)
        for document in DOCUMENTS:
            told = [tab for tab in tabs if tab.document == document]
            assert len({(shown(tab), *sorted(decode_state_vector(tab.doc.get_state()).items())) for tab in told}) <= 1
    return ledger.failures


def shown(tab: Watched) -> str:
    """What the tab shows."""
    return tab.text if tab.document else json.dumps(shown_runs(tab.doc), sort_keys=True)


def act(dice: random.Random, room: Room, tabs: list[Watched], ledger: Ledger, turn: int) -> None:
    """One thing that somebody does."""
    choice = dice.randrange(6)
    tab: Any = dice.choice(tabs) if tabs else None
    if tab is None or (choice == 0 and len(tabs) < 6):
        tab = Watched(dice.choice(DOCUMENTS), client=1000 + turn)
        tab.ledger = ledger
        tabs.append(tab)
        room.join(tab)
        room.step1(tab, tab.doc.get_state())
    elif choice == 1:
        room.command(ANONYMOUS, dice.choice([Prompt(id=f"c{turn}", text="hi"), Stop(id=f"c{turn}")]), lambda _: None)
    elif choice == 2:
        tab.stalled = not tab.stalled
        if not tab.stalled and tab.behind is not None:
            room.catch_up(tab)
    elif choice == 3:
        room.step1(tab, tab.doc.get_state())
    elif tab.document:
        room.edit(tab, tab.type(f"{turn} "), step2=False)


async def settle(room: Room, tabs: list[Watched]) -> None:
    """Everybody reads again, offers all that they have, and asks for what they lack, until nothing fails."""
    for _ in range(12):
        await trio.sleep(60)
        for tab in tabs:
            tab.stalled = False
            if tab.behind is not None:
                room.catch_up(tab)
            if tab.document:
                room.edit(tab, tab.doc.get_update(), step2=True)
    await trio.sleep(60)
    for tab in tabs:
        room.step1(tab, tab.doc.get_state())
    await trio.sleep(60)


@pytest.mark.parametrize("seed", range(25))
async def test_no_uncommitted_byte(seed: int, autojump_clock: trio.testing.MockClock) -> None:
    """RM1, RM2, RM3: checked at each byte of each tab; at the end all tabs of a document are equal."""
    await workload(seed)


def test_the_disk_does_fail() -> None:
    """RM3: the property above is not true for want of failures."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(workload, 1, clock=clock) > 3
