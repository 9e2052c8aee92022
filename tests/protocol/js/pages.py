"""Pages of one browser on real rooms: what a test does with them, and what it may look at.

A page is tests/protocol/js/page.ts, bundled, and comes from a server of its own, so that it can be loaded while plait
is away. All pages of a `Household` share one browser profile, and with it their socket and their outbox.
"""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, WebSocketRoute, expect
from playwright.sync_api import Error as PlaywrightError

from ...console.browser import Serving

HERE = Path(__file__).parent
BUILD_S = 300
PATIENCE_MS = 60_000


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def served(package: Path, folder: Path) -> Iterator[str]:
    """The origin of the page, which is not plait's own."""
    esbuild = package / "node_modules" / ".bin" / "esbuild"
    source = f"--alias:plait-client={package / 'src' / 'index.ts'}"
    build = [str(esbuild), str(HERE / "page.ts"), "--bundle", "--format=esm", source, f"--outfile={folder / 'page.js'}"]
    done = subprocess.run(build, capture_output=True, text=True, timeout=BUILD_S, env=os.environ)
    assert done.returncode == 0, done.stderr
    (folder / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>page</title><link rel="icon" href="data:,">'
        '<script type="module" src="page.js"></script>\n'
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Tab:
    """One page on a room."""

    def __init__(self, page: Page, site: str, serving: Serving, room: str, **query: str) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(f"{site}/?{urlencode({'server': serving.url, 'room': room, **query})}")

    def note(self, name: str, value: str | re.Pattern[str], wait_ms: int = PATIENCE_MS) -> "Tab":
        """Wait until the page's note says so."""
        expect(self.page.locator("html")).to_have_attribute(f"data-{name}", value, timeout=wait_ms)
        return self

    def live(self) -> "Tab":
        return self.note("status", "live")

    def noted(self, name: str) -> str:
        return self.page.locator("html").get_attribute(f"data-{name}") or ""

    def words(self, least: int) -> "Tab":
        """Wait until so many words of answers are there."""
        enough = "least => Number(document.documentElement.dataset.words ?? 0) >= least"
        self.page.wait_for_function(enough, arg=least, timeout=PATIENCE_MS)
        return self

    def ask(self, text: str, **options: str) -> "Tab":
        """Prompt; returns once that is kept, be it answered or not."""
        self.page.evaluate("([text, options]) => ask(text, options)", [text, options])
        return self

    def answered(self, text: str) -> str:
        """The run that the prompt began, or the code with which it was refused."""
        there = "text => (JSON.parse(document.documentElement.dataset.outcomes ?? '{}'))[text]"
        return self.page.wait_for_function(there, arg=text, timeout=PATIENCE_MS).json_value()

    def texts(self) -> list[str]:
        return self.page.evaluate("texts()")

    @property
    def session(self) -> CDPSession:
        return self.page.context.new_cdp_session(self.page)

    def close(self) -> None:
        self.page.close()

    def crash(self) -> None:
        """Kill its process, as far as the browser lets."""
        with self.page.expect_event("crash"), suppress(PlaywrightError):  # There is nobody left to arrive.
            self.page.goto("chrome://crash")
        self.page.close()

    def freeze(self) -> None:
        self.session.send("Page.setWebLifecycleState", {"state": "frozen"})

    def reload(self) -> None:
        self.page.reload()

    def hang(self) -> None:
        """Stop its script as a debugger does, at whatever it does next."""
        self._debugger = self.session
        self._debugger.send("Debugger.enable")
        self._debugger.send("Debugger.pause")

    def go_on(self) -> None:
        """The end of `hang`."""
        self._debugger.send("Debugger.resume")
        self._debugger.detach()


class Household:
    """One browser profile, one server and one room."""

    def __init__(self, browser: Browser, site: str, serving: Serving, room: str) -> None:
        self.context = browser.new_context()
        self.serving = serving
        self.room = room
        self._site = site
        self._tabs: list[Tab] = []
        self._others: list[Household] = []

    def open(self, **query: str) -> Tab:
        self._tabs.append(Tab(self.context.new_page(), self._site, self.serving, self.room, **query))
        return self._tabs[-1]

    def close(self) -> None:
        for other in self._others:
            other.close()
        self.context.close()
        assert not [fault for tab in self._tabs for fault in tab.faults]

    def share_a_socket(self) -> None:
        """Wait until the server has one WebSocket open: that of a page that is gone ends once the server knows."""
        for _ in range(PATIENCE_MS // 100):
            if self._sockets() == 1:
                return
            self.context.pages[0].wait_for_timeout(100)
        raise AssertionError(f"{self._sockets()} sockets are open")

    def _sockets(self) -> int:
        with urllib.request.urlopen(f"{self.serving.url}/metrics") as answer:
            found = re.search(r"^plait_connections (\S+)$", answer.read().decode(), re.MULTILINE)
        assert found is not None
        return int(float(found[1]))

    def prompts(self) -> list[str]:
        """The prompts in the room's log, page by page."""
        records: list[dict[str, Any]] = []
        while True:
            after = records[-1]["seq"] if records else 0
            with urllib.request.urlopen(f"{self.serving.url}/api/rooms/{self.room}/records?after={after}") as lines:
                page = [json.loads(line) for line in lines.read().splitlines()]
            if not page:
                break
            records += page
        events = [record["event"] for record in records]
        return [event["prompt"] for event in events if event["type"] == "run-requested"]

    def start(self) -> None:
        """The server is back, and so is the network: pages need not wait for their next try."""
        self.serving.start()
        online(self.context)

    def other(self) -> "Household":
        """Another browser profile in the same room."""
        assert self.context.browser is not None
        other = Household(self.context.browser, self._site, self.serving, self.room)
        self._others.append(other)
        return other


class Wire:
    """The network of a browser profile. The browser's own switch leaves open sockets alone; a cable does not."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._there = True
        self._open: list[WebSocketRoute] = []
        context.route_web_socket(re.compile("/hocuspocus$"), self._connect)

    def _connect(self, socket: WebSocketRoute) -> None:
        if not self._there:
            socket.close(code=4000)
            return
        socket.connect_to_server()
        self._open.append(socket)

    def cut(self) -> None:
        self._there = False
        for socket in self._open:
            socket.close(code=4000)
        self._open.clear()

    def mend(self) -> None:
        self._there = True
        online(self._context)


def online(context: BrowserContext) -> None:
    """What a browser tells its pages when the network comes back."""
    for page in context.pages:
        page.evaluate("dispatchEvent(new Event('online'))")
