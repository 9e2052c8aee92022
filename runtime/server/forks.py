"""Forks over HTTP: a new room from any record of another one, and where rooms come from.

The body is bounded like any command's. Whoever asks again under the same name for the same gets the same answer, so a
request whose answer was lost may be repeated.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from ...protocol import names
from ...protocol.access import Grant
from ...protocol.errors import Refused
from ...protocol.forks import Wanted
from ..replay.fork import lineage
from .exchange import Exchange, Request, Response, json, not_allowed
from .rooms import Rooms

Admit = Callable[[Request, str, str], Awaitable[Grant]]
"""Says who makes that request, if they may make it of that room, or raises Refused."""

METHODS = {"fork": ("POST",), "merge": ("POST",), "lineage": ("GET", "HEAD")}
"""What is answered here of a room, and to which methods."""


class Merges(Struct, frozen=True, forbid_unknown_fields=True):
    """Which documents are to be merged, all that the asker sees if none are named, and whether only to look."""

    documents: list[str] | None = None
    preview: bool = False


class Forks:
    """What answers under `/api/rooms/{room}/fork`, `/merge` and `/lineage`."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

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
            wanted = msgspec.json.decode(await exchange.body() or b"{}", type=Wanted if what == "fork" else Merges)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Refused("bad-json", f"That does not say what to {what}: {error}") from None
        if isinstance(wanted, Merges):
            merged = await self._rooms.merge(room, wanted.documents, grant, preview=wanted.preview)
            return json(msgspec.to_builtins(merged))
        return json(msgspec.to_builtins(await self._rooms.fork(room, wanted, grant)), 201)
