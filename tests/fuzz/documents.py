"""A small document with everything in it that Yjs has, which the fuzzer's edits lean on."""

from typing import Any

from plait.protocol.update import decode_state_vector
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

BASE_OWNERS = {1: "a", 2: "b"}
"""Whose client ids the document's two writers have."""


def state(doc: "Doc[Any]") -> dict[int, int]:
    """The state vector, decoded."""
    return decode_state_vector(bytes(doc.get_state()))


def _base() -> bytes:
    first, second = Doc[Any](client_id=1), Doc[Any](client_id=2)
    text = first.get("t", type=Text)
    text.insert(0, "a🙂b漢")
    text.format(0, 1, {"bold": True})
    del text[1:5]
    first.get("m", type=Map)["k"] = Map({"n": Array([1, "x", None])})
    first.get("x", type=XmlFragment).children.append(XmlElement("p", {"c": "d"}, [XmlText("t🙂")]))
    second.apply_update(first.get_update())
    second.get("t", type=Text).insert(1, "zz")
    second.get("m", type=Map)["k"] = 3
    second.get("a", type=Array).extend([1.5, True, "s"])
    return bytes(second.get_update())


BASE = _base()
