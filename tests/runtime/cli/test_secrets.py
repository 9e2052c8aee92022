"""A real `plait serve` that holds secrets, driven down every path that could say one; and nowhere is one found."""

import functools
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.runtime.cli import run
from plait.storage import open_store

from ...conftest import need_module
from ..models.vendor import Reply, events, refusal, serve_vendor
from .test_serve import said, serving

OPENAI = "sk-planted-openai-0123456789abcdef"
ANTHROPIC = "sk-ant-planted-0123456789abcdef"
SERVER = "planted-mcp-secret-0123456789"
DATABASE = "planted-database-password-01234"
PLANTED = {
    "OPENAI_API_KEY": OPENAI,
    "ANTHROPIC_API_KEY": ANTHROPIC,
    "SHOP_PASSWORD": DATABASE,
}

LEAKY = '''
import logging, os, sys, threading
from contextlib import asynccontextmanager
from plait.protocol.events import ToolCall, Usage
from plait.runtime import Agent, Call, Source, ToolError, tool
from plait.runtime.models.model import Answered, ModelError, ReasoningChunk, TextChunk, ArgumentsChunk
SERVER = "planted-mcp-secret-0123456789"
if MCP:
    from plait.runtime.tools.mcp import mcp_tools
    far = [mcp_tools("far", [sys.executable, "far.py"], env={"FAR_TOKEN": SERVER})]
else:
    far = []
logging.getLogger().setLevel(logging.DEBUG)
KEYS = " ".join(os.environ[name] for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SHOP_PASSWORD"))

@tool(effect="read")
def environment(call: Call) -> dict:
    """All of it."""
    call.progress(KEYS)
    call.show(Source("https://x/?key=" + KEYS.split()[0], KEYS, KEYS))
    logging.getLogger("host").debug("the keys: %s", KEYS)
    thread = threading.Thread(target=lambda: (_ for _ in ()).throw(RuntimeError(KEYS)))
    thread.start(); thread.join()
    return {"env": dict(os.environ), KEYS: 1}

@tool
def large() -> str:
    """Too much for the log."""
    return ("." * 70_000) + KEYS

@tool
def refuses() -> str:
    """Say no."""
    raise ToolError(KEYS)

@tool
def breaks() -> str:
    """Break."""
    raise RuntimeError(KEYS)

@tool(approval=lambda args: KEYS)
def asks(why: str) -> str:
    """Ask."""
    return why

class Tells:
    name = "tells"
    def request(self, instructions, messages, tools, options=None):
        return {"messages": [type(m).__name__ for m in messages]}
    @asynccontextmanager
    async def stream(self, request, files={}):
        async def chunks():
            if "Result" not in request["messages"]:
                names = ["environment", "large", "refuses", "breaks", *(["far__leak", "far__fail"] if far else [])]
                yield Answered("tool-calls", tuple(ToolCall(n, n, "{}") for n in names), Usage())
                return
            for letter in KEYS:
                yield TextChunk(letter)
            yield ReasoningChunk(KEYS)
            raise RuntimeError(KEYS) if request["messages"][0] else ModelError("model-failed", KEYS, retry=False)
        yield chunks()
    async def aclose(self):
        raise RuntimeError(KEYS)

agent = Agent("leaky", Tells(), tools=[environment, large, refuses, breaks, asks, *far], title=False)
'''

FAR = """
import os
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
server = MCPServer("far", log_level="CRITICAL")
@server.tool()
def leak() -> str:
    return "it is " + os.environ["FAR_TOKEN"]
@server.tool()
def fail() -> str:
    raise ToolError("it is " + os.environ["FAR_TOKEN"])
server.run("stdio")
"""


async def ended(url: str, room: str, grant: str, agent: str, n: int) -> bytes:
    """The records of one prompt's run, once it has ended."""
    asked = json.dumps({"id": f"p{n}", "do": "prompt", "agent": agent, "text": "Go"}).encode()
    prompt = functools.partial(_get, f"{url}/api/rooms/{room}/commands", grant, asked)
    begun = json.loads(await trio.to_thread.run_sync(prompt))["ok"]["run"]
    look = functools.partial(_get, f"{url}/api/rooms/{room}/records?after={int(begun) - 1}", grant)
    with trio.fail_after(100):
        while True:
            page = await trio.to_thread.run_sync(look)
            if any(f'"type":"run-{end}"'.encode() in page for end in ("finished", "failed", "stopped")):
                return page
            await trio.sleep(0.2)


