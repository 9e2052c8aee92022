"""Signed heads: where a room's log ended, signed, to be kept where nobody who writes the log can reach it.

The hash chain finds a record that was changed. It does not find a log that was rewritten whole, or cut together with
its room's row; whoever keeps a head elsewhere does. A signed head is a JWS (RFC 7515) like a grant, made with the same
kinds of keys (`protocol/tokens`), and says for whom it is, so that neither is ever taken for the other.
"""

import msgspec
from msgspec import Struct

from . import limits
from .errors import PlaitError
from .tokens import Key, Keys

AUDIENCE = "plait-head"
"""What a grant is never for."""


class BadHead(PlaitError):
    """It is no head that one of these keys signed."""


class SignedHead(Struct, frozen=True):
    """That the room's log, in that lineage, had `seq` records, the last of them with that hash (in hex) and of that
    time. `iat` is when it was signed, in seconds since 1970."""

    room: str
    lineage: str
    seq: int
    hash: str
    time: int
    iat: float
    aud: str = AUDIENCE


_decoder = msgspec.json.Decoder(SignedHead)


def sign(head: SignedHead, key: Key) -> str:
    """The head as one line of ASCII. Raises BadKey if the key can only check."""
    return key.sign(msgspec.json.encode(head))


def read(line: str, keys: Keys) -> SignedHead:
    """The head that a line holds. Raises BadHead."""
    said = keys.claims(line) if len(line) <= limits.GRANT_BYTES and line.isascii() else None
    if said is None:
        raise BadHead("it is not signed with a key that was given")
    try:
        head = _decoder.decode(said)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadHead("it is signed and is no head of a log") from None
    if head.aud != AUDIENCE:
        raise BadHead("it is signed and is no head of a log")
    return head
