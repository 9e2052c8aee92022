"""What breaks agents elsewhere, in one room and two pages of `plait serve` as a newcomer starts it."""

import json
import os
import re
import signal
import urllib.request
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
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def events(url: str) -> list[dict[str, Any]]:
    """What happened in the room, all of it."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["seq"] if found else 0
        with urllib.request.urlopen(f"{url}/api/rooms/lobby/records?after={after}") as lines:
            page = [json.loads(line) for line in lines.read().splitlines()]
        if not page:
            return [{**record["event"], "run": record["run"]} for record in found]
        found += page


def last(tab: Tab, status: str) -> Any:
    """The conversation's last turn, once it is so."""
    turn = tab.page.locator("article.run").last
    expect(turn).to_have_class(re.compile(rf"\b{status}\b"), timeout=PATIENCE_MS)
    return turn


def all_show_the_same(first: Tab, *others: Tab, turns: int) -> None:
    for tab in (first, *others):
        expect(tab.page.locator("article.run")).to_have_count(turns)
    for other in others:
        expect(other.page.locator(".run").last).to_have_class(
            first.page.locator(".run").last.get_attribute("class") or "", timeout=PATIENCE_MS
        )
        assert other.answer() == first.answer()


def a_yes_comes_from_the_second_page(first: Tab, second: Tab, phone: Tab) -> None:
    first.ask("Write a mail, and let me approve it")
    expect(first.waiting).to_be_visible(timeout=PATIENCE_MS)
    expect(second.waiting).to_be_visible(timeout=PATIENCE_MS)
    second.waiting.get_by_label("copies").fill("3")
    second.waiting.get_by_role("button", name="approve as changed").click()
    expect(last(first, "done").locator(".tool .state")).to_have_text("approved by someone · done")
    expect(last(second, "done").locator(".tool .state")).to_have_text("approved by you · done")
    all_show_the_same(first, second, phone, turns=1)
    assert '"copies":3' in first.answer()


def a_question_of_the_first_page_outlives_its_reload(first: Tab, second: Tab, phone: Tab) -> None:
    question = first.page.get_by_role("dialog", name="An agent asks this page")
    first.ask("Let me pick another colour for this page")
    expect(question).to_be_visible(timeout=PATIENCE_MS)
    first.page.reload()
    expect(question).to_be_visible(timeout=PATIENCE_MS)
    expect(second.page.get_by_role("dialog", name="An agent asks this page")).to_have_count(0)
    expect(second.page.locator("article.run").last.locator(".tool .state")).to_have_text(re.compile("’s page is at it"))
    question.get_by_role("button", name="rose").click()
    last(first, "done")
    last(second, "done")
    all_show_the_same(first, second, phone, turns=2)
    assert '{"colour":"rose"}' in second.answer()


def a_stop_comes_from_the_phone(first: Tab, second: Tab, phone: Tab) -> None:
    first.ask("Tell me something long")
    expect(last(second, "running").locator(".part.text").last).to_contain_text("A long answer", timeout=PATIENCE_MS)
    phone.page.get_by_role("button", name=re.compile("^stop")).tap()
    last(first, "stopped")
    last(second, "stopped")
    last(phone, "stopped")
    all_show_the_same(first, second, phone, turns=3)
    assert "Time enough" in first.answer() or "A long answer" in first.answer()


def the_server_dies_in_the_middle_of_a_tool(server: Serving, first: Tab, second: Tab, phone: Tab) -> None:
    first.ask("Do something slow")
    bar = second.page.get_by_role("progressbar", name="Progress of slow_work")
    expect(bar).to_be_visible(timeout=PATIENCE_MS)
    server.end(signal.SIGKILL)
    expect(first.status).to_have_text(re.compile("offline"))
    server.start()
    for tab in (first, second, phone):
        expect(tab.status).to_have_text(re.compile("live"), timeout=PATIENCE_MS)
    expect(last(first, "done").locator(".tool .state")).to_have_text("done")
    last(second, "done")
    all_show_the_same(first, second, phone, turns=4)
    assert first.answer().count("Done, slowly") == 1


def test_what_breaks_agents_elsewhere_breaks_nothing_here(serve: Serve, tabs: Tabs) -> None:
    """CO28: a yes from the second page, a reload of the page that carries a tool out, a stop from a phone, and kill -9
    in the middle of a tool, one after the other in one room; all three pages show the same after each, and in the log
    each of them happened once."""
    server = serve()
    first, second = tabs(server.url, "lobby").live(), tabs(server.url, "lobby").live()
    phone = tabs(server.url, "lobby", **PHONE).live()
    a_yes_comes_from_the_second_page(first, second, phone)
    a_question_of_the_first_page_outlives_its_reload(first, second, phone)
    a_stop_comes_from_the_phone(first, second, phone)
    the_server_dies_in_the_middle_of_a_tool(server, first, second, phone)

    log = events(server.url)
    runs = [event["run"] for event in log if event["type"] == "run-requested"]
    ends = ["run-finished", "run-finished", "run-stopped", "run-finished"]
    assert [
        event["type"] for run in runs for event in log if event["run"] == run and event["type"] in set(ends)
    ] == ends
    returned = [(event["run"], event["step"]) for event in log if event["type"] == "tool-returned"]
    assert len(returned) == len(set(returned)) == 4  # The long answer began with a look at the clock.
    mail, colour, _, slow = runs
    assert [event["type"] for event in log if event["run"] == mail].count("tool-started") == 1
    assert [event["number"] for event in log if event["run"] == colour and event["type"] == "tool-claimed"] == [1, 2]
    # Nothing but looking happens in it, so the next process does it again.
    assert [event["attempt"] for event in log if event["run"] == slow and event["type"] == "tool-started"] == [1, 2]
    assert not [event for event in log if event["type"] == "tool-outcome-unknown"]
