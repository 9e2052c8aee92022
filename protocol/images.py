"""Images: where units of one document stand in another one, under other ids.

Why: what is accepted from a draft, and what rejecting brings back, are copies with ids of their own (specs/drafts.md).
"""

from bisect import bisect_right

from .events import Move
from .items import Id


class Images:
    """Where units stand elsewhere: ranges of ids of one document, and the ids in another that they have there."""

    def __init__(self) -> None:
        self._starts: dict[int, list[int]] = {}
        self._moves: dict[int, list[Move]] = {}

    def add(self, move: Move) -> None:
        """These units stand there from now on."""
        client, clock, *_ = move
        starts = self._starts.setdefault(client, [])
        at = bisect_right(starts, clock)
        starts.insert(at, clock)
        self._moves.setdefault(client, []).insert(at, move)

    def find(self, client: int, clock: int) -> Id | None:
        """Where the unit stands, None if nowhere else."""
        found = self.run(client, clock)
        return None if found is None else found[0]

    def run(self, client: int, clock: int) -> tuple[Id, int] | None:
        """The same, and how many units from it on stand there one after the other."""
        starts = self._starts.get(client)
        at = bisect_right(starts, clock) - 1 if starts else -1
        if at < 0:
            return None
        _, first, length, to_client, to_clock = self._moves[client][at]
        passed = clock - first
        return ((to_client, to_clock + passed), length - passed) if passed < length else None
