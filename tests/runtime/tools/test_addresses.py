"""Nothing here goes where somebody else says: which modules open connections, and redirects that lead elsewhere."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from plait.protocol.access import Grant
from plait.protocol.commands import AttachedFile
from plait.runtime import Agent, Call, Runtime, Source, document_tools, tool
from plait.runtime.models import open_model
from plait.runtime.models.model import Model, ModelError
from plait.storage.memory import MemoryStore

from ...conftest import need_module
from ..agent.scripted import Scripted, answered, calls, says
from ..models.vendor import Reply, play, serve_vendor

ROOT = Path(__file__).parents[3]

OPENS = {
    "runtime/auth/keyring.py",  # The address of the keys, which the operator gives (AC5).
    "runtime/client/link.py",  # A program's own client: the server's address.
    "runtime/models/wire.py",  # A model's server, by its name or its variable.
    "runtime/tools/mcp_wire.py",  # An MCP server's, as `mcp_tools` was given it.
}
"""All modules that can open a connection to elsewhere, and whose word the address is."""

_LIBRARIES = {"httpx", "httpx2", "urllib.request", "http.client", "socket", "requests", "aiohttp", "ssl", "ftplib"}
_CALLS = {"open_tcp_stream", "open_ssl_over_tcp_stream", "open_unix_socket", "urlopen", "create_connection"}


def opens(path: Path) -> Iterator[str]:
    """The words by which a module could open a connection."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in _LIBRARIES)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module in _LIBRARIES:
            yield node.module
        elif isinstance(node, ast.Attribute) and node.attr in _CALLS:
            yield node.attr


def test_which_modules_open_connections() -> None:
    """AC42: a module that begins to is one to be thought about, and to be written down here."""
    found = {
        str(path.relative_to(ROOT))
        for folder in ("protocol", "storage", "runtime")
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts and any(opens(path))
    }
    # Those two wait for whoever comes, and call nobody.
    assert found - {"runtime/server/listener.py", "runtime/server/tls.py"} == OPENS


async def test_addresses_that_others_name_are_not_asked() -> None:
    """AC42: in a prompt, a fact, an argument, a result, a source, a text that is inserted, a file's name."""
    store = MemoryStore()
    async with serve_vendor() as trap:

        @tool(effect="read")
        async def search(call: Call) -> str:
            """Search."""
            call.show(Source(f"{trap.url}/source", "A page", f"![x]({trap.url}/image)"))
            return f"See {trap.url}/result"

        wanted = json.dumps({"new": f"[x]({trap.url}/text)"})
        model = Scripted(
            lambda request: (
                says(f"![x]({trap.url}/answer)")
                if answered(request)
                else calls(("s", "search", "{}"), ("i", "insert_text", wanted), ("d", f"{trap.url}/tool", "{}"))
            )
        )
        agent = Agent("a", model, tools=[search, *document_tools()], title=False)
        async with Runtime(store, [agent]) as runtime:
            room = runtime.room("r").under(Grant("ann", issued=1))
            file = await runtime.room("r").attach(b"x", "image/png", f"{trap.url}/name")
            facts = {"page": f"{trap.url}/fact"}
            assert isinstance(file, AttachedFile)
            run = await room.prompt(f"Read {trap.url}/prompt", context=facts, attachments=[file])
            with trio.fail_after(60):
                assert (await room.wait(run))["status"] == "done"
        assert trap.connections == 0


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_a_models_server_that_leads_elsewhere(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """AC42: a redirect is an answer of a wrong status; nobody else is shown the prompt, or the key."""
    need_module(vendor)
    async with serve_vendor(Reply([b"{}"])) as trap:

        def model_at(url: str) -> Model:
            monkeypatch.setenv(f"{vendor.upper()}_API_KEY", "sk-very-secret-of-the-test")
            monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", url)
            return open_model(f"{vendor}:m")

        led = Reply([b"{}"], 307, {"location": f"{trap.url}/v1/responses"})
        with pytest.raises(ModelError):
            await play(led, model_at)
        assert trap.connections == 0


async def test_an_mcp_server_that_leads_elsewhere() -> None:
    """AC42: its redirect is not followed; headers hold keys."""
    need_module("mcp")
    from plait.runtime.tools.mcp import mcp_tools

    async with serve_vendor(*[Reply([b"{}"])] * 20) as trap:
        led = Reply([b"{}"], 307, {"location": f"{trap.url}/mcp"})
        async with serve_vendor(*[led] * 20) as server, trio.open_nursery() as nursery:
            source = mcp_tools("far", f"{server.url}/mcp", headers={"Authorization": "Bearer very-secret"})
            nursery.start_soon(source.run)
            with trio.fail_after(60):
                while not server.requests:  # noqa: ASYNC110  # A list tells nobody.
                    await trio.sleep(0.05)
            await trio.sleep(2)  # Whoever follows a redirect does so at once.
            assert not source.tools
            nursery.cancel_scope.cancel()
        assert trap.connections == 0
