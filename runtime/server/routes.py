"""What is answered over plain HTTP, by address: health and metrics, revocations and commands here, all else by the
module that is named for it (`static`, `listing`, `reads`, `documents`, `forks`, `bundles`, `blobs`).

Errors are `{"code", "message"}` with the code's HTTP status. Pages are bounded and name where the next one begins.
Rules stand in specs/server.md.
"""

import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib import metadata
from typing import Any
from urllib.parse import unquote

import msgspec

from ...protocol import control, limits, names
from ...protocol.access import REQUESTS, Grant, check, check_rights, check_room
from ...protocol.codec import rfc3339
from ...protocol.commands import Blame, Follow, Fork, Merge, Ping, RenewGrant
from ...protocol.errors import CODES, OutcomeUnknown, Refused
from ...protocol.forks import said_by
from ...protocol.parsing import CommandRefused, parse
from ...storage.errors import RoomDeleted, StoreError, StoreFull, StoreSealed
from ...storage.store import Revocation
from ..auth.gate import Gate
from ..auth.revocations import Kind
from .admission import Admission
from .answers import answer_frame
from .blaming import Blaming
from .blobs import Blobs
from .bundles import Bundles
from .credentials import asker
from .documents import Documents
from .erasing import erase_subject
from .exchange import JSON, Exchange, Request, Response, json, not_allowed, refusal
from .follow import Log
from .forks import METHODS, Forks
from .journal import Journal
from .listing import list_rooms
from .metrics import CONTENT_TYPE, Metrics
from .moments import Moments
from .places import Places, asker_of
from .reads import Reads
from .reprojecting import reproject_room
from .rooms import Rooms
from .static import Files

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
        reading: Places,
        forks: Forks,
        ready: Callable[[], bool],
        journal: Journal | None = None,
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
        self._journal = journal
        self._documents = Documents(rooms, reading)
        self._forks = forks
        self._erasing = Places(limits.ERASURES_AT_ONCE, limits.ERASURES_AT_ONCE, limits.READS_WAIT_S)
        self._bundles = Bundles(rooms)
        self._reads = Reads(
            rooms,
            gate=gate,
            admission=admission,
            log=log,
            blaming=blaming,
            moments=moments,
            reading=reading,
            bundles=self._bundles,
            deliveries=None if journal is None else journal.deliveries,
        )

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
            return self._files.respond(request) if request.method in _READ else not_allowed("GET, HEAD")
        if path == "/health":
            return await self._health(request) if request.method in _READ else not_allowed("GET, HEAD")
        if path == "/metrics":
            if request.method not in _READ:
                return not_allowed("GET, HEAD")
            await self._admit(request, "GET /metrics")
            return self._numbers()
        if path == "/api/rooms":
            if request.method not in _READ:
                return not_allowed("GET, HEAD")
            grant = await self._admit(request, "GET /api/rooms")
            return await list_rooms(self._rooms.store, request, grant.rooms)
        if path == "/api/blobs":
            if request.method != "PUT":
                return not_allowed("PUT")
            return await self._blobs.put(request, exchange, await self._gate.admit(asker(request)))
        if path.startswith("/api/blobs/"):
            if request.method not in _READ:
                return not_allowed("GET, HEAD")
            grant = await self._admit(request, "GET /api/blobs/HASH")
            return await self._blobs.get(path.removeprefix("/api/blobs/"), request, grant)
        if path.startswith("/api/rooms/"):
            return await self._of_room(request, exchange)
        if path == "/api/import":
            if request.method != "POST":
                return not_allowed("POST")
            grant = await self._admit(request, "POST /api/import")
            return await self._bundles.take(request, exchange, grant, partial(self._check_room, grant))
        if path == "/api/revocations":
            return await self._revocations(request, exchange)
        if path.startswith("/api/subjects/") and path.endswith("/erase"):
            if request.method != "POST":
                return not_allowed("POST")
            grant = await self._admit(request, "POST /api/subjects/SUBJECT/erase")
            subject = path.removeprefix("/api/subjects/").removesuffix("/erase").removesuffix("/")
            async with self._erasing.place(asker_of(grant, request.peer.address)):
                return await erase_subject(self._rooms, subject, grant, self._forget, self._journal)
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
                return not_allowed("DELETE")
            await self._admit(request, "DELETE /api/rooms/ROOM", what)
            await self._rooms.delete(names.room_name(unquote(what)))
            if self._journal is not None:
                await self._journal.forget(names.room_name(unquote(what)))
            return Response(204)
        if what in METHODS:
            return await self._forks.respond(room, what, request, exchange, self._admit)
        if what == "reproject":
            if request.method != "POST":
                return not_allowed("POST")
            grant = await self._admit(request, "POST /api/rooms/ROOM/reproject", room)
            return await reproject_room(self._rooms, names.room_name(unquote(room)), grant, exchange)
        read = self._reads.answers.get(what)
        if read is not None:
            if request.method not in _READ:
                return not_allowed("GET, HEAD")
            grant = await self._admit(request, f"GET /api/rooms/ROOM/{what}", room)
            return await read(names.room_name(unquote(room)), request, grant)
        if what == "break":
            if request.method != "POST":
                return not_allowed("POST")
            grant = await self._admit(request, "POST /api/rooms/ROOM/break", room)
            return await self._reads.pausing(names.room_name(unquote(room)), request, grant)
        if what == "commands":
            if request.method != "POST":
                return not_allowed("POST")
            grant = await self._gate.admit(asker(request))  # Before a body is read for them.
            named = names.room_name(unquote(room))
            return await self._command(named, grant, await exchange.body(), asker_of(grant, request.peer.address))
        return refusal("bad-request", "Nothing is here.", 404)

    async def _revocations(self, request: Request, exchange: Exchange) -> Response:
        """What was revoked, or one thing more: `{"subject": …}`, `{"grant": its id}` or `{"room": …}`."""
        if request.method not in (*_READ, "POST"):
            return not_allowed("GET, HEAD, POST")
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

    async def _command(self, room: str, grant: Grant, body: bytes, whose: str) -> Response:
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
                return _answer(control.ok(command.id, result=await self._blaming.found(room, command, whose)), 200)
            if isinstance(command, Fork | Merge):
                result = await self._forks.done(room, said_by(command), grant, whose)
                return _answer(control.ok(command.id, result=result), 200)
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
