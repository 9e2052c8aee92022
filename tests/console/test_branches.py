"""Other versions of a turn: asked for again, asked in other words, and chosen for everybody."""

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


def asked(tab: Tab, text: str, runs: int) -> None:
    tab.ask(text)
    expect(tab.runs("done")).to_have_count(runs)
    expect(tab.page.locator(".asked .prompt").last).to_have_text(text)


def prompts(tab: Tab) -> Any:
    return tab.page.locator(".asked .prompt")


def versions(tab: Tab) -> Any:
    return tab.page.get_by_role("group", name="Versions of this turn")


def test_a_prompt_in_other_words_is_a_version_that_every_page_shows(serve: Serve, tabs: Tabs) -> None:
    """CO22: what came after the old version goes with it, comes back with it, and goes on where it was."""
    url = serve("echo").url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    asked(first, "one", 1)
    asked(first, "two", 2)
    asked(first, "three", 3)
    first.page.locator(".run").nth(1).hover()
    first.page.locator(".run").nth(1).get_by_role("button", name="edit").click()
    field = first.page.get_by_label("The prompt in other words")
    expect(field).to_be_focused()
    expect(field).to_have_value("two")
    field.fill("zwei")
    field.press("Enter")
    for tab in (first, second):
        expect(prompts(tab)).to_have_text(["one", "zwei"])
        expect(tab.page.locator(".part.text")).to_have_text(["one", "zwei"])
        expect(versions(tab)).to_have_count(1)
        expect(versions(tab)).to_contain_text("2/2")
    expect(versions(first).get_by_role("button", name="The version after")).to_be_disabled()
    versions(second).get_by_role("button", name="The version before").click()
    for tab in (first, second):
        expect(prompts(tab)).to_have_text(["one", "two", "three"])
        expect(versions(tab)).to_contain_text("1/2")
    second.ask("four")
    expect(prompts(first)).to_have_text(["one", "two", "three", "four"])
    versions(first).get_by_role("button", name="The version after").click()
    expect(prompts(second)).to_have_text(["one", "zwei"])
    versions(first).get_by_role("button", name="The version before").click()
    expect(prompts(second)).to_have_text(["one", "two", "three", "four"])
    second.page.reload()
    expect(prompts(second)).to_have_text(["one", "two", "three", "four"])


def test_an_answer_is_asked_for_again(serve: Serve, tabs: Tabs) -> None:
    """CO22: beside the first one; also the conversation's first answer, and one that was stopped."""
    url = serve("echo:20").url
    tab = tabs(url, "desk").live()
    tab.ask(" ".join(f"word{number}" for number in range(2000)))
    expect(tab.page.locator(".part.text")).to_contain_text("word3")
    expect(tab.page.get_by_role("button", name="regenerate")).to_have_count(0)
    tab.page.locator(".composer .stop").click()
    expect(tab.runs("stopped")).to_have_count(1)
    tab.page.get_by_role("button", name="regenerate").click()
    expect(tab.runs("running")).to_have_count(1)
    expect(versions(tab)).to_contain_text("2/2")
    expect(tab.page.locator(".asked .who")).to_have_text("you")
    versions(tab).get_by_role("button", name="The version before").click()
    expect(tab.runs("stopped")).to_have_count(1)
    expect(versions(tab)).to_contain_text("1/2")
    tab.page.get_by_role("button", name=re.compile("^stop")).click()
    versions(tab).get_by_role("button", name="The version after").click()
    expect(tab.page.locator("article.run.stopped")).to_have_count(1)
    expect(versions(tab)).to_contain_text("2/2")


def test_escape_leaves_the_words_as_they_are(serve: Serve, tabs: Tabs) -> None:
    """CO22: and nothing is asked."""
    tab = tabs(serve("echo").url, "desk").live()
    asked(tab, "one", 1)
    tab.page.get_by_role("main").get_by_role("button", name="edit").click()
    tab.page.get_by_label("The prompt in other words").fill("other")
    tab.page.keyboard.press("Escape")
    expect(prompts(tab)).to_have_text(["one"])
    expect(versions(tab)).to_have_count(0)