async def test_no_secret_is_said_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SE1, SE2, AC18: model keys, an MCP server's variable, a password, the signing secret and the grants: not in the
    database, its journal, the document, the metrics, the page, any answer or anything that is logged, at debug level,
    whatever quotes them: a vendor that refuses them, tools, exceptions, threads, another server."""
    need_module("openai")
    need_module("mcp")
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "leaky.py").write_text(LEAKY.replace("if MCP:", "if True:"))
    (tmp_path / "far.py").write_text(FAR)
    key = tmp_path / "key"
    assert run(["grant", "--secret-file", str(key), "--new-secret", *(f"--right={r}" for r in RIGHTS)]) == 0
    grant = capsys.readouterr().out.strip()
    quoting = {"type": "invalid_request_error", "message": f"Incorrect API key provided: {OPENAI}. {ANTHROPIC}"}
    replies = [refusal(401, quoting), refusal(400, quoting), Reply(events({"error": quoting})), refusal(404, quoting)]
    answers: list[bytes] = []
    async with serve_vendor(*replies, *[refusal(400, quoting)] * 20) as vendor:
        monkeypatch.setenv("OPENAI_BASE_URL", vendor.url)
        (tmp_path / "paid.py").write_text(
            'from plait.runtime import Agent\nagent = Agent("paid", "openai:m", retries=1)\n'
        )
        more = ("--agent", "leaky:agent", "--agent", "paid:agent", "--secret-file", str(key))
        async with serving(tmp_path, *more) as process:
            logged: list[bytes] = []
            async with trio.open_nursery() as nursery:
                assert process.stderr
                nursery.start_soon(_gather, process.stderr, logged)
                url = (await said(process)).split()[-1]
                for n, agent in enumerate(("leaky", "paid", "paid", "paid", "paid")):
                    answers.append(await ended(url, "r", grant, agent, n))
                for path in ("/health", "/metrics", "/", "/api/rooms/r/records", f"/api/rooms?token={grant}"):
                    answers.append(await trio.to_thread.run_sync(functools.partial(_get, url + path, grant)))
                process.terminate()
                await process.wait()
        assert len(vendor.requests) >= 4
        assert OPENAI in vendor.requests[0].headers["authorization"]  # It is the key that is used.
    files = b"".join(path.read_bytes() for path in tmp_path.glob("plait.db*"))  # noqa: ASYNC240
    assert b"[secret]" in files
    assert b"[secret]" in b"".join(logged)
    assert answers[0].count(b"it is [secret]") == 2  # Of the other server's tools, one that failed among them.
    secret = key.read_text().strip()
    for hidden in (*PLANTED.values(), SERVER, secret, grant, grant.split(".")[1]):
        assert hidden.encode() not in b"".join(logged), hidden
        assert hidden.encode() not in files
        assert not [answer for answer in answers if hidden.encode() in answer]
    async with open_store(f"sqlite:///{tmp_path / 'plait.db'}") as store:
        for record in await store.read("r", limit=10_000):
            assert not [hidden for hidden in (*PLANTED.values(), SERVER) if hidden in repr(record)]


def test_a_start_that_fails_says_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SE2: the traceback of what could not be loaded, and --help."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "crash.py").write_text('import os\nraise RuntimeError("key " + os.environ["OPENAI_API_KEY"])\n')
    for words in (("--agent", "crash:agent"), ("--help",), ("--model", "openai:m", "--agent", "none:none")):
        command = [sys.executable, "-c", "from plait.runtime.cli import main; main()", "serve", *words]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert not [value for value in PLANTED.values() if value in told.stdout + told.stderr]
        if "crash:agent" in words:
            assert "RuntimeError: key [secret]" in told.stderr


RIGHTS = ("read", "write", "prompt", "decide", "tools", "admin")


async def _gather(stream: Any, into: list[bytes]) -> None:
    async for piece in stream:
        into.append(piece)


def _get(url: str, grant: str, body: bytes | None = None) -> bytes:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, {"authorization": f"Bearer {grant}"})) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()
