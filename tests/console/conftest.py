"""What the console's tests share: its sources in a folder of their own, a browser, a server, and tabs."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..conftest import Need
from ..end_to_end.paced import Pace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from .browser import Serving, Tab

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "runtime" / "console"
INSTALL_S = 120
PATIENCE_MS = 60_000
"""What a page is waited for at most. What is there sooner is seen sooner, so only a failure takes that long; a machine
that does other things as well may need far more than Playwright's five seconds."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def installed(folder: Path) -> bool:
    """Whether the folder's node_modules is what its lock file says, package by package."""
    hidden = folder / "node_modules" / ".package-lock.json"
    if not hidden.exists():
        return False
    have = {name: entry.get("version") for name, entry in json.loads(hidden.read_text())["packages"].items()}
    want = json.loads((folder / "package-lock.json").read_text())["packages"]
    return all(
        have.get(name) == entry.get("version")
        for name, entry in want.items()
        if name and not entry.get("optional") and not entry.get("peer")
    )


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Path:
    """The console's folder, copied, with the packages that the lock file names; building there touches nothing."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            need(tool, "install Node 20 or later")
    # The units import the sources by the path from their own place, so the copy has the house's shape.
    house = tmp_path_factory.mktemp("house")
    copy = house / "runtime" / "console"
    ignored = shutil.ignore_patterns("node_modules", "dist", "__pycache__")
    shutil.copytree(CONSOLE, copy, ignore=ignored)
    shutil.copytree(ROOT / "tests" / "console" / "units", house / "tests" / "console" / "units")
    shutil.copytree(ROOT / "protocol" / "js", house / "protocol" / "js", ignore=ignored)
    if installed(CONSOLE):
        (copy / "node_modules").symlink_to(CONSOLE / "node_modules")
    else:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=INSTALL_S, env=os.environ)
        if done.returncode != 0:
            need("the console's packages", "npm ci --prefix runtime/console, with a network")
    return copy


@pytest.fixture(scope="module")
def browser(need: Need) -> Iterator["Browser"]:
    """Chromium without a window. One for each module, since Playwright's loop must be gone before asyncio's tests."""
    chromium = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if chromium is None:
        need("Chromium", "apt-get install chromium")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        need("Playwright", "uv sync --group dev")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # A wheel turn is then one scroll, and no animation that a test would have to outwait.
        arguments = ["--no-sandbox", "--disable-smooth-scrolling"]
        running = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield running
        running.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., "Serving"]]:
    """A function that serves a fresh file with a model; what it started is gone when the test ends."""
    from .browser import Serving

    started: list[Serving] = []

    def start(
        model: str = "demo",
        env: Mapping[str, str] | None = None,
        agents: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> Serving:
        started.append(Serving(tmp_path, model, env, agents, arguments))
        return started[-1].start()

    yield start
    for serving in started:
        serving.end()


@pytest.fixture
def pace(tmp_path: Path) -> Pace:
    """How much of an answer the agent `paced` may say."""
    return Pace(tmp_path)


@pytest.fixture
def tabs(browser: "Browser") -> Iterator[Callable[..., "Tab"]]:
    """A function that opens a room in a new browser profile; at the end no page may have complained."""
    from .browser import Tab

    opened: list[Tab] = []

    def open_tab(url: str, room: str, **how: Any) -> Tab:
        opened.append(Tab(browser, url, room, **how))
        return opened[-1]

    yield open_tab
    faults = [fault for tab in opened for fault in tab.faults]
    for tab in opened:
        tab.context.close()
    assert not faults
