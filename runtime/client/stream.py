"""`stream`: one run's changes one by one, so that a program shows an answer while it is written.

    async for change in room.stream(run):
        if isinstance(change, TextAdded):
            print(change.text, end="")

It reads the log from the run's first record on, so it may be begun at any time, also long after the run has ended, and
goes on over any number of sockets.
"""

from collections import deque
from typing import Any, Self

from ...protocol.changes import Change, Changes, RunEnded
from ...protocol.errors import Refused
from ...protocol.events import RunRequested
from .follow import Follow


class Stream:
    """The changes of a run, from its beginning to its end. Raises Refused('no-such-run') if the log has none."""

    def __init__(self, room: str, run: str, records: Follow) -> None:
        """`records` begin with the run's own first one, and are not live."""
        self.run = run
        self._room = room
        self._records = records
        self._machine = Changes(run)
        self._ready: deque[Change] = deque()
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        """The next change; the last one is RunEnded."""
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            await self._more()
        return self._ready.popleft()

    async def end(self) -> dict[str, Any]:
        """Wait for the run's end; the run as plain values."""
        async for change in self:
            if isinstance(change, RunEnded):
                return change.run
        raise Refused("no-such-run", f"The stream of run {self.run} was given to its end before.")

    async def _more(self) -> None:
        unknown = Refused("no-such-run", f"Room {self._room} has no run {self.run}.")
        try:
            record = await anext(self._records)
        except StopAsyncIteration:
            raise unknown from None
        except Refused as refused:
            if refused.code == "lineage-changed" and not self._records.live:  # The log is shorter than that.
                raise unknown from None
            raise
        # An id is the seq of the run's first record. If the log does not have that, nothing is waited for.
        if not self._records.live and not (record.run == self.run and isinstance(record.event, RunRequested)):
            await self.aclose()
            raise unknown
        self._records.live = True
        self._ready += self._machine.take(record)
        if self._ready and isinstance(self._ready[-1], RunEnded):
            await self.aclose()

    async def aclose(self) -> None:
        """Close the socket."""
        if not self._ended:
            self._ended = True
            self._machine.release()
            await self._records.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # Whoever breaks out of the loop has nothing more to do; the follower closes its own socket.
        if not self._ended:
            self._machine.release()
