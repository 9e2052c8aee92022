"""Past moments in the console: the room as it stood after a record, beside the room that goes on."""

import os
import re
from collections.abc import Callable

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from .browser import Serving, Tab

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]


def test_the_room_as_it_stood(serve: Serve, tabs: Tabs) -> None:
    """CO46: from a record to the room then: its runs and its document, read-only and said to be so; the present goes on
    beside it, each step is another moment, the link brings a phone there, and Escape is the way back to now."""
    url = serve("echo").url
    tab = tabs(url, "lobby").live()
    tab.editor.click()
    tab.page.keyboard.type("Monday. ")
    tab.ask("one two three")
    expect(tab.runs("done")).to_have_count(1)
    bars = tab.page.get_by_role("slider", name="Records")
    expect(bars).to_have_attribute("aria-valuetext", re.compile("run finished"))
    bars.focus()
    tab.page.keyboard.press("End")
    record = tab.page.get_by_role("dialog")
    expect(record).to_contain_text("run finished")
    record.get_by_role("button", name="the room then").click()
    expect(record).to_contain_text("It is the past: nothing here can be changed.")
    then = record.get_by_role("region")
    expect(then).to_have_attribute("aria-busy", "false")
    expect(then).to_contain_text("one two three")
    expect(then).to_contain_text("assistant, done")
    expect(then.get_by_label("content")).to_have_text("Monday. ")
    last = re.search(r"record=(\d+)&then=1", tab.page.url)
    assert last is not None
    assert tab.contrasts()[1] == []

    tab.editor.click()
    tab.page.keyboard.press("Control+End")
    tab.page.keyboard.type("Tuesday.")
    expect(tab.editor).to_contain_text("Tuesday.")
    expect(then.get_by_label("content")).to_have_text("Monday. ")
    record.get_by_role("button", name="The record before").click()
    expect(record.get_by_role("region", name=f"The room after record {int(last[1]) - 1}")).to_contain_text(
        "assistant, running"
    )

    phone = tabs(url, f"lobby&record={last[1]}&then=1", viewport={"width": 390, "height": 800}).live()
    expect(phone.page.get_by_role("region", name=f"The room after record {last[1]}")).to_contain_text("Monday. ")

    record.focus()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    expect(tab.page).to_have_url(f"{url}/?room=lobby")
    tab.page.goto(f"{url}/?room=lobby&record=999999&then=1")
    expect(tab.page.get_by_role("alert").first).to_contain_text("The log of lobby ends at record")
