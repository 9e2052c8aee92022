"""How fast one socket may speak: a bucket of seconds that every frame empties and time fills again.

Each edit is a record for ever, and each awareness frame goes to every tab, so a page with a bug that writes in a loop
would fill the disk and starve its room. Nobody is told and nothing is lost: the next frame is read when the bucket has
recovered, and until then TCP holds the sender back. Rules:

1. A frame costs its messages at `MESSAGES_PER_S` and its bytes at `BYTES_PER_S`.
2. A bucket holds `BURST_S`. Debts are paid before the next frame is read, never by refusing one.
"""

from ...protocol import limits


class Pace:
    """One socket's bucket. The caller brings the time, in seconds of a clock that only goes forward."""

    __slots__ = ("_spent",)

    def __init__(self, now: float) -> None:
        self._spent = now - limits.BURST_S
        """The time at which all that was said so far is paid for."""

    def spend(self, messages: int, size: int, now: float) -> float:
        """A frame of so many messages and bytes was read; how many seconds to wait before the next one."""
        spent, least = self._spent, now - limits.BURST_S
        spent = spent if spent > least else least
        self._spent = spent = spent + messages / limits.MESSAGES_PER_S + size / limits.BYTES_PER_S
        return spent - now if spent > now else 0.0
