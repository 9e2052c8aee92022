"""Real servers on a disk that fails or is full for a while."""

from pathlib import Path

import pytest

from tests.clients.node_tab import require_node

from .disk import can_mount, disk_fails, disk_full
from .server import require_strace


@pytest.fixture(autouse=True)
def _peers() -> None:
    require_node()
    require_strace()


async def test_a_disk_that_fails_for_a_while(tmp_path: Path) -> None:
    """PF26: the server stays up, acks nothing that is lost, says what is wrong, and goes on when the disk does."""
    said: list[str] = []
    await disk_fails(tmp_path, ["syncs fail", "a write in three fails", "a sync in two fails"], said.append)
    assert len(said) == 3


async def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """PF27: the same on a disk without room: a real one where mounting is allowed, else writes that find none."""
    said: list[str] = []
    if await can_mount():
        await disk_full(tmp_path, 8, 1, said.append)
    else:
        await disk_fails(tmp_path, ["no room"], said.append)
    assert len(said) == 1
    assert "store-full" in said[0]
