"""What the tests of the browser client's package share: its folder, with the packages that its lock file names."""

import shutil
from pathlib import Path

import pytest

from ...conftest import Need
from ...console.conftest import installed

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
