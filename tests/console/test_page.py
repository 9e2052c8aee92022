"""How the console behaves for whoever reads it: keys, names, contrast, phones, motion, scrolling, hostile text."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from ..end_to_end.paced import Pace
from .browser import Serving, Tab

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
PARAGRAPHS = "\n\n".join(f"Paragraph {number} of a long answer." for number in range(1, 121))
PARAGRAPH_WORDS = 6


def finished(tab: Tab, prompt: str = "Show me a table") -> Tab:
    tab.live().ask(prompt)
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    return tab


def test_dark_and_light_follow_the_system_until_the_reader_chooses(serve: Serve, tabs: Tabs) -> None:
    """CO12: and the choice is remembered."""
    tab = tabs(serve("echo").url, "lobby", color_scheme="dark").live()
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = tab.page.evaluate(ground)
    tab.page.emulate_media(color_scheme="light")
    light = tab.page.evaluate(ground)
    assert dark != light
    tab.page.get_by_role("button", name="Theme: system").click()
    tab.page.get_by_role("button", name="Theme: light").click()
    assert tab.page.evaluate(ground) == dark
    tab.page.reload()
    tab.live()
    assert tab.page.evaluate(ground) == dark
    tab.page.get_by_role("button", name="Theme: dark").click()
    assert tab.page.evaluate(ground) == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast_and_everything_a_name(serve: Serve, tabs: Tabs, scheme: str) -> None:
    """CO12, CO13: AA in both themes; one size for reading; whatever takes the focus has an accessible name."""
    tab = finished(tabs(serve().url, "lobby", color_scheme=scheme), "Show me a table")
    tab.page.locator(".tool > summary").click()
    expect(tab.page.locator(".call")).to_be_visible()
    tab.page.get_by_role("slider", name="Records").click(position={"x": 1, "y": 30})
    expect(tab.page.get_by_role("dialog")).to_contain_text("tools-registered")
    sizes = "(all) => [...new Set(all.map((one) => getComputedStyle(one).fontSize))]"
    assert tab.page.locator(".part.text .prose > p").evaluate_all(sizes) == ["16px"]
    seen, weak = tab.contrasts()
    assert seen > 60
    assert weak == []
    focusable, silent = tab.focusable()
    assert focusable > 20
    assert silent == []


def test_the_keyboard_reaches_everything(serve: Serve, tabs: Tabs) -> None:
    """CO14: `/` writes, `j` and `k` walk the parts, `.` stops, `?` lists the keys, Ctrl+K does the rest."""
    tab = tabs(serve().url, "lobby").live()
    press = tab.page.keyboard.press
    press("/")
    expect(tab.prompt).to_be_focused()
    # Twenty seconds, so that there is something left to stop.
    tab.page.keyboard.type("Do something slow / j k . ?")
    expect(tab.prompt).to_have_value("Do something slow / j k . ?")
    press("Enter")
    expect(tab.page.locator(".tool")).to_be_visible(timeout=PATIENCE_MS)
    press("Escape")
    expect(tab.prompt).not_to_be_focused()
    press("j")
    expect(tab.page.locator(".prompt")).to_be_focused()
    press("j")
    expect(tab.page.locator(".reasoning > summary")).to_be_focused()
    press("Enter")
    expect(tab.page.locator(".reasoned")).to_be_visible()
    press("k")
    expect(tab.page.locator(".prompt")).to_be_focused()
    press(".")
    expect(tab.runs("stopped")).to_have_count(1)
    press("?")
    expect(tab.page.get_by_role("dialog", name="Keys")).to_contain_text("stop every open run")
    press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    press("Control+k")
    tab.page.keyboard.type("hide the timel")
    press("Enter")
    expect(tab.page.get_by_role("slider", name="Records")).to_be_hidden()
    press("t")
    expect(tab.page.get_by_role("slider", name="Records")).to_be_visible()


def test_a_phone_has_one_pane_at_a_time_and_nothing_beside_the_screen(serve: Serve, tabs: Tabs) -> None:
    """CO15: three tabs, the timeline as a sheet."""
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    tab = finished(tabs(serve().url, "lobby", **phone), "Show me a table")
    panes = tab.page.get_by_role("group", name="Panes")
    chat, rooms = tab.page.get_by_role("main"), tab.page.get_by_role("navigation", name="Rooms")
    document = tab.page.get_by_role("region", name="Shared documents")
    for name, pane in (("rooms", rooms), ("document", document), ("chat", chat)):
        panes.get_by_role("button", name=name).tap()
        expect(pane).to_be_visible()
        for other in {chat, rooms, document} - {pane}:
            expect(other).to_be_hidden()
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") == 390
    expect(tab.page.get_by_role("slider", name="Records")).to_be_hidden()
    panes.get_by_role("button", name="timeline").tap()
    expect(tab.page.get_by_role("slider", name="Records")).to_be_visible()


def test_nothing_moves_under_reduced_motion(serve: Serve, tabs: Tabs) -> None:
    """CO12: while an agent works, nothing is animated."""
    tab = tabs(serve("echo:20").url, "lobby", reduced_motion="reduce").live()
    tab.ask(PARAGRAPHS)
    expect(tab.runs("running")).to_have_count(1)
    assert tab.page.evaluate("() => document.getAnimations().length") == 0


AT_REST = """async (box) => {
  const frame = () => new Promise(requestAnimationFrame)
  for (let at = NaN; at !== box.scrollTop; await frame()) {
    at = box.scrollTop
    await frame()
  }
  return box.scrollTop
}"""
"""Where a box stands, once it does: a browser may roll on for some frames behind the wheel."""


def test_the_end_stays_in_sight_only_while_the_reader_is_there(serve: Serve, tabs: Tabs, pace: Pace) -> None:
    """CO16: streaming follows the end; a reader who scrolled up is not moved, and goes back with one press."""
    tab = tabs(serve("echo", pace.env, [pace.agent]).url, "lobby").live()
    pace.words(30 * PARAGRAPH_WORDS)
    tab.ask(PARAGRAPHS, agent="paced")
    scroll = tab.page.get_by_role("log")
    blocks = tab.page.locator(".answer .prose > p")
    expect(blocks.nth(29)).to_be_in_viewport(timeout=PATIENCE_MS)
    scroll.hover()
    tab.page.mouse.wheel(0, -300)
    back = tab.page.get_by_role("button", name="to the end")
    expect(back).to_be_visible()
    before = scroll.evaluate(AT_REST)
    high = scroll.evaluate("(box) => box.scrollHeight")
    pace.words(60 * PARAGRAPH_WORDS)
    expect(blocks.nth(59)).to_be_attached(timeout=PATIENCE_MS)
    assert scroll.evaluate("(box) => box.scrollHeight") > high
    assert scroll.evaluate("(box) => box.scrollTop") == before
    back.click()
    expect(back).to_have_count(0)
    pace.go_on()
    expect(blocks.nth(119)).to_be_in_viewport(timeout=PATIENCE_MS)


def test_a_token_touches_the_last_block_only(serve: Serve, tabs: Tabs, pace: Pace) -> None:
    """CO7: while an answer streams, no settled block and no earlier run is written to."""
    tab = tabs(serve("echo", pace.env, [pace.agent]).url, "lobby").live()
    tab.ask("An earlier run.\n\nWith two blocks.")
    expect(tab.runs("done")).to_have_count(1)
    pace.words(20 * PARAGRAPH_WORDS)
    tab.ask(PARAGRAPHS, agent="paced")
    last = tab.page.locator(".answer .prose > p").last
    expect(last).to_have_text("Paragraph 20 of a long answer.", timeout=PATIENCE_MS)
    tab.page.evaluate("""() => {
      const settled = [...document.querySelectorAll('.prose > *')].slice(0, -2)
      window.touched = 0
      const watch = new MutationObserver((changes) => { window.touched += changes.length })
      const all = { subtree: true, childList: true, characterData: true, attributes: true }
      for (const block of settled) watch.observe(block, all)
    }""")
    pace.words(40 * PARAGRAPH_WORDS)
    expect(last).to_have_text("Paragraph 40 of a long answer.", timeout=PATIENCE_MS)
    assert tab.page.evaluate("() => window.touched") == 0


HOSTILE = """<script>window.owned = 1</script> <img src=x onerror="window.owned = 2"> <b>bold</b>

