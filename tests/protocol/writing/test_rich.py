"""Rich text in the shapes of Tiptap and BlockNote, compared with what those editors wrote themselves."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol.errors import Refused
from plait.protocol.writing import blocks, text
from plait.protocol.writing.markdown import Insert, parse
from plait.protocol.writing.outline import attributes
from plait.protocol.writing.root import Root
from pycrdt import Doc, Text, XmlElement, XmlFragment, XmlText

VECTORS = Path(__file__).parent.parent.parent.parent / "specs" / "vectors"
EDITORS: list[dict[str, Any]] = yaml.safe_load((VECTORS / "editors.yaml").read_text())["editors"]

editors = pytest.mark.parametrize("editor", EDITORS, ids=lambda editor: editor["name"])


def opened(editor: dict[str, Any], which: str, client: int = 1) -> Root:
    doc: Doc[XmlFragment] = Doc(client_id=client)
    doc.apply_update(b64decode(editor[which].replace(" ", "")))
    return Root(doc, editor["root"])


def empty(editor: dict[str, Any]) -> Root:
    return Root(Doc(client_id=1), editor["root"])


def replica(root: Root, client: int) -> Root:
    doc: Doc[XmlFragment] = Doc(client_id=client)
    doc.apply_update(root.doc.get_update())
    return Root(doc, root.name)


def meet(one: Root, other: Root) -> None:
    for a, b in ((one, other), (other, one)):
        a.doc.apply_update(b.doc.get_update(a.doc.get_state()))
    assert tree(one.fragment) == tree(other.fragment)


def tree(node: Any) -> Any:
    """The fragment as plain lists. A container's id is somebody's choice, and an undefined attribute is none."""
    if isinstance(node, XmlText):
        return [(words, marks or {}) for words, marks in node.diff()]
    inside = [tree(child) for child in node.children]
    if isinstance(node, XmlElement):
        return (
            node.tag,
            {key: value for key, value in attributes(node).items() if key != "id" and value is not None},
            inside,
        )
    return inside


def rows(root: Root) -> list[list[Any]]:
    return [[row.get("depth", 0), row["block"], row["text"]] for row in text.read(root)["lines"]]


def at(root: Root, words: str) -> str:
    return next(row["at"] for row in text.read(root)["lines"] if row["text"] == words)


@editors
def test_a_text_reads_as_rows(editor: dict[str, Any]):
    """ED11: lists in lists, tasks, quotes, code, rules, line breaks; with the marks of its words."""
    root = opened(editor, "nested")
    assert rows(root) == editor["rows"]
    second = text.read(root)["lines"][1]
    assert {"text": "bold", "bold": True} in second["marks"]
    (link,) = [run for run in second["marks"] if "link" in run]
    assert (link["text"], link["link"]["href"]) == ("link", "https://x.y")


@editors
def test_a_text_is_read_page_by_page(editor: dict[str, Any]):
    """ED4: from the anchor that the last page gave."""
    root = opened(editor, "nested")
    found: list[str] = []
    start = "start"
    while start:
        page = text.read(root, start, 2)
        found += [row["text"] for row in page["lines"]]
        start = page.get("more", "")
    assert found == [words for _, _, words in editor["rows"]]


@editors
def test_blocks_are_what_the_editor_writes(editor: dict[str, Any]):
    """ED12: the same elements, attributes and marks as the editor's own, in an empty document."""
    root = empty(editor)
    made = blocks.insert_blocks(root, editor["markdown"])
    assert tree(root.fragment) == tree(opened(editor, "written").fragment)
    assert made["blocks"] == [row["at"] for row in text.read(root)["lines"]]
    fragment: Any = root.fragment
    containers = fragment.children[0].children if editor["name"] == "blocknote" else ()
    identities = [attributes(each)["id"] for each in containers]
    assert len(set(identities)) == len(identities)


@editors
def test_blocks_go_where_they_are_wanted(editor: dict[str, Any]):
    """ED12: before and after a block, at the start and the end."""
    root = opened(editor, "written")
    blocks.insert_blocks(root, "# first", "start")
    blocks.insert_blocks(root, "last\n\nvery last", "end")
    blocks.insert_blocks(root, "between", at(root, "Title 🙂"))
    blocks.insert_blocks(root, "- half", at(root, "two"), "before")
    blocks.insert_blocks(root, "no item", at(root, "a bold and code"), "before")
    assert [words for _, _, words in rows(root)][:7] == [
        "first", "Title 🙂", "between", "no item", "a bold and code", "one", "half",
    ]  # fmt: skip
    assert [words for _, _, words in rows(root)][-2:] == ["last", "very last"]


