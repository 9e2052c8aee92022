"""One port: whoever connects is an HTTP client until its head says that it wants to be a WebSocket.

trio-websocket answers a plain GET with a bare 400, so h11 reads each head first; an upgrade is handed to the library
with its head replayed. Rules:

1. Host and Origin are judged before anything else (origin).
2. Nothing that a handler raises takes the server down; it costs its own connection and one log line.
3. Without file descriptors it accepts nobody, says so once in `ACCEPT_LOG_S`, and serves those who are there.
4. When the server is cancelled it accepts nothing more, ends every socket with 1012 and every idle HTTP connection,
   lets answers that are on their way finish, and is gone after `DRAIN_S` at the latest.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, NoReturn
from weakref import WeakValueDictionary

import trio

from ...protocol import control, limits
from ...protocol.admission import Allowance
from ...protocol.codec import record_json
from ...protocol.errors import Refused
from ...protocol.events import Record
from ...storage.deliveries import Deliveries, deliveries_of
from ..auth.gate import Gate
from .admission import Admission, Visit
from .blaming import Blaming
from .channel import Sources
from .endings import failed, logger
from .exchange import Bodies, Exchange, Request, Response, refusal
from .follow import Log
from .forks import Forks
from .heartbeat import SWEEP_S
from .journal import Journal
from .metrics import Metrics, Tally
from .moments import Moments
from .origin import Doorkeeper
from .peer import Peer, Proxies
from .places import Places
from .rooms import Rooms
from .routes import Routes
from .tls import Certificate, TlsStream
from .turns import Turns
from .upgrade import Sockets

ACCEPT_LOG_S = 60
"""How often the log says that no connection can be accepted."""

_ALWAYS = ("/health", "/metrics")
"""What is answered though there is no memory left: how it is."""

_accepting = logging.getLogger("trio.serve_listeners")


class Address(NamedTuple):
    """Where a server is bound."""

    host: str
    port: int
    secure: bool = False

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.secure else ''}://{host}:{self.port}"


class Server:
    """Handles streams, wherever they come from: a listener's sockets, or memory streams in a simulation."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        host: str = "127.0.0.1",
        allow_origins: Iterable[str] = (),
        gate: Gate | None = None,
        proxies: Proxies | None = None,
        tls: Certificate | None = None,
        about: Mapping[str, Any] | None = None,
        allowance: Allowance | None = None,
        deliveries: Deliveries | None = None,
    ) -> None:
        tally = Tally()
        self.journal = Journal(deliveries) if deliveries is not None else None
        self.admission = Admission(allowance)
        self.turns = Turns()
        self._logs: WeakValueDictionary[tuple[str, Callable[[Record], bytes]], Log] = WeakValueDictionary()
        self._rooms = rooms
        self._door = Doorkeeper(host, allow_origins)
        self._proxies = proxies or Proxies()
        self._tls = tls
        reading = Places(limits.READS_AT_ONCE, limits.READS_EACH, limits.READS_WAIT_S)
        blaming, moments = Blaming(rooms.store, reading), Moments(rooms.store)
        forks = Forks(rooms)
        gate = gate or Gate()
        self.sockets = Sockets(
            rooms,
            gate=gate,
            tally=tally,
            admission=self.admission,
            turns=self.turns,
            moments=moments,
            sources=Sources(lambda room: self._log(room, control.record), blaming, forks),
        )
        self._routes = Routes(
            rooms,
            gate=gate,
            metrics=Metrics(rooms, tally, self.admission),
            admission=self.admission,
            about=about or {},
            log=lambda room: self._log(room, record_json),
            blaming=blaming,
            moments=moments,
            reading=reading,
            forks=forks,
            ready=lambda: not self._draining,
            journal=self.journal,
        )
        if self.journal is not None:
            self.sockets.refused = self.journal.refused
        self._draining = False
        self._waiting: set[trio.CancelScope] = set()
        self._bodies = Bodies()

    def drain(self) -> None:
        """Nothing new: sockets end with 1012, idle HTTP connections and followers end now."""
        self._draining = True
        self.sockets.drain()
        for scope in self._waiting:
            scope.cancel()

    async def handle(self, stream: trio.abc.Stream) -> None:
        """One connection, whatever it turns out to be, until its stream is closed. Raises nothing but Cancelled."""
        try:
            async with stream:
                try:
                    visit = self.admission.arrive(self._proxies.counted(stream))
                except Refused as refused:
                    if self._tls is None:  # To be told anything there, they would have to shake hands first.
                        await self.admission.turn_away(stream, refused)
                    return
                with visit:
                    await self._meet(stream, visit)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # The client went away, which is no news.
        except Refused as refused:
            logger.info("a connection: closed: %s", refused.message)
        except (trio.Cancelled, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            failed("a connection", error)

    async def _meet(self, stream: trio.abc.Stream, visit: Visit) -> None:
        peer = await self._proxies.arrived(stream)
        if self._tls is None:
            await self._serve(stream, peer, visit)
            return
        async with TlsStream(stream, self._tls.context) as opened:
            await opened.shake_hands()
            await self._serve(opened, peer._replace(secure=True), visit)

    async def _serve(self, stream: trio.abc.Stream, peer: Peer, visit: Visit) -> None:
        upgrade = await self._serve_http(stream, peer, visit)
        if upgrade is not None:
            await self.sockets.serve(stream, *upgrade)

    async def _serve_http(self, stream: trio.abc.Stream, peer: Peer, visit: Visit) -> tuple[Request, bytes] | None:
        """Answer requests until one is an upgrade (returned with its head) or the client is done (None)."""
        exchange = Exchange(stream, self._bodies, self.turns)
        wait_s = 0.0
        while True:
            request = None
            with self._until_drained():
                if wait_s:
                    await trio.sleep(wait_s)
                request = await exchange.next()
            if request is None:
                return None
            request = request._replace(peer=self._proxies.asking(peer, request.headers))
            try:
                wait_s = self.admission.asks(visit, request.peer.address)
                refused = self._refuse(request)
            except Refused as too_many:
                refused = refusal(too_many.code)
            if refused is None and request.upgrades:
                return request, exchange.taken_over(request)
            try:
                if not await self._answer(exchange, request, refused):
                    return None
            finally:
                exchange.release()

    async def _answer(self, exchange: Exchange, request: Request, refused: Response | None) -> bool:
        """Answer one request; True if another may follow. A drain cuts what streams and lets the rest finish."""
        work = partial(self._routes.respond, request, exchange)
        watched = request.path.startswith("/api/rooms/") and request.method in ("GET", "HEAD")
        response = refused or await (exchange.while_there(work) if watched else work())
        if response is None:
            return False
        if not isinstance(response.body, bytes):
            with self._until_drained():
                await exchange.respond(response, last=True)
            return False
        with trio.move_on_after(limits.RESPONSE_S) as scope:
            await exchange.respond(response, last=self._draining or refused is not None)
        return not scope.cancelled_caught

    def _refuse(self, request: Request) -> Response | None:
        if not self._door.admits(request.headers.get("host", ""), request.headers.get("origin"), request.peer):
            return refusal("not-allowed", "This Host or Origin is not served here; see --allow-origin.")
        if self.admission.crowded and not request.upgrades and request.path not in _ALWAYS:
            return refusal("overloaded")
        if request.upgrades and (
            request.method != "GET"
            or "sec-websocket-key" not in request.headers
            or request.headers.get("sec-websocket-version") != "13"
        ):
            return refusal("bad-request", "Not a WebSocket handshake of version 13.")
        return None

    @contextmanager
    def _until_drained(self) -> Iterator[None]:
        scope = trio.CancelScope()
        self._waiting.add(scope)
        if self._draining:
            scope.cancel()
        try:
            with scope:
                yield
        finally:
            self._waiting.discard(scope)

    def _log(self, room: str, shape: Callable[[Record], bytes]) -> Log:
        """The room's log in one shape, shared by whoever follows it now."""
        log = self._logs.get((room, shape))
        if log is None:
            log = self._logs[room, shape] = Log(self._rooms.store, room, shape)
        return log


async def serve(
    rooms: Rooms,
    *,
    host: str = "127.0.0.1",
    port: int = 8787,
    allow_origins: Iterable[str] = (),
    gate: Gate | None = None,
    proxies: Proxies | None = None,
    tls: Certificate | None = None,
    about: Mapping[str, Any] | None = None,
    allowance: Allowance | None = None,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """Listen until cancelled; `task_status` is told the bound address. `about` is shown by `/health`,
    `gate` says who may come in: everybody, without one; `proxies` whose word on addresses counts: nobody's, without;
    `tls` is the certificate to answer with, without which everything is said in the clear.

    Raises OSError if the address cannot be bound.
    """
    listeners = await trio.open_tcp_listeners(port, host=host)
    for spare in listeners[1:] if port == 0 else ():
        await spare.aclose()  # A name with two addresses would get two different free ports; one is enough.
        listeners.remove(spare)
    address = Address(host, listeners[0].socket.getsockname()[1], tls is not None)
    deliveries = deliveries_of(rooms.store.url)
    server = Server(
        rooms,
        host=host,
        allow_origins=allow_origins,
        gate=gate,
        proxies=proxies,
        tls=tls,
        about=about,
        allowance=allowance,
        deliveries=deliveries,
    )
    with deliveries:  # Until the last connection has been answered.
        async with trio.open_nursery() as outer:
            handlers = await outer.start(_Handlers.live)
            seldom = _Seldom()
            _accepting.addFilter(seldom)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(server.sockets.keep_alive, SWEEP_S)
                    nursery.start_soon(server.turns.give)
                    if server.journal is not None:
                        nursery.start_soon(server.journal.run, server.sockets)
                        nursery.start_soon(server.journal.forget_deleted, rooms.store)
                    if tls is not None:
                        nursery.start_soon(tls.keep_fresh)
                    nursery.start_soon(server.admission.watch, server.sockets.shed)
                    accept = partial(trio.serve_listeners, server.handle, listeners, handler_nursery=handlers.nursery)
                    await nursery.start(accept)
                    task_status.started(address)
            finally:
                _accepting.removeFilter(seldom)
                server.drain()
                handlers.finish(trio.current_time() + limits.DRAIN_S)
    raise AssertionError("a listener ended by itself")


class _Seldom(logging.Filter):
    """Without file descriptors Trio says ten times a second, with a traceback, that it cannot accept, and tries again.
    A line now and then says as much, and does not fill the disk as well."""

    _next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if trio.current_time() < self._next:
            return False
        self._next = trio.current_time() + ACCEPT_LOG_S
        record.exc_info = None
        return True


class _Handlers:
    """A nursery for connections that outlives the cancellation of its parent, until a deadline set at the end."""

    def __init__(self, nursery: trio.Nursery, scope: trio.CancelScope) -> None:
        self.nursery = nursery
        self._scope = scope
        self._finishing = trio.Event()

    @classmethod
    async def live(cls, task_status: "trio.TaskStatus[_Handlers]") -> None:
        with trio.CancelScope(shield=True) as scope:
            async with trio.open_nursery() as nursery:
                handlers = cls(nursery, scope)
                task_status.started(handlers)
                await handlers._finishing.wait()

    def finish(self, deadline: float) -> None:
        """End when the last connection has, or at the deadline."""
        self._scope.deadline = deadline
        self._finishing.set()
