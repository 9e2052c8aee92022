"""The disk of a simulated world: it outlives processes, takes its time, fails, and knows what is on it.

Each process has a handle of its own. When the process crashes its handle is dead: what it had on its way is on the disk
or not, as the dice say, and nothing that it still tries reaches it. `Disk` is the witness: it notes at the very moment
at which an append is on disk what was committed, so that whatever anybody is sent can be held against it.
"""

from random import Random

import trio
from plait.protocol.errors import OutcomeUnknown
from plait.protocol.events import Record, RunFailed, RunFinished, RunStopped
from plait.protocol.update import read
from plait.storage.faults import FaultyStore
from plait.storage.memory import MemoryStore
from plait.storage.store import Append, Head, StoreError, StoreFull

from .trace import Trace

ENDS = (RunFinished, RunStopped, RunFailed)


class Disk:
    """What is on disk. `failing` says whether it may fail just now."""

    def __init__(self, trace: Trace, dice: Random, store: MemoryStore) -> None:
        self.store = store
        self.failing = True
        self.logs: dict[str, list[Record]] = {}
        self._clocks: dict[tuple[str, str], dict[int, int]] = {}
        self._ended: set[tuple[str, str]] = set()
        self._trace = trace
        self.dice = dice

    def note(self, append: Append) -> None:
        """These records have just been committed."""
        log = self.logs.setdefault(append.room, [])
        for record in append.records:
            if record.seq != len(log) + 1:
                self._trace.breach("disk", f"room {append.room} has a gap: {record.seq} after {len(log)}")
            log.append(record)
            if isinstance(record.event, ENDS):
                if (append.room, record.run) in self._ended:
                    self._trace.breach("disk", f"run {record.run} of {append.room} ended twice")
                self._ended.add((append.room, record.run))
            if record.update:
                clocks = self._clocks.setdefault((append.room, record.document), {})
                for client, start, end in read(record.update, own=True).inserted:
                    if start > clocks.get(client, 0):
                        self._trace.breach("disk", f"record {record.seq} of {append.room} leans on what is not there")
                    clocks[client] = max(end, clocks.get(client, 0))
        kinds = ", ".join(type(record.event).__name__ for record in append.records)
        first, last = append.records[0].seq, append.records[-1].seq
        self._trace.say("disk", f"{append.room} {first}-{last} epoch {append.epoch}: {kinds}", count="commits")

    def uncommitted(self, room: str, document: str, update: bytes, own: int = 0) -> str:
        """Which structs of an update are not on disk, as a sentence; empty if all are. `own` is the looker's id."""
        clocks = self._clocks.get((room, document), {})
        for client, _, end in read(update, own=True).inserted:
            if client != own and end > clocks.get(client, 0):
                return f"{client}:{end} of {room}/{document} where {clocks.get(client, 0)} is on disk"
        return ""

    def has(self, room: str, document: str, client: int, clock: int) -> bool:
        """Whether everything of that client before that clock is on disk."""
        return self._clocks.get((room, document), {}).get(client, 0) >= clock


class Handle(FaultyStore):
    """One process's door to the disk."""

    def __init__(self, disk: Disk, trace: Trace) -> None:
        super().__init__(disk.store)
        self._disk = disk
        self._trace = trace
        self._died = trio.Event()

    @property
    def dead(self) -> bool:
        return self._died.is_set()

    def die(self) -> None:
        """The process has crashed."""
        self._died.set()

    async def append(self, append: Append) -> Head:
        """As the port says, after a while, and not always."""
        await trio.lowlevel.checkpoint()
        with trio.CancelScope(shield=True):  # From here on it is queued for the disk.
            return await self._queued(append, self._disk.dice)
        raise AssertionError("a shield swallows nothing")

    async def _queued(self, append: Append, dice: Random) -> Head:
        slow = self._disk.failing and dice.random() < 0.02
        with trio.move_on_after(dice.choice((0.0005, 0.004, 0.02)) * (500 if slow else 1)):
            await self._died.wait()
        if self.dead:
            if dice.random() < 0.5:
                raise StoreError("the process is dead")
            return await self._write(append)
        fate = dice.random() if self._disk.failing else 1.0
        if fate < 0.02:
            self._trace.say("disk", f"{append.room}: the append fails", count="store errors")
            raise (StoreFull if fate < 0.008 else StoreError)("the disk refused, as the seed wants it")
        if fate < 0.03:
            self._trace.say("disk", f"{append.room}: the append's outcome is lost", count="unknown outcomes")
            if fate < 0.025:
                await self._write(append)
            raise OutcomeUnknown("the answer of the disk was lost, as the seed wants it")
        return await self._write(append)

    async def _write(self, append: Append) -> Head:
        before = (await self.inner.head(append.room)).seq
        head = await self.inner.append(append)
        if head.seq > before:
            self._disk.note(append)
        return head

    async def head(self, room: str) -> Head:
        await self._may_read()
        return await super().head(room)

    async def read(self, room: str, after: int = 0, limit: int = 500) -> list[Record]:
        await self._may_read()
        return await super().read(room, after, limit)

    async def find(self, room: str, record_id: str) -> Record | None:
        await self._may_read()
        return await super().find(room, record_id)

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        await self._may_read()
        return await super().unfinished(due, after, limit)

    async def _may_read(self) -> None:
        if self.dead:
            await trio.lowlevel.checkpoint()
            raise StoreError("the process is dead")
        if self._disk.failing and self._disk.dice.random() < 0.002:
            await trio.lowlevel.checkpoint()
            self._trace.say("disk", "a read fails", count="store errors")
            raise StoreError("the disk could not be read, as the seed wants it")

    async def aclose(self) -> None:
        """The process ends; the disk stays."""
        await trio.lowlevel.checkpoint()
