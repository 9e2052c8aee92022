"""How fast one socket may speak, and what becomes of one that is faster."""

import pytest
import trio
from plait.protocol import frames, limits
from plait.runtime.server.pace import Pace
from trio.testing import MockClock

from .conftest import House
from .fake_rooms import text_update
from .test_sockets import _synced


def test_a_bucket_of_seconds() -> None:
    """SV39: a burst is free, what comes after it waits until it is paid for, and a pause fills the bucket again."""
    pace = Pace(100.0)
    burst = limits.BURST_S * limits.MESSAGES_PER_S
    assert pace.spend(burst, 0, 100.0) == 0
    assert pace.spend(1, 0, 100.0) == pytest.approx(1 / limits.MESSAGES_PER_S)
    assert pace.spend(0, limits.BYTES_PER_S, 100.0) == pytest.approx(1 + 1 / limits.MESSAGES_PER_S)
    assert pace.spend(1, 0, 110.0) == 0
    later = 110.0 + 10 * limits.BURST_S
    assert pace.spend(burst, 0, later) == 0
    assert pace.spend(1, 0, later) > 0


def test_what_is_meant_to_fit_fits() -> None:
    """SV39: the largest document may be sent whole at once, and a published paper's every key."""
    assert Pace(0.0).spend(32, limits.DOCUMENT_BYTES, 0.0) == 0
    assert Pace(0.0).spend(259_778, 259_778 * 30, 0.0) == 0


async def test_who_writes_in_a_loop_is_read_later(
    house: House, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SV39: every frame of a page that writes in a loop is taken, none sooner than its pace allows."""
    monkeypatch.setattr(limits, "BURST_S", 1)
    monkeypatch.setattr(limits, "MESSAGES_PER_S", 10)
    update = text_update("again and again")
    async with house.socket("/docs/r") as socket:
        await _synced(socket)
        began = trio.current_time()
        for _ in range(100):
            await socket.send_message(frames.update(update))
        for _ in range(100):
            await socket.get_message()
        # A second's worth is free, the step 1 was a message too, and after the last one nobody waits.
        assert 8.9 <= trio.current_time() - began <= 9.2


async def test_every_kind_of_frame_counts(
    house: House, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SV39: commands and questions about presence wait in the same line."""
    monkeypatch.setattr(limits, "BURST_S", 1)
    monkeypatch.setattr(limits, "MESSAGES_PER_S", 10)
    async with house.socket("/docs/r", "plait.v1") as socket:
        await _synced(socket)
        began = trio.current_time()
        for n in range(20):
            await socket.send_message(f'{{"id": "{n}", "do": "ping"}}')
            await socket.send_message(b"\x03")
        pongs = 0
        while pongs < 20:
            pongs += isinstance(await socket.get_message(), str)
        assert trio.current_time() - began >= 2.8
