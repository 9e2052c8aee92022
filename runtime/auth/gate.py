"""The gate: who may come in, and with which grant. Everything that a server is asked passes here first.

Three kinds of gates: open (everybody is anonymous), keys (a signed grant must be shown), or a function of whoever
embeds plait, which is given the request's head and decides. Rules (specs/access.md):

- What the function raises, other than Refused, lets nobody in: the asker is told to try again, and the log has the
  error's name and not its text, which may hold what was shown.
- A grant counts from the moment on at which it was checked to the moment at which it expires or is revoked. What stays
  open holds it (`held`) and is ended then.
"""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import isawaitable
from typing import NamedTuple

import trio
from msgspec import structs

from ...protocol import limits
from ...protocol.access import ANONYMOUS, Grant
from ...protocol.errors import Refused
from ...storage.store import Revocation
from .held import Held
from .keyring import KeyRing
from .revocations import Kind, Revocations

log = logging.getLogger("plait.auth")


class Asker(NamedTuple):
    """The head of a request, and the token that was shown with it or in band. Header names are lower case; `path` is
    still percent-encoded. `address` is whose request it is, past the proxies that are trusted, and `secure` tells
    whether it came over TLS."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    token: str
    address: str = ""
    secure: bool = False

    def __repr__(self) -> str:
        return f"Asker({self.method} {self.path})"  # Nothing else of it may stand in a log or a traceback.


AuthFunction = Callable[[Asker], "Grant | Awaitable[Grant | None] | None"]
Auth = KeyRing | AuthFunction


def wall_clock() -> int:
    """The system's time in µs since 1970."""
    return time.time_ns() // 1000


class Gate:
    """Judges askers. Without `auth` it is open. `revocations` are what counts no more; `now` is the time in µs since
    1970."""

    def __init__(
        self,
        auth: Auth | None = None,
        *,
        revocations: Revocations | None = None,
        now: Callable[[], int] = wall_clock,
    ) -> None:
        self._auth = auth
        self._revocations = revocations
        self._held: set[Held] = set()
        self._holders: Counter[str] = Counter()
        self.now = now
        if revocations is not None:
            revocations.told.append(self._expel)

    @property
    def open(self) -> bool:
        """Whether nobody is asked who they are."""
        return self._auth is None

    async def admit(self, asker: Asker) -> Grant:
        """The asker's grant, which is good now. Raises Refused('no-grant'), or as the host's function says."""
        if self._auth is None:
            return ANONYMOUS
        grant = None
        with trio.move_on_after(limits.AUTH_S) as scope:
            grant = await self._ask(self._auth, asker)
        if scope.cancelled_caught:
            raise Refused("overloaded", "It took too long to find out who asks; try again.")
        if grant is None:
            raise Refused("no-grant")
        now = self.now()
        if not grant.issued:
            grant = structs.replace(grant, issued=now)
        self.check_entry(grant, "")
        return grant

    def check(self, grant: Grant, room: str = "") -> None:
        """Whether the grant is good at this moment, for that room if one is meant. Raises Refused('grant-expired') or
        Refused('grant-revoked')."""
        if grant.expires and grant.expires <= self.now():
            raise Refused("grant-expired")
        if self._revocations is not None and self._revocations.covers(grant, room):
            raise Refused("grant-revoked")

    def check_entry(self, grant: Grant, room: str) -> None:
        """As `check`, for somebody who comes in. Raises Refused('no-grant')."""
        try:
            self.check(grant, room)
        except Refused as refused:
            raise Refused("no-grant", refused.message) from None

    @property
    def revoked(self) -> list[Revocation]:
        """All that was revoked."""
        return self._revocations.listed() if self._revocations is not None else []

    async def revoke(self, kind: Kind, value: str) -> Revocation:
        """As `Revocations.revoke`."""
        if self._revocations is None:
            raise Refused("bad-request", "Nothing can be revoked where nobody is asked for a grant.")
        return await self._revocations.revoke(kind, value, self.now())

    def _expel(self) -> None:
        """Something was revoked: whoever holds a grant that counts no more is ended."""
        for held in tuple(self._held):
            try:
                held.check()
            except Refused as refused:
                held.end(refused)

    @contextmanager
    def holding(self, held: Held) -> Iterator[None]:
        """The grant is in use inside: a revocation that means it ends its holder."""
        author = held.grant.author
        self._held.add(held)
        self._holders[author] += 1
        try:
            yield
        finally:
            self._held.discard(held)
            self._holders[author] -= 1
            if not self._holders[author]:
                del self._holders[author]

    def holders(self, author: str) -> int:
        """How many grants of that subject are in use."""
        return self._holders[author]

    async def _ask(self, auth: Auth, asker: Asker) -> Grant | None:
        if isinstance(auth, KeyRing):
            return await auth.grant(asker.token, self.now())
        try:
            said = auth(asker)
            grant = await said if isawaitable(said) else said
        except (Refused, KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:
            log.error("the function that says who asks raised %s", type(error).__name__)
            raise Refused("overloaded", "It cannot be told now who asks; try again.") from None
        if grant is None or isinstance(grant, Grant):
            return grant
        log.error("the function that says who asks gave a %s and not a Grant or None", type(grant).__name__)
        raise Refused("overloaded", "It cannot be told now who asks; try again.")
