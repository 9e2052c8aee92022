"""What is answered over plain HTTP: the console, health and metrics, the log and the list of rooms for back ends and
curl, blobs (`blobs`).

Errors are `{"code", "message"}` with the code's HTTP status. Pages are bounded and name where the next one begins.
Rules stand in specs/server.md.
"""

import platform
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib import metadata
from typing import Any
from urllib.parse import unquote

import msgspec
import trio

from ...protocol import control, limits, names
from ...protocol.access import REQUESTS, Grant, check, check_all_documents, check_document, check_rights, check_room
from ...protocol.codec import record_json, rfc3339
from ...protocol.commands import Blame, Follow, Ping, RenewGrant
from ...protocol.errors import CODES, OutcomeUnknown, Refused
from ...protocol.parsing import CommandRefused, parse
from ...protocol.positions import RelativePosition
from ...storage.deliveries import Deliveries
from ...storage.store import Revocation, RoomDeleted, StoreError, StoreFull, StoreSealed
from ..auth.gate import Gate
from ..auth.held import Held
from ..auth.revocations import Kind
from ..replay import asked
from ..room.archive import older_runs
from ..room.proposing import look
from .admission import Admission
from .answers import answer_frame
from .blaming import Blaming
from .blobs import Blobs
from .bundles import Bundles
from .credentials import asker
from .documents import Documents
from .erasing import erase_subject
from .exchange import JSON, Exchange, Request, Response, Send, json, refusal
from .finding import Finding
from .follow import Log
from .forks import METHODS, Forks
from .listing import list_rooms
from .metrics import CONTENT_TYPE, Metrics
from .moments import Moments
from .outline import Sought, outline, search
from .rooms import Rooms
from .static import Files
from .viewing import forgotten, viewed

_LINES = (("content-type", "application/x-ndjson"), ("cache-control", "no-store"))
_READ = ("GET", "HEAD")


