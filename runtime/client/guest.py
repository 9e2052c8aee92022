"""Trio as a guest of an asyncio loop, in the loop's own thread: one guest for all blocks of a loop.

The first block begins it and the last one ends it, before anybody can close the loop. Rules (specs/client.md):

- Every wait is a task in Trio. Cancelling the waiting asyncio task cancels that one and waits until it has ended.
- A block is one task in Trio from its beginning to its end. What fails in it by itself cancels the asyncio task that is
  inside, as `asyncio.timeout` does, and is raised where the block ends.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, TypeVar

import trio

from ...protocol.errors import Refused
from ..tools.function import FunctionTool

T = TypeVar("T")

_guests: "dict[asyncio.AbstractEventLoop, Guest]" = {}


async def enter() -> "Guest":
    """The loop's guest, for one more block."""
    loop = asyncio.get_running_loop()
    while (guest := _guests.get(loop)) is not None and not guest.users:
        await asyncio.shield(guest.ended)  # The last block has just been left; a loop has room for one guest only.
    if guest is None:
        guest = _guests[loop] = Guest(loop)
    guest.users += 1
    return guest


class Guest:
    """A Trio that runs inside one asyncio loop. All of it, callbacks included, is in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.users = 0
        """How many blocks are open."""
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        trio.lowlevel.start_guest_run(
            self._main,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            run_sync_soon_not_threadsafe=loop.call_soon,
            done_callback=self._done,
            host_uses_signal_set_wakeup_fd=True,
        )
        self._token = trio.lowlevel.current_trio_token()
        self._last = trio.Event()

    async def _main(self) -> None:
        async with trio.open_nursery() as self._nursery:
            self.ready.set_result(None)
            await self._last.wait()

    def _done(self, outcome: Any) -> None:
        del _guests[self._loop]
        self.ended.set_result(None)
        outcome.unwrap()

    async def leave(self) -> None:
        """One block less; with the last one the guest goes, before anybody can close the loop."""
        self.users -= 1
        if not self.users:
            self._last.set()
            await _uncancelled(self.ended)

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait in asyncio for what is done in Trio; cancelled here, it is cancelled there and has ended."""
        result: asyncio.Future[T] = self._loop.create_future()
        scope = trio.CancelScope()
        try:
            self._token.run_sync_soon(self._begin, work, result, scope)
        except trio.RunFinishedError:
            raise Refused("bad-request", "The block of this client was left.") from None
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            scope.cancel()
            await _uncancelled(result)
            raise

    def _begin(self, work: Callable[[], Awaitable[T]], result: "asyncio.Future[T]", scope: trio.CancelScope) -> None:
        self._nursery.start_soon(self._work, work, result, scope)

    async def _work(
        self, work: Callable[[], Awaitable[T]], result: "asyncio.Future[T]", scope: trio.CancelScope
    ) -> None:
        try:
            with scope:
                result.set_result(await work())
        except Exception as error:
            result.set_exception(error)
            result.exception()  # It is known, also where nobody waits any more.
        finally:
            if not result.done():
                result.cancel()

    @asynccontextmanager
    async def hold(self, block: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
        """A block of Trio's around a block of asyncio's."""
        opened: asyncio.Future[T] = self._loop.create_future()
        leave = trio.Event()

        async def keep() -> None:
            async with block as held:
                opened.set_result(held)
                await leave.wait()

        keeper = asyncio.ensure_future(self.call(keep))
        inside = _Inside(keeper)
        try:
            await asyncio.wait([opened, keeper], return_when=asyncio.FIRST_COMPLETED)
            if not opened.done():
                await keeper
            with inside:
                yield opened.result()
        except BaseException:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await _uncancelled(keeper)
            inside.check()
            if not keeper.cancelled():
                keeper.exception()  # What is raised inside goes before what that made of the block's end.
            raise
        leave.set()
        await _through(keeper)

    def adopt(self, tool: FunctionTool) -> FunctionTool:
        """The tool with its `async def` body in asyncio; a sync one runs in a thread wherever it is called from."""
        if not tool.is_async:
            return tool

        async def body(**arguments: Any) -> Any:
            return await self._in_asyncio(tool(**arguments))

        return tool.with_body(body)

    async def _in_asyncio(self, coroutine: Any) -> Any:
        """Called in Trio: wait for a task of asyncio's; cancelled here, it is cancelled there and has ended."""
        task: asyncio.Task[Any] = self._loop.create_task(coroutine)
        ended = trio.Event()
        task.add_done_callback(lambda _: ended.set())
        try:
            await ended.wait()
        except trio.Cancelled:
            task.cancel()
            with trio.CancelScope(shield=True):
                await ended.wait()
            if not task.cancelled():
                task.exception()
            raise
        return task.result()


class _Inside:
    """Cancels the asyncio task that is in a block when the block's keeper ends by itself."""

    def __init__(self, keeper: "asyncio.Future[None]") -> None:
        self._keeper = keeper
        self._task = asyncio.current_task()
        self._open = False
        self._cancelled = False

    def __enter__(self) -> None:
        self._open = True
        self._keeper.add_done_callback(self._ended)

    def __exit__(self, *exc: Any) -> None:
        self._open = False

    def _ended(self, keeper: Any) -> None:
        if self._open and self._task is not None:
            self._cancelled = self._task.cancel()

    def check(self) -> None:
        """Raise what ended the block, if that is why its inside was cancelled and nobody else cancelled it too."""
        if self._cancelled and self._task is not None and self._task.uncancel() == 0:
            self._keeper.result()


async def _uncancelled(future: "asyncio.Future[Any]") -> None:
    """Wait until it is done, whoever cancels us meanwhile; raises nothing of its own but that cancellation, then."""
    cancelled = False
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


async def _through(keeper: "asyncio.Future[None]") -> None:
    """Wait for a block to end in good order; a cancellation hurries it."""
    try:
        await asyncio.shield(keeper)
    except asyncio.CancelledError:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await _uncancelled(keeper)
        raise
