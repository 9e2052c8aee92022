"""Cut the power thousands of times: `uv run python -m tests.power --seeds 200`; exit code 1 if anything was lost."""

import argparse
import tempfile
from pathlib import Path

import trio

from .harness import report


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.power", description=__doc__)
    asked.add_argument("--seeds", type=int, default=50, help="workloads for each kind of trouble")
    asked.add_argument("--first", type=int, default=0, help="the first seed")
    options = asked.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        return 0 if trio.run(report, Path(folder), range(options.first, options.first + options.seeds)) else 1


raise SystemExit(main())