[one](javascript:window.owned=3) [two](data:text/html,x) [three](//evil.example/x) [four](https://example.org/ok)

![picture](http://evil.example/pixel.png) <iframe src="http://evil.example/"></iframe>

<svg onload="window.owned = 4"></svg> [five]( javascript:window.owned=5 ) &lt;script&gt;
"""


def test_hostile_text_stays_text(serve: Serve, tabs: Tabs) -> None:
    """CO2, CO6: no HTML of an answer is parsed, nothing is loaded, and the links that are made are safe ones."""
    url = serve("echo").url
    tab = finished(tabs(url, "lobby"), HOSTILE)
    prose = tab.page.locator(".answer .prose")
    expect(prose).to_contain_text("<script>window.owned = 1</script>")
    assert prose.locator("script, img, iframe, svg, b").count() == 0
    links = prose.locator("a")
    assert [link.get_attribute("href") for link in links.all()] == [
        "https://example.org/ok",
        "http://evil.example/pixel.png",
    ]
    assert all("noopener" in (link.get_attribute("rel") or "") for link in links.all())
    assert tab.page.evaluate("() => window.owned") is None
    assert [asked for asked in tab.asked if not asked.startswith((url, "data:"))] == []


def test_a_strangers_presence_is_not_believed(serve: Serve, tabs: Tabs) -> None:
    """CO6: a colour that is no colour is grey, a name is short text."""
    url = serve("echo").url
    stranger = tabs(url, "lobby", storage_state={"cookies": [], "origins": []})
    stranger.page.evaluate(
        "() => localStorage.setItem('plait.person', JSON.stringify({name: '<img src=x>', color: '#0f766e'}))"
    )
    stranger.page.reload()
    stranger.live()
    tab = tabs(url, "lobby").live()
    people = tab.page.get_by_label("People in this room")
    expect(people.get_by_role("img", name="<img src=x>")).to_be_visible()
    assert people.locator("li img").count() == 0


class _Unauthorized(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = b'{"error": {"message": "no such key", "type": "invalid_request_error"}}'
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the test says what it saw."""


@pytest.fixture
def closed_vendor() -> Iterator[str]:
    """The base URL of a model server that lets nobody in."""
    server = HTTPServer(("127.0.0.1", 0), _Unauthorized)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_error_shows_its_code_its_sentence_and_its_record(serve: Serve, tabs: Tabs, closed_vendor: str) -> None:
    """CO10: what failed, why, and where the log says so."""
    url = serve("openai:any", {"OPENAI_BASE_URL": closed_vendor, "OPENAI_API_KEY": "wrong"}).url
    tab = tabs(url, "lobby").live()
    tab.ask("hello")
    failure = tab.page.get_by_role("group", name="Why the run failed")
    expect(failure).to_contain_text("model-auth", timeout=PATIENCE_MS)
    failure.get_by_role("button", name=re.compile("record")).click()
    expect(tab.page.get_by_role("dialog")).to_contain_text('"type": "run-failed"')
