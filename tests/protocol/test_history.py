"""A document's past, record by record: who wrote what, what two moments differ in, what is refused."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plait.protocol.blocks import NotWhole
from plait.protocol.history import History
from plait.protocol.hunks import Hunk
from plait.protocol.limits import SHOWN_DEPTH
from plait.protocol.spans import Span
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from .test_update import History as Edits


class Writing:
    """Documents of several people, each of whose changes is a record that the others then hear of."""

    def __init__(self, *clients: int) -> None:
        self.log: list[bytes] = []
        self.docs = [Doc[Any](client_id=client) for client in clients or (1,)]
        for doc in self.docs:
            doc.observe(lambda event: self.heard.append(bytes(event.update)))
        self.heard: list[bytes] = []

    def record(self, told: bool = True) -> None:
        """What was written since is the next record."""
        for update in self.heard:
            self.log.append(update)
        if told:
            for update in self.heard[:]:
                for doc in self.docs:
                    doc.apply_update(update)
        self.heard = []

    @property
    def history(self) -> History:
        history = History()
        for seq, update in enumerate(self.log, 1):
            history.take(seq, update)
        return history


def text_writing(*clients: int) -> tuple[Writing, list[Text]]:
    writing = Writing(*clients)
    return writing, [doc.get("content", type=Text) for doc in writing.docs]


def short(spans: Any) -> list[tuple[str, int, int]]:
    return [(span.text, span.seq, span.deleted) for span in spans]


def ids(spans: tuple[Span, ...]) -> set[tuple[int, int]]:
    return {(client, clock) for span in spans for client, start, stop in span.ids for clock in range(start, stop)}


def sides(hunks: list[Hunk]) -> list[tuple[str, str]]:
    return [(hunk.deleted_text, hunk.inserted_text) for hunk in hunks]


def test_a_text_by_two() -> None:
    """BL3: each character names the record that brought it and the first that deleted it; the rest keeps its own."""
    writing, (ada, bob) = text_writing(1, 2)
    ada.insert(0, "fast food")
    writing.record()
    bob.insert(5, "and good ")
    writing.record()
    del ada[0:7]
    del bob[0:9]
    writing.record()
    assert short(writing.history.blame("content")) == [("good ", 2, 0), ("food", 1, 0)]
    told = short(writing.history.blame("content", deleted=True))
    assert told == [("fast ", 1, 3), ("an", 2, 3), ("d ", 2, 4), ("good ", 2, 0), ("food", 1, 0)]


def test_what_is_sent_again() -> None:
    """BL3: an update that comes twice, or with what is new, changes nothing of what was known."""
    writing, (ada,) = text_writing(1)
    ada.insert(0, "one ")
    ada.insert(4, "two ")
    del ada[0:2]
    writing.record(told=False)
    ada.insert(6, "three")
    whole = bytes(writing.docs[0].get_update())
    history = writing.history
    history.take(7, writing.log[0])
    history.take(8, whole)
    assert short(history.blame("content", deleted=True)) == [
        *(("on", 1, 3), ("e ", 1, 0), ("two ", 2, 0), ("three", 8, 0)),
    ]


def test_a_text_that_comes_with_a_known_beginning() -> None:
    """BL3: of a struct that begins with known characters, only the others are new."""
    writing, (ada,) = text_writing(1)
    ada.insert(0, "one ")
    writing.record(told=False)
    ada.insert(4, "two🙂")
    history = writing.history
    history.take(2, bytes(writing.docs[0].get_update()))
    assert short(history.blame("content")) == [("one ", 1, 0), ("two🙂", 2, 0)]


def test_places_in_both_units() -> None:
    """BL5: code points and UTF-16 units, an embed is one of each, a mark is none."""
    writing, (ada,) = text_writing(1)
    ada.insert(0, "a🙂")
    writing.record(told=False)
    ada.insert_embed(5, {"img": "é"})
    ada.insert(6, "漢z")
    ada.format(0, 5, {"bold": True})
    writing.record(told=False)
    history = writing.history
    assert [(s.text or s.values[0], s.start, s.end, s.units) for s in history.blame("content")] == [
        ("a🙂", 0, 2, (0, 3)),
        ({"img": "é"}, 2, 3, (3, 4)),
        ("漢z", 3, 5, (4, 6)),
    ]
    assert history.text("content") == "a🙂\ufffc漢z"
    begins, ends = history.effects(4)
    assert [span.mark for span in (*begins.inserted, *ends.inserted)] == [("bold", True), ("bold", None)]
    assert (begins.now, ends.now, begins.inserted_text) == (0, 3, "")


def test_deleted_text_stays_in_its_place() -> None:
    """BL4: deleted characters take no room and keep their content, in whatever way the text goes on."""
    writing, (ada, bob) = text_writing(1, 2)
    ada.insert(0, "a🙂z")
    writing.record()
    del ada[1:5]
    writing.record()
    bob.insert(1, "bc")
    writing.record()
    spans = list(writing.history.blame("content", deleted=True))
    assert sorted(short(spans)) == [("a", 1, 0), ("bc", 3, 0), ("z", 1, 0), ("🙂", 1, 2)]
    assert all(span.units[0] == span.units[1] for span in spans if span.deleted)
    assert writing.history.text("content", at=1) == "a🙂z"


def test_what_came_deleted() -> None:
    """BL4: what somebody wrote and deleted before anybody else heard of it is in no answer."""
    writing, (ada,) = text_writing(1)
    ada.insert(0, "kept gone ")
    del ada[5:10]
    history = History()
    history.take(4, bytes(writing.docs[0].get_update()))
    assert short(history.blame("content", deleted=True)) == [("kept ", 4, 0)]
    assert sides(history.effects(4)) == [("", "kept ")]
    assert sides(history.between(0)) == [("", "kept ")]


def test_xml() -> None:
    """BL6: an element comes before its attributes and children, each with its path, deleted ones where they stood."""
    writing = Writing(1)
    body = writing.docs[0].get("default", type=XmlFragment)
    body.children.append(XmlElement("heading", {"level": "1"}, [XmlText("Title")]))
    body.children.append(XmlElement("paragraph", {}, [XmlText("some 🙂 text")]))
    writing.record(told=False)
    first = len(writing.log)
    body.children[0].attributes["level"] = "2"
    writing.record(told=False)
    del body.children[1]
    writing.record(told=False)
    spans = list(writing.history.blame("default", deleted=True))
    level, gone = first + 1, first + 2
    told = [(s.path, s.key, s.text or s.values[0], s.deleted) for s in spans]
    assert told == [
        (("default",), None, {"type": "xml-element", "name": "heading"}, 0),
        (("default", 0), "level", "1", level),
        (("default", 0), "level", "2", 0),
        (("default", 0), None, {"type": "xml-text"}, 0),
        (("default", 0, 0), None, "Title", 0),
        (("default",), None, {"type": "xml-element", "name": "paragraph"}, gone),
        (("default", 1), None, {"type": "xml-text"}, gone),
        (("default", 1, 0), None, "some 🙂 text", gone),
    ]
    [hunk] = writing.history.effects(gone)
    [span] = hunk.deleted
    paragraph = {"name": "paragraph", "attributes": {}, "children": [{"text": [{"insert": "some 🙂 text"}]}]}
    assert span.values == (paragraph,)


def test_entries_and_elements() -> None:
    """BL3, BL6: each write under a key names its record and the one that replaced it; elements are told one by one."""
    writing = Writing(1, 2)
    for doc in writing.docs:
        doc.get("state", type=Map)
    ada, bob = (doc.get("state", type=Map) for doc in writing.docs)
    ada["colour"] = "red"
    writing.record()
    ada["colour"] = "green"
    bob["colour"] = "blue"
    writing.record()
    history = writing.history
    spans = list(history.blame("state", deleted=True))
    assert [(s.key, s.values, s.seq, s.deleted) for s in spans] == [
        ("colour", ("red",), 1, 2),
        ("colour", ("green",), 2, 3),
        ("colour", ("blue",), 3, 0),
    ]
    assert [(s.values, s.seq) for s in history.blame("state", at=2)] == [(("green",), 2)]
    [hunk] = history.between(1, 3)
    assert (hunk.key, hunk.deleted[0].values, hunk.inserted[0].values) == ("colour", ("red",), ("blue",))
    items = writing.docs[0].get("list", type=Array)
    items.extend([1, "two"])
    writing.record()
    items.insert(1, Map({"k": "v"}))
    writing.record()
    spans = list(writing.history.blame("list"))
    assert [(s.path, s.key, s.values, s.start, s.end) for s in spans] == [
        (("list",), None, (1,), 0, 1),
        (("list",), None, ({"type": "map"},), 1, 2),
        (("list", 1), "k", ("v",), 0, 1),
        (("list",), None, ("two",), 2, 3),
    ]


def test_one_span_of_one_record() -> None:
    """BL6: neighbours of the same record are one span, also when something that is not told stood between them."""
    writing, (ada,) = text_writing(1)
    ada.insert(0, "abcdef")
    del ada[2:4]
    ada.format(1, 3, {"bold": True})
    writing.record(told=False)
    history = writing.history
    assert short(history.blame("content")) == [("abef", 1, 0)]
    assert short(history.blame("content", at=1)) == [("abcdef", 1, 0)]
    assert next(history.blame("content")).ids == ((1, 0, 2), (1, 4, 6))


def test_types_deeper_than_anybody_nests() -> None:
    """BL6: a nest of a thousand types is told as far as SHOWN_DEPTH, by blame, by hunks and as a value."""
    writing = Writing(1)
    inside: Map = writing.docs[0].get("m", type=Map)
    for _ in range(1000):
        inside["k"] = Map()
        inside = inside["k"]
    writing.record(told=False)
    history = writing.history
    assert max(len(span.path) for span in history.blame("m")) == SHOWN_DEPTH + 1
    assert len(history.between(0)) == 1
    value, depth = history.value("m", "map"), 0
    while "k" in value:
        value, depth = value["k"], depth + 1
    assert value == {"type": "map"}
    assert depth == SHOWN_DEPTH + 1


def test_hunks() -> None:
    """BL7: what changed between two neighbours is one hunk, with their ids and the places before and after."""
    writing, (ada, bob) = text_writing(1, 2)
    ada.insert(0, "one two three")
    writing.record()
    del bob[4:7]
    bob.insert(4, "🙂")
    bob.insert(len(bob), ".")
    writing.record()
    first, last = writing.history.between(1)
    assert (first.deleted_text, first.inserted_text, first.was, first.now) == ("two", "🙂", 4, 4)
    assert (first.left, first.right) == ((1, 3), (1, 7))
    assert (last.deleted_text, last.inserted_text, last.was, last.now) == ("", ".", 13, 12)
    assert (last.left, last.right) == ((1, 12), None)
    assert sides(writing.history.between(1, 2)) == [("two", "")]
    assert writing.history.between(4) == []


def test_what_some_records_did() -> None:
    """BL8: an agent's records alone, while a person writes and deletes in what it wrote."""
    writing, (person, agent) = text_writing(1, 2)
    person.insert(0, "Dear all. Bye.")
    writing.record()
    agent.insert(10, "The weather is fine. ")  # 2
    writing.record()
    del person[10:22]  # 3: "The weather "
    writing.record()
    person.insert(10, "It ")  # 4
    writing.record()
    del agent[0:5]  # 5: "Dear "
    writing.record()
    hunks = writing.history.of({2, 5})
    assert sides(hunks) == [("Dear ", ""), ("", "The weather "), ("", "is fine. ")]
    assert [(hunk.now, span.deleted) for hunk in hunks for span in hunk.inserted] == [(5, 3), (8, 0)]
    assert sides(writing.history.effects(3)) == [("The weather ", "")]


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_every_record_has_effects(seed: int) -> None:
    """BL8: the records' effects, one by one, are all that a text ever showed, and all that it lost."""
    document = Doc[Any]()
    log: list[bytes] = []
    document.observe(lambda event: log.append(bytes(event.update)))
    for update in Edits(seed).log:
        document.apply_update(update)
    history = History()
    for seq, update in enumerate(log, 1):
        history.take(seq, update)
    came: list[tuple[int, int]] = []
    went: list[tuple[int, int]] = []
    for seq in range(1, len(log) + 1):
        for hunk in history.effects(seq):
            assert {span.seq for span in hunk.inserted} <= {seq}
            assert {span.deleted for span in hunk.deleted} <= {seq}
            if hunk.path == ("t",):
                came += ids(tuple(span for span in hunk.inserted if not span.mark))
                went += ids(tuple(span for span in hunk.deleted if not span.mark))
    told = [span for span in history.blame("t", deleted=True) if span.path == ("t",)]
    assert sorted(came) == sorted(ids(tuple(told)))
    assert sorted(went) == sorted(ids(tuple(span for span in told if span.deleted)))


