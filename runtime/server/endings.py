"""How a socket ends: the close code of a refusal, and what becomes of an error that nobody expected.

Rules:

1. Every refusal has a close code: its own, 1013 where trying again may help, else 4400. A store that fails is 1013.
2. Nothing that a handler raises leaves it, pyo3's PanicException (a BaseException) included: it costs its own socket
   1011 and one log line that names the room. Only Cancelled, KeyboardInterrupt and SystemExit pass.
3. Closed sockets have `CLOSED_LINES` in the log a minute; of the others it is said how many they were.
"""

import logging

import trio

from ...protocol import limits
from ...protocol.errors import CODES, Refused
from ...storage.errors import RoomDeleted, StoreError

logger = logging.getLogger("plait.server")

PASSES = (trio.Cancelled, KeyboardInterrupt, SystemExit, GeneratorExit)


def close_code(refused: Refused) -> int:
    """The code that a socket ends with because of a refusal."""
    meaning = CODES[refused.code]
    return meaning.close or (1013 if meaning.status >= 500 else 4400)


def ending(where: str, error: BaseException) -> tuple[int, str]:
    """The close code and the sentence for a tab whose handler raised this. Raises what must pass."""
    if isinstance(error, Refused):
        return close_code(error), error.message
    sentence = failed(where, error)
    return (1013, "The room cannot be opened now; try again.") if isinstance(error, StoreError) else (1011, sentence)


def failed(where: str, error: BaseException) -> str:
    """Log what a handler raised, in one line, and give the sentence for the tab. Raises what must pass."""
    passing, rest = None, error
    if isinstance(error, BaseExceptionGroup):
        passing, remaining = error.split(PASSES)
        if remaining is None:
            raise error
        rest = remaining
        while isinstance(rest, BaseExceptionGroup) and len(rest.exceptions) == 1:
            rest = rest.exceptions[0]
    # What is refused in the middle of an answer, because the room was deleted meanwhile, is nobody's failure.
    level = logging.INFO if isinstance(rest, Refused | RoomDeleted) else logging.ERROR
    logger.log(level, "%s: %s: %s", where, type(rest).__name__, rest, exc_info=rest if _verbose() else None)
    if passing is not None:
        raise passing
    return "internal error"


class Closed:
    """Lines in the log about sockets of one kind that were closed, as many as it bears."""

    def __init__(self) -> None:
        self._minute = -float("inf")
        self._lines = 0

    def tell(self, where: str, code: int, reason: str) -> bool:
        """One was closed; whether there was a line for it."""
        now = trio.current_time()
        if now >= self._minute + 60:
            if self._lines > limits.CLOSED_LINES:
                logger.info("%d more sockets were closed", self._lines - limits.CLOSED_LINES)
            self._minute, self._lines = now, 0
        self._lines += 1
        if self._lines > limits.CLOSED_LINES:
            return False
        logger.info("%s: closed with %d: %s", where, code, reason)
        return True


def _verbose() -> bool:
    return logger.isEnabledFor(logging.DEBUG)
