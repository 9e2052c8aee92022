"""A breakpoint that stops the agents, and the way from a call to its records."""

import os
import re
from collections.abc import Callable

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from .browser import Serving, Tab
from .picture import ask

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]


def test_the_agents_stop_and_go_on(serve: Serve, tabs: Tabs) -> None:
    """CO63, CO64: a condition that is watched stops them where it begins to hold; every page says so and lets them go
    on; and a call tells which records it comes from, each a way into the debugger."""
    url = serve("demo").url
    ask(url, "desk", do="set-room", title="Desk")
    watcher, other = tabs(url, "desk").live(), tabs(url, "desk").live()
    watcher.page.keyboard.press("g")
    watcher.page.get_by_role("button", name="find", exact=True).click()
    form = watcher.page.get_by_role("form", name="Go to where a condition holds")
    form.get_by_label("Condition", exact=True).fill("spent.steps > `0`")
    form.get_by_role("button", name="watch").click()
    expect(form.get_by_role("status")).to_have_text("Waiting. The agents stop where it begins to hold.")
    other.ask("What time is it?")
    banner = other.page.locator(".banner.paused")
    expect(banner).to_contain_text("stopped the agents at record")
    expect(banner).to_contain_text("spent.steps > `0`")
    expect(form.get_by_role("status")).to_have_text(
        re.compile(r"begins to hold at record \d+\. The agents are paused\.")
    )
    expect(watcher.page.locator(".banner.paused")).to_be_visible()
    expect(other.runs("running")).to_have_count(1)
    banner.get_by_role("button", name="resume").click()
    expect(banner).to_have_count(0)
    expect(other.runs("done")).to_have_count(1, timeout=30_000)
    expect(watcher.page.locator(".banner.paused")).to_have_count(0)
    call = other.page.locator("details.tool")
    call.locator("summary").click()
    call.get_by_role("button", name="where it comes from").click()
    expect(call.locator(".origin")).to_contain_text("prompt by")
    call.get_by_role("button", name=re.compile(r"^tool started \d+$")).click()
    expect(other.page.get_by_role("slider", name="Record")).to_be_visible()
    expect(other.page.locator(".happened")).to_contain_text("tool started")
