"""The disk of a simulated world: it outlives processes, takes its time, fails, and knows what is on it.

Each process has a handle of its own. When the process crashes its handle is dead: what it had on its way is on the disk
or not, as the dice say, and nothing that it still tries reaches it. `Disk` is the witness: it notes at the very moment
at which an append is on disk what was committed, so that whatever anybody is sent can be held against it.
"""

from collections.abc import Callable, Mapping, Sequence

import trio
from plait.protocol.access import ANY
from plait.protocol.events import Record, RunFailed, RunFinished, RunStopped
from plait.protocol.update import read
from plait.storage.errors import StoreError
from plait.storage.faults import FaultyStore
from plait.storage.store import ANY_SEQ, Append, Blob, BlobFacts, Head, Listing, Sealed, Sieve, Snapshot

from .chance import Chance
from .engines import FATES, Engine, Fate
from .trace import Trace

ENDS = (RunFinished, RunStopped, RunFailed)
_FATAL = 0.035
"""How many of a storm's appends do not end well."""


class Disk:
    """What is on disk. `failing` says whether it may fail just now; `on_kill` ends the process that is at work."""

    def __init__(self, chance: Chance, trace: Trace, engine: Engine) -> None:
        self.engine = engine
        self.engine.witness = self
        self.failing = True
        self.full_until = 0.0
        self.logs: dict[str, list[Record]] = {}
        self.deleted: dict[str, list[Record]] = {}
        """What rooms held that are no more."""
        self.on_kill: Callable[[], None] = lambda: None
        self.chance = chance
        self.dice = chance.dice("disk")
        self._appends = 0
        self._reads = 0
        self._clocks: dict[tuple[str, str], dict[int, int]] = {}
        self._ended: set[tuple[str, str]] = set()
        self._trace = trace

    def log(self, room: str) -> list[Record]:
        """The room's records, also of one that was deleted."""
        return self.logs.get(room) or self.deleted.get(room, [])

    # --- the witness --------------------------------------------------------------------------------------------------

    def committed(self, append: Append) -> None:
        """These records have just been committed; or had been before, and were asked for once more."""
        if append.room in self.deleted:
            self._trace.breach("disk", f"room {append.room} was deleted and is written to")
            return
        log = self.logs.setdefault(append.room, [])
        if append.records[-1].seq <= len(log):
            return
        for record in append.records:
            self._note(append.room, log, record)
        kinds = ", ".join(type(record.event).__name__ for record in append.records)
        first, last = append.records[0].seq, append.records[-1].seq
        self._trace.say("disk", f"{append.room} {first}-{last} epoch {append.epoch}: {kinds}", count="commits")

    def _note(self, room: str, log: list[Record], record: Record) -> None:
        if record.seq != len(log) + 1:
            self._trace.breach("disk", f"room {room} has a gap: {record.seq} after {len(log)}")
        log.append(record)
        if isinstance(record.event, ENDS):
            if (room, record.run) in self._ended:
                self._trace.breach("disk", f"run {record.run} of {room} ended twice")
            self._ended.add((room, record.run))
        if record.update:
            clocks = self._clocks.setdefault((room, record.document), {})
            for client, start, end in read(record.update, own=True).inserted:
                if start > clocks.get(client, 0):
                    self._trace.breach("disk", f"record {record.seq} of {room} leans on what is not there")
                clocks[client] = max(end, clocks.get(client, 0))

    def removed(self, room: str) -> None:
        """The room was deleted just now."""
        self._trace.say("disk", f"{room} is deleted", count="deletions")
        self.deleted[room] = self.logs.pop(room, [])

    def kill(self) -> None:
        """The process is killed at this very moment."""
        self.on_kill()

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

    # --- trouble ------------------------------------------------------------------------------------------------------

    def fate(self) -> tuple[Fate, bool]:
        """What becomes of the next append, and whether it takes long."""
        self._appends += 1
        luck, slow, which = self.dice.random(), self.dice.random() < 0.02, self.dice.choice(FATES)
        if not self.failing:
            return "well", False
        if trio.current_time() < self.full_until:
            return "full", False
        slow = slow and self.chance.happens(f"append {self._appends} takes long")
        if luck >= _FATAL or not self.chance.happens(f"append {self._appends} is {which}"):
            return "well", slow
        return which, slow

    def read_fails(self) -> bool:
        """Whether the next read fails."""
        self._reads += 1
        unlucky = self.dice.random() < 0.002
        return self.failing and unlucky and self.chance.happens(f"read {self._reads} fails")


