"""From an upgrade request to a tab in a room, and its end: every socket ends with a close code that says why.

Rules:

1. A refusal is said on the socket: the upgrade is accepted, then closed with the code (4400, 4403, …), because a
   browser hides the HTTP status of a failed upgrade from its page.
2. `plait.v1` or `plait.sync` is selected when offered; a `plait.token.…` never is.
3. `/rooms/…` and `/docs/…` carry one document each (connection), `/hocuspocus` many (multiplex); who somebody is, is
   asked in one place for both (`_admit`).
4. Nothing that a handler raises leaves it (endings).
5. The closing handshake has `CLOSE_S`; then the socket is cut.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from operator import itemgetter
from typing import NamedTuple

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from ...protocol import limits, names
from ...protocol.access import FRAMES, Grant, check_document, check_rights, check_room
from ...protocol.errors import CODES, Refused
from ...protocol.names import Target
from ..auth.gate import Gate
from ..auth.held import Held
from ..replay.room import PastRoom, past_room
from .admission import Admission
from .channel import Sources
from .connection import Connection
from .credentials import asker
from .document_tab import DocumentTab
from .endings import PASSES, Closed, ending
from .exchange import Request
from .heartbeat import Heartbeat
from .inbound import Inbound
from .metrics import Tally
from .moments import Moments
from .multiplex import Multiplex
from .rooms import Rooms
from .socket import Socket
from .stream import PushStream
from .turns import Turns

SUBPROTOCOLS = ("plait.v1", "plait.sync")
HOCUSPOCUS = "/hocuspocus"
_MESSAGE_BYTES = 2 * limits.FRAME_BYTES  # Beyond a frame's limit we say 4413; beyond twice it the library says 1009.


class _Watched(NamedTuple):
    """What is looked at now and then of an open socket."""

    heartbeat: Heartbeat
    inbound: Inbound
    pushed: PushStream


class Sockets:
    """The open sockets of one server. `sources` is what those that speak `plait.v1` read beside the rooms."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        gate: Gate,
        tally: Tally,
        admission: Admission,
        turns: Turns,
        moments: Moments,
        sources: Sources,
    ) -> None:
        self._rooms = rooms
        self._gate = gate
        self._tally = tally
        self._admission = admission
        self._turns = turns
        self._moments = moments
        self._sources = sources
        self._open: dict[Socket, _Watched] = {}
        self._draining = False
        self._strangers, self._guests = Closed(), Closed()
        self.refused: Callable[[str, str, str], None] = lambda room, document, code: None
        """Told whom a document was refused: its room, its name, the code."""

    def places(self) -> Iterator[tuple[DocumentTab, PushStream]]:
        """Every tab with its socket's stream."""
        for socket, watched in self._open.items():
            for tab in socket.tabs:
                yield tab, watched.pushed

    def drain(self) -> None:
        """End every socket with 1012, and every later one."""
        self._draining = True
        for connection in self._open:
            connection.close(1012, CODES["restarting"].sentence)

    async def keep_alive(self, every: float) -> None:
        """Let each socket say something before its client thinks it dead, and end those whose client is; one task for
        all, for ever."""
        while True:
            await trio.sleep(every)
            for connection, (heartbeat, *_) in self._open.items():
                found = heartbeat.beat()
                connection.keep_alive()
                if found == "silent":
                    heartbeat.ask()
                elif found == "gone":
                    connection.close(1013, "Nothing was heard of the other side.")

    async def serve(self, stream: trio.abc.Stream, request: Request, head: bytes) -> None:
        """The whole life of one socket, from its upgrade request (`head` as bytes) to its last frame."""
        async with trio.open_nursery() as nursery:
            pushed = PushStream(stream, nursery, head)
            inbound = Inbound(pushed)
            try:
                sources, socket = None, None
                # A client that goes away now is no news.
                with trio.move_on_after(limits.HEAD_S), suppress(ConnectionClosed):
                    asked = await wrap_server_stream(nursery, inbound, max_message_size=_MESSAGE_BYTES)
                    subprotocol = next((one for one in SUBPROTOCOLS if one in asked.proposed_subprotocols), None)
                    sources = self._sources if subprotocol == "plait.v1" else None
                    socket = await asked.accept(subprotocol=subprotocol)
                if socket is not None:
                    inbound.open(socket)
                    await self._live(socket, inbound, request, pushed, nursery, sources)
            finally:
                pushed.cut()
                nursery.cancel_scope.cancel()

    async def _live(
        self,
        socket: WebSocketConnection,
        inbound: Inbound,
        request: Request,
        pushed: PushStream,
        nursery: trio.Nursery,
        sources: Sources | None,
    ) -> None:
        connection: Socket | None = None
        where = request.path
        target: Target | None = None
        refused: Refused | None = None
        try:
            self._check_load()
            await self._turns.mine()
            if request.path.rstrip("/") == HOCUSPOCUS:
                admit = partial(self._admit_document, request)
                connection = Multiplex(pushed, nursery, self._rooms, self._tally, sources, gate=self._gate, admit=admit)
                code, reason = await self._carry(connection, inbound, pushed)
            else:
                target = names.parse_path(request.target)
                at = names.moment(request.query["at"]) if "at" in request.query else None
                where = f"room {target.room}"
                held = await self._admit(request, target)
                self._check_load(held.grant.author)  # It may have taken a while.
                connection = Connection(target, held, pushed, nursery, sources)
                with self._gate.holding(held):
                    nursery.start_soon(held.watch)
                    past = None if at is None else partial(self._past, held.grant, request.peer.address, target, at)
                    code, reason = await self._join(connection, inbound, pushed, target, past)
        except PASSES:
            raise
        except BaseException as error:
            code, reason = ending(where, error)
            refused = error if isinstance(error, Refused) else None
        if code != 1000:
            told = (self._strangers if connection is None else self._guests).tell(where, code, reason)
            if told and refused is not None and target is not None:  # A storm would push all else out of the journal.
                self.refused(target.room, target.document, refused.code)
        inbound.deaf()
        await _end(connection, socket, pushed, code, reason)

    def _check_load(self, author: str = "") -> None:
        """Whether there is room for one more, of this author if it is known whose. Raises Refused."""
        if self._draining:
            raise Refused("restarting")
        self._admission.check_room(len(self._open) + len(self._tally.beside))
        if author:
            self._admission.check_subject(author, self._gate.holders(author))

    def shed(self, excess: int) -> int:
        """End those for whom most is held, until so many bytes are free soon; how many they were."""
        held = [(one.outbox_bytes + inbound.partial, one) for one, (_, inbound, _) in self._open.items()]
        ended = 0
        for size, one in sorted(held, key=itemgetter(0), reverse=True):
            if excess <= 0 or size < limits.HOARD_BYTES:
                break
            excess -= size
            if not one.over:
                one.close(1013, CODES["overloaded"].sentence)
                ended += 1
        return ended

    async def _admit(self, request: Request, target: Target, token: str = "") -> Held:
        """Who asks for that document and what they may do there: the one place for every kind of socket. `token` is
        what was shown in band; with it, too, the grant is renewed. Raises Refused."""

        async def ask(token: str) -> Grant:
            grant = await self._gate.admit(asker(request, token))
            check_rights(grant, FRAMES["sync step 1"])
            check_room(grant, target.room)
            self._gate.check_entry(grant, target.room)
            check_document(grant, target.document)
            return grant

        return Held(self._gate, await ask(token), target.room, ask)

    async def _admit_document(self, request: Request, target: Target, token: str) -> Held:
        """As `_admit`, for one more document on a socket that is open."""
        self._check_load()
        held = await self._admit(request, target, token)
        self._check_load(held.grant.author)
        return held

    async def _carry(self, connection: Multiplex, socket: Inbound, pushed: PushStream) -> tuple[int, str]:
        with self._counted(connection, pushed, socket):
            return await connection.read(socket)

    async def _join(
        self,
        connection: Connection,
        socket: Inbound,
        pushed: PushStream,
        target: Target,
        past: Callable[[], Awaitable[PastRoom]] | None,
    ) -> tuple[int, str]:
        with self._counted(connection, pushed, socket):
            if past is not None:
                return await connection.read(socket, await past())
            async with self._rooms.use(target.room) as room:
                return await connection.read(socket, room)

    async def _past(self, grant: Grant, address: str, target: Target, at: int) -> PastRoom:
        async with self._moments.place(grant, address):
            return await past_room(self._rooms.store, target, at)

    @contextmanager
    def _counted(self, connection: Socket, pushed: PushStream, inbound: Inbound) -> Iterator[None]:
        self._open[connection] = _Watched(Heartbeat(pushed), inbound, pushed)
        self._tally.live.add(connection.outbox)
        try:
            yield
        finally:
            del self._open[connection]
            self._tally.ended(connection.outbox)


async def _end(
    connection: Socket | None, socket: WebSocketConnection, pushed: PushStream, code: int, reason: str
) -> None:
    with trio.move_on_after(limits.CLOSE_S):
        if connection is not None:
            await connection.empty()
        await socket.aclose(code, reason)
        if socket.closed is not None and socket.closed.code == 1009:
            # The library has stopped reading in the middle of a message. Closing now would reset the connection, and
            # the reset could overtake the close frame.
            await pushed.linger()
