"""Who watches a room, without the room: who is pushed what, who is which tab, who is present."""

from typing import Any

import pytest
from plait.protocol.awareness import Entry, decode, encode
from plait.protocol.errors import Refused
from plait.runtime.room.audience import NOBODY, Audience
from plait.runtime.room.drafting import Change

from .scene import FakeTab


def change(seq: int, *updates: bytes) -> Change:
    made = Change(b"\x00")
    made.seq = seq
    made.updates.extend(updates)
    return made


def deltas(tab: FakeTab) -> list[Any]:
    return [said[1:] for said in tab.said if said[0] == "delta"]


def shown(tab: FakeTab) -> list[list[Entry]]:
    return [decode(said[1]) for said in tab.said if said[0] in ("presence", "awareness")]


def test_only_who_has_synced_is_pushed() -> None:
    """RM1, RM28: of that document, from the pass behind its step 1 on; a delta of nothing is none."""
    audience, pad, other, late = Audience(), FakeTab("pad"), FakeTab("other"), FakeTab("pad")
    for tab in (pad, other, late):
        audience.join(tab)
    for tab in (pad, other):
        audience.sync(tab)
    assert [audience.got_deltas(tab) for tab in (pad, other, late)] == [False, False, False]
    audience.publish({"pad": change(7, b"\x00\x00"), "other": change(6), "nobody's": change(7, b"\x00\x00")})
    assert (deltas(pad), deltas(other), deltas(late)) == ([(7, (b"\x00\x00",))], [], [])
    assert [audience.got_deltas(tab) for tab in (pad, other, late)] == [True, True, False]
    audience.sync(pad)  # Asking again changes nothing: it has what deltas build on.
    audience.sync(FakeTab("pad"))  # It has never come.
    assert audience.got_deltas(pad)
    audience.publish({"pad": change(8, b"\x00\x00")})
    assert [seq for seq, _ in deltas(pad)] == [7, 8]
    assert deltas(late) == []


def test_nobody_waits_for_two_passes() -> None:
    """RM42: whose edit stands far behind in the inbox is sent every second delta with the one before."""
    audience, tab = Audience(), FakeTab("pad")
    audience.join(tab)
    audience.sync(tab)
    for seq in (7, 8, 9):
        audience.publish({"pad": change(seq, b"\x00\x00")}, next_up={tab: None})
        audience.flush()
    assert tab.waits == [True, False, False, True]
    audience.publish({})
    audience.flush()
    assert tab.waits[4:] == [False]


def test_who_is_here() -> None:
    """RM26: a document is watched until its last tab has gone, and then only says so."""
    audience, tabs = Audience(), [FakeTab("pad"), FakeTab("pad"), FakeTab("")]
    for tab in tabs:
        audience.join(tab)
    assert (len(audience), audience.everybody(), tabs[0] in audience) == (3, tabs, True)
    assert (audience.watches("pad"), audience.watches("other")) == (True, False)
    assert [audience.leave(tab) for tab in (tabs[0], tabs[0], tabs[1])] == [False, False, True]
    assert (len(audience), audience.watches("pad"), tabs[0] in audience) == (1, False, False)
    audience.publish({"pad": change(7, b"\x00\x00")})
    assert deltas(tabs[1]) == []
    audience.end(1012, "restarting")
    assert [tab.said for tab in tabs] == [[], [], [("close", 1012)]]


def test_a_tab_that_left_is_owed_nothing() -> None:
    """RM23: nor warned of; who stays is told of the documents that were asked for."""
    audience, pad, other = Audience(), FakeTab("pad"), FakeTab("other")
    for tab in (pad, other):
        audience.join(tab)
        audience.owed[tab] = {7}
        audience.warned.add(tab)
    assert audience.owed_in({"pad"}) == [(pad, {7})]
    audience.leave(pad)
    assert (audience.owed, audience.warned) == ({other: {7}}, {other})


def test_a_socket_is_one_tab_at_a_time() -> None:
    """FT9: the newest socket of a tab counts; one that says to be another is the first no more."""
    audience, first, second = Audience(), FakeTab(), FakeTab()
    audience.bind(first, "a")  # It has not come yet.
    assert audience.bound == {}
    for tab in (first, second):
        audience.join(tab)
    audience.bind(first, "a")
    audience.bind(first, "a")
    assert (audience.name_of(first), audience.name_of(second), audience.name_of(None)) == ("a", "", "")
    audience.bind(second, "a")
    assert (audience.name_of(first), audience.name_of(second), audience.renamed) == ("", "a", [])
    audience.bind(second, "b")
    assert (audience.bound, audience.renamed) == ({"b": second}, ["a"])
    assert (audience.unbind(first), audience.unbind(second), audience.bound) == ("", "b", {})


def test_who_is_present() -> None:
    """AW5, AW6: presence is told to the tabs of its document, to who joins later, and taken back with its socket."""
    audience, ada, bob, other = Audience(), FakeTab("pad", "ada"), FakeTab("pad", "bob"), FakeTab("other")
    ada.name = "Ada"
    for tab in (ada, other):
        audience.join(tab)
    assert audience.present("pad") == NOBODY
    audience.aware(bob, encode([Entry(8, 1, b"{}")]))  # It has not come yet.
    assert audience.present("pad") == NOBODY
    audience.aware(ada, encode([Entry(7, 1, b"{}")]))
    entry = Entry(7, 1, b'{"user":{"name":"Ada","role":"person"}}')
    assert (shown(ada), shown(other), decode(audience.present("pad"))) == ([[entry]], [], [entry])
    audience.join(bob)
    audience.greet(bob)
    assert shown(bob) == [[entry]]
    audience.greet(other)
    assert shown(other) == [[]]
    with pytest.raises(Refused, match="JSON"):
        audience.aware(ada, encode([Entry(7, 2, b"{")]))
    audience.leave(ada)
    assert shown(bob)[-1] == [Entry(7, 1, b"null")]
    assert audience.present("pad") == NOBODY
