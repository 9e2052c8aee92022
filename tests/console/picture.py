"""Takes the pictures of README and of specs/console.md: real runs of the demo model, with two people in the room.

    uv run --group dev python -m tests.console.picture

Everything in it happened on a real server: the rooms, the answers, the second person's edit. A test takes them too, at
the same size, and so shows that all of it still happens (test_picture); it compares no pixels, since fonts differ from
machine to machine. The committed ones are taken again by this command when the console looks different.
"""

import json
import re
import shutil
import tempfile
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from .browser import Serving, Tab
from .past_room import ROOM, write_past

SPECS = Path(__file__).resolve().parents[2] / "specs"
PATIENCE_MS = 30_000
ROOMS = {"triage": "Show me a table", "onboarding": "Make a plan", "field-notes": "Show me some code"}
NOTE = """# Release 1.2

The runtime now survives `kill -9` in the middle of an answer.

- every acked edit is on disk
- a half answer gives way to a **fresh attempt**
- tabs catch up in one frame

## Before we ship

"""


def person(name: str, color: str) -> str:
    """A script that makes the page's reader that person."""
    kept = json.dumps(json.dumps({"name": name, "color": color}))
    return f"localStorage.setItem('plait.person', {kept})"


def ask(url: str, room: str, **what: str) -> None:
    body = json.dumps({"id": f"picture-{what['do']}", **what}).encode()
    request = urllib.request.Request(f"{url}/api/rooms/{room}/commands", body, {"content-type": "application/json"})
    urllib.request.urlopen(request).close()


def opened(tab: Tab, name: str, color: str) -> Tab:
    tab.page.add_init_script(person(name, color))
    tab.page.reload()
    return tab.live()


def propose(noor: Tab, ada: Tab, into: Path) -> None:
    """The other picture: what an agent proposed and a person changed in it, one change decided, in the dark."""
    noor.ask("Please propose an ending")
    expect(ada.runs("done")).to_have_count(3, timeout=PATIENCE_MS)
    for tab in (ada, noor):
        tab.page.get_by_role("button", name=re.compile("proposes A title and an ending")).click()
    changes = ada.page.get_by_role("group", name=re.compile("^Change"))
    expect(changes).to_have_count(1, timeout=PATIENCE_MS)
    noor.page.get_by_text("a half answer gives way to a").click(click_count=2, position={"x": 50, "y": 8})
    noor.page.keyboard.insert_text("cut")
    expect(changes).to_have_count(2)
    noor.page.get_by_text("every acked edit is on disk").click(click_count=2, position={"x": 138, "y": 8})
    noor.page.keyboard.insert_text("letter")
    expect(changes).to_have_count(3)
    noor.page.locator(".hunk", has_text="cut").get_by_role("button", name=re.compile("^Accept")).click()
    expect(changes).to_have_count(2)
    changes.first.focus()
    ada.page.emulate_media(color_scheme="dark")
    expect(ada.page.get_by_role("list", name="What was decided")).to_be_visible()
    ada.page.screenshot(path=into / "console-draft.png")


def take(server: Serving, browser: Browser, into: Path) -> None:
    """Fill a fresh server's rooms and take both pictures."""
    for room, text in ROOMS.items():
        ask(server.url, room, do="set-room", title=room.replace("-", " ").capitalize())
        ask(server.url, room, do="prompt", text=text)
    ask(server.url, "release-1.2", do="set-room", title="Release 1.2")
    ada = opened(Tab(browser, server.url, "release-1.2", device_scale_factor=1.5), "Ada Brandt", "#7c3aed")
    noor = opened(Tab(browser, server.url, "release-1.2"), "Noor Haddad", "#0f766e")
    ada.editor.click()
    ada.page.keyboard.insert_text(NOTE)
    expect(noor.editor).to_contain_text("Before we ship")
    noor.ask("Show me a table of what is kept where")
    expect(ada.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    noor.editor.click()
    noor.page.keyboard.press("Control+End")
    ada.ask("Make a plan for my first hour")
    expect(ada.page.get_by_text("Break it.")).to_be_visible(timeout=PATIENCE_MS)
    noor.page.keyboard.insert_text("Try it with your own model first.")
    expect(ada.editor).to_contain_text("your own model first.")
    expect(ada.page.locator(".cm-ySelectionCaret")).to_be_attached()
    ada.page.screenshot(path=into / "console.png")
    expect(noor.runs("done")).to_have_count(2, timeout=PATIENCE_MS)
    propose(noor, ada, into)
    for tab in (ada, noor):
        tab.context.close()


def take_debugger(url: str, browser: Browser, into: Path) -> None:
    """The debugger, where a call waits for a yes, in the room of `past_room`."""
    address = f"{url}/api/rooms/{ROOM}/search?type=approval-requested"
    with urllib.request.urlopen(address) as answer:
        asked: int = json.load(answer)["hits"][0]["seq"]
    tab = Tab(browser, url, f"{ROOM}&view=debug&record={asked}", device_scale_factor=1.5)
    then = tab.page.get_by_role("region", name=f"The conversation after record {asked}", exact=True)
    expect(then).to_contain_text("send_mail waits for a person", timeout=PATIENCE_MS)
    expect(tab.page.get_by_label("Content of content")).to_be_visible()
    expect(tab.page.get_by_role("tab", name="effects")).to_be_visible()
    expect(tab.page.locator(".in-sight")).to_contain_text("in sight")
    tab.page.screenshot(path=into / "console-debugger.png")
    tab.context.close()


def main() -> None:
    chromium = shutil.which("chromium")
    assert chromium is not None, "this needs Chromium: apt-get install chromium"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in ("now", "past"):
            store = Path(folder) / name
            store.mkdir()
            if name == "past":
                write_past(f"sqlite:///{store / 'plait.db'}")
            server = Serving(store, "demo").start()
            if name == "past":
                take_debugger(server.url, browser, SPECS)
            else:
                take(server, browser, SPECS)
            server.end()
        browser.close()


if __name__ == "__main__":
    main()
