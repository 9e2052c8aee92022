"""The outbox and the stream under it, with a socket that takes bytes only when it is told to."""

from collections.abc import AsyncIterator

import pytest
import trio
from plait.protocol import limits
from plait.runtime.server.outbox import Outbox
from plait.runtime.server.stream import PushStream
from trio.testing import lockstep_stream_pair, wait_all_tasks_blocked


class Stall:
    """An outbox over a stream whose other end reads only in `drain`: everything but the first write waits."""

    def __init__(self, nursery: trio.Nursery) -> None:
        inner, self.reader = lockstep_stream_pair()
        self.stream = PushStream(inner, nursery)
        self.asked: list[str] = []
        self.outbox = Outbox(
            self.stream,
            catch_up=lambda: self.asked.append("catch-up"),
            ask_presence=lambda: self.asked.append("presence"),
            overflow=lambda: self.asked.append("overflow"),
            cleared=lambda: self.asked.append("cleared"),
        )

    async def stall(self) -> None:
        """A first frame begins to leave and does not get through."""
        self.outbox.droppable(b"<first>", b"sv0")
        await wait_all_tasks_blocked()

    async def drain(self) -> bytes:
        """Read until nothing more comes."""
        got = bytearray()

        async def read() -> None:
            while True:
                got.extend(await self.reader.receive_some())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        return bytes(got)

    async def try_to_send(self, frame: bytes) -> None:
        """The library writes a frame, which cannot get through, and gives up."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.stream.send_all, frame)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()


@pytest.fixture
async def stalled(nursery: trio.Nursery) -> AsyncIterator[Stall]:
    stall = Stall(nursery)
    await stall.stall()
    yield stall
    nursery.cancel_scope.cancel()


BIG = bytes(1000)


async def test_what_waits_is_bounded(stalled: Stall) -> None:
    """SV15: a tab that takes nothing holds at most OUTBOX_BYTES, however much is pushed at it."""
    most = 0
    for number in range(5_000):
        stalled.outbox.droppable(BIG, b"sv%d" % number)
        most = max(most, stalled.outbox.waiting)
    assert limits.OUTBOX_BYTES / 2 < most <= limits.OUTBOX_BYTES + len(BIG)
    assert stalled.outbox.waiting < 100
    assert stalled.outbox.behind == b"sv0"


async def test_one_merged_update_and_then_what_was_kept(stalled: Stall) -> None:
    """SV15, SV16: what had begun to leave leaves, one catch-up is asked for, and answers come after it in order."""
    stalled.outbox.droppable(b"<dropped>", b"sv1")
    stalled.outbox.keep(b"<answer 1>")
    while stalled.outbox.behind is None:
        stalled.outbox.droppable(BIG, b"sv2")
    stalled.outbox.keep(b"<answer 2>")
    stalled.outbox.droppable(b"<dropped too>", b"sv3")
    assert stalled.outbox.behind == b"sv1"
    assert await stalled.drain() == b"<first>"
    assert stalled.asked == ["catch-up"]
    stalled.outbox.droppable(b"<dropped as well>", b"sv4")
    stalled.outbox.keep(b"<answer 3>")
    assert await stalled.drain() == b""
    stalled.outbox.merged(b"<merged>")
    stalled.outbox.droppable(b"<live>", b"sv5")
    assert await stalled.drain() == b"<merged><answer 1><answer 2><answer 3><live>"
    assert stalled.asked == ["catch-up", "cleared"]
    assert stalled.outbox.behind is None
    assert stalled.outbox.catch_ups == 1


async def test_a_slow_tab_that_keeps_up_drops_nothing(stalled: Stall) -> None:
    """SV16: below the limit everything arrives, in order."""
    for number in range(100):
        stalled.outbox.droppable(b"<%d>" % number, b"sv")
    assert await stalled.drain() == b"<first>" + b"".join(b"<%d>" % number for number in range(100))
    assert stalled.asked == ["cleared"]


async def test_answers_are_bounded(stalled: Stall) -> None:
    """SV17: kept frames beyond ANSWERS_BYTES end the socket; one alone may be larger."""
    stalled.outbox.keep(bytes(limits.ANSWERS_BYTES + 1))
    assert stalled.asked == []
    stalled.outbox.keep(b"one more")
    assert stalled.asked == ["overflow"]
    assert stalled.outbox.waiting < 100


async def test_a_dropped_echo_is_kept(stalled: Stall) -> None:
    """SV18: the sender's echo is sent if its delta is dropped, before or after it was acknowledged, and else is not."""
    stalled.outbox.droppable(b"<mine>", b"sv1")
    stalled.outbox.acknowledged(b"<echo 1>")
    while stalled.outbox.behind is None:
        stalled.outbox.droppable(BIG, b"sv2")
    stalled.outbox.acknowledged(b"<echo 2>")
    await stalled.drain()
    stalled.outbox.merged(b"<merged>")
    stalled.outbox.droppable(b"<mine again>", b"sv3")
    stalled.outbox.acknowledged(b"<echo 3>")
    assert await stalled.drain() == b"<merged><echo 1><echo 2><mine again>"


