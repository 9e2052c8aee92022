"""A sync function in a thread, with a deadline: it is given up or waited for, as its effect demands.

A thread cannot be cancelled. One that changes nothing is left behind when nobody wants its result any more. Any other
is waited for when its run is stopped, so that its outcome is known, and left behind only at the deadline that its
author set. What never began, because every thread was busy, is known not to have happened.
"""

import math
import threading
from collections.abc import Callable
from typing import Any

import trio

from .failures import ToolError, ToolTimeout


async def in_thread(name: str, function: Callable[[], Any], timeout_s: float | None, *, changes: bool) -> Any:
    """What the function returns. `changes`: it may change something outside. Raises ToolTimeout, and ToolError if it
    never began."""
    lock = threading.Lock()
    began = given_up = False

    def body() -> Any:
        nonlocal began
        with lock:
            if given_up:
                return None
            began = True
        return function()

    deadline = math.inf if timeout_s is None else trio.current_time() + timeout_s
    with trio.CancelScope(deadline=deadline, shield=changes):
        return await trio.to_thread.run_sync(body, abandon_on_cancel=True)
    with lock:
        given_up = True
    if not began:
        raise ToolError(f"{name} did not begin within {timeout_s:g} s, because all threads are busy. Nothing was done.")
    raise ToolTimeout(f"{name} took longer than {timeout_s:g} s and was given up.")
