"""A document's past, as Yjs, pycrdt and `History` tell it: every moment of random histories is the same."""

from collections.abc import Iterator

import pytest

from .histories import from_pycrdt, from_yjs
from .yjs import Yjs, yjs


@pytest.fixture(scope="module")
def node() -> Iterator[Yjs]:
    with yjs() as started:
        yield started


def test_histories_of_yjs(node: Yjs) -> None:
    """BL2, BL3, BL5, BL7: what Yjs wrote, as it was written, as a room wrote it down and as a room holds it."""
    assert sum(from_yjs(node, seed, changes=90) for seed in range(40)) > 2000


def test_histories_of_pycrdt(node: Yjs) -> None:
    """BL2, BL3, BL5, BL7: what pycrdt wrote, merged and out of order, as a room wrote it down."""
    assert sum(from_pycrdt(node, seed) for seed in range(40)) > 400
