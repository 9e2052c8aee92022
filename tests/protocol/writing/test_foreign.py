"""Rich text in a shape that is not ProseMirror's: left alone by whoever does not know it."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from plait.protocol.errors import Refused
from plait.protocol.porting import export
from plait.protocol.writing import blocks, text, values
from plait.protocol.writing.root import Root, chosen
from pycrdt import Doc

LEXICAL = base64.b64decode(
    "AQWgoMGgDAAHAQRyb290BigAoKDBoAwABl9fdHlwZQF3CXBhcmFncmFwaAcAoKDBoAwAASgAoKDBoAwCBl9fdHlwZQF3BHRleHSEoKDBoAwCDGjDqSDwn5mCIGxsbwA="
)
"""What Yjs 13.6.33 makes of a paragraph in Lexical's shape: an XmlText, in which an XmlText holds a map and words."""


def lexical() -> "Doc[Any]":
    doc: Doc[Any] = Doc()
    doc.apply_update(LEXICAL)
    return doc


@pytest.mark.parametrize("name", ["notes", "notes#root"])
@pytest.mark.parametrize(
    "call",
    [
        text.read,
        lambda root: text.find(root, "llo"),
        lambda root: text.insert(root, "end", "x"),
        lambda root: text.replace(root, "x", old="llo"),
        lambda root: blocks.insert_blocks(root, "# x"),
        lambda root: values.set_value(root, ["x"], 1),
    ],
)
def test_it_is_neither_read_nor_edited(name: str, call: Callable[[Root], Any]) -> None:
    """ED22, ED10: whether the root is named or found; nothing is written where nobody would see it, either."""
    doc = lexical()
    before = doc.get_state()
    with pytest.raises(Refused, match=r"own editor|holds words"):
        call(chosen(doc, name, values="#" in name))
    assert doc.get_state() == before
    names: Any = doc
    assert sorted(names) == ["root"]


def test_it_is_exported_as_json() -> None:
    """ED22, IO3: with its words; as words themselves it is refused."""
    assert b'"h\xc3\xa9 \xf0\x9f\x99\x82 llo"' in export(LEXICAL, "json")
    for shape in ("text", "markdown"):
        with pytest.raises(Refused, match="own editor"):
            export(LEXICAL, shape)
