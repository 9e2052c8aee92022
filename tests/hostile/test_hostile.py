"""A small storm in CI; the full one is `python -m tests.hostile --connections 100000`."""

from pathlib import Path

from .attackers import KINDS, kind_of
from .storm import storm


async def test_a_storm(tmp_path: Path) -> None:
    """AD15: each kind is answered as it should be; the good tab keeps its socket and is served, the server its size."""
    count = len(KINDS)
    found = await storm(tmp_path, count, at_once=48, quiet_s=1)
    assert not found.unlawful
    assert sum(sum(answers.values()) for answers in found.answers.values()) == count
    assert {kind.__name__ for kind in map(kind_of, range(count))} == {kind.__name__ for kind in KINDS}
    assert found.storm["ping"].ms, "nobody was served"
    assert found.storm["edit"].ms, "nothing was kept"
    assert found.peak_kib < 2 * found.quiet_kib
