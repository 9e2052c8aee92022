"""Moments: what a document showed when a record was the newest, as plain values, read from all that it ever held.

Why: blame, proposals and undo compare moments, and a live document knows only the present one. The values are those of
Yjs: a text as its delta, a map as a dict, an array as a list, XML as a tree of names, attributes and children.

A root has no kind of its own (`Container.kind` is None), so the asker says how it is to be read, as with Yjs. Nothing
bounds how deep types are nested, so deeper than SHOWN_DEPTH a type is told without what is in it, here, in blame and in
hunks.
"""

from collections.abc import Iterator
from typing import Any

from .items import ANY, ARRAY, FORMAT, JSON, MAP, STRING, TEXT, TYPE, XML_ELEMENT, XML_TEXT
from .limits import SHOWN_DEPTH
from .rows import Block, Container

NOW = (1 << 63) - 1
"""A moment after every record."""

OBJECT = "\ufffc"
"""What stands in a text for an embed or a type: Unicode's object replacement character, one unit as in Yjs."""

KINDS = ("array", "map", "text", "xml-element", "xml-fragment", "xml-hook", "xml-text")
"""What a type's kind is called, by its number."""


def plain_text(container: Container, at: int = NOW) -> str:
    """The characters of a text, each embed and type as U+FFFC."""
    return "".join(
        block.text if block.kind == STRING else OBJECT * block.length
        for block in shown_blocks(container, at)
        if block.kind != FORMAT
    )


def delta(container: Container, at: int = NOW, depth: int = 0) -> list[dict[str, Any]]:
    """A text as Yjs's `toDelta` gives it: pieces with their attributes, a new one at each mark."""
    pieces: list[dict[str, Any]] = []
    attributes: dict[str, Any] = {}
    said = ""

    def end_piece(insert: Any) -> None:
        if insert != "":
            pieces.append({"insert": insert, "attributes": dict(attributes)} if attributes else {"insert": insert})

    for block in shown_blocks(container, at):
        if block.kind == STRING:
            said += block.text
            continue
        end_piece(said)
        said = ""
        if block.kind == FORMAT:
            attribute, value = block.source
            attributes.pop(attribute, None)
            if value is not None:
                attributes[attribute] = value
        else:
            end_piece(plain(block, at, depth))
    end_piece(said)
    return pieces


def entries(container: Container, at: int = NOW, depth: int = 0) -> dict[str, Any]:
    """A map's entries or an element's attributes, by key in order."""
    found: dict[str, Any] = {}
    for key in sorted(key for key in container.rows if key is not None):
        for block in blocks_of(container, key):
            if block.shown(at):
                found[key] = plain(block, at, depth)
    return found


def elements(container: Container, at: int = NOW, depth: int = 0) -> list[Any]:
    """An array's elements or a fragment's children."""
    found: list[Any] = []
    for block in shown_blocks(container, at):
        found.extend(block.values) if block.kind in (ANY, JSON) else found.append(plain(block, at, depth))
    return found


def plain(block: Block, at: int = NOW, depth: int = 0) -> Any:
    """The value of one block: what a type inside of it showed at that moment, or what was written."""
    if block.kind != TYPE:
        return _written(block)
    inside: Container = block.source
    depth += 1
    if depth > SHOWN_DEPTH:
        return described(block)
    if inside.kind == MAP:
        return entries(inside, at, depth)
    if inside.kind == ARRAY:
        return elements(inside, at, depth)
    if inside.kind == TEXT:
        return delta(inside, at, depth)
    if inside.kind == XML_TEXT:
        return {"text": delta(inside, at, depth)}
    tree: dict[str, Any] = {"name": inside.name} if inside.kind == XML_ELEMENT else {}
    return tree | {"attributes": entries(inside, at, depth), "children": elements(inside, at, depth)}


def described(block: Block) -> Any:
    """The value of one block without what is inside of it: of a type, what it is."""
    if block.kind != TYPE:
        return _written(block)
    kind = KINDS[block.source.kind]
    return {"type": kind, "name": block.source.name} if block.source.name else {"type": kind}


def _written(block: Block) -> Any:
    """What was written that is no type."""
    if block.kind in (ANY, JSON):
        return block.values[0]
    return block.text if block.kind == STRING else block.source


def blocks_of(container: Container, key: str | None) -> Iterator[Block]:
    """Everything that ever stood in the sequence (None) or under the key, in order."""
    row = container.rows.get(key)
    block = row.first if row is not None else None
    while block is not None:
        yield block
        block = block.right


def shown_blocks(container: Container, at: int) -> Iterator[Block]:
    """What the sequence showed at that moment."""
    return (block for block in blocks_of(container, None) if block.shown(at))
