"""The examples of specs/examples do what their pages say: each started by its one command, in Chromium."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from .conftest import EXAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from ..console.browser import Serving, Tab

BUILD_S = 300


def test_the_examples_type_check(examples: Path) -> None:
    """JS50, JS51: against the client of this checkout, in strict mode."""
    done = subprocess.run(
        ["npx", "--no-install", "tsc", "--noEmit"], cwd=examples, capture_output=True, text=True, timeout=BUILD_S
    )
    assert done.returncode == 0, done.stdout


def test_a_chat_with_tools(start: Callable[[str], str], tabs: "Callable[..., Tab]") -> None:
    """JS50: answers stream into both pages, a person approves with other arguments, a tool of the page runs in one."""
    url = start("chat")
    one = tabs(url, "lobby&name=Ann")
    expect(one.status).to_have_text("live")
    one.page.get_by_label("Prompt").fill("Send a mail, please")
    one.page.get_by_role("button", name="Send").click()
    two = tabs(url, "lobby&name=Bo")
    asking = two.page.locator("form.approval textarea")
    expect(asking).to_have_value(re.compile("team@example.org"))
    asking.fill(asking.input_value().replace("team@example.org", "ann@example.org"))
    two.page.get_by_role("button", name="Approve").click()
    for tab in (one, two):
        expect(tab.page.locator("article[data-status=done]")).to_contain_text("You said yes")
        expect(tab.page.locator(".call")).to_contain_text("ann@example.org")
        expect(tab.page.locator("header")).to_contain_text("Ann")
        expect(tab.page.locator("header")).to_contain_text("Bo")
    two.page.get_by_label("Prompt").fill("Another colour, please")
    two.page.get_by_label("Prompt").press("Enter")
    two.page.get_by_role("button", name="seagreen").click()
    expect(one.page.locator("article[data-status=done]")).to_have_count(2)
    expect(one.page.locator("article").last).to_contain_text("It suits the page")
    assert one.page.get_by_role("button", name="seagreen").count() == 0
    one.page.reload()
    expect(one.page.locator("article").last).to_contain_text("It suits the page")


def test_a_note_that_everybody_writes(start: Callable[[str], str], tabs: "Callable[..., Tab]") -> None:
    """JS45, JS50: `useSharedText` in a plain field: what two people type at the same moment is there whole, in both
    pages and after a reload, and what one deletes or pastes leaves the other's words alone."""
    url = start("chat")
    pages = [tabs(url, f"notes&name={name}").page for name in ("Ann", "Bo")]
    one, two = (page.get_by_label("A note for all") for page in pages)
    for page in pages:
        expect(page.get_by_role("status").first).to_have_text("live")
    one.press_sequentially("Milk 🙂")
    expect(two).to_have_value("Milk 🙂")
    two.press_sequentially(" and bread")
    expect(one).to_have_value("Milk 🙂 and bread")
    two.fill("Milk 🙃 and bread, please")
    expect(one).to_have_value("Milk 🙃 and bread, please")
    # Keys of both pages lie between each other: nobody waits to see what the other one has typed.
    for key in "123456789":
        one.press(key)
        two.press("x")
    for page in pages:
        page.wait_for_function(
            "all => [...document.querySelector('footer > textarea').value].length === all", arg=len(WRITTEN)
        )
    written = one.input_value()
    expect(two).to_have_value(written)
    assert sorted(written) == sorted(WRITTEN)
    pages[0].reload()
    expect(one).to_have_value(written)


def test_an_editor_with_a_co_writer(start: Callable[[str], str], tabs: "Callable[..., Tab]") -> None:
    """JS51: two people type while the agent writes: every word of all three is there, in both editors."""
    url = start("editor")
    pages = [tabs(url, f"pad&name={name}").page for name in ("Ann", "Bo")]
    one, two = pages
    for page in pages:
        expect(page.get_by_role("status")).to_have_text("live")
    one.locator(".tiptap").click()
    one.keyboard.type("Ann was here first.")
    expect(two.locator(".tiptap")).to_contain_text("Ann was here first.")
    two.get_by_label("Prompt").fill("How we write")
    two.get_by_label("Prompt").press("Enter")
    expect(one.locator(".tiptap h2")).to_have_text("How we write")
    one.keyboard.type(" And types on while it writes.", delay=20)
    two.locator(".tiptap p").first.click()
    two.keyboard.press("Home")
    two.keyboard.type("Bo says: ")
    for page in pages:
        expect(page.locator(".tiptap")).to_contain_text("on disk before you saw them.", timeout=20_000)
        # Saved is what this page wrote; the other one's words may still be on their way.
        expect(page.locator(".tiptap p").first).to_contain_text("Bo says:")
        expect(page.locator(".tiptap p").first).to_contain_text("while it writes.")
        expect(page.locator("#saved")).to_have_text("saved")
        expect(page.locator("#stop")).to_be_hidden()
        text = page.locator(".tiptap").evaluate(WITHOUT_CARETS)
        assert text[0] == "Bo says: Ann was here first. And types on while it writes."
        assert text[1] == "How we write"
        assert text[2].startswith("Here I write beside you. Whatever you type meanwhile stays")


def test_a_plain_page(
    browser: "Browser", serve: "Callable[..., Serving]", tabs: "Callable[..., Tab]", tmp_path: Path
) -> None:
    """JS33, JS52: opened as a file, from another folder, with nothing beside it; the console shows the same."""
    serving = serve("echo", arguments=["--allow-origin", "null"])
    shutil.copy(EXAMPLES / "page" / "index.html", tmp_path / "page.html")
    page = browser.new_page()
    page.goto(f"file://{tmp_path}/page.html?server={serving.url}&room=plain")
    expect(page.get_by_role("status")).to_have_text("live")
    page.get_by_label("Prompt").fill("one two three")
    page.get_by_label("Prompt").press("Enter")
    expect(page.locator("#answers article")).to_have_text(re.compile(r"one two three\s*one two three"))
    console = tabs(serving.url, "plain").live()
    expect(console.page.locator(".run")).to_contain_text("one two three")
    note = page.get_by_label("A note")
    note.press_sequentially("A note 🙂 for all")
    expect(console.editor).to_have_text("A note 🙂 for all")
    console.editor.click()
    console.page.keyboard.press("ControlOrMeta+End")
    console.page.keyboard.type("!")
    expect(note).to_have_value("A note 🙂 for all!")
    serving.end(signal.SIGKILL)
    expect(page.get_by_role("status")).to_have_text("offline")
    note.press_sequentially(" And offline.")
    page.get_by_label("Prompt").fill("four")
    page.get_by_label("Prompt").press("Enter")
    serving.start()
    expect(page.locator("#answers article").last).to_have_text(re.compile(r"four\s*four"))
    expect(console.editor).to_contain_text("And offline.")
    page.context.close()


WRITTEN = "Milk 🙃 and bread, please123456789xxxxxxxxx"
"""What two people typed into one field, in whatever order the last keys came."""

WITHOUT_CARETS: Any = """(editor) => [...editor.children].map((block) => {
  const copy = block.cloneNode(true)
  for (const caret of copy.querySelectorAll('.collaboration-carets__caret')) caret.remove()
  return copy.textContent.replaceAll('\\u2060', '')
})"""
