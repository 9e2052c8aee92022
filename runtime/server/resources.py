"""What this process has of memory and descriptors, and may have: read from the kernel, where it tells.

A server that the kernel kills for its memory, or that cannot open its own files any more, fails everybody at once; so
it stops letting people in before (admission). Where nothing can be read, as without /proc, that bounds nothing.
"""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from ...protocol import limits

_STATM = Path("/proc/self/statm")
_GROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MIB = 1 << 20


def resident() -> int:
    """Bytes that the process has in memory now; 0 where it cannot be told."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def high_water(mib: int = 0) -> int:
    """Bytes beyond which nobody is let in: so many MiB, or of what there is `MEMORY_PERCENT`; 0 for no bound."""
    if mib:
        return mib * _MIB
    return available() * limits.MEMORY_PERCENT // 100


def available() -> int:
    """Bytes that the machine has, or the process's control group where that is less; 0 where it cannot be told."""
    found: list[int] = []
    with suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _GROUPS:
        with suppress(OSError, ValueError):  # "max" is no number and no limit.
            found.append(int(path.read_text()))
    return min(found, default=0)


def give_back() -> None:
    """Return freed memory to the kernel. glibc keeps what large documents leave behind, and a process that has it for
    nothing would let nobody in."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def descriptors() -> int:
    """How many descriptors the process may have open; a great many where there is no bound."""
    if sys.platform == "win32":
        return 1 << 20
    import resource  # Not there on Windows.

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def raise_descriptors() -> None:
    """Take as many descriptors as the machine allows without asking anybody: the usual 1,024 are what `select` takes,
    which nobody here calls. Go's programs do the same when they start."""
    if sys.platform != "win32":
        import resource

        with suppress(OSError, ValueError):
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
