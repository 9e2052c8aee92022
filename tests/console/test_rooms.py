"""Rooms have titles, are listed by who was active last, wait for somebody, and end."""

import os
from collections.abc import Callable
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from .browser import Serving, Tab
from .test_deciding import told

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
CREW = ["tests.console.crew:clerk"]


def lines(tab: Tab) -> Any:
    return tab.page.get_by_role("navigation", name="Rooms").locator("button.room .name")


def card(tab: Tab) -> Any:
    """What opens under the room's title."""
    tab.page.locator(".title button").click()
    return tab.page.locator(".room-card")


def test_a_room_is_named_in_place_and_everywhere(serve: Serve, tabs: Tabs) -> None:
    """CO27: in the header, the list and the window of every page; the name in links stays."""
    url = serve("echo").url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    card(first)
    field = first.page.get_by_label("Title of this room")
    expect(field).to_be_focused()
    field.fill("The <b>release</b> desk")
    field.press("Enter")
    expect(field).to_have_count(0)
    for tab in (first, second):
        expect(tab.page.get_by_role("heading", name="The <b>release</b> desk")).to_be_visible()
        expect(tab.page).to_have_title("The <b>release</b> desk · plait")
        expect(lines(tab)).to_have_text(["The <b>release</b> desk"], timeout=PATIENCE_MS)
    expect(first.page).to_have_url(f"{url}/?room=desk")
    second.page.get_by_role("searchbox").fill("release")
    expect(lines(second)).to_have_text(["The <b>release</b> desk"])
    card(second)
    second.page.get_by_label("Title of this room").fill("Other")
    second.page.keyboard.press("Escape")
    expect(second.page.get_by_label("Title of this room")).to_have_count(0)
    expect(second.page.get_by_role("heading", name="release")).to_be_visible()


def test_rooms_are_listed_by_activity_and_tell_which_wait(serve: Serve, tabs: Tabs) -> None:
    """CO27: also those that are not open here."""
    url = serve("echo", agents=CREW).url
    told(url, "act", {"to": "team"}, room="alder")
    told(url, "fly", {}, room="birch")
    tab = tabs(url, "birch").live()
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    rooms = tab.page.locator("button.room")
    expect(rooms.and_(tab.page.get_by_title("alder"))).to_contain_text("waits for you", timeout=PATIENCE_MS)
    tab.ask('{"name": "x", "args": "{}"}')
    expect(rooms.nth(0)).to_have_attribute("title", "birch", timeout=PATIENCE_MS)
    expect(rooms.nth(1)).to_have_attribute("title", "alder")


def test_a_room_is_deleted_after_a_second_question_and_every_page_is_told(serve: Serve, tabs: Tabs) -> None:
    """CO27: whoever keeps it keeps it."""
    url = serve("echo").url
    first, second = tabs(url, "keep").live(), tabs(url, "gone").live()
    for tab in (first, second):
        tab.ask("hello")
        expect(tab.runs("done")).to_have_count(1)
    third = tabs(url, "gone").live()
    card(third)
    third.page.get_by_role("button", name="delete this room").click()
    third.page.get_by_role("button", name="keep it").click()
    third.page.get_by_role("button", name="delete this room").click()
    third.page.get_by_role("button", name="delete it").click()
    expect(third.page).to_have_url(f"{url}/?room=keep")
    expect(third.runs("done")).to_have_count(1)
    expect(third.page.locator("button.room")).to_have_count(1)
    expect(second.page.get_by_role("alert").first).to_contain_text("This room was deleted.")
    expect(first.runs("done")).to_have_count(1)


def test_what_a_run_and_a_room_took_is_told(serve: Serve, tabs: Tabs) -> None:
    """CO27: tokens, as far as the vendor counts them, and what they cost where prices are known."""
    tab = tabs(serve("echo", agents=["tests.console.crew:dear"]).url, "desk").live()
    tab.page.get_by_label("Agent", exact=True).select_option("dear")
    tab.ask('{"name": "nothing", "args": "{}"}')
    expect(tab.runs("done").locator(".facts")).to_contain_text("2,000 in, 20 out", timeout=PATIENCE_MS)
    expect(tab.runs("done").locator(".facts")).to_contain_text("cost 0.0062")
    expect(card(tab)).to_contain_text("2,000 in, 20 out, cost 0.0062")
