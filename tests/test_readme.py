"""What the README says is so: its commands exist, its service serves, its Yjs snippet watches."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from plait.protocol.events import RunRequested
from plait.runtime import cli
from plait.storage import open_store

from .conftest import Need

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
NODE_MODULES = ROOT / "tests" / "clients" / "node_modules"
PATIENCE_S = 180


def fence(tag: str, holding: str) -> str:
    """The one fenced block of that tag that holds that text."""
    (text,) = [block for block in re.findall(rf"```{tag}\n(.*?)```", README, re.DOTALL) if holding in block]
    return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def running(command: list[str], folder: Path) -> AsyncIterator[trio.Process]:
    """A process in `folder` whose output is read by the test, ended by force if it does not end before."""
    with trio.fail_after(PATIENCE_S):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PLAIT_")}
        process = await trio.lowlevel.open_process(command, cwd=folder, stdout=subprocess.PIPE, env=environment)
        assert process.stdout
        try:
            async with process.stdout:
                yield process
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


async def fetched(url: str, body: dict[str, Any] | None = None) -> str:
    """What the server answers, once there is a server; the test's own patience bounds the wait."""
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None)
    while True:
        try:
            return await trio.to_thread.run_sync(lambda: urllib.request.urlopen(request).read().decode())
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError) or not isinstance(error.reason, ConnectionRefusedError):
                raise
            await trio.sleep(0.05)


def until_finished(url: str) -> list[dict[str, Any]]:
    """The events of a room's log, up to the first end of a run."""
    events: list[dict[str, Any]] = []
    with urllib.request.urlopen(f"{url}?follow=1", timeout=PATIENCE_S) as lines:
        for line in lines:
            events.append(json.loads(line)["event"])
            if events[-1]["type"] == "run-finished":
                break
    return events


def test_verbs() -> None:
    """HO6: every verb that the README names exists, and it names every one."""
    named = set(re.findall(r"\bplait ([a-z]+)\b", " ".join(re.findall(r"`[^`\n]+`|^    .*$", README, re.MULTILINE))))
    assert named == set(cli.VERBS)


def test_what_happens_when() -> None:
    """HO6: every rule that the README leans on exists."""
    section = README.partition("## What happens when")[2].partition("\n## ")[0]
    named = set(re.findall(r"\b[A-Z]{2}\d+\b", section))
    rules = {
        rule for page in (ROOT / "specs").glob("*.md") for rule in re.findall(r"\*\*([A-Z]{2}\d+)\.", page.read_text())
    }
    assert len(named) > 25
    assert named <= rules


def test_options() -> None:
    """HO6: every long option that the README gives to a verb exists."""
    for verb, rest in re.findall(r"\bplait ([a-z]+) ([^`\n]*--[^`\n]*)", README):
        command = cli.plait.get_command(cli.click.Context(cli.plait), verb)
        assert command is not None
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, verb


def test_checks() -> None:
    """HO6: every test that the README names as a check exists."""
    named = re.findall(r"`uv run pytest ([^`]+)`", README)
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_the_two_commands_come_first() -> None:
    """HO6: before any heading but the title stand the two commands with which everything begins."""
    opening = README.split("\n## ")[0]
    commands = [line.split("  #")[0].rstrip() for line in re.findall(r"^    (.*)$", opening, re.MULTILINE)[:2]]
    assert commands == ["pip install uv && uv run plait serve", "pip install uv && uv run pytest"]


async def test_a_service_of_ones_own(tmp_path: Path) -> None:
    """HO6: the service of twenty-odd lines serves, its agent calls its function, a restart does not ask again, and the
    client of the same section is answered."""
    text = fence("python", ".serve(")
    port = free_port()
    assert text.count("8800") == 1
    assert len(text.splitlines()) <= 25
    (tmp_path / "shop.py").write_text(text.replace("8800", str(port)))
    (tmp_path / "client.py").write_text(fence("python", "connect(").replace("8800", str(port)))
    log = f"http://127.0.0.1:{port}/api/rooms/counter/records"
    for start in "first", "second":
        async with running([sys.executable, "shop.py"], tmp_path) as process:
            await fetched(f"http://127.0.0.1:{port}/health")
            events = await trio.to_thread.run_sync(until_finished, log)
            if start == "first":
                async with running([sys.executable, "client.py"], tmp_path) as client:
                    assert client.stdout
                    assert b"UTC" in b"".join([piece async for piece in client.stdout])
            process.send_signal(signal.SIGINT)
            await process.wait()
        (returned,) = [event for event in events if event["type"] == "tool-returned"]
        assert re.fullmatch(r'"\d\d:\d\d in UTC"', returned["result"])
    async with open_store(f"sqlite:///{tmp_path / 'shop.db'}", readonly=True) as store:
        records = await store.read("counter")
    assert [type(record.event) for record in records].count(RunRequested) == 2  # The service's own, and the client's.


async def test_the_yjs_snippet_watches(tmp_path: Path, need: Need) -> None:
    """HO6: the JavaScript of the README, as it stands, shows the run in a stock Yjs client."""
    if not NODE_MODULES.exists() or shutil.which("node") is None:
        need("Node with the stock Yjs client", "install Node 20 and run npm ci --prefix tests/clients")
    port = free_port()
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "watch.mjs").write_text(fence("js", "WebsocketProvider").replace("8787", str(port)))
    # Browsers have WebSocket; Node 20 has not.
    (tmp_path / "browser.mjs").write_text('import { WebSocket } from "ws"\nglobalThis.WebSocket = WebSocket\n')
    serve = "from plait.runtime.cli import main; main()"
    async with (
        running([sys.executable, "-c", serve, "serve", "--model", "echo", "--port", str(port)], tmp_path),
        running(["node", "--import", "./browser.mjs", "watch.mjs"], tmp_path) as watching,
    ):
        (asked,) = re.findall(r"curl -d '(.*)' http", README)
        url = f"http://127.0.0.1:{port}/api/rooms/counter/commands"
        first, again = await fetched(url, json.loads(asked)), await fetched(url, json.loads(asked))
        assert json.loads(first)["ok"] == json.loads(again)["ok"]
        assert watching.stdout
        said = ""
        async for piece in watching.stdout:
            said += piece.decode()
            if "done What time is it?" in said:
                break
        assert "done What time is it?" in said
