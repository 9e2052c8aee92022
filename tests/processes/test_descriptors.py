"""A real server without file descriptors."""

from pathlib import Path

from tests.clients.node_tab import require_node

from .descriptors import exhausted


async def test_descriptors_are_exhausted(tmp_path: Path) -> None:
    """PF29, SV9: who is there is served as before, who comes when others left; the server does not spin."""
    require_node()
    said: list[str] = []
    await exhausted(tmp_path, said.append)
    assert len(said) == 1
