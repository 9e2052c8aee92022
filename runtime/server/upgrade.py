"""From an upgrade request to a tab in a room, and its end: every socket ends with a close code that says why.

Rules:

1. A refusal is said on the socket: the upgrade is accepted, then closed with the code (4400, 4403, …), because a
   browser hides the HTTP status of a failed upgrade from its page.
2. `plait.v1` or `plait.sync` is selected when offered; a `plait.token.…` never is.
3. Nothing that a handler raises leaves it, pyo3's PanicException (a BaseException) included: its own tab gets 1011, one
   log line names the room and the error. Only Cancelled, KeyboardInterrupt and SystemExit pass.
4. The closing handshake has `CLOSE_S`; then the socket is cut.
"""

import logging
from collections.abc import Callable
from contextlib import suppress

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from ...protocol import limits, names
from ...protocol.access import Grant
from ...protocol.errors import CODES, Refused
from ...protocol.names import Target
from ...storage.store import StoreError
from .blaming import Blaming
from .connection import Connection
from .exchange import Request
from .follow import Log
from .heartbeat import Heartbeat
from .metrics import Tally
from .rooms import Rooms
from .stream import PushStream

logger = logging.getLogger("plait.server")

SUBPROTOCOLS = ("plait.v1", "plait.sync")
_MESSAGE_BYTES = 2 * limits.FRAME_BYTES  # Beyond a frame's limit we say 4413; beyond twice it the library says 1009.
_PASSES = (trio.Cancelled, KeyboardInterrupt, SystemExit, GeneratorExit)


class Sockets:
    """The open sockets of one server. `log` gives a room's log as text frames, shared by its followers."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        grant_for: Callable[[Request], Grant],
        tally: Tally,
        log: Callable[[str], Log],
        blaming: Blaming,
    ) -> None:
        self._rooms = rooms
        self._grant_for = grant_for
        self._tally = tally
        self._log = log
        self._blaming = blaming
        self._open: dict[Connection, Heartbeat] = {}
        self._draining = False

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
            for connection, heartbeat in self._open.items():
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
            try:
                controlled, socket = False, None
                # A client that goes away now is no news.
                with trio.move_on_after(limits.HEAD_S), suppress(ConnectionClosed):
                    asked = await wrap_server_stream(nursery, pushed, max_message_size=_MESSAGE_BYTES)
                    subprotocol = next((one for one in SUBPROTOCOLS if one in asked.proposed_subprotocols), None)
                    controlled = subprotocol == "plait.v1"
                    socket = await asked.accept(subprotocol=subprotocol)
                if socket is not None:
                    await self._live(socket, request, pushed, nursery, controlled)
            finally:
                pushed.cut()
                nursery.cancel_scope.cancel()

    async def _live(
        self, socket: WebSocketConnection, request: Request, pushed: PushStream, nursery: trio.Nursery, controlled: bool
    ) -> None:
        connection: Connection | None = None
        where = request.path
        try:
            target, grant = self._admit(request)
            where = f"room {target.room}"
            connection = Connection(target, grant, pushed, nursery, controlled=controlled)
            code, reason = await self._join(connection, socket, pushed, target)
        except Refused as refused:
            code, reason = _close_code(refused), refused.message
        except StoreError as error:
            failed(where, error)
            code, reason = 1013, "The room cannot be opened now; try again."
        except _PASSES:
            raise
        except BaseException as error:
            code, reason = 1011, failed(where, error)
        if code != 1000:
            logger.info("%s: closed with %d: %s", where, code, reason)
        await _end(connection, socket, pushed, code, reason)

    def _admit(self, request: Request) -> tuple[Target, Grant]:
        if self._draining:
            raise Refused("restarting")
        if len(self._open) >= limits.CONNECTIONS:
            raise Refused("overloaded")
        target = names.parse_path(request.target)
        grant = self._grant_for(request)
        if not grant.read:
            raise Refused("not-allowed")
        return target, grant

    async def _join(
        self, connection: Connection, socket: WebSocketConnection, pushed: PushStream, target: Target
    ) -> tuple[int, str]:
        self._open[connection] = Heartbeat(pushed)
        self._tally.live.add(connection.outbox)
        try:
            async with self._rooms.use(target.room) as room:
                return await connection.read(socket, room, self._log(target.room), self._blaming)
        finally:
            del self._open[connection]
            self._tally.ended(connection.outbox)


async def _end(
    connection: Connection | None, socket: WebSocketConnection, pushed: PushStream, code: int, reason: str
) -> None:
    with trio.move_on_after(limits.CLOSE_S):
        if connection is not None:
            await connection.empty()
        await socket.aclose(code, reason)
        if socket.closed is not None and socket.closed.code == 1009:
            # The library has stopped reading in the middle of a message. Closing now would reset the connection, and
            # the reset could overtake the close frame.
            await pushed.linger()


def _close_code(refused: Refused) -> int:
    meaning = CODES[refused.code]
    return meaning.close or (1013 if meaning.status >= 500 else 4400)


def failed(where: str, error: BaseException) -> str:
    """Log what a handler raised, in one line, and give the sentence for the tab. Raises what must pass."""
    passing, rest = None, error
    if isinstance(error, BaseExceptionGroup):
        passing, remaining = error.split(_PASSES)
        if remaining is None:
            raise error
        rest = remaining
        while isinstance(rest, BaseExceptionGroup) and len(rest.exceptions) == 1:
            rest = rest.exceptions[0]
    logger.error("%s: %s: %s", where, type(rest).__name__, rest, exc_info=rest if _verbose() else None)
    if passing is not None:
        raise passing
    return "internal error"


def _verbose() -> bool:
    return logger.isEnabledFor(logging.DEBUG)
