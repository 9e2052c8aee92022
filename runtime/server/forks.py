"""Forks over HTTP and over sockets: a new room from any record of another one, and where rooms come from.

The body is bounded like any command's, and counts as one. A fork or a merge is no affair of the asked room's task: the
first is the store's, the second another room's. Whoever asks again for the same, under the same name or id, gets the
same answer, so a request whose answer was lost may be repeated.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import msgspec

from ...protocol import control, limits, names
from ...protocol.access import Grant
from ...protocol.commands import Forking
from ...protocol.errors import PlaitError, Refused
from ...protocol.forks import Wanted, WantedBack, said_by
from ..replay.fork import lineage
from .answers import answer_frame
from .exchange import Exchange, Request, Response, json, not_allowed
from .places import Places, asker_of
from .rooms import Rooms

Admit = Callable[[Request, str, str], Awaitable[Grant]]
"""Says who makes that request, if they may make it of that room, or raises Refused."""

METHODS = {"fork": ("POST",), "merge": ("POST",), "lineage": ("GET", "HEAD")}
"""What is answered here of a room, and to which methods."""


class Forks:
    """What answers under `/api/rooms/{room}/fork`, `/merge` and `/lineage`."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._places = Places(limits.FORKS_AT_ONCE, limits.FORKS_EACH, limits.READS_WAIT_S)

    async def respond(self, room: str, what: str, request: Request, exchange: Exchange, admit: Admit) -> Response:
        """The answer; the room's name is still percent-encoded. Raises Refused, OutcomeUnknown, StoreError."""
        allowed = METHODS[what]
        if request.method not in allowed:
            return not_allowed(", ".join(allowed))
        grant = await admit(request, f"{allowed[0]} /api/rooms/ROOM/{what}", room)
        room = names.room_name(unquote(room))
        if what == "lineage":
            return json(msgspec.to_builtins(await lineage(self._rooms.store, room, grant.enters)))
        try:
            wanted = msgspec.json.decode(await exchange.body() or b"{}", type=Wanted if what == "fork" else WantedBack)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Refused("bad-json", f"That does not say what to {what}: {error}") from None
        whose = asker_of(grant, request.peer.address)
        return json(await self.done(room, wanted, grant, whose), 200 if what == "merge" else 201)

    async def done(self, room: str, wanted: Wanted | WantedBack, grant: Grant, whose: str) -> Any:
        """What came of it, as JSON has it, at that asker's turn. Raises Refused, OutcomeUnknown, StoreError."""
        async with self._places.place(whose):
            if isinstance(wanted, WantedBack):
                return msgspec.to_builtins(await self._rooms.merge(room, wanted, grant))
            return msgspec.to_builtins(await self._rooms.fork(room, wanted, grant, measured=True))

    async def frame(self, room: str, command: Forking, grant: Grant, whose: str) -> bytes:
        """The same for a command of a control channel, as a text frame."""
        try:
            return control.ok(command.id, result=await self.done(room, said_by(command), grant, whose))
        except PlaitError as error:
            return answer_frame(command.id, error)
