"""What the attacks in a browser share: a real server, a real Chromium that believes what a rebinding DNS would say."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ..conftest import Need
from ..console.conftest import BROWSERS, PATIENCE_MS, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser", "serve"]

REBOUND = "rebound.example"


@pytest.fixture(scope="module")
def browser(need: Need) -> "Iterator[Browser]":
    """Chromium without a window, for which one foreign name is this machine."""
    chromium = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if chromium is None:
        need("Chromium", "apt-get install chromium")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        need("Playwright", "uv sync --group dev")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
        running = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield running
        running.close()
