"""Titles out of prompts: the first words, as many as a line of a list has room for."""

import pytest
from plait.protocol.limits import TITLE_CHARS
from plait.protocol.titles import first_words, one_line


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("", ""),
        ("Bake bread", "Bake bread"),
        ("one two three four five six seven eight", "one two three four five six seven eight"),
        ("one two three four five six seven eight nine", "one two three four five six seven eight…"),
        ("one, two three four five six seven eight, nine", "one, two three four five six seven eight…"),
        ("Bake\n\tbread\x00now", "Bake bread now"),
        ("x" * (TITLE_CHARS - 1), "x" * (TITLE_CHARS - 1)),
        ("x" * TITLE_CHARS, "x" * (TITLE_CHARS - 1) + "…"),
        ("y " + "x" * (TITLE_CHARS - 2), "y " + "x" * (TITLE_CHARS - 2)),
        ("y " + "x" * (TITLE_CHARS - 1), "y…"),
        ("y! " + "x" * TITLE_CHARS + " z", "y…"),
    ],
)
def test_first_words(prompt: str, title: str) -> None:
    """CV31: at most eight, cut between words unless the first alone is too long; an ellipsis where words are left."""
    assert first_words(prompt) == title
    assert len(title) <= TITLE_CHARS


def test_one_line() -> None:
    """CV33: control characters of both blocks, and nothing else, become a space."""
    assert one_line("\x1f a\x7fb\x80c\x9fd\xa0e ~") == "a b c d e ~"
