"""The running real model, as a fixture: its base URL."""

from collections.abc import Iterator

import pytest

from ..conftest import need
from .serving import HOW, find, serve_model


@pytest.fixture(scope="session")
def real_model() -> Iterator[str]:
    """What `OPENAI_BASE_URL` would be. Skips, or fails where everything is required, if a piece is missing."""
    pieces = find()
    if isinstance(pieces, str):
        need(pieces, HOW)
    with serve_model(pieces) as url:
        yield url
