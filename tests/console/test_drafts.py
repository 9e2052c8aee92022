"""Drafts as people see them: what is proposed for a document, change by change, and what came of it."""

import json
import os
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from .browser import Serving, Tab

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
HIDDEN = "quiet\u202e"
SELECTED = """(old) => {
  const editor = document.querySelector('.cm-content')
  if (!editor) return false
  const { state } = editor.cmTile.root.view
  if (state.sliceDoc(state.selection.main.from, state.selection.main.to) === old) return true
  const texts = document.createTreeWalker(editor, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const at = texts.currentNode.data.indexOf(old)
    if (at < 0 || texts.currentNode.parentElement.closest('del')) continue
    editor.focus()
    getSelection().setBaseAndExtent(texts.currentNode, at, texts.currentNode, at + old.length)
    break
  }
  return false
}"""
"""Select these words, unless they are. The editor takes over in a task of its own what was selected past it, and what
it draws before that (the changes, which come from the server) takes the selection away: then it is made again."""


def ask(url: str, **body: Any) -> Any:
    """Ask the room `desk` for something; what it says to it."""
    wanted = json.dumps({"id": f"{body['do']}-{os.urandom(4).hex()}", **body}).encode()
    request = urllib.request.Request(f"{url}/api/rooms/desk/commands", wanted, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["ok"].get("result")


def put(url: str, text: str) -> None:
    """Begin the room's main document."""
    request = urllib.request.Request(f"{url}/api/rooms/desk/documents/main?format=text", text.encode(), method="PUT")
    urllib.request.urlopen(request).close()


def proposed(tab: Tab) -> Any:
    return tab.page.get_by_role("navigation", name="What is proposed for main")


def changes(tab: Tab) -> Any:
    return tab.page.get_by_role("group", name=re.compile(r"^Change \d+ by"))


def decisions(tab: Tab) -> Any:
    return tab.page.get_by_role("list", name="What was decided").get_by_role("listitem")


def looks(tab: Tab) -> set[Any]:
    """What the page asks about drafts from now on, as long as it has no answer."""
    asked: set[Any] = set()
    tab.page.on("request", lambda request: asked.add(request) if "/drafts?" in request.url else None)
    tab.page.on("requestfinished", lambda request: asked.discard(request))
    tab.page.on("requestfailed", lambda request: asked.discard(request))
    return asked


def replace(tab: Tab, old: str, new: str) -> None:
    """Select the words in the editor and type others over them."""
    # An editor that has just been opened may not be there yet, or not hold the words.
    tab.page.wait_for_function(SELECTED, arg=old)
    if new:
        tab.page.keyboard.insert_text(new)
    else:
        tab.page.keyboard.press("Backspace")


def test_people_propose_decide_and_see_who_did(serve: Serve, tabs: Tabs) -> None:
    """CO32, CO33, CO34: a live diff that both pages see; accepted and rejected by key and by press, change by change
    and whole; both pages show who decided, and a decided draft takes no edits."""
    url = serve("echo").url
    put(url, "A good day, a long day.")
    ann, bob = tabs(url, "desk").live(), tabs(url, "desk", color_scheme="dark").live()
    ann.page.get_by_role("button", name="propose changes").click()
    ann.page.get_by_label("What the changes are for").fill("Better words")
    ann.page.keyboard.press("Enter")
    expect(ann.page.get_by_role("textbox", name=re.compile("main, draft Better words"))).to_have_text(
        "A good day, a long day."
    )
    expect(ann.page).to_have_url(re.compile(r"document=main~\d{12}"))
    proposed(bob).get_by_role("button", name=re.compile("Better words")).click()
    replace(ann, "good", "fine")
    expect(changes(bob)).to_have_count(1)
    replace(ann, "long", HIDDEN)
    expect(bob.page.locator(".editor del")).to_have_text(["good", "long"])
    expect(bob.page.locator(".editor ins")).to_have_text(["fine", HIDDEN])
    expect(changes(bob).nth(1)).to_contain_text("quiet\\u{202e}")
    for tab in (ann, bob):
        assert tab.contrasts()[1] == []
        assert tab.focusable()[1] == []

    bob.page.locator(".proposed").first.focus()
    bob.page.keyboard.press("p")
    expect(changes(bob).nth(0)).to_be_focused()
    bob.page.keyboard.press("ArrowDown")
    expect(changes(bob).nth(1)).to_be_focused()
    bob.page.keyboard.press("Backspace")
    for tab in (ann, bob):
        expect(changes(tab)).to_have_count(1)
    expect(changes(bob)).to_be_focused()
    expect(decisions(bob)).to_have_text([re.compile("1 change rejected by you")])
    expect(decisions(ann)).to_have_text([re.compile("1 change rejected by someone")])
    expect(ann.editor).to_contain_text("a long day")

    replace(ann, ".", "!")
    expect(changes(ann)).to_have_count(2)
    ann.page.get_by_role("button", name="accept all 2").click()
    expect(decisions(ann).first).to_contain_text("2 changes accepted, and closed by you")
    expect(decisions(bob).first).to_contain_text("2 changes accepted, and closed by someone")
    expect(bob.editor).to_have_attribute("contenteditable", "false")
    proposed(bob).get_by_role("button", name="main", exact=True).click()
    expect(bob.editor).to_have_text("A fine day, a long day!")
    expect(proposed(bob)).to_have_count(0)


def test_nobody_decides_about_what_they_have_not_seen(serve: Serve, tabs: Tabs) -> None:
    """CO33: what was changed or decided since this page looked is refused, in words, and it looks again; what the
    document changed meanwhile stays, and that is told."""
    url = serve("echo").url
    put(url, "A good day, a long day.")
    name = ask(url, do="propose", document="main", title="Better")["draft"]
    ann, bob = tabs(url, f"desk&document={name}").live(), tabs(url, f"desk&document={name}").live()
    looking = looks(bob)
    replace(ann, "good", "fine")
    replace(ann, "long", "slow")
    for tab in (ann, bob):
        expect(changes(tab)).to_have_count(2)

    bob.page.route("**/drafts?*", lambda route: route.abort())
    while looking:  # It looks again after the last edit, and the answer to that may be late and tell of the next one.
        bob.page.wait_for_timeout(10)
    replace(ann, "ine", "air")
    expect(changes(ann).first).to_contain_text("fair")
    bob.page.get_by_role("button", name="Accept change 1").click()
    refused = bob.page.locator(".deciding").get_by_role("alert")
    expect(refused).to_contain_text("nothing was decided")
    ann.page.get_by_role("button", name="Reject change 2").click()
    expect(changes(ann)).to_have_count(1)
    bob.page.get_by_role("button", name="Reject change 2").click()
    expect(refused).to_contain_text("Somebody decided about one of these hunks before")
    expect(bob.page.get_by_role("button", name="look again")).to_be_visible()
    bob.page.unroute("**/drafts?*")
    replace(ann, "air", "ast")
    expect(changes(bob)).to_have_text([re.compile("fast")])

    other = tabs(url, "desk").live()
    replace(other, "good ", "")
    expect(other.editor).to_have_text("A day, a long day.")
    replace(bob, "fast", "")
    expect(changes(bob)).to_have_text([re.compile("^1goes: good")])
    bob.page.get_by_role("button", name="accept it").click()
    expect(bob.page.locator(".proposal-head")).to_contain_text("accepted")
    expect(other.editor).to_have_text("A day, a long day.")


def test_an_agents_proposal_is_found_under_its_answer_and_on_a_phone(serve: Serve, tabs: Tabs) -> None:
    """CO34, CO35, CO15: one press from the answer to the draft, by the agent's name; every document has a tab."""
    url = serve("echo", agents=["tests.console.crew:proposer"]).url
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    put(url, "A good day.")
    request = urllib.request.Request(
        f"{url}/api/rooms/desk/documents/old-notes?format=text", b"Long ago.", method="PUT"
    )
    urllib.request.urlopen(request).close()
    call = {"name": "replace_text", "args": json.dumps({"old": "good", "new": "fine"})}
    ask(url, do="prompt", text=json.dumps(call), agent="proposer")
    tab = tabs(url, "desk", **phone).live()
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    found = tab.page.locator(".run .facts").get_by_role("button", name=re.compile("proposes changes of main"))
    found.tap()
    expect(changes(tab)).to_have_text([re.compile("good.*fine.*proposer")])
    expect(tab.page.locator(".editor ins")).to_have_text("fine")
    assert tab.page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert tab.contrasts()[1] == []
    tab.page.get_by_role("button", name="Accept change 1").tap()
    expect(tab.page.get_by_text("Nothing differs from the document yet.")).to_be_visible()
    tab.page.get_by_role("button", name="close the draft").tap()
    expect(tab.editor).to_have_attribute("contenteditable", "false")
    tabs_of_documents = tab.page.get_by_role("group", name="Documents of this room")
    expect(tabs_of_documents.get_by_role("button")).to_have_text(["main", "old-notes", "+"])
