"""What the console's tests share: its sources with their packages, in a folder of their own."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ..conftest import Need

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "runtime" / "console"
INSTALL_S = 120


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
    if installed(CONSOLE):
        (copy / "node_modules").symlink_to(CONSOLE / "node_modules")
    else:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=INSTALL_S, env=os.environ)
        if done.returncode != 0:
            need("the console's packages", "npm ci --prefix runtime/console, with a network")
    return copy
