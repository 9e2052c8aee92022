"""The long forms of what tests/processes asks of real processes: `uv run python -m tests.processes --help`."""

import argparse
import tempfile
import time
from pathlib import Path

import trio

from tests.clients.node_tab import require_node

from .disk import FAULTS, disk_fails
from .killing import killed_at_random, killed_at_syncs
from .large import measured
from .readers import RESTLESS, bounded
from .server import require_strace


def main() -> None:
    """An assertion that fails ends it with exit code 1 and a traceback."""
    asked = argparse.ArgumentParser(prog="python -m tests.processes", description=__doc__)
    asked.add_argument("--from", dest="first", type=int, default=1, help="the first fdatasync to be killed at")
    asked.add_argument("--to", dest="last", type=int, default=200, help="the last one")
    asked.add_argument("--random", type=int, metavar="N", help="so many rounds of kill -9 at random moments")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--disk", type=int, metavar="N", help="every fault of the disk so often, under a server at work")
    asked.add_argument("--readers", type=int, metavar="MIB", help="so much written beside readers that stall or rush")
    asked.add_argument("--large", type=int, metavar="MB", help="make a log of that size, open it and read it")
    options = asked.parse_args()
    require_node()
    require_strace()
    began = time.monotonic()

    def say(sentence: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {sentence}", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.random:
            trio.run(killed_at_random, folder, options.seed, options.random, say)
        elif options.disk:
            trio.run(disk_fails, folder, list(FAULTS) * options.disk, say)
        elif options.readers:
            trio.run(bounded, folder, options.readers, say)
            trio.run(bounded, folder, options.readers, say, RESTLESS)
        elif options.large:
            trio.run(measured, folder, options.large, say)
        else:
            trio.run(killed_at_syncs, folder, list(range(options.first, options.last + 1)), say)


main()
