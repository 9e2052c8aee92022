"""Reading and editing words against a plain string as the model, alone and with a person typing at the same time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol.errors import Refused
from plait.protocol.limits import FIND_MATCHES, FLUSH_CHARS, READ_CHARS, WRITTEN_CHARS
from plait.protocol.writing import text
from plait.protocol.writing.minimal import text_hunks
from plait.protocol.writing.passage import OBJECT, plain
from plait.protocol.writing.prefix import stable_prefix
from plait.protocol.writing.root import Root
from pycrdt import Array, Doc, Map, Text

WORDS = st.text(alphabet="ab \n🙂é漢", max_size=30)
SENTENCE = st.lists(st.sampled_from(["the", "cat", "sat", "🐈", ".", ",", "\n", "mat"]), max_size=12).map(" ".join)


def make(client: int, content: str = "") -> Root:
    root = Root(Doc(client_id=client))
    root.text.insert(0, content)
    return root


def updates(root: Root) -> list[bytes]:
    seen: list[bytes] = []
    root.doc.observe(lambda event: seen.append(event.update))
    return seen


@given(WORDS, WORDS, st.integers(0, 30), st.integers(0, 30))
def test_a_passage_is_a_string(content: str, new: str, one: int, other: int) -> None:
    """ED3, ED7: the same replacement in the document and in Python."""
    root = make(1, content)
    start, stop = sorted((one % (len(content) + 1), other % (len(content) + 1)))
    plain(root.text).replace(start, stop, new)
    assert str(root.text) == content[:start] + new + content[stop:]
    assert plain(root.text).text == str(root.text)


@given(SENTENCE | WORDS, SENTENCE | WORDS, st.lists(st.integers(0, 60), max_size=6))
def test_replacing_everything_keeps_what_is_typed_meanwhile(old: str, new: str, places: list[int]) -> None:
    """ED7: each keystroke of a person is there once, and without them the text is what the agent wanted."""
    ours = make(1, old)
    theirs = Root(Doc[Text](client_id=2))
    theirs.doc.apply_update(ours.doc.get_update())
    typed = [chr(0x3B1 + number) for number, _ in enumerate(places)]
    for place, char in zip(places, typed, strict=True):
        words = str(theirs.text)
        theirs.text.insert(len(words[: place % (len(words) + 1)].encode()), char)
    if old:
        text.replace(ours, new, start="start", end="end")
    else:
        text.insert(ours, "start", new)
    for one, other in ((ours, theirs), (theirs, ours)):
        one.doc.apply_update(other.doc.get_update(one.doc.get_state()))
    merged = str(ours.text)
    assert merged == str(theirs.text)
    assert sorted(char for char in merged if char in typed) == sorted(typed)
    assert "".join(char for char in merged if char not in typed) == new


def test_a_person_types_in_the_sentence_that_is_rewritten():
    """ED7: between and in the words that stay, whichever edit comes first."""
    ours = make(1, "The quick brown fox jumps over the dog.")
    theirs = Root(Doc[Text](client_id=2))
    theirs.doc.apply_update(ours.doc.get_update())
    theirs.text.insert(len("The quick brown fox"), "ES")
    theirs.text.insert(len("The "), "very ")
    done = text.replace(ours, "The slow brown fox jumps over the lazy dog.", old=str(ours.text))
    assert done["changed"] == len("quick") + len("slow") + len("lazy ")
    ours.doc.apply_update(theirs.doc.get_update())
    assert str(ours.text) == "The very slow brown foxES jumps over the lazy dog."


@pytest.mark.parametrize(
    ("old", "new", "hunks"),
    [
        ("same", "same", []),
        ("", "all", [(0, 0, "all")]),
        ("walking home", "walked home", [(4, 7, "ed")]),
        ("one two three", "one 2 three", [(4, 7, "2")]),
        ("a b c", "x b y", [(0, 1, "x"), (4, 5, "y")]),
        ("aa", "aaa", [(2, 2, "a")]),
        ("🙂x", "🙃x", [(0, 1, "🙃")]),
    ],
)
def test_only_words_that_differ(old: str, new: str, hunks: list[Any]):
    """ED7: and of one word only its middle."""
    assert [tuple(hunk) for hunk in text_hunks(old, new)] == hunks


def test_two_long_texts_are_compared_in_bounded_time():
    """ED7: beyond so many words the changed middle is replaced whole."""
    (hunk,) = text_hunks("start " + "a b " * 20_000 + "end", "start " + "c d " * 20_000 + "end")
    assert (hunk.start, hunk.stop) == (6, 80_005)


def test_writing_what_is_there_writes_nothing():
    """ED7, ED9: an edit that was made before leaves no update, so it can be repeated."""
    root = make(1, "the 🐈")
    text.set_marks(root, {"bold": True}, old="the")
    seen = updates(root)
    assert text.replace(root, "the 🐈", old="the 🐈")["changed"] == 0
    assert text.set_marks(root, {"bold": True, "em": None}, old="the") == {"changed": 0}
    assert not seen


def test_the_same_words_in_many_places():
    """ED6: a quotation that is not unique is refused, and says how often; between anchors it may be."""
    root = make(1, "one cat, two cat, cat")
    seen = updates(root)
    with pytest.raises(Refused, match=r"ambiguous.*3 times.*quote more"):
        text.replace(root, "dog", old="cat")
    with pytest.raises(Refused, match=r"not-found.*'dog' does not occur"):
        text.delete(root, old="dog")
    with pytest.raises(Refused, match="bad-request"):
        text.delete(root)
    found = text.find(root, "cat", nth=2)
    assert found["count"] == 3
    (second,) = found["matches"]
    assert second["before"].endswith("two ")
    assert text.find(root, "cat", nth=-1)["matches"][0]["after"] == ""
    for backwards in ({"start": second["end"], "end": second["start"]}, {"start": "end", "end": "start"}):
        with pytest.raises(Refused, match="before the start"):
            text.delete(root, **backwards)
    assert not seen
    text.replace(root, "dog", old="cat", start=second["start"], end=second["end"])
    assert str(root.text) == "one cat, two dog, cat"


@given(st.text(alphabet="ab", max_size=30), st.sampled_from(["a", "ab", "ba", "aa"]))
def test_finding_is_pythons(content: str, wanted: str) -> None:
    """ED5: as often as Python counts, and each where it says."""
    root = make(1, content)
    if not content.count(wanted):
        with pytest.raises(Refused, match="not-found"):
            text.find(root, wanted)
        return
    found = text.find(root, wanted, limit=3)
    assert found["count"] == content.count(wanted)
    assert len(found["matches"]) == min(3, found["count"], FIND_MATCHES)
    for match in found["matches"]:
        assert match["before"][-30:] + wanted + match["after"] in content
    text.replace(
        root, "|" * len(wanted), old=wanted, start=found["matches"][-1]["start"], end=found["matches"][-1]["end"]
    )
    assert str(root.text).count("|") == len(wanted)


@given(WORDS, st.integers(1, 4))
def test_lines_joined_are_the_text(content: str, limit: int) -> None:
    """ED4: page by page, each from where the last one ended."""
    root = make(1, content)
    lines: list[str] = []
    start = "start"
    while start:
        page = text.read(root, start, limit)
        assert len(page["lines"]) <= limit
        lines += [line["text"] for line in page["lines"]]
        start = page.get("more", "")
    assert "\n".join(lines) == content


def test_the_anchor_of_a_line_is_its_beginning():
    """ED4: also of an empty line, of the last one and of the only one."""
    root = make(1, "one\n\nthree\n")
    lines = text.read(root)["lines"]
    for number, line in enumerate(lines):
        text.insert(root, line["at"], f"{number} ")
    assert str(root.text) == "0 one\n1 \n2 three\n3 "
    empty = make(1)
    text.insert(empty, text.read(empty)["lines"][0]["at"], "first")
    assert str(empty.text) == "first"


def test_a_long_text_is_read_in_pieces():
    """ED4: neither many lines nor one long line fill a model's context."""
    root = make(1, "x" * (READ_CHARS + 5) + "\n" + "y" * READ_CHARS + "\nz")
    first = text.read(root)
    assert [len(line["text"]) for line in first["lines"]] == [READ_CHARS]
    second = text.read(root, first["more"])
    assert [line["text"] for line in second["lines"]] == ["x" * 5]
    third = text.read(root, second["more"])
    assert [line["text"][:2] for line in third["lines"]] == ["yy"]


