"""A document's past, as Yjs, pycrdt and `History` tell it: every moment of random histories is the same."""

from collections.abc import Iterator
from typing import Any

import pytest
from plait.protocol.attribution import Attributions
from plait.protocol.history import History
from pycrdt import Doc, Text

from .histories import from_pycrdt, from_yjs
from .rooms import Play
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


@pytest.mark.parametrize("seed", range(6))
async def test_histories_of_rooms(seed: int, autojump_clock: Any) -> None:
    """BL2, BL10: what a room wrote over several processes is what its documents show, and each record has its maker."""
    play = await Play(seed).play()
    records, attributions = await play.records(), Attributions()
    for record in records:
        attributions.take(record)
    assert play.documents["notes"]
    for name, update in play.documents.items():
        if not name:
            continue
        history = History(record for record in records if record.document == name)
        document = Doc[Any]()
        document.apply_update(update)
        assert history.text("content") == str(document.get("content", type=Text))
        for span in history.blame("content", deleted=True):
            for seq in {span.seq, span.deleted} - {0}:
                made = attributions.of(seq)
                assert made is not None
                assert made.author == records[seq - 1].author
