"""What a hostile page, and a hostile word on our own page, does in a real Chromium."""

import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import Browser, Dialog, Error, Page, expect

from ..console.browser import Serving
from .conftest import REBOUND
from .hostile import ALL, MARK, PAYLOADS

Serve = Callable[..., Serving]
MALLORY = ["tests.attacks.hostile:mallory"]

ATTEMPTS = """async (url) => {
  const ws = url.replace('http', 'ws')
  const socket = (path, protocols) => new Promise((done) => {
    const one = new WebSocket(ws + path, protocols)
    one.onopen = () => done('opened')
    one.onerror = one.onclose = () => done('refused')
  })
  const text = (answer) => answer.text()
  const read = (path, how) => fetch(url + path, how).then(text).then((said) => 'read ' + said, () => 'refused')
  const sent = (path, how) => fetch(url + path, { mode: 'no-cors', ...how }).then(() => 'sent', () => 'refused')
  return {
    sockets: [await socket('/rooms/r', ['plait.v1']), await socket('/docs/r'), await socket('/hocuspocus')],
    reads: [await read('/api/rooms'), await read('/health'), await read('/'), await read('/metrics')],
    writes: [
      await sent('/api/rooms/r/commands', { method: 'POST', body: '{"id": "x", "do": "prompt", "text": "forged"}' }),
      await read('/api/rooms/r', { method: 'DELETE' }),
    ],
  }
}"""


class _Page(BaseHTTPRequestHandler):
    """A page of somebody else, which frames whatever its query names."""

    def do_GET(self) -> None:
        framed = self.path.partition("?")[2]
        body = f'<!doctype html><title>evil</title><iframe src="{framed}"></iframe>' if framed else "<!doctype html>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody reads it."""


@pytest.fixture
def evil() -> Iterator[str]:
    """Where a hostile page is: another port is another origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def records(url: str, room: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}/api/rooms/{room}/records") as lines:
        return [json.loads(line) for line in lines.read().splitlines()]


def command(url: str, **fields: Any) -> Any:
    body = json.dumps({"id": fields["do"], **fields}).encode()
    with urllib.request.urlopen(f"{url}/api/rooms/lobby/commands", body) as said:
        return json.loads(said.read())


def test_a_page_of_another_origin(serve: Serve, browser: Browser, evil: str) -> None:
    """AC51: it opens no socket of any kind, reads nothing, and what it sends unread changes nothing."""
    url = serve("echo").url
    page = browser.new_page()
    page.goto(evil)
    for there in (url, url.replace("127.0.0.1", "localhost")):
        tried = page.evaluate(ATTEMPTS, there)
        assert tried["sockets"] == ["refused"] * 3
        assert tried["reads"] == ["refused"] * 4
        assert tried["writes"][1] == "refused"
    assert records(url, "r") == []
    page.context.close()


def test_a_page_whose_name_was_rebound(serve: Serve, browser: Browser) -> None:
    """AC51: to the browser it is the same origin, to the server it is a name that is not its own."""
    url = serve("echo").url
    rebound = url.replace("127.0.0.1", REBOUND)
    page = browser.new_page(bypass_csp=True)  # What was rebound is the attacker's page, which has no policy of ours.
    answer = page.goto(f"{rebound}/health")
    assert answer is not None
    assert answer.status == 403
    tried = page.evaluate(ATTEMPTS, rebound)
    assert tried["sockets"] == ["refused"] * 3
    assert all("not-allowed" in said or said == "refused" for said in tried["reads"])
    assert records(url, "r") == []
    page.context.close()


def test_a_page_is_not_framed(serve: Serve, browser: Browser, evil: str) -> None:
    """AC50: neither the console nor an answer is shown inside another page, so nobody clicks in it unknowingly."""
    url = serve("echo").url
    page = browser.new_page()
    for path in ("/", "/health", "/api/rooms"):
        page.goto(f"{evil}/?{url}{path}")
        page.wait_for_function("() => window.frames.length === 1")
        (framed,) = page.main_frame.child_frames
        assert framed.url == "chrome-error://chromewebdata/"
    page.goto(f"{evil}/?{evil}/")  # And this test would have noticed.
    assert [frame.url for frame in page.main_frame.child_frames] == [f"{evil}/"]
    page.context.close()


def watched(page: Page) -> list[str]:
    """What is asked of others than the page's own server, and every dialog."""
    strange: list[str] = []
    page.on("request", lambda request: strange.append(request.url) if "evil.example" in request.url else None)

    def asked(dialog: Dialog) -> None:
        strange.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", asked)
    return strange


