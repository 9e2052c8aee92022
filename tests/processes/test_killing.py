"""Real servers killed at exact system calls and at random moments, with stock tabs and clients connected."""

from pathlib import Path

import pytest

from tests.clients.node_tab import require_node

from .killing import killed_at_random, killed_at_syncs
from .server import require_strace


@pytest.fixture(autouse=True)
def _peers() -> None:
    require_node()
    require_strace()


async def test_killed_at_an_fdatasync(tmp_path: Path) -> None:
    """PF24: a server killed at its nth fdatasync had acked nothing and shown nothing that the next one has not."""
    said: list[str] = []
    await killed_at_syncs(tmp_path, [2], said.append)
    assert len(said) == 3


async def test_killed_at_random(tmp_path: Path) -> None:
    """PF25: the same with kill -9 at random moments of servers that nobody traces, the start among them."""
    said: list[str] = []
    await killed_at_random(tmp_path, 3, 2, said.append)
    assert len(said) == 3
