"""One HTTP/1.1 exchange after another on a byte stream: h11 decides, this reads and writes.

Rules:

1. A head has `HEAD_BYTES` and `HEAD_S`, counted from the accept or the end of the exchange before, so that a client
   that drips bytes (slowloris) or idles is gone after that. A body has `BODY_BYTES` and as long; a blob has its own
   bounds, and a rate that it must keep.
2. What h11 refuses is answered with its status (400, or 431 for a long head) and ends the stream.
3. All bodies together hold `BODIES_BYTES`, as far as they have come; those of blobs are counted apart.
4. A body that is not read to its end ends the stream, after what the client still sends was read and forgotten for at
   most `CLOSE_S`: closing at once would reset the connection, and the reset could overtake the answer.
5. Whatever is answered, an error too, says to browsers what it may not be taken for (`_SAFE`); it sets no cookie.
6. A request whose length is told in two ways is refused: a proxy may have believed the other one, and what stood behind
   it would be somebody else's request (smuggling).
7. An upgrade leaves the exchange: its head is handed on as it was understood, together with what came after it.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl

import h11
import msgspec
import trio

from ...protocol import limits
from ...protocol.errors import CODES, Code, Refused
from .peer import Peer
from .turns import Turns

_RECEIVE_BYTES = 16 << 10


_SAFE = (
    # What is no page may do nothing at all, opened as one; pages bring a policy of their own.
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)
"""Sent with every answer that does not say otherwise itself."""


class Request(NamedTuple):
    """The head of one request. Header names are lower case; `path` is still percent-encoded, `query` is decoded; `peer`
    is who sent it."""

    method: str
    target: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    peer: Peer = Peer()

    @property
    def upgrades(self) -> bool:
        """Whether it asks to become a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"

    def number(self, name: str, default: int) -> int:
        """A number of the query. Raises Refused('bad-request') where there is something else."""
        value = self.query.get(name, "")
        if not value:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > 16:
            raise Refused("bad-request", f"'{name}' is a number.")
        return int(value)


Send = Callable[[bytes], Awaitable[None]]


class Response(NamedTuple):
    """What is answered: a whole body, or a function that is given `send` and writes one as it comes."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Callable[[Send], Awaitable[None]] = b""


JSON = ("content-type", "application/json")


def json(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A JSON answer that no cache keeps."""
    return Response(status, (JSON, ("cache-control", "no-store"), *headers), msgspec.json.encode(value))


def refusal(code: Code, message: str = "", status: int | None = None) -> Response:
    """`{"code", "message"}` with the code's HTTP status, or the given one."""
    meaning = CODES[code]
    return json({"code": code, "message": message or meaning.sentence}, status or meaning.status)


def not_allowed(allow: str) -> Response:
    """The refusal of a method that an address does not answer to; `allow` are those that it does."""
    response = refusal("bad-request", f"This address answers to {allow}.", 405)
    return response._replace(headers=(*response.headers, ("allow", allow)))


class Bodies:
    """What all bodies that are being read, or looked at, hold together."""

    def __init__(self) -> None:
        self.bytes = 0

    def hold(self, size: int) -> None:
        """So many bytes more came. Raises Refused('overloaded')."""
        if self.bytes + size > limits.BODIES_BYTES:
            raise Refused("overloaded", "Too many bodies are being read; try again later.")
        self.bytes += size