def test_marks_and_who_inherits_them():
    """ED8, ED9: what replaces bold words is bold, what makes a word longer too, what follows it is not."""
    root = make(1, "a bold word")
    text.set_marks(root, {"bold": True}, old="bold")
    text.set_marks(root, {"em": True}, old="bold word")
    text.replace(root, "bolder", old="bold")
    text.replace(root, "bolder and", old="bolder")
    text.set_marks(root, {"em": None}, old="word")
    assert root.text.diff() == [
        ("a ", None),
        ("bolder", {"bold": True, "em": True}),
        (" and ", {"em": True}),
        ("word", None),
    ]


def test_embedded_values_keep_their_place():
    """ED3, ED10: a picture is one character; it cannot be written, and stays when words around it change."""
    root = make(1, "see 🙂 here")
    root.text.insert_embed(len("see 🙂 ".encode()), {"image": "x"})
    assert text.read(root)["lines"][0]["text"] == f"see 🙂 {OBJECT}here"
    text.replace(root, f"look: 🙂 {OBJECT}there", old=f"see 🙂 {OBJECT}here")
    assert [content for content, _ in root.text.diff()] == ["look: 🙂 ", {"image": "x"}, "there"]
    match = text.find(root, OBJECT)["matches"][0]
    text.insert(root, match["end"], "!")
    seen = updates(root)
    with pytest.raises(Refused, match="bad-request"):
        text.insert(root, "start", OBJECT)
    assert not seen
    text.delete(root, old=OBJECT)
    assert str(root.text) == "look: 🙂 !there"


