"""Token buckets: how often somebody may do something in the long run, and how often at once.

A bucket is one number, the moment at which it is full again, so a full one is no different from none and is forgotten.
Many of them, one for each address or subject, are a bounded table. The caller brings the time, in seconds of a clock
that only goes forward.
"""

from collections import OrderedDict
from collections.abc import Hashable

_ROUNDING_S = 1e-9


class Buckets:
    """Buckets of `burst` tokens that time fills at `rate` a second, at most `keep` of them; whoever spent last longest
    ago is forgotten first, as if theirs were full."""

    __slots__ = ("_burst_s", "_cost_s", "_full_at", "_keep")

    def __init__(self, rate: float, burst: float, keep: int) -> None:
        self._cost_s = 1 / rate
        self._burst_s = burst / rate
        self._keep = keep
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Hashable, now: float) -> bool:
        """Take a token if there is one."""
        full_at = self._full_at_with_one_more(key, now)
        if full_at > now + self._burst_s + _ROUNDING_S:
            return False
        self._write(key, full_at)
        return True

    def owe(self, key: Hashable, now: float) -> float:
        """Take a token though there is none; how many seconds to wait before the next one."""
        full_at = self._full_at_with_one_more(key, now)
        self._write(key, full_at)
        return max(0.0, full_at - now - self._burst_s)

    def _full_at_with_one_more(self, key: Hashable, now: float) -> float:
        table = self._full_at
        for _ in range(2):  # One comes at a time and up to two go, so full ones do not gather.
            oldest = next(iter(table), None)
            if oldest is None or table[oldest] > now:
                break
            del table[oldest]
        return max(table.get(key, now), now) + self._cost_s

    def _write(self, key: Hashable, full_at: float) -> None:
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._keep:
            self._full_at.popitem(last=False)
