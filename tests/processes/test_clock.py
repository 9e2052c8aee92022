"""A real server whose clock is stepped."""

from pathlib import Path

from tests.clients.node_tab import require_node

from .clock import stepped


async def test_the_clock_is_stepped(tmp_path: Path) -> None:
    """PF28: back, forth and across a kill: seqs go on, nothing is lost, timers come, each room is listed once."""
    require_node()
    said: list[str] = []
    await stepped(tmp_path, said.append)
    assert len(said) == 1
