"""Text word by word, at a speed that somebody chose: how the models without a vendor stream.

A schedule is kept by absolute times, so that many small sleeps do not add up their lateness; a stream that was held
back (a full room) therefore catches up afterwards. Every word is a checkpoint, paced or not: an unpaced stream of a
long text would else keep every other task waiting, and could not be cancelled.
"""

import math
import re
from collections.abc import Iterator

import trio

_WORD = re.compile(r"\S+\s*|\s+")


def words(text: str) -> Iterator[str]:
    """The text in words, each with the space that follows it; joined they are the text, exactly."""
    return (match.group() for match in _WORD.finditer(text))


def count_words(text: str) -> int:
    """What stands for tokens where no vendor counts them."""
    return len(text.split())


class Pace:
    """A schedule of so many words per second; infinitely many means no waiting."""

    def __init__(self, words_per_s: float) -> None:
        if not words_per_s > 0:
            raise ValueError("a pace is above 0 words per second")
        self._interval_s = 0.0 if math.isinf(words_per_s) else 1 / words_per_s
        self._due = trio.current_time()

    async def next(self) -> None:
        """Wait until the next word is due. Always a checkpoint."""
        if self._interval_s == 0:
            await trio.lowlevel.checkpoint()
            return
        self._due += self._interval_s
        await trio.sleep_until(self._due)
