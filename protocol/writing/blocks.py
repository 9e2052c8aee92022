"""Blocks: inserting and removing paragraphs, headings, items and code in rich text, in the shape of its own editor.

An editor removes whatever its schema does not allow, for everybody. So what is written here is what Tiptap's StarterKit
and BlockNote's default schema write themselves (tests/protocol/writing compares with what they wrote), an item goes
among items of its kind or into a list of its own, and the last block of a text is emptied and not removed.

Nothing that is there is moved, because moving in a CRDT is deleting and inserting, and would lose what people type
meanwhile. So what is no item goes before or behind the whole list, and does not part it.
"""

import hashlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal, cast

from pycrdt import XmlElement, XmlFragment, XmlText

from ..errors import Refused
from ..limits import READ_LINES
from .anchors import Copy, Path, encode, node
from .markdown import Insert, parse
from .outline import CONTAINER, GROUP, LISTS, Block, is_blocknote, number_of, outline
from .root import Root, checked
from .text import END, JSON, START

Where = Literal["before", "after"]
Parent = tuple[Path, XmlFragment | XmlElement]
"""What elements are put into, with its path."""

_LOOK: dict[str, Any] = {"backgroundColor": "default", "textColor": "default", "textAlignment": "left"}
_BLOCKNOTE = {
    "paragraph": "paragraph",
    "heading": "heading",
    "bullet": "bulletListItem",
    "number": "numberedListItem",
    "task": "checkListItem",
    "quote": "quote",
    "code": "codeBlock",
    "rule": "divider",
}
_TIPTAP_LISTS = {"bullet": "bulletList", "number": "orderedList", "task": "taskList"}
_ITEM_TAGS = ("listItem", "taskItem")


def insert_blocks(root: Root, markdown: str, at: str = END, where: Where = "after") -> JSON:
    """Insert the blocks that the Markdown means, before or after a block, or at the start or the end of the text.

    `count` is how many, and `blocks` are the anchors of the first `READ_LINES` of them, in order. Raises Refused, also
    where the root is no rich text.
    """
    _check_rich(root)
    inserts = parse(checked(markdown))
    blocks = outline(root)
    near = None if at in (START, END) else blocks[number_of(root, blocks, at)]
    writer = _BlockNote(root) if is_blocknote(root) else _Tiptap(root, blocks)
    (above, parent), index, elements = writer.plan(inserts, near, after=where == "after" if near else at == END)
    for offset, element in enumerate(elements):
        parent.children.insert(index + offset, element)
    writer.fill()
    made = [path for n, new in enumerate(elements) for path in _written(new, (*above, index + n), writer.written)]
    copy = Copy(root)
    try:
        names = [encode(root, anchor) for anchor in copy.name_blocks(made[:READ_LINES])]
        return {"count": len(made), "blocks": names}
    finally:
        copy.close()


def _written(element: XmlElement, path: Path, written: set[XmlElement]) -> Iterator[Path]:
    """The paths that the anchors of new blocks have: each block's own, or that of BlockNote's container around it."""
    if element in written:
        yield path
        return
    for index, child in enumerate(element.children):
        if isinstance(child, XmlElement):
            for inner in _written(child, (*path, index), written):
                yield path if element.tag == CONTAINER else inner


def delete_block(root: Root, at: str) -> JSON:
    """Remove the block that an anchor names, with what is nested below it; the text's last block is only emptied.
    `deleted` counts the blocks. Raises Refused."""
    _check_rich(root)
    blocks = outline(root)
    block = blocks[number_of(root, blocks, at)]
    path = _whole(root, block.anchored)
    gone = [each for each in blocks if each.anchored[: len(path)] == path]
    if len(gone) == len(blocks):
        words = block.passage
        words.replace(0, len(words.text), "")
        for other in gone:
            if other is not block:
                other.passage.replace(0, len(other.passage.text), "")
        return {"deleted": len(gone), "emptied": True}
    del node(root, path[:-1]).children[path[-1]]
    return {"deleted": len(gone)}


def _check_rich(root: Root) -> None:
    if not root.is_rich:
        raise Refused("bad-request", f"The root '{root.name}' is plain text; insert and delete text in it.")


def _element(tag: str, attributes: dict[str, Any], children: list[XmlElement] | None = None) -> XmlElement:
    """Editors write numbers and booleans as attributes; pycrdt takes them, although its annotations say strings."""
    return XmlElement(tag, cast(dict[str, str], attributes), children or [])


def _whole(root: Root, path: Path) -> Path:
    """The path of what has to go for a block to go: an item goes with its first block, a list with its last item."""
    while len(path) > 1:
        parent = node(root, path[:-1])
        first_of_item = parent.tag in _ITEM_TAGS and path[-1] == 0
        alone = len(parent.children) == 1 and (parent.tag in LISTS or parent.tag in (GROUP, "blockquote"))
        if not first_of_item and not alone:
            break
        path = path[:-1]
    return path


