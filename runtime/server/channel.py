"""A control channel: what one tab asks as JSON, what it is answered, and the records that it follows.

A socket under `/rooms` has one; where many documents share a socket, each room document on it has one of its own, so
that several tabs of a browser can be on one socket.

Rules:

1. An answer is written when the room gives it, into the line that also holds the document's bytes; so it follows those
   of every record up to its seq.
2. At most `COMMANDS_UNANSWERED` have no answer yet; one more is refused. A follower that waits to begin counts as well.
3. A second `follow` takes the place of the first.
4. When the tab has left, its follower and its looks into the past end; what a room answers then goes nowhere.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, Protocol

import trio

from ...protocol import addressing, control, limits
from ...protocol.access import check
from ...protocol.commands import Asked, Blame, Command, Follow, Fork, Forking, Merge, Ping, RenewGrant
from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...protocol.parsing import CommandRefused, parse
from ...storage.errors import StoreError
from ..auth.held import Held
from ..room.tab import Tab
from . import wire
from .answers import answer_frame
from .blaming import Blaming
from .follow import Log, follow
from .forks import Forks
from .outbox import Outbox
from .places import asker_of
from .rooms import Answer, Room

_FOLLOW_BYTES = 64 << 10  # What a follower lets wait before it pauses; as much as a socket usually takes at once.


class Sources(NamedTuple):
    """What channels ask beside their room: its log as text frames, shared by its followers, its past, its forks."""

    log: Callable[[str], Log]
    blaming: Blaming
    forks: Forks


class Place(Tab, Protocol):
    """What a channel needs of its tab. `crowd` is how many bytes wait for the socket; `owes_step2` whether the tab has
    asked for its whole document and not been sent it."""

    @property
    def outbox(self) -> Outbox: ...

    @property
    def crowd(self) -> int: ...

    @property
    def owes_step2(self) -> bool: ...


class Channel:
    """The control channel of the tab `place`, in the room of the grant that it holds; `to` begins what it says on a
    socket that has several."""

    __slots__ = (
        "_emptied",
        "_follower",
        "_follows",
        "_held",
        "_nursery",
        "_place",
        "_room",
        "_scopes",
        "_sources",
        "_to",
        "_unanswered",
    )

    def __init__(self, place: Place, held: Held, sources: Sources, nursery: trio.Nursery, to: str = "") -> None:
        self._place = place
        self._held = held
        self._sources = sources
        self._nursery = nursery
        self._to = addressing.label(to) if to else b""
        self._room: Room | None = None
        self._unanswered = 0
        self._follows: list[str] = []
        self._follower: trio.CancelScope | None = None
        self._scopes: set[trio.CancelScope] = set()
        self._emptied: trio.Event | None = None

    def open(self, room: Room) -> None:
        """The room is here."""
        self._room = room

    def end(self) -> None:
        """The tab has left."""
        self._room = None
        for scope in self._scopes:
            scope.cancel()

    def cleared_now(self) -> None:
        """Something left the outbox, or the tab was sent its step 2: a follower may have waited for that."""
        if self._emptied is not None and self._clear:
            self._emptied.set()
            self._emptied = None

    # --- what is asked --------------------------------------------------------------------------------------------

    def receive(self, text: str | bytes) -> None:
        """A command, or what should be one. Raises why its grant is over, if it is."""
        self._held.check()
        try:
            command = parse(text)
            self._check(command)
        except CommandRefused as refused:
            self._say(control.refused(refused.id, refused))
            return
        match command:
            case Ping():
                self._say(control.pong(command.id))
            case Follow():
                self._follow(command)
            case RenewGrant():
                if self._may_ask(command.id):
                    self._start(partial(self._renew, command))
            case Blame():
                if self._may_ask(command.id):
                    self._start(partial(self._blame, command))
            case Fork() | Merge():
                if self._may_ask(command.id):
                    self._start(partial(self._fork, command))
            case _:
                if self._may_ask(command.id):
                    self._ask(command)

    def _check(self, command: Command) -> None:
        try:
            check(self._held.grant, command)
            if self._room is not None and self._room.past and not isinstance(command, Ping | RenewGrant):
                raise Refused("past-moment")
        except Refused as refused:
            raise CommandRefused(refused.code, refused.message, command.id) from None

    def _may_ask(self, command_id: str) -> bool:
        if self._unanswered >= limits.COMMANDS_UNANSWERED:
            self._say(control.refused(command_id, Refused("too-many")))
            return False
        self._unanswered += 1
        return True

    def _ask(self, command: Asked) -> None:
        assert self._room is not None
        self._room.command(self._held.grant, command, partial(self._answer, command.id), self._place, measured=True)

    def _answer(self, command_id: str, answer: Answer | PlaitError) -> None:
        self._unanswered -= 1
        self._say(answer_frame(command_id, answer))

    async def _renew(self, command: RenewGrant) -> None:
        try:
            await self._held.renew(command.grant)
        except Refused as refused:
            self._say(control.refused(command.id, refused))
        else:
            self._say(control.pong(command.id))
            self._follow_less()
        self._unanswered -= 1

    def _follow_less(self) -> None:
        """A fresh grant may allow less: the log is not shown on."""
        try:
            check(self._held.grant, Follow(id="renewed"))
        except Refused:
            if self._follower is not None:
                self._follower.cancel()

    def warn(self, seconds: float) -> None:
        """The grant is good for so long and then the tab ends."""
        self._say(control.renew(seconds))

    async def _blame(self, command: Blame) -> None:
        self._say(await self._sources.blaming.frame(self._held.room, command, self._whose))
        self._unanswered -= 1

    @property
    def _whose(self) -> str:
        """By what the asker is told apart: who is nobody in particular shares with all such in the room."""
        return asker_of(self._held.grant, self._held.room)

    async def _fork(self, command: Forking) -> None:
        self._say(await self._sources.forks.frame(self._held.room, command, self._held.grant, self._whose))
        self._unanswered -= 1

    def _follow(self, command: Follow) -> None:
        if len(self._follows) >= limits.COMMANDS_UNANSWERED:
            self._say(control.refused(command.id, Refused("too-many")))
            return
        self._follows.append(command.id)
        if self._follower is not None:
            self._follower.cancel()
        self._follower = self._start(partial(self._following, command.after))

    async def _following(self, after: int) -> None:
        if self._room is None:
            return
        try:
            await follow(self._sources.log(self._held.room), self._room, self, after)
        except (StoreError, Refused, OutcomeUnknown) as error:
            self._place.close(1013, str(error))

    def _start(self, work: Callable[[], Awaitable[None]]) -> trio.CancelScope:
        """Have something done that ends with the tab."""
        scope = trio.CancelScope()
        self._scopes.add(scope)

        async def run() -> None:
            try:
                with scope:
                    await work()
            finally:
                self._scopes.discard(scope)

        self._nursery.start_soon(run)
        return scope

    def _say(self, answer: bytes) -> None:
        self._place.outbox.keep(wire.text(addressing.write(answer, self._to) if self._to else answer))

    # --- what a follower knows ------------------------------------------------------------------------------------

    @property
    def _clear(self) -> bool:
        return self._place.outbox.clear and not self._place.owes_step2

    @property
    def takes_more(self) -> bool:
        return self._place.behind is None and self._place.crowd < _FOLLOW_BYTES

    @property
    def catch_ups(self) -> int:
        return self._place.outbox.catch_ups

    async def cleared(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self._clear:
            self._emptied = self._emptied or trio.Event()
            await self._emptied.wait()

    def begin(self, head: int) -> None:
        for command_id in self._follows:
            self._say(control.ok(command_id, head))
        self._follows.clear()

    def send_record(self, record: bytes) -> None:
        self._say(record)

    def send_caught_up(self, seq: int) -> None:
        self._say(control.caught_up(seq))
