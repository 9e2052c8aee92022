"""Every state of the page is designed: shown here one by one, in light and dark, judged by axe-core, and photographed.

Set PLAIT_PICTURES to a folder to keep the pictures; else they are made and looked at by nobody, which still shows that
each state can be reached and drawn.
"""

import json
import os
import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from .browser import Serving, Tab
from .long_rooms import write_room

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
Judge = Callable[[Tab, str], None]
PATIENCE_MS = 60_000
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SOCKETS = re.compile("^ws://.*/(rooms|hocuspocus)")
"""The addresses of a page's sockets that carry its room."""
BLANK_BYTES = 5_000
"""A picture of nothing weighs less."""

JUDGED = """async ([levels, rules]) => {
  const runOnly = rules.length ? { type: 'rule', values: rules } : { type: 'tag', values: levels }
  const { violations, passes } = await axe.run(document, { runOnly, resultTypes: ['violations'] })
  const told = ({ html }) => html.slice(0, 120)
  return [passes.length, violations.map(({ id, nodes }) => `${id}: ${nodes.map(told).join(' | ')}`)]
}"""


@pytest.fixture
def judge(sources: Path, tmp_path: Path) -> Judge:
    """A function that shows a state in both themes to axe-core and to the camera."""
    axe = (sources / "node_modules" / "axe-core" / "axe.min.js").read_text()
    folder = Path(os.environ.get("PLAIT_PICTURES", tmp_path))

    def seen(tab: Tab, state: str) -> None:
        if not tab.page.evaluate("() => 'axe' in window"):
            tab.page.evaluate(axe)
        # Only colours depend on the theme.
        themes: list[tuple[Literal["light", "dark"], list[str]]] = [("light", []), ("dark", ["color-contrast"])]
        for scheme, rules in themes:
            tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            passed, violations = tab.page.evaluate(JUDGED, [LEVELS, rules])
            assert violations == [], f"{state}, {scheme}"
            assert passed > 0
            picture = tab.page.screenshot(path=folder / f"{state.replace(' ', '-')}-{scheme}.png")
            assert len(picture) > BLANK_BYTES, state

    return seen


def banner(tab: Tab) -> Any:
    return tab.page.locator(".banner")


def first_paint(tab: Tab) -> float:
    """How long after the page was asked for something of it is in sight, in milliseconds."""
    tab.page.reload()
    tab.live()
    return tab.page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")


def refused(code: int, socket: Any) -> None:
    socket.close(code=code, reason="")


def closing(tab: Tab) -> list[Any]:
    """The page's sockets to the room, past this test: closing one is the server's or the network's doing."""
    sockets: list[Any] = []

    def through(socket: Any) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    tab.page.route_web_socket(SOCKETS, through)
    return sockets


def test_what_people_see_while_they_work(serve: Serve, tabs: Tabs, judge: Judge) -> None:
    """CO12, CO13, CO40: an empty room, a run that waits for a yes, a whole answer with its record, the palette and the
    keys; and the first paint of all comes within a second."""
    url = serve(agents=["tests.console.crew:clerk"]).url
    tab = tabs(url, "lobby").live()
    expect(tab.page.get_by_role("list", name="Prompts to try").get_by_role("button")).to_have_count(3)
    # One of some, since the machine does other things as well.
    assert any(first_paint(tab) < 1_000 for _ in range(20))
    judge(tab, "empty")

    tab.page.get_by_label("Agent", exact=True).select_option("clerk")
    tab.ask(json.dumps({"name": "act", "args": json.dumps({"to": "team", "count": 2, "more": {"a": [1]}})}))
    expect(tab.waiting).to_be_visible(timeout=PATIENCE_MS)
    judge(tab, "waiting for you")
    tab.waiting.get_by_role("button", name="deny").click()
    tab.waiting.get_by_role("button", name="deny").click()
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)

    tab.page.get_by_label("Agent", exact=True).select_option("assistant")
    tab.ask("Show me some code")
    expect(tab.runs("done")).to_have_count(2, timeout=PATIENCE_MS)
    tab.page.locator(".tool > summary").last.click()
    tab.page.get_by_role("slider", name="Records").click(position={"x": 2, "y": 30})
    expect(tab.page.get_by_role("dialog", name="Record")).to_contain_text('"seq"')
    judge(tab, "an answer and a record")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("?")
    expect(tab.page.get_by_role("dialog", name="Keys")).to_be_visible()
    judge(tab, "keys")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("Control+k")
    expect(tab.page.get_by_role("listbox", name="Choices")).to_be_visible()
    judge(tab, "palette")


