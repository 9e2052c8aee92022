"""When a client comes back, and when it has been told not to."""

from itertools import pairwise

import pytest
from plait.protocol.comeback import pause_s, refusal, rejected
from plait.protocol.errors import CODES, Code
from plait.protocol.limits import RECONNECT_FIRST_MS, RECONNECT_MAX_S


def test_pauses_double_and_are_half_chance() -> None:
    """CC14: from the first pause to the longest, between half of it and all of it."""
    longest = [pause_s(failures, lambda: 1.0) for failures in range(40)]
    assert longest[0] == RECONNECT_FIRST_MS / 1000
    assert all(after == min(2 * before, RECONNECT_MAX_S) for before, after in pairwise(longest))
    assert [pause_s(failures, lambda: 0.0) for failures in range(40)] == [pause / 2 for pause in longest]
    assert pause_s(10**9, lambda: 1.0) == RECONNECT_MAX_S


@pytest.mark.parametrize(
    ("close", "code"),
    [
        (4400, "bad-request"),
        (4401, "no-grant"),
        (4403, "not-allowed"),
        (4404, "no-such-room"),
        (4409, "lineage-changed"),
        (4413, "too-large"),
        (4499, "bad-request"),
        (1009, "too-large"),
    ],
)
def test_closes_that_are_answers(close: int, code: str) -> None:
    """CC15: they end the client, with the code, the server's sentence and the number."""
    refused = refusal(close, "Because.")
    assert refused is not None
    assert refused.code == code
    assert refused.message == f"Because. (The server closed the socket with {close}.)"
    assert refusal(close) is not None


def test_a_reason_that_names_its_code_is_believed() -> None:
    """CC15: two codes may share a number; the server's sentence, or the code itself, says which it was."""
    codes: list[Code] = ["no-such-room", "no-such-draft"]
    for code in codes:
        for reason in (code, CODES[code].sentence):
            refused = refusal(4404, reason)
            assert refused is not None
            assert refused.code == code
            assert refused.message.startswith(CODES[code].sentence)


@pytest.mark.parametrize("close", [1000, 1001, 1006, 1011, 1012, 1013, 4301, 4500])
def test_closes_that_are_not(close: int) -> None:
    """CC15: the client comes back."""
    assert refusal(close) is None


def test_statuses() -> None:
    """CC15: as for closes, where the server does not even become a WebSocket."""
    codes = {status: refused.code for status in range(300, 600) if (refused := rejected(status))}
    assert set(codes) == {*range(400, 500)} - {408, 425, 429}
    assert codes[403] == "not-allowed"
    assert codes[404] == "bad-request"
