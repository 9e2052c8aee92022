"""The console in real pages against the real server: two tabs, reload, stop, crash, search."""

import os
import re
import signal
from collections.abc import Callable

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import WebSocketRoute, expect

from ..end_to_end.paced import Pace
from .browser import Serving, Tab

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000


def test_two_pages_show_the_same_answer_and_the_same_document(serve: Serve, tabs: Tabs) -> None:
    """CO8: what one page asks and writes, every page shows."""
    url = serve().url
    first, second = tabs(url, "lobby").live(), tabs(url, "lobby").live()
    expect(first.page.get_by_label("People in this room").get_by_role("listitem")).to_have_count(2)

    first.ask("Make a plan")
    expect(second.page.locator(".run")).to_have_count(1)
    expect(second.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    expect(first.runs("done")).to_have_count(1)
    assert "A plan for your first hour" in first.answer()
    assert first.answer() == second.answer()

    first.editor.click()
    first.page.keyboard.type("# Release\n\nIt survives.")
    expect(second.editor).to_contain_text("It survives.")
    expect(second.page.locator(".cm-ySelectionCaret")).to_have_count(1)
    second.page.locator(".cm-line").first.click()
    second.page.keyboard.press("End")
    second.page.keyboard.type(" 1.2")
    expect(first.editor).to_contain_text("Release 1.2")


WORDS = " ".join(f"word{number}" for number in range(1, 201))
"""Two hundred words, so that there is a middle, and an end to compare."""
MIDDLE = 60


def test_a_reload_in_the_middle_shows_the_present_state_and_goes_on(serve: Serve, tabs: Tabs, pace: Pace) -> None:
    """CO8: a page that comes in the middle of an answer has the whole of it."""
    url = serve("echo", pace.env, [pace.agent]).url
    stays, reloads = tabs(url, "lobby").live(), tabs(url, "lobby").live()
    pace.words(MIDDLE)
    reloads.ask(WORDS, agent="paced")
    expect(reloads.page.locator(".part.text")).to_contain_text("word20")
    reloads.page.reload()
    expect(reloads.page.locator(".part.text")).to_contain_text("word20")
    expect(reloads.runs("running")).to_have_count(1)
    expect(reloads.page.locator(".asked .who")).to_have_text("you")
    pace.go_on()
    expect(reloads.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    expect(stays.runs("done")).to_have_count(1)
    assert reloads.answer() == stays.answer() == WORDS


def test_the_page_that_leads_is_closed_in_the_middle(serve: Serve, tabs: Tabs, pace: Pace) -> None:
    """CO8, JS60, JS62: two pages of one browser share a socket; the one without it is told too, then holds it."""
    tab = tabs(serve("echo", pace.env, [pace.agent]).url, "lobby").live()
    other = tab.context.new_page()
    sockets: list[str] = []
    other.on("websocket", lambda socket: sockets.append(socket.url))
    other.goto(tab.page.url)
    expect(other.get_by_role("status")).to_have_text(re.compile("live"))
    assert sockets == []
    pace.words(MIDDLE)
    tab.ask(WORDS, agent="paced")
    expect(other.locator(".part.text")).to_contain_text("word20")
    tab.page.close()
    pace.go_on()
    expect(other.locator(".run.done")).to_have_count(1, timeout=PATIENCE_MS)
    assert other.locator(".part.text").all_inner_texts() == [WORDS]
    assert len(sockets) == 1
    other.get_by_label("Prompt", exact=True).fill("and more")
    other.get_by_label("Prompt", exact=True).press("Enter")
    expect(other.locator(".run.done")).to_have_count(2, timeout=PATIENCE_MS)


def test_another_page_stops_the_run_and_a_queued_one(serve: Serve, tabs: Tabs, pace: Pace) -> None:
    """CO8: whoever is in the room can stop what runs and what is queued."""
    url = serve("echo", pace.env, [pace.agent]).url
    asks, stops = tabs(url, "lobby").live(), tabs(url, "lobby").live()
    pace.words(MIDDLE)
    asks.ask(WORDS, agent="paced")
    expect(asks.runs("running")).to_have_count(1)
    asks.ask("And then this")
    expect(stops.runs("queued").locator(".facts")).to_contain_text("queued")
    expect(stops.page.locator(".part.text")).to_contain_text("word3")
    stops.page.get_by_role("button", name=re.compile("stop 2")).click()
    expect(asks.runs("stopped")).to_have_count(2)
    expect(asks.runs("stopped").first.locator(".facts")).to_contain_text("stopped")
    expect(asks.page.get_by_role("button", name=re.compile("^stop"))).to_have_count(0)


def test_a_crash_is_told_and_what_was_typed_meanwhile_arrives_once(serve: Serve, tabs: Tabs, pace: Pace) -> None:
    """CO3, CO4: kill -9 in the middle: offline in words, the prompt waits, and after the restart all goes on."""
    server = serve("echo", pace.env, [pace.agent])
    tab = tabs(server.url, "lobby").live()
    pace.words(MIDDLE)
    tab.ask(WORDS, agent="paced")
    expect(tab.page.locator(".part.text")).to_contain_text("word20")
    server.end(signal.SIGKILL)
    pace.go_on()
    expect(tab.status).to_have_text(re.compile("offline"))
    expect(tab.page.get_by_role("alert")).to_contain_text("What you type waits here")
    tab.ask("and more")
    expect(tab.page.locator(".run.unsent")).to_contain_text("not on disk yet")
    expect(tab.page.get_by_role("alert")).to_contain_text("1 prompt waits")
    server.start()
    expect(tab.status).to_have_text(re.compile("live"), timeout=PATIENCE_MS)
    expect(tab.page.get_by_role("alert")).to_have_count(0)
    expect(tab.runs("done")).to_have_count(2, timeout=PATIENCE_MS)
    assert tab.page.locator(".part.text").all_inner_texts() == [WORDS, "and more"]


def test_a_prompt_that_waits_outlives_a_reload_of_the_page(serve: Serve, tabs: Tabs) -> None:
    """CO4: the tab remembers what is not on disk yet, and the same id makes asking again safe."""
    server = serve("echo")
    full = True

    def answer(socket: WebSocketRoute) -> None:
        if full:
            socket.close(code=1013, reason="overloaded")
        else:
            socket.connect_to_server()

    tab = tabs(server.url, "lobby").live()
    tab.page.route_web_socket(re.compile("/hocuspocus"), answer)
    tab.page.reload()
    expect(tab.status).to_have_text(re.compile("busy"))
    tab.ask("remember me")
    expect(tab.page.locator(".run.unsent")).to_contain_text("remember me")
    full = False
    tab.page.reload()
    expect(tab.runs("done")).to_contain_text("remember me")
    expect(tab.page.locator(".run")).to_have_count(1)


def test_a_deploy_says_restarting(serve: Serve, tabs: Tabs) -> None:
    """CO3: SIGTERM closes with 1012, and the page says that the server is coming back."""
    server = serve("echo")
    tab = tabs(server.url, "lobby").live()
    server.tell(signal.SIGTERM)
    # It says so for some tries, which may be over before a busy server is.
    expect(tab.page.get_by_role("alert")).to_contain_text("The server is restarting.")
    server.gone()
    server.start()
    tab.live()


def test_a_name_outside_the_rule_is_refused_in_words(serve: Serve, tabs: Tabs) -> None:
    """CO3: a refusal says why and what to do, in the banner and beside the document."""
    tab = tabs(serve("echo").url, "-no-")
    expect(tab.status).to_have_text(re.compile("refused"))
    expect(tab.page.get_by_role("alert").first).to_contain_text("Refused (bad-name).")
    expect(tab.page.get_by_role("alert").first).to_contain_text("Choose another name")


def test_a_refused_prompt_is_given_back(serve: Serve, tabs: Tabs) -> None:
    """CO4: with its code and its sentence."""
    server = serve("echo")
    tab = tabs(server.url, "lobby").live()
    # The field itself does not send so much, so the prompt is one that a page of an older version left waiting.
    text = "x" * (70 << 10)
    waiting = f"JSON.stringify([{{id: 'large', text: '{text}'}}])"
    tab.page.evaluate(f"() => sessionStorage.setItem('plait.waiting.lobby', {waiting})")
    tab.page.reload()
    expect(tab.page.get_by_role("alert").filter(has_text="too-large")).to_be_visible()
    expect(tab.prompt).to_have_value(text)


def test_an_empty_room_teaches(serve: Serve, tabs: Tabs) -> None:
    """CO10: three prompts that work with the model at hand, and two lines that embed the room."""
    tab = tabs(serve().url, "fresh").live()
    expect(tab.page.get_by_label("Prompts to try").get_by_role("button")).to_have_count(3)
    expect(tab.page.get_by_label("An empty room")).to_contain_text("scripted demo")
    expect(tab.page.get_by_label("Code that embeds this room")).to_contain_text('"fresh", doc)')
    tab.page.get_by_role("button", name="Make a plan").click()
    expect(tab.page.get_by_text("A plan for your first hour")).to_be_visible(timeout=PATIENCE_MS)
    expect(tab.page.get_by_text("Nothing was asked here yet.")).to_have_count(0)


def test_rooms_are_found_and_opened_and_the_url_names_them(serve: Serve, tabs: Tabs) -> None:
    """CO9: every view is a link."""
    url = serve("echo").url
    tab = tabs(url, "orchard").live()
    tab.ask("hello")
    expect(tab.runs("done")).to_have_count(1)
    tab.page.goto(f"{url}/?room=harbour&document=notes")
    tab.live().ask("hello")
    expect(tab.page.get_by_role("button", name="notes")).to_have_attribute("aria-pressed", "true")
    rooms = tab.page.get_by_role("navigation", name="Rooms")
    rooms.get_by_role("searchbox").fill("orch")
    expect(rooms.locator("button.room")).to_have_count(1)
    rooms.locator("button.room").click()
    expect(tab.page).to_have_url(f"{url}/?room=orchard")
    expect(tab.runs("done")).to_have_count(1)
    tab.page.go_back()
    expect(tab.page).to_have_url(f"{url}/?room=harbour&document=notes")
    expect(tab.page.locator(".title button")).to_have_attribute("title", re.compile("^harbour:"))


def test_a_page_without_a_room_opens_the_first_one_and_later_the_newest(serve: Serve, tabs: Tabs) -> None:
    """CO9: two tabs of a newcomer meet."""
    url = serve("echo").url
    tab = tabs(url, "")
    expect(tab.page).to_have_url(f"{url}/?room=lobby")
    tab.page.goto(f"{url}/?room=zebra")
    tab.live().ask("hello")
    expect(tab.runs("done")).to_have_count(1)
    tab.page.goto(f"{url}/")
    expect(tab.page).to_have_url(f"{url}/?room=zebra")


def test_a_bar_of_the_timeline_is_a_record(serve: Serve, tabs: Tabs) -> None:
    """CO11: hovering tells it, a click shows it as JSON, the keyboard walks it, and its URL is a link to it."""
    url = serve("echo").url
    tab = tabs(url, "lobby").live()
    tab.ask("one two three")
    expect(tab.runs("done")).to_have_count(1)
    bars = tab.page.get_by_role("slider", name="Records")
    # The document tells of a run's end before the records do, and who points at no bar is told of none.
    expect(bars).to_have_attribute("aria-valuetext", re.compile("run finished"))
    bars.hover(position={"x": 1, "y": 30})
    expect(tab.page.locator(".telling .told")).to_contain_text("tools registered")
    bars.click(position={"x": 1, "y": 30})
    record = tab.page.get_by_role("dialog", name="Record 1")
    expect(record).to_contain_text('"type": "tools-registered"')
    expect(tab.page).to_have_url(f"{url}/?room=lobby&record=1")
    record.get_by_role("button", name="The record after").click()
    record = tab.page.get_by_role("dialog", name="Record 2")
    expect(record).to_contain_text("run requested “one two three”")
    expect(record).to_contain_text('"type": "run-requested"')
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    bars.focus()
    tab.page.keyboard.press("Home")
    expect(bars).to_have_attribute("aria-valuenow", "1")
    tab.page.goto(f"{url}/?room=lobby&record=2")
    expect(tab.page.get_by_role("dialog", name="Record 2")).to_contain_text('"seq": 2')
