"""After a failure: what a room owes whoever waited when it was read again from its log, and the quiet that it keeps.

A room that decides by itself right after a failure would spin on a full disk, so it keeps quiet for a while and only
answers. Meanwhile it holds what outlived the pass that did not happen. Rules (specs/room.md):

- What changes nothing is asked again at once, and nobody notices.
- What a call is known to have done stays true, and is said first when the room speaks again.
- A tab whose edit was lost is asked then for all that we have not. Everybody else is told, and asks again.
- The log of the new epoch is told which tabs with tools are here still before any of them says its next word in it.
"""

from collections import deque
from collections.abc import Iterable

from ...protocol.errors import PlaitError
from .messages import CatchUp, Edit, Join, Leave, Look, Message, Resync, Step1, TabStays
from .reports import Report
from .seeding import Shelf
from .tab import Tab

RETRY_S = (0.1, 1.0, 5.0, 15.0, 30.0)
"""How long a room keeps quiet after its nth failure in a row; the last one repeats."""

_CHANGES_NOTHING = (Join, Step1, CatchUp, Look, Leave, Shelf)


class Recovery:
    """What one room owes since its failures. `quiet` says whether it decides nothing by itself just now."""

    def __init__(self) -> None:
        self.quiet = False
        self._failures = 0
        self._unsynced: dict[Tab, None] = {}
        self._unsaid: list[Report] = []
        self._tabs_unsaid = False
        """Whether this epoch's log does not say yet that the tabs with tools are here still."""

    def committed(self) -> None:
        """The store works again."""
        self._failures = 0

    def failed(self) -> float | None:
        """The room was read again: it keeps quiet for so many seconds, or None if it does already."""
        delay_s = RETRY_S[min(self._failures, len(RETRY_S) - 1)]
        self._failures += 1
        self._tabs_unsaid = True
        if self.quiet:
            return None
        self.quiet = True
        return delay_s

    def sort(self, batch: Iterable[Message], error: PlaitError) -> list[Message]:
        """The messages of a pass that did not happen: those to be asked again at once. Some are held until the room
        speaks again, and the others are told the error."""
        again: list[Message] = []
        for message in batch:
            if isinstance(message, _CHANGES_NOTHING):
                again.append(message)
            elif isinstance(message, Resync):
                self._unsynced[message.tab] = None
            elif isinstance(message, Report) and message.stays_true:
                self._unsaid.append(message)
            else:
                message.failed(error)
                if isinstance(message, Edit):
                    self._unsynced[message.tab] = None
        return again

    def who_stays(self, batch: Iterable[Message], tabs: Iterable[str]) -> list[Message]:
        """In a new epoch, before all that waits: a tab's next word would else be its first one there, and what the room
        knows of it from the last one would be lost, or would undo that word. In the quiet after a failure only then:
        the disk may be full for hours, and a try for each failure would be one try after the other."""
        if not self._tabs_unsaid or (self.quiet and all(isinstance(message, _CHANGES_NOTHING) for message in batch)):
            return []
        self._tabs_unsaid = False
        return [TabStays(name) for name in tabs]

    def speak(self) -> tuple[list[Report], list[Message]]:
        """The quiet is over: what calls have done meanwhile, to be said before anybody decides that it is not known;
        and, behind all that waits, the asking of those whose edits were lost."""
        self.quiet = False
        unsaid, self._unsaid = self._unsaid, []
        unsynced, self._unsynced = self._unsynced, {}
        return unsaid, [Resync(tab) for tab in unsynced]

    def close(self, error: PlaitError) -> None:
        """The room ends: nothing that is held will be said."""
        for report in self._unsaid:
            report.failed(error)


def without_intents(waiting: Iterable[Message], error: PlaitError) -> deque[Message]:
    """What waits, but for what was about to begin in the epoch that ended: its steps were abandoned with it."""
    kept: deque[Message] = deque()
    for message in waiting:
        if isinstance(message, Report) and message.begins:
            message.failed(error)
        else:
            kept.append(message)
    return kept
