"""Presence: whose id it is, what is news, what goes to everybody."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plait.protocol.awareness import Entry, Registry, decode, encode
from plait.protocol.errors import Refused
from plait.protocol.limits import AWARENESS_BYTES, AWARENESS_GONE, AWARENESS_IDS

ANN, BOB, EVE = "ann", "bob", "eve"


def said(*entries: tuple[int, int, Any]) -> bytes:
    return encode(Entry(client, clock, json.dumps(state).encode()) for client, clock, state in entries)


def heard(payload: bytes | None) -> list[tuple[int, int, Any]]:
    return [] if payload is None else [(e.client, e.clock, json.loads(e.state)) for e in decode(payload)]


def person(**fields: Any) -> dict[str, Any]:
    return {**fields, "user": {**fields.get("user", {}), "role": "person"}}


def test_a_newer_clock_is_news_for_everybody():
    """AW1, AW5: and so is a renewal of the same state."""
    registry = Registry()
    assert heard(registry.receive("1", said((7, 1, {"x": 1})), author=ANN)) == [(7, 1, person(x=1))]
    assert registry.receive("1", said((7, 1, {"x": 2})), author=ANN) is None
    assert heard(registry.receive("1", said((7, 2, {"x": 1})), author=ANN)) == [(7, 2, person(x=1))]
    assert heard(registry.full()) == [(7, 2, person(x=1))]


def test_null_at_the_same_clock_removes_once():
    """AW1: as stock clients leave."""
    registry = Registry()
    registry.receive("1", said((7, 1, {})), author=ANN)
    assert heard(registry.receive("1", said((7, 1, None)), author=ANN)) == [(7, 1, None)]
    assert registry.receive("1", said((7, 1, None)), author=ANN) is None
    assert registry.full() is None
    assert heard(registry.receive("1", said((7, 2, {})), author=ANN)) == [(7, 2, person())]


def test_the_initial_state_claims_its_id_and_shows_nothing():
    """AW2: clock 0 is never shown by any client."""
    registry = Registry()
    assert registry.receive("1", said((7, 0, {})), author=ANN) is None
    assert registry.full() is None
    assert registry.receive("2", said((7, 1, {"fake": 1})), author=BOB) is None
    assert heard(registry.receive("1", said((7, 1, {})), author=ANN)) == [(7, 1, person())]


def test_an_id_belongs_to_the_first_that_announces_it():
    """AW3: others repeat what they hear, or forge it; nothing of that is heard."""
    registry = Registry()
    registry.receive("1", said((7, 5, {"x": 1})), author=ANN)
    assert registry.receive("2", said((7, 5, {"x": 1})), author=BOB) is None
    assert registry.receive("2", said((7, 9, {"x": 2}), (7, 9, None)), author=BOB) is None
    assert heard(registry.receive("2", said((7, 9, {}), (8, 1, {})), author=BOB)) == [(8, 1, person())]


def test_the_same_author_moves_an_id_to_a_new_socket():
    """AW4: a reconnection; the old socket's end then removes nothing."""
    registry = Registry()
    registry.receive("old", said((7, 5, {"x": 1})), author=ANN)
    assert heard(registry.receive("new", said((7, 6, {"x": 1})), author=ANN)) == [(7, 6, person(x=1))]
    assert registry.leave("old") is None
    assert heard(registry.leave("new")) == [(7, 6, None)]


def test_a_tab_that_has_an_id_takes_no_other_tabs_id():
    """AW4: tabs of one browser hear each other before the server does, and relay it."""
    registry = Registry()
    registry.receive("1", said((7, 1, {})), author=ANN)
    registry.receive("2", said((8, 1, {})), author=ANN)
    assert registry.receive("2", said((7, 2, {})), author=ANN) is None
    assert heard(registry.leave("2")) == [(8, 1, None)]


def test_who_left_does_not_rise_again():
    """AW6: an old state that somebody repeats stays dead, and only its author has the id again, with a newer clock."""
    registry = Registry()
    registry.receive("1", said((7, 5, {"x": 1})), author=ANN)
    assert heard(registry.leave("1")) == [(7, 5, None)]
    assert registry.leave("1") is None
    assert registry.receive("2", said((7, 5, {"x": 1})), author=ANN) is None
    assert registry.receive("2", said((7, 6, {"x": 1})), author=BOB) is None
    assert heard(registry.receive("3", said((7, 6, {"x": 1})), author=ANN)) == [(7, 6, person(x=1))]


def test_the_memory_of_who_left_is_bounded():
    """AW6: AWARENESS_GONE ids, the latest."""
    registry = Registry()
    for client in range(AWARENESS_GONE + 1):
        registry.receive("1", said((client, 5, {})), author=ANN)
        registry.leave("1")
    assert registry.receive("2", said((1, 5, {})), author=ANN) is None
    assert heard(registry.receive("2", said((0, 5, {})), author=ANN)) == [(0, 5, person())]


