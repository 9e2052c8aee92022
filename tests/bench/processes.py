"""What the benchmarks of the whole server share: its process, the crowd of tabs, the yardstick, and their figures."""

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENTS = ROOT / "tests" / "clients"


class Talker(AbstractContextManager["Talker"]):
    """A child process that answers lines with lines. Blocking on purpose: a benchmark does one thing at a time."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended")
        return line.strip()

    def tell(self, **words: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def ask(self, **words: Any) -> Any:
        self.tell(**words)
        return json.loads(self.line())

    def cpu_ms(self) -> float:
        """CPU time of all its threads, to the nanosecond, as the scheduler counts it."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def resident_kib(self) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


class Plait(Talker):
    """The stamping server."""

    def __init__(self, folder: str, *, idle_s: float = 60) -> None:
        super().__init__(sys.executable, "-m", "tests.bench.stamping", f"sqlite:///{folder}/plait.db", str(idle_s))
        self.url = self.line().removeprefix("plait is listening on ")
        self.ws = self.url.replace("http", "ws", 1)
        self._prompts = 0

    def stream(self, room: str, count: int, interval_ms: float, kind: str = "") -> None:
        """Have the room's agent stream so many tokens: stamped ones, or `plain` ones."""
        self._prompts += 1
        command = {"id": f"bench-{self._prompts}", "do": "prompt", "text": f"{count} {interval_ms} {kind}"}
        self.post(room, command)

    def post(self, room: str, command: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.url}/api/rooms/{room}/commands", json.dumps(command).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert "ok" in json.loads(answer.read())

    def metric(self, name: str) -> float:
        """One figure from /metrics."""
        lines = self.get("/metrics").decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
            return answer.read()


class Crowd(Talker):
    """The tabs."""

    def __init__(self) -> None:
        super().__init__("node", str(CLIENTS / "crowd.mjs"))


class Broadcast(Talker):
    """Node's `ws` as the yardstick."""

    def __init__(self) -> None:
        super().__init__("node", str(CLIENTS / "broadcast.mjs"))
        self.ws = self.line()


def machine() -> str:
    """One line that says where the figures come from."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "unknown CPU",
    )
    busy = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {model}, Python {sys.version.split()[0]}, load {busy:.1f}"
