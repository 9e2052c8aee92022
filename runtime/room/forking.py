"""Forking: what a room that was made as a copy of another one writes first.

The records up to there are copied as they are, ids and times and authors; what comes then is this room's own, under a
CRDT client id of its own, so that nothing it writes can ever be taken for the parent's (law 4).
"""

from ...protocol.access import Grant
from ...protocol.events import Event, Forked, Record
from .proposing import Proposing


def fork_id(room: str) -> str:
    """The id of the record by which that room says of whom it is a fork. No command's records are called so."""
    return f"fork/{room}"


class Forking(Proposing):
    """One epoch of one room, as far as it is a fork."""

    def begin_fork(self, grant: Grant, forked: Forked, changed: Event | None, instead: Record | None) -> None:
        """Write down that this is a fork; before that, what is otherwise, in the place of the parent's next record."""
        if changed is not None and instead is not None:
            # A step's outcome keeps its id, so that nothing reports it again; a command of the parent's is none here.
            key = instead.id if instead.asked is None and (instead.id or "").startswith(f"{instead.run}/") else None
            self._draft(changed, grant.author, instead.run, id=key, grant=grant.id)
        self._draft(forked, grant.author, id=fork_id(self.name), grant=grant.id)
