"""Rendering: rich text as the Markdown that `markdown.parse` reads again: the way out for what `insert_blocks` let in.

Rules (specs/porting.md):

- Marks are nested in one order (link, bold, strike, italic, code), whatever order an editor wrote them in, and spaces
  at the edge of a mark come out of it, because Markdown has no bold space.
- Nothing is escaped, since the reader knows no escapes: words that look like Markdown are read as Markdown again.
- What Markdown has no word for (colours, mentions, images, underlines) is its words, U+FFFC, or its tag.
"""

import re
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any
from urllib.parse import quote

from .outline import Block, outline
from .passage import Run
from .root import Root

_AROUND = (("link", ""), ("bold", "**"), ("strike", "~~"), ("italic", "*"))
_LANGUAGE = re.compile(r"[\w+#.-]*")
_IN_ADDRESS = "/:?#@!$&'*+,;=%~[]-._"


def render(root: Root) -> str:
    """The blocks of a rich text as Markdown, with an empty line between two that are not items of one list."""
    blocks = outline(root)
    if not blocks:
        return ""
    shown = [_block(blocks[0])]
    for above, block in pairwise(blocks):
        shown.append("\n" if _is_one_list(above, block) else "\n\n")
        shown.append(_block(block))
    return "".join(shown) + "\n"


def _is_one_list(above: Block, block: Block) -> bool:
    """Whether the two are items of one list, or one of a list in the other's."""
    signs = above.prefix[:2], block.prefix[:2]
    return {*signs} <= {"- ", "1."} and (signs[0] == signs[1] or above.depth != block.depth)


def _block(block: Block) -> str:
    indent = "   " * block.depth
    words = block.passage
    if block.prefix.startswith("```"):
        fence = _fence(words.text)
        language = block.prefix[3:]
        first = fence + (language if _LANGUAGE.fullmatch(language) else "")
        return "\n".join(indent + line for line in (first, *words.text.split("\n"), fence))
    runs = [run for piece in words.pieces for run in piece.runs]
    # A line that goes on would end a heading or an item, so only a paragraph keeps its line breaks.
    between = "  \n" + indent if not block.prefix else " "
    return indent + block.prefix + _marked(runs).replace("\n", between)


def _fence(code: str) -> str:
    """Longer than every fence in the code."""
    longest = max((len(found) for found in re.findall(r"`{3,}", code)), default=2)
    return "`" * (longest + 1)


def _marked(runs: Sequence[Run], level: int = 0) -> str:
    """The runs with the marks from that one of `_AROUND` on inwards."""
    if level == len(_AROUND):
        return "".join(_coded(run) for run in runs)
    name, sign = _AROUND[level]
    shown: list[str] = []
    for mark, group in groupby(runs, lambda run: run.marks.get(name)):
        inside = _marked(list(group), level + 1)
        shown.append(_wrapped(inside, sign, mark) if mark not in (None, False) else inside)
    return "".join(shown)


def _coded(run: Run) -> str:
    if run.marks.get("code") in (None, False) or "`" in run.chars:
        return run.chars
    return _wrapped(run.chars, "`", True)


def _wrapped(inside: str, sign: str, mark: Any) -> str:
    words = inside.strip()
    if not words:
        return inside
    before, _, after = inside.partition(words)
    if sign:
        return before + sign + words + sign + after
    href = mark.get("href") if isinstance(mark, dict) else None
    if not isinstance(href, str) or not href or "]" in words:
        return inside
    return f"{before}[{words}]({quote(href, safe=_IN_ADDRESS)}){after}"
