"""One request over an official SDK: exactly these bytes out, server-sent events back, every failure a ModelError.

The SDKs of OpenAI and Anthropic come from one generator and share the names that are used here. They bring what is
tedious and theirs (authentication, base URL, proxies, connection pool); what must be exact is ours: the body is bytes
that were hashed before, retries are off because they belong to the durable loop, and the events are read here, because
the SDKs end a stream that was cut as if it had been finished.

Two traps of Trio (measured). Buffered events come without a checkpoint, so a cancelled step would go on streaming what
has arrived: each event is preceded by one. And a stream that is left in the middle leaves async generators of the HTTP
library unfinished, which is a ResourceWarning: `_let_go` finishes them by reading on under a cancelled scope.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from ...protocol.limits import MODEL_CONNECT_S, MODEL_ERROR_CHARS, MODEL_IDLE_S
from .endpoint import Endpoint
from .failures import failure, status_failure
from .model import JSON, canonical
from .sse import EventReader, NotEvents, ServerEvent, read_json

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

DRAIN_S = 0.1
"""After the terminal event: how long to wait for the body's end, without which the connection cannot be used again."""

_HEADERS = {"Content-Type": "application/json", "Accept": "text/event-stream"}


def timeouts(idle_s: float = MODEL_IDLE_S) -> "httpx2.Timeout":
    """Bounds on connecting and on silence, none on a whole answer: long ones are wanted."""
    import httpx2

    return httpx2.Timeout(connect=MODEL_CONNECT_S, read=idle_s, write=idle_s, pool=MODEL_CONNECT_S)


async def body_of(
    fill: Callable[[JSON, Mapping[str, bytes]], JSON], request: JSON, files: Mapping[str, bytes]
) -> bytes:
    """The bytes that go out. With files in a thread: 20 MB of pictures took 0.1 s, and everybody's tokens wait here."""
    if not files:
        return canonical(fill(request, files))
    return await trio.to_thread.run_sync(lambda: canonical(fill(request, files)))


class Wire:
    """A vendor's endpoint that takes JSON and answers with events, the last of which `terminal` knows."""

    def __init__(
        self, sdk: Any, client: Any, path: str, endpoint: Endpoint, terminal: Callable[[ServerEvent], bool]
    ) -> None:
        # The SDKs' own HTTP library: an extra like them, so it is imported when there is a wire.
        import httpx2

        self._http = httpx2
        self._sdk = sdk
        self._client = client
        self._path = path
        self._terminal = terminal
        self.endpoint = endpoint
        self.vendor = endpoint.vendor

    @asynccontextmanager
    async def send(self, body: bytes) -> AsyncIterator[AsyncIterator[ServerEvent]]:
        """Send the body and give the answer's events, up to and with the terminal one. Raises ModelError."""
        response = await self._post(body)
        try:
            async with aclosing(self._events(response)) as events:
                yield events
        finally:
            await response.aclose()

    def read(self, event: ServerEvent, kind: type[T]) -> T:
        """The event's data as that kind of Struct. Raises ModelError."""
        try:
            return read_json(event.data, kind)
        except NotEvents as error:
            raise failure("model-garbled", f"{self.vendor} sent something undecodable: {error}") from None

    async def aclose(self) -> None:
        """Close the pool. Idempotent."""
        await self._client.close()

    async def _post(self, body: bytes) -> "httpx2.Response":
        sdk: Any = self._sdk
        try:
            stream = await self._client.post(
                self._path,
                cast_to=object,
                content=body,
                stream=True,
                stream_cls=sdk.AsyncStream[object],
                # The SDKs would go where a redirect leads, with the prompt and, of one vendor, with the key.
                options={"headers": _HEADERS, "follow_redirects": False},
            )
        except sdk.APIStatusError as error:
            # The SDKs differ in whether `body` is the whole body or its `error`.
            told: Any = error.body
            told = told["error"] if isinstance(told, dict) and "error" in told else told
            raise status_failure(self.endpoint, error.status_code, told, error.response.headers) from None
        except (sdk.APITimeoutError, self._http.TimeoutException):
            raise failure("model-timeout", f"{self.vendor} did not answer in time") from None
        except (sdk.APIError, self._http.HTTPError) as error:
            raise failure("model-unreachable", f"cannot reach {self.vendor}: {self._cause(error)}") from None
        return stream.response

    async def _events(self, response: "httpx2.Response") -> AsyncGenerator[ServerEvent]:
        kind = response.headers.get("content-type", "").partition(";")[0]
        if kind in ("text/html", "application/json"):
            raise failure("model-garbled", f"{self.vendor} answered with {kind} where a stream of events was due")
        reader = EventReader()
        incoming = response.aiter_bytes()
        grace_s = 0.0
        try:
            async for data in incoming:
                for event in reader.feed(data):
                    await trio.lowlevel.checkpoint_if_cancelled()
                    yield event
                    if self._terminal(event):
                        grace_s = DRAIN_S
                        return
        except self._http.TimeoutException:
            raise failure("model-timeout", f"{self.vendor} fell silent in the middle of its answer") from None
        except (NotEvents, self._http.DecodingError) as error:
            raise failure("model-garbled", f"{self.vendor} sent something undecodable: {error}") from None
        except self._http.HTTPError as error:
            raise failure("model-truncated", f"{self.vendor}'s answer was cut: {self._cause(error)}") from None
        finally:
            await self._let_go(incoming, grace_s)
        raise failure("model-truncated", f"{self.vendor}'s answer ended without its terminal event")

    def _cause(self, error: BaseException) -> str:
        """The SDKs say only `Connection error.`; what is behind it says what to mend."""
        root = error
        while root.__cause__ is not None:
            root = root.__cause__
        return self.endpoint.without_key(" ".join(str(root).split())[:MODEL_ERROR_CHARS]) or type(root).__name__

    async def _let_go(self, incoming: AsyncIterator[bytes], grace_s: float) -> None:
        """Finish the HTTP library's generators from inside, within that time; none means with what is buffered.

        The cancel must strike in their read and not in a checkpoint of ours, which would leave them unfinished.
        """
        with trio.CancelScope(deadline=trio.current_time() + grace_s) as scope:
            if not grace_s:
                scope.cancel()
            try:
                async for _ in incoming:
                    pass
            except self._http.HTTPError:
                return  # The answer is over or unwanted; how its connection ends is nobody's concern.
