"""`plait serve` as a process: when it says that it is ready, and how it ends."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from plait.storage import open_store

START_S = 120


@asynccontextmanager
async def serving(folder: Path, *more: str) -> AsyncIterator[trio.Process]:
    """The verb as a process of its own in `folder`, ended by force if the test does not end it."""
    script = "from plait.runtime.cli import main; main()"
    command = [sys.executable, "-c", script, "serve", "--port", "0", "--model", "echo", *more]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PLAIT_")}
    with trio.fail_after(START_S):
        process = await trio.lowlevel.open_process(command, cwd=folder, stdout=-1, stderr=-1, env=environment)
        assert process.stdout
        assert process.stderr
        try:
            async with process.stdout, process.stderr:
                yield process
        finally:
            process.kill()  # Does nothing to one that has ended.
            with trio.CancelScope(shield=True):
                await process.wait()


async def said(process: trio.Process) -> str:
    """The next that it says on stdout."""
    assert process.stdout
    return (await process.stdout.receive_some()).decode()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_it_says_when_it_is_ready_and_ends_in_good_order(name: str, tmp_path: Path) -> None:
    """CL9, CL10: one line when it listens, the same URL in the file; a signal ends it with exit code 0."""
    async with serving(tmp_path, "--ready-file", "ready") as process:
        line = await said(process)
        url = (tmp_path / "ready").read_text().strip()
        assert line == f"plait is listening on {url}\n"
        answer = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(f"{url}/health").status)
        assert answer == 200
        process.send_signal(signal.Signals[name])
        assert await process.wait() == 0
        assert await said(process) == ""
    assert (tmp_path / "plait.db").exists()


STUCK = '''
import time
from contextlib import asynccontextmanager
from plait.protocol.events import ToolCall, Usage
from plait.runtime import Agent, tool
from plait.runtime.models.model import Answered

@tool
def wait() -> str:
    """Block."""
    print("at work", flush=True)
    time.sleep(600)
    return "never"

class Caller:
    name = "caller"

    def request(self, instructions, messages, tools):
        return {"messages": []}

    @asynccontextmanager
    async def stream(self, request):
        async def chunks():
            yield Answered("tool-calls", (ToolCall("c", "wait", "{}"),), Usage())

        yield chunks()

    async def aclose(self):
        pass

stuck = Agent("stuck", Caller(), tools=[wait])
'''


async def test_a_tool_that_blocks_keeps_nobody(tmp_path: Path) -> None:
    """CL13: it is left behind, the room is in good order, and a person decides what became of the call."""
    (tmp_path / "stuck.py").write_text(STUCK)
    async with serving(tmp_path, "--agent", "stuck:stuck") as process:
        url = (await said(process)).split()[-1]
        body = b'{"id": "1", "do": "prompt", "text": "Go", "agent": "stuck"}'
        await trio.to_thread.run_sync(lambda: urllib.request.urlopen(f"{url}/api/rooms/r/commands", body).status)
        assert (await said(process)).strip() == "at work"  # Unbuffered, the line's end comes by itself.
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0  # Else in ten minutes, for which nobody here waits.
    async with open_store(f"sqlite:///{tmp_path / 'plait.db'}") as store:
        kinds = [type(record.event).__name__ for record in await store.read("r")]
    assert kinds[-2:] == ["ToolStarted", "EpochClosed"]


async def test_the_second_on_one_file_is_refused(tmp_path: Path) -> None:
    """CL3: a second server on the same database is one line that names the first one's process."""
    async with serving(tmp_path) as first:
        await said(first)
        async with serving(tmp_path) as second:
            assert second.stderr
            error = b"".join([piece async for piece in second.stderr]).decode()
            assert await second.wait() == 1
            assert str(first.pid) in error
            assert error.startswith("plait: ")
            assert error.count("\n") == 1


async def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    """CL3: a port that somebody else holds is one line on stderr and exit code 1."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, serving(tmp_path, "--port", str(listener.socket.getsockname()[1])) as process:
        assert process.stderr
        error = b"".join([piece async for piece in process.stderr]).decode()
        assert await process.wait() == 1
        assert error.startswith("plait: ")
        assert error.count("\n") == 1


async def test_an_agent_of_ones_own(tmp_path: Path) -> None:
    """CL9: `--agent MODULE:NAME` is found in the working folder, and it works beside the built-in one."""
    (tmp_path / "shop.py").write_text("from plait.runtime import Agent\nclerk = Agent('clerk', 'echo')\n")
    async with serving(tmp_path, "--agent", "shop:clerk") as process:
        url = (await said(process)).split()[-1]
        body = b'{"id": "1", "do": "prompt", "text": "Any apples?", "agent": "clerk"}'
        request = urllib.request.Request(f"{url}/api/rooms/counter/commands", body, method="POST")
        answer = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(request).read())
        assert b'"ok"' in answer
        process.terminate()
        assert await process.wait() == 0


def test_the_shebang_command_is_this() -> None:
    """CL1: what pip installs as `plait` is `main`."""
    installed = Path(sys.executable).with_name("plait")
    if not installed.exists():
        pytest.fail("the project is not installed beside this Python: run uv sync")
    done = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == "plait 0.1.0\n"
