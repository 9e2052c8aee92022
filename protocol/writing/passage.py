"""Passage: a stretch of words as one Python string, and edits of it that touch no more than they must.

A plain text is one passage; of rich text each block with words in it is one. Offsets are code points of `text`; what
yrs counts (bytes of UTF-8, one for an embedded value) is computed here and nowhere else. An inline element, such as a
line break or a mention, and an embedded value count as one character.

What replaces something takes the formatting of the first character that it replaces. What is inserted takes that of the
word that it becomes a part of, else what stands on both of its sides: words behind a link are no link.
"""

from typing import Any, NamedTuple

from msgspec import Struct
from pycrdt import Text, XmlElement, XmlText

from ..errors import Refused
from .anchors import Path, Place, Side
from .minimal import text_hunks

OBJECT = "\ufffc"
"""What stands in the string for something that is no character."""

BREAK = "hardBreak"

Marks = dict[str, Any]


class Run(NamedTuple):
    """Characters of one formatting; `width` is their bytes, which for an embedded value is one."""

    chars: str
    marks: Marks
    width: int


class Piece(Struct, frozen=True, gc=False):
    """One text of the passage, or one inline element (`node` is None). `start` is the offset of its first character."""

    node: Text | XmlText | None
    path: Path
    start: int
    runs: tuple[Run, ...]

    @property
    def length(self) -> int:
        return sum(len(run.chars) for run in self.runs)

    def byte(self, offset: int) -> int:
        """How many bytes stand before the piece's character of that number."""
        at = 0
        for run in self.runs:
            if offset < len(run.chars):
                return at + (len(run.chars[:offset].encode()) if offset else 0)
            offset -= len(run.chars)
            at += run.width
        return at

    def offset(self, byte: int) -> int:
        """How many characters the first bytes are: the inverse of `byte`."""
        at = 0
        for run in self.runs:
            if byte < run.width:
                return at + len(run.chars.encode()[:byte].decode())
            byte -= run.width
            at += len(run.chars)
        return at

    def marks(self, offset: int) -> Marks:
        """The formatting of the piece's character of that number; none outside of it."""
        if offset >= 0:
            for run in self.runs:
                if offset < len(run.chars):
                    return run.marks
                offset -= len(run.chars)
        return {}


