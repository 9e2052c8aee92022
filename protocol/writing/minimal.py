"""Minimal: what differs between an old and a new text or list, so that everything else stays as it is.

People type in a document while an agent writes. What an edit does not touch keeps its identity: their cursors stay,
their words are not deleted with the sentence around them, and two edits of different words both count.
"""

import re
from difflib import SequenceMatcher
from typing import NamedTuple

from ..limits import DIFF_TOKENS

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


class Hunk(NamedTuple):
    """The characters from `start` to before `stop` of the old text become `new`."""

    start: int
    stop: int
    new: str


def text_hunks(old: str, new: str) -> list[Hunk]:
    """What turns `old` into `new`, in order, in code points of `old`: only words that differ, and of one word only the
    middle that does."""
    first, last = _trim(old, new)
    middle, wanted = old[first : len(old) - last], new[first : len(new) - last]
    if not middle and not wanted:
        return []
    before, after = _TOKEN.findall(middle), _TOKEN.findall(wanted)
    if not (0 < len(before) <= DIFF_TOKENS and 0 < len(after) <= DIFF_TOKENS):
        return [Hunk(first, first + len(middle), wanted)]
    hunks: list[Hunk] = []
    starts = _starts(before, first)
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            was, now = "".join(before[i:j]), "".join(after[k:m])
            head, tail = _trim(was, now)
            hunks.append(Hunk(starts[i] + head, starts[j] - tail, now[head : len(now) - tail]))
    return hunks


def list_runs(old: list[str], new: list[str]) -> list[tuple[int, int, int, int]]:
    """What turns one list into the other: (i, j, k, m), old[i:j] becomes new[k:m], in order. Items are compared as
    texts."""
    if len(old) > DIFF_TOKENS or len(new) > DIFF_TOKENS:
        first = _common(old, new)
        last = _common(old[first:][::-1], new[first:][::-1])
        return [(first, len(old) - last, first, len(new) - last)] if old != new else []
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(i, j, k, m) for tag, i, j, k, m in codes if tag != "equal"]


def _trim(old: str, new: str) -> tuple[int, int]:
    """How many first and how many last characters the two share, without counting any twice."""
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    return first, last


def _common(one: str | list[str], other: str | list[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _starts(tokens: list[str], at: int) -> list[int]:
    """Where each token begins, and where the last one ends."""
    starts = [at]
    for token in tokens:
        at += len(token)
        starts.append(at)
    return starts
