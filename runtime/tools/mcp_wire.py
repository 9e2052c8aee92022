"""The two wires of MCP, watched: the SDK's transports, and what they keep to themselves about a server that is gone.

Over stdio nobody is told when the process ends while no call waits. Over HTTP one request that finds nobody takes down
the client and every other call with it, and of none can be said whether it was ever sent. Both are mended here from
outside, and the SDK is imported when there is a wire, because it is an extra.
"""

import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import trio

from ...protocol.limits import MCP_CONNECT_S

if TYPE_CHECKING:
    import httpx2

NOT_SENT = -32077
"""Our own code, from the range that JSON-RPC leaves to implementations: the request never left this machine."""

_SPARE_S = 10.0
"""Beyond a call's own limit, so that it is the call that ends and not the connection under it."""


@asynccontextmanager
async def stdio_wire(
    command: Sequence[str], env: Mapping[str, str], cwd: str | Path | None, gone: trio.Event
) -> AsyncGenerator[Any]:
    """A process of ours; `gone` is set once it says nothing more. Of our environment it gets what the SDK thinks
    harmless (HOME, LOGNAME, PATH, SHELL, TERM, USER), and `env`."""
    from mcp import StdioServerParameters, stdio_client

    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(env), cwd=cwd)
    # What it says on stderr goes where ours goes; sys.stderr may have been replaced by something without a file.
    async with stdio_client(parameters, errlog=sys.__stderr__ or sys.stderr) as (read, write):
        yield Watched(read, gone), write


@asynccontextmanager
async def http_wire(url: str, headers: Mapping[str, str], call_s: float, gone: trio.Event) -> AsyncGenerator[Any]:
    """Streamable HTTP to that URL. There is no connection that could end: that nobody is there shows when asked, so
    `gone` is never set."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    patience = httpx2.Timeout(MCP_CONNECT_S, read=call_s + _SPARE_S)
    async with (
        _http_client(headers, patience) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams


class Watched:
    """A stream of messages that says when it ended."""

    def __init__(self, stream: Any, ended: trio.Event) -> None:
        self._stream = stream
        self._ended = ended

    async def receive(self) -> Any:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except BaseException:
            self._ended.set()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.aclose()


def _http_client(headers: Mapping[str, str], patience: "httpx2.Timeout") -> "httpx2.AsyncClient":
    """A client that answers a failed request itself, in JSON-RPC, so that it concerns that one request alone."""
    import httpx2
    from mcp.types import CONNECTION_CLOSED

    class Answering(httpx2.AsyncClient):
        async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            try:
                return await super().send(request, **options)
            except httpx2.TransportError as error:
                unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
                told = {"code": NOT_SENT if unsent else CONNECTION_CLOSED, "message": type(error).__name__}
                return httpx2.Response(502, json={"jsonrpc": "2.0", "id": None, "error": told}, request=request)

    # Where a server lives its operator says, and not whoever answers there: headers hold keys.
    return Answering(headers=headers, timeout=patience, follow_redirects=False)
