"""Files with a prompt: put, shown, removed, refused, and in every page's conversation."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import FilePayload, expect

from .browser import Serving, Tab
from .crew import png

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000


def chosen(tab: Tab, *files: FilePayload) -> None:
    with tab.page.expect_file_chooser() as chooser:
        tab.page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(list(files))


PICTURE: FilePayload = {"name": "teal.png", "mimeType": "image/png", "buffer": png()}
NOTES: FilePayload = {"name": "notes <b>.txt", "mimeType": "text/plain", "buffer": b"remember the milk"}


def chips(tab: Tab) -> Any:
    return tab.page.get_by_role("list", name="Files of this prompt").get_by_role("listitem")


def test_files_go_with_the_next_prompt_and_every_page_shows_them(serve: Serve, tabs: Tabs) -> None:
    """CO26: a picture as a picture, another file to be taken; what was removed does not go."""
    url = serve("echo").url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    chosen(first, PICTURE, NOTES, {"name": "gone.txt", "mimeType": "text/plain", "buffer": b"x"})
    expect(chips(first)).to_have_count(3)
    first.page.get_by_role("button", name="Remove gone.txt").click()
    expect(chips(first)).to_have_count(2)
    # The bytes are with the server, so the draft survives with its files.
    expect(first.page.locator(".chips li.here")).to_have_count(2)
    first.page.reload()
    first.live()
    expect(chips(first)).to_have_count(2)
    first.ask("look")
    expect(first.page.get_by_role("list", name="Files of this prompt")).to_have_count(0)
    for tab in (first, second):
        expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
        image = tab.page.locator(".asked .files img")
        expect(image).to_have_attribute("alt", "teal.png")
        image.scroll_into_view_if_needed()  # A picture out of sight is not loaded, and nobody would ever say so.
        expect(image).to_have_js_property("naturalWidth", 48, timeout=PATIENCE_MS)
        expect(image).to_have_js_property("naturalHeight", 32)
        other = tab.page.locator(".asked .files a.chip")
        expect(other).to_contain_text("notes <b>.txt")
        expect(other).to_have_attribute("download", "notes <b>.txt")
        assert (
            tab.page.evaluate("(at) => fetch(at).then((a) => a.text())", other.get_attribute("href"))
            == "remember the milk"
        )
    _, silent = first.focusable()
    assert silent == []


def _dropped(tab: Tab, event: str, target: str) -> None:
    tab.page.locator(target).evaluate(
        """(element, kind) => {
          const transfer = new DataTransfer()
          transfer.items.add(new File(['dropped'], kind + '.txt', { type: 'text/plain' }))
          const how = { bubbles: true, cancelable: true }
          element.dispatchEvent(kind === 'paste'
            ? new ClipboardEvent(kind, { ...how, clipboardData: transfer })
            : new DragEvent(kind, { ...how, dataTransfer: transfer }))
        }""",
        event,
    )


def test_files_are_dropped_anywhere_and_pasted_into_the_prompt(serve: Serve, tabs: Tabs) -> None:
    """CO26: and one that is dropped beside the composer does not take the page away."""
    tab = tabs(serve("echo").url, "desk").live()
    _dropped(tab, "drop", ".conversation")
    expect(chips(tab)).to_contain_text(["drop.txt"])
    _dropped(tab, "paste", ".composer textarea")
    expect(chips(tab)).to_contain_text(["drop.txt", "paste.txt"])


def test_a_file_that_is_refused_says_why_and_holds_nothing_up(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    """CO26: too large is known before it is sent; what the server refuses is said in its words."""
    tab = tabs(serve("echo").url, "desk").live()
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate((16 << 20) + 1)
    with tab.page.expect_file_chooser() as chooser:
        tab.page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(large)
    expect(tab.page.get_by_role("alert")).to_have_text("too large: at most 16.8 MB")
    tab.page.get_by_role("button", name="Remove large.bin").click()
    refusal = '{"code": "store-full", "message": "The disk is full."}'
    tab.page.route(re.compile("/api/blobs$"), lambda route: route.fulfill(status=507, body=refusal))
    chosen(tab, NOTES)
    expect(tab.page.get_by_role("alert")).to_have_text("The disk is full.")
    tab.ask("without it")
    expect(tab.runs("done")).to_have_count(1)
    expect(tab.page.locator(".asked .files")).to_have_count(0)
    expect(tab.page.get_by_role("alert")).to_have_text("The disk is full.")


def test_a_file_on_its_way_is_waited_for(serve: Serve, tabs: Tabs) -> None:
    """CO26: it tells how far it is, and the prompt is not sent without it."""
    tab = tabs(serve("echo").url, "desk").live()
    held: list[Any] = []
    tab.page.route(re.compile("/api/blobs$"), lambda route: held.append(route))
    chosen(tab, NOTES)
    expect(tab.page.get_by_role("progressbar", name="Sending notes <b>.txt")).to_be_visible()
    tab.prompt.fill("look")
    expect(tab.page.get_by_role("button", name="send")).to_be_disabled()
    while not held:  # The page tells of it before the browser does.
        tab.page.wait_for_timeout(10)
    held[0].continue_()
    tab.page.get_by_role("button", name="send").click()
    expect(tab.page.locator(".asked .files a.chip")).to_have_count(1)


def test_a_refused_prompt_gives_its_files_back(serve: Serve, tabs: Tabs) -> None:
    """CO4, CO26: nobody chooses a file twice."""
    tab = tabs(serve("echo").url, "desk").live()
    # A file that a page of another server left waiting: nobody put it here.
    file = "{blob: '" + "a" * 64 + "', media_type: 'text/plain', name: 'lost.txt', bytes: 3}"
    waiting = f"JSON.stringify([{{id: 'x1', text: 'look', attachments: [{file}]}}])"
    tab.page.evaluate(f"() => sessionStorage.setItem('plait.waiting.desk', {waiting})")
    tab.page.reload()
    expect(tab.page.get_by_role("alert").filter(has_text="no-such-blob")).to_be_visible()
    expect(tab.prompt).to_have_value("look")
    expect(chips(tab)).to_contain_text(["lost.txt"])
