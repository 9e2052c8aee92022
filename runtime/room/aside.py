"""Aside: work that takes long and touches no document of the room, done so that other tasks get their turn.

Reading a document's past takes microseconds for each piece that somebody typed, so a second for a book. What is short
is done at once, because a thread costs more than that, and because tests then see the same order each time. The work
may touch only what nobody else holds.
"""

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")

AT_ONCE_BYTES = 1 << 14
"""An update of so many bytes is read in 10 ms at most."""


async def aside(work: Callable[[], T], size: int) -> T:
    """What the work gives; `size` is how many bytes of updates it is about."""
    if size <= AT_ONCE_BYTES:
        await trio.lowlevel.checkpoint()
        return work()
    return await trio.to_thread.run_sync(work)