class Passage(Struct, frozen=True, gc=False):
    """The words of one block, or of a plain text. `element` is the block's; None for a plain text.

    `lines` says whether a line feed may be written into it; a paragraph of rich text has none.
    """

    path: Path
    element: XmlElement | None
    pieces: tuple[Piece, ...]
    text: str
    lines: bool

    def place(self, offset: int, side: Side) -> Place | None:
        """What an anchor at that offset sticks to, on that side or else on the other; None if nothing is on either."""
        for each in (side, "after" if side == "before" else "before"):
            wanted = offset - (each == "after")
            for piece in self.pieces:
                inside = wanted - piece.start
                if piece.node is not None and 0 <= inside < piece.length:
                    at = piece.byte(inside)
                    return Place(each, piece.path, at, piece.byte(inside + 1) - at)
        return None

    def offset(self, place: Place) -> int | None:
        """Where the anchor of that place is in this passage; None if it is not in it."""
        for piece in self.pieces:
            if piece.path == place.path and piece.node is not None:
                at = place.at + (place.length if place.side == "after" else 0)
                return piece.start + piece.offset(at)
        return None

    def replace(self, start: int, stop: int, new: str) -> int:
        """Make the characters from `start` to before `stop` read `new`; how many were taken out or put in.

        Raises Refused, and then nothing was changed.
        """
        hunks = text_hunks(self.text[start:stop], new)
        written = "".join(hunk.new for hunk in hunks)
        if OBJECT in written:
            raise Refused("bad-request", "U+FFFC stands for what is no character, and cannot be written.")
        if "\n" in written and not self.lines:
            raise Refused("bad-request", "A block of rich text has no line breaks; insert a block for each paragraph.")
        changed = 0
        for hunk in reversed(hunks):
            first, last = start + hunk.start, start + hunk.stop
            marks = self._at(first) if last > first else self._around(first, hunk.new)
            self._delete(first, last)
            if hunk.new:
                self._insert(first, hunk.new, marks)
            changed += last - first + len(hunk.new)
        return changed

    def insert(self, offset: int, new: str) -> None:
        """Put words in at that offset."""
        self.replace(offset, offset, new)

    def format(self, start: int, stop: int, marks: Marks) -> int:
        """Give the characters these marks, or take away those whose value is None; how many had not all of them."""
        changed: set[int] = set()
        for piece in self.pieces:
            if piece.node is None:
                continue
            at = piece.start
            for run in piece.runs:
                first, last = max(start, at), min(stop, at + len(run.chars))
                at += len(run.chars)
                for key in sorted(marks) if last > first else ():
                    if run.marks.get(key) != marks[key]:
                        begin, end = piece.byte(first - piece.start), piece.byte(last - piece.start)
                        piece.node.format(begin, end, {key: marks[key]})
                        changed.update(range(first, last))
        return len(changed)

    def again(self, text: Text) -> "Passage":
        """The same passage as it reads now; `text` is the plain text if it is one."""
        return plain(text) if self.element is None else of_block(self.element, self.path, lines=self.lines)

    def _delete(self, start: int, stop: int) -> None:
        for piece in reversed(self.pieces):
            first, last = max(start, piece.start), min(stop, piece.start + piece.length)
            if last <= first:
                continue
            if piece.node is not None:
                del piece.node[piece.byte(first - piece.start) : piece.byte(last - piece.start)]
            elif self.element is not None:
                del self.element.children[piece.path[-1]]

    def _insert(self, offset: int, new: str, marks: Marks) -> None:
        """The text that ends at the offset takes it, or the one that begins there, or a new one."""
        for piece in self.pieces:
            if piece.node is not None and piece.start <= offset <= piece.start + piece.length:
                piece.node.insert(piece.byte(offset - piece.start), new, marks)
                return
        if self.element is None:
            raise Refused("not-found", "There is no text at this place.")
        before = [piece for piece in self.pieces if piece.start < offset]
        text = XmlText()
        self.element.children.insert(before[-1].path[-1] + 1 if before else 0, text)
        text.insert(0, new, marks)

    def _at(self, offset: int) -> Marks:
        for piece in self.pieces:
            if piece.start <= offset < piece.start + piece.length:
                return piece.marks(offset - piece.start)
        return {}

    def _around(self, offset: int, new: str) -> Marks:
        before, after = self._at(offset - 1), self._at(offset)
        if self.text[max(offset - 1, 0) : offset].isalnum() and new[0].isalnum():
            return before
        if self.text[offset : offset + 1].isalnum() and new[-1].isalnum():
            return after
        return {key: value for key, value in before.items() if after.get(key) == value}


def plain(text: Text) -> Passage:
    """A plain text as a passage."""
    runs = _runs(text)
    return Passage((), None, (Piece(text, (), 0, runs),), "".join(run.chars for run in runs), lines=True)


def of_block(element: XmlElement, path: Path, *, lines: bool) -> Passage:
    """The words of a block of rich text."""
    pieces: list[Piece] = []
    start = 0
    for index, child in enumerate(element.children):
        if isinstance(child, XmlText):
            piece = Piece(child, (*path, index), start, _runs(child))
        else:
            shown = "\n" if isinstance(child, XmlElement) and child.tag == BREAK else OBJECT
            piece = Piece(None, (*path, index), start, (Run(shown, {}, 1),))
        pieces.append(piece)
        start += piece.length
    text = "".join(run.chars for piece in pieces for run in piece.runs)
    return Passage(path, element, tuple(pieces), text, lines)


def _runs(text: Text | XmlText) -> tuple[Run, ...]:
    runs: list[Run] = []
    for content, marks in text.diff():
        if isinstance(content, str):
            runs.append(Run(content, marks or {}, len(content.encode())))
        else:
            runs.append(Run(OBJECT, marks or {}, 1))
    return tuple(runs)
