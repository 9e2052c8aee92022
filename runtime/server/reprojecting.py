"""Projecting a room's document anew while the server runs: `POST /api/rooms/ROOM/reproject`.

With `{"check": true}` it only says where today's code would show the log otherwise. Else, if there is such a place,
whoever is in the room is sent away with 4409 and comes back to the document as it is then (specs/reprojection.md). Who
lost the answer asks again: nothing is done twice.
"""

import msgspec
from msgspec import Struct

from ...protocol.access import Grant
from ...protocol.errors import Refused
from .exchange import Exchange, Response, json
from .rooms import Rooms


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether only to look."""

    check: bool = False


async def reproject_room(rooms: Rooms, room: str, grant: Grant, exchange: Exchange) -> Response:
    """The answer to somebody who may. Raises Refused, StoreError, OutcomeUnknown."""
    try:
        wanted = msgspec.json.decode(await exchange.body() or b"{}", type=Wanted)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused("bad-json", f"That does not say whether only to look: {error}") from None
    return json(msgspec.to_builtins(await rooms.reproject(room, grant.author, check=wanted.check)))
