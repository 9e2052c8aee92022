"""Shared documents over HTTP: which there are, one as a file to save, and one that begins with a file.

An export is whatever people wrote, served from the address that also serves the console. So it is always saved and
never shown, its type is not guessed, and a page made of it gets a sandbox without rights.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import unquote

from ...protocol import limits, names
from ...protocol.access import Grant, check_document
from ...protocol.porting import KINDS, export, format_named, seeding
from ..room.aside import aside
from .exchange import Exchange, Request, Response, json, not_allowed
from .places import Places, asker_of
from .rooms import Rooms

Admit = Callable[[Request, str, str], Awaitable[Grant]]
"""Says who makes that request, if they may make it of that room, or raises Refused."""


class Documents:
    """What answers under `/api/rooms/{room}/documents`."""

    def __init__(self, rooms: Rooms, reading: Places) -> None:
        self._rooms = rooms
        self._reading = reading

    async def respond(self, room: str, document: str, request: Request, exchange: Exchange, admit: Admit) -> Response:
        """The list for an empty document name, else that document. Both names are still percent-encoded. Raises
        Refused, OutcomeUnknown, StoreError."""
        reads, writes = request.method in ("GET", "HEAD"), request.method == "PUT" and document != ""
        if not reads and not writes:
            allow = "GET, HEAD, PUT" if document else "GET, HEAD"
            return not_allowed(allow)
        what = "/api/rooms/ROOM/documents/NAME" if document else "/api/rooms/ROOM/documents"
        grant = await admit(request, f"{'GET' if reads else 'PUT'} {what}", room)
        room = names.room_name(unquote(room))
        if not document:
            return await self._list(room, grant)
        name = names.document_name(unquote(document))
        check_document(grant, name)
        if not reads:
            return await self._put(room, name, request, exchange, grant)
        async with self._reading.place(asker_of(grant, request.peer.address)):
            return await self._get(room, name, request)

    async def _list(self, room: str, grant: Grant) -> Response:
        async with self._rooms.use(room) as opened:
            written = await opened.documents()
        return json({"documents": [one for one in written if grant.sees(one.name)]})

    async def _get(self, room: str, name: str, request: Request) -> Response:
        wanted = format_named(request.query.get("format", "text"))
        async with self._rooms.use(room) as opened:
            update = await opened.document(name)
        # A large one takes seconds, for which tabs would wait.
        data = await aside(
            partial(export, update, wanted, root=request.query.get("root", ""), document=name), len(update)
        )
        kind = KINDS[wanted]
        headers = (
            ("content-type", kind.media_type),
            ("content-disposition", f'attachment; filename="{name.rpartition("/")[2]}.{kind.suffix}"'),
            ("cache-control", "no-store"),
        )
        return Response(200, headers, data)

    async def _put(self, room: str, name: str, request: Request, exchange: Exchange, grant: Grant) -> Response:
        wanted = format_named(request.query.get("format", "text"))
        data = await exchange.body(limits.SEED_BYTES, limits.BLOB_UPLOAD_S)
        event = await aside(partial(seeding, data, wanted, root=request.query.get("root", "")), len(data))
        async with self._rooms.use(room) as opened:
            seeded = await opened.seed(grant.author, name, event, data, grant.id)
        told = {"document": name, "seq": seeded.seq, "author": seeded.author, "digest": event.digest}
        return json(told, 201 if seeded.fresh else 200)
