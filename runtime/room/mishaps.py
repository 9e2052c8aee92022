"""When a pass goes wrong: which command it broke on, and what those who waited are told.

A room that cannot commit, or that trips over a command, is read again from its log (room). A command that it has to be
read again for twice is refused the third time, or whoever repeats it would keep everybody from working for ever.
"""

from ...protocol import limits
from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...storage.errors import RoomDeleted, StoreError, StoreFull
from .messages import Ask, Message

_REMEMBERED = 100
"""So many commands are remembered for which a room had to be read again."""


class Suspects:
    """The commands that one room had to be read again for, and how often; the newest ones. `judging` is what the pass
    is at."""

    def __init__(self) -> None:
        self.judging: Message | None = None
        self._breaking: dict[str, int] = {}

    def refuses(self, message: Ask) -> bool:
        """Whether the room had to be read again for this very command too often; then it is refused."""
        if self._breaking.get(message.command.id, 0) < limits.COMMAND_TRIES:
            return False
        message.refuse(Refused("bad-request", "This cannot be done."))
        return True

    def remember(self) -> None:
        """The pass broke on what it was at."""
        message, self.judging = self.judging, None
        if isinstance(message, Ask):
            key = message.command.id
            self._breaking[key] = self._breaking.pop(key, 0) + 1
            if len(self._breaking) > _REMEMBERED:
                del self._breaking[next(iter(self._breaking))]


def trouble_of(error: BaseException) -> str:
    """The code of what the store failed with; empty if it was not the store."""
    if isinstance(error, OutcomeUnknown):
        return error.code
    if not isinstance(error, StoreError) or isinstance(error, RoomDeleted):
        return ""
    return "store-full" if isinstance(error, StoreFull) else "store-failed"


def told_of(error: BaseException) -> PlaitError:
    """What those who waited are told."""
    if isinstance(error, StoreFull):
        return Refused("store-full")
    if isinstance(error, OutcomeUnknown):
        return error
    return OutcomeUnknown("the room had to be read again from its log; ask again under the same id")
