"""Real servers killed at exact system calls, with stock tabs connected."""

from pathlib import Path

import pytest

from tests.clients.node_tab import require_node

from .killing import killed_at, require_strace


@pytest.mark.parametrize("nth", [4, 23])
async def test_killed_at_an_fdatasync(tmp_path: Path, nth: int) -> None:
    """PF24: a server killed at its nth fdatasync had acked nothing and shown nothing that the next one has not."""
    require_node()
    require_strace()
    await killed_at(tmp_path, nth)
