"""A page lends an agent its own tools: asked once, by one page, over a reload and a lost answer."""

import json
import os
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import WebSocketRoute, expect

from .browser import Serving, Tab

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
CREW = ["tests.console.crew:clerk"]


def records(url: str, room: str = "desk") -> list[dict[str, Any]]:
    """The room's log."""
    with urllib.request.urlopen(f"{url}/api/rooms/{room}/records") as lines:
        return [json.loads(line) for line in lines.read().splitlines()]


def happened(url: str, kind: str) -> int:
    return sum(record["event"]["type"] == kind for record in records(url))


def call(tab: Tab, name: str, **args: Any) -> None:
    """Have the clerk make that call of a page's tool; asked in this page, so the call is this page's."""
    tab.page.get_by_label("Agent", exact=True).select_option("clerk")
    tab.ask(json.dumps({"name": name, "args": json.dumps(args)}))


def state(tab: Tab) -> Any:
    return tab.page.locator(".tool .state")


def accent(tab: Tab) -> Any:
    return tab.page.evaluate("() => document.documentElement.dataset.accent ?? 'teal'")


def question(tab: Tab) -> Any:
    return tab.page.get_by_role("dialog", name="An agent asks this page")


def test_a_call_is_carried_out_by_the_page_that_asked_and_every_page_says_whose(serve: Serve, tabs: Tabs) -> None:
    """CO20: the page that asked has the question, the other one tells whose page is at it."""
    url = serve(agents=CREW).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    call(first, "pick_colour", question="Which one, <b>dear</b>?")
    expect(question(first)).to_contain_text("Which one, <b>dear</b>?", timeout=PATIENCE_MS)
    expect(state(first)).to_have_text("this page is at it")
    expect(state(second)).to_have_text(re.compile("’s page is at it"))
    expect(question(second)).to_have_count(0)
    expect(first.prompt).to_be_focused()
    expect(first.page).to_have_title(re.compile("^◆ .* · plait$"))
    first.prompt.press("Escape")
    first.page.keyboard.press("a")
    expect(question(first).get_by_role("button", name="teal")).to_be_focused()
    question(first).get_by_role("button", name="rose").click()
    expect(second.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    assert json.loads(first.answer().removeprefix("Told: ")) == {"colour": "rose"}
    assert (accent(first), accent(second)) == ("rose", "teal")
    assert happened(url, "tool-claimed") == 1
    first.page.reload()
    assert accent(first) == "rose"


def test_looking_at_a_room_writes_nothing(serve: Serve, tabs: Tabs) -> None:
    """CO20: tools are lent by whoever asks, not by whoever looks."""
    url = serve("echo").url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    first.ask("hello")
    expect(second.runs("done")).to_have_count(1)
    second.page.reload()
    second.live()
    tools = [record["event"] for record in records(url) if record["event"]["type"] == "tools-registered"]
    assert [[tool["name"] for tool in event["tools"]] for event in tools] == [
        ["page_title", "pick_colour", "set_accent"]
    ]


def test_a_question_outlives_a_reload_of_its_page(serve: Serve, tabs: Tabs) -> None:
    """CO21: the page comes back under its name and is asked again, under a higher number."""
    url = serve(agents=CREW).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    call(first, "pick_colour")
    expect(question(first)).to_be_visible(timeout=PATIENCE_MS)
    first.page.reload()
    expect(question(first)).to_be_visible(timeout=PATIENCE_MS)
    expect(question(second)).to_have_count(0)
    question(first).get_by_role("button", name="moss").click()
    expect(second.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    assert happened(url, "tool-returned") == 1
    first.page.locator(".tool > summary").click()
    expect(first.page.locator(".call")).to_contain_text("this page, assigned 2 times")


def test_a_stop_takes_the_question_away(serve: Serve, tabs: Tabs) -> None:
    """CO21: from another page; and what is picked too late goes nowhere."""
    url = serve(agents=CREW).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    call(first, "pick_colour")
    expect(question(first)).to_be_visible(timeout=PATIENCE_MS)
    second.page.get_by_role("button", name=re.compile("^stop")).click()
    expect(question(first)).to_have_count(0)
    expect(state(first)).to_have_text("cancelled")
    assert happened(url, "tool-returned") == 0


def test_a_result_whose_answer_was_lost_is_returned_once(serve: Serve, tabs: Tabs) -> None:
    """CO21: what a page did before its reload is returned by the page after it, and not done again."""
    url = serve(agents=CREW).url
    tab = tabs(url, "desk").live()
    holding: list[str] = []

    def through(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def sent(frame: str | bytes) -> None:
            if isinstance(frame, str) and '"return-tool-result"' in frame and not holding:
                holding.append(frame)
            else:
                server.send(frame)

        socket.on_message(sent)

    tab.page.route_web_socket(re.compile("/hocuspocus"), through)
    tab.page.reload()
    tab.live()
    call(tab, "set_accent", colour="violet")
    expect(tab.page.get_by_role("status").filter(has_text="violet")).to_be_visible(timeout=PATIENCE_MS)
    tab.page.wait_for_function("() => Object.keys(sessionStorage).some((key) => key.startsWith('plait.given.'))")
    tab.page.evaluate("() => localStorage.setItem('plait.accent', 'slate')")
    tab.page.reload()
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    assert json.loads(tab.answer().removeprefix("Told: "))["colour"] == "violet"
    assert accent(tab) == "slate"
    assert happened(url, "tool-claimed") == happened(url, "tool-returned") == 1


def test_what_a_page_did_and_lost_is_for_a_person_to_say(serve: Serve, tabs: Tabs) -> None:
    """CO21: a write whose page is gone is not done again by itself."""
    url = serve(agents=CREW).url
    tab = tabs(url, "desk").live()

    def through(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda frame: None if b"return-tool" in _bytes(frame) else server.send(frame))

    tab.page.route_web_socket(re.compile("/hocuspocus"), through)
    tab.page.reload()
    tab.live()
    call(tab, "set_accent", colour="violet")
    expect(tab.page.get_by_role("status").filter(has_text="violet")).to_be_visible(timeout=PATIENCE_MS)
    # As if the browser had died before it could write anything down.
    tab.page.evaluate(
        "() => sessionStorage.removeItem(Object.keys(sessionStorage).find((k) => k.startsWith('plait.given.')))"
    )
    tab.page.reload()
    expect(tab.waiting).to_contain_text("Did it happen?", timeout=PATIENCE_MS)
    tab.waiting.get_by_role("button", name="it happened").click()
    expect(state(tab)).to_have_text("it happened, said you")


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def test_without_a_page_the_run_waits_and_the_next_one_that_looks_is_asked(serve: Serve, tabs: Tabs) -> None:
    """CO20, CO21: a run that waits for a page says so, and whoever opens the room then lends its tools."""
    url = serve(agents=CREW).url
    tab = tabs(url, "desk").live()
    call(tab, "pick_colour")
    expect(question(tab)).to_be_visible(timeout=PATIENCE_MS)
    tab.page.goto("about:blank")
    watching = tabs(url, "desk").live()
    # Who comes when its lease has run out is asked at once.
    expect(state(watching)).to_have_text(re.compile("^(a page that is away|this page) is at it$"))
    # The lease of a page that is gone runs out, and this page, which only looked, has the tool as well.
    expect(question(watching)).to_be_visible(timeout=PATIENCE_MS)
    question(watching).get_by_role("button", name="none of them").click()
    expect(watching.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    assert "closed the question" in watching.answer()


def test_a_page_that_lends_nothing_is_not_asked(serve: Serve, tabs: Tabs) -> None:
    """CO20: its reader decides, and the choice is remembered."""
    url = serve("echo").url
    tab = tabs(url, "desk").live()
    tab.page.keyboard.press("Control+k")
    tab.page.keyboard.type("lend this page")
    tab.page.keyboard.press("Enter")
    tab.page.reload()
    tab.live().ask("hello")
    expect(tab.runs("done")).to_have_count(1)
    assert happened(url, "tools-registered") == 0


def test_a_copy_of_a_tab_is_another_tab(serve: Serve, tabs: Tabs) -> None:
    """CO21: a browser copies sessionStorage with the tab, and two tabs under one name would both carry a call out."""
    url = serve("echo").url
    tab = tabs(url, "desk").live()
    name = tab.page.evaluate("() => sessionStorage.getItem('plait.tab')")
    copy = tab.context.new_page()
    copied = f"sessionStorage.setItem('plait.tab', {json.dumps(name)})"
    copy.add_init_script(f"if (!sessionStorage.getItem('plait.tab')) {copied}")
    copy.goto(f"{url}/?room=desk")
    expect(copy.get_by_role("status")).to_have_text(re.compile("live"))
    copy.wait_for_function("name => sessionStorage.getItem('plait.tab') !== name", arg=name)
    tab.page.reload()
    tab.live()
    assert tab.page.evaluate("() => sessionStorage.getItem('plait.tab')") == name