def test_a_list_is_not_parted():
    """ED12: in Tiptap what is no item of the list's kind goes before or behind the whole list."""
    root = opened(EDITORS[0], "nested")
    blocks.insert_blocks(root, "behind", at(root, "one"))
    blocks.insert_blocks(root, "1. before", at(root, "two"), "before")
    blocks.insert_blocks(root, "1. nested too", at(root, "nested"))
    found = [tuple(row) for row in rows(root)[2:8]]
    assert found == [
        (0, "1. ", "before"), (0, "- ", "one"), (0, "- ", "two"),
        (1, "1. ", "nested"), (1, "1. ", "nested too"), (0, "", "behind"),
    ]  # fmt: skip
    blocks.insert_blocks(root, "- [ ] task")
    assert rows(root)[-1] == [0, "- ", "task"]


@editors
def test_two_add_items_to_one_list(editor: dict[str, Any]):
    """ED12: both are there, once, also beside an item that a third one removes."""
    ours = opened(editor, "written")
    theirs = replica(ours, 2)
    blocks.insert_blocks(ours, "- mine", at(ours, "one"))
    blocks.insert_blocks(theirs, "- yours", at(theirs, "one"))
    blocks.delete_block(theirs, at(theirs, "one"))
    meet(ours, theirs)
    items = [words for _, begins, words in rows(ours) if begins == "- "]
    assert sorted(items) == ["mine", "two", "yours"]


@editors
def test_words_in_a_block(editor: dict[str, Any]):
    """ED7, ED8, ED9: found across marks, replaced by what differs, while a person types in the same paragraph."""
    ours = opened(editor, "written")
    theirs = replica(ours, 2)
    words = next(each for each in _texts(theirs.fragment) if str(each).startswith("a "))
    words.insert(len("a bold"), " 🙂")
    text.replace(ours, "a bolder and more code", old="a bold and code")
    text.set_marks(ours, {"italic": True}, old="and more")
    meet(ours, theirs)
    assert rows(ours)[1][2] in ("a bolder 🙂 and more code", "a bold 🙂er and more code")
    marks = text.read(ours)["lines"][1]["marks"]
    assert {"text": "and more", "italic": True} in marks
    assert {"text": "code", "code": True} in marks
    text.set_marks(ours, {"italic": None, "bold": False, "code": None}, start="start", end="end")
    assert not any("marks" in row for row in text.read(ours)["lines"])


def test_a_line_break_is_a_character():
    """ED3, ED7: it stays where it was, or goes when it is not in what is wanted."""
    root = opened(EDITORS[0], "nested")
    text.replace(root, "a bold and link\nnext line", old="a bold and link\nnext")
    text.replace(root, "the", old="a ", start=at(root, "a bold and link\nnext line"), end="end")
    assert rows(root)[1][2] == "thebold and link\nnext line"
    text.replace(root, "link then", old="link\nnext")
    assert rows(root)[1][2] == "thebold and link then line"
    fragment: Any = root.fragment
    kinds = [type(each).__name__ for each in fragment.children[1].children]
    assert kinds == ["XmlText", "XmlText"]
    text.insert(root, text.find(root, " line")["matches"][0]["start"], " and 漢")
    assert rows(root)[1][2] == "thebold and link then and 漢 line"


@editors
def test_an_empty_block_takes_words(editor: dict[str, Any]):
    """ED14: an empty paragraph has no text node yet; a rule has no place for one."""
    root = opened(editor, "nested")
    text.insert(root, at(root, ""), "now it has some") if editor["name"] == "blocknote" else text.insert(
        root, "end", "x"
    )
    assert rows(root)[-1][2] in ("now it has some", "x")
    fresh = empty(editor)
    with pytest.raises(Refused, match=r"not-found.*insert one first"):
        text.insert(fresh, "start", "x")
    blocks.insert_blocks(fresh, "---\n\nwords")
    with pytest.raises(Refused, match="not-found"):
        text.insert(fresh, text.read(fresh)["lines"][0]["at"], "x")
    text.insert(fresh, "start", "first ")
    assert rows(fresh) == [[0, "---", ""], [0, "", "first words"]]


