"""Client ids that only a server may use, and where time and randomness come from.

A CRDT client id of ours has 53 bits: a tag of 21 bits from the room's name, never zero, and 32 random ones. So an
update that claims to be written by this room is known for a forgery, and a state vector that names such an id which the
room never had comes from another history (law 4, close code 4409).
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from ...protocol import limits


def _now() -> int:
    return time.time_ns() // 1000


class Surroundings(Struct, frozen=True):
    """What a simulation replaces: `now` gives µs since 1970, `entropy(n)` n random bytes."""

    now: Callable[[], int] = _now
    entropy: Callable[[int], bytes] = os.urandom

    def note(self, what: Literal["now", "random"]) -> str:
        """What a flow asks of the world outside, as JSON text: µs since 1970, or a number from 0 to 1, without 1."""
        if what == "now":
            return str(self.now())
        return repr((int.from_bytes(self.entropy(7), "big") >> 3) / (1 << 53))


@lru_cache(maxsize=limits.KNOWN_ROOMS)
def server_tag(room: str) -> int:
    """The 21 bits that mark the room's own client ids."""
    digest = hashlib.sha256(room.encode()).digest()
    return (int.from_bytes(digest[:3], "big") >> 3) or 1


def server_id(room: str, entropy: Callable[[int], bytes]) -> int:
    """A new client id for the room to write under."""
    return server_tag(room) << 32 | int.from_bytes(entropy(4), "big")


def is_server_id(client: int, room: str, kin: Iterable[str] = ()) -> bool:
    """Whether only a server of this room, or of one of its `kin`, could have made the id."""
    tag = client >> 32
    return bool(tag) and (tag == server_tag(room) or any(tag == server_tag(other) for other in kin))
