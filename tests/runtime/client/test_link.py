"""Links over memory streams, under a clock that jumps: silence, refusals, pauses, torn frames."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
import trio
from plait.protocol import frames, limits
from plait.protocol.access import Grant
from plait.protocol.errors import OutcomeUnknown, Refused
from plait.runtime import Agent, Runtime, connect
from plait.runtime.auth.gate import Gate
from plait.runtime.client.link import Address, Link
from plait.runtime.client.websocket import Closed, WebSocket
from plait.runtime.server.listener import Server
from plait.storage.memory import MemoryStore
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

Serve = Callable[[WebSocketConnection], Awaitable[None]]


class Scene:
    """Where a client dials to: each socket is handled by the next of `serves`, the last one again and again."""

    def __init__(self, nursery: trio.Nursery, *serves: Serve) -> None:
        self._nursery = nursery
        self._serves = list(serves)
        self.dialled: list[float] = []

    async def dial(self, address: Address) -> trio.abc.Stream:
        self.dialled.append(trio.current_time())
        serve = self._serves.pop(0) if len(self._serves) > 1 else self._serves[0]
        client, server = memory_stream_pair()
        self._nursery.start_soon(self._handle, server, serve)
        return client

    async def _handle(self, stream: trio.abc.Stream, serve: Serve) -> None:
        async with stream, trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)  # type: ignore[arg-type]
            socket = await request.accept(subprotocol="plait.v1")
            with suppress(ConnectionClosed):
                await serve(socket)
            nursery.cancel_scope.cancel()


def closes(code: int) -> Serve:
    async def serve(socket: WebSocketConnection) -> None:
        await socket.aclose(code, "Because.")

    return serve


async def hears(socket: WebSocketConnection) -> None:
    """Takes everything and says nothing."""
    while True:
        await socket.get_message()


async def keeps_alive(socket: WebSocketConnection) -> None:
    """Says what the server says to a socket to which there is nothing to say."""
    while True:
        await trio.sleep(limits.KEEPALIVE_S)
        await socket.send_message(frames.KEEPALIVE)


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


async def test_silence_is_an_end(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """CC16: a socket that says nothing is left for another one; one that is kept alive is not."""
    scene = Scene(nursery, hears, keeps_alive)
    async with connect("ws://localhost", "cage", dial=scene.dial, random=lambda: 1.0) as room:
        await trio.sleep(limits.SILENCE_S + 1)
        assert scene.dialled == [0.0, limits.SILENCE_S + limits.RECONNECT_FIRST_MS / 1000]
        assert "said nothing" in room.trouble
        await trio.sleep(100 * limits.KEEPALIVE_S)
        assert len(scene.dialled) == 2


async def test_a_handshake_that_does_not_end(autojump_clock: MockClock) -> None:
    """CC16: neither a stream that never opens nor one that never answers is waited for longer than so."""
    dialled: list[float] = []

    async def dial(address: Address) -> trio.abc.Stream:
        dialled.append(trio.current_time())
        if len(dialled) == 1:
            await trio.sleep_forever()
        return memory_stream_pair()[0]

    async with connect("ws://localhost", "cage", dial=dial, random=lambda: 1.0):
        await trio.sleep(2 * limits.CLIENT_CONNECT_S + 0.25)
    assert dialled == pytest.approx([0.0, limits.CLIENT_CONNECT_S + 0.1, 2 * limits.CLIENT_CONNECT_S + 0.2])


async def test_pauses(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """CC14, CC17: the block begins without a server; pauses double, and begin anew behind a socket that lived."""
    scene = Scene(nursery, keeps_alive)
    refused_s: list[float] = []

    async def dial(address: Address) -> trio.abc.Stream:
        if len(refused_s) < 9:
            refused_s.append(trio.current_time())
            raise ConnectionRefusedError("Nobody is there.")
        return await scene.dial(address)

    async with connect("ws://localhost", "cage", dial=dial, random=lambda: 1.0) as room:
        await trio.sleep(1)
        assert room.status == "waiting"
        assert room.trouble == "Nobody is there."
        await trio.sleep(60)
        assert room.status == "connected"
    times = [*refused_s, *scene.dialled]
    gaps = [round(after - before, 6) for before, after in pairwise(times)]
    assert gaps == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


async def test_a_useless_server_is_asked_ever_more_rarely(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """CC14: a socket that opens and ends at once counts as useless, one that lived does not."""

    async def lives(socket: WebSocketConnection) -> None:
        await trio.sleep(20)
        await socket.aclose(1012)

    scene = Scene(nursery, closes(1013), closes(1013), closes(1013), lives, keeps_alive)
    async with connect("ws://localhost", "cage", dial=scene.dial, random=lambda: 1.0):
        await trio.sleep(60)
    gaps = [round(after - before, 6) for before, after in pairwise(scene.dialled)]
    assert gaps == [0.1, 0.2, 0.4, 20.1]


@pytest.mark.parametrize(("close", "code"), [(4400, "bad-request"), (4404, "no-such-room"), (1009, "too-large")])
async def test_a_close_that_is_an_answer(nursery: trio.Nursery, close: int, code: str) -> None:
    """CC15: the reason is raised by whoever waits and by every later call; nobody dials again."""
    scene = Scene(nursery, closes(close))
    async with connect("ws://localhost", "cage", dial=scene.dial) as room:
        for ask in (room.document, lambda: room.prompt("Go"), lambda: anext(room.follow())):
            with pytest.raises(Refused, match=f"{code}: Because.*{close}"):
                await ask()
        assert room.status == "ended"
        assert str(close) in room.trouble


async def test_a_command_that_was_sent_and_then_nothing(nursery: trio.Nursery) -> None:
    """CC15: nobody knows whether it happened, and the reason is beside it."""

    async def takes_one(socket: WebSocketConnection) -> None:
        await socket.get_message()
        await socket.aclose(4404)

    scene = Scene(nursery, takes_one)
    async with connect("ws://localhost", "cage", dial=scene.dial) as room:
        with pytest.raises(OutcomeUnknown) as unknown:
            await room.prompt("Go")
        assert isinstance(unknown.value.__cause__, Refused)


async def test_unknown_is_asked_again(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """CC3: under the same id, on a new socket, after a pause."""
    heard: list[str | bytes] = []

    async def does_not_know(socket: WebSocketConnection) -> None:
        heard.append(await socket.get_message())
        await socket.send_message('{"id":"1","unknown":{"code":"outcome-unknown"}}')
        await hears(socket)

    async def knows(socket: WebSocketConnection) -> None:
        heard.append(await socket.get_message())
        await socket.send_message('{"id":"1","ok":{"seq":1,"run":"000000000001"}}')
        await hears(socket)

    scene = Scene(nursery, does_not_know, does_not_know, knows)
    async with connect("ws://localhost", "cage", dial=scene.dial, random=lambda: 1.0) as room:
        assert await room.prompt("Go", id="1") == "000000000001"
    assert len(heard) == 3
    assert len(set(heard)) == 1
    assert [round(time, 6) for time in scene.dialled] == [0, 0.1, 0.3]


@pytest.mark.parametrize("said", ["no json", b"\x00\x02\x05a"])
async def test_what_cannot_be_read(nursery: trio.Nursery, said: str | bytes) -> None:
    """CC20: it ends the client with a code; what is merely unknown is passed over."""

    async def serve(socket: WebSocketConnection) -> None:
        await socket.send_message('{"news":1}')
        await socket.send_message(b"\x7f")
        await socket.get_message()
        await socket.send_message(said)
        await hears(socket)

    scene = Scene(nursery, serve)
    async with connect("ws://localhost", "cage", dial=scene.dial) as room:
        with pytest.raises(Refused, match=r"bad-json|bad-frame"):
            await room.document()


@asynccontextmanager
async def real(nursery: trio.Nursery, grant: Grant) -> AsyncIterator[Callable[[Address], Awaitable[trio.abc.Stream]]]:
    """The real server over memory streams."""
    async with Runtime(MemoryStore(), [Agent("parrot", "echo")]) as runtime:
        server = Server(runtime.rooms, gate=Gate(lambda asker: grant))

        async def dial(address: Address) -> trio.abc.Stream:
            client, there = memory_stream_pair()
            nursery.start_soon(server.handle, there)
            return client

        yield dial


async def test_the_real_server_refuses(nursery: trio.Nursery) -> None:
    """CC12, CC15: a socket, an address and a command that the real server does not allow."""
    async with real(nursery, Grant(read=False)) as dial:
        async with connect("ws://localhost", "cage", dial=dial) as room:
            with pytest.raises(Refused, match=r"not-allowed.*4403"):
                await room.document()
        async with connect("ws://elsewhere.example", "cage", dial=dial) as room:
            with pytest.raises(Refused, match=r"not-allowed.*403"):
                await room.document()
    async with real(nursery, Grant(prompt=False)) as dial, connect("http://localhost", "cage", dial=dial) as room:
        with pytest.raises(Refused, match="not-allowed"):
            await room.prompt("Go")
        await room.document()


async def test_a_withdrawn_command_is_never_sent(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """CC5: whoever gave up before there was a server does not find it done an hour later."""
    heard: list[str | bytes] = []

    async def serve(socket: WebSocketConnection) -> None:
        heard.append(await socket.get_message())
        await socket.send_message('{"id":"2","ok":{"seq":1}}')
        await hears(socket)

    scene = Scene(nursery, serve)

    async def dial(address: Address) -> trio.abc.Stream:
        if trio.current_time() < 5:
            raise OSError("Nobody is there.")
        return await scene.dial(address)

    async with connect("ws://localhost", "cage", dial=dial) as room:
        with trio.move_on_after(4):
            await room.stop(id="1")
        await room.stop(id="2")
    (first,) = heard
    assert '"2"' in str(first)


class _Stuck(trio.abc.SendStream):
    """Takes three bytes of a frame, and then nothing for ever."""

    def __init__(self) -> None:
        self.sent = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)[:3]
        await trio.sleep_forever()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_nothing_follows_a_torn_frame(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """CC19: its rest would be taken for the torn frame's, which would then be another one."""
    client, server = memory_stream_pair()
    scene = Scene(nursery, hears)
    stuck = _Stuck()
    stream = await scene.dial(Address.parse("ws://localhost"))
    assert isinstance(stream, trio.StapledStream)
    socket = WebSocket(stream)
    assert await socket.shake_hands("localhost", "/rooms/cage", ["plait.v1"]) == "plait.v1"
    stream.send_stream = stuck
    with trio.move_on_after(1):
        await socket.send("A long message")
    await socket.close()
    assert len(stuck.sent) == 3
    await client.aclose()
    with pytest.raises(Closed, match="1006"):
        await WebSocket(server).shake_hands("localhost", "/", [])


