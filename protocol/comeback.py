"""Comeback: what a client does when its socket has ended: whether to come back, and after how long.

Why: a client that comes back too eagerly is an attack on the server that just restarted, and one that comes back after
it was told no will be told no for ever. Rules (specs/client.md):

- The pause doubles with every socket that was of no use, up to `RECONNECT_MAX_S`, and half of it is chance, so that a
  thousand clients of one restarted server do not come all at once.
- Close codes 4400 to 4499, and 1009, are answers and end the client; every other end means come back.
"""

from collections.abc import Callable

from .errors import CODES, Code, PlaitError, Refused, code_of
from .limits import RECONNECT_FIRST_MS, RECONNECT_MAX_S


class ComeBack(PlaitError):
    """This socket cannot be gone on with; another one can. It does not mean that anything was refused."""


def pause_s(failures: int, random: Callable[[], float]) -> float:
    """How long to wait, in seconds, after so many useless sockets in a row; `random` gives a number from 0 to 1."""
    most = min(RECONNECT_MAX_S, RECONNECT_FIRST_MS / 1000 * 2.0 ** min(failures, 30))
    return most * (1 + random()) / 2


def refusal(close: int, reason: str = "") -> Refused | None:
    """What a close code says: why the client must not come back, or None if it may."""
    if close != 1009 and not 4400 <= close <= 4499:
        return None
    code = code_of(close, reason)
    said = CODES[code].sentence if reason in ("", code) else reason
    return Refused(code, f"{said} (The server closed the socket with {close}.)")


def rejected(status: int) -> Refused | None:
    """What an HTTP status in place of a WebSocket says: 4xx, but for those that mean later, are answers."""
    if not 400 <= status <= 499 or status in (408, 425, 429):
        return None
    code: Code = "not-allowed" if status in (401, 403) else "bad-request"
    return Refused(code, f"{CODES[code].sentence} (The server answered {status} in place of a WebSocket.)")
