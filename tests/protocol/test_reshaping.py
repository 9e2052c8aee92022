"""Making one room document into another: random trees, and how little is written."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from plait.protocol.reshaping import plain, reshape, said
from pycrdt import Array, Doc, Map, Text

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2, width=16) | st.text("aé🍏", max_size=3)
TEXTS = st.lists(st.text("ab🍏", min_size=1, max_size=3).map(lambda text: ("text", text)), max_size=3)
TREES = st.recursive(
    LEAVES | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)
ROOTS = st.dictionaries(
    st.sampled_from(("runs", "room", "old")), st.dictionaries(st.sampled_from("xyz"), TREES, max_size=3), max_size=3
)


def made(roots: dict[str, dict[str, Any]]) -> "Doc[Any]":
    doc: Doc[Any] = Doc(client_id=7)
    for root, values in roots.items():
        shown = doc.get(root, type=Map)
        for key, value in values.items():
            shown[key] = _value(value)
    return doc


def _value(value: Any) -> Any:
    match value:
        case ("text", text):
            return Text(text)
        case dict():
            return Map({key: _value(each) for key, each in value.items()})
        case list():
            return Array([_value(each) for each in value])
        case _:
            return value


@settings(max_examples=150, deadline=None)
@given(ROOTS, ROOTS)
def test_any_document_becomes_any_other(before: Any, after: Any) -> None:
    """SH4: by one update, on every replica; and asked again there is nothing to write."""
    doc, wanted, replica = made(before), made(after), Doc[Any]()
    replica.apply_update(doc.get_update())
    was = doc.get_state()
    with doc.transaction():
        reshape(doc, wanted)
    assert plain(doc) == plain(wanted)
    assert said(doc) == said(wanted)
    replica.apply_update(doc.get_update(was))
    assert plain(replica) == plain(doc)
    now = doc.get_state()
    with doc.transaction():
        reshape(doc, wanted)
    assert doc.get_state() == now


def test_what_is_the_same_is_not_written() -> None:
    """SH4: a long document in which one key is called otherwise costs that key; how a text is cut is no difference."""
    parts = [{"type": "text", "text": [("text", "many words " * 100)]} for _ in range(20)]
    doc = made({"runs": {"1": {"prompt": "Hello", "parts": parts}}, "room": {"done": True, "cost": 1}})
    cut = [{"type": "text", "text": [("text", "many words " * 40), ("text", "many words " * 60)]} for _ in range(20)]
    wanted = made({"runs": {"1": {"asked": "Hello", "parts": cut}}, "room": {"done": True, "cost": 1}})
    was = doc.get_state()
    with doc.transaction():
        reshape(doc, wanted)
    assert len(doc.get_update(was)) < 100
    assert plain(doc)["runs"]["1"]["asked"] == "Hello"


def test_what_looks_alike() -> None:
    """SH4: true is not 1, null is not absent, and a number is one however it was written."""
    doc, wanted = made({"room": {"a": True, "b": 1, "c": 2}}), made({"room": {"a": 1, "b": 1.0, "c": None}})
    assert plain(doc) != plain(wanted)
    with doc.transaction():
        reshape(doc, wanted)
    assert (plain(doc)["room"], type(plain(doc)["room"]["a"])) == ({"a": 1, "b": 1, "c": None}, int)
