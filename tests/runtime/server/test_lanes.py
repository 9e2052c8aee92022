"""Many outboxes on one socket that takes bytes only when it is told to."""

from typing import cast

import trio
from plait.protocol import frames, limits
from plait.protocol.access import ANONYMOUS, Grant
from plait.protocol.names import Target
from plait.runtime.auth.gate import Gate
from plait.runtime.auth.held import Held
from plait.runtime.room.tab import Delta, Presence
from plait.runtime.server import wire
from plait.runtime.server.hocuspocus_tab import HocuspocusTab
from plait.runtime.server.lanes import Lanes, Turns
from plait.runtime.server.outbox import Outbox
from plait.runtime.server.rooms import Room
from plait.runtime.server.stream import PushStream
from trio.testing import lockstep_stream_pair, wait_all_tasks_blocked

BIG = bytes(1000)


class Stall:
    """Three outboxes over a stream whose other end reads only in `drain`."""

    def __init__(self, nursery: trio.Nursery) -> None:
        inner, self.reader = lockstep_stream_pair()
        self.said: list[str] = []
        self.lanes = Lanes(
            PushStream(inner, nursery), overflow=lambda: self.said.append("overflow"), moved=lambda: None
        )
        self.a, self.b, self.c = (self._open(name) for name in "abc")

    def _open(self, name: str) -> Outbox:
        return self.lanes.open(catch_up=lambda: self.said.append(f"{name} is behind"))

    async def stall(self) -> None:
        self.a.keep(b"<first>")
        await wait_all_tasks_blocked()

    async def drain(self) -> bytes:
        got = bytearray()

        async def read() -> None:
            while True:
                got.extend(await self.reader.receive_some())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        return bytes(got)


async def test_each_keeps_its_order(nursery: trio.Nursery) -> None:
    """HP8: lines leave by turns, each in its own order; a closed one says nothing more."""
    stall = Stall(nursery)
    await stall.stall()
    for number in b"123":
        stall.a.droppable(b"<a%c>" % number, b"sv")
        stall.b.keep(b"<b%c>" % number)
        stall.c.keep(b"<c%c>" % number)
    stall.lanes.close(stall.c)
    stall.c.keep(b"<late>")
    assert await stall.drain() in (b"<first><a1><a2><a3><b1><b2><b3>", b"<first><b1><b2><b3><a1><a2><a3>")
    stall.c.keep(b"<late>")
    assert stall.lanes.clear
    assert await stall.drain() == b""


async def test_a_busy_document_drops_its_own_deltas(nursery: trio.Nursery) -> None:
    """HP12: what waits is bounded over all documents, and one that has more than its share drops what is its own."""
    stall = Stall(nursery)
    await stall.stall()
    stall.b.droppable(b"<quiet>", b"sv")
    most = 0
    for number in range(5_000):
        stall.a.droppable(BIG, b"sv%d" % number)
        most = max(most, stall.lanes.waiting)
    assert limits.OUTBOX_BYTES / 8 < most <= limits.OUTBOX_BYTES
    assert stall.a.behind == b"sv0"
    assert stall.b.behind is None
    assert await stall.drain() == b"<first><quiet>"
    assert stall.said == ["a is behind"]
    stall.a.keep(b"<answer>")
    stall.a.merged(b"<merged>")
    assert await stall.drain() == b"<merged><answer>"


async def test_answers_are_summed_up(nursery: trio.Nursery) -> None:
    """HP12: answers of all documents together end the socket beyond ANSWERS_BYTES; a step 2 is not among them."""
    stall = Stall(nursery)
    await stall.stall()
    stall.b.keep_large(bytes(2 * limits.ANSWERS_BYTES))
    for outbox in (stall.a, stall.b, stall.c):
        outbox.keep(bytes(limits.ANSWERS_BYTES // 2))
    assert stall.said == []
    stall.a.keep(b"one more")
    assert stall.said == ["overflow"]


async def test_whole_documents_leave_one_at_a_time(nursery: trio.Nursery) -> None:
    """HP12: the next is asked for when the one before was answered and has left."""
    stall = Stall(nursery)
    turns = Turns(lambda: stall.lanes.waiting <= 1000)
    asked: list[str] = []
    a, b, c, d = names = ["a", "b", "c", "d"]
    for who in names:
        turns.enter(who, lambda who=who: asked.append(who))
    assert asked == ["a"]
    stall.a.keep_large(bytes(5000))
    await wait_all_tasks_blocked()
    turns.over(a)
    assert asked == ["a"]
    await stall.drain()
    turns.go_on()
    assert asked == ["a", "b"]
    turns.leave(c)
    assert asked == ["a", "b"]
    turns.leave(b)
    assert asked == [a, b, d]


class Caught:
    """A socket and a room at once, which remember for whom a merged update was asked."""

    crowd = 0

    def __init__(self) -> None:
        self.turns = Turns(lambda: True)
        self.asked: list[HocuspocusTab] = []

    def end_document(self, tab: HocuspocusTab, code: int, reason: str) -> None: ...

    def moved(self) -> None: ...

    def look_again(self) -> None: ...

    def catch_up(self, tab: HocuspocusTab) -> None:
        self.asked.append(tab)


async def unasked(token: str) -> Grant:
    raise AssertionError("nobody asks for a renewal")


async def test_who_was_caught_up_unasked_gives_its_turn_away(nursery: trio.Nursery) -> None:
    """HP12: a room that was read again sends all tabs what they lack, in its own order, and nobody's turn is left
    waiting for an answer that will not come."""
    both = Caught()
    stall, gate = Stall(nursery), Gate()
    tabs: list[HocuspocusTab] = []
    for name, outbox in (("a", stall.a), ("b", stall.b), ("c", stall.c)):
        held = Held(gate, ANONYMOUS, "r", unasked)
        tab = HocuspocusTab(frames.write_string(name), Target("doc", "r", name), held, both)
        tab.outbox, tab._room, outbox.behind = outbox, cast("Room", both), b"\x00"
        tabs.append(tab)
        tab.ask_catch_up()
    assert both.asked == tabs[:1]
    for tab in reversed(tabs):
        tab.catch_up(b"\x00\x00", b"")
    later: list[str] = []
    both.turns.enter("later", lambda: later.append("asked"))
    assert later == ["asked"]


def test_a_frame_is_made_once_for_each_key() -> None:
    """HP14: the same bytes for every socket with that key, others for another key and for y-websocket."""
    delta, presence = Delta("", 1, (b"\x00\x00", b"\x00\x00"), b"\x00"), Presence(b"\x00")
    one, two = frames.write_string("one"), frames.write_string("two")
    assert wire.delta_frames(delta, one) is wire.delta_frames(delta, one)
    assert wire.delta_frames(delta, two) == wire.binary(two + frames.update(b"\x00\x00")) * 2
    assert wire.presence_frame(presence, one) is wire.presence_frame(presence, one)
    assert wire.presence_frame(presence, two) == wire.binary(two + frames.awareness(b"\x00"))
    assert wire.delta_frames(delta, b"") == wire.binary(frames.update(b"\x00\x00")) * 2
