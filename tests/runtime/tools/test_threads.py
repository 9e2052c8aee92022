"""Deadlines: an async body is cancelled, a thread is left behind or never begun."""

import threading
from typing import Any

import pytest
import trio
import trio.to_thread
from plait.runtime import Call, tool
from plait.runtime.tools.tool import ToolError, ToolTimeout


async def test_an_async_body_is_cancelled_at_its_deadline(autojump_clock: trio.testing.MockClock) -> None:
    """TL15: at once, and one that ends in time is not disturbed."""
    ends: list[str] = []

    @tool(timeout_s=5)
    async def slow(seconds: float) -> str:
        try:
            await trio.sleep(seconds)
        except trio.Cancelled:
            ends.append("cancelled")
            raise
        return "done"

    began = trio.current_time()
    with pytest.raises(ToolTimeout, match="slow took longer than 5 s and was cut"):
        await slow.call('{"seconds": 60}', Call())
    assert (trio.current_time() - began, ends) == (5, ["cancelled"])
    assert await slow.call('{"seconds": 4}', Call()) == "done"


@pytest.mark.parametrize("effect", ["read", "idempotent", "write"])
async def test_a_thread_is_left_behind_at_its_deadline(effect: Any) -> None:
    """TL15: whatever it changes, because its author said so."""
    goes_on, ended = threading.Event(), threading.Event()

    @tool(effect=effect, timeout_s=0.05)
    def slow() -> None:
        goes_on.wait(10)
        ended.set()

    with pytest.raises(ToolTimeout, match="given up"):
        await slow.call("", Call())
    assert not ended.is_set()
    goes_on.set()
    await trio.to_thread.run_sync(ended.wait, 10)


async def test_a_stop_waits_for_a_write_only_until_its_deadline() -> None:
    """TL4, TL15: so that its outcome is known, as long as its author allows."""
    goes_on = threading.Event()

    @tool(timeout_s=0.2)
    def slow() -> None:
        goes_on.wait(10)

    with trio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(ToolTimeout):
            await slow.call("", Call())
    goes_on.set()


async def test_what_never_began_is_known_not_to_have_happened() -> None:
    """TL16: all threads are busy; also afterwards the body does not run."""
    limiter = trio.to_thread.current_default_thread_limiter()
    ran: list[int] = []

    @tool(timeout_s=0.05)
    def write() -> None:
        ran.append(1)

    before, limiter.total_tokens = limiter.total_tokens, 1
    try:
        async with limiter:
            with pytest.raises(ToolError, match=r"write did not begin within 0.05 s.*Nothing was done"):
                await write.call("", Call())
    finally:
        limiter.total_tokens = before
    await trio.to_thread.run_sync(lambda: None)
    assert not ran


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), float("nan")])
def test_a_deadline_is_a_time(timeout_s: float) -> None:
    """TL15: refused where the tool is made."""
    with pytest.raises(ValueError, match="timeout_s"):
        tool(name="soon", timeout_s=timeout_s)(lambda: None)
