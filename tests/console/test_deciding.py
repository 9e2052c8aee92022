"""People decide in the console: a yes with other arguments, a no with a reason, a form, a verdict, a word meanwhile."""

import json
import os
import re
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from playwright.sync_api import expect

from ..end_to_end.paced import Pace
from .browser import Serving, Tab
from .crew import FELL

Serve = Callable[..., Serving]
Tabs = Callable[..., Tab]
PATIENCE_MS = 60_000
CREW = ["tests.console.crew:clerk"]


def told(url: str, name: str, args: Any, room: str = "desk") -> None:
    """Have the clerk make that call; `args` is JSON text, or what becomes it."""
    text = json.dumps({"name": name, "args": args if isinstance(args, str) else json.dumps(args)})
    body = json.dumps({"id": os.urandom(8).hex(), "do": "prompt", "text": text, "agent": "clerk"}).encode()
    request = urllib.request.Request(f"{url}/api/rooms/{room}/commands", body, {"content-type": "application/json"})
    urllib.request.urlopen(request).close()


def asking(tab: Tab) -> Any:
    expect(tab.waiting).to_be_visible(timeout=PATIENCE_MS)
    return tab.waiting


def result(tab: Tab) -> Any:
    """What the tool gave, as the model was told."""
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    return json.loads(tab.answer().removeprefix("Told: "))


