"""Outline: rich text as the blocks that people see, in order: Tiptap's and BlockNote's, as y-prosemirror writes them.

Tiptap nests `bulletList > listItem > paragraph`, BlockNote `blockGroup > blockContainer{id} > bulletListItem`. Here
both are rows: a paragraph, a heading, an item, a code block, each with its words and what Markdown begins it with.
A block's anchor is that of the element itself, and in BlockNote that of its container, which stays when a person turns
a paragraph into a heading.
"""

from collections.abc import Iterator
from typing import Any, cast

from msgspec import Struct
from pycrdt import XmlElement, XmlFragment, XmlText

from ..errors import Refused
from . import anchors
from .anchors import Path
from .passage import BREAK, Passage, of_block
from .root import Root

GROUP = "blockGroup"
CONTAINER = "blockContainer"

WITH_WORDS = frozenset(
    {
        "paragraph",
        "heading",
        "codeBlock",
        "bulletListItem",
        "numberedListItem",
        "checkListItem",
        "toggleListItem",
        "quote",
    }
)
"""What holds words also when it holds nothing yet. (Tiptap's `blockquote` is around others.)"""

LISTS = {"bulletList": "- ", "orderedList": "1. ", "taskList": ""}
_ITEMS = {"bulletListItem": "- ", "numberedListItem": "1. ", "toggleListItem": "- ", "quote": "> "}


class Block(Struct, frozen=True, gc=False):
    """One row. `anchored` is the path of the element that its anchor names; `is_leaf` means that it holds no words."""

    anchored: Path
    passage: Passage
    tag: str
    prefix: str
    depth: int
    is_leaf: bool


def outline(root: Root) -> list[Block]:
    """Every block of a rich text, in order."""
    return list(rows(root))


def rows(root: Root) -> Iterator[Block]:
    """The same one after the other: in a long text each costs as much as an edit of it."""
    return _walk(root.fragment, (), None, "", 0)


def number_of(root: Root, blocks: list[Block], at: str) -> int:
    """Which block an anchor names, or holds the words that it sticks to. Raises Refused."""
    place = anchors.find(root, at)
    for number, block in enumerate(blocks):
        if place.side == "block" and block.anchored[: len(place.path)] == place.path:
            return number
        if place.side != "block" and block.passage.offset(place) is not None:
            return number
    raise Refused("not-found", "What this anchor stuck to is no block now; read the document again.")


def is_blocknote(root: Root) -> bool:
    """Whether the text has BlockNote's shape, or will have it when it has one."""
    for child in root.fragment.children:
        return isinstance(child, XmlElement) and child.tag == GROUP
    return root.name == "document-store"


def attributes(element: XmlElement) -> dict[str, Any]:
    """The element's attributes; numbers come out of yrs as floats."""
    pairs: Iterator[tuple[str, Any]] = iter(cast(Any, element.attributes))
    return {key: int(v) if isinstance(v, float) and v.is_integer() else v for key, v in pairs}


def _walk(
    parent: XmlFragment | XmlElement, path: Path, container: Path | None, prefix: str, depth: int
) -> Iterator[Block]:
    """`prefix` is what the list or quote around begins its first block with; `depth` counts the lists around."""
    for index, child in enumerate(parent.children):
        here = (*path, index)
        if not isinstance(child, XmlElement):
            continue
        tag = child.tag or ""
        if _has_words(child):
            passage = of_block(child, here, lines=tag == "codeBlock")
            yield Block(container or here, passage, tag, _prefix(child, tag) or prefix, depth, is_leaf=False)
        elif not len(child.children):
            if tag not in (GROUP, CONTAINER, *LISTS):
                passage = Passage(here, child, (), "", lines=False)
                shown = "---" if tag in ("horizontalRule", "divider") else f"<{tag}>"
                yield Block(container or here, passage, tag, shown, depth, is_leaf=True)
        elif tag == CONTAINER:
            yield from _walk(child, here, here, "", depth)
        elif tag in ("listItem", "taskItem"):
            shown = f"- [{'x' if attributes(child).get('checked') else ' '}] " if tag == "taskItem" else prefix
            yield from _walk_item(child, here, shown, depth)
        elif tag in LISTS:
            yield from _walk(child, here, None, LISTS[tag], depth)
        else:
            deeper = depth + 1 if tag == GROUP and container is not None else depth
            yield from _walk(child, here, None, "> " if tag == "blockquote" else "", deeper)


def _walk_item(item: XmlElement, path: Path, prefix: str, depth: int) -> Iterator[Block]:
    """The first block of a list's item stands beside its mark, the others below it."""
    for block in _walk(item, path, None, "", depth + 1):
        if block.passage.path == (*path, 0):
            yield Block(block.anchored, block.passage, block.tag, block.prefix or prefix, depth, block.is_leaf)
        else:
            yield block


def _has_words(element: XmlElement) -> bool:
    if element.tag in WITH_WORDS:
        return True
    first = next(iter(element.children), None)
    return isinstance(first, XmlText) or (isinstance(first, XmlElement) and first.tag == BREAK)


def _prefix(element: XmlElement, tag: str) -> str:
    if tag == "heading":
        return "#" * min(max(int(attributes(element).get("level") or 1), 1), 6) + " "
    if tag == "codeBlock":
        return f"```{attributes(element).get('language') or ''}"
    if tag == "checkListItem":
        return f"- [{'x' if attributes(element).get('checked') else ' '}] "
    return _ITEMS.get(tag, "")