async def test_lost_presence_is_asked_for_again(stalled: Stall) -> None:
    """SV15: presence that was dropped while no delta was is asked for once the socket has drained."""
    for _ in range(limits.OUTBOX_BYTES // len(BIG) + 1):
        stalled.outbox.droppable(BIG, None)
    assert stalled.outbox.behind is None
    assert await stalled.drain() == b"<first>"
    assert stalled.asked == ["presence", "cleared"]


async def test_the_librarys_frames_never_mix_with_ours(stalled: Stall, nursery: trio.Nursery) -> None:
    """SV19: a pong that is sent while frames wait goes out whole, between frames, and its sender waits for it."""
    sent: list[str] = []

    async def pong() -> None:
        await stalled.stream.send_all(b"<pong>")
        sent.append("pong")

    stalled.outbox.droppable(b"<second>", b"sv1")
    nursery.start_soon(pong)
    await wait_all_tasks_blocked()
    assert sent == []
    assert await stalled.drain() == b"<first><pong><second>"
    assert sent == ["pong"]


async def test_what_waits_leaves_with_what_follows(nursery: trio.Nursery) -> None:
    """SV43: an answer, a flush, or the library's pong takes it along, and before them nothing has left."""
    stall = Stall(nursery)
    stall.outbox.droppable(b"<one>", b"sv0", wait=True)
    stall.outbox.droppable(b"<two>", b"sv1", wait=True)
    assert await stall.drain() == b""
    stall.outbox.keep(b"<answer>")
    assert await stall.drain() == b"<one><two><answer>"
    stall.outbox.droppable(b"<three>", b"sv2", wait=True)
    stall.outbox.flush()
    stall.outbox.flush()
    assert await stall.drain() == b"<three>"
    stall.outbox.droppable(b"<four>", b"sv3", wait=True)
    nursery.start_soon(stall.stream.send_all, b"<pong>")
    assert await stall.drain() == b"<four><pong>"


async def test_a_cancelled_write_is_not_cut(stalled: Stall) -> None:
    """SV19: cancelling the library's write leaves no half frame."""
    await stalled.try_to_send(b"<pong>")
    assert await stalled.drain() == b"<first><pong>"


async def test_nothing_follows_a_close_frame(stalled: Stall) -> None:
    """SV19: what is pushed after the library's close frame is dropped, what waited before it is not sent either."""
    stalled.outbox.droppable(b"<second>", b"sv1")
    await stalled.try_to_send(b"\x88\x00")
    stalled.stream.push(b"<late>")
    stalled.outbox.keep(b"<late answer>")
    assert await stalled.drain() == b"<first>\x88\x00"


async def test_a_broken_socket_is_no_error(nursery: trio.Nursery) -> None:
    """SV19: pushing to a socket whose peer is gone does nothing; only the library's own write is told."""
    stall = Stall(nursery)
    await stall.reader.aclose()
    stall.outbox.droppable(b"x", b"sv")
    await wait_all_tasks_blocked()
    stall.outbox.droppable(b"y", b"sv")
    stall.outbox.keep(b"z")
    assert stall.stream.over
    with pytest.raises(trio.BrokenResourceError):
        await stall.stream.send_all(b"pong")


async def test_over_a_real_socket(nursery: trio.Nursery) -> None:
    """SV15, SV16, SV19: the same over loopback, where the kernel takes what it likes: frames are whole and in order."""
    server, client = await _loopback(nursery)
    stream = PushStream(server, nursery)
    outbox = Outbox(
        stream,
        catch_up=lambda: outbox.merged(b"merged\n"),
        ask_presence=lambda: None,
        overflow=lambda: None,
        cleared=lambda: None,
    )
    pushed = 0
    while outbox.behind is None:
        outbox.droppable(b"%07d" % pushed + BIG + b"\n", b"%d" % pushed)
        pushed += 1
    first_dropped = int(outbox.behind)
    outbox.keep(b"answer\n")
    got = b""
    while not got.endswith(b"answer\n"):
        got += await client.receive_some()
    lines = got.split(b"\n")
    assert [int(line[:7]) for line in lines[:-3]] == list(range(first_dropped))
    assert lines[-3:] == [b"merged", b"answer", b""]
    assert outbox.waiting == 0
    await client.aclose()
    await server.aclose()


async def _loopback(nursery: trio.Nursery) -> tuple[trio.SocketStream, trio.SocketStream]:
    """Two ends of a TCP connection."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.open_tcp_stream("127.0.0.1", listeners[0].socket.getsockname()[1])
    server = await listeners[0].accept()
    await listeners[0].aclose()
    return server, client
