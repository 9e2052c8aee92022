"""One wait for many sockets: what each of them says, how each wait ends, and that it ends alone."""

import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import trio
import trio.testing
from plait.runtime.server.arrivals import arrivals
from plait.runtime.server.stream import PushStream


class Ends(NamedTuple):
    """The server's stream, and the client's socket."""

    stream: PushStream
    client: socket.socket


@asynccontextmanager
async def connected(count: int) -> AsyncIterator[list[Ends]]:
    """So many sockets."""
    async with trio.open_nursery() as nursery:
        pairs = [socket.socketpair() for _ in range(count)]
        inner = [trio.SocketStream(trio.socket.from_stdlib_socket(ours)) for ours, _ in pairs]
        yield [Ends(PushStream(stream, nursery), theirs) for stream, (_, theirs) in zip(inner, pairs, strict=True)]
        for stream, (_, theirs) in zip(inner, pairs, strict=True):
            stream.socket.close()
            theirs.close()
        nursery.cancel_scope.cancel()


def collecting(into: list[bytes], enough: int) -> Callable[[bytes], bool]:
    """What takes so many bytes, or what there is."""

    def take(data: bytes) -> bool:
        into.append(data)
        return not data or sum(map(len, into)) >= enough

    return take


async def test_each_is_told_what_it_was_sent_until_it_has_enough() -> None:
    """SV42: by turns, in pieces; and what comes after is for the next wait."""
    async with connected(200) as ends:
        heard: list[list[bytes]] = [[] for _ in ends]
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for got, (stream, _) in zip(heard, ends, strict=True):
                    nursery.start_soon(stream.receive, collecting(got, 6))
                for said in (b"one", b"two"):
                    await trio.testing.wait_all_tasks_blocked()
                    for _, client in ends:
                        client.send(said)
            assert {b"".join(got) for got in heard} == {b"onetwo"}
            assert {stream.heard for stream, _ in ends} == {6}
            ends[0].client.send(b"late")
            late: list[bytes] = []
            await ends[0].stream.receive(collecting(late, 4))
            assert late == [b"late"]


async def test_a_wait_ends_alone() -> None:
    """SV42: the end, a broken socket, a closed one, a cancelled wait, and a reader that fails."""
    async with connected(6) as ends:
        rest: list[bytes] = []

        def fail(_: bytes) -> bool:
            raise ValueError("bad")

        async def ends_with(error: type[Exception], number: int, take: Callable[[bytes], bool]) -> None:
            with pytest.raises(error):
                await ends[number].stream.receive(take)

        with trio.fail_after(60):
            async with trio.open_nursery() as others:
                others.start_soon(ends[5].stream.receive, collecting(rest, 8))
                async with trio.open_nursery() as nursery:
                    ended: list[bytes] = []
                    nursery.start_soon(ends[0].stream.receive, collecting(ended, 9))
                    nursery.start_soon(ends_with, trio.ClosedResourceError, 1, collecting([], 9))
                    nursery.start_soon(ends_with, ValueError, 2, fail)
                    with trio.move_on_after(0.01) as waiting:
                        await ends[3].stream.receive(collecting([], 9))
                    assert waiting.cancelled_caught
                    ends[0].client.close()
                    ends[2].client.send(b"x")
                    await ends[1].stream.aclose()
                assert ended == [b""]
                for at, (_, client) in enumerate(ends[3:]):
                    client.send(b"still %d!" % at)
            assert rest == [b"still 2!"]
            kept: list[bytes] = []
            await ends[3].stream.receive(collecting(kept, 8))
            assert kept == [b"still 0!"]


@pytest.mark.skipif(sys.platform != "linux", reason="Where there is no epoll, Trio waits.")
async def test_who_does_not_wait_is_forgotten() -> None:
    """SV42: the number of a socket that was closed may be another's."""
    async with connected(1) as ends:
        found = arrivals()
        assert found is not None
        assert found is arrivals()
        calls: list[int] = []
        called = trio.Event()
        fd = ends[0].client.fileno()
        found.watch(fd, lambda: calls.append(1))
        found.forget(fd)
        found.forget(fd)

        def call() -> None:
            calls.append(2)
            found.forget(fd)
            called.set()

        found.watch(fd, call)
        ends[0].stream.push(b"x")
        with trio.fail_after(60):
            await called.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert calls == [2]
