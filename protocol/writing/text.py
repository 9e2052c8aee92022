"""Text: reading and editing the words of a root, plain or rich, by anchors and by quoting.

A place is an anchor, or the word `start` or `end`. A span is what is quoted, which must occur exactly once, or what
lies between two places; quoting within two places finds one of several. Whatever is refused says what to do instead.
"""

from itertools import islice
from typing import Any, NamedTuple

from ..content import utf16_length
from ..errors import Refused
from ..limits import FIND_CONTEXT_CHARS, FIND_MATCHES, READ_CHARS, READ_LINES
from ..update import decode_state_vector
from . import anchors
from .anchors import Anchor, Copy, Place, Side, encode
from .outline import Block, number_of, outline, rows
from .passage import Marks, Passage, plain
from .root import Root, checked

START = "start"
END = "end"

JSON = dict[str, Any]


RICH_MARKS = frozenset({"bold", "italic", "underline", "strike", "code", "link"})
"""The marks that Tiptap's StarterKit and BlockNote both have under these names."""


class Point(NamedTuple):
    """A place as a passage's number and an offset in it."""

    passage: int
    offset: int


class Span(NamedTuple):
    """From one point to before another."""

    start: Point
    stop: Point


# --- reading ----------------------------------------------------------------------------------------------------------


def read(root: Root, start: str = START, limit: int = READ_LINES) -> JSON:
    """The lines of a plain text, or the blocks of a rich one, from a place on.

    `lines`: each with its `text` and the anchor `at` of its beginning; of rich text `at` is the block's anchor, `block`
    says what it is as Markdown begins it, `depth` how deep it is nested, and `marks` which of its words are formatted
    how. `more` is the anchor to go on from, if there is more. What is over `READ_CHARS` is left for the next time.
    """
    limit = max(1, min(limit, READ_LINES))
    if not root.is_rich:
        return _read_plain(root, start, limit)
    # From the start on, only what is shown is read, and the one behind it.
    blocks = outline(root) if start != START else list(islice(rows(root), limit + 1))
    first = number_of(root, blocks, start) if start != START else 0
    taken: list[Block] = []
    room = READ_CHARS
    for block in blocks[first : first + limit]:
        if taken and room < len(block.passage.text):
            break
        room -= len(block.passage.text)
        taken.append(block)
    more = blocks[first + len(taken) : first + len(taken) + 1]
    copy = Copy(root)
    try:
        names = [encode(root, name) for name in copy.name_blocks([block.anchored for block in (*taken, *more)])]
    finally:
        copy.close()
    lines = [_shown(block, name) for block, name in zip(taken, names, strict=False)]
    return {"kind": "rich", "lines": lines} | ({"more": names[-1]} if more else {})


def _read_plain(root: Root, start: str, limit: int) -> JSON:
    passage = plain(root.text)
    offset = _point(root, [passage], start).offset if start != START else 0
    lines: list[tuple[int, str]] = []
    room = READ_CHARS
    more = False
    for line in passage.text[offset:].split("\n"):
        if len(lines) == limit or (lines and room < len(line)):
            more = True
            break
        lines.append((offset, line[:READ_CHARS]))
        if len(line) > READ_CHARS:
            offset += READ_CHARS
            more = True
            break
        room -= len(line)
        offset += len(line) + 1
    wanted = [Point(0, at) for at, _ in lines] + ([Point(0, offset)] if more else [])
    names = _names(root, [passage], [(point, "before") for point in wanted])
    shown = [{"at": name, "text": line} for name, (_, line) in zip(names, lines, strict=False)]
    return {"kind": "text", "characters": len(passage.text), "lines": shown} | ({"more": names[-1]} if more else {})


def _shown(block: Block, name: str) -> JSON:
    shown: JSON = {"at": name, "block": block.prefix, "text": block.passage.text[:READ_CHARS]}
    if block.depth:
        shown["depth"] = block.depth
    runs = [run for piece in block.passage.pieces for run in piece.runs]
    marked = [
        {"text": run.chars} | {k: v if v != {} else True for k, v in run.marks.items()} for run in runs if run.marks
    ]
    return shown | ({"marks": marked} if marked else {})


