"""What the editors' tests share: Chromium, a server to kill, and the three pages, bundled and served from loopback."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from ..conftest import Need
from ..console.conftest import browser, installed

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from ..console.browser import Serving
    from .editor import Desk

__all__ = ["browser"]
HERE = Path(__file__).parent
BUILD_S = 300


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Iterator[str]:
    """The origin of the pages, which is not the server's own: each is a bundle of published packages."""
    if shutil.which("node") is None:
        need("node", "install Node 20 or later")
    if not installed(HERE):
        need("the editors", "npm ci --prefix tests/editors")
    folder = tmp_path_factory.mktemp("editors")
    build = ["node", str(HERE / "pages" / "build.mjs"), str(folder)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pages: str) -> Iterator["Serving"]:
    """A server that lets the pages in, for all tests; each has a room of its own."""
    from ..console.browser import Serving

    folder = tmp_path_factory.mktemp("served")
    serving = Serving(folder, "echo", agents=["tests.end_to_end.scribe:scribe"], arguments=["--allow-origin", pages])
    try:
        yield serving.start()
    finally:
        serving.end()


@pytest.fixture
def desk(browser: "Browser", pages: str, server: "Serving") -> Iterator["Desk"]:
    """A way to open editors in a new room; at the end no page may have complained."""
    from .editor import Desk

    desk = Desk(browser, pages, server)
    yield desk
    desk.close()
