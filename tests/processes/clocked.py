"""`plait`, with a clock that somebody else may step: $STEPPED_CLOCK names a file with the seconds to add.

A kernel's clock is the whole machine's, time namespaces do not cover it, and the vDSO answers before strace could. So
this program replaces what plait asks, `time.time_ns`, and then is plait. The monotonic clock, by which Trio waits, goes
on as it does when a real clock is stepped.
"""

import os
import time
from pathlib import Path


def main() -> None:
    """Run the command line."""
    file = Path(os.environ["STEPPED_CLOCK"])
    real = time.time_ns

    def stepped() -> int:
        return real() + int(float(file.read_text()) * 1e9)

    time.time_ns = stepped
    time.time = lambda: stepped() / 1e9

    from plait.runtime.cli import main as plait

    plait()


if __name__ == "__main__":
    main()
