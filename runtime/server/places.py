"""Places at a counter that serves few at a time: who finds none waits, though not for ever, and nobody has them all.

Some things that may be asked cost a lot for a while: a blob in memory, a room's past read from its log. So few are
done at once. Rules (specs/admission.md):

1. One asker, a subject or an address where there is none, has at most `each` places; the others stay for others.
2. Who comes first is first, among those who may have a place now.
3. Who has waited `wait_s` is refused, and one who leaves while they wait, or while they are served, holds nothing.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ...protocol.access import ANONYMOUS, Grant
from ...protocol.errors import Refused


class Places:
    """`at_once` places. Askers without a name ("") have no share of their own."""

    def __init__(self, at_once: int, each: int, wait_s: float) -> None:
        self._free = at_once
        self._each = each
        self._wait_s = wait_s
        self._taken: Counter[str] = Counter()
        self._waiting: list[tuple[str, trio.Event]] = []

    @property
    def free(self) -> int:
        """How many are free now."""
        return self._free

    @asynccontextmanager
    async def place(self, whose: str) -> AsyncIterator[None]:
        """A place for the block. Raises Refused('overloaded')."""
        await self._enter(whose)
        try:
            yield
        finally:
            self._leave(whose)

    def _may(self, whose: str) -> bool:
        return self._free > 0 and (not whose or self._taken[whose] < self._each)

    def _take(self, whose: str) -> None:
        self._free -= 1
        self._taken[whose] += 1

    async def _enter(self, whose: str) -> None:
        if self._may(whose):
            self._take(whose)
            return
        mine = whose, trio.Event()
        self._waiting.append(mine)
        try:
            with trio.move_on_after(self._wait_s):
                await mine[1].wait()
        except trio.Cancelled:
            if mine[1].is_set():  # The place was given in the same turn of the loop.
                self._leave(whose)
            raise
        finally:
            if not mine[1].is_set():
                self._waiting.remove(mine)
        if not mine[1].is_set():
            raise Refused("overloaded", "Too much of this is being asked for; try again later.")

    def _leave(self, whose: str) -> None:
        self._free += 1
        self._taken[whose] -= 1
        if not self._taken[whose]:
            del self._taken[whose]
        for index, (other, given) in enumerate(self._waiting):
            if self._may(other):
                del self._waiting[index]
                self._take(other)
                given.set()
                return


def asker_of(grant: Grant, address: str) -> str:
    """By what an asker is told apart here: the subject, or the address of who is nobody in particular."""
    return address if grant.author == ANONYMOUS.author else f"subject {grant.author}"
