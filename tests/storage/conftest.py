"""A disk that is soon full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Need


@pytest.fixture
def small_disk(tmp_path: Path, need: Need) -> Iterator[Path]:
    """A file system of 1 MiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        need("the right to mount a small file system", "run as root")
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        need(f"a tmpfs of 1 MiB ({mounted.stderr.strip()})", "run where mounting is allowed")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
