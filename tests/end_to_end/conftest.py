"""What the end-to-end tests share: a real server on a fresh file, and which peers they need."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clients.node_tab import require_node

from .paced import Pace
from .serving import ServerProcess, serving


@pytest.fixture(scope="session", autouse=True)
def _node() -> None:
    require_node()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """`plait serve --model echo`: answers at once, as fast as it can."""
    async with serving(tmp_path) as running:
        yield running


@pytest.fixture
def pace(tmp_path: Path) -> Pace:
    """How much of an answer `paced_server` may say."""
    return Pace(tmp_path)


@pytest.fixture
async def paced_server(tmp_path: Path, pace: Pace) -> AsyncIterator[ServerProcess]:
    """`plait serve` with the agent `paced`, whose answers stand still in the middle."""
    async with serving(tmp_path, arguments=["--agent", pace.agent], env=pace.env) as running:
        yield running


@pytest.fixture
async def slow_server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """`plait serve --model echo:100`: a hundred words a second, so that there is a middle to interrupt."""
    async with serving(tmp_path, model="echo:100") as running:
        yield running