@editors
def test_what_is_refused_changes_nothing(editor: dict[str, Any]):
    """ED10: a line break in a paragraph, an edit over two blocks, blocks in a plain text."""
    root = opened(editor, "written")
    seen: list[Any] = []
    root.doc.observe(seen.append)
    two = {"start": at(root, "one"), "end": text.find(root, "two")["matches"][0]["end"]}
    for refuse in (
        lambda: text.insert(root, at(root, "one"), "a\nb"),
        lambda: text.replace(root, "x", **two),
        lambda: text.find(root, "onetwo"),
        lambda: text.set_marks(root, {"blink": True}, old="one"),
        lambda: blocks.delete_block(Root(root.doc, "content"), "start"),
        lambda: blocks.insert_blocks(Root(root.doc, "content"), "x"),
    ):
        with pytest.raises(Refused):
            refuse()
    assert not seen
    text.replace(root, "x = 1\n\ny = 3", old="x = 1\ny = 2")
    assert [words for _, begins, words in rows(root) if begins == "```py"] == ["x = 1\n\ny = 3"]


def test_deleting_blocks_in_tiptap():
    """ED13: an item with what is nested in it, a list with its last item, a quote with its last paragraph."""
    root = opened(EDITORS[0], "nested")
    assert blocks.delete_block(root, at(root, "two")) == {"deleted": 2}
    assert blocks.delete_block(root, at(root, "one")) == {"deleted": 1}
    assert blocks.delete_block(root, at(root, "quoted")) == {"deleted": 1}
    fragment: Any = root.fragment
    assert [each.tag for each in fragment.children] == [
        "heading", "paragraph", "codeBlock", "horizontalRule", "paragraph",
    ]  # fmt: skip


@editors
def test_the_last_block_is_emptied(editor: dict[str, Any]):
    """ED13: an editor's document has a block at least."""
    root = opened(editor, "nested")
    while len(text.read(root)["lines"]) > 1:
        blocks.delete_block(root, text.read(root)["lines"][-1]["at"])
    assert blocks.delete_block(root, text.read(root)["lines"][0]["at"]) == {"deleted": 1, "emptied": True}
    assert rows(root) == [[0, "## ", ""]]


@given(st.text(alphabet="a*`_~[]()#->1. \n🙂", max_size=60))
def test_any_text_is_markdown(source: str) -> None:
    """ED12: whatever a model writes is some blocks, whose words have no line feed except in code; and reads back."""
    inserts = parse(source)
    assert inserts
    assert not any("\n" in words for each in inserts if each.kind != "code" for words, _ in each.words)
    root = Root(Doc(client_id=1), "default")
    blocks.insert_blocks(root, source)
    found = [row["text"] for row in text.read(root)["lines"]]
    assert found == ["".join(words for words, _ in each.words) for each in inserts]


def test_what_markdown_means():
    """ED12: the few notations that are read, and what is left as it is."""
    assert parse("a\nb\n\nc_d_e 2*3*4 **x*") == [
        Insert("paragraph", (("a b", {}),)),
        Insert("paragraph", (("c_d_e 2*3*4 **x*", {}),)),
    ]
    (nested,) = parse("**b [l](u)** ~~s~~ `*c*`")
    assert nested.words == (
        ("b ", {"bold": {}}),
        ("l", {"bold": {}, "link": {"href": "u"}}),
        (" ", {}),
        ("s", {"strike": {}}),
        (" ", {}),
        ("*c*", {"code": {}}),
    )
    assert [each.kind for each in parse("```\nopen\n# x")] == ["code"]
    assert parse("") == [Insert("paragraph", ())]


def test_a_root_is_what_it_holds():
    """ED11: whatever it is called, and by its name while it is empty."""
    rich = Root(Doc(client_id=1), "default")
    blocks.insert_blocks(rich, "words")
    doc: Doc[Any] = Doc(client_id=2)
    fragment = doc.get("page", type=XmlFragment)
    fragment.children.append(XmlElement("paragraph", {}, [XmlText("x")]))
    doc.get("prosemirror", type=Text).insert(0, "plain")
    fresh: Doc[Any] = Doc(client_id=3)
    fresh.apply_update(doc.get_update())
    assert Root(fresh, "page").kind == "rich"
    assert Root(fresh, "prosemirror").kind == "text"
    assert not Root(fresh, "content").is_rich
    assert Root(fresh, "document-store").is_rich
    assert text.read(Root(fresh, "page"))["lines"][0]["text"] == "x"
    blocks.insert_blocks(Root(fresh, "page"), "y")
    assert rows(replica(Root(fresh, "page"), 4)) == [[0, "", "x"], [0, "", "y"]]
    with pytest.raises(Refused, match="is plain text"):
        blocks.insert_blocks(Root(fresh, "prosemirror"), "x")


def _texts(node: Any) -> list[XmlText]:
    if isinstance(node, XmlText):
        return [node]
    return [each for child in node.children for each in _texts(child)]
