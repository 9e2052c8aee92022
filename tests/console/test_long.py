"""Long rooms: ten thousand parts are read and written like ten, a hundred thousand records are looked through."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from ..bench import replay
from .browser import Serving, Tab
from .long_rooms import write_room

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
FRAME_MS = 12
ELEMENTS = 4_000
"""What a page of ten thousand parts may hold; with all of them there it is 73,000."""

FRAMES = """async (by) => {
  const box = document.querySelector('.scroll')
  for (let frames = 0; frames < 90; frames++) {
    box.scrollTop += by
    await new Promise(requestAnimationFrame)
  }
}"""
"""Ninety frames while somebody scrolls as fast as a wheel can."""

ANCHOR = """() => {
  const box = document.querySelector('.scroll').getBoundingClientRect()
  const parts = [...document.querySelectorAll('.part')]
  const seen = parts.find((part) => part.getBoundingClientRect().top > box.top + box.height / 2)
  window.anchor = seen
  return seen.getBoundingClientRect().top
}"""


def meter(tab: Tab) -> Callable[[], float]:
    """A function that tells how long the page's main thread has worked so far, in milliseconds of its own: what other
    processes take of the machine is not in it."""
    session = tab.context.new_cdp_session(tab.page)
    session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    session.send("Performance.enable")

    def worked() -> float:
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return sum(metrics[name] for name in ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")) * 1000

    return worked


def per_token(tab: Tab, words: int) -> float:
    """What a streamed word costs the page, in milliseconds of its main thread."""
    worked = meter(tab)
    before = worked()
    tab.ask(" ".join(f"word{n}" for n in range(words)))
    expect(tab.page.locator("article.run.done").last).to_contain_text(f" word{words - 1}", timeout=PATIENCE_MS)
    expect(tab.page.locator("article.run.running")).to_have_count(0, timeout=PATIENCE_MS)
    return (worked() - before) / words


def test_ten_thousand_parts_are_read_and_written_like_ten(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    """CO36: what is far is not in the page; scrolling comes upon whole parts and moves nothing; a token costs the same
    as in a short room."""
    write_room(f"sqlite:///{tmp_path}/plait.db", "long", 50, 200)
    url = serve("echo:200").url
    short, tab = tabs(url, "short").live(), tabs(url, "long")
    expect(tab.page.get_by_text("Part 9998 of a long talk")).to_be_in_viewport(timeout=PATIENCE_MS)
    assert tab.page.evaluate("() => document.querySelectorAll('*').length") < ELEMENTS

    worked = meter(tab)
    before = worked()
    for by in (-240, 120):
        tab.page.evaluate(FRAMES, by)
    frame = (worked() - before) / 180
    print(f"a frame: {frame:.1f} ms")
    # At 60 frames a second there are 16.7.
    assert frame < FRAME_MS
    assert tab.page.evaluate("() => document.querySelectorAll('*').length") < ELEMENTS

    tab.page.get_by_role("log").hover()
    for _ in range(8):
        before = tab.page.evaluate(ANCHOR)
        tab.page.mouse.wheel(0, -300)
        moved = "(before) => Math.abs(window.anchor.getBoundingClientRect().top - before - 300) < 2"
        tab.page.wait_for_function(moved, arg=before)
    tab.page.get_by_role("button", name="to the end").click()

    alone = per_token(short, 400)
    among = per_token(tab, 400)
    print(f"a token: {alone:.2f} ms in a short room, {among:.2f} ms among 10,000 parts")
    assert among < 2.5 * alone + 0.5, (alone, among)


def test_a_hundred_thousand_records_are_looked_through(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    """CO37, CO38: the page asks for the newest only, goes back page by page, and narrows to a kind, a run or an author;
    any record is a link."""
    trio.run(replay.write, f"sqlite:///{tmp_path}/plait.db", 100_000)
    url = serve("echo").url
    tab = tabs(url, f"{replay.ROOM}&record=7").live()
    linked = tab.page.get_by_role("dialog", name="Record 7")
    expect(linked).to_contain_text('"text-streamed"')
    linked.press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    slider = tab.page.get_by_role("slider", name="Records")
    expect(slider).to_have_attribute("aria-valuemax", re.compile(r"^10\d{4}$"), timeout=PATIENCE_MS)
    newest = int(slider.get_attribute("aria-valuemax") or 0)
    expect(tab.page.locator(".telling .seq")).to_have_text(f"{newest:,} / {newest:,}")
    oldest = int(slider.get_attribute("aria-valuemin") or 0)
    assert newest - oldest < 5_000

    shows = tab.page.get_by_role("group", name="What the timeline shows")
    shows.get_by_role("button", name="people").click()
    expect(slider).to_have_attribute("aria-valuetext", re.compile("run requested"))
    expect(shows.get_by_role("status")).to_have_text(re.compile(r"^\d shown$"))
    tab.page.get_by_role("button", name="look further back").click()
    expect(slider).not_to_have_attribute("aria-valuemin", str(oldest))
    slider.focus()
    tab.page.keyboard.press("ArrowLeft")
    expect(tab.page.get_by_role("dialog")).to_contain_text('"run-requested"')
    tab.page.get_by_role("dialog").get_by_role("button", name=re.compile("^only run")).click()
    expect(shows.get_by_role("status")).to_have_text("505 shown")
    tab.page.keyboard.press("[")
    shows.get_by_role("button", name="show all").click()
    shows.get_by_label("Records by").select_option("anonymous")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("run requested"))
    assert tab.contrasts()[1] == []
    assert tab.focusable()[1] == []