def test_what_people_see_of_the_connection(serve: Serve, tabs: Tabs, judge: Judge, tmp_path: Path) -> None:
    """CO3, CO40: catching up, restarting, full, refused and offline, each with its word, its shape and what to do."""
    write_room(f"sqlite:///{tmp_path}/plait.db", "long", 4, 400)
    server = serve("echo")
    tab = tabs(server.url, "lobby").live()
    tab.page.route_web_socket(SOCKETS, lambda socket: None)
    tab.page.goto(f"{server.url}/?room=long")
    expect(tab.page.get_by_text("Opening this room.")).to_be_visible()
    judge(tab, "loading")

    late = tabs(server.url, "lobby").live()

    def slow(socket: Any) -> None:
        upstream = socket.connect_to_server()

        def passed(frame: str | bytes) -> None:
            # Records, and the end of their catching up, stay away.
            said = frame if isinstance(frame, bytes) else frame.encode()
            if b'"record":{"seq"' not in said and b'"caught_up":' not in said:
                socket.send(frame)

        upstream.on_message(passed)

    late.page.route_web_socket(SOCKETS, slow)
    late.page.goto(f"{server.url}/?room=long")
    expect(late.status).to_have_text(re.compile(r"catching up, 1,6\d\d records behind"))
    judge(late, "catching up")

    tab = tabs(server.url, "warm").live()
    sockets = closing(tab)
    for code, state, told in (
        (1012, "restarting", "The server is restarting."),
        (1013, "busy", "The server is full."),
        (4403, "refused", "Ask whoever runs this server"),
        (4409, "another history", "reload to see it."),
    ):
        tab.page.goto(f"{server.url}/?room=lobby")
        tab.live()
        # The next ones fare the same, or the page would be back before anybody saw it.
        tab.page.route_web_socket(SOCKETS, partial(refused, code))
        sockets[-1].close(code=code, reason="")
        expect(banner(tab)).to_contain_text(told)
        judge(tab, state)
        sockets = closing(tab)

    tab = tabs(server.url, "lobby").live()
    server.end(signal.SIGKILL)
    expect(tab.status).to_have_text(re.compile("offline"))
    tab.ask("What is typed now waits")
    expect(tab.page.locator(".unsent")).to_contain_text("not on disk yet")
    judge(tab, "offline")


def test_what_people_see_of_failures_and_on_a_phone(serve: Serve, tabs: Tabs, judge: Judge) -> None:
    """CO10, CO15, CO40: a run that failed; and on a phone each pane, the timeline's sheet and a draft."""
    vendor = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "none"}
    url = serve("openai:any", vendor, agents=["tests.console.crew:proposer"]).url
    tab = tabs(url, "lobby", **PHONE).live()
    tab.page.get_by_label("Agent", exact=True).select_option("proposer")
    call = {"name": "insert_text", "args": json.dumps({"at": "end", "new": "A new line."})}
    tab.ask(json.dumps([call]))
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    tab.page.get_by_role("button", name=re.compile("proposes changes of main")).tap()
    expect(tab.page.get_by_role("group", name=re.compile("^Change 1 by proposer"))).to_be_visible()
    judge(tab, "phone with a draft")
    panes = tab.page.get_by_role("group", name="Panes")
    panes.get_by_role("button", name="rooms").tap()
    judge(tab, "phone with rooms")
    panes.get_by_role("button", name="chat").tap()
    panes.get_by_role("button", name="timeline").tap()
    judge(tab, "phone with the timeline")
    panes.get_by_role("button", name="timeline").tap()
    tab.page.get_by_label("Agent", exact=True).select_option("assistant")
    tab.ask("Nobody is there")
    expect(tab.page.get_by_role("group", name="Why the run failed")).to_be_visible(timeout=PATIENCE_MS)
    judge(tab, "failed")