class Exchange:
    """h11's server side on a stream. Ends by `next` giving None, or when an upgrade was taken over. `bodies` counts
    what the bodies of all exchanges hold; what came is looked at when it is its turn (`turns`)."""

    def __init__(self, stream: trio.abc.Stream, bodies: Bodies | None = None, turns: Turns | None = None) -> None:
        self._stream = stream
        self._bodies = bodies or Bodies()
        self._turns = turns or Turns()
        self._holds = 0
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.HEAD_BYTES)
        self._announced = 0  # The request's Content-Length, 0 if it has none.
        self._bodyless = False  # Whether the request is a HEAD, whose answer has the headers of a body and no body.

    async def next(self) -> Request | None:
        """The next request's head; None when the client is done, too slow, or was refused."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        elif self._http.our_state is not h11.IDLE:
            return None
        with trio.move_on_after(limits.HEAD_S):
            event = await self._event()
            if isinstance(event, h11.Request):
                request = _request(event)
                if "transfer-encoding" in request.headers and not _plainly_chunked(event, request):
                    await self._refuse(h11.RemoteProtocolError("the body's length is told in two ways"))
                    return None
                self._announced = int(request.headers.get("content-length", "0"))  # h11 lets nothing else pass.
                return request
        return None

    def release(self) -> None:
        """The request was answered: its body is needed no longer."""
        self._bodies.bytes -= self._holds
        self._holds = 0

    async def body(
        self,
        at_most: int = limits.BODY_BYTES,
        within_s: float = limits.HEAD_S,
        *,
        apart: bool = False,
        bytes_per_s: float = 0,
    ) -> bytes:
        """The request's body; `apart` if it is counted elsewhere. With `bytes_per_s` it has `HEAD_S`, and more for what
        came at that rate, up to `within_s`. Raises Refused('too-large'), Refused('overloaded') or
        Refused('bad-request') where it does not come."""
        parts: list[bytes] = []

        async def take(part: bytes) -> None:
            if not apart:
                self._bodies.hold(len(part))
                self._holds += len(part)
            parts.append(part)

        await self.spool(take, at_most, within_s, bytes_per_s=bytes_per_s)
        return b"".join(parts)

    async def spool(
        self,
        take: Callable[[bytes], Awaitable[None]],
        at_most: int,
        within_s: float,
        *,
        bytes_per_s: float = 0,
    ) -> None:
        """Give the request's body to `take` as it comes. Raises as `body` does, and what `take` raises."""
        too_large = Refused("too-large", f"A body may have {at_most} bytes here.")
        if self._announced > at_most:
            raise too_large
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        size = 0
        began = trio.current_time()
        with trio.move_on_after(min(within_s, limits.HEAD_S) if bytes_per_s else within_s) as scope:
            while isinstance(event := await self._event(), h11.Data):
                size += len(event.data)
                if bytes_per_s:
                    scope.deadline = began + min(within_s, limits.HEAD_S + size / bytes_per_s)
                if size > at_most:
                    raise too_large
                await take(bytes(event.data))
            if isinstance(event, h11.EndOfMessage):
                return
        raise Refused("bad-request", "The body did not arrive whole.")

    async def respond(self, response: Response, *, last: bool = False) -> None:
        """Send it. `last`: the stream is closed afterwards, and the client is told so."""
        said = {name for name, _ in response.headers}
        headers = [*response.headers, *(each for each in _SAFE if each[0] not in said)]
        headers.append(("date", formatdate(usegmt=True)))
        if isinstance(response.body, bytes) and response.status not in (204, 304):
            headers.append(("content-length", str(len(response.body))))
        # An unread body would be taken for the next request, so the stream ends with this answer.
        if last or not self._read_whole():
            headers.append(("connection", "close"))
        reason = HTTPStatus(response.status).phrase
        await self._send(h11.Response(status_code=response.status, headers=headers, reason=reason))
        if isinstance(response.body, bytes):
            if not self._bodyless:
                await self._send(h11.Data(data=response.body))
        elif not self._bodyless and not await self._write(response.body):
            return
        await self._send(h11.EndOfMessage())
        if self._http.their_state is h11.SEND_BODY:
            await self._linger()

    async def _linger(self) -> None:
        with trio.move_on_after(limits.CLOSE_S), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
            while await self._stream.receive_some(_RECEIVE_BYTES):
                pass

    def _read_whole(self) -> bool:
        """Whether the request has been read to its end; one without a body has."""
        if self._http.their_state is h11.SEND_BODY:
            with suppress(h11.RemoteProtocolError):
                self._http.next_event()
        return self._http.their_state is not h11.SEND_BODY

    async def _write(self, body: Callable[[Send], Awaitable[None]]) -> bool:
        """Let the body write itself until it is done (True) or the client hung up."""
        whole = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hung_up, nursery.cancel_scope)
                await body(self._send_part)
                whole = True
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            whole = False
        return whole

    async def _send_part(self, part: bytes) -> None:
        await self._send(h11.Data(data=part))

    async def _hung_up(self, writing: trio.CancelScope) -> None:
        """End the writing when the client hangs up, or says something, which it has no business to say now."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._stream.receive_some(1)
        writing.cancel()

    async def while_there(self, work: Callable[[], Awaitable[Response]]) -> Response | None:
        """What the work gives, or None if the client hung up before: then it is cancelled, since nobody waits for it.
        The request is one without a body."""
        if not self._read_whole():
            return await work()
        response = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._leaves, nursery.cancel_scope)
            response = await work()
            nursery.cancel_scope.cancel()
        return response

    async def _leaves(self, working: trio.CancelScope) -> None:
        """End the work when the client hangs up. One that says more, its next request, is heard later."""
        try:
            said = bytes(await self._stream.receive_some(_RECEIVE_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            said = b""
        if said:
            self._http.receive_data(said)
        else:
            working.cancel()

    def taken_over(self, request: Request) -> bytes:
        """The upgrade's head as understood, and what was read beyond it: for whoever speaks the new protocol."""
        lines = [f"{request.method} {request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self._http.trailing_data[0]

    async def _event(self) -> object:
        """h11's next event, reading as needed. A refusal by h11 is answered here and ends the stream (None)."""
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    said = bytes(await self._stream.receive_some(_RECEIVE_BYTES))
                    await self._turns.mine()
                    self._http.receive_data(said)
                elif event is not h11.PAUSED:
                    if isinstance(event, h11.Request):
                        self._bodyless = event.method == b"HEAD"
                    return event
                else:
                    return None
        except h11.RemoteProtocolError as error:
            await self._refuse(error)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        return None

    async def _refuse(self, error: h11.RemoteProtocolError) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self.respond(refusal("bad-request", f"Not HTTP/1.1: {error}", error.error_status_hint), last=True)

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            await self._stream.send_all(data)


def _plainly_chunked(event: h11.Request, request: Request) -> bool:
    """Whether chunks are all that says how long the body is, in a version that has them."""
    return "content-length" not in request.headers and event.http_version == b"1.1"


def _request(event: h11.Request) -> Request:
    target = event.target.decode("latin-1")
    path, _, query = target.partition("?")
    # Repeated headers are joined, as RFC 9110 says; none that is read here may be repeated otherwise.
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        event.method.decode("latin-1"), target, path, dict(parse_qsl(query, keep_blank_values=True)), headers
    )
