"""Markdown: the few lines of it that models write for blocks of rich text, read into what is to be inserted.

Headings, paragraphs, `- ` and `1. ` items, `- [ ]` tasks, `> ` quotes, ``` fences and `---`; within a line `**bold**`,
`*italic*`, `~~strike~~`, `` `code` `` and `[words](address)`. Everything else is words. Nesting is not read: an item is
inserted beside an item.
"""

import re
from typing import Any, Literal, NamedTuple

Kind = Literal["paragraph", "heading", "bullet", "number", "task", "quote", "code", "rule"]

Words = tuple[tuple[str, dict[str, Any]], ...]
"""Runs of characters with their marks, as y-prosemirror writes them."""


class Insert(NamedTuple):
    """A block to be: its kind, its words, and what its kind needs."""

    kind: Kind
    words: Words
    level: int = 0
    language: str = ""
    checked: bool = False


_LINES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("heading", re.compile(r"(?P<level>#{1,6})\s+(?P<text>.*)")),
    ("task", re.compile(r"[-*+]\s+\[(?P<checked>[ xX])\]\s+(?P<text>.*)")),
    ("bullet", re.compile(r"[-*+]\s+(?P<text>.*)")),
    ("number", re.compile(r"\d{1,9}[.)]\s+(?P<text>.*)")),
    ("quote", re.compile(r">\s?(?P<text>.*)")),
)
_RULE = re.compile(r"-{3,}|\*{3,}|_{3,}")
_FENCE = re.compile(r"(`{3,})\s*([\w+#.-]*)\s*")
_MARK = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<bold>.+?)\*\*(?!\*)|~~(?P<strike>.+?)~~|(?<![\w*])\*(?P<italic>[^\s*](?:[^*]*[^\s*])?)\*(?!\w)"
    r"|\[(?P<link>[^\]]+)\]\((?P<href>[^()\s]+)\)"
)


def parse(text: str) -> list[Insert]:
    """The blocks that the text means, at least one. Lines of one paragraph are joined by a space."""
    inserts: list[Insert] = []
    lines = iter(text.split("\n"))
    paragraph: list[str] = []

    def end() -> None:
        if paragraph:
            inserts.append(Insert("paragraph", words(" ".join(paragraph))))
            paragraph.clear()

    for line in lines:
        stripped = line.strip()
        if fence := _FENCE.fullmatch(stripped):
            end()
            code: list[str] = []
            for inner in lines:
                if inner.strip() == fence[1]:
                    break
                code.append(inner)
            inserts.append(Insert("code", (("\n".join(code), {}),), language=fence[2]))
        elif not stripped:
            end()
        elif _RULE.fullmatch(stripped):
            end()
            inserts.append(Insert("rule", ()))
        elif block := _block(stripped):
            end()
            inserts.append(block)
        else:
            paragraph.append(stripped)
    end()
    return inserts or [Insert("paragraph", ())]


def words(text: str, marks: dict[str, Any] | None = None) -> Words:
    """The runs of a line: its words without what marks them."""
    around = marks or {}
    runs: list[tuple[str, dict[str, Any]]] = []
    at = 0
    for found in _MARK.finditer(text):
        if found.start() > at:
            runs.append((text[at : found.start()], around))
        if found["code"]:
            runs.append((found["code"], {**around, "code": {}}))
        elif found["link"]:
            runs.extend(words(found["link"], {**around, "link": {"href": found["href"]}}))
        else:
            name = next(each for each in ("bold", "strike", "italic") if found[each])
            runs.extend(words(found[name], {**around, name: {}}))
        at = found.end()
    if at < len(text):
        runs.append((text[at:], around))
    return tuple(runs)


def _block(line: str) -> Insert | None:
    for kind, pattern in _LINES:
        if found := pattern.fullmatch(line):
            named = found.groupdict()
            checked = named.get("checked", " ") != " "
            return Insert(kind, words(found["text"]), level=len(named.get("level", "")), checked=checked)
    return None
