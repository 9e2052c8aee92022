"""Rows: what a shared document consists of once it is read: types, their rows, and the blocks in them.

A type has one row for its sequence and one for each key. A row holds blocks, also those that were deleted. Cutting a
block copies nothing: it is a piece, by offset and length in UTF-16 units, of what a record brought. `protocol/blocks`
puts them in their places.
"""

from collections.abc import Iterator
from typing import Any

from .items import MAP, TYPE, Item


class Container:
    """A shared type: its sequence is the row under None, the writes of a map's key or an attribute the row under it.

    `block` is the block that it is in, None for a root. A root's `kind` is None: no update says what a root is.
    """

    __slots__ = ("block", "kind", "name", "rows")

    def __init__(self, block: "Block | None", kind: int | None, name: str) -> None:
        self.block = block
        self.kind = kind
        self.name = name
        self.rows: dict[str | None, Row] = {}

    def row(self, key: str | None) -> "Row":
        """The row under that key, which is made if there is none."""
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Row(self, key)
        return row


class Row:
    """Blocks in order: a sequence, or all that was ever written under a key, the last of which is the value."""

    __slots__ = ("container", "first", "key")

    def __init__(self, container: Container, key: str | None) -> None:
        self.container = container
        self.key = key
        self.first: Block | None = None


class Block:
    """A piece of what one client inserted at once. `seq` is the record that brought it; `deleted` the first that
    deleted it, 0 if none did. `right` is its neighbour in the row; a collected block has no row."""

    __slots__ = (
        "client",
        "clock",
        "deleted",
        "kind",
        "length",
        "offset",
        "origin",
        "right",
        "right_origin",
        "row",
        "seq",
        "source",
    )

    row: Row | None
    right: "Block | None"

    def __init__(self, item: Item, seq: int, offset: int, source: Any) -> None:
        self.client = item.client
        self.clock = item.clock + offset
        self.length = item.length - offset
        self.kind = item.kind
        self.source = source
        self.offset = offset
        self.origin = (item.client, item.clock + offset - 1) if offset else item.origin
        self.right_origin = item.right_origin
        self.seq = seq
        self.deleted = 0
        self.row = None
        self.right = None

    def cut(self, length: int) -> "Block":
        """Cut the block after so many units; the second half is returned."""
        rest = Block.__new__(Block)
        rest.client = self.client
        rest.clock = self.clock + length
        rest.length = self.length - length
        rest.kind = self.kind
        rest.source = self.source
        rest.offset = self.offset + length
        rest.origin = (self.client, rest.clock - 1)
        rest.right_origin = self.right_origin
        rest.seq = self.seq
        rest.deleted = self.deleted
        rest.row = self.row
        rest.right = self.right
        self.right = rest
        self.length = length
        return rest

    @property
    def text(self) -> str:
        """A text's characters. A half of a surrogate pair, which no room takes, is a replacement character."""
        source, start, end = self.source, self.offset, self.offset + self.length
        if isinstance(source, str):
            return source[start:end]
        return source[2 * start : 2 * end].decode("utf-16-le", "replace")

    @property
    def values(self) -> list[Any]:
        """The values of a run of plain values (ANY, JSON)."""
        return self.source[self.offset : self.offset + self.length]

    def shown(self, at: int) -> bool:
        """Whether it was there when the record `at` was the newest. What came deleted never was."""
        return self.seq <= at and (self.deleted == 0 or self.deleted > at)


def holder_of(block: Block) -> Block | None:
    """The block of the type that it stands in; None in a root."""
    return container_of(block).block


def container_of(block: Block) -> Container:
    """The type that it stands in."""
    assert block.row is not None, "what is in a row has a place"
    return block.row.container


def blocks_in(row: Row | None) -> Iterator[Block]:
    """Its blocks in order."""
    block = row.first if row is not None else None
    while block is not None:
        yield block
        block = block.right


def last_in(row: Row | None) -> Block | None:
    """Its last block: of a key's row, the value."""
    last: Block | None = None
    for block in blocks_in(row):
        last = block
    return last


def keys_of(container: Container) -> list[str | None]:
    """Its keys in order, then (None) the sequence."""
    return [*sorted(key for key in container.rows if key is not None), *([None] if None in container.rows else [])]


def attributes_only(container: Container, key: str | None) -> bool:
    """Whether what stands under the key belongs to the type itself, as an XML element's attributes do."""
    return key is not None and container.kind is not None and container.kind != MAP


def blocks_below(container: Container) -> Iterator[Block]:
    """All blocks of a type and of the types in it, however deep, each type before what is in it."""
    waiting = [container]
    while waiting:
        for row in waiting.pop().rows.values():
            block = row.first
            while block is not None:
                yield block
                if block.kind == TYPE:
                    waiting.append(block.source)
                block = block.right
