"""A server that asks for grants, from the console: who has none is asked, and what one does not allow is not offered.

The tokens are those that `plait grant` prints, but for one that is nearly over.
"""

import json
import os
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import structs

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from plait.protocol import tokens
from plait.protocol.access import ANY, Grant
from plait.runtime.auth.keyring import load_keys
from plait.runtime.cli.grant import verb
from playwright.sync_api import expect

from .browser import Serving, Tab
from .test_files import NOTES, PICTURE, chips, chosen
from .test_states import Judge, judge

__all__ = ["judge"]

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
Mint = Callable[..., str]
PATIENCE_MS = 60_000
LEFT_S = 30
"""Of a grant's life, when its page is opened; long enough for that on a slow machine, and the end is waited for."""


@pytest.fixture
def mint(tmp_path: Path) -> Mint:
    """A function that prints a grant as `plait grant` does: for whom, and what else it is asked."""
    key = str(tmp_path / "key")

    def printed(subject: str, *more: str) -> str:
        asked = ["--secret-file", key, "--subject", subject, *more]
        return CliRunner().invoke(verb, asked, catch_exceptions=False).stdout.strip()

    printed("nobody", "--new-secret")
    return printed


@pytest.fixture
def guarded(serve: Serve, tmp_path: Path, mint: Mint) -> str:
    """The address of a server that asks for grants, with an agent whose tool needs a yes."""
    return serve("echo", agents=["tests.console.crew:clerk"], arguments=["--secret-file", str(tmp_path / "key")]).url


def question(tab: Tab) -> Any:
    return tab.page.get_by_role("dialog", name="Show a grant")


def show(tab: Tab, token: str) -> None:
    tab.page.get_by_label("Grant", exact=True).fill(token)
    tab.page.get_by_label("Grant", exact=True).press("Enter")


def traces(tab: Tab, token: str) -> list[str]:
    """Where a token stands that should not: addresses, and what outlives the tab."""
    kept = tab.page.evaluate("() => [location.href, document.referrer, ...Object.values(localStorage)]")
    return [place for place in [*tab.asked, *kept] if token in place]


def test_a_stranger_is_asked_and_a_grant_opens_the_page(guarded: str, tabs: Tabs, mint: Mint, judge: Judge) -> None:
    """CO41: nothing of the room is there before; what is no grant is told, and what the server does not take; then the
    page is as any other, also after a reload, until whoever it is signs out."""
    token = mint("ann", "--name", "Ann Lee")
    tab = tabs(guarded, "desk")
    expect(question(tab)).to_contain_text("This server asks for a grant.")
    judge(tab, "asking for a grant")
    show(tab, "two words")
    expect(question(tab).get_by_role("alert")).to_contain_text("That is no grant")
    show(tab, "nonsense")
    expect(question(tab)).to_contain_text("The server does not take this grant.", timeout=PATIENCE_MS)
    tab.page.keyboard.press("Escape")
    expect(question(tab)).to_be_visible()
    show(tab, token)
    tab.live()
    expect(question(tab)).to_have_count(0)

    chosen(tab, PICTURE, NOTES)
    expect(tab.page.locator(".chips li.here")).to_have_count(2, timeout=PATIENCE_MS)
    tab.page.get_by_label("Agent", exact=True).select_option("assistant")
    tab.ask("hello")
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    image = tab.page.locator(".asked .files img")
    expect(image).to_have_js_property("naturalWidth", 48, timeout=PATIENCE_MS)
    assert str(image.get_attribute("src")).startswith("blob:")
    with tab.page.expect_download() as saved:
        tab.page.locator(".asked .files a.chip").click()
    assert Path(saved.value.path()).read_bytes() == NOTES["buffer"]

    tab.page.reload()
    tab.live()
    expect(tab.page.locator(".who").first).to_have_text("you")
    tab.page.get_by_role("button", name="Signed in as Ann Lee").click()
    expect(tab.page.get_by_role("list", name="What this grant allows").locator(".lacks")).to_have_count(1)
    judge(tab, "a grant at hand")
    assert traces(tab, token) == []
    tab.page.get_by_role("button", name="sign out").click()
    expect(question(tab)).to_be_visible(timeout=PATIENCE_MS)
    expect(tab.page.get_by_text("hello")).to_have_count(0)
    assert tab.page.evaluate("() => Object.keys(sessionStorage).filter((key) => key.includes('grant'))") == []