def test_a_second_page_approves_with_other_arguments_while_the_first_watches(serve: Serve, tabs: Tabs) -> None:
    """CO17, CO18: what will happen stands there to the letter, and what was changed is what happens."""
    url = serve().url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    first.page.get_by_role("button", name="Write a mail, and let me approve it").click()
    form = asking(second)
    expect(form).to_have_attribute("aria-label", "send_mail waits for your yes")
    expect(form.get_by_label("body")).to_have_value(re.compile(r"^Dear all,\n\nversion 1\.2"))
    expect(first.runs("waiting").locator(".facts")).to_contain_text("waits for you")
    expect(first.page.get_by_role("navigation", name="Rooms")).to_contain_text("waits for you")
    expect(first.page).to_have_title(re.compile("^◆ .* · plait$"))
    form.get_by_label("to", exact=True).fill("boss@example.org")
    form.get_by_label("copies").fill("2.5e0")
    form.get_by_label("urgent").check()
    form.get_by_role("button", name="undo changes").click()
    expect(form.get_by_label("copies")).to_have_value("1")
    form.get_by_label("to", exact=True).fill("boss@example.org")
    form.get_by_label("copies").fill("2")
    form.get_by_label("copies").press("Enter")
    expect(first.page.locator(".tool .state")).to_have_text("approved by someone · done")
    expect(second.page.locator(".tool .state")).to_have_text("approved by you · done")
    expect(second.page.locator(".tool > summary")).to_be_focused()
    expect(first.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    first.page.locator(".tool > summary").click()
    expect(first.page.locator(".call")).to_contain_text('"to": "boss@example.org"')
    expect(first.page.locator(".call")).to_contain_text('"copies": 2')
    expect(first.page).to_have_title(re.compile("^[^◆]* · plait$"))


def test_a_no_takes_a_reason(serve: Serve, tabs: Tabs) -> None:
    """CO18: the model is told it, and the line that is left says who said no."""
    tab = tabs(serve().url, "desk").live()
    tab.ask("mail")
    asking(tab).get_by_role("button", name="deny").click()
    reason = tab.waiting.get_by_label(re.compile("Why not"))
    expect(reason).to_be_focused()
    tab.waiting.get_by_role("button", name="back").click()
    tab.waiting.get_by_role("button", name="deny").click()
    expect(tab.waiting).to_be_visible()
    reason.fill("Not before Monday.")
    reason.press("Enter")
    expect(tab.page.locator(".tool .state")).to_have_text("denied by you")
    expect(tab.page.locator(".tool .preview")).to_have_text("“Not before Monday.”")
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    assert "denied this call: Not before Monday." in tab.answer()


def test_it_waits_through_a_reload_a_crash_and_the_keyboard_is_enough(serve: Serve, tabs: Tabs) -> None:
    """CO14, CO17: nothing takes the focus; `a` goes there, Escape goes to the composer, Enter approves unchanged."""
    server = serve()
    tab = tabs(server.url, "desk").live()
    tab.ask("mail")
    asking(tab)
    expect(tab.prompt).to_be_focused()
    tab.page.reload()
    asking(tab)
    server.end(signal.SIGKILL)
    server.start()
    tab.live()
    press = tab.page.keyboard.press
    press("a")
    expect(tab.waiting).to_be_focused()
    press("Tab")
    expect(tab.waiting.get_by_label("to", exact=True)).to_be_focused()
    press("Escape")
    expect(tab.prompt).to_be_focused()
    press("Escape")
    press("a")
    press("Enter")
    expect(tab.page.locator(".tool .state")).to_have_text("approved by you · done")
    tab.page.reload()
    expect(tab.page.locator(".tool .state")).to_have_text("approved by you · done")
    tab.page.locator(".tool > summary").click()
    expect(tab.page.locator(".call")).to_contain_text("team@example.org")


def test_whoever_is_second_is_told_quietly_and_no_keystroke_goes_elsewhere(serve: Serve, tabs: Tabs) -> None:
    """CO18: the form stays, locked, while somebody types in it."""
    url = serve("demo", agents=CREW).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    told(url, "act", {"to": "team"})
    asking(second).get_by_role("button", name="deny").click()
    expect(second.waiting.get_by_label(re.compile("Why not"))).to_be_focused()
    second.page.keyboard.type("Wait")
    asking(first).get_by_role("button", name="approve").click()
    expect(first.page.locator(".tool .state")).to_have_text("approved by you · done")
    expect(second.waiting.get_by_role("status")).to_contain_text("Somebody else was first: approved by someone")
    second.page.keyboard.type(". No!")
    second.page.keyboard.press("Enter")
    expect(second.waiting.get_by_label(re.compile("Why not"))).to_have_value("Wait")
    expect(second.runs("done")).to_have_count(1)
    second.prompt.click()
    expect(second.waiting).to_have_count(0)
    expect(second.page.locator(".tool .state")).to_have_text("approved by someone · done")
    expect(second.page.get_by_role("alert")).to_have_count(0)


def test_two_who_press_at_once_are_one_decision(serve: Serve, tabs: Tabs) -> None:
    """CO18: a refusal `already-decided` is no alarm."""
    url = serve("demo", agents=CREW).url
    first, second = tabs(url, "desk").live(), tabs(url, "desk").live()
    told(url, "act", {"to": "team"})
    asking(first)
    asking(second)
    # The second page's socket is dead before it decides, so that its decision is surely the later one.
    second.context.set_offline(True)
    second.page.evaluate("() => dispatchEvent(new Event('offline'))")
    second.waiting.get_by_role("button", name="approve").click()
    first.waiting.get_by_role("button", name="approve").click()
    expect(first.page.locator(".tool .state")).to_contain_text("approved by you")
    second.context.set_offline(False)
    # The document tells of the decision before the answer does that it was somebody else's.
    expect(second.page.locator(".tool .state")).to_contain_text("somebody else was first", timeout=PATIENCE_MS)
    for tab in (first, second):
        expect(tab.page.locator(".tool .state")).to_contain_text("approved by", timeout=PATIENCE_MS)
        expect(tab.page.get_by_role("alert")).to_have_count(0)
        assert result(tab)["to"] == "team"
    states = [tab.page.locator(".tool .state").inner_text() for tab in (first, second)]
    assert sum("by you" in state for state in states) == 1
    assert sum("somebody else was first" in state for state in states) == 1


def test_a_question_is_a_form(serve: Serve, tabs: Tabs) -> None:
    """CO18: of the fields that its schema names; what is wrong is said beside the field, and nothing is sent."""
    url = serve("demo", agents=CREW).url
    tab = tabs(url, "desk").live()
    told(url, "ask_person", {"question": "Which <script>window.owned = 1</script> one?"})
    form = asking(tab)
    expect(form).to_contain_text("Which <script>window.owned = 1</script> one?")
    form.get_by_label("Size").fill("12")
    form.get_by_label("Tags").fill("[1,")
    form.get_by_role("button", name="answer").click()
    expect(form.get_by_role("alert")).to_have_text(
        ["This is needed.", "At most 9.", "Choose one.", "This is not JSON."]
    )
    tab.page.keyboard.press("Escape")
    expect(tab.prompt).to_be_focused()
    tab.prompt.press("Escape")
    tab.page.keyboard.press("a")
    expect(form.get_by_label("Name", exact=True)).to_be_focused()
    tab.page.keyboard.type("Ada")
    form.get_by_label("Size").fill("3")
    form.get_by_label("Share").fill("0.5")
    form.get_by_label("Loud").check()
    form.get_by_label("<b>blue</b>").check()
    form.get_by_label("Zone").select_option("zone 7")
    form.get_by_label("Tags").fill('["a", "b"]')
    form.get_by_label(re.compile("onerror")).fill("own")
    form.get_by_label("Notes").fill("one")
    form.get_by_label("Notes").press("Enter")
    tab.page.keyboard.type("two")
    form.get_by_label("Notes").press("Control+Enter")
    answer = result(tab)
    assert list(answer) == ["name", "size", "share", "loud", "colour", "zone", "notes", "tags", "__proto__"]
    assert list(answer.values()) == ["Ada", 3, 0.5, True, "<b>blue</b>", "zone 7", "one\ntwo", ["a", "b"], "own"]
    expect(tab.page.locator(".tool .state")).to_have_text("answered by you")
    assert tab.page.evaluate("() => window.owned") is None


@pytest.mark.parametrize(
    ("button", "said", "line"),
    [
        ("it happened", 'Told: "by hand"', "it happened, said you"),
        ("it did not happen", "Told: Error: anonymous found that", "it did not happen, said you"),
        ("try again", 'Told: "fell for team"', "tried again for you · done"),
    ],
)
def test_what_nobody_knows_is_for_a_person_to_say(
    serve: Serve, tabs: Tabs, tmp_path: Path, button: str, said: str, line: str
) -> None:
    """CO18: three verdicts on a call that a crash cut."""
    server = serve("demo", {FELL: str(tmp_path / "fell")}, CREW)
    tab = tabs(server.url, "desk").live()
    told(server.url, "fall", {"to": "team"})
    expect(tab.status).to_have_text(re.compile("offline"))
    server.end()
    server.start()
    form = asking(tab)
    expect(form).to_have_attribute("aria-label", "fall outcome unknown")
    expect(form.get_by_label("to", exact=True)).to_have_value("team")
    form.get_by_label(re.compile("Its result")).fill("by hand")
    form.get_by_role("button", name=button, exact=True).click()
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
    assert tab.answer().startswith(said)
    expect(tab.page.locator(".tool .state")).to_have_text(line)


EVIL = '<img src=x onerror="window.owned=1"> <script>window.owned=2</script> [x](javascript:window.owned=3)'


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_arguments_are_shown_to_the_letter(serve: Serve, tabs: Tabs, scheme: str) -> None:
    """CO6, CO12, CO13, CO17: no markup, no hidden sign, no rounded number; names and contrast as everywhere."""
    url = serve("demo", agents=CREW).url
    tab = tabs(url, "desk", color_scheme=scheme).live()
    told(url, "act", {"why": EVIL, "to": "team@example.org\u202egro.live", EVIL: EVIL, "__proto__": "x", "count": 1})
    form = asking(tab)
    expect(form.locator(".why")).to_have_text(EVIL)
    expect(form.get_by_label(EVIL, exact=True)).to_have_value(EVIL)
    expect(form.locator(".ask-hidden")).to_contain_text(r"team@example.org\u{202e}gro.live")
    expect(form.locator(".until")).to_contain_text("then it counts as a no")
    assert form.locator("img, script, a").count() == 0
    assert tab.page.evaluate("() => window.owned") is None
    form.get_by_label("count").fill("many")
    form.get_by_label("count").press("Enter")
    expect(form.get_by_role("alert")).to_have_text("A number, such as 3 or 2.5.")
    assert tab.contrasts()[1] == []
    assert tab.focusable()[1] == []
    assert tab.page.evaluate("() => ({}).x") is None


@pytest.mark.parametrize(
    ("args", "shown", "editable"),
    [
        ('{"more": {"a": [1, null]}}', '{\n  "more": {\n    "a": [\n      1,\n      null\n    ]\n  }\n}', True),
        ('{"count": 12345678901234567890}', '{"count": 12345678901234567890}', False),
        ('{"to": "a", "to": "b"}', '{"to": "a", "to": "b"}', False),
    ],
)
def test_arguments_that_are_no_flat_object_are_json(
    serve: Serve, tabs: Tabs, args: str, shown: str, editable: bool
) -> None:
    """CO17: what JavaScript would round or lose is approved as it stands or not at all."""
    url = serve("demo", agents=CREW).url
    tab = tabs(url, "desk").live()
    told(url, "act", args)
    text = asking(tab).get_by_label("JSON")
    expect(text).to_have_value(shown)
    expect(text).to_be_editable(editable=editable)
    if editable:
        text.fill("[1]")
        text.press("Control+Enter")
        expect(tab.waiting.get_by_role("alert")).to_have_text("Arguments are one JSON object.")
        text.fill('{"more": {"a": [2]}, "to": "b"}')
    text.press("Control+Enter")
    given = result(tab)
    assert given["to"] == ("b" if "b" in args or editable else "")
    assert given["more"] == ({"a": [2]} if editable else None)


WORDS = " ".join(f"word{number}" for number in range(1, 161))


def test_a_word_to_the_run_at_work(serve: Serve, tabs: Tabs, pace: Pace) -> None:
    """CO19: it stands where it was said, says whether it was read, and every page shows it; Enter alone queues."""
    url = serve("echo", pace.env, [pace.agent]).url
    says, watches = tabs(url, "desk").live(), tabs(url, "desk").live()
    pace.words(60)
    says.ask(WORDS, agent="paced")
    expect(says.page.locator(".part.text")).to_contain_text("word9")
    says.prompt.fill("Now this <b>one</b>")
    says.prompt.press("Control+Enter")
    said = watches.page.locator(".part.steer")
    expect(said).to_contain_text("Now this <b>one</b>")
    expect(said).to_contain_text("someone, while it worked · not read yet")
    expect(says.page.locator(".part.steer")).to_contain_text("you, while it worked · not read yet")
    expect(says.page.locator(".part.text.open")).to_contain_text("word9")
    says.prompt.fill("And after it that")
    says.page.get_by_role("button", name="queue").click()
    expect(watches.runs("queued")).to_have_count(1)
    pace.go_on()
    expect(watches.runs("done")).to_have_count(2, timeout=PATIENCE_MS)
    expect(said).to_contain_text("· read")
    assert watches.page.locator(".part.text").all_inner_texts() == [WORDS, "Now this <b>one</b>", "And after it that"]
    expect(says.prompt).to_have_value("")


def test_a_word_that_comes_too_late_is_given_back(serve: Serve, tabs: Tabs) -> None:
    """CO4, CO19: the run ended while the socket was away."""
    tab = tabs(serve("echo").url, "desk").live()
    tab.ask(WORDS)
    expect(tab.page.locator(".part.text")).to_contain_text("word3")
    tab.page.evaluate("""() => sessionStorage.setItem('plait.waiting.desk',
      JSON.stringify([{ id: 'late', text: 'too late', run: '000000000009' }]))""")
    tab.page.reload()
    expect(tab.page.get_by_role("alert").filter(has_text="no-such-run")).to_be_visible()
    expect(tab.prompt).to_have_value("too late")


def test_a_phone_decides(serve: Serve, tabs: Tabs) -> None:
    """CO15: nothing of a form or of the composer at work is wider than the screen."""
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    tab = tabs(serve().url, "desk", **phone).live()
    tab.ask("mail")
    asking(tab)
    assert tab.page.evaluate("() => document.documentElement.scrollWidth") == 390
    tab.waiting.get_by_role("button", name="approve").tap()
    expect(tab.runs("done")).to_have_count(1, timeout=PATIENCE_MS)
