"""Breakpoints that stop a room's runs: no step begins before each of them has looked at all that was written.

A breakpoint looks at the log beside the room (runtime/server/finding), so what somebody thought up costs a pass
nothing; and yet the runs are to stop at the very record that it waits for, before a model is asked or a tool called
again. So whoever begins a step waits here first. Rules (specs/replay.md):

- Only steps wait, nobody's typing does, and what has begun goes on.
- A breakpoint that does not come to look within `BREAK_WAIT_S` is waited for no longer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from ...protocol import limits


class Breakpoint:
    """One breakpoint of one room. `looked` is the record up to which it has looked."""

    def __init__(self, breaks: "Breaks", looked: int) -> None:
        self._breaks = breaks
        self.looked = looked

    def look(self, seq: int) -> None:
        """It has looked at everything up to that record, and what it wanted of the room has happened."""
        self.looked = seq
        self._breaks.moved()


class Breaks:
    """The breakpoints of one room."""

    def __init__(self) -> None:
        self._all: set[Breakpoint] = set()
        self._moved = trio.Event()

    def __bool__(self) -> bool:
        return bool(self._all)

    @contextmanager
    def setting(self, seq: int) -> Iterator[Breakpoint]:
        """A breakpoint that has looked at all up to that record, for as long as somebody is inside."""
        one = Breakpoint(self, seq)
        self._all.add(one)
        try:
            yield one
        finally:
            self._all.discard(one)
            self.moved()

    def moved(self) -> None:
        """One of them has looked at more, or is gone."""
        self._moved.set()

    async def pass_by(self, seq: int) -> None:
        """Wait until all of them have looked at everything up to that record, though not for long."""
        with trio.move_on_after(limits.BREAK_WAIT_S):
            while any(one.looked < seq for one in self._all):
                self._moved = trio.Event() if self._moved.is_set() else self._moved
                await self._moved.wait()
