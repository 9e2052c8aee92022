"""`follow`: a room's records one by one, over a socket of their own, so that a slow reader holds back nobody else."""

from contextlib import suppress
from typing import Any, Self

import trio

from ...protocol.events import Record
from ...protocol.following import Following
from .link import Link


class Follow:
    """A cursor into the log. `async for` gives every record once and in order, across any number of sockets.

    The socket is opened by the first record asked for and closed by `aclose`, by the end of an `async with`, when
    nobody holds the follower any more, or with the room's block. Without `live` the records end where the log ended
    when it was read.
    """

    def __init__(self, nursery: trio.Nursery, link: Link, after: int, live: bool) -> None:
        self._nursery = nursery
        self._link = link
        self._machine = Following(after)
        self.live = live
        """Whether it goes on after the log's end; may be changed while it runs."""
        self._scope = trio.CancelScope()
        self._begun = False
        self._token: trio.lowlevel.TrioToken | None = None
        self.seq = after
        """The seq of the last record given."""

    @property
    def caught_up(self) -> bool:
        """Whether everything was given that the log held when the follower, or its last socket, began."""
        return self._machine.caught_up

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        """The next record. Raises Refused if there can be none."""
        if self._scope.cancel_called:
            raise StopAsyncIteration
        if not self._begun:
            self._begun = True
            self._link.add(self._machine)
            self._token = trio.lowlevel.current_trio_token()
            self._nursery.start_soon(_run, self._link, self._scope)
        while (record := self._machine.take()) is None:
            if self._machine.caught_up and not self.live:
                await self.aclose()
                raise StopAsyncIteration
            await self._link.check_waiting()
            await self._link.changed()
        self._link.wake()
        self.seq = record.seq
        return record

    async def aclose(self) -> None:
        """Close the socket."""
        self._scope.cancel()
        await trio.lowlevel.checkpoint()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self._scope.cancel()

    def __del__(self) -> None:
        # A collector runs anywhere, even inside Trio's own scheduling, so the end is only asked for here.
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._scope.cancel)


async def _run(link: Link, scope: trio.CancelScope) -> None:
    """Not a method: the task must not hold the follower, or nobody could ever let go of it."""
    with scope:
        await link.run()