class Routes:
    """`gate` says who asks, `about` is told by `/health` beside the versions, `log` gives a room's shared log."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        gate: Gate,
        metrics: Metrics,
        admission: Admission,
        about: Mapping[str, Any],
        log: Callable[[str], Log],
        blaming: Blaming,
        moments: Moments,
        ready: Callable[[], bool],
        deliveries: Deliveries | None = None,
    ) -> None:
        self._rooms = rooms
        self._gate = gate
        self._metrics = metrics
        self._admission = admission
        self._about = dict(about)
        self._log = log
        self._blaming = blaming
        self._ready = ready
        self._files = Files()
        # Once, since a distribution's version is looked up on the disk, and anybody may ask how we are.
        self._versions = {name: metadata.version(name) for name in ("plait", "pycrdt", "trio")}
        self._versions["python"] = platform.python_version()
        self._blobs = Blobs(rooms.store)
        self._moments = moments
        self._deliveries = deliveries
        self._finding = Finding(rooms)
        self._documents = Documents(rooms)
        self._forks = Forks(rooms)
        self._bundles = Bundles(rooms)

    async def respond(self, request: Request, exchange: Exchange) -> Response:
        """The answer to a request that passed the door. Never raises what the asker caused."""
        try:
            return await self._route(request, exchange)
        except CommandRefused as refused:
            return _answer(control.refused(refused.id, refused), CODES[refused.code].status)
        except Refused as refused:
            return refusal(refused.code, refused.message)
        except RoomDeleted:
            return refusal("no-such-room")
        except StoreFull:
            return refusal("store-full")
        except OutcomeUnknown:
            return refusal("outcome-unknown", "It may have happened or not; ask again.")
        except StoreError as error:
            return refusal("store-sealed" if isinstance(error, StoreSealed) else "store-failed", str(error))

    async def _route(self, request: Request, exchange: Exchange) -> Response:
        path = request.path
        if self._files.has(path):
            return self._files.respond(request) if request.method in _READ else _not_allowed("GET, HEAD")
        if path == "/health":
            return await self._health(request) if request.method in _READ else _not_allowed("GET, HEAD")
        if path == "/metrics":
            if request.method not in _READ:
                return _not_allowed("GET, HEAD")
            await self._admit(request, "GET /metrics")
            return self._numbers()
        if path == "/api/rooms":
            if request.method not in _READ:
                return _not_allowed("GET, HEAD")
            grant = await self._admit(request, "GET /api/rooms")
            return await list_rooms(self._rooms.store, request, grant.rooms)
        if path == "/api/blobs":
            if request.method != "PUT":
                return _not_allowed("PUT")
            return await self._blobs.put(request, exchange, await self._gate.admit(asker(request)))
        if path.startswith("/api/blobs/"):
            if request.method not in _READ:
                return _not_allowed("GET, HEAD")
            grant = await self._admit(request, "GET /api/blobs/HASH")
            return await self._blobs.get(path.removeprefix("/api/blobs/"), request, grant)
        if path.startswith("/api/rooms/"):
            return await self._of_room(request, exchange)
        if path == "/api/import":
            if request.method != "POST":
                return _not_allowed("POST")
            grant = await self._admit(request, "POST /api/import")
            return await self._bundles.take(request, exchange, grant, partial(self._check_room, grant))
        if path == "/api/revocations":
            return await self._revocations(request, exchange)
        if path.startswith("/api/subjects/") and path.endswith("/erase"):
            if request.method != "POST":
                return _not_allowed("POST")
            grant = await self._admit(request, "POST /api/subjects/SUBJECT/erase")
            subject = path.removeprefix("/api/subjects/").removesuffix("/erase").removesuffix("/")
            return await erase_subject(self._rooms, subject, grant, self._forget)
        if path.startswith(("/rooms/", "/docs/")) or path == "/hocuspocus":
            return refusal("bad-request", "This address is a WebSocket's.", 426)
        return refusal("bad-request", "Nothing is here.", 404)

    async def _admit(self, request: Request, what: str, room: str | None = None) -> Grant:
        """Who asks, if they may ask this, of that room (still percent-encoded). Raises Refused."""
        grant = await self._gate.admit(asker(request))
        check_rights(grant, REQUESTS[what])
        if room is not None:
            self._check_room(grant, names.room_name(unquote(room)))
        return grant

    def _check_room(self, grant: Grant, room: str) -> None:
        check_room(grant, room)
        self._gate.check_entry(grant, room)

    async def _health(self, request: Request) -> Response:
        ready = self._ready()
        # A full disk is no reason to send people away, who still read; so it is told and the status stays.
        store = self._rooms.trouble or "ok"
        shown = {"live": True, "ready": ready, "store": store}
        with suppress(Refused):  # A load balancer has no grant, and need not know what runs here.
            await self._gate.admit(asker(request))
            shown |= {"versions": self._versions, "limits": self._admission.shown(), **self._about}
        return json(shown, 200 if ready else 503)

    def _numbers(self) -> Response:
        return Response(200, (("content-type", CONTENT_TYPE), ("cache-control", "no-store")), self._metrics.text())

    async def _of_room(self, request: Request, exchange: Exchange) -> Response:
        first, _, rest = request.path.removeprefix("/api/rooms/").partition("/")
        if rest == "documents" or rest.startswith("documents/"):  # Before the others: a document's name may hold "/".
            document = rest.removeprefix("documents").removeprefix("/")
            return await self._documents.respond(first, document, request, exchange, self._admit)
        room, slash, what = request.path.removeprefix("/api/rooms/").rpartition("/")
        if not slash:
            if request.method != "DELETE":
                return _not_allowed("DELETE")
            await self._admit(request, "DELETE /api/rooms/ROOM", what)
            await self._rooms.delete(names.room_name(unquote(what)))
            await forgotten(self._deliveries, names.room_name(unquote(what)))
            return Response(204)
        if what in METHODS:
            return await self._forks.respond(room, what, request, exchange, self._admit)
        reads = {
            "records": self._records,
            "runs": self._runs,
            "blame": self._blame,
            "drafts": self._draft,
            "moment": self._moment,
            "request": self._request,
            "export": self._bundles.give,
            "effects": self._effects,
            "find": self._find,
            "view": self._view,
            "outline": self._outline,
            "search": self._search,
        }
        if what in reads:
            if request.method not in _READ:
                return _not_allowed("GET, HEAD")
            grant = await self._admit(request, f"GET /api/rooms/ROOM/{what}", room)
            return await reads[what](names.room_name(unquote(room)), request, grant)
        if what == "commands":
            if request.method != "POST":
                return _not_allowed("POST")
            grant = await self._gate.admit(asker(request))  # Before a body is read for them.
            named = names.room_name(unquote(room))
            return await self._command(named, grant, await exchange.body())
        return refusal("bad-request", "Nothing is here.", 404)

    async def _records(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        after = _number(request, "after", 0)
        if (await self._rooms.store.head(room)).deleted:
            raise Refused("no-such-room")
        if request.query.get("follow") == "1":
            self._admission.check_subject(grant.author, self._gate.holders(grant.author))
            return Response(200, _LINES, partial(self._while_granted, grant, room, partial(self._follow, room, after)))
        limit = min(_number(request, "limit", limits.PAGE_RECORDS), limits.PAGE_RECORDS)
        records = await self._rooms.store.read(room, after, limit)
        return Response(200, _LINES, b"".join(record_json(record) + b"\n" for record in records))

    async def _while_granted(
        self, grant: Grant, room: str, work: Callable[[Send], Awaitable[None]], send: Send
    ) -> None:
        """An answer that goes on for as long as the grant is good; then it breaks off, as no whole one does."""

        async def none(_token: str) -> Grant:
            raise Refused("bad-request")

        held = Held(self._gate, grant, room, none)
        over: list[Refused] = []
        async with trio.open_nursery() as nursery:

            def end(refused: Refused) -> None:
                over.append(refused)
                nursery.cancel_scope.cancel()

            held.end = end
            with self._gate.holding(held):
                nursery.start_soon(held.watch)
                await work(send)
                nursery.cancel_scope.cancel()
        if over:
            raise trio.BrokenResourceError(over[0].code)

    async def _revocations(self, request: Request, exchange: Exchange) -> Response:
        """What was revoked, or one thing more: `{"subject": …}`, `{"grant": its id}` or `{"room": …}`."""
        if request.method not in (*_READ, "POST"):
            return _not_allowed("GET, HEAD, POST")
        reads = request.method in _READ
        grant = await self._admit(request, f"{'GET' if reads else 'POST'} /api/revocations")
        if reads:
            seen = [one for one in self._gate.revoked if _may_revoke(grant, one.kind, one.value)]
            return json({"revocations": [_shown(one) for one in seen]})
        try:
            asked = msgspec.json.decode(await exchange.body(), type=dict[Kind, str])
            ((kind, value),) = asked.items()
        except (msgspec.MsgspecError, ValueError):
            raise Refused("bad-json", "Say one of `subject`, `grant` (its id) and `room`.") from None
        if not _may_revoke(grant, kind, value):
            raise Refused("not-allowed", "Who is not granted every room may revoke for a room of theirs, and no more.")
        return json(_shown(await self._gate.revoke(kind, value)))

    def _forget(self, room: str) -> None:
        """Somebody was erased from the room: what is held of its past is what it was."""
        self._moments.forget(room)
        self._log(room).forget()

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
        runs, rest = await older_runs(self._rooms.store, room, _number(request, "before", 0))
        return json({"runs": runs} if rest is None else {"runs": runs, "before": rest})

    async def _blame(self, room: str, request: Request, grant: Grant) -> Response:
        at = request.query.get("at")
        command = Blame(
            id="blame",
            document=request.query.get("document", names.DEFAULT_DOCUMENT),
            root=request.query.get("root", ""),
            at=None if at is None else _number(request, "at", 0),
            length=max(1, _number(request, "length", 1)),
            place=_position(request, "place"),
            until=_position(request, "until"),
            key=request.query.get("key"),
            deleted=request.query.get("deleted") == "1",
            seq=_number(request, "seq", 0),
            after=_number(request, "after", 0),
        )
        check(grant, command)
        return json(await self._blaming.found(room, command))

    async def _moment(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        document = request.query.get("document", "")
        name = names.document_name(document) if document else ""
        parts = _number(request, "parts", 0) if "parts" in request.query else None
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
        look = self._finding.look(room, request.query)
        if request.query.get("live") != "1":
            return json(await look.once())
        self._admission.check_subject(grant.author, self._gate.holders(grant.author))
        return Response(200, _LINES, partial(self._while_granted, grant, room, look.live))

    async def _outline(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        return json(await outline(self._rooms.store, room, _number(request, "after", 0)))

    async def _search(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        return json(await search(self._rooms.store, room, Sought.of(request.query), _number(request, "after", 0)))

    async def _view(self, room: str, request: Request, grant: Grant) -> Response:
        check_all_documents(grant)
        return json(await viewed(self._rooms.store, self._deliveries, room, request.query))

    async def _draft(self, room: str, request: Request, grant: Grant) -> Response:
        check_document(grant, request.query.get("name", ""))
        if (await self._rooms.store.head(room)).deleted:
            raise Refused("no-such-room")
        return json((await look(room, self._rooms.store, request.query.get("name", ""))).builtins())

    async def _command(self, room: str, grant: Grant, body: bytes) -> Response:
        command = parse(body)
        try:
            self._check_room(grant, room)
            check(grant, command)
            if isinstance(command, Ping):
                return _answer(control.pong(command.id), 200)
            if isinstance(command, Follow):
                raise Refused("bad-request", "Over HTTP, follow is GET /api/rooms/ROOM/records?follow=1.")
            if isinstance(command, RenewGrant):
                raise Refused("bad-request", "Over HTTP every request shows its own grant.")
            if isinstance(command, Blame):
                return _answer(control.ok(command.id, result=await self._blaming.found(room, command)), 200)
            async with self._rooms.use(room) as opened:
                answer = await opened.ask(grant, command, measured=True)
            return _answer(answer_frame(command.id, answer), 200)
        except Refused as refused:
            return _answer(control.refused(command.id, refused), CODES[refused.code].status)
        except OutcomeUnknown:
            return _answer(control.unknown(command.id), CODES["outcome-unknown"].status)


def _answer(frame: bytes, status: int) -> Response:
    return Response(status, (JSON, ("cache-control", "no-store")), frame)


def _may_revoke(grant: Grant, kind: Kind, value: str) -> bool:
    return "*" in grant.rooms or (kind == "room" and grant.enters(value))


def _shown(revocation: Revocation) -> dict[str, str]:
    return {revocation.kind: revocation.value, "at": rfc3339(revocation.at)}


def _not_allowed(allow: str) -> Response:
    response = refusal("bad-request", f"This address answers to {allow}.", 405)
    return response._replace(headers=(*response.headers, ("allow", allow)))


def _position(request: Request, name: str) -> RelativePosition | None:
    value = request.query.get(name)
    try:
        return None if value is None else msgspec.json.decode(value, type=RelativePosition)
    except msgspec.MsgspecError:
        raise Refused("bad-request", f"'{name}' is a relative position of Yjs, as JSON.") from None


def _number(request: Request, name: str, default: int) -> int:
    value = request.query.get(name, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 16:
        raise Refused("bad-request", f"'{name}' is a number.")
    return int(value)
