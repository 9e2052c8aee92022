"""A room at work: one task, and each change one pass of *speculate, commit, publish*.

Speculate: everything that waits in the inbox is judged, folded and projected, message by message, without waiting, so
nobody can look. Commit: one append of all that was drafted; what arrives meanwhile is the next pass: the fsync is the
batching window. Publish: deltas to the tabs, then the answers, then the steps that should now be in progress. Whatever
reads a document for somebody outside is a message too and is answered in publish, when document = log.

If the commit fails or its outcome is unknown, the room's memory may say more than its log. It is thrown away with every
step that it had in progress, the log is read again under a new epoch, and whoever waited is told (`recovery`). Tabs
keep their sockets, since none of them was ever sent a byte that is not in the log.

A token's way out is `report` -> `_speculate` -> `_commit` -> `_publish` -> `Audience.publish`.
"""

import logging
from collections.abc import Callable

import trio

from ...protocol import limits
from ...protocol.access import Grant
from ...protocol.errors import CODES, Code, OutcomeUnknown, PlaitError, Refused
from ...protocol.events import Record
from ...storage.errors import StoreError
from ...storage.store import Store
from .company import Company
from .crew import Crew
from .door import Door
from .identity import Surroundings
from .live import Live
from .lookup import look_up
from .messages import Ask, Edit, Message, TabGone, typists
from .mishaps import Suspects, told_of, trouble_of
from .opening import mend, open_live
from .preparing import Preparing
from .quota import Quota
from .recovery import Recovery, without_intents
from .redaction import Redactor
from .reports import Write
from .resync import ask_relayers, catch_up_all
from .seeding import Seed
from .snapshots import WORTH_ONE, keep_snapshot

log = logging.getLogger("plait.room")


