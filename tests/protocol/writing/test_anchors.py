"""Anchors, plain and rich, while other people type: before the agent's edit arrives and after it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol.errors import Refused
from plait.protocol.update import decode_state_vector
from plait.protocol.writing import anchors, blocks, text
from plait.protocol.writing.anchors import Anchor
from plait.protocol.writing.root import Root
from pycrdt import Doc, StickyIndex, Text, XmlElement, XmlText

CHARS = st.text(alphabet="ab \n🙂é漢\u0301", max_size=8)
MARK = "🐈"


def plain_root(client: int, content: str = "") -> Root:
    root = Root(Doc(client_id=client))
    root.text.insert(0, content)
    return root


def replica(root: Root, client: int) -> Root:
    other: Doc[Text] = Doc(client_id=client)
    other.apply_update(root.doc.get_update())
    return Root(other, root.name, root.document)


def meet(one: Root, other: Root) -> None:
    """Each hears what the other did."""
    ours, theirs = one.doc.get_update(other.doc.get_state()), other.doc.get_update(one.doc.get_state())
    one.doc.apply_update(theirs)
    other.doc.apply_update(ours)


def type_beside(root: Root, edits: list[tuple[int, str, int]]) -> None:
    """Insert and delete at random places of the text, but never the mark."""
    for place, new, length in edits:
        words = str(root.text)
        at = place % (len(words) + 1)
        root.text.insert(len(words[:at].encode()), new)
        words = str(root.text)
        gone = words[at : at + length]
        if MARK not in gone:
            first = len(words[:at].encode())
            del root.text[first : first + len(gone.encode())]


EDITS = st.lists(st.tuples(st.integers(0, 40), CHARS, st.integers(0, 4)), max_size=6)


@given(CHARS, CHARS, EDITS, EDITS)
def test_an_anchor_stays_with_its_character(before: str, after: str, mine: list, theirs: list) -> None:
    """ED1, ED3: whatever is typed by others, in any alphabet, before and after they meet."""
    ours = plain_root(1, before + MARK + after)
    other = replica(ours, 2)
    (match,) = text.find(ours, MARK)["matches"]
    type_beside(other, theirs)
    type_beside(ours, mine)
    for _ in range(2):
        words = str(ours.text)
        start, end = anchors.find(ours, match["start"]), anchors.find(ours, match["end"])
        at = len(words[: words.index(MARK)].encode())
        assert (start.at, start.length) == (end.at, end.length) == (at, 4)
        text.insert(ours, match["start"], "(")
        text.insert(ours, match["end"], ")")
        assert f"({MARK})" in str(ours.text)
        meet(ours, other)
        assert str(ours.text) == str(other.text)


@given(st.text(alphabet="ab \n", min_size=1, max_size=12), EDITS)
def test_what_the_live_document_tells_is_what_a_copy_tells(words: str, edits: list) -> None:
    """ED1: in a plain text that is all ASCII, in one that was, and of characters that are gone."""
    root = plain_root(1, words)
    other = replica(root, 2)
    type_beside(other, [(place, new.encode("ascii", "ignore").decode(), length) for place, new, length in edits])
    meet(root, other)
    if len(root.text) > 1:
        root.text.format(1, len(root.text), {"bold": True})
    for client, end in decode_state_vector(root.doc.get_state()).items():
        for clock in range(end + 1):
            name = anchors.encode(root, Anchor("before", client, clock))
            told: list[object] = []
            for simple in (True, False):
                try:
                    told.append(anchors.find(root, name, simple=simple))
                except Refused as refused:
                    told.append(refused.code)
            assert told[0] == told[1]
    places = [anchors.Place("before", (), at, 1) for at in range(len(root.text))]
    copy = anchors.Copy(root)
    try:
        assert anchors.name_simple(root, places) == copy.name_characters(places)
    finally:
        copy.close()


def test_an_anchor_sticks_to_one_side():
    """ED1: what is inserted at a place comes to stand on the side that the anchor does not stick to."""
    root = plain_root(1, "ab")
    a_end, b_start = text.find(root, "a")["matches"][0]["end"], text.find(root, "b")["matches"][0]["start"]
    root.text.insert(1, "XX")
    text.insert(root, a_end, "1")
    text.insert(root, b_start, "2")
    assert str(root.text) == "a1XX2b"


@given(st.text(max_size=30))
def test_what_is_no_anchor_is_refused(garbage: str) -> None:
    """ED2: no string raises anything else."""
    if garbage in (text.START, text.END):
        return
    root = plain_root(1, "words")
    with pytest.raises(Refused, match="bad-anchor"):
        text.insert(root, garbage, "x")


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_changed_anchor_is_refused(place: int, char: str) -> None:
    """ED2: a model that misspells an anchor is told so."""
    root = plain_root(1, "words")
    name = text.find(root, "or")["matches"][0]["start"]
    place %= len(name)
    changed = name[:place] + char + name[place + 1 :]
    if changed != name:
        with pytest.raises(Refused, match="bad-anchor"):
            text.insert(root, changed, "x")
    assert str(root.text) == "words"


def test_an_anchor_belongs_to_its_root_and_document():
    """ED2: the same ids are in every document of an epoch, so the digest tells them apart."""
    root = plain_root(1, "words")
    name = text.find(root, "or")["matches"][0]["start"]
    for other in (Root(root.doc, "content", "other"), Root(root.doc, "summary", "main")):
        with pytest.raises(Refused, match=r"bad-anchor.*again"):
            text.insert(other, name, "x")
    never = anchors.encode(root, Anchor("before", 77, 3))
    with pytest.raises(Refused, match=r"bad-anchor.*never"):
        text.insert(root, never, "x")


def test_a_deleted_place_is_not_found():
    """ED2: also after it was collected, and for a block whose list is gone."""
    root = plain_root(1, "some words")
    name = text.find(root, "words")["matches"][0]["start"]
    del root.text[5:10]
    with pytest.raises(Refused, match=r"not-found.*again"):
        text.insert(root, name, "x")
    assert str(replica(root, 2).text) == "some "
    with pytest.raises(Refused, match="not-found"):
        text.insert(replica(root, 2), name, "x")

    rich = Root(Doc(client_id=1), "default")
    blocks.insert_blocks(rich, "head\n\n- one\n- two")
    item = text.read(rich)["lines"][2]["at"]
    word = text.find(rich, "two")["matches"][0]["start"]
    del rich.fragment.children[1]
    for at in (item, word):
        with pytest.raises(Refused, match="not-found"):
            text.insert(rich, at, "x")


def test_anchors_of_rich_text_survive_blocks_before_them():
    """ED1: a word and a block deep in a list, while a person removes and adds blocks above and types in the item."""
    ours = Root(Doc(client_id=1), "default")
    blocks.insert_blocks(ours, "head 🙂\n\n- one 漢\n- two 🐈 end")
    other = replica(ours, 2)
    item = text.read(ours)["lines"][2]["at"]
    (cat,) = text.find(ours, MARK)["matches"]
    theirs: Any = other.fragment
    theirs.children.insert(0, XmlElement("paragraph", {}, [XmlText("new 🙂")]))
    del theirs.children[1]
    words = theirs.children[1].children[1].children[0].children[0]
    assert isinstance(words, XmlText)
    words.insert(0, "é typed ")
    del theirs.children[1].children[0]
    meet(ours, other)
    text.insert(ours, cat["end"], "!")
    text.insert(ours, item, "> ")
    assert [row["text"] for row in text.read(ours)["lines"]] == ["new 🙂", "> é typed two 🐈! end"]


def test_what_was_inserted_has_anchors_at_its_ends():
    """ED1, ED3: whether its ids are known from the clock or found out on a copy, as beside marks and in a new block."""
    root = plain_root(1, "ab")
    text.set_marks(root, {"bold": True}, old="a")
    for at in ("start", text.find(root, "b")["matches"][0]["start"], "end"):
        made = text.insert(root, at, f"{MARK}-{MARK}")
        text.insert(root, made["start"], "(")
        text.insert(root, made["end"], ")")
    assert str(root.text) == f"({MARK}-{MARK})a({MARK}-{MARK})b({MARK}-{MARK})"
    rich = Root(Doc(client_id=1), "default")
    (empty,) = blocks.insert_blocks(rich, "")["blocks"]
    text.insert(rich, text.insert(rich, empty, "words")["end"], "!")
    assert text.read(rich)["lines"][0]["text"] == "words!"


def test_a_place_is_also_a_cursor():
    """ED1: as the relative position that Yjs clients put into presence; of a pair `after` names its second half."""
    root = plain_root(7, "a🐈b")
    match = text.find(root, MARK)["matches"][0]
    before, after = (anchors.decode(root, match[side]).relative_position for side in ("start", "end"))
    assert before == {"item": {"client": 7, "clock": 1}, "assoc": 0}
    assert after == {"item": {"client": 7, "clock": 2}, "assoc": -1}


def test_why_these_are_not_pycrdts():
    """ED1: pycrdt takes bytes for clocks, so its relative positions are wrong behind the first character that is not
    ASCII. When this fails, `anchors` may become simpler."""
    root = plain_root(7, "é|")
    wrong = StickyIndex.new(root.text, 2, 0).to_json()  # pyright: ignore[reportArgumentType]
    assert wrong["item"]["clock"] == 2
    assert anchors.decode(root, text.find(root, "|")["matches"][0]["start"]).clock == 1