@pytest.mark.parametrize("policy", [True, False], ids=["with its policy", "without"])
def test_nothing_that_is_said_runs(policy: bool, serve: Serve, browser: Browser) -> None:
    """AC52: prompts, answers, calls, results, sources, files, data, titles, metadata and shared text, all hostile."""
    url = serve("echo", agents=MALLORY).url
    command(url, do="set-room", title=PAYLOADS[1], metadata={"x": PAYLOADS[0]})
    command(url, do="prompt", text=ALL)
    call = {"name": "attack", "args": json.dumps({"said": ALL})}
    with urllib.request.urlopen(
        f"{url}/api/rooms/lobby/commands",
        json.dumps({"id": "call", "do": "prompt", "text": json.dumps(call), "agent": "mallory"}).encode(),
    ) as said:
        assert b'"ok"' in said.read()
    put = urllib.request.Request(f"{url}/api/rooms/lobby/documents/main?format=text", ALL.encode(), method="PUT")
    with urllib.request.urlopen(put) as seeded:
        assert seeded.status in (200, 201)
    context = browser.new_context(bypass_csp=not policy, viewport={"width": 1400, "height": 900})
    page = context.new_page()
    strange = watched(page)
    page.goto(f"{url}/?room=lobby")
    expect(page.locator(".run.done")).to_have_count(2)
    runs = page.locator(".run")
    for run, word in ((runs.first, "constructor.constructor"), (runs.last, "Told:")):
        run.scroll_into_view_if_needed()  # What is out of sight is not there yet.
        expect(run.locator(".answer")).to_contain_text(word)
        page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true })")
        for href in page.locator("a").evaluate_all("(links) => links.map((link) => link.href)"):
            assert not href.lower().startswith(("javascript:", "data:", "vbscript:")), href
        built = ".run :is(script, iframe, object, embed, style, base, meta, form[action], svg[onload])"
        assert page.locator(built).count() == 0
        assert page.locator("[onerror], [onload], [ontoggle], [onbegin]").count() == 0
    assert page.evaluate("() => window.owned") is None
    assert not strange
    page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", PAYLOADS[1])
    if policy:  # The second wall: what got in all the same would not run.
        page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
        assert page.evaluate("() => window.owned") is None
    else:  # And this test would have noticed.
        page.wait_for_function("() => window.owned === 1")
    context.close()


UPLOADS = [
    (f"<script>{MARK}; fetch('/api/rooms')</script>".encode(), "text/html"),
    (f"<svg xmlns='http://www.w3.org/2000/svg'><script>{MARK}</script></svg>".encode(), "image/svg+xml"),
    (b"<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>window.owned = 1</x:script>", "text/xml"),
    (f"<html xmlns='http://www.w3.org/1999/xhtml'><script>{MARK}</script></html>".encode(), "application/xhtml+xml"),
    (f"<script>{MARK}</script>".encode(), "image/png"),
    (MARK.encode(), "text/javascript"),
]


def test_nothing_that_was_uploaded_runs(serve: Serve, browser: Browser) -> None:
    """AC53: opened by itself it is saved, or shown as what it says it is, and as a script it is not taken."""
    url = serve("echo").url
    page = browser.new_page()
    for data, kind in UPLOADS:
        put = urllib.request.Request(f"{url}/api/blobs", data, {"content-type": kind}, method="PUT")
        with urllib.request.urlopen(put) as kept:
            at = f"{url}/api/blobs/{json.loads(kept.read())['blob']}"
        page.goto("about:blank")
        if kind == "image/png":
            page.goto(at)
        else:
            with page.expect_download(), suppress(Error):  # A navigation that becomes a download is told as an error.
                page.goto(at)
        assert page.evaluate("() => window.owned") is None
        assert page.evaluate("() => document.scripts.length") == 0
    context = browser.new_context()  # Even on our own page a blob is no script: its type is not what it says.
    console = context.new_page()
    console.goto(f"{url}/?room=lobby")
    put = urllib.request.Request(f"{url}/api/blobs", MARK.encode(), {"content-type": "text/plain"}, method="PUT")
    with urllib.request.urlopen(put) as kept:
        name = json.loads(kept.read())["blob"]
    loaded = console.evaluate(
        """(at) => new Promise((done) => {
          const one = document.createElement('script')
          one.onload = () => done('ran')
          one.onerror = () => done('refused')
          one.src = at
          document.head.append(one)
        })""",
        f"/api/blobs/{name}",
    )
    context.close()
    page.context.close()
    assert loaded == "refused"
