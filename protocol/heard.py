"""Heard: what the binary frames of a server say, as a client reads them; `sync.receive` is the server's side.

A reader passes over messages of types that it does not know, presence among them, so that a newer server can say more;
what it knows it reads exactly. A malformed frame is Refused('bad-frame').
"""

from msgspec import Struct

from .errors import Refused
from .frames import AUTH, STEP1, STEP2, SYNC, UPDATE, read_bytes, read_string, read_uint
from .sync import Step1
from .update import decode_state_vector


class Change(Struct, frozen=True, gc=False):
    """Structs and deletions on the server's disk: a change, or (`step2`) its answer to our step 1."""

    update: bytes
    step2: bool


class NotTaken(Struct, frozen=True, gc=False):
    """An edit of ours was not taken. `code` is 'permission-denied' where the whole document is read-only."""

    code: str
    message: str


Heard = Step1 | Change | NotTaken


def read(frame: bytes) -> list[Heard]:
    """The messages of one frame, in order, up to the first of a type that is not known. Raises Refused('bad-frame')."""
    heard: list[Heard] = []
    at = 0
    while at < len(frame):
        kind, at = read_uint(frame, at)
        if kind == SYNC:
            message, at = _sync(frame, at)
            heard.append(message)
        elif kind == AUTH:
            message, at = _auth(frame, at)
            heard.append(message)
        else:
            break
    return heard


def _sync(frame: bytes, at: int) -> tuple[Heard, int]:
    step, at = read_uint(frame, at)
    payload, at = read_bytes(frame, at)
    if step == STEP1:
        return Step1(payload, decode_state_vector(payload)), at
    if step in (STEP2, UPDATE):
        return Change(payload, step == STEP2), at
    raise Refused("bad-frame", f"No sync message has type {step}.")


def _auth(frame: bytes, at: int) -> tuple[Heard, int]:
    _, at = read_uint(frame, at)
    said, at = read_string(frame, at)
    code, colon, message = said.partition(": ")
    return (NotTaken(code, message) if colon else NotTaken("permission-denied", said)), at
