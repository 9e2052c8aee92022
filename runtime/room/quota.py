"""How much may be asked of agents, and how much a room may hold: what outsiders' commands are measured by.

A prompt costs money and a log is for ever, so both are bounded by whose they are. What a program in this process asks
is its owner's affair and is not measured; nor is what an agent does in a run. Rules (specs/admission.md):

- It is measured when a command is carried out for the first time: one that is repeated gets its first answer (law 5).
- Rates and open runs are known here, not in the log: a restart forgets rates, and counts the runs of rooms that wake.
- `anonymous` is no subject, since it is everybody; it has its rooms' limits.
"""

from collections import Counter
from collections.abc import Callable, Iterable

import trio

from ...protocol import limits
from ...protocol.access import ANONYMOUS
from ...protocol.admission import Allowance
from ...protocol.buckets import Buckets
from ...protocol.errors import Refused
from ...protocol.state import Run

_MINUTE_S = 60


class Quota:
    """What is measured in all rooms of this process. `clock` gives seconds that only go forward."""

    def __init__(self, allowance: Allowance | None = None, *, clock: Callable[[], float] = trio.current_time) -> None:
        self._allowance = allowance = allowance or Allowance()
        self._clock = clock
        subject, room = allowance.prompts_per_minute, allowance.room_prompts_per_minute
        self._subjects = Buckets(subject / _MINUTE_S, subject, limits.ADDRESSES)
        self._rooms = Buckets(room / _MINUTE_S, room, limits.ADDRESSES)
        self._open: dict[str, Counter[str]] = {}
        self.room_bytes = allowance.room_bytes

    def prompt(self, room: str, author: str, runs: Iterable[Run], *, begins: bool) -> None:
        """That author prompts in that room, whose open runs are `runs`; it begins one more, or not. Raises Refused."""
        told_apart = author != ANONYMOUS.author
        if begins and told_apart:
            elsewhere = sum(counted[author] for name, counted in self._open.items() if name != room)
            if elsewhere + sum(run.author == author for run in runs) >= self._allowance.runs_per_subject:
                raise Refused("too-many-runs")
        now = self._clock()
        if told_apart and not self._subjects.take(author, now):
            raise Refused("rate-limited", f"You may prompt {self._allowance.prompts_per_minute} times a minute.")
        if not self._rooms.take(room, now):
            most = self._allowance.room_prompts_per_minute
            raise Refused("rate-limited", f"A room may be prompted {most} times a minute.")

    def check_room(self, size: int) -> None:
        """Whether a room whose log holds that many bytes may grow. Raises Refused('room-full')."""
        if size >= self.room_bytes:
            raise Refused("room-full", f"This room's log holds the {self.room_bytes} bytes that it may; begin another.")

    def know(self, room: str, runs: Iterable[Run]) -> None:
        """These are the open runs of a room that is awake."""
        counted = Counter(run.author for run in runs if run.author != ANONYMOUS.author)
        if counted:
            self._open[room] = counted
        else:
            self._open.pop(room, None)

    def forget(self, room: str) -> None:
        """The room sleeps."""
        self._open.pop(room, None)
