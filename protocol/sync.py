"""Sync: what the frames of one tab say, without a socket.

`receive` reads one binary frame into messages; what a server answers is made by `frames`. The machine keeps no state,
because y-protocols needs none: the two documents and their state vectors are the state, and the room holds them. Rules
(specs/sync.md):

- One frame may hold several messages; y-sweet's client sends them so. They are taken whole or not at all.
- Whatever is not exactly a message is Refused('bad-frame'), which closes the socket with 4400: a peer that is out of
  step cannot be understood again. An *update* that does not decode is not judged here; it costs only itself.
- A client's own auth message (type 2) is refused like an unknown type. No stock client sends one to a server, and
  jupyter's use of the number has another shape, so it could not even be skipped.
- Whether a tab may write is the room's to judge.
"""

from msgspec import Struct

from . import awareness
from .errors import Refused
from .frames import AWARENESS, QUERY_AWARENESS, STEP1, STEP2, SYNC, SYNC_STATUS, UPDATE, read_bytes, read_uint
from .limits import FRAME_BYTES, FRAME_MESSAGES
from .update import decode_state_vector


class Step1(Struct, frozen=True, gc=False):
    """The tab tells what it has and asks for the rest. `clocks` is the state vector decoded: client id -> clock."""

    state_vector: bytes
    clocks: dict[int, int]


class Edit(Struct, frozen=True, gc=False):
    """The tab sends structs and deletions: a change, or (`step2`) its answer to our step 1. Not yet decoded."""

    update: bytes
    step2: bool


class Aware(Struct, frozen=True, gc=False):
    """The tab says who is here. The payload is well-formed; the registry of the document judges it."""

    payload: bytes


class QueryAware(Struct, frozen=True, gc=False):
    """The tab asks who is here."""


class SyncStatus(Struct, frozen=True, gc=False):
    """y-sweet's probe; the payload is echoed after everything before it was handled."""

    payload: bytes


Message = Step1 | Edit | Aware | QueryAware | SyncStatus

_QUERY_AWARE = QueryAware()
_UPDATE_BEGINS = bytes((SYNC, UPDATE))


def keystroke(frame: bytes, at: int) -> Edit | None:
    """What is said most by far: a short update, with which the frame ends. None for anything else."""
    if frame.startswith(_UPDATE_BEGINS, at) and len(frame) > at + 2:
        size = frame[at + 2]
        if size < 0x80 and at + 3 + size == len(frame):
            return Edit(frame[at + 3 :], False)
    return None


def receive(frame: bytes) -> list[Message]:
    """The messages of one binary frame, in order. Raises Refused, 'bad-frame' or 'too-large'; then none counts."""
    typed = keystroke(frame, 0)
    if typed is not None:
        return [typed]
    if len(frame) > FRAME_BYTES:
        raise Refused("too-large", f"A frame may have {FRAME_BYTES} bytes.")
    messages: list[Message] = []
    at, end = 0, len(frame)
    while at < end:
        message, at = read_message(frame, at)
        messages.append(message)
        if len(messages) > FRAME_MESSAGES:
            raise Refused("bad-frame", f"A frame may hold {FRAME_MESSAGES} messages.")
    if not messages:
        raise Refused("bad-frame", "The frame is empty.")
    return messages


def read_message(frame: bytes, at: int) -> tuple[Message, int]:
    """The message at a position, and the position after it. Raises Refused('bad-frame')."""
    kind, at = read_uint(frame, at)
    if kind == SYNC:
        return _sync(frame, at)
    if kind == AWARENESS:
        payload, at = read_bytes(frame, at)
        awareness.decode(payload)
        return Aware(payload), at
    if kind == QUERY_AWARENESS:
        return _QUERY_AWARE, at
    if kind == SYNC_STATUS:
        payload, at = read_bytes(frame, at)
        return SyncStatus(payload), at
    raise Refused("bad-frame", f"A client sends no message of type {kind}.")


def _sync(frame: bytes, at: int) -> tuple[Message, int]:
    step, at = read_uint(frame, at)
    payload, at = read_bytes(frame, at)
    if step in (UPDATE, STEP2):
        return Edit(payload, step == STEP2), at
    if step == STEP1:
        return Step1(payload, decode_state_vector(payload)), at
    raise Refused("bad-frame", f"No sync message has type {step}.")
