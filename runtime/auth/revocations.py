"""What was revoked: kept in the store, so that a restart does not forget it, and known here by heart.

Rules (specs/access.md):

- A subject's grants, or those for a room, count no more if they were issued up to the moment of the revocation; fresh
  ones do. A grant that was revoked by its id never counts again.
- It holds from the moment on at which it is asked, before it is on disk: if the store then fails, whoever asked is told
  so, and in this process it holds nevertheless.
"""

from collections.abc import Callable
from typing import Literal

from ...protocol import limits
from ...protocol.access import Grant
from ...protocol.errors import Refused
from ...storage.store import Revocation, Store

Kind = Literal["subject", "grant", "room"]


class Revocations:
    """All revocations of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[Kind, str], int] = {}
        self._loaded = False
        self.told: list[Callable[[], None]] = []
        """What is called when there is one more: every gate's, which ends whom it means."""

    async def load(self) -> None:
        """Learn what the store has. Raises StoreError."""
        if not self._loaded:
            for one in await self._store.revocations():
                self._learn(one)
            self._loaded = True

    def listed(self) -> list[Revocation]:
        """All of them, by kind and value."""
        return [Revocation(kind, value, at) for (kind, value), at in sorted(self._known.items())]

    async def revoke(self, kind: Kind, value: str, now: int) -> Revocation:
        """Let these grants count no more; once this returns it is on disk. Raises Refused, and then nothing happened;
        StoreError or OutcomeUnknown, and then it holds in this process all the same."""
        if not value or len(value) > limits.SUBJECT_CHARS:
            raise Refused("bad-request", f"What is revoked has 1 to {limits.SUBJECT_CHARS} characters.")
        if len(self._known) >= limits.REVOCATIONS and (kind, value) not in self._known:
            raise Refused("overloaded", f"{limits.REVOCATIONS} things are revoked; change the keys instead.")
        revocation = Revocation(kind, value, now)
        self._learn(revocation)
        for tell in tuple(self.told):
            tell()
        await self._store.revoke(revocation)
        return revocation

    def covers(self, grant: Grant, room: str) -> bool:
        """Whether the grant counts no more, for that room (or, without one, for any)."""
        if not self._known:
            return False
        if grant.id and ("grant", grant.id) in self._known:
            return True
        since = max(self._known.get(("subject", grant.author), -1), self._known.get(("room", room), -1))
        return grant.issued <= since

    def _learn(self, revocation: Revocation) -> None:
        key = (revocation.kind, revocation.value)
        self._known[key] = max(self._known.get(key, 0), revocation.at)
