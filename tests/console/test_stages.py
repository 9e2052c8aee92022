"""Each stage of a run, in two pages and on a phone: all three show the same, and so does each after a reload."""

import json
import os
from collections.abc import Callable

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from ..end_to_end.paced import Pace
from .browser import Serving, Tab

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CLERK = "tests.console.crew:clerk"
WORDS = " ".join(f"word{number}" for number in range(1, 101))
MIDDLE = 40

SHOWN = """() => {
  const texts = (run, found) => [...run.querySelectorAll(found)].map(({ textContent }) => textContent)
  const neutral = (text) => text.replace('by you', 'by someone')
  return JSON.stringify([...document.querySelectorAll('article.run')].map((run) => ({
    status: [...run.classList].sort(),
    prompt: texts(run, '.prompt'),
    texts: texts(run, '.part.text'),
    calls: texts(run, '.tool > summary .tool-name, .tool > summary .state, form.asking > header').map(neutral),
    fields: [...run.querySelectorAll('form.asking input, form.asking textarea')].map(({ value }) => value),
    buttons: texts(run, 'form.asking button')
  })))
}"""
"""What a conversation says to its reader, without what differs from page to page: which of them it was that decided."""


def same(tabs: list[Tab], stage: str) -> None:
    """All show what the first does."""
    wanted = tabs[0].page.evaluate(SHOWN)
    assert wanted != "[]", stage
    for tab in tabs[1:]:
        tab.page.wait_for_function(f"wanted => ({SHOWN})() === wanted", arg=wanted, timeout=PATIENCE_MS)


def stage(name: str, tabs: list[Tab], statuses: dict[str, int]) -> None:
    """The run is at that stage in every page, and whoever reloads there is at it again."""
    for tab in tabs:
        for status, count in statuses.items():
            expect(tab.runs(status)).to_have_count(count, timeout=PATIENCE_MS)
    same(tabs, name)
    for tab in tabs:
        tab.page.reload()
        tab.live()
    for tab in tabs:
        for status, count in statuses.items():
            expect(tab.runs(status)).to_have_count(count, timeout=PATIENCE_MS)
    same(tabs, f"{name}, reloaded")


def test_every_stage_of_a_run_is_the_same_everywhere_and_after_a_reload(serve: Serve, tabs: Tabs, pace: Pace) -> None:
    """CO8, CO15: streaming, queued behind another, done, waiting for a yes, for an answer, said no to, stopped."""
    pace.words(MIDDLE)
    url = serve("echo", pace.env, [pace.agent, CLERK]).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    phone = tabs(url, "desk", **PHONE).live()
    everywhere = [first, second, phone]

    first.ask(WORDS, agent="paced")
    for tab in everywhere:
        expect(tab.page.locator(".part.text")).to_contain_text(f"word{MIDDLE}", timeout=PATIENCE_MS)
    second.ask(json.dumps({"name": "act", "args": json.dumps({"to": "team", "count": 2})}), agent="clerk")
    stage("streaming, and one queued behind it", everywhere, {"running": 1, "queued": 1})

    pace.go_on()
    for tab in everywhere:
        expect(tab.waiting).to_be_visible(timeout=PATIENCE_MS)
    stage("done, and the next one waits for a yes", everywhere, {"done": 1, "waiting": 1})
    assert first.page.locator(".part.text").first.inner_text() == WORDS

    phone.waiting.get_by_role("button", name="deny").tap()
    phone.waiting.get_by_role("button", name="deny").tap()
    stage("done after a no", everywhere, {"done": 2})

    second.ask(json.dumps({"name": "ask_person", "args": json.dumps({"question": "How many?"})}), agent="clerk")
    for tab in everywhere:
        expect(tab.waiting).to_be_visible(timeout=PATIENCE_MS)
    stage("waiting for an answer", everywhere, {"done": 2, "waiting": 1})
    first.page.get_by_role("button", name="stop").click()
    stage("stopped", everywhere, {"done": 2, "stopped": 1})
