"""Newcomers take turns: of all who have said something that is yet to be understood, one at a time is attended to.

In each turn of its loop Trio runs everybody who can go on, and a tab's message takes two or three turns. A hundred
heads that came at once would stand before each of them. So whoever sends a head, a body or a handshake waits here for a
turn, and those who were let in before wait for one newcomer, and not for all of them. Rules (specs/admission.md):

1. Who comes first is first.
2. A turn of the loop has one newcomer for each `_EACH_S` that the turn before took, and at least one. So newcomers have
   a share of the time of a busy loop, too, but never most of it.
3. Where nobody gives out turns, as in a simulation, nobody waits for one.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import NoReturn

import trio

_EACH_S = 0.001
"""What a newcomer takes of the loop in one step is a third to two thirds of that."""


class Turns:
    """The turns of one server. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[trio.Event] = deque()
        self._wanted = trio.Event()
        self._free = 0
        self._given = False

    async def mine(self) -> None:
        """Wait for a turn."""
        if not self._given:
            return
        self._wanted.set()
        if self._free:
            self._free -= 1
            return
        turn = trio.Event()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except trio.Cancelled:
            if not turn.is_set():
                self._waiting.remove(turn)
            raise

    async def give(self) -> NoReturn:
        """Give out turns until cancelled."""
        self._given = True
        try:
            while True:
                self._wanted = trio.Event()
                if self._free:  # So nobody waits; the loop may sleep.
                    await self._wanted.wait()
                began = self._clock()
                await trio.lowlevel.checkpoint()
                self._free = max(1, int((self._clock() - began) / _EACH_S))
                while self._waiting and self._free:
                    self._waiting.popleft().set()
                    self._free -= 1
        finally:
            self._given = False
            for turn in self._waiting:
                turn.set()
            self._waiting.clear()
