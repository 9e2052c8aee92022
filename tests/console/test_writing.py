"""Who wrote what in a shared document, undoing what a run wrote, and agents as people see them there."""

import json
import os
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from .browser import Serving, Tab
from .test_drafts import ask

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
SCRIBE = ["tests.console.crew:scribe"]
HOSTILE = "<img src=x onerror=window.owned=1>"


def call(tab: Tab, *calls: tuple[str, dict[str, Any]]) -> None:
    """Have the scribe make these calls."""
    tab.page.get_by_label("Agent", exact=True).select_option("scribe")
    tab.ask(json.dumps([{"name": name, "args": json.dumps(args)} for name, args in calls]))


def card(tab: Tab) -> Any:
    return tab.page.get_by_role("dialog", name="Who wrote this")


def hover(tab: Tab, word: str) -> None:
    """Rest the mouse on a word of the text: its middle, found as a reader finds it."""
    expect(tab.editor).to_contain_text(word)
    x, y = tab.page.evaluate(
        """(word) => {
          const texts = document.createTreeWalker(document.querySelector('.cm-content'), NodeFilter.SHOW_TEXT)
          while (texts.nextNode()) {
            const at = texts.currentNode.data.indexOf(word)
            if (at < 0) continue
            const range = document.createRange()
            range.setStart(texts.currentNode, at)
            range.setEnd(texts.currentNode, at + word.length)
            const box = range.getBoundingClientRect()
            return [box.x + box.width / 2, box.y + box.height / 2]
          }
        }""",
        word,
    )
    tab.page.mouse.move(x, y)


def test_resting_on_a_word_tells_who_wrote_it_and_the_run_is_undone(serve: Serve, tabs: Tabs) -> None:
    """CO29, CO30: an agent with its model, tool and prompt, as text; undone alone, and only after a look."""
    tab = tabs(serve(agents=SCRIBE).url, "desk").live()
    tab.editor.click()
    tab.page.keyboard.type("Mine stays.")
    call(tab, ("insert_text", {"at": "end", "new": f" Theirs {HOSTILE}"}))
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    hover(tab, "Mine")
    expect(card(tab)).to_contain_text("someone")
    expect(card(tab).get_by_role("button", name=re.compile("undo"))).to_have_count(0)
    tab.prompt.hover()
    expect(card(tab)).to_have_count(0)
    hover(tab, "Theirs")
    expect(card(tab)).to_contain_text("scribe, an agent, for someone")
    expect(card(tab)).to_contain_text("obedient · insert_text")
    expect(card(tab).locator(".prompt-begins")).to_contain_text(HOSTILE)
    assert tab.page.evaluate("window.owned") is None
    assert tab.contrasts()[1] == []
    assert tab.focusable()[1] == []
    card(tab).get_by_role("button", name="undo what this run wrote").click()
    expect(card(tab)).to_contain_text("Takes back 1 edit in main")
    expect(tab.editor).to_contain_text("Theirs")
    card(tab).get_by_role("button", name="leave it").click()
    tab.prompt.hover()
    facts = tab.page.locator(".run .facts")
    facts.get_by_role("button", name="undo what this run wrote").click()
    facts.get_by_role("button", name="undo 1 edit").click()
    expect(facts.get_by_role("status")).to_have_text("1 edit undone.")
    expect(tab.editor).to_have_text("Mine stays.")
    facts.get_by_role("button", name="close").click()
    facts.get_by_role("button", name="undo what this run wrote").click()
    expect(facts.get_by_role("alert")).to_have_text("Nothing that this run wrote is left to undo.")


def test_what_came_back_or_was_accepted_names_who_did_that(serve: Serve, tabs: Tabs) -> None:
    """CO29: beside who wrote it first, whose undo brought it back, and who accepted it from a draft."""
    url = serve(agents=SCRIBE).url
    tab = tabs(url, "desk").live()
    tab.editor.click()
    tab.page.keyboard.type("Mine.")
    expect(tab.editor).to_have_text("Mine.")
    call(tab, ("delete_text", {"old": "Mine."}))
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    expect(tab.editor).not_to_contain_text("Mine.")
    ask(url, do="undo", author="agent:scribe")
    expect(tab.editor).to_have_text("Mine.")
    hover(tab, "Mine")
    expect(card(tab)).to_contain_text("someone")
    expect(card(tab)).to_contain_text(re.compile("brought back by someone"))
    assert tab.contrasts()[1] == []
    tab.prompt.hover()
    expect(card(tab)).to_have_count(0)

    draft = ask(url, do="propose", document="main")["draft"]
    call(tab, ("insert_text", {"document": draft, "at": "end", "new": " Theirs."}))
    expect(tab.runs("done")).to_have_count(2, timeout=PATIENCE_MS)
    ask(url, do="accept", draft=draft)
    expect(tab.editor).to_have_text("Mine. Theirs.")
    hover(tab, "Theirs")
    expect(card(tab)).to_contain_text("scribe, an agent, for someone")
    expect(card(tab)).to_contain_text(re.compile("accepted by someone"))