def test_two_write_in_one_place_at_once() -> None:
    """BL2: the order of what was written at once is that of the documents, in whatever order the log has it."""
    draw = random.Random(7)
    for _ in range(20):
        writing, texts = text_writing(*draw.sample(range(1, 99), 3))
        texts[0].insert(0, "()")
        writing.record()
        for text in texts:
            for _ in range(3):
                text.insert(draw.randint(1, len(text) - 1), draw.choice("abc") * draw.randint(1, 3))
        writing.record()
        assert writing.history.text("content") == str(texts[0]) == str(texts[2])


def test_what_is_written_into_something_deleted() -> None:
    """BL3: text that came too late for its paragraph names the record that brought it, and was never shown."""
    writing = Writing(1, 2)
    ada, bob = (doc.get("x", type=XmlFragment) for doc in writing.docs)
    ada.children.append(XmlElement("p", {}, [XmlText("old")]))
    writing.record()
    late: XmlText = bob.children[0].children[0]
    gone = len(writing.log) + 1
    del ada.children[0]
    late.insert(0, "late ")
    writing.record(told=False)
    history = writing.history
    assert list(history.blame("x")) == []
    spans = history.blame("x", deleted=True)
    assert [(s.text, s.deleted) for s in spans if s.text] == [("old", gone)]
    assert history.effects(gone + 1) == []


def test_missing_records() -> None:
    """BL9: a hole in the records is noticed, and so are records out of order."""
    writing, (ada,) = text_writing(1)
    ada.insert(0, "one ")
    ada.insert(4, "two ")
    del ada[0:8]
    writing.record(told=False)
    history = History()
    history.take(5, writing.log[0])
    with pytest.raises(ValueError, match="not newer"):
        history.take(5, writing.log[1])
    with pytest.raises(NotWhole):
        history.take(6, writing.log[2])
    with pytest.raises(NotWhole):
        History().take(1, writing.log[1])
    writing, (ada, bob) = text_writing(1, 2)
    ada.insert(0, "one ")
    writing.record()
    bob.insert(2, "two ")
    writing.record()
    with pytest.raises(NotWhole):
        History().take(1, writing.log[1])
    both = bytes(writing.docs[0].get_update(b"\x01\x01\x02"))  # Without the first two clocks of client 1.
    with pytest.raises(NotWhole):
        History().take(1, both)
