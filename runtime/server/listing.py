"""The list of rooms as JSON: who was active last, what it is called, what it waits for."""

from collections.abc import Sequence
from typing import Any

from ...protocol import limits
from ...protocol.codec import rfc3339
from ...protocol.errors import Refused
from ...storage.errors import BadCursor
from ...storage.store import Listed, Reader
from .exchange import Request, Response, json

_FILTER = "metadata."


async def list_rooms(store: Reader, request: Request, names: Sequence[str]) -> Response:
    """One page: `query` is a part of a name or title, `metadata.KEY=VALUE` what must be there and `metadata.KEY=` what
    must not, `cursor` where an earlier page ended. Raises Refused('bad-request')."""
    wanted = {key.removeprefix(_FILTER): said or None for key, said in request.query.items() if key.startswith(_FILTER)}
    if len(wanted) > limits.ROOM_FILTERS:
        raise Refused("bad-request", f"A listing may have {limits.ROOM_FILTERS} filters.")
    try:
        cursor, query = request.query.get("cursor", ""), request.query.get("query", "")
        listing = await store.rooms(cursor, limits.ROOMS_PAGE, query, wanted, names)
    except BadCursor as bad:
        raise Refused("bad-request", f"The cursor is none that a page gave: {bad}.") from bad
    page: dict[str, Any] = {"rooms": [_line(one) for one in listing.rooms]}
    if listing.cursor:
        page["cursor"] = listing.cursor
    return json(page)


def _line(one: Listed) -> dict[str, Any]:
    return {
        "name": one.head.room,
        "title": one.about.title,
        "metadata": one.about.metadata,
        "activity": rfc3339(one.activity),
        "time": rfc3339(one.head.time),
        "seq": one.head.seq,
        "open_runs": one.head.open_runs,
        "waiting_runs": one.about.waiting_runs,
    }
