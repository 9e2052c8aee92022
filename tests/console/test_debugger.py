"""The debugger: a room's past on lanes, gone through by hand, by keys and by playing, and found by searching."""

import json
import os
import re
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import Locator, expect

from .browser import Serving, Tab
from .past_room import ROOM, write_past
from .picture import SPECS, take_debugger
from .test_picture import size
from .test_states import Judge, judge  # noqa: F401

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that has the room with a past."""
    folder = tmp_path_factory.mktemp("past")
    write_past(f"sqlite:///{folder / 'plait.db'}")
    return folder


@pytest.fixture
def past(written: Path, tmp_path: Path, serve: Serve) -> str:
    """The address of a server on a copy of that store."""
    for file in written.iterdir():
        shutil.copy(file, tmp_path)
    return serve("echo").url


def at(tab: Tab) -> Locator:
    return tab.page.get_by_role("slider", name="Record")


def hits(url: str, kind: str, run: str = "") -> list[int]:
    """The records of that kind, as the server's search finds them. How a stream was cut into records is chance."""
    with urllib.request.urlopen(f"{url}/api/rooms/{ROOM}/search?type={kind}&run={run}") as answer:
        return [hit["seq"] for hit in json.load(answer)["hits"]]


def stood(tab: Tab, seq: int) -> Locator:
    """The conversation after that record, once it is shown."""
    then = tab.page.get_by_role("region", name=f"The conversation after record {seq}", exact=True)
    expect(then).to_be_visible()
    return then


def test_to_and_fro(past: str, tabs: Tabs, judge: Judge) -> None:  # noqa: F811
    """CO50, CO51, CO53, CO55, CO60: lanes; the room and its document as they stood, by key and by slider; a wait as it
    was waited for, with nothing to press; a link that opens the same elsewhere, on a phone too; and back to now."""
    tab = tabs(past, ROOM).live()
    tab.page.keyboard.press("g")
    expect(at(tab)).to_be_visible()
    lanes = tab.page.get_by_role("group", name="Lanes of people, runs and tools")
    for name in ("ada", "noor", "sam", "runs", "search_docs", "send_mail", "ask_person"):
        expect(lanes.get_by_text(name, exact=True)).to_have_count(1)
    # It stands at the first record until the server has said how many there are.
    expect(at(tab)).not_to_have_value("1")
    head = int(at(tab).get_attribute("max") or 0)
    expect(at(tab)).to_have_value(str(head))
    stood(tab, head)
    tab.page.keyboard.press("Home")
    expect(stood(tab, 1)).to_contain_text("Nobody had asked for anything yet.")
    for seq in (2, 3):
        tab.page.keyboard.press("ArrowRight")
        stood(tab, seq)
    document = tab.page.get_by_label("Content of content")
    expect(document).to_have_text("# Release 1.2\n\nThe runtime survives `kill -9` in the middle of an answer.\n")
    expect(document.locator("ins")).to_have_text("The runtime survives `kill -9` in the middle of an answer.\n")
    tab.page.keyboard.press("Shift+ArrowRight")
    expect(stood(tab, 5)).to_contain_text("Make a plan for the release")

    tab.page.get_by_role("button", name="search", exact=True).click()
    words = tab.page.get_by_role("searchbox", name="Search the log")
    words.fill("type:approval-requested")
    asked, later = hits(past, "approval-requested")
    expect(tab.page.get_by_role("search").get_by_role("listitem")).to_have_count(2)
    words.press("ArrowDown")
    expect(at(tab)).to_have_value(str(later))
    words.press("ArrowUp")
    expect(at(tab)).to_have_value(str(asked))
    words.press("Escape")
    then = stood(tab, asked)
    expect(then).to_contain_text("send_mail waits for a person")
    expect(then.locator("form")).to_have_count(0)
    tab.page.get_by_role("tab", name="waits").click()
    expect(tab.page.get_by_role("tabpanel")).to_contain_text("send_mail waits for a person")
    assert tab.focusable()[1] == []
    judge(tab, "debugger")
    assert tab.contrasts()[1] == []
    expect(tab.page).to_have_url(re.compile(f"record={asked}&view=debug&panel=waits"))

    link = tab.page.url.partition("room=")[2]
    phone = tabs(past, link, viewport={"width": 390, "height": 800})
    stood(phone, asked)
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.page.get_by_role("button", name="the rest").click()
    expect(phone.page.get_by_role("tabpanel")).to_contain_text("send_mail waits for a person")
    judge(phone, "debugger on a phone")
    phone.page.get_by_role("button", name="?", exact=True).click()
    expect(phone.page.locator(".key-list")).to_be_visible()
    expect(phone.page.get_by_role("button", name="to now")).to_be_in_viewport(ratio=1)
    tab.page.keyboard.press("Escape")
    expect(tab.prompt).to_be_visible()
    expect(tab.page).to_have_url(f"{past}/?room={ROOM}")


