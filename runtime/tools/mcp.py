"""Tools of MCP servers: other people's processes and services, listed, called, cancelled and started again.

`mcp_tools("files", "npx -y …")` runs a server over stdio, `mcp_tools("shop", "https://…/mcp")` talks streamable HTTP.
Everything between is the official SDK's, which runs on Trio; here is what a durable agent needs around it:

- One connection for the life of a runtime. A server that is gone is started again, later and later while it keeps
  failing; its tools stay known, and a call meanwhile says in a sentence that nothing was sent.
- A call that was sent and not answered is not known to have happened (`OutcomeNotKnown`): to say "failed" would invite
  the model to do a write twice.
- A server is somebody else's program. It gets none of our environment's secrets, its annotations are its own word, and
  what it sends to be shown in every request is bounded.
"""

import logging
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
import trio

from ...protocol.limits import (
    MCP_CALL_S,
    MCP_CONNECT_S,
    MCP_LAST_WORDS_S,
    MCP_LISTING_BYTES,
    MCP_READY_S,
    MCP_RESTART_S,
    MCP_TOOLS,
)
from ..masking import remember, remember_environment, remember_headers
from ..models.model import ToolSchema
from .call import Call
from .mcp_wire import NOT_SENT, http_wire, stdio_wire
from .mcp_words import SERVER, effect_of, error_of, full_name, heard, result_of, schema_of
from .tool import Approval, Effect, OutcomeNotKnown, Tool, ToolError, ToolTimeout

try:
    import mcp.types
    from mcp import Client, MCPError
    from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
except ImportError as error:
    raise ImportError(f"MCP tools need the SDK ({error}); run pip install 'plait[mcp]'") from error

log = logging.getLogger("plait.tools")

_Wire = Callable[[trio.Event], AbstractAsyncContextManager[Any]]
"""Opens a wire to the server; the event is set when it ends."""

_FIRST_WAIT_S = 0.25

_NO_ANSWER = {
    mcp.types.CONNECTION_CLOSED,
    mcp.types.PARSE_ERROR,
    # The SDK says this for HTTP's 5xx, which a proxy may send whatever became of the request behind it.
    mcp.types.INTERNAL_ERROR,
}
"""What the SDK says, beside the server's own errors, when a request may or may not have been carried out."""