def find(root: Root, text: str, *, nth: int | None = None, limit: int = FIND_MATCHES) -> JSON:
    """Where a text occurs, literally: all places up to `limit`, or only the `nth` (from 1, or from the end from -1).

    `count` is how often at all. Each match has anchors of its `start` and `end`, and what stands `before` and `after`.
    Raises Refused('not-found').
    """
    passages = _passages(root)
    spans = _occurrences(passages, text)
    if not spans:
        raise Refused("not-found", f"'{text[:80]}' does not occur; read the document to see what it says.")
    if nth is not None:
        if not 1 <= abs(nth) <= len(spans):
            raise Refused("not-found", f"'{text[:80]}' occurs {len(spans)} times, so there is no number {nth}.")
        chosen = [spans[nth - 1 if nth > 0 else nth]]
    else:
        chosen = spans[: max(1, min(limit, FIND_MATCHES))]
    points: list[tuple[Point, Side]] = []
    for span in chosen:
        points.append((span.start, "before"))
        points.append((span.stop, "after"))
    names = _names(root, passages, points)
    matches: list[JSON] = []
    for number, span in enumerate(chosen):
        whole = passages[span.start.passage].text
        before, after = whole[: span.start.offset], whole[span.stop.offset :]
        around = {"before": before[-FIND_CONTEXT_CHARS:], "text": text, "after": after[:FIND_CONTEXT_CHARS]}
        matches.append({"start": names[2 * number], "end": names[2 * number + 1], **around})
    return {"count": len(spans), "matches": matches}


# --- editing ----------------------------------------------------------------------------------------------------------


def insert(root: Root, at: str, text: str) -> JSON:
    """Put words in at a place; the anchors of their `start` and `end`. Raises Refused."""
    passages = _passages(root)
    point = _point(root, passages, at)
    clock = _clock(root)
    passages[point.passage].insert(point.offset, checked(text))
    if text and _clock(root) - clock == utf16_length(text):
        # Nothing but the text was written, so its ids are known, and the copy that would tell them is spared.
        first, last = (1 + (char > "\uffff") for char in (text[0], text[-1]))
        start = Anchor("before", root.doc.client_id, clock, first)
        end = Anchor("after", root.doc.client_id, _clock(root) - last, last)
        return {"start": encode(root, start), "end": encode(root, end)}
    return _written(root, passages[point.passage], point.offset, len(text))


def replace(root: Root, new: str, *, old: str = "", start: str = "", end: str = "") -> JSON:
    """Make a span read `new`: only the words that differ are touched. `changed` counts the characters taken out and put
    in; `start` and `end` are the anchors of what it reads now. Raises Refused."""
    passages = _passages(root)
    span = _span(root, passages, old, start, end)
    if span.start.passage != span.stop.passage:
        raise Refused("bad-request", "A span to replace or delete lies in one block; edit block by block.")
    passage = passages[span.start.passage]
    changed = passage.replace(span.start.offset, span.stop.offset, checked(new))
    return {"changed": changed} | _written(root, passage, span.start.offset, len(new))


def delete(root: Root, *, old: str = "", start: str = "", end: str = "") -> JSON:
    """Take a span out. Raises Refused."""
    return replace(root, "", old=old, start=start, end=end)


def set_marks(root: Root, marks: Marks, *, old: str = "", start: str = "", end: str = "") -> JSON:
    """Give a span these marks, or take away those that are None or False; `changed` counts the characters. It may cover
    many blocks. Raises Refused, also for a mark that the editor of a rich text may not know."""
    passages = _passages(root)
    marks = _known(root, passages, marks)
    span = _span(root, passages, old, start, end)
    changed = 0
    for number in range(span.start.passage, span.stop.passage + 1):
        passage = passages[number]
        first = span.start.offset if number == span.start.passage else 0
        last = span.stop.offset if number == span.stop.passage else len(passage.text)
        changed += passage.format(first, last, marks)
    return {"changed": changed}


def _known(root: Root, passages: list[Passage], marks: Marks) -> Marks:
    """The marks as they are written. An editor removes the words whose mark it does not know, so in rich text there are
    those that every editor has, and those that the text has already."""
    if root.is_rich:
        there = {key for each in passages for piece in each.pieces for run in piece.runs for key in run.marks}
        unknown = sorted(key for key in marks if key not in RICH_MARKS | there)
        if unknown:
            known = ", ".join(sorted(RICH_MARKS | there))
            raise Refused("bad-request", f"This text has no mark '{unknown[0]}'; it may have {known}.")
        marks = {
            key: {"href": value} if key == "link" and isinstance(value, str) else value for key, value in marks.items()
        }
        marks = {key: {} if value is True else value for key, value in marks.items()}
    return {key: None if value is False else value for key, value in marks.items()}