class _Full:
    """A machine that takes three messages, and more when it is told to."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []
        self.room = 3

    @property
    def ready(self) -> bool:
        return len(self.heard) < self.room

    def connected(self) -> None:
        pass

    def lost(self) -> None:
        pass

    def outgoing(self) -> list[str | bytes]:
        return []

    def receive(self, message: str | bytes) -> None:
        self.heard.append(message)


async def test_reading_pauses_while_there_is_no_room(nursery: trio.Nursery) -> None:
    """CC7: what was not read waits in the socket, and comes when there is room."""

    async def serve(socket: WebSocketConnection) -> None:
        for n in range(9):
            await socket.send_message(str(n))
        await hears(socket)

    scene = Scene(nursery, serve)
    full = _Full()
    link = Link(Address.parse("ws://localhost"), "/rooms/cage", lambda: 0.0, scene.dial)
    link.add(full)
    async with trio.open_nursery() as running:
        running.start_soon(link.run)
        await wait_all_tasks_blocked()
        assert full.heard == ["0", "1", "2"]
        full.room = 5
        link.wake()
        await wait_all_tasks_blocked()
        assert full.heard == ["0", "1", "2", "3", "4"]
        running.cancel_scope.cancel()


async def test_a_link_says_how_it_is(nursery: trio.Nursery) -> None:
    """CC17: from its first socket to its end."""
    scene = Scene(nursery, keeps_alive)
    link = Link(Address.parse("https://example.org:444/base"), "/rooms/cage", lambda: 0.0, scene.dial)
    assert link.status == "connecting"
    async with trio.open_nursery() as running:
        running.start_soon(link.run)
        while link.status != "connected":
            await link.changed()
        assert link.sockets == 1
        running.cancel_scope.cancel()
    assert link.status == "ended"
    with pytest.raises(Refused, match="left"):
        link.check()


async def nobody(_: Address) -> trio.abc.Stream:
    raise ConnectionRefusedError("nobody listens")


async def test_a_timeout_in_a_block_is_a_timeout(autojump_clock: MockClock) -> None:
    """CC32: who begins to wait in the moment in which the block is cancelled is not refused instead, in any order."""
    for _ in range(20):
        with trio.move_on_after(5) as scope:
            async with connect("ws://h", "r", dial=nobody) as room, trio.open_nursery() as nursery:
                await trio.sleep(1)
                nursery.start_soon(room.document, "")
                nursery.start_soon(room.prompt, "hi")
                scope.cancel()
        assert scope.cancelled_caught