class Handle(FaultyStore):
    """One process's door to the disk."""

    def __init__(self, disk: Disk, trace: Trace) -> None:
        super().__init__(disk.engine.open())
        self._disk = disk
        self._trace = trace
        self._died = trio.Event()

    @property
    def dead(self) -> bool:
        return self._died.is_set()

    def die(self) -> None:
        """The process has crashed."""
        if not self.dead:
            self._died.set()

    async def bury(self) -> None:
        """The process is gone, as a crash or a good end left it. Call once, when nothing of it runs any more."""
        with trio.CancelScope(shield=True):
            if self.dead:
                self._disk.engine.crash(self.inner)
            else:
                await self._disk.engine.close(self.inner)

    async def append(self, append: Append) -> Head:
        """As the port says, after a while, and not always."""
        await trio.lowlevel.checkpoint()
        self._check()
        with trio.CancelScope(shield=True):  # From here on it is queued for the disk.
            return await self._queued(append)
        raise AssertionError("a shield swallows nothing")

    async def _queued(self, append: Append) -> Head:
        dice, (fate, slow) = self._disk.dice, self._disk.fate()
        with trio.move_on_after(dice.choice((0.0005, 0.004, 0.02)) * (500 if slow else 1)):
            await self._died.wait()
        if self.dead:  # It was on its way when the process died, and arrives or not.
            if dice.random() < 0.5:
                raise StoreError("the process is dead")
            fate = "well"
        if fate != "well":
            self._trace.say("disk", f"{append.room}: an append is {fate}", count=f"appends {fate}")
        return await self._disk.engine.append(self.inner, append, fate)

    async def delete(self, room: str) -> bool:
        await self._may_read()
        return await self._disk.engine.delete(self.inner, room)

    async def head(self, room: str) -> Head:
        await self._may_read()
        return await super().head(room)

    async def read(self, room: str, after: int = 0, limit: int = 500) -> list[Record]:
        await self._may_read()
        return await super().read(room, after, limit)

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = 500
    ) -> list[Record]:
        await self._may_read()
        return await super().sift(room, sieve, after, upto, limit)

    async def writings(self, room: str, document: str, upto: int = ANY_SEQ) -> list[int]:
        await self._may_read()
        return await super().writings(room, document, upto)

    async def sealed(self, room: str, after: int = 0, limit: int = 500) -> list[Sealed]:
        await self._may_read()
        return await super().sealed(room, after, limit)

    async def find(self, room: str, record_id: str) -> Record | None:
        await self._may_read()
        return await super().find(room, record_id)

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        await self._may_read()
        return await super().unfinished(due, after, limit)

    async def rooms(
        self,
        cursor: str = "",
        limit: int = 50,
        query: str = "",
        metadata: Mapping[str, str | None] | None = None,
        names: Sequence[str] = ANY,
    ) -> Listing:
        await self._may_read()
        return await super().rooms(cursor, limit, query, metadata, names)

    async def room_names(self, after: str = "", limit: int = 500) -> list[str]:
        await self._may_read()
        return await super().room_names(after, limit)

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        await self._may_read()
        return await super().snapshot(room, at)

    async def save_snapshot(self, room: str, snapshot: Snapshot) -> None:
        await self._may_read()
        await super().save_snapshot(room, snapshot)

    async def blob(self, name: str) -> Blob | None:
        await self._may_read()
        return await super().blob(name)

    async def blob_facts(self, name: str) -> BlobFacts | None:
        await self._may_read()
        return await super().blob_facts(name)

    def _check(self) -> None:
        if self.dead:
            raise StoreError("the process is dead")

    async def _may_read(self) -> None:
        if self.dead:
            await trio.lowlevel.checkpoint()
            self._check()
        if self._disk.read_fails():
            await trio.lowlevel.checkpoint()
            self._trace.say("disk", "a read fails", count="failed reads")
            raise StoreError("the disk could not be read, as the seed wants it")

    async def aclose(self) -> None:
        """The process ends; the disk stays."""
        await trio.lowlevel.checkpoint()
