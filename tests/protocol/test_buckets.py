"""Token buckets: how often, how often at once, and how many of them are remembered."""

import pytest
from plait.protocol.buckets import Buckets


def test_a_burst_and_then_a_rate() -> None:
    """AD3: a full bucket lets so many through at once, and then as many as time fills in."""
    buckets = Buckets(rate=2, burst=5, keep=10)
    assert [buckets.take("a", 100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert buckets.take("b", 100.0)
    assert [buckets.take("a", 100.6) for _ in range(2)] == [True, False]
    assert [buckets.take("a", 200.0) for _ in range(6)] == [True] * 5 + [False]


def test_who_owes_waits() -> None:
    """AD4: nothing is refused; what is owed is waited for."""
    buckets = Buckets(rate=2, burst=5, keep=10)
    assert [buckets.owe("a", 100.0) for _ in range(5)] == [0.0] * 5
    assert buckets.owe("a", 100.0) == pytest.approx(0.5)
    assert buckets.owe("a", 100.0) == pytest.approx(1.0)
    assert buckets.owe("a", 102.0) == 0.0


def test_what_is_remembered_is_bounded() -> None:
    """AD6: at most so many buckets are kept, and none that is full again."""
    buckets = Buckets(rate=1, burst=2, keep=100)
    for address in range(1000):
        assert buckets.take(address, 100.0)
        assert len(buckets) <= 100
    for second in range(60):
        assert buckets.take("one", 1000.0 + second)
    assert len(buckets) == 1


def test_who_comes_often_is_not_forgotten_for_others() -> None:
    """AD6: the bucket that goes is that of whoever came last longest ago."""
    buckets = Buckets(rate=0.001, burst=3, keep=10)
    for address in range(100):
        buckets.take("often", 100.0)
        buckets.take(address, 100.0)
    assert not buckets.take("often", 100.0)
