"""Prefix: how much of a growing text may be shown now, so that people see words come and not halves of words."""

from ..limits import FLUSH_CHARS


def stable_prefix(text: str) -> int:
    """How many of the text's first characters (code points) may be written now.

    Up to behind the last whitespace; all of it, if `FLUSH_CHARS` came without any: a URL, or a language that is written
    without spaces. The rest waits for more, or for the end.
    """
    end = len(text)
    while end and not text[end - 1].isspace():
        end -= 1
    return end if len(text) - end < FLUSH_CHARS else len(text)
