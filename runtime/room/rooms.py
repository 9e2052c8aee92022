"""The rooms of this process: opened when somebody needs them, out of memory a while after nobody does.

A sleeping room costs only its rows. It wakes by `use`, which is how a connection, a caller and recovery hold it; and
at start-up every room with open runs is woken, so that work that a crash or a deploy cut goes on by itself.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice

import trio

from ...protocol import limits
from ...protocol.access import Grant
from ...protocol.errors import PlaitError, Refused
from ...protocol.forks import Wanted, WantedBack
from ...protocol.names import room_name
from ...storage.erasing import plan as plan_erasure
from ...storage.store import Erasure, Store
from ..replay.fork import Fork, fork
from ..replay.merge import Merged, merging, parent_of, previewed
from ..replay.reprojection import Reprojection, compare, reproject
from .crew import Crew
from .forking import Merging
from .identity import Surroundings
from .merging import Looked
from .quota import Quota
from .redaction import Redactor
from .room import Room

log = logging.getLogger("plait.room")


class Rooms:
    """Every room that is awake, by name."""

    def __init__(
        self,
        store: Store,
        crew: Crew[Room],
        surroundings: Surroundings,
        revoked: Callable[[Grant, str], bool] | None = None,
        quota: Quota | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self.store = store
        self._quota = quota or Quota()
        self._crew = crew
        self._surroundings = surroundings
        self._revoked = revoked
        self._redactor = redactor
        self._awake: dict[str, Room] = {}
        self._nursery: trio.Nursery | None = None
        self._draining = False
        self._deleting: set[str] = set()
        self._erasing: dict[str, trio.Event] = {}
        self._forking = trio.CapacityLimiter(limits.FORKS_AT_ONCE)
        self._being_forked: dict[tuple[str, str], trio.Event] = {}
        self._left_in_trouble = ""
        self._totals: dict[str, float] = {"commits": 0, "records": 0, "commit_seconds": 0.0, "reopened": 0}

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the rooms until cancelled; each then leaves its log in good order."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._watch)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._draining = True

    @asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[Room]:
        """The room, awake for as long as the block lasts. Raises Refused, StoreError."""
        room = await self._wake(room_name(name))
        try:
            yield room
        finally:
            room.users -= 1
            room.poke()

    async def _wake(self, name: str) -> Room:
        while True:
            if self._draining or self._nursery is None:
                raise Refused("restarting")
            if (erasing := self._erasing.get(name)) is not None:
                await erasing.wait()
                continue
            room = self._awake.get(name)
            if name in self._deleting or (room is not None and room.condemned):
                raise Refused("no-such-room")
            if room is None:
                self._make_place()
                room = self._awake[name] = Room(
                    name, self.store, self._crew, self._surroundings, self._quota, self._revoked, self._redactor
                )
                self._nursery.start_soon(self._live, room)
            if room.closing:
                await room.ended.wait()
                await trio.lowlevel.checkpoint()
                continue
            room.users += 1
            try:
                await room.opened.wait()
            except trio.Cancelled:
                room.users -= 1
                raise
            if room.failure is not None:
                room.users -= 1
                raise room.failure
            if not room.ended.is_set():
                self._left_in_trouble = ""
                return room
            room.users -= 1

    def _make_place(self) -> None:
        """Where too many are awake, one or two that nobody needs leave for the one that comes, the oldest first."""
        excess = len(self._awake) - limits.ROOMS_AWAKE
        if excess >= 0:
            for _ in islice((room for room in self._awake.values() if room.hurry()), min(excess + 1, 2)):
                pass

    async def delete(self, name: str) -> None:
        """Delete the room, for good and whoever is in it: its steps are cancelled, its sockets closed with 4404.

        Raises Refused('no-such-room') if nobody ever wrote to it or it was deleted before, StoreError if the store
        cannot; then it is as it was, but for those who were in it.
        """
        name = room_name(name)
        if self._draining:
            raise Refused("restarting")
        head = await self.store.head(name)
        if name in self._deleting or head.deleted or not head.seq:
            raise Refused("no-such-room", f"There is no room {name}.")
        self._deleting.add(name)
        try:
            room = self._awake.get(name)
            if room is not None:
                room.condemn()
                # Longer than that only a tool stays that is at work in a thread, and it has nowhere to write any more.
                with trio.move_on_after(limits.DRAIN_S):
                    await room.ended.wait()
            await self.store.delete(name)
        finally:
            self._deleting.discard(name)

    async def erase(self, name: str, subject: str, by: str) -> Erasure | None:
        """Erase that person from the room's log; what was erased, None if there was nothing of theirs.

        Whoever is in the room is sent away with 4409 and comes back to another lineage, because tabs and documents hold
        what is to go. Raises Refused('busy') while a run is not finished, StoreError, OutcomeUnknown; then the log is
        as it was.
        """
        if await self._planned(name, subject, by) is None:
            return None
        async with self._alone(name):
            erasure = await self._planned(name, subject, by)
            if erasure is not None:
                await self.store.erase(erasure)
            return erasure

    async def reproject(self, name: str, by: str, *, check: bool = False) -> Reprojection:
        """Project the room's document anew, or with `check` only say what that would change.

        Whoever is in the room is sent away with 4409 and comes back to another lineage. Raises Refused('no-such-room'),
        Refused('busy') while a run is not finished, StoreError, OutcomeUnknown; then the log is as it was, but after
        OutcomeUnknown.
        """
        found = await compare(self.store, name)
        if check or not found.due:
            return found
        async with self._alone(name):
            return await reproject(self.store, name, by=by, surroundings=self._surroundings)

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Nobody is in the room: who was there is sent away with 4409, who comes waits until the block ends. Raises
        Refused('busy') while a run is not finished."""
        if self._draining:
            raise Refused("restarting")
        await self._check_runs(name)
        if name in self._erasing or name in self._deleting:  # Nothing is waited for from here until it says so.
            raise Refused("busy", f"Room {name} is being erased, projected anew or deleted already.")
        self._erasing[name] = trio.Event()
        try:
            room = self._awake.get(name)
            if room is not None:
                room.condemn("lineage-changed")
                with trio.move_on_after(limits.DRAIN_S):
                    await room.ended.wait()
                await trio.lowlevel.checkpoint()
            if name in self._awake:
                raise Refused("busy", f"Room {name} does not end.")
            await self._check_runs(name)
            yield
        finally:
            self._erasing.pop(name).set()

    async def _planned(self, name: str, subject: str, by: str) -> Erasure | None:
        head = await self.store.head(name)
        if head.deleted:
            return None
        salt = self._surroundings.entropy(16)
        return await plan_erasure(self.store, name, subject, by=by, now=self._surroundings.now(), salt=salt)

    async def _check_runs(self, name: str) -> None:
        open_runs = (await self.store.head(name)).open_runs
        if open_runs:
            raise Refused("busy", f"{open_runs} runs of room {name} are not finished; stop them first.")

    async def fork(self, room: str, wanted: Wanted, grant: Grant, *, measured: bool = False) -> Fork:
        """Make a fork of the room, and let it go on if it should, which counts as a prompt where it is `measured`.
        Raises Refused, StoreError, OutcomeUnknown."""
        name = room_name(room)
        if not wanted.id:
            return await self._fork(name, wanted, grant, measured=measured)
        key = (name, wanted.id)
        while (other := self._being_forked.get(key)) is not None:
            await other.wait()  # Asked twice at the same time it is made once.
        self._being_forked[key] = trio.Event()
        try:
            return await self._fork(name, wanted, grant, measured=measured)
        finally:
            self._being_forked.pop(key).set()

    async def _fork(self, name: str, wanted: Wanted, grant: Grant, *, measured: bool) -> Fork:
        if self._draining:
            raise Refused("restarting")
        if name in self._deleting:
            raise Refused("no-such-room")

        def begins() -> None:
            if measured and wanted.goes != "paused":
                self._quota.prompt(name, grant.author, (), begins=True)

        if wanted.name in self._awake and not self._awake[wanted.name].head:
            raise Refused("room-exists", f"Somebody is in {wanted.name} already.")
        async with self._forking:
            made = await fork(
                self.store,
                name,
                wanted,
                grant=grant,
                surroundings=self._surroundings,
                redactor=self._redactor,
                agent_for=self._crew.agent_for,
                begins=begins,
            )
        if wanted.goes != "paused":
            async with self.use(made.room):
                pass
        return made

    async def merge(self, fork: str, wanted: WantedBack, grant: Grant) -> Merged:
        """Take what was written in a fork's documents into its parent. Raises Refused, StoreError, OutcomeUnknown."""

        async def attempt(prepared: Merging) -> Looked:
            async with self.use((await parent_of(self.store, fork)).of) as parent:
                found = await parent.merge(grant, prepared, preview=wanted.preview)
            return (previewed(found, prepared), {}) if wanted.preview else found

        return await merging(self.store, room_name(fork), grant, wanted, attempt)

    async def _live(self, room: Room) -> None:
        try:
            await room.run()
        except Exception as error:
            log.error("room %s ended by %s", room.name, type(error).__name__, exc_info=error)
        finally:
            if self._awake.get(room.name) is room:
                del self._awake[room.name]
            self._left_in_trouble = room.trouble or self._left_in_trouble
            self._count(self._totals, room)

    async def _watch(self) -> None:
        """Wake every room with open runs, and then those in which something falls due while they sleep: a decision that
        nobody took. A store that cannot be read just now is asked again, since it is no reason to end the process."""
        due = None
        while True:
            try:
                await self._recover(due)
                due = self._surroundings.now()
            except PlaitError as error:
                log.error("rooms with work to do cannot be listed: %s", error)
            await trio.sleep(limits.DUE_S)
            if due is not None:
                due = self._surroundings.now()

    async def _recover(self, due: int | None = None) -> None:
        """Wake every room with open runs, or those where something is due; each is awake while it has steps to do."""
        after = ""
        while names := await self.store.unfinished(due, after=after):
            for name in names:
                try:
                    async with self.use(name):
                        pass
                except PlaitError as error:
                    log.error("room %s has work to do and cannot be opened: %s", name, error)
            after = names[-1]

    def reconsider(self) -> None:
        """Let every room that is awake look again at what should be done; one that sleeps does so when it wakes."""
        for room in self._awake.values():
            room.reconsider()

    def end_all_tabs(self, code: int, reason: str) -> None:
        """Close every socket of every room."""
        for room in self._awake.values():
            room.end_tabs(code, reason)

    @property
    def trouble(self) -> str:
        """The code of what a room's store last failed with, until that room keeps a record again; empty if all is well.
        A room that could not be opened, or left, counts until another one is opened."""
        return next((room.trouble for room in self._awake.values() if room.trouble), self._left_in_trouble)

    def statistics(self) -> dict[str, float]:
        """Counted since the start: commits, records, commit_seconds, reopened; as it stands: rooms, tabs."""
        totals = dict(self._totals)
        for room in self._awake.values():
            self._count(totals, room)
        totals["rooms"] = len(self._awake)
        totals["tabs"] = sum(room.tabs for room in self._awake.values())
        return totals

    @staticmethod
    def _count(totals: dict[str, float], room: Room) -> None:
        totals["commits"] += room.commits
        totals["records"] += room.records
        totals["commit_seconds"] += room.commit_seconds
        totals["reopened"] += room.reopened
