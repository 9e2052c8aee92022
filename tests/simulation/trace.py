"""What happened in a simulated world, as a list that people can read and as one hash.

Two runs of a seed are the same if their hashes are. What breaks a promise is noted here too, with the moment, and does
not stop the world: what follows often says why.
"""

import hashlib
import logging
from collections.abc import Callable

import trio
from plait.protocol.errors import PlaitError


class Trace:
    """Lines in order; `broken` are the promises that did not hold."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.broken: list[str] = []
        self.counts: dict[str, int] = {}
        self.folder = ""
        """Where real files stand, which differs from run to run and is not said."""
        self.on_breach: Callable[[], None] = lambda: None
        self._hash = hashlib.sha256()

    def say(self, who: str, what: str, *, count: str = "") -> None:
        """Something happened. `count` is the kind of thing that it is, for the summary."""
        line = f"{trio.current_time():12.6f} {who:<14} {what}"
        self.lines.append(line)
        self._hash.update(line.encode() + b"\n")
        if count:
            self.counts[count] = self.counts.get(count, 0) + 1

    def breach(self, who: str, what: str) -> None:
        """A promise was broken."""
        self.say(who, f"BROKEN: {what}", count="broken")
        self.broken.append(f"{who}: {what}")
        self.on_breach()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class Listening(logging.Handler):
    """Puts what plait logs into the trace. An error with an exception that is none of plait's own is a bug's."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        text = record.getMessage().replace("\n", " ").replace(self._trace.folder or "\n", "")
        self._trace.say("log", f"{record.levelname.lower()}: {text}")
        if error is not None and not isinstance(error, PlaitError):
            self._trace.breach("log", f"{text} ({type(error).__name__}: {error})")
