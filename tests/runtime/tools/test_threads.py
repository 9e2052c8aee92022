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
async def test_a_thread_is_left_behind_at_its_deadline(effect: Any, mock_clock: trio.testing.MockClock) -> None:
    """TL15: whatever it changes, because its author said so."""
    began, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    @tool(effect=effect, timeout_s=5)
    def slow() -> None:
        began.set()
        goes_on.wait(10)
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_pass_once, began, mock_clock, 5)
        with pytest.raises(ToolTimeout, match="given up"):
            await slow.call("", Call())
    assert not ended.is_set()
    goes_on.set()
    await trio.to_thread.run_sync(ended.wait, 10)


async def _pass_once(began: threading.Event, clock: trio.testing.MockClock, seconds: float) -> None:
    """Let so much time pass once the thread has begun, however late a busy machine begins it."""
    await trio.to_thread.run_sync(began.wait, 10)
    clock.jump(seconds)


@pytest.mark.parametrize("effect", ["read", "write"])
async def test_a_stop_waits_for_a_write_only_until_its_deadline(
    effect: Any, mock_clock: trio.testing.MockClock
) -> None:
    """TL4, TL15: so that its outcome is known, as long as its author allows; nobody waits for a read."""
    began, goes_on, waited = threading.Event(), threading.Event(), False

    @tool(effect=effect, timeout_s=5)
    def slow() -> None:
        began.set()
        goes_on.wait(10)

    async def stopped() -> None:
        nonlocal waited
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel, scope)
            try:
                await slow.call("", Call())
            except ToolTimeout:
                waited = True

    async def cancel(scope: trio.CancelScope) -> None:
        await trio.to_thread.run_sync(began.wait, 10)
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        if effect == "write":
            assert not waited
            mock_clock.jump(5)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stopped)
    assert waited == (effect == "write")
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


async def test_a_thread_that_is_late_finds_that_it_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """TL16: between the deadline and the first line of the body there is no moment at which it could still begin."""
    bodies: list[Any] = []
    ran: list[int] = []

    async def late(body: Any, *, abandon_on_cancel: bool) -> None:
        bodies.append(body)
        await trio.sleep_forever()

    @tool(timeout_s=0.01)
    def write() -> None:
        ran.append(1)

    monkeypatch.setattr(trio.to_thread, "run_sync", late)
    with pytest.raises(ToolError, match="did not begin"):
        await write.call("", Call())
    bodies[0]()
    assert not ran


@pytest.mark.parametrize("timeout_s", [0, -1, float("inf"), float("nan")])
def test_a_deadline_is_a_time(timeout_s: float) -> None:
    """TL15: refused where the tool is made."""
    with pytest.raises(ValueError, match="timeout_s"):
        tool(name="soon", timeout_s=timeout_s)(lambda: None)
