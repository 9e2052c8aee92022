"""What a tool's body says while it runs, on its way into the room: shown parts at once, progress a few times a second.

The body says it to its `Call`, from whatever thread, and goes on; a task of the step takes it down from there and waits
for each commit, so a slow disk makes progress coarser and no queue longer. A file is
in the store before the record that names it. Rules (specs/tools.md):

- Parts come into the log in the order in which they were shown, and before the call's outcome.
- Between two records of progress lie `TOOL_PROGRESS_MS`, and more the older the call is, so a day of it is bounded.
- What a cancelled body had said and was not taken down yet is lost with it.
"""

import logging
import math

import msgspec
import trio

from ...protocol import limits
from ...protocol.errors import OutcomeUnknown, PlaitError
from ...protocol.events import Attachment, PartShown, ToolProgressed
from ...storage.store import Store
from ..room.reports import Report
from ..room.room import Room
from ..tools.call import Call, Data, Kept, Shown, Source
from .attempt import whole

log = logging.getLogger("plait.agent")


class Reporting:
    """The reports of one attempt. `lost` says why a file could not be kept, if one could not."""

    def __init__(self, room: Room, author: str, call: Call) -> None:
        self.lost = ""
        self._room = room
        self._author = author
        self._call = call
        self._scope = trio.CancelScope()
        self._said = trio.Event()
        self._stopped = trio.Event()
        self._began = self._next = trio.current_time()
        token = trio.lowlevel.current_trio_token()
        call.heard = lambda: token.run_sync_soon(self._hear, idempotent=True)

    @property
    def files(self) -> tuple[Attachment, ...]:
        """What was attached for the model."""
        return tuple(self._call.files)

    async def run(self) -> None:
        """Take down what the body says until `finish`."""
        try:
            with self._scope:
                while True:
                    await self._listen()
        finally:
            self._stopped.set()

    async def finish(self) -> None:
        """The body has ended: take down what is left, the newest progress included."""
        self._scope.cancel()
        await self._stopped.wait()  # It may be about to write down what is first in line.
        await self._parts()
        await self._progress()

    async def _listen(self) -> None:
        self._said = trio.Event()
        await self._parts()
        wait_s = math.inf
        if self._call.latest is not None:
            wait_s = self._next - trio.current_time()
            if wait_s <= 0:
                await self._progress()
                return
        with trio.move_on_after(wait_s):
            await self._said.wait()

    def _hear(self) -> None:
        self._said.set()

    async def _parts(self) -> None:
        """All that is in line, in one pass of the room. It stays in line until it is on disk, so that nothing is lost
        between this task and `finish`."""
        while waiting := len(self._call.shown):
            line = [self._call.shown[n] for n in range(waiting)]  # A thread may be adding to it.
            events = [self._part(shown) for shown in line if not isinstance(shown, Kept) or await self._keep(shown)]
            for event in events[:-1]:
                self._room.report(Report(self._call.run, self._author, event))
            if events:
                await self._commit(events[-1])
            for _ in line:
                self._call.shown.popleft()

    def _part(self, shown: Shown) -> PartShown:
        step, attempt = self._call.step, self._call.attempt
        match shown:
            case Source():
                # Every key is there, so that a page need not ask which are.
                value = {"url": whole(shown.url), "title": whole(shown.title), "excerpt": whole(shown.excerpt)}
                return PartShown(step, attempt, "source", msgspec.json.encode(value).decode())
            case Data():
                return PartShown(step, attempt, "data", msgspec.json.encode(shown.value).decode(), whole(shown.name))
            case Kept():
                return PartShown(step, attempt, "file", msgspec.json.encode(shown.file).decode())

    async def _keep(self, kept: Kept) -> bool:
        why = await keep(self._room.store, kept.data, kept.file.media_type)
        self.lost = self.lost or why
        return not why

    async def _progress(self) -> None:
        latest = self._call.latest
        if latest is not None:
            self._call.latest = None
            await self._commit(ToolProgressed(self._call.step, self._call.attempt, whole(latest.text), latest.done))
            now = trio.current_time()
            pause_s = max(limits.TOOL_PROGRESS_MS / 1000, (now - self._began) / limits.TOOL_PROGRESS_STEPS)
            self._next = now + pause_s

    async def _commit(self, event: PartShown | ToolProgressed) -> None:
        try:
            await self._room.commit(Report(self._call.run, self._author, event))
        except OutcomeUnknown:
            log.info("room %s: what %r said is lost with its epoch", self._room.name, self._call)


async def keep(store: Store, data: bytes, media_type: str) -> str:
    """Put the bytes into the store; why not, if that failed."""
    try:
        await store.put_blob(data, media_type)
    except Exception as error:  # Whatever a store raises: the call has happened, and its outcome is to be said.
        log.error("%d bytes of %s were not kept", len(data), media_type, exc_info=error)
        return str(error) if isinstance(error, PlaitError) else type(error).__name__
    return ""