class Room(Door):
    """One room of this process; `Rooms` makes it, and `Door` is what others say to it."""

    def __init__(
        self,
        name: str,
        store: Store,
        crew: "Crew[Room]",
        surroundings: Surroundings,
        quota: Quota,
        revoked: Callable[[Grant, str], bool] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        super().__init__()
        self._quota = quota
        self.name = name
        self.store = store
        self.users = 0
        self.ended = trio.Event()
        self.opened = trio.Event()
        self.failure: PlaitError | None = None
        self.trouble = ""
        """The code of what the store failed with when it was last asked to keep something here, or to be read."""
        self.condemned = False
        """It is being deleted or erased: it begins nothing any more, and writes nothing when it ends."""
        self._comes_back = False
        self.commit_seconds = 0.0
        self.commits = self.records = self.reopened = 0
        self._crew = crew
        self._revoked = revoked
        self.redactor = redactor or Redactor()
        self._surroundings = surroundings
        self._patience_s: float = limits.ROOM_IDLE_S
        self._alarm: int | None = None
        self._preparing = Preparing(name, store, surroundings, self)
        self._suspects = Suspects()
        self._recovery = Recovery()
        self._company = Company(name, self._audience)

    # --- the task -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Open, work until nobody needs the room (or until cancelled), close."""
        try:
            async with trio.open_nursery() as nursery:
                try:
                    if await self._open():
                        nursery.start_soon(self._company.renew)
                        self._settle(nursery)
                        await self._serve(nursery)
                finally:
                    self._hear_no_more()
                nursery.cancel_scope.cancel()
        finally:
            if self._live is not None:
                self._live.release()
            self._quota.forget(self.name)
            self.ended.set()
            self.opened.set()
            self._audience.end(CODES["overloaded"].close or 1013, "overloaded")  # Nobody answers them any more.

    def hurry(self) -> bool:
        """Leave memory now and not a while later, if nobody needs the room; whether that is so."""
        if self._closing or self._live is None or self._inbox or not self._idle():
            return False
        self._patience_s = 0
        self.poke()
        return True

    def reconsider(self) -> None:
        """Something changed outside of the log that bears on what should be done: a grant was revoked."""
        if self._live is not None:
            self._live.reconsider()
        self.poke()

    def condemn(self, why: Code = "no-such-room") -> None:
        """End now: cancel the steps, close the sockets with that code's number, and leave memory. A pass that is on its
        way is finished first, because it waits for the disk; whoever else waits is told that there is no such room, or
        where it comes back under a new lineage, to ask again."""
        self.condemned = self._closing = True
        self._comes_back = why == "lineage-changed"
        self._crew.abandon(self)
        gone = CODES[why]
        self.end_tabs(gone.close or 4404, why if self._comes_back else gone.sentence)
        self.poke()

    def _hear_no_more(self) -> None:
        """No pass will come: tell everybody who waits for one, and whoever asks from now on. This comes before the
        steps are waited for, because a step that waits for its commit does so shielded."""
        self._closing = self._deaf = True
        self._crew.abandon(self)
        self._grown.set()
        gone = self.condemned and not self._comes_back
        closed = Refused("no-such-room") if gone else OutcomeUnknown("the room was closed")
        self._recovery.close(closed)
        while self._inbox:
            self._inbox.popleft().failed(closed)

    async def _read(self, epoch_above: int = 0) -> Live:
        live = await open_live(self.name, self.store, self._crew.workers, self._surroundings, epoch_above=epoch_above)
        live.revoked = self._revoked or live.revoked
        live.quota = self._quota
        live.redactor = self.redactor
        live.flows.cleaner = self.redactor
        return live

    async def _open(self) -> bool:
        try:
            self._live = await self._read()
        except PlaitError as error:
            self.failure = error
            self.trouble = trouble_of(error)
            return False
        self.head = self._live.state.seq
        self._live.decide()
        self._work.set()
        self.opened.set()
        return True

    async def _serve(self, nursery: trio.Nursery) -> None:
        try:
            while not self.condemned:
                if not self._inbox and not self._idle():
                    await self._work.wait()
                elif not self._inbox:
                    with trio.move_on_after(self._patience_s):
                        await self._work.wait()
                    if not self._work.is_set() and self._idle():
                        self._closing = True
                        break
                self._work = trio.Event()
                await self._pass(nursery)
                if self.failure is not None:
                    return
        except trio.Cancelled:
            self._closing = True
            with trio.CancelScope(shield=True):
                await self._close()
            raise
        await self._close()

    def _idle(self) -> bool:
        return not self.users and not len(self._audience) and not self._crew.busy(self) and not self._recovery.quiet

    async def _pass(self, nursery: trio.Nursery) -> None:
        taken = [self._inbox.popleft() for _ in range(min(len(self._inbox), limits.PASS_MESSAGES))]
        if self._inbox:
            self._work.set()
        live = self._live
        assert live is not None
        takes = self._preparing.takes
        batch = [m for m in taken if type(m) is Edit or not takes(m, live, nursery)]
        batch[:0] = self._recovery.who_stays(batch, self._audience.bound)
        with trio.CancelScope(shield=True):  # A pass is short, and its outcome must be known.
            try:
                await look_up(self.name, self.store, batch)
                self._speculate(live, batch)
                records = await self._commit(live)
                await mend(live, self.store)
            except BaseException as error:
                # pyo3 turns a panic of the CRDT into a BaseException; whatever failed, memory can no longer be trusted.
                if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                    raise
                await self._reopen(batch, error, nursery)
                return
            self._publish(live, batch, records)
            self._settle(nursery)
            if records:
                self._recovery.committed()
                self.trouble = ""
                await keep_snapshot(live, self.store)

    def _speculate(self, live: Live, batch: list[Message]) -> None:
        for message in batch:
            if isinstance(message, Ask):
                if not self._recovery.quiet:
                    live.decide()  # A run that the message before has finished can be told nothing any more.
                if message.known is None and self._suspects.refuses(message):
                    continue
            self._suspects.judging = message
            message.speculate(live, self._crew.agent_for)
        if not self._recovery.quiet:
            live.decide()
        self._suspects.judging = None

    async def _commit(self, live: Live) -> list[Record]:
        append = live.append()
        if append is None:
            return []
        began = trio.current_time()
        live.lineage = (await self.store.append(append)).lineage
        self.commit_seconds += trio.current_time() - began
        self.commits += 1
        self.records += len(append.records)
        return list(append.records)

    def _publish(self, live: Live, batch: list[Message], records: list[Record]) -> None:
        _, changes = live.committed()
        self._audience.publish(changes, typists(batch), typists(self._inbox))
        if records:
            self._grow(records[-1].seq)
        for message in batch:
            try:
                message.publish(live, self._audience)
            except Exception as error:  # What one asker cannot be told is no reason not to tell the others.
                log.error("room %s: %s was not answered", self.name, type(message).__name__, exc_info=error)
            if type(message) is Edit:
                continue
            if isinstance(message, Write) and message.place is not None and message.happened:
                run = live.state.runs.get(message.place.run)
                if run is not None:
                    self._company.seen(run, message.document, live.epoch, message.end)
        again = [m for m in batch if type(m) is not Edit and isinstance(m, Ask | Write | Seed) and m.again]
        if again:  # Before whatever else waits, as it was asked before that.
            self._inbox.extendleft(reversed(again))
            self._work.set()
        for name in self._audience.renamed:
            self.post(TabGone(name))
        self._audience.renamed.clear()
        ask_relayers(live, self._audience, changes)
        self._audience.flush()

    def _settle(self, nursery: trio.Nursery) -> None:
        live = self._live
        assert live is not None
        if live.runs_moved:
            live.runs_moved = False
            self._quota.know(self.name, live.state.prompts())
        self._company.settle(live.state, live.epoch)
        self._crew.settle(self, live.state, () if self._recovery.quiet else live.work, nursery)
        if live.due is not None and (self._alarm is None or live.due < self._alarm):
            self._alarm = live.due
            nursery.start_soon(self._ring, live.due)

    async def _ring(self, due: int) -> None:
        """Ask again what should happen, at that time; a room that sleeps by then is woken by `Rooms`."""
        await trio.sleep(max(0.0, (due - self._surroundings.now()) / 1_000_000))
        self._alarm = None
        if self._live is not None:
            self._live.reconsider()
        self.poke()

    # --- when it goes wrong -------------------------------------------------------------------------------------------

    async def _reopen(self, batch: list[Message], error: BaseException, nursery: trio.Nursery) -> None:
        """The commit failed, or something broke before it: start again from the log, and tell those who waited."""
        old = self._live
        assert old is not None
        self._suspects.remember()
        self._crew.abandon(self)
        old.drop_flows()
        told = told_of(error)
        self.trouble = trouble_of(error)
        if isinstance(error, PlaitError):
            log.error("room %s: %s; it is read again from its log", self.name, error)
        else:
            log.error("room %s: unexpected %s: %s", self.name, type(error).__name__, error, exc_info=error)
        try:
            self._live = await self._read(old.epoch)
        except Exception as again:
            self.failure = again if isinstance(again, PlaitError) else StoreError(str(again))
            log.error("room %s cannot be read again and is closed: %s", self.name, again)
            for message in batch:
                message.failed(told)
            return
        self.reopened += 1
        if (delay_s := self._recovery.failed()) is not None:
            nursery.start_soon(self._speak_again, delay_s)
        self._inbox = without_intents(self._inbox, told)
        for message in self._recovery.sort(batch, told):
            self.post(message)
        if self._live.state.seq > self.head:
            catch_up_all(self._live, self._audience)
            self._grow(self._live.state.seq)
        old.release()
        self._work.set()

    async def _speak_again(self, delay_s: float) -> None:
        """Work on as before, after the quiet."""
        await trio.sleep(delay_s)
        first, last = self._recovery.speak()
        self._inbox.extendleft(reversed(first))
        for message in last:
            self.post(message)
        self.poke()

    # --- leaving memory -----------------------------------------------------------------------------------------------

    async def _close(self) -> None:
        """Write the epoch's end and a snapshot; a failure of either loses nothing."""
        live = self._live
        if live is None or self.failure is not None or self.condemned:
            return
        self._crew.abandon(self)
        try:
            live.close_epoch()
            append = live.append()
            if append is not None:
                await self.store.append(append)
                live.committed()
                await keep_snapshot(live, self.store, WORTH_ONE)
        except PlaitError as error:
            log.warning("room %s was not closed in good order: %s", self.name, error)
        live.drop_flows()
