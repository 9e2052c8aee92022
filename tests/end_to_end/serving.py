"""The real `plait serve` as a process that a test may kill, stop and start again on the same file and port.

async with serving(tmp_path) as server:
    async with node_tab(f"{server.ws}/rooms", "lobby") as tab: ...
    await server.kill()
    await server.start()
"""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from tests.preloaded import PLAIT, Command, forkable

START_S = 60.0
STOP_S = 60.0
READY = "plait is listening on "


class ServerProcess:
    """One store, one port, and the process that serves them at the moment, if any."""

    preloaded = True
    """Whether a start is a fork of a process that has loaded plait; not where starting is the subject, nor for
    a command that is another program."""

    def __init__(self, folder: Path, model: str, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        self.store = f"sqlite:///{folder / 'plait.db'}"
        self.port = 0
        self._folder = folder
        self._model = model
        self._arguments = tuple(arguments)
        self._env = dict(env)
        self._process: trio.Process | Command | None = None
        self._stdout: trio.abc.ReceiveStream | None = None
        self._starts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def log(self) -> str:
        """What all processes so far said on stderr."""
        return (self._folder / "stderr.log").read_text(errors="replace")

    def command(self, *more: str) -> list[str]:
        """The command line, for tests that start a second server themselves."""
        return [str(PLAIT), "serve", "--store", self.store, "--port", str(self.port), "--model", self._model, *more]

    async def start(self, *, within_s: float = START_S) -> None:
        """Start serving; returns when the line that promises it is there."""
        assert self._process is None
        ready_file = self._folder / "ready"
        ready_file.unlink(missing_ok=True)
        command = self.command("--ready-file", str(ready_file), *self._arguments)
        with (self._folder / "stderr.log").open("ab") as stderr:
            await self._begin(command, {**os.environ, **self._env}, stderr.fileno())
        line = b""
        assert self._stdout is not None
        with trio.move_on_after(within_s):
            while not line.endswith(b"\n"):
                more = await self._stdout.receive_some()
                if not more:
                    break
                line += more
        said = line.decode().strip()
        assert said.startswith(READY), f"instead of being ready the server said {said!r}: {self.log[-2000:]}"
        url = said.removeprefix(READY)
        assert ready_file.read_text().strip() == url
        self.port = int(url.rpartition(":")[2])

    async def _begin(self, command: list[str], env: dict[str, str], stderr: int) -> None:
        if self.preloaded and command[0] == str(PLAIT) and forkable(env):
            forked = Command(command[1:], env, stderr, nth=self._starts)
            self._process, self._stdout = forked, trio.lowlevel.FdStream(forked.stdout)
        else:
            started = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=stderr, env=env)
            self._process, self._stdout = started, started.stdout
        self._starts += 1

    async def _end(self, sent: signal.Signals) -> int:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(sent)
        with trio.move_on_after(STOP_S):
            return await self._ended()
        raise AssertionError(f"the server did not end in {STOP_S} s after {sent.name}: {self.log[-2000:]}")

    async def _ended(self) -> int:
        """Its exit code once it has ended, of itself or of a signal."""
        assert self._process is not None
        assert self._stdout is not None
        process = self._process
        code = await (process.wait_in_trio() if isinstance(process, Command) else process.wait())
        await self._stdout.aclose()
        self._process = None
        return code

    async def kill(self) -> None:
        """kill -9: what was not on disk is gone."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """SIGTERM, as a deploy sends it; returns the exit code."""
        return await self._end(signal.SIGTERM)

    async def close(self) -> None:
        """End the process if it runs still."""
        if self._process is not None:
            with trio.CancelScope(shield=True):
                await self.kill()

    def resident_kib(self) -> int:
        """The process's resident memory by the kernel's count."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1])

    def cpu_s(self) -> float:
        """User and system time that the process used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def get(self, path: str) -> tuple[int, bytes]:
        """A plain GET: status and body."""
        return await trio.to_thread.run_sync(_fetch, f"{self.url}{path}", None)

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        """A JSON POST: status and decoded answer."""
        status, answer = await trio.to_thread.run_sync(_fetch, f"{self.url}{path}", json.dumps(body).encode())
        return status, json.loads(answer)

    async def records(self, room: str) -> list[dict[str, Any]]:
        """The room's whole log, page after page."""
        records: list[dict[str, Any]] = []
        while True:
            after = records[-1]["seq"] if records else 0
            status, body = await self.get(f"/api/rooms/{room}/records?after={after}")
            assert status == 200, body
            page = [json.loads(line) for line in body.splitlines() if line]
            if not page:
                return records
            records += page


def _fetch(url: str, body: bytes | None) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=START_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@asynccontextmanager
async def serving(
    folder: Path, *, model: str = "echo", arguments: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> AsyncIterator[ServerProcess]:
    """A server on a fresh file in `folder`, running when the block begins and gone when it ends."""
    server = ServerProcess(folder, model, arguments, env or {})
    try:
        await server.start()
        yield server
    finally:
        await server.close()