def test_words_stay_to_be_copied_when_the_history_is_another_one(serve: Serve, tabs: Tabs, tmp_path: Path) -> None:
    """CO45: a page whose room began anew says so, still shows what stood in its document and what was typed unsaved,
    and gives none of it to the other history."""
    server = serve(agents=SCRIBE)
    tab = tabs(server.url, "desk").live()
    tab.editor.click()
    tab.page.keyboard.type("Mine.")
    call(tab, ("insert_text", {"at": "end", "new": " Theirs."}))
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    expect(tab.editor).to_have_text("Mine. Theirs.")
    server.end()
    for path in tmp_path.glob("plait.db*"):
        path.unlink()
    tab.editor.click()
    tab.page.keyboard.press("Control+End")
    tab.page.keyboard.type(" Unsaved.")
    server.start()
    alerts = tab.page.get_by_role("region", name="Shared documents").get_by_role("alert")
    expect(alerts).to_contain_text("copy what you wrote here", timeout=PATIENCE_MS)
    expect(tab.editor).to_have_text("Mine. Theirs. Unsaved.")
    with urllib.request.urlopen(f"{server.url}/api/rooms/desk/documents") as answer:
        assert json.load(answer)["documents"] == []


def test_the_keyboard_asks_who_wrote_this(serve: Serve, tabs: Tabs) -> None:
    """CO29: Alt and Enter open the card with the focus, Escape gives it back, and no key typed there is the page's."""
    tab = tabs(serve(agents=SCRIBE).url, "desk").live()
    tab.editor.click()
    tab.page.keyboard.type("Hello")
    tab.page.keyboard.press("Alt+Enter")
    expect(card(tab)).to_be_focused()
    expect(card(tab)).to_contain_text("someone")
    tab.page.keyboard.press("?")
    expect(tab.page.get_by_role("dialog")).to_have_count(1)
    tab.page.keyboard.press("Escape")
    expect(card(tab)).to_have_count(0)
    tab.page.keyboard.type(" there")
    expect(tab.editor).to_have_text("Hello there")


def test_what_stays_is_named_before_an_undo(serve: Serve, tabs: Tabs) -> None:
    """CO30: a place that somebody changed since is told with the record that changed it."""
    tab = tabs(serve(agents=SCRIBE).url, "desk").live()

    def plan(value: str) -> tuple[str, dict[str, Any]]:
        return "set_value", {"document": "main#plan", "path": [HOSTILE], "value": value}

    call(tab, plan("first"), ("insert_text", {"at": "end", "new": "unrelated"}))
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    call(tab, plan("second"))
    expect(tab.runs("done")).to_have_count(2, timeout=PATIENCE_MS)
    facts = tab.page.locator(".run .facts").first
    facts.get_by_role("button", name="undo what this run wrote").click()
    told = facts.get_by_role("group", name="Undo what this run wrote")
    expect(told).to_be_focused()
    expect(told).to_contain_text("1 place stays, changed since by somebody else:")
    expect(told.get_by_role("listitem")).to_contain_text(f"main: plan › {HOSTILE}, record ")
    assert tab.contrasts()[1] == []


def test_an_agent_is_seen_in_the_document_while_it_works(serve: Serve, tabs: Tabs) -> None:
    """CO31: by name and what it does, in words, and gone when its run has ended."""
    tab = tabs(serve(agents=SCRIBE).url, "desk").live()
    call(tab, ("insert_text", {"at": "end", "new": "so far"}), ("act", {"to": "team"}))
    people = tab.page.get_by_role("list", name="People in this document")
    agent = people.get_by_role("img", name=re.compile("scribe, (working|waiting), an agent"))
    expect(agent).to_be_visible(timeout=PATIENCE_MS)
    expect(agent).to_have_text(re.compile("^scribe(working|waiting)$"))
    assert tab.contrasts()[1] == []
    tab.waiting.get_by_role("button", name="deny").click()
    tab.waiting.get_by_role("button", name="deny").click()
    expect(agent).to_have_count(0, timeout=PATIENCE_MS)
