"""Arrivals: one wait for all sockets that have nothing to say, and a call for each that says something.

Trio wakes a task for each socket that can be read, and arms the kernel anew for each wait: 10 µs of Python and a system
call around a read of 2. Where a hundred people type, that is a third of what an edit costs. So the sockets that are
waited for are in an epoll set of our own, of which one task waits for the whole, and who waits is called. Rules:

1. A call must not raise and must not wait. It reads once, so that nobody keeps the others waiting.
2. A socket is forgotten before it is closed, because its number may be another's afterwards.
3. Where there is no epoll (not on Linux), `arrivals` is None and Trio waits, as it does for all but sockets.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress

import trio
from outcome import Error, Outcome, Value

from ...protocol import limits

READ_BYTES = 16 << 10


class Arrivals:
    """The sockets of one Trio run of which somebody waits to read."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[], object]] = {}

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Have it called, again and again, while there are bytes to be read, or the end."""
        self._epoll.register(fd, select.EPOLLIN)
        self._calls[fd] = call

    def forget(self, fd: int) -> None:
        """Call no more. Idempotent."""
        if self._calls.pop(fd, None) is not None:
            with suppress(OSError):
                self._epoll.unregister(fd)

    async def run(self) -> None:
        """Call, for as long as the run lasts."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for fd, _ in self._epoll.poll(0, limits.SOCKETS_AT_ONCE):
                    call = self._calls.get(fd)
                    if call is not None:  # Another one's call may have ended it.
                        call()
        finally:
            self._epoll.close()


_current: "trio.lowlevel.RunVar[Arrivals]" = trio.lowlevel.RunVar("arrivals")


def arrivals() -> Arrivals | None:
    """Those of this Trio run, from the first time that somebody asks; None where there is no epoll."""
    if not hasattr(select, "epoll"):
        return None
    try:
        return _current.get()
    except LookupError:
        made = Arrivals()
        _current.set(made)
        trio.lowlevel.spawn_system_task(made.run, name="plait arrivals")
        return made


class Reader:
    """A task that waits for bytes, and what is done with them when they come."""

    __slots__ = ("_arrivals", "_fd", "_heard", "_take", "_task")

    def __init__(self, fd: int, take: Callable[[bytes], bool], found: Arrivals) -> None:
        self._fd = fd
        self._take = take
        self._arrivals = found
        self._heard: Callable[[int], bool]
        self._task: trio.lowlevel.Task | None = None

    def begin(self, heard: Callable[[int], bool]) -> Callable[[object], trio.lowlevel.Abort]:
        """From now on the present task waits; what takes it out of that. `heard` is told of each chunk and says
        whether it is wanted."""
        self._heard = heard
        self._task = trio.lowlevel.current_task()
        self._arrivals.watch(self._fd, self.read)
        return self._abort

    def read(self) -> None:
        """There are bytes."""
        try:
            data = os.read(self._fd, READ_BYTES)
            if (self._heard(len(data)) or not data) and self._take(data):
                self.end(Value(None))
        except BlockingIOError:
            return
        except OSError as error:
            broken = trio.BrokenResourceError(f"socket connection broken: {error}")
            broken.__cause__ = error
            self.end(Error(broken))
        except BaseException as error:
            self.end(Error(error))

    def end(self, outcome: Outcome[None]) -> None:
        """The wait is over."""
        self.stop()
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task, outcome)

    def stop(self) -> None:
        """Read no more."""
        self._arrivals.forget(self._fd)

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self.stop()
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED
