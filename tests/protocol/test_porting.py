"""Documents as files: what goes out, and what an empty document begins with."""

import json
from typing import Any

import pytest
from plait.protocol import limits
from plait.protocol.errors import Refused
from plait.protocol.porting import Format, export, plant, seeding
from pycrdt import Array, Doc, Map, Text, XmlFragment

PLAIN = """# Hi *there*

Words with **bold *and italic***, ~~gone~~, `code` and [a **link**](https://x.org/a?b=c).

- one
- two

1. first
1. second

> said

````py
```
print(1)
````

---

## End
"""


def planted(data: bytes, format: Format, root: str = "") -> "Doc[Any]":  # noqa: A002
    doc: Doc[Any] = Doc(client_id=7)
    with doc.transaction():
        plant(doc, seeding(data, format, root=root), data)
    return doc


@pytest.mark.parametrize("root", ["default", "document-store"])
def test_markdown_there_and_back(root: str) -> None:
    """IO2: all blocks and marks that are read, in both editors' shapes; twice makes no difference."""
    doc = planted(PLAIN.encode(), "markdown", root)
    assert export(doc.get_update(), "markdown").decode() == PLAIN
    assert (
        export(doc.get_update(), "text").decode().startswith("Hi there\nWords with bold and italic, gone, code and a")
    )


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        ([("a", {"bold": {}}), ("b", {"bold": {}, "italic": {}})], "**a*b***"),
        ([("a ", {"bold": {}}), ("b", {})], "**a** b"),
        ([("a`b", {"code": {}})], "a`b"),
        ([("a", {"link": {"href": "x y)"}}), ("b", {"link": {"href": "u"}})], "[a](x%20y%29)[b](u)"),
        ([("a", {"link": None, "textColor": "red"})], "a"),
        ([("a", {"link": "no object"})], "a"),
    ],
)
def test_marks(runs: list[tuple[str, dict[str, Any]]], shown: str) -> None:
    """IO2: marks are nested in one order, spaces come out of them, and what Markdown cannot say is words."""
    from pycrdt import XmlElement, XmlText

    doc: Doc[Any] = Doc()
    fragment = doc.get("default", type=XmlFragment)
    paragraph = fragment.children.append(XmlElement("paragraph"))
    text = paragraph.children.append(XmlText())
    for chars, marks in runs:
        text.insert(len(text), chars, marks)
    assert export(doc.get_update(), "markdown").decode() == shown + "\n"


def test_text_there_and_back() -> None:
    """IO2, IO10: what a plain text says, astral characters too; line ends and byte order marks are the editors'."""
    for format_ in ("text", "markdown"):
        doc = planted("\ufeffone 🐈\r\ntwo\rthree".encode(), format_)
        assert export(doc.get_update(), format_) == "one 🐈\ntwo\nthree".encode()


def test_json() -> None:
    """IO3: values there and back; without a root all roots by name; a tree for rich text."""
    value = {"todo": [{"what": "eat", "done": False}], "n": 3, "x": None, "half": 0.5}
    doc = planted(json.dumps(value).encode(), "json")
    assert isinstance(doc.get("state", type=Map)["todo"], Array)
    assert json.loads(export(doc.get_update(), "json", root="state")) == value
    doc.get("content", type=Text).insert(0, "hé")
    assert json.loads(export(doc.get_update(), "json")) == {"content": "hé", "state": value}
    assert json.loads(export(planted(b"[1, [2]]", "json", "list").get_update(), "json", root="list")) == [1, [2]]
    rich = planted(b"# A **b**", "markdown", "default")
    assert json.loads(export(rich.get_update(), "json", root="default")) == [
        {
            "tag": "heading",
            "attributes": {"level": 1},
            "children": [{"text": [{"insert": "A "}, {"insert": "b", "marks": {"bold": {}}}]}],
        }
    ]


def test_nothing_is_nothing() -> None:
    """IO1: a document that nobody has written in has no words, no roots and no structs."""
    assert [export(b"\x00\x00", each) for each in ("text", "markdown", "json", "update")] == [
        b"",
        b"",
        b"{}",
        b"\x00\x00",
    ]


@pytest.mark.parametrize(
    ("data", "format_", "root", "code"),
    [
        (b"caf\xe9", "text", "", "bad-request"),
        (b"caf\xe9", "markdown", "default", "bad-request"),
        (b"words", "text", "default", "bad-request"),
        (b'{"a": 1}', "json", "default", "bad-request"),
        (b"{", "json", "", "bad-json"),
        (b'"\xff"', "json", "", "bad-json"),
        (b"3", "json", "", "bad-request"),
        (b"[" * 40 + b"]" * 40, "json", "", "too-large"),
        (b"[" * 100_000 + b"]" * 100_000, "json", "", "too-large"),
        (b"[12345678901234567890]", "json", "", "bad-request"),
        (b"a", "text", "x" * 300, "bad-name"),
        (b"\x00\x00", "update", "content", "bad-request"),
        (b"a" * (limits.SEED_BYTES + 1), "text", "", "too-large"),
    ],
)
def test_hostile_files(data: bytes, format_: Format, root: str, code: str) -> None:
    """IO9: refused by its code, and the document is as empty as it was."""
    doc: Doc[Any] = Doc()
    with pytest.raises(Refused) as refused, doc.transaction():
        plant(doc, seeding(data, format_, root=root), data)
    assert refused.value.code == code
    assert doc.get_update() == b"\x00\x00"


def test_what_cannot_be_said() -> None:
    """IO1: values are no words, and a document nested without end is refused instead of ending the process."""
    with pytest.raises(Refused) as refused:
        export(planted(b"{}", "json").get_update(), "update", root="state")
    assert refused.value.code == "bad-request"
    with pytest.raises(Refused) as refused:
        export(planted(b'{"a": 1}', "json").get_update(), "text", root="state")
    assert refused.value.code == "bad-request"
    doc: Doc[Any] = Doc()
    inner = doc.get("state", type=Map)
    for _ in range(3000):
        inner["a"] = Map()
        inner = inner["a"]
    with pytest.raises(Refused) as refused:
        export(doc.get_update(), "json")
    assert refused.value.code == "too-large"
