"""Updates decoded whole: places and contents, of bytes written by hand and by Yjs, and bytes that nobody wrote."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plait.protocol.errors import Refused
from plait.protocol.items import ANY, DELETED, EMBED, FORMAT, GC, SKIP, STRING, TYPE, Item, TypeRef, decode
from plait.protocol.update import read
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment

from .test_update import History as Edits


def items_of(doc: Doc) -> list[Item]:
    return [item for section in decode(bytes(doc.get_update()))[0] for item in section]


def test_a_text_and_its_place() -> None:
    """BL1: a struct says what it is put between, and only the first one where it is at all."""
    data = bytes.fromhex("02010c00c40b000b010159010b02c40c000b01015800")
    assert decode(data) == (
        [
            [Item(12, 0, 1, STRING, "Y", (11, 0), (11, 1))],
            [Item(11, 2, 1, STRING, "X", (12, 0), (11, 1))],
        ],
        (),
    )


def test_roots_and_keys() -> None:
    """BL1: parents are roots by name or types by id, and entries have keys."""
    doc = Doc(client_id=5)
    doc.get("m", type=Map)["é"] = Map({"n": "x"})
    first, second = items_of(doc)
    assert first == Item(5, 0, 1, TYPE, TypeRef(1), parent="m", key="é")
    assert second == Item(5, 1, 1, ANY, ["x"], parent=(5, 0), key="n")


def test_every_value() -> None:
    """BL1: lib0's values are the same in Python."""
    values = ["é🙂", True, False, None, 2.5, -(2**40), 2**52, b"\x00\xff", [1, ["a"]], {"k": {"z": None}}, -63, 64]
    doc = Doc(client_id=5)
    doc.get("a", type=Array).extend(values)
    assert [value for item in items_of(doc) for value in item.value] == values


def test_numbers_of_every_width() -> None:
    """BL1: big integers, floats of 32 bits and numbers beyond 32 bits, which JavaScript writes in ways of their own."""
    head = "0101050008010161"  # One struct of client 5 from clock 0: values (8), into the root (1) "a".
    for tail, value in (
        ("017a7fffffffffffffff", 2**63 - 1),
        ("017c3fc00000", 1.5),
        ("017bffefffffffffffff", -1.7976931348623157e308),
        ("017dbf01", 127),
        ("017dff01", -127),
        ("017f", None),
    ):
        [[item]], _ = decode(bytes.fromhex(head + tail + "00"))
        assert item.value == [value]
        assert item.value[0] is None or math.isfinite(item.value[0])


def test_marks_embeds_and_types() -> None:
    """BL1: a mark is an attribute and its value, an embed its JSON, an element has a name."""
    doc = Doc(client_id=5)
    text = doc.get("t", type=Text)
    text.insert(0, "a🙂")
    text.format(0, 1, {"bold": {"by": "é"}})
    text.insert_embed(0, {"img": 1})
    doc.get("x", type=XmlFragment).children.append(XmlElement("p"))
    kinds = {item.kind: item for item in items_of(doc)}
    assert kinds[EMBED].value == {"img": 1}
    assert kinds[TYPE].value == TypeRef(3, "p")
    marks = [item.value for item in items_of(doc) if item.kind == FORMAT]
    assert marks == [("bold", {"by": "é"}), ("bold", None)]


def test_what_was_collected_and_what_is_left_out() -> None:
    """BL1: collected structs, deleted contents and gaps are read as what they are."""
    data = bytes.fromhex("01030500" + "0002" + "0a03" + "01010174" + "01" + "01050100" + "02")
    assert decode(data) == (
        [[Item(5, 0, 2, GC, None), Item(5, 2, 3, SKIP, None), Item(5, 5, 1, DELETED, None, parent="t")]],
        ((5, 0, 2),),
    )


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_both_readers_agree(seed: int) -> None:
    """BL1: clocks, lengths and deletions are those that the fast reader finds."""
    for update in Edits(seed).sent():
        measured = read(update, own=True)
        sections, deleted = decode(update)
        assert deleted == measured.deleted
        for items, section in zip(sections, measured.sections, strict=True):
            clock = section.start
            for item in items:
                assert (item.client, item.clock) == (section.client, clock)
                clock += item.length
            assert clock == section.end


@given(st.integers(0, 2**32), st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_is_accepted_is_decoded(seed: int, data: st.DataObject) -> None:
    """BL1: whatever bytes the fast reader accepts are decoded."""
    update = bytearray(Edits(seed, 10).sent()[0])
    for _ in range(data.draw(st.integers(0, 3))):
        update[data.draw(st.integers(0, len(update) - 1))] = data.draw(st.integers(0, 255))
    try:
        accepted = read(bytes(update), own=True)
    except Refused:
        return
    assert decode(bytes(update))[1] == accepted.deleted


def test_truncated_bytes() -> None:
    """BL1: an update that ends too early is no update."""
    doc = Doc(client_id=5)
    doc.get("a", type=Array).extend([2.5, b"xyz", "s"])
    update = bytes(doc.get_update())
    for end in range(len(update) - 1):
        with pytest.raises((IndexError, ValueError)):
            decode(update[:end])
