"""Parts beside text: how far a call is, searches with their sources, links, files, data, and runs that sleep."""

import json
import os
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
CREW = ["tests.console.crew:shower", "tests.console.crew:sleeper"]


def call(tab: Tab, name: str, **args: Any) -> None:
    tab.page.get_by_label("Agent", exact=True).select_option("shower")
    tab.ask(json.dumps({"name": name, "args": json.dumps(args)}))


def test_a_call_tells_how_far_it_is_until_it_ends(serve: Serve, tabs: Tabs) -> None:
    """CO24: in words and as a bar with a name, in every page."""
    url = serve(agents=CREW).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    call(first, "work")
    bar = second.page.get_by_role("progressbar", name="Progress of work")
    expect(bar).to_have_attribute("value", "0.25", timeout=PATIENCE_MS)
    expect(second.page.locator(".progress")).to_have_text("Counting twice25 %")
    assert second.contrasts()[1] == []
    second.page.locator(".composer .stop").click()
    expect(first.page.get_by_role("progressbar")).to_have_count(0)


def test_sources_files_and_data_are_shown_and_nothing_hostile_runs(serve: Serve, tabs: Tabs) -> None:
    """CO24, CO25: numbered links with safe addresses, raster pictures only, folded data, the whole of a long result."""
    url = serve(agents=CREW).url
    tab = tabs(url, "desk").live()
    call(tab, "show")
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    sources = tab.page.locator(".answer .source")
    expect(sources).to_have_count(2)
    expect(sources.locator(".number")).to_have_text(["1", "2"])
    link = sources.nth(0).get_by_role("link", name="What survives a crash")
    expect(link).to_have_attribute("href", "https://example.org/crash")
    assert "noopener" in (link.get_attribute("rel") or "")
    expect(sources.nth(1)).to_contain_text("<b>Not</b> a link")
    expect(sources.nth(1).get_by_role("link")).to_have_count(0)
    image = tab.page.get_by_role("img", name="teal.png")
    image.scroll_into_view_if_needed()  # A picture out of sight is not loaded, and nobody would ever say so.
    expect(image).to_have_js_property("naturalWidth", 48, timeout=PATIENCE_MS)
    expect(tab.page.locator(".answer .files img")).to_have_count(1)
    expect(tab.page.get_by_role("link", name="drawing.svg")).to_have_attribute("download", "drawing.svg")
    data = tab.page.locator("details.data")
    expect(data.locator("pre")).to_be_hidden()
    data.locator("summary").click()
    expect(data.locator("pre")).to_contain_text('"sky": "<i>clear</i>"')
    tab.page.locator(".tool > summary").click()
    whole = tab.page.get_by_role("link", name="the whole result").get_attribute("href")
    assert tab.page.evaluate("(at) => fetch(at).then((a) => a.text())", whole).startswith('"long long ')
    assert tab.page.evaluate("() => window.owned") is None
    assert [asked for asked in tab.asked if not asked.startswith((url, "data:"))] == []
    assert tab.contrasts()[1] == []
    assert tab.focusable()[1] == []


def test_a_search_tells_what_was_sought_and_found(serve: Serve, tabs: Tabs) -> None:
    """CO25: its sources stand inside it, under their numbers, and not a second time below."""
    tab = tabs(serve(agents=CREW).url, "desk").live()
    call(tab, "look_up", query="what <survives>")
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    search = tab.page.locator("details.retrieval")
    expect(search.locator("summary")).to_contain_text("Searched look_up for what <survives>")
    expect(search.locator("summary .state")).to_have_text("2 sources")
    expect(tab.page.locator(".stretch > .sources")).to_have_count(0)
    search.locator("summary").click()
    expect(search.locator(".found li")).to_have_count(2)
    expect(search.get_by_role("link", name="First")).to_have_attribute("href", "https://example.org/a")
    expect(search.locator(".found li").nth(1)).to_contain_text("Second, of paper")


def test_a_run_that_sleeps_says_until_when_and_waits_for_nobody(serve: Serve, tabs: Tabs) -> None:
    """CO27: nor does its room; and a run that has a deadline tells it."""
    tab = tabs(serve(agents=CREW).url, "desk").live()
    tab.page.get_by_label("Agent", exact=True).select_option("sleeper")
    tab.ask("good night")
    facts = tab.runs("waiting").locator(".facts")
    expect(facts).to_contain_text("sleeps until", timeout=PATIENCE_MS)
    expect(facts).to_contain_text("at most")
    expect(tab.page.get_by_role("navigation", name="Rooms")).not_to_contain_text("waits for you")
    assert tab.contrasts()[1] == []
    tab.page.locator(".composer .stop").click()
    expect(tab.runs("stopped")).to_have_count(1)
