"""Requests by reference: put together again they are what was sent, and only news is stored."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol.events import ModelRequested, Record
from plait.protocol.fold import fold
from plait.protocol.requests import describe, resolve
from plait.protocol.state import RoomState, Run

MESSAGES = st.lists(st.sampled_from("abc"), max_size=6)


async def written(talks: list[list[str]]) -> list[ModelRequested]:
    """Each talk as a request after the one before it; checks that each is resolved to its own bytes."""
    state, records = RoomState(runs={"1": Run("1", "a", "", "ada")}), {}
    for seq, talk in enumerate(talks, 1):
        request = {"model": "m", "messages": [{"text": text} for text in talk]}
        event = describe(state.request, "generate.0", seq, "m", request)
        records[seq] = Record(seq, seq, "agent:a", "1", 1, event)
        fold(state, records[seq])

        async def lookup(seq: int) -> Record:
            return records[seq]

        assert await resolve(event, lookup) == msgspec.json.encode(request)
    return [record.event for record in records.values()]


@given(st.lists(MESSAGES, max_size=6))
async def test_any_requests_come_back(talks: list[list[str]]) -> None:
    """AG20: whatever was dropped, repeated or changed between one request and the next."""
    await written(talks)


async def test_a_window_that_moves_on_is_not_copied() -> None:
    """AG21: once the oldest runs are archived, each request begins later in the talk than the one before."""
    talk = [str(n) for n in range(30)]
    events = await written([talk[n : n + 10] for n in range(0, 20, 2)])
    assert [len(event.added) for event in events] == [10] + [2] * 9
    assert [event.skip for event in events] == [0] + [2] * 9