def test_name_and_role_are_the_grants():
    """AW7: every other field is the client's."""
    registry = Registry()
    state = {"user": {"name": "root", "role": "agent", "color": "#f00"}, "cursor": {"anchor": 1.5}, "z": None}
    shown = heard(registry.receive("1", said((7, 1, state)), author=ANN, name="Ann Ü"))[0][2]
    assert shown == {**state, "user": {"name": "Ann Ü", "role": "person", "color": "#f00"}}
    assert heard(registry.receive("1", said((7, 2, {"user": "x"})), author=ANN))[0][2] == person()


def test_ids_and_bytes_of_a_connection_are_limited():
    """AW8: what goes beyond is dropped, the rest is taken."""
    registry = Registry()
    many = said(*((client, 1, {}) for client in range(1, AWARENESS_IDS + 3)))
    assert len(heard(registry.receive("1", many, author=ANN))) == AWARENESS_IDS
    half = {"x": "y" * (AWARENESS_BYTES // 2)}
    assert heard(registry.receive("2", said((91, 1, half), (92, 1, half)), author=ANN)) == [(91, 1, person(**half))]
    assert registry.receive("2", said((91, 2, {"x": "y" * AWARENESS_BYTES})), author=ANN) is None
    assert heard(registry.receive("2", said((92, 2, {})), author=ANN)) == [(92, 2, person())]


@pytest.mark.parametrize(
    "state", [b"", b"[]", b"1", b"{", b'{"x":NaN}', b'{"x":1e999}', b"\xff", b'{"x":"\xed\xa0\x80"}', b"[" * 3000]
)
def test_a_state_that_is_no_object_is_a_bad_frame(state: bytes):
    """AW9: and nothing of its frame is taken."""
    registry = Registry()
    with pytest.raises(Refused) as refused:
        registry.receive("1", encode([Entry(7, 1, b"{}"), Entry(8, 1, state)]), author=ANN)
    assert refused.value.code == "bad-frame"
    assert registry.full() is None


def test_half_an_emoji_is_kept_as_its_escape():
    """AW9: JavaScript writes it so when a name is cut inside an emoji."""
    registry = Registry()
    payload = registry.receive("1", encode([Entry(7, 1, b'{"x":"\\ud83d"}')]), author=ANN)
    assert payload is not None
    assert b"\\ud83d" in payload


def test_agents_are_the_servers():
    """AW10: no client has their ids, and they are renewed."""
    registry = Registry()
    assert registry.receive("1", said((99, 4, {})), author=EVE)
    assert heard(registry.announce(99, {"user": {"name": "a", "role": "agent"}}))[0][:2] == (99, 5)
    assert registry.receive("1", said((99, 6, {})), author=EVE) is None
    assert registry.receive("2", said((99, 6, {})), author="plait") is None
    assert heard(registry.renew()) == [(99, 6, {"user": {"name": "a", "role": "agent"}})]
    assert heard(registry.withdraw(99)) == [(99, 6, None)]
    assert registry.withdraw(99) is None
    assert registry.renew() is None
    assert registry.leave("1") is None


_states = st.sampled_from([b"null", b"{}", b'{"x":1}', b"7", b"x"])
_entries = st.lists(st.builds(Entry, st.integers(0, 5), st.integers(0, 4), _states), max_size=4)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([ANN, BOB]), _entries | st.none()), max_size=30))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_what_was_broadcast_is_what_joiners_are_told(story: list[tuple[int, str, list[Entry] | None]]):
    """AW11: a stock client that heard every broadcast holds the same states as one that joins now."""
    registry = Registry()
    clocks: dict[int, int] = {}
    states: dict[int, bytes] = {}
    for owner, author, entries in story:
        connection = (owner, author)
        try:
            payload = (
                registry.leave(connection)
                if entries is None
                else registry.receive(connection, encode(entries), author=author)
            )
        except Refused:
            continue
        for client, clock, state in decode(payload or b"\x00"):
            known = clocks.get(client, 0)
            assert clock > known or (clock == known and state == b"null" and client in states)
            clocks[client] = clock
            if state == b"null":
                states.pop(client, None)
            else:
                states[client] = state
    assert {e.client: e.state for e in decode(registry.full() or b"\x00")} == states


def test_a_server_that_was_restarted_is_newer_than_what_tabs_remember() -> None:
    """SD5: the clock of what the house announces begins above its epoch's floor."""
    first, second = Registry(), Registry()
    befores = [decode(first.announce(7, {"status": "thinking"}, 1 << 20))[0] for _ in range(3)]
    (after,) = decode(second.announce(7, {"status": "thinking"}, 2 << 20))
    assert (befores[-1].client, after.client) == (7, 7)
    assert befores[-1].clock == (1 << 20) + 3
    assert after.clock == (2 << 20) + 1
