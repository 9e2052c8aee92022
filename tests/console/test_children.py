"""A run that another run asked for: shown inside the call, asked for a yes there, stopped there, and never a turn."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from .browser import Serving, Tab

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
CREW = ["tests.console.crew:boss"]


def delegate(tab: Tab, name: str, **args: Any) -> None:
    """Have the boss have the clerk make that call."""
    tab.page.get_by_label("Agent", exact=True).select_option("boss")
    task = json.dumps({"name": name, "args": json.dumps(args)})
    tab.ask(json.dumps({"name": "clerk", "args": json.dumps({"prompt": task})}))


def inside(tab: Tab) -> Any:
    return tab.page.locator(".child .inside")


def test_a_child_is_shown_inside_its_call_and_decided_there(serve: Serve, tabs: Tabs) -> None:
    """CO23: open while it works, with its form inside; folded to a line once it is done."""
    url = serve(agents=CREW).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    delegate(first, "act", to="team")
    expect(inside(second).locator("form.asking")).to_be_visible(timeout=PATIENCE_MS)
    expect(second.page.locator("article.run")).to_have_count(1)
    expect(second.page.get_by_role("navigation", name="Rooms")).to_contain_text("waits for you")
    expect(second.page.locator(".composer .stop")).to_have_text(re.compile("stop$"))
    second.waiting.get_by_role("button", name="approve").click()
    expect(second.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    for tab in (first, second):
        expect(tab.page.locator(".child > summary .state")).to_have_text("done")
        expect(inside(tab)).to_have_count(0)
        expect(tab.page.locator("article.run")).to_have_count(1)
    first.page.locator(".child > summary").click()
    expect(inside(first)).to_contain_text("Told:")
    expect(inside(first).locator(".tool .state")).to_have_text("approved by someone · done")
    first.page.reload()
    expect(first.page.locator("article.run")).to_have_count(1)


def test_a_child_is_stopped_alone(serve: Serve, tabs: Tabs) -> None:
    """CO23: its own button ends it and not the run that waits for it."""
    url = serve(agents=CREW).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    delegate(first, "act", to="team")
    expect(inside(first).locator("form.asking")).to_be_visible(timeout=PATIENCE_MS)
    second.page.get_by_role("button", name="Stop clerk").click()
    expect(first.page.locator(".child > summary .state")).to_have_text("stopped")
    expect(first.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    assert "Told:" in first.answer()


def test_stopping_the_turn_stops_its_child(serve: Serve, tabs: Tabs) -> None:
    """CO23: nothing of it is left open."""
    tab = tabs(serve(agents=CREW).url, "desk").live()
    delegate(tab, "act", to="team")
    expect(inside(tab).locator("form.asking")).to_be_visible(timeout=PATIENCE_MS)
    tab.page.locator(".composer .stop").click()
    expect(tab.runs("stopped")).to_have_count(1)
    expect(tab.page.locator(".child > summary .state")).to_have_text("stopped")
    expect(tab.waiting).to_have_count(0)


def test_a_child_that_was_folded_by_hand_stays_folded(serve: Serve, tabs: Tabs) -> None:
    """CO23: whoever folds it is not overruled."""
    tab = tabs(serve(agents=CREW).url, "desk").live()
    delegate(tab, "act", to="team")
    expect(inside(tab).locator("form.asking")).to_be_visible(timeout=PATIENCE_MS)
    _, silent = tab.focusable()
    assert silent == []
    _, weak = tab.contrasts()
    assert weak == []
    tab.page.locator(".child > summary").click()
    expect(inside(tab)).to_have_count(0)
    tab.page.locator(".child > summary").click()
    tab.waiting.get_by_role("button", name="approve").click()
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    expect(inside(tab)).to_be_visible()
