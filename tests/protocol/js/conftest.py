"""What the tests of the browser client's package share: its folder, with the packages that its lock file names."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ...conftest import Need
from ...console.conftest import browser, installed

if TYPE_CHECKING:
    from ...console.browser import Serving

__all__ = ["browser"]

PACKAGE = Path(__file__).resolve().parents[3] / "protocol" / "js"


@pytest.fixture(scope="session")
def package(need: Need) -> Path:
    """The package's folder."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            need(tool, "install Node 20 or later")
    if not installed(PACKAGE):
        need("the browser client's packages", "npm ci --prefix protocol/js")
    return PACKAGE


@pytest.fixture(scope="session")
def site(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of the test page."""
    from .pages import served

    with served(package, tmp_path_factory.mktemp("site")) as origin:
        yield origin


@pytest.fixture(scope="module")
def paced(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator["Serving"]:
    """A server that says twenty words a second, for all tests of a module; each has a room of its own."""
    from ...console.browser import Serving

    folder = tmp_path_factory.mktemp("served")
    serving = Serving(folder, "echo:20", agents=["tests.console.crew:clerk"], arguments=["--allow-origin", site])
    try:
        yield serving.start()
    finally:
        serving.end()