class _Tiptap:
    """What Tiptap's StarterKit writes; task lists only where the text has one, because StarterKit knows none."""

    def __init__(self, root: Root, blocks: list[Block]) -> None:
        self.root = root
        self.written: set[XmlElement] = set()
        self._words: list[tuple[XmlElement, Insert]] = []
        self._has_tasks = any(block.prefix.startswith("- [") for block in blocks)

    def plan(self, inserts: list[Insert], near: Block | None, *, after: bool) -> tuple[Parent, int, list[XmlElement]]:
        """Where the elements go: the parent, the index of the first, and the elements."""
        kinds = {_list_of(each, tasks=self._has_tasks) for each in inserts}
        fragment = self.root.fragment
        if near is None:
            return ((), fragment), len(fragment.children) if after else 0, list(self._elements(inserts))
        path: Path = near.anchored
        while len(path) > 1 and node(self.root, path[:-1]).tag in (*LISTS, *_ITEM_TAGS):
            path = path[:-1]
            parent = node(self.root, path[:-1])
            if path[1:] and kinds == {parent.tag}:
                return (path[:-1], parent), path[-1] + after, [self._item(each) for each in inserts]
        above, index = path[:-1], path[len(path) - 1]
        return (above, node(self.root, above)), index + after, list(self._elements(inserts))

    def fill(self) -> None:
        """Write the words, once the elements are in the document."""
        for element, insert in self._words:
            self.written.add(element)
            _write(element, insert)

    def _elements(self, inserts: list[Insert]) -> Iterator[XmlElement]:
        for tag, group in groupby(inserts, lambda each: _list_of(each, tasks=self._has_tasks)):
            if tag:
                start = {"start": 1} if tag == "orderedList" else {}
                yield _element(tag, start, [self._item(each) for each in group])
            else:
                yield from map(self._block, group)

    def _item(self, insert: Insert) -> XmlElement:
        paragraph = self._with_words("paragraph", {}, insert)
        if insert.kind == "task" and self._has_tasks:
            return _element("taskItem", {"checked": insert.checked}, [paragraph])
        return _element("listItem", {}, [paragraph])

    def _block(self, insert: Insert) -> XmlElement:
        match insert.kind:
            case "heading":
                return self._with_words("heading", {"level": insert.level}, insert)
            case "code":
                return self._with_words("codeBlock", {"language": insert.language} if insert.language else {}, insert)
            case "quote":
                return _element("blockquote", {}, [self._with_words("paragraph", {}, insert)])
            case "rule":
                return self._with_words("horizontalRule", {}, insert)
            case _:
                return self._with_words("paragraph", {}, insert)

    def _with_words(self, tag: str, attributes: dict[str, Any], insert: Insert) -> XmlElement:
        element = _element(tag, attributes)
        self._words.append((element, insert))
        return element


class _BlockNote:
    """What BlockNote's default schema writes. A container's id is drawn from the document's state, which no two edits
    share."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.written: set[XmlElement] = set()
        self._words: list[tuple[XmlElement, Insert]] = []
        self._seed = hashlib.sha256(root.doc.client_id.to_bytes(8, "big") + root.doc.get_state()).digest()

    def plan(self, inserts: list[Insert], near: Block | None, *, after: bool) -> tuple[Parent, int, list[XmlElement]]:
        """Where the elements go: the parent, the index of the first, and the elements."""
        containers = [self._container(each, number) for number, each in enumerate(inserts)]
        fragment = self.root.fragment
        if not len(fragment.children):
            return ((), fragment), 0, [_element(GROUP, {}, containers)]
        if near is not None:
            above = near.anchored[:-1]
            return (above, node(self.root, above)), near.anchored[-1] + after, containers
        group = fragment.children[0]
        if not isinstance(group, XmlElement):
            raise Refused("bad-request", "The text is not in BlockNote's shape.")
        return ((0,), group), len(group.children) if after else 0, containers

    def fill(self) -> None:
        """Write the words, once the elements are in the document."""
        for element, insert in self._words:
            self.written.add(element)
            _write(element, insert)

    def _container(self, insert: Insert, number: int) -> XmlElement:
        attributes: dict[str, Any] = dict(_LOOK)
        match insert.kind:
            case "heading":
                attributes |= {"level": insert.level, "isToggleable": False}
            case "task":
                attributes["checked"] = insert.checked
            case "quote":
                del attributes["textAlignment"]
            case "code":
                attributes = {"language": insert.language or "text"}
            case "rule":
                attributes = {}
            case _:
                pass
        element = _element(_BLOCKNOTE[insert.kind], attributes)
        self._words.append((element, insert))
        drawn = hashlib.sha256(self._seed + number.to_bytes(4, "big")).hexdigest()
        identity = "-".join((drawn[:8], drawn[8:12], drawn[12:16], drawn[16:20], drawn[20:32]))
        return _element(CONTAINER, {"id": identity}, [element])


def _list_of(insert: Insert, *, tasks: bool) -> str:
    """The tag of the list that it is an item of in Tiptap; empty if of none."""
    if insert.kind == "task" and not tasks:
        return "bulletList"
    return _TIPTAP_LISTS.get(insert.kind, "")


def _write(element: XmlElement, insert: Insert) -> None:
    words = insert.words
    if not any(chars for chars, _ in words):
        return
    text = XmlText()
    element.children.insert(0, text)
    for chars, marks in words:
        text.insert(len(text), chars, marks)
