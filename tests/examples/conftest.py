"""What the examples' tests share: each example started by the command that its page names, and a browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..conftest import Need
from ..console.conftest import browser, installed, serve, tabs

__all__ = ["browser", "serve", "tabs"]
EXAMPLES = Path(__file__).resolve().parents[2] / "specs" / "examples"
END_S = 60


@pytest.fixture(scope="session")
def examples(need: Need) -> Path:
    """The examples' folder, with the packages that its lock file names."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            need(tool, "install Node 20 or later")
    if not installed(EXAMPLES):
        need("the examples' packages", "npm ci --prefix specs/examples")
    return EXAMPLES


@pytest.fixture
def start(examples: Path, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """A function that starts an example and returns the address of its page; all are over when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def begin(name: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        plait = str(Path(sys.executable).with_name("plait"))
        store = f"sqlite:///{tmp_path / 'plait.db'}"
        env = {**os.environ, "PLAIT": plait, "PLAIT_STORE": store, "PORT": port}
        command = ["npm", "run", "--silent", name]
        with (tmp_path / "stderr.log").open("a") as stderr:
            running = subprocess.Popen(
                command, cwd=examples, stdout=subprocess.PIPE, stderr=stderr, text=True, env=env, start_new_session=True
            )
        started.append(running)
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith(f"the {name} example is at "), (tmp_path / "stderr.log").read_text()[-2000:]
        return line.split(" is at ")[1].split()[0]

    yield begin
    for running in started:
        # npm stands before the server and the bundler: all three are asked, as by Ctrl+C in a terminal.
        os.killpg(running.pid, signal.SIGINT)
        running.wait(END_S)
        assert running.stdout is not None
        running.stdout.close()
