"""Pages of one browser on one socket, in Chromium against a real server: who leads, and what an end of that costs."""

import json
import os
import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from .pages import Household, Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from ...console.browser import Serving

numbers = count(1)

LEND = """() => {
  const notes = document.documentElement.dataset
  let painted = 0
  room.registerTool('paint', { description: 'Paint.', parameters: { type: 'object' } }, async () => {
    painted += 1
    notes.tool = (notes.tool ?? '') + 'begun'
    await new Promise((finish) => { window.finish = finish })
    notes.tool += ' done'
    return { painted }
  })
}"""
"""A tool that is at work until `finish`, and says how often it began."""


def words(many: int) -> str:
    return " ".join(f"w{number}" for number in range(1, many + 1))


@pytest.fixture
def house(browser: "Browser", site: str, paced: "Serving") -> Iterator[Household]:
    house = Household(browser, site, paced, f"room{next(numbers)}")
    yield house
    house.close()


def test_pages_of_one_browser_have_one_socket(house: Household) -> None:
    """JS60, JS66: three pages, one socket; each asks, is answered, and sees who is here, and who is not any more."""
    tabs = [house.open(name=name).live() for name in ("ada", "bob", "cyd")]
    house.share_a_socket()
    for number, tab in enumerate(tabs):
        assert re.fullmatch(r"\d{12}", tab.ask(f"prompt {number}").answered(f"prompt {number}"))
    for tab, others in zip(tabs, ("bob cyd", "ada cyd", "ada bob"), strict=True):
        tab.note("runs", "done done done").note("present", others)
    house.share_a_socket()
    tabs[1].close()
    tabs[0].note("present", "cyd")
    tabs[2].crash()
    tabs[0].note("present", "")


@pytest.mark.parametrize("ends", [Tab.close, Tab.crash, Tab.freeze])
def test_a_leader_that_goes_mid_stream_takes_no_word_along(house: Household, ends: Callable[[Tab], None]) -> None:
    """JS62, JS63: the next page reads on without a gap, and what is asked in that moment happens once."""
    leader, next_one = house.open().live(), house.open().live()
    long = words(40)
    leader.ask(long)
    next_one.words(10)
    ends(leader)
    next_one.ask("and you?")
    next_one.note("runs", "done done")
    assert next_one.texts() == [long, "and you?"]
    next_one.note("wrong", "0").note("status", "live").note("waiting", "")
    assert house.prompts() == [long, "and you?"]
    house.share_a_socket()


def test_a_leader_that_hangs_loses_the_lead(house: Household) -> None:
    """JS64: its page stands still without a word, as under a debugger; the other page is served all the same."""
    leader, next_one = house.open().live(), house.open().live()
    long = words(40)
    next_one.ask(long).words(5)
    leader.hang()
    next_one.ask("and you?")
    next_one.note("runs", "done done")
    assert next_one.texts() == [long, "and you?"]
    next_one.note("wrong", "0")
    assert house.prompts() == [long, "and you?"]
    leader.go_on()
    leader.live().note("runs", "done done").note("wrong", "0")
    house.share_a_socket()


@pytest.mark.parametrize("leads", [True, False])
def test_a_page_is_reloaded_at_each_stage_of_a_run(house: Household, *, leads: bool) -> None:
    """JS62, JS74, JS79: before the answer to its prompt, amid its words, behind them; all pages end with the same."""
    first, second = house.open().live(), house.open().live()
    page, other = (first, second) if leads else (second, first)
    long = words(30)
    page.ask(long).reload()
    for least in (1, 10, 30):
        page.words(least).reload()
    for tab in (page, other):
        tab.live().note("runs", "done").note("wrong", "0").note("waiting", "").note("refused", "")
        assert tab.texts() == [long]
    assert house.prompts() == [long]
    house.share_a_socket()


def test_a_tool_that_is_at_work_outlives_the_leader(house: Household) -> None:
    """JS5, JS62: its page follows; the socket under it goes while it works, and it runs once and is believed."""
    leader, follower = house.open().live(), house.open().live()
    follower.page.evaluate(LEND)
    call = json.dumps({"name": "paint", "args": "{}"})
    follower.ask(call, agent="clerk").note("tool", "begun")
    leader.close()
    follower.live().page.evaluate("finish()")
    follower.note("runs", "done").note("tool", "begun done")
    assert follower.texts() == ['Told: `{"painted":1}`']
    house.share_a_socket()
