"""The stock Yjs and a room's document: whatever Yjs writes is taken or refused by name, and both show the same."""

from collections import Counter
from collections.abc import Iterator

import pytest

from .yjs import Yjs, from_pycrdt, from_yjs, yjs


@pytest.fixture(scope="module")
def node() -> Iterator[Yjs]:
    with yjs() as started:
        yield started


def test_histories_of_yjs(node: Yjs) -> None:
    """PF43: out of order, twice, and with every kind of content, all of it is taken and both show the same."""
    said = sum((from_yjs(node, seed) for seed in range(30)), Counter[str]())
    assert said["accepted"] > 500
    assert said["update-incomplete"] > 500
    assert said["nothing new"] > 100
    assert not said["bad-update"]


def test_wild_histories_of_yjs(node: Yjs) -> None:
    """PF44: what cuts a character in two and what brings a subdocument is refused, and what is held stays whole."""
    said = sum((from_yjs(node, seed, wild=True) for seed in range(30)), Counter[str]())
    assert said["bad-update"] > 20
    assert said["accepted"] > 300


def test_histories_of_pycrdt(node: Yjs) -> None:
    """PF45: what a room made of pycrdt's edits, Yjs shows as pycrdt does, in whatever order it hears them."""
    said = sum((from_pycrdt(node, seed) for seed in range(30)), Counter[str]())
    assert said["accepted"] > 300