def test_what_is_refused_changes_nothing():
    """ED10: too much, half a character, a root that holds values, a place that is none."""
    root = make(1, "words")
    root.doc.get("state", type=Map)["k"] = 1
    root.doc.get("list", type=Array).append(1)
    seen = updates(root)
    for wrong in ("x" * (WRITTEN_CHARS + 1), "\ud83d"):
        for edit in (
            lambda new=wrong: text.insert(root, "end", new),
            lambda new=wrong: text.replace(root, new, old="words"),
        ):
            with pytest.raises(Refused):
                edit()
    for name in ("state", "list"):
        with pytest.raises(Refused, match=r"bad-request.*values"):
            text.read(Root(root.doc, name))
    with pytest.raises(Refused, match="bad-request"):
        text.find(root, "")
    assert not seen


@given(st.lists(st.text(alphabet="ab \n", max_size=9) | st.just("x" * (FLUSH_CHARS + 1)), max_size=8))
def test_flushing_at_words(pieces: list[str]) -> None:
    """ED18: nothing is lost or doubled, nothing but a whole word or a very long one is shown."""
    shown, waiting = "", ""
    for piece in pieces:
        waiting += piece
        ready = stable_prefix(waiting)
        assert ready in (0, len(waiting)) or waiting[ready - 1].isspace()
        assert len(waiting) - ready < FLUSH_CHARS
        assert not any(char.isspace() for char in waiting[ready:])
        shown, waiting = shown + waiting[:ready], waiting[ready:]
    assert shown + waiting == "".join(pieces)
