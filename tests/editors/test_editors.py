"""Two tabs of each editor in one paragraph, against the real server, as people use them."""

import os

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from .editor import KINDS, Desk, Editor, Kind, expect, type_together

BASE = "The fox jumps."
every_editor = pytest.mark.parametrize("kind", KINDS)


def _two(desk: Desk, kind: Kind) -> tuple[Editor, Editor]:
    """Two tabs that both show the base text."""
    one, two = desk.open(kind, "Ada"), desk.open(kind, "Bo")
    one.put_caret(0)
    one.type(BASE)
    two.wait_text(BASE)
    return one, two


@every_editor
def test_two_tabs_type_in_one_paragraph(desk: Desk, kind: Kind) -> None:
    """ET1, ET2, ET3: what both type at once is there whole, each sees the other's cursor, and undo takes back one's
    own."""
    one, two = _two(desk, kind)
    one.put_caret(4)
    two.put_caret(8)
    expect(one.carets).to_have_count(1)
    expect(two.carets).to_have_count(1)
    (other,) = one.ask("tab.others()")
    assert (other["user"]["name"], other["user"]["role"]) == ("Bo", "person")

    first, second = "quick and brown ", "never stops and "
    type_together([one, two], [first, second])
    text = desk.agree(one, two)
    assert text == f"The {first}fox {second}jumps."

    one.reload()
    two.reload()
    assert one.text == two.text == text
    one.put_caret(0)
    two.put_caret(0)
    type_together([one, two], ["12345", "67890"])
    mixed = desk.agree(one, two).removesuffix(text)
    # Whose keys come first, and whether a cursor is pushed along by the other's key, is for the editor to say.
    assert [key for key in mixed if key in "12345"] == list("12345")
    assert [key for key in mixed if key in "67890"] == list("67890")
    assert len(mixed) == 10
    one.undo_all(5)
    one.wait_text(f"67890{text}")
    two.wait_text(f"67890{text}")
    two.undo_all(5)
    assert desk.agree(two, one) == text


@every_editor
def test_an_agent_is_seen_and_stays_when_people_undo(desk: Desk, kind: Kind) -> None:
    """ET7, ET8: an agent that writes between two people is seen while it works and gone afterwards, and their undo
    leaves what it wrote."""
    one, two = _two(desk, kind)
    one.reload()  # So that undo stops before the paragraph itself, with all that is in it.
    one.put_caret(3)
    two.put_caret(7)
    first, second = " quick and brown", " never stops and"
    for begin in range(0, 16, 4):
        if begin == 4:
            desk.ask_agent(kind, "replace_text", old="jumps", new="leaps")
        else:
            desk.ask_agent(kind, "insert_text", at="end", new=" Ha.")
        type_together([one, two], [first[begin : begin + 4], second[begin : begin + 4]])
    text = f"The{first} fox{second} leaps. Ha. Ha. Ha."
    one.wait_text(text)
    assert desk.agree(one, two) == text
    for editor in (one, two):
        editor.wait("tab.others().length === 1")
        states = editor.ask("tab.agents()")
        assert {state["user"]["name"] for state in states} == {"scribe"}
        assert any(state.get("cursor") for state in states)

    one.undo_all(16)
    two.undo_all(16)
    left = "The fox leaps. Ha. Ha. Ha."
    one.wait_text(left)
    two.wait_text(left)
    assert desk.agree(one, two) == left


@every_editor
def test_a_crash_while_both_type(desk: Desk, kind: Kind) -> None:
    """ET4: after kill -9 and a restart on the same port, what was acknowledged is on the disk, both come back by
    themselves, and every key is there once."""
    one, two = _two(desk, kind)
    one.put_caret(4)
    two.put_caret(8)
    type_together([one, two], ["before the ", "before the "])
    for editor in (one, two):
        editor.wait("tab.acked() > 0")
    desk.server.end()
    type_together([one, two], ["fall", "fall"])
    for editor in (one, two):
        editor.go_offline()
    desk.server.start()
    held = desk.clocks()
    for editor in (one, two):
        assert held[editor.ask("tab.client()")] >= editor.ask("tab.acked()") > 0
    for editor in (one, two):
        editor.come_back()
    type_together([one, two], [" came ", " came "])
    typed = "before the fall came "
    assert desk.agree(one, two) == f"The {typed}fox {typed}jumps."


@every_editor
def test_what_was_typed_offline_merges(desk: Desk, kind: Kind) -> None:
    """ET5: two tabs that were offline, each after a lot of work, show the work of both when they are back."""
    one, two = _two(desk, kind)
    for editor in (one, two):
        editor.go_offline()
    one.put_caret(4)
    one.type("quick " * 8)
    two.put_caret(8)
    two.type("never tires and " * 4)
    two.page.keyboard.press("End")
    two.page.keyboard.press("Backspace")
    two.type("!")
    for editor in (one, two):
        editor.come_back()
    assert desk.agree(two, one) == f"The {'quick ' * 8}fox {'never tires and ' * 4}jumps!"
