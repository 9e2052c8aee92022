"""Monaco, Quill and Lexical: two people and an agent in one line, as in the editors of which more is asked."""

import json
import os
import urllib.request

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from .editor import CARETS, MORE, Desk, Editor, Kind, expect, type_together
from .test_agents import Scribe

BASE = "The fox jumps."


def _two(desk: Desk, kind: Kind) -> tuple[Editor, Editor]:
    """Two tabs that both show the base text; the second comes when the first has begun."""
    one = desk.open(kind, "Ada")
    one.put_caret(0)
    one.type(BASE)
    one.wait_text(BASE)
    two = desk.open(kind, "Bo")
    two.wait_text(BASE)
    return one, two


@pytest.mark.parametrize("kind", MORE)
def test_two_tabs_type_in_one_line(desk: Desk, kind: Kind) -> None:
    """ET14: what both type at once is there whole, each sees the other, what was typed offline merges, and a reload
    shows the same."""
    one, two = _two(desk, kind)
    one.put_caret(4)
    two.put_caret(8)
    if kind in CARETS:
        expect(one.carets).to_have_count(1)
        expect(two.carets).to_have_count(1)
    one.wait("tab.others().length === 1 && [tab.others()[0].user?.name, tab.others()[0].name].includes('Bo')")
    type_together([one, two], ["quick and brown ", "never stops and "])
    assert desk.agree(one, two) == "The quick and brown fox never stops and jumps."
    for editor in (one, two):
        editor.go_offline()
    one.put_caret(4)
    one.type("very ")
    two.put_caret(0)
    two.type("So 🙂: ")
    for editor in (one, two):
        editor.come_back()
    text = desk.agree(one, two)
    assert text == "So 🙂: The very quick and brown fox never stops and jumps."
    one.reload()
    one.wait_text(text)
    assert desk.agree(two, one) == text


@pytest.mark.parametrize("kind", MORE[:2])
def test_an_agent_types_between_two_people(desk: Desk, kind: Kind) -> None:
    """ET14, ED7: plain text is plain text: no key and no word is lost."""
    one, two = _two(desk, kind)
    one.put_caret(4)
    two.put_caret(8)
    scribe = Scribe(desk)
    begin = ("find_in_document", {"wanted": "."})
    words = [f"w{number} " for number in range(8)]
    first = ("insert_text", {"new": words[0], "at": "$0.matches.0.start"})
    more = [("insert_text", {"new": word, "at": f"${number + 1}.end"}) for number, word in enumerate(words[1:])]
    run = scribe.ask(begin, first, *more)
    type_together([one, two], ["quick and brown ", "runs and walks: "])
    scribe.result(run)
    text = f"The quick and brown fox runs and walks: jumps{''.join(words)}."
    one.wait_text(text)
    assert desk.agree(one, two) == text


def test_an_agent_leaves_alone_what_it_cannot_read(desk: Desk) -> None:
    """ET14, ED22: Lexical's root is no fragment of elements but a text of texts. Calls there are refused with a
    sentence, change nothing, and the editor goes on."""
    one, two = _two(desk, "lexical")
    scribe = Scribe(desk)
    calls = [("read_document", {}), ("insert_text", {"new": "?", "at": "end"}), ("insert_blocks", {"markdown": "# ?"})]
    for call in calls:
        told = scribe.refusal(scribe.ask(call))
        assert "Only its own editor can read and edit the root 'root'" in told
    one.put_caret(0)
    one.type("Well: ")
    assert desk.agree(one, two) == f"Well: {BASE}"
    with urllib.request.urlopen(f"{desk.server.url}/api/rooms/{desk.room}/documents/notes?format=json") as answer:
        shown = json.load(answer)
    assert "Well: The fox jumps." in json.dumps(shown["root"])
