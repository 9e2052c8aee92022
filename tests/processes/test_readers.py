"""How large a real server's WAL grows beside readers that stall, and beside a transaction that stays open."""

from pathlib import Path

from .readers import BOUND, bounded


async def test_the_wal_is_bounded(tmp_path: Path) -> None:
    """PF30: no reader of plait's holds a transaction while it waits for whoever reads, so the WAL begins anew; beside
    somebody else's it grows, and is emptied afterwards."""
    said: list[str] = []
    beside_ours, beside_foreign = await bounded(tmp_path, 44, said.append)
    assert beside_ours < BOUND < beside_foreign
    assert len(said) == 2