def test_a_grant_to_read_offers_nothing_that_it_does_not_allow(
    guarded: str, tabs: Tabs, mint: Mint, judge: Judge
) -> None:
    """CO42: from a link; no composer, no decision, an editor to be read; also on a phone. What others do is seen."""
    ann = tabs(guarded, f"desk#grant={mint('ann')}").live()
    token = mint("bob", "--right", "read")
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    readers = [tabs(guarded, f"desk#grant={token}", **how).live() for how in ({}, phone)]
    ann.page.get_by_label("Agent", exact=True).select_option("clerk")
    ann.ask(json.dumps({"name": "act", "args": json.dumps({"to": "team"})}))
    ann.editor.click()
    ann.page.keyboard.type("Words of Ann")
    for reader in readers:
        assert "#" not in reader.page.url
        assert traces(reader, token) == []
        expect(reader.waiting).to_be_visible(timeout=PATIENCE_MS)
        expect(reader.waiting).to_contain_text("Your grant does not let you decide.")
        for name in ("approve", "deny"):
            expect(reader.waiting.get_by_role("button", name=name)).to_be_disabled()
        expect(reader.waiting.get_by_role("textbox")).to_have_attribute("readonly", "")
        expect(reader.prompt).to_have_count(0)
        expect(reader.page.get_by_role("note")).to_contain_text("does not let you ask")
    reader = readers[0]
    expect(reader.editor).to_contain_text("Words of Ann", timeout=PATIENCE_MS)
    expect(reader.editor).to_have_attribute("contenteditable", "false")
    expect(reader.page.get_by_text("Your grant lets you read here, not write.")).to_be_visible()
    expect(reader.page.get_by_role("button", name="propose changes")).to_have_count(0)
    reader.page.keyboard.press(".")
    judge(reader, "a grant to read")
    judge(readers[1], "a grant to read on a phone")

    ann.waiting.get_by_role("button", name="approve").click()
    for tab in (ann, *readers):
        expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    expect(reader.page.get_by_role("button", name="regenerate")).to_be_disabled()


def ending(key: Path, left_s: int) -> str:
    """Ann's grant, of which so much is left, and that is its last fifth: the server asks for another one at once."""
    now, left = time.time_ns() // 1000, left_s * 1_000_000
    may_all = Grant("ann", read=True, write=True, prompt=True, rooms=ANY, documents=ANY)
    grant = structs.replace(may_all, issued=now - 4 * left, expires=now + left)
    return tokens.sign(grant, load_keys(key).signer())


STATUSES = """() => {
  window.statuses = []
  const status = document.querySelector('[role=status].status')
  const said = { childList: true, subtree: true, characterData: true }
  new MutationObserver(() => statuses.push(status.textContent)).observe(status, said)
}"""
"""Writes down each word that the page says about its connection from now on."""


def test_a_grant_that_ends_soon_is_asked_for_and_renewed(guarded: str, tabs: Tabs, mint: Mint, tmp_path: Path) -> None:
    """CO43: while there is time it is a line above the composer, and with a fresh one nothing is interrupted: the page
    has the same socket, and is live, after the first one's end."""
    fresh, token = mint("ann"), ending(tmp_path / "key", LEFT_S)
    over = time.monotonic() + LEFT_S + 1
    tab = tabs(guarded, f"desk#grant={token}").live()
    sockets: list[str] = []
    tab.page.on("websocket", lambda socket: sockets.append(socket.url))
    tab.page.evaluate(STATUSES)
    expect(tab.page.get_by_text("Your grant is over soon.")).to_be_visible(timeout=PATIENCE_MS)
    assert question(tab).count() == 0
    show(tab, fresh)
    expect(tab.page.get_by_text("Your grant is over soon.")).to_have_count(0)
    tab.editor.click()
    tab.page.keyboard.type("Before and after")
    tab.page.wait_for_timeout(max(0, 1000 * (over - time.monotonic())))
    tab.page.get_by_label("Agent", exact=True).select_option("assistant")
    tab.ask("still here")
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    assert sockets == []
    assert tab.page.evaluate("() => statuses") == []


def test_a_grant_that_is_revoked_leaves_the_page_to_its_owner(
    guarded: str, tabs: Tabs, mint: Mint, judge: Judge
) -> None:
    """CO43: what stands on the page stays, what is typed waits, and the next grant goes on with it."""
    made = json.loads(mint("ann", "--json"))
    ann, eve = tabs(guarded, f"desk#grant={made['token']}").live(), tabs(guarded, f"desk#grant={mint('eve')}").live()
    ann.editor.click()
    ann.page.keyboard.type("One")
    expect(eve.editor).to_contain_text("One", timeout=PATIENCE_MS)
    revoke(guarded, mint("root", "--right", "admin", "--right", "read"), made["id"])
    expect(question(ann)).to_contain_text("Your grant does not count any more.", timeout=PATIENCE_MS)
    judge(ann, "a grant that was revoked")
    ann.page.keyboard.press("Escape")
    expect(question(ann)).to_have_count(0)
    ann.editor.click()
    ann.page.keyboard.press("End")
    ann.page.keyboard.type(" and two")
    ann.page.get_by_role("button", name="show a grant").click()
    show(ann, mint("ann"))
    ann.live()
    expect(eve.editor).to_contain_text("One and two", timeout=PATIENCE_MS)
    assert eve.status.inner_text().endswith("live")


def revoke(url: str, token: str, grant: str) -> None:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    body = json.dumps({"grant": grant}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/api/revocations", body, headers)) as answer:
        assert answer.status < 300


def test_the_next_person_finds_nothing_of_the_last_one(guarded: str, tabs: Tabs, mint: Mint) -> None:
    """CO41: another person's grant in the same tab begins the page anew; a draft of the first is not there."""
    tab = tabs(guarded, f"desk#grant={mint('ann')}").live()
    tab.prompt.fill("what only Ann should see")
    tab.page.get_by_role("button", name="Signed in as ann").click()
    tab.page.get_by_role("button", name="show another grant").click()
    show(tab, mint("bob"))
    expect(tab.page.get_by_role("button", name="Signed in as bob")).to_be_visible(timeout=PATIENCE_MS)
    tab.live()
    expect(tab.prompt).to_have_value("")
    expect(chips(tab)).to_have_count(0)
