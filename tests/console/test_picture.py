"""The pictures of README and of specs/console.md are taken by a program; here it runs."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from .picture import SPECS, take

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from .browser import Serving


def size(picture: Path) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    return struct.unpack(">II", picture.read_bytes()[16:24])


def test_the_pictures_are_taken_from_a_real_run(
    serve: "Callable[..., Serving]", browser: "Browser", tmp_path: Path
) -> None:
    """CO8, CO33: two people, an agent and a draft, as the committed pictures show them, and of their size."""
    into = tmp_path / "pictures"
    into.mkdir()
    take(serve(), browser, into)
    for name in ("console.png", "console-draft.png"):
        assert size(into / name) == size(SPECS / name)
        assert (into / name).stat().st_size > (SPECS / name).stat().st_size / 4
