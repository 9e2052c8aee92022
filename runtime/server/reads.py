"""What of a room is read over HTTP, each at an address of its own below `/api/rooms/ROOM/`: its log, its runs, who
wrote what, and the past as a debugger looks at it.

Whoever gets here may make the request at all; each answer here asks besides which documents the grant must see, since
what is made of the whole log needs all of them. Rules stand in specs/server.md and specs/replay.md.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial

import msgspec

from ...protocol import limits, names
from ...protocol.access import Grant, check, check_all_documents, check_document
from ...protocol.codec import record_json
from ...protocol.commands import Blame
from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.positions import RelativePosition
from ...storage.deliveries import Deliveries
from ...storage.errors import RoomDeleted
from ..auth.gate import Gate
from ..replay import asked, calls
from ..replay.calls import called_by
from ..room.archive import older_runs
from ..room.proposing import look
from .admission import Admission
from .blaming import Blaming
from .bundles import Bundles
from .exchange import JSON, Request, Response, Send, json
from .finding import Finding
from .follow import Log
from .granted import while_granted
from .moments import Moments
from .outline import Sought, outline, search
from .places import Places, asker_of
from .rooms import Rooms
from .viewing import viewed

_LINES = (("content-type", "application/x-ndjson"), ("cache-control", "no-store"))

Read = Callable[[str, Request, Grant], Awaitable[Response]]
"""Answers a request about that room, for whoever has that grant. Raises Refused, StoreError."""


class Reads:
    """`answers` has what is read under its name; `log` gives a room's shared log, `bundles` its export. What is made
    of a log is made when it is the asker's turn (`reading`)."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        gate: Gate,
        admission: Admission,
        log: Callable[[str], Log],
        blaming: Blaming,
        moments: Moments,
        reading: Places,
        bundles: Bundles,
        deliveries: Deliveries | None,
    ) -> None:
        self._rooms = rooms
        self._gate = gate
        self._admission = admission
        self._log = log
        self._blaming = blaming
        self._moments = moments
        self._reading = reading
        self._deliveries = deliveries
        self._finding = Finding(rooms)
        self.answers: Mapping[str, Read] = {
            "records": self._in_turn(self._records),
            "runs": self._in_turn(self._runs),
            "blame": self._blame,
            "drafts": self._in_turn(self._draft),
            "moment": self._moment,
            "request": self._request,
            "export": bundles.give,
            "effects": self._effects,
            "find": self._find,
            "view": self._in_turn(self._view),
            "outline": self._in_turn(self._outline),
            "search": self._in_turn(self._search),
        }

    def _in_turn(self, read: Read) -> Read:
        """The answer when it is the asker's turn."""

        async def answer(room: str, request: Request, grant: Grant) -> Response:
            async with self._reading.place(asker_of(grant, request.peer.address)):
                return await read(room, request, grant)

        return answer

    async def _records(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        after = request.number("after", 0)
        if (await self._rooms.store.head(room)).deleted:
            raise Refused("no-such-room")
        if request.query.get("follow") == "1":
            self._admission.check_subject(grant.author, self._gate.holders(grant.author))
            follow = partial(self._follow, room, after)
            return Response(200, _LINES, partial(while_granted, self._gate, grant, room, follow))
        limit = min(request.number("limit", limits.PAGE_RECORDS), limits.PAGE_RECORDS)
        records = await self._rooms.store.read(room, after, limit)
        return Response(200, _LINES, b"".join(record_json(record) + b"\n" for record in records))

    async def _follow(self, room: str, after: int, send: Send) -> None:
        """Every record after that seq as a line, then live, until the room is deleted; the pace is the reader's."""
        log = self._log(room)
        while not (await self._rooms.store.head(room)).deleted:
            # A room that ends while it is followed is asked for again, and only then the reader is told.
            async with self._rooms.use(room) as opened:
                with suppress(OutcomeUnknown, RoomDeleted):
                    while True:
                        for seq, line in await log.page(after):
                            await send(line + b"\n")
                            after = seq
                        if after >= opened.head:
                            await opened.beyond(after)

    async def _runs(self, room: str, request: Request, grant: Grant) -> Response:
        check_document(grant, "")
        runs, rest = await older_runs(self._rooms.store, room, request.number("before", 0))
        return json({"runs": runs} if rest is None else {"runs": runs, "before": rest})

    async def _blame(self, room: str, request: Request, grant: Grant) -> Response:
        at, call = request.query.get("at"), request.query.get("call")
        if call is not None:
            check_all_documents(grant)
            async with self._moments.place(grant, request.peer.address):
                found = await called_by(self._rooms.store, room, call, request.query.get("run", ""))
            return json(calls.shown(found))
        command = Blame(
            id="blame",
            document=request.query.get("document", names.DEFAULT_DOCUMENT),
            root=request.query.get("root", ""),
            at=None if at is None else request.number("at", 0),
            length=max(1, request.number("length", 1)),
            place=_position(request, "place"),
            until=_position(request, "until"),
            key=request.query.get("key"),
            deleted=request.query.get("deleted") == "1",
            seq=request.number("seq", 0),
            after=request.number("after", 0),
        )
        check(grant, command)
        return json(await self._blaming.found(room, command, asker_of(grant, request.peer.address)))

    async def _moment(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        document = request.query.get("document", "")
        name = names.document_name(document) if document else ""
        parts = request.number("parts", 0) if "parts" in request.query else None
        run, at = request.query.get("run", ""), names.moment(request.query.get("at", ""))
        async with self._moments.place(grant, request.peer.address):
            return json(await self._moments.found(room, at, name, parts, run))

    async def _request(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        at = names.moment(request.query.get("at", ""))
        async with self._moments.place(grant, request.peer.address):
            sent = await asked.request(self._rooms.store, room, at)
        return Response(200, (JSON, ("cache-control", "no-store")), sent)

    async def _effects(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        seq = names.moment(request.query.get("seq", ""))
        async with self._moments.place(grant, request.peer.address):
            return json(await self._moments.effects(room, seq))

    async def _find(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        look = self._finding.look(room, request.query, asker_of(grant, request.peer.address))
        if request.query.get("live") != "1":
            return json(await look.once())
        self._admission.check_subject(grant.author, self._gate.holders(grant.author))
        return Response(200, _LINES, partial(while_granted, self._gate, grant, room, look.live))

    async def pausing(self, room: str, request: Request, grant: Grant) -> Response:
        """A breakpoint at which the room's runs stop, for as long as the asker listens."""
        check_all_documents(grant)
        look = self._finding.look(room, request.query, asker_of(grant, request.peer.address))
        self._admission.check_subject(grant.author, self._gate.holders(grant.author))
        return Response(200, _LINES, partial(while_granted, self._gate, grant, room, partial(look.pausing, grant)))

    async def _outline(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        return json(await outline(self._rooms.store, room, request.number("after", 0)))

    async def _search(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        return json(await search(self._rooms.store, room, Sought.of(request.query), request.number("after", 0)))

    async def _view(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        return json(await viewed(self._rooms.store, self._deliveries, room, request.query))

    async def _draft(self, room: str, request: Request, grant: Grant) -> Response:
        check_document(grant, request.query.get("name", ""))
        if (await self._rooms.store.head(room)).deleted:
            raise Refused("no-such-room")
        return json((await look(room, self._rooms.store, request.query.get("name", ""))).builtins())


def _position(request: Request, name: str) -> RelativePosition | None:
    value = request.query.get(name)
    try:
        return None if value is None else msgspec.json.decode(value, type=RelativePosition)
    except msgspec.MsgspecError:
        raise Refused("bad-request", f"'{name}' is a relative position of Yjs, as JSON.") from None
