"""Running code of somebody else's as if Trio were not there.

A flow is driven by `send` inside the room's task. One that opens a Trio nursery or cancel scope would open it in that
task, and when the flow is dropped it stays open: the room would end with an error of Trio's own. Outside of Trio the
flow gets the RuntimeError that any synchronous code gets, and that fails its run.

Trio has no public word for it, so this stands on how it keeps the current task; `tests/runtime/room/test_outside.py`
says when that changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trio._core import _run

_context: Any = _run.GLOBAL_RUN_CONTEXT


@contextmanager
def outside_trio() -> Iterator[None]:
    """Within the block this thread is in no Trio task."""
    task = getattr(_context, "task", None)
    if task is None:
        yield
        return
    del _context.task
    try:
        yield
    finally:
        _context.task = task