def _clock(root: Root) -> int:
    return decode_state_vector(root.doc.get_state()).get(root.doc.client_id, 0)


# --- places and spans -------------------------------------------------------------------------------------------------


def _passages(root: Root) -> list[Passage]:
    """The root's passages; at least one, unless the text is rich and no block of it has words."""
    return [block.passage for block in outline(root) if not block.is_leaf] if root.is_rich else [plain(root.text)]


def _point(root: Root, passages: list[Passage], at: str) -> Point:
    """Where a place is now: a block's anchor is the beginning of its words."""
    if not passages:
        raise Refused("not-found", "The document has no block yet; insert one first.")
    if at == START:
        return Point(0, 0)
    if at == END:
        return Point(len(passages) - 1, len(passages[-1].text))
    place = anchors.find(root, at, simple=_is_simple(root, passages))
    for number, passage in enumerate(passages):
        if place.side == "block" and passage.path[: len(place.path)] == place.path:
            return Point(number, 0)
        offset = passage.offset(place)
        if place.side != "block" and offset is not None:
            return Point(number, offset)
    raise Refused("not-found", "What this anchor stuck to holds no words now; read the document again.")


def _span(root: Root, passages: list[Passage], old: str, start: str, end: str) -> Span:
    first = _point(root, passages, start or START)
    last = _point(root, passages, end or END)
    if not old:
        if not (start and end):
            raise Refused("bad-request", "Say what is meant: quote it, or give the anchors of its start and its end.")
        if last < first:
            raise Refused("not-found", "The end lies before the start; read or search the document again.")
        return Span(first, last)
    spans = [span for span in _occurrences(passages, old) if first <= span.start and span.stop <= last]
    if not spans:
        raise Refused(
            "not-found", f"'{old[:80]}' does not occur{_where(start, end)}; quote what the document says now."
        )
    if len(spans) > 1:
        raise Refused(
            "ambiguous",
            f"'{old[:80]}' occurs {len(spans)} times{_where(start, end)}; quote more around it, or search for it and "
            "give the anchors of the one that is meant.",
        )
    return spans[0]


def _where(start: str, end: str) -> str:
    return " between these anchors" if start or end else ""


def _occurrences(passages: list[Passage], text: str) -> list[Span]:
    if not text:
        raise Refused("bad-request", "An empty text occurs everywhere; say what to look for.")
    spans: list[Span] = []
    for number, passage in enumerate(passages):
        at = passage.text.find(text)
        while at >= 0:
            spans.append(Span(Point(number, at), Point(number, at + len(text))))
            at = passage.text.find(text, at + len(text))
    return spans


def _names(root: Root, passages: list[Passage], points: list[tuple[Point, Side]]) -> list[str]:
    """The anchors of these points, as strings; where there is nothing to stick to, the word or the block's anchor."""
    places = [passages[point.passage].place(point.offset, side) for point, side in points]
    wanted = sorted({(p.path, p.at, p.length) for p in places if p})
    empty = sorted({passages[point.passage].path for (point, _), p in zip(points, places, strict=True) if not p})
    if _is_simple(root, passages):
        simple = anchors.name_simple(root, [Place("before", *each) for each in wanted])
        found = dict(zip(wanted, simple, strict=True))
        return [encode(root, found[p.path, p.at, p.length].sticking(p.side)) if p else START for p in places]
    copy = Copy(root)
    try:
        blocks = dict(zip(empty, copy.name_blocks(empty) if root.is_rich else [], strict=False))
        found = dict(zip(wanted, copy.name_characters([Place("before", *each) for each in wanted]), strict=True))
    finally:
        copy.close()
    names: list[str] = []
    for (point, _), place in zip(points, places, strict=True):
        if place is not None:
            names.append(encode(root, found[place.path, place.at, place.length].sticking(place.side)))
        else:
            path = passages[point.passage].path
            names.append(encode(root, blocks[path]) if path in blocks else START)
    return names


def _is_simple(root: Root, passages: list[Passage]) -> bool:
    """Whether it is a plain text, all ASCII, of which the live document itself can tell places: a copy is spared."""
    return not root.is_rich and passages[0].text.isascii()


def _written(root: Root, passage: Passage, start: int, length: int) -> JSON:
    """The anchors of what was just written into the passage, the only one that is read again."""
    points: list[tuple[Point, Side]] = [(Point(0, start), "before"), (Point(0, start + length), "after")]
    first, last = _names(root, [passage.again(root.text)], points)
    return {"start": first, "end": last}
