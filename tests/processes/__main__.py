"""Kill a server at each of its first fdatasyncs: `uv run python -m tests.processes --from 1 --to 200`."""

import argparse
import tempfile
from pathlib import Path

import trio

from tests.clients.node_tab import require_node

from .killing import killed_at, require_strace


async def kill_all(first: int, last: int) -> None:
    for nth in range(first, last + 1):
        with tempfile.TemporaryDirectory() as folder:
            prompts, edits = await killed_at(Path(folder), nth)
        print(f"killed at fdatasync {nth}: {prompts} prompts and {edits} characters were acked, all there", flush=True)


asked = argparse.ArgumentParser(prog="python -m tests.processes", description=__doc__)
asked.add_argument("--from", dest="first", type=int, default=1)
asked.add_argument("--to", dest="last", type=int, default=200)
options = asked.parse_args()
require_node()
require_strace()
trio.run(kill_all, options.first, options.last)