class McpTool:
    """One tool of a server, as it was listed."""

    question = None
    shows: Literal["", "retrieval"] = ""

    def __init__(self, source: "McpSource", listed: mcp.types.Tool) -> None:
        self._source = source
        self._name = listed.name
        self.schema: ToolSchema = schema_of(full_name(source.name, listed.name), listed)
        self.effect: Effect = effect_of(listed.annotations)
        self.approval: Approval = source.approval
        self.decide_within_s: float | None = source.decide_within_s

    def __repr__(self) -> str:
        return f"<tool {self.schema.name} ({self.effect})>"

    async def call(self, args: str, call: Call, /) -> Any:
        """Ask the server. MCP has no place for a key: an idempotent call is one that may be made again as it is."""
        try:
            arguments = msgspec.json.decode(args or "{}", type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise ToolError(f"bad arguments for {self.schema.name}: {error}") from error
        return await self._source.ask(self._name, arguments, call)


class McpSource:
    """One server and its tools; made by `mcp_tools`. Any number of agents may share it."""

    def __init__(
        self, name: str, wire: _Wire, approval: Approval, decide_within_s: float | None, call_s: float
    ) -> None:
        self.name = name
        self.approval: Approval = approval
        self.decide_within_s = decide_within_s
        self._call_s = call_s
        self._wire = wire
        self._tools: dict[str, Tool] = {}
        self._client: Client | None = None
        self._gone = trio.Event()
        self._calls = 0
        self._quiet = trio.Event()
        self._listed = trio.Event()
        self._look = trio.Event()
        self._running = False

    def __repr__(self) -> str:
        return f"<MCP server {self.name}>"  # Never the command or the URL: people put keys into them.

    @property
    def tools(self) -> Mapping[str, Tool]:
        """What the server listed last; kept while it is away."""
        return self._tools

    def absent(self, tool: str) -> str | None:
        """Before the first listing any name may be one of its tools."""
        if self._listed.is_set() or not tool.startswith(f"{self.name}__"):
            return None
        return f"The tool server {self.name} has not started yet, so {tool} cannot be called now. Nothing was done."

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a connection until cancelled; started with the first listing, or after `MCP_READY_S` without one."""
        if self._running:
            raise RuntimeError(f"{self!r} is at work in another runtime; make one source for each")
        self._running = True
        self._listed = trio.Event()  # In a second runtime the server is another one, which may list other tools.
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_connected)
                with trio.move_on_after(MCP_READY_S):
                    await self._listed.wait()
                task_status.started()
        finally:
            self._running = False

    async def _keep_connected(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            began = trio.current_time()
            why = "it ended"
            try:
                await self._connection()
            except* Exception as errors:
                why = _told(errors)
            if trio.current_time() - began >= MCP_RESTART_S:
                wait_s = _FIRST_WAIT_S
            log.warning("MCP server %s is not there: %s; trying again in %g s", self.name, why, wait_s)
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, MCP_RESTART_S)

    async def _connection(self) -> None:
        """One connection, from its first byte to its end. Returns if it ended by itself."""
        self._gone = trio.Event()
        with trio.CancelScope(deadline=trio.current_time() + MCP_CONNECT_S) as starting:
            client = Client(
                self._wire(self._gone),
                read_timeout_seconds=MCP_CONNECT_S,
                message_handler=self._hear,
                cache=None,
            )
            async with client:
                await self._list(client)
                starting.deadline = math.inf
                self._client = client
                log.info("MCP server %s: %d tools", self.name, len(self._tools))
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._list_again, client)
                        nursery.start_soon(self._subscribe, client)
                        await self._gone.wait()
                        nursery.cancel_scope.cancel()
                finally:
                    # Before the connection is taken down: no call may find it half gone.
                    self._client = None
        if starting.cancelled_caught:
            raise TimeoutError(f"it did not answer within {MCP_CONNECT_S} s")

    async def _hear(self, message: Any) -> None:
        """What servers before 2026-07-28 send unasked."""
        if isinstance(message, mcp.types.ToolListChangedNotification):
            self._look.set()

    async def _subscribe(self, client: Client) -> None:
        """Hear of changed listings from servers that tell only those who asked."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                async with client.listen(tools_list_changed=True) as events:
                    if not events.honored.tools_list_changed:
                        return
                    self._look.set()  # For what changed before it was asked to tell.
                    async for _ in events:
                        self._look.set()
            except ListenNotSupportedError:
                return
            except SubscriptionLost:
                self._look.set()  # Is it still there?
            except (MCPError, TimeoutError) as error:
                log.info("MCP server %s tells of no changes: %s", self.name, error)
                return
            await trio.sleep(wait_s)
            wait_s = min(2 * wait_s, MCP_RESTART_S)

    async def _list_again(self, client: Client) -> None:
        """Whenever there is a doubt. A server that cannot list any more is not there, and its connection ends."""
        while True:
            await self._look.wait()
            self._look = trio.Event()
            try:
                await self._list(client)
            except Exception:
                # Calls that are on their way may learn what became of them; over HTTP each stands alone.
                self._client = None
                with trio.move_on_after(MCP_LAST_WORDS_S):
                    while self._calls:
                        self._quiet = trio.Event()
                        await self._quiet.wait()
                raise

    async def _list(self, client: Client) -> None:
        listed: list[mcp.types.Tool] = []
        cursor: str | None = None
        for _ in range(MCP_TOOLS + 1):  # Pages may hold one tool each, or none.
            page = await client.list_tools(cursor=cursor)
            listed += page.tools
            cursor = page.next_cursor
            if cursor is None or len(listed) > MCP_TOOLS:
                break
        tools: dict[str, Tool] = {}
        size = 0
        for each in listed:
            tool = McpTool(self, each)
            size += len(msgspec.json.encode(tool.schema))
            if len(tools) == MCP_TOOLS or size > MCP_LISTING_BYTES:
                log.warning("MCP server %s lists too much: its tools from %r on are left out", self.name, each.name)
                break
            tools.setdefault(tool.schema.name, tool)
        self._tools = tools
        self._listed.set()

    async def ask(self, tool: str, arguments: dict[str, Any], call: Call) -> Any:
        """Call a tool by the server's own name for it. Raises ToolError, and OutcomeNotKnown if no answer came."""
        if self._client is None or self._gone.is_set():
            raise ToolError(f"The tool server {self.name} is not running and is being started again. Nothing was done.")
        self._calls += 1
        try:
            answer = await self._client.call_tool(tool, arguments, self._call_s, heard(call))
        except MCPError as error:
            self._look.set()  # A server that lost its session, or is gone, is found out by asking for its tools.
            if error.code == NOT_SENT:
                raise ToolError(f"The tool server {self.name} cannot be reached. Nothing was done.") from error
            if error.code == mcp.types.REQUEST_TIMEOUT:
                raise ToolTimeout(
                    f"The tool server {self.name} gave no answer within {self._call_s:g} s, so whether {tool} was done "
                    "is not known."
                ) from error
            if error.code in _NO_ANSWER:
                raise OutcomeNotKnown(
                    f"The tool server {self.name} gave no answer ({error}), so whether {tool} was done is not known."
                ) from error
            raise ToolError(f"The tool server {self.name} refused: {error}") from error
        except (RuntimeError, ValueError) as error:
            # The SDK's words for a result against the tool's own schema or the protocol. Something was done, though.
            log.warning("MCP server %s: the result of %s cannot be read: %s", self.name, tool, error)
            raise ToolError(f"{tool} was done, but what it returned breaks its own schema and is left out.") from error
        finally:
            self._calls -= 1
            self._quiet.set()
        if answer.is_error:
            raise ToolError(error_of(answer))
        return result_of(answer, call)


def mcp_tools(
    name: str,
    server: str | Sequence[str],
    *,
    approval: Approval = "never",
    decide_within_s: float | None = None,
    call_within_s: float = MCP_CALL_S,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    headers: Mapping[str, str] | None = None,
) -> McpSource:
    """The tools of an MCP server, for an agent's `tools`.

    `name` begins the names of its tools (`name__tool`) and so stands in logs: keep it. `server` is a URL (streamable
    HTTP) or a command, as a line or as its words, that is run without a shell (stdio). A command's process sees of our
    environment only PATH, HOME and the like, and what `env` gives it; a URL's requests carry `headers`. `approval` and
    `decide_within_s` count for all of its tools, as for `@tool`. A call without an answer after `call_within_s` is cut.
    Raises ValueError for a bad name or server, TypeError for options of the other kind.
    """
    if not SERVER.fullmatch(name):
        raise ValueError(f"a tool server's name has 1 to 24 letters, digits, - or single _, and {name!r} has not")
    if isinstance(server, str) and server.startswith(("http://", "https://")):
        if env is not None or cwd is not None:
            raise TypeError("env and cwd are for a command; a URL has headers")
        remember_headers(headers or {})
        remember(urlsplit(server).password or "", *parse_qs(urlsplit(server).query).get("key", []))
        wire = partial(http_wire, server, headers or {}, call_within_s)
        return McpSource(name, wire, approval, decide_within_s, call_within_s)
    if headers is not None:
        raise TypeError("headers are for a URL; a command has env")
    words = shlex.split(server) if isinstance(server, str) else list(server)
    if not words:
        raise ValueError(f"the tool server {name} has no command")
    remember_environment(env or {})
    return McpSource(name, partial(stdio_wire, words, env or {}, cwd), approval, decide_within_s, call_within_s)


def _told(errors: BaseException) -> str:
    """What went wrong, for the log: the first cause. A URL in an error may hold a key, so HTTP's are named only."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return str(errors) if isinstance(errors, OSError | MCPError) and str(errors) else type(errors).__name__