def test_playing_and_going_on(past: str, tabs: Tabs, browser: "Browser", tmp_path: Path) -> None:
    """CO52, CO53, CO57, CO58, CO62: it plays to a breakpoint and stops there, says what the model was sent and what a
    restart would have done, and goes on from a prompt with another one in a fork, which is compared with its parent;
    what the server does not know is not offered; none of it was loaded before. And its picture is taken."""
    tab = tabs(past, ROOM).live()
    assert not [address for address in tab.asked if "debugger" in address]
    streamed = hits(past, "text-streamed", run="5")[-1]
    tab.page.goto(f"{past}/?room={ROOM}&view=debug&record={streamed}&panel=model")
    stood(tab, streamed)
    panel = tab.page.get_by_role("tabpanel")
    expect(panel).to_contain_text("Make a plan for the release")
    expect(panel).to_contain_text("messages are as before")
    tab.page.get_by_role("tab", name="crash").click()
    expect(panel).to_contain_text("the model is asked again")
    tab.page.get_by_role("tab", name="crash").press("ArrowLeft")
    expect(tab.page.get_by_role("tab", name="spent")).to_be_focused()
    expect(at(tab)).to_have_value(str(streamed))
    tab.page.get_by_label("Debugger").press("b")
    tab.page.keyboard.press("Home")
    stood(tab, 1)
    tab.page.get_by_role("combobox", name="Speed").select_option("100× real time")
    tab.page.get_by_role("button", name="Play").click()
    expect(at(tab)).to_have_value(str(streamed))
    expect(tab.page.get_by_role("button", name="Play")).to_be_visible()
    stood(tab, streamed)
    assert [address for address in tab.asked if "debugger" in address]

    tab.page.keyboard.press("Home")
    for _ in range(2):
        tab.page.keyboard.press("Shift+ArrowRight")
    begins = int(at(tab).input_value())
    expect(stood(tab, begins)).to_contain_text("Please search for what survives a crash")
    tab.page.keyboard.press("f")
    tab.page.get_by_label("with prompt otherwise").check()
    tab.page.get_by_label("Another prompt").fill("one two three")
    tab.page.get_by_role("form").get_by_role("button", name="fork", exact=True).click()
    expect(tab.runs("done")).to_have_count(2)
    assert tab.answer().strip() == "one two three"
    tab.editor.click()
    tab.page.keyboard.press("Control+End")
    tab.page.keyboard.insert_text("Written in the fork.")
    wrote = tab.page.get_by_text("Written in the fork.")
    expect(wrote).to_be_visible()
    expect(tab.page.get_by_role("slider", name="Records")).to_have_attribute("aria-valuetext", re.compile("edited"))
    tab.page.goto(f"{past}/?room={ROOM}~{begins}&view=debug&panel=forks")
    expect(tab.page.get_by_label("Debugger")).to_contain_text(f"fork of {ROOM} at {begins - 1}")
    expect(panel.locator("ins").first).to_have_text("one two three")
    expect(panel.locator("del").first).to_have_text("Please search for what survives a crash")
    panel.get_by_role("button", name="merge back").click()
    expect(panel).to_contain_text("main: 1 edit by anonymous")
    panel.get_by_role("button", name=f"write them into {ROOM}").click()
    expect(panel).to_contain_text(f"1 edit is in {ROOM} now")
    take_debugger(past, browser, tmp_path)
    assert size(tmp_path / "console-debugger.png") == size(SPECS / "console-debugger.png")
