"""A grant in use, by whatever stays open: a socket, a document on one, an answer that goes on.

What is done is checked against `grant` as it is at that moment, so a renewal counts from the next frame on. Rules
(specs/access.md):

- At `GRANT_RENEW_PERCENT` of its life the holder is asked for a fresh one (`warn`); when it expires or is revoked the
  holder is ended (`end`). Both happen by the wall clock, which may jump; so it is looked at again at least every
  `GRANT_LOOK_S`, and with each frame.
- A renewal has to be of the same subject: what a socket has written, and its presence, are that one's. It may allow
  less than before, or more, but not less than the socket needs.
"""

from collections.abc import Awaitable, Callable
from typing import NoReturn, Protocol

import trio

from ...protocol import limits
from ...protocol.access import Grant
from ...protocol.errors import Refused

_SECOND = 1_000_000


class Judge(Protocol):
    """What a held grant asks of its gate: the time, and whether a grant still counts for a room."""

    @property
    def open(self) -> bool: ...

    @property
    def now(self) -> Callable[[], int]: ...

    def check(self, grant: Grant, room: str = "") -> None: ...


def _nothing(_seconds: float) -> None:
    pass


def _nobody(_refused: Refused) -> None:
    pass


class Held:
    """One grant in use for that room. `ask` judges a token that is shown for its renewal; `warn` is given the seconds
    that are left, `end` why it is over."""

    __slots__ = ("_ask", "_begun", "_changed", "_judge", "end", "grant", "room", "warn")

    def __init__(self, judge: Judge, grant: Grant, room: str, ask: Callable[[str], Awaitable[Grant]]) -> None:
        self._judge = judge
        self._ask = ask
        self._begun = judge.now()
        self._changed = trio.Event()
        self.grant = grant
        self.room = room
        self.warn: Callable[[float], None] = _nothing
        self.end: Callable[[Refused], None] = _nobody

    def check(self) -> None:
        """Whether the grant is still good. Raises Refused('grant-expired') or Refused('grant-revoked')."""
        if not self._judge.open:
            self._judge.check(self.grant, self.room)

    async def renew(self, token: str) -> None:
        """Go on with the grant that this token holds. Raises Refused, and then the old one still counts."""
        grant = await self._ask(token)
        if grant.author != self.grant.author:
            raise Refused("not-allowed", "A renewed grant is of the same subject.")
        self.grant = grant
        self._begun = self._judge.now()
        self._changed.set()
        self._changed = trio.Event()

    async def watch(self) -> NoReturn:
        """Warn and end in time; never returns, and is cancelled with the holder."""
        if self._judge.open:
            await trio.sleep_forever()
        warned = 0
        while True:
            grant, left = self.grant, self._left(self.grant.expires)
            try:
                self._judge.check(grant, self.room)
            except Refused as refused:
                self.end(refused)
                await trio.sleep_forever()
            soon = left if grant.expires else limits.GRANT_LOOK_S
            if grant.expires and grant.expires != warned:
                until_warning = self._left(self._renewal(grant))
                if until_warning <= 0:
                    warned = grant.expires
                    self.warn(left)
                else:
                    soon = until_warning
            with trio.move_on_after(min(max(soon, 0.001), limits.GRANT_LOOK_S)):
                await self._changed.wait()

    def _renewal(self, grant: Grant) -> int:
        """When a fresh one is due, in µs since 1970. A grant that does not say when it began, began with us."""
        begun = grant.issued or self._begun
        return begun + (grant.expires - begun) * limits.GRANT_RENEW_PERCENT // 100

    def _left(self, moment: int) -> float:
        return (moment - self._judge.now()) / _SECOND
