"""Who comes in: each limit by a real socket, with its code, and beside it a tab that stays served."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from click.testing import CliRunner
from plait.protocol import limits
from plait.protocol.admission import CHANGEABLE, Allowance
from plait.protocol.errors import CODES, Refused
from plait.runtime.auth.gate import Gate
from plait.runtime.cli.serve import verb as serve
from plait.runtime.server import resources
from plait.runtime.server.admission import Admission, told_apart
from plait.runtime.server.endings import Closed
from plait.runtime.server.listener import Server
from trio_websocket import ConnectionClosed, WebSocketConnection

from .conftest import House
from .neighbours import Neighbourhood, answered, asked, by_name, closed, neighbourhood


@asynccontextmanager
async def served(here: Neighbourhood, path: str = "/rooms/good") -> AsyncIterator[WebSocketConnection]:
    """A tab that came before the others, from an address of its own, and is served before the block and after it."""
    async with here.socket(path, "127.0.0.99") as tab:
        assert await asked(tab, id="first", do="ping") == {}
        yield tab
        assert await asked(tab, id="last", do="ping") == {}


async def refused(here: Neighbourhood, source: str) -> tuple[int, str]:
    """How a connection from there is answered that says nothing but its head."""
    status, said = await here.http("GET", "/health", source)
    return status, said.get("code", "")


async def test_too_many_sockets_of_an_address() -> None:
    """AD2: connections of all kinds count; one that ends makes room for another, and other addresses are others."""
    async with neighbourhood(Allowance(sockets_per_address=3)) as here, served(here), AsyncExitStack() as stack:
        await stack.enter_async_context(here.socket("/docs/r", "127.0.0.2"))
        idle = [await stack.enter_async_context(await here.stream("127.0.0.2")) for _ in range(2)]
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert await refused(here, "127.0.0.2") == (429, "too-many-sockets")
        status, said = await here.http("GET", "/docs/r", "127.0.0.2", Upgrade="websocket", Connection="Upgrade")
        assert (status, said["code"]) == (429, "too-many-sockets")
        assert await refused(here, "127.0.0.3") == (200, "")
        await idle[0].aclose()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert await refused(here, "127.0.0.2") == (200, "")


async def test_too_many_handshakes_of_an_address() -> None:
    """AD3: beyond the bucket a connection is answered 429 with Retry-After; others are none the worse."""
    allowance = Allowance(sockets_per_address=5, handshakes_per_s=1)
    async with neighbourhood(allowance) as here, served(here):
        said = [await refused(here, "127.0.0.2") for _ in range(12)]
        assert said[:5] == [(200, "")] * 5
        assert (429, "rate-limited") in said
        assert await refused(here, "127.0.0.3") == (200, "")
        async with await here.stream("127.0.0.2") as stream:
            await stream.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            head = bytes(await stream.receive_some())
        assert b"429" not in head or b"\r\nretry-after: 1\r\n" in head


async def test_requests_of_an_address_are_read_later() -> None:
    """AD4: each is answered, none sooner than the rate allows."""
    async with neighbourhood(Allowance(requests_per_s=5)) as here, served(here):
        async with await here.stream("127.0.0.2") as stream:
            await stream.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 60)
            began, heard = trio.current_time(), b""
            while heard.count(b"HTTP/1.1 200") < 60:
                heard += await stream.receive_some()
            assert trio.current_time() - began >= 1.5
        assert await refused(here, "127.0.0.3") == (200, "")


async def test_behind_a_proxy_the_address_is_who_it_says() -> None:
    """AD5: a trusted proxy's connections count for those for whom it speaks, and not for the proxy."""
    allowance = Allowance(sockets_per_address=2)
    async with neighbourhood(allowance, trust_proxy=["127.0.0.9"]) as here, served(here), AsyncExitStack() as stack:
        head = "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {}\r\n\r\n"
        for client in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2"):
            stream = await stack.enter_async_context(await here.stream("127.0.0.9"))
            await stream.send_all(head.format(client).encode())
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        status, said = await here.http("GET", "/health", "127.0.0.9", X_Forwarded_For="192.0.2.1")
        assert (status, said["code"]) == (429, "too-many-sockets")
        status, _ = await here.http("GET", "/health", "127.0.0.9", X_Forwarded_For="192.0.2.3")
        assert status == 200
        status, _ = await here.http("GET", "/health", "127.0.0.2", X_Forwarded_For="192.0.2.1")
        assert status == 200, "nobody else is believed"


def test_how_addresses_are_told_apart() -> None:
    """AD5: a household has a whole IPv6 network, and an IPv4 address is one."""
    assert told_apart("192.0.2.1") != told_apart("192.0.2.2")
    assert told_apart("2001:db8:0:1::1") == told_apart("2001:db8:0:1:ffff::2") != told_apart("2001:db8:0:2::1")
    assert told_apart("") == ""


def test_counts_end_with_what_they_count() -> None:
    """AD6: a thousand addresses that came and went leave nothing but rates, and those only for a while."""
    time = [100.0]
    admission = Admission(Allowance(sockets_per_address=2, handshakes_per_s=1), clock=lambda: time[0])
    for address in range(1000):
        with admission.arrive(f"10.0.{address // 250}.{address % 250}") as visit:
            admission.asks(visit, visit.address)
            assert admission.connections == 1
    assert admission.connections == 0
    assert not admission._open
    time[0] += 1000
    for _ in range(1000):
        with admission.arrive("10.9.9.9") as visit:
            admission.asks(visit, visit.address)
        time[0] += 1
    assert len(admission._handshakes) == len(admission._requests) == 1


async def test_too_many_sockets_at_all() -> None:
    """AD1: a WebSocket too many is closed with 1013; who is beyond even those is answered 503."""
    async with neighbourhood(Allowance(connections=3)) as here, AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(here.socket("/docs/r", "127.0.0.2")) for _ in range(3)]
        for tab in tabs:
            await tab.get_message()
        for _ in range(limits.TURNED_AWAY - 1):
            await stack.enter_async_context(await here.stream("127.0.0.3"))
        await trio.testing.wait_all_tasks_blocked(0.05)
        async with here.socket("/docs/r", "127.0.0.4") as late:
            assert await closed(late) == (1013, CODES["overloaded"].sentence)
        await stack.enter_async_context(await here.stream("127.0.0.3"))
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert await refused(here, "127.0.0.4") == (503, "overloaded")
        for tab in tabs:
            assert await asked(tab, id="still", do="ping") == {}


def test_descriptors_bound_the_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD1: there are no more sockets than descriptors, and some of these are kept; of few a sixteenth."""
    for descriptors, sockets in ((1 << 20, 10_000), (1024, 960), (160, 150)):
        monkeypatch.setattr(resources, "descriptors", lambda found=descriptors: found)
        assert Admission().may_have == sockets


async def test_too_many_sockets_of_a_subject() -> None:
    """AD7: sockets, documents on a shared one and logs that are followed count together, from whichever address."""
    allowance = Allowance(sockets_per_subject=3)
    async with (
        neighbourhood(allowance, by_name) as here,
        served(here, "/rooms/good?token=bob"),
        AsyncExitStack() as stack,
    ):
        tabs = [await stack.enter_async_context(here.socket("/docs/r?token=ann", f"127.0.0.{n}")) for n in (2, 3)]
        for tab in tabs:
            await tab.get_message()
        follower = await stack.enter_async_context(await here.stream())
        follows = "/api/rooms/r/records?follow=1"
        head = f"GET {follows} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\n\r\n"
        await follower.send_all(head.encode())
        assert (await follower.receive_some()).startswith(b"HTTP/1.1 200")
        await trio.testing.wait_all_tasks_blocked(0.05)
        async with here.socket("/rooms/r?token=ann") as late:
            assert await closed(late) == (1013, CODES["too-many-sockets"].sentence)
        status, said = await here.http("GET", follows, Authorization="Bearer ann")
        assert (status, said["code"]) == (429, "too-many-sockets")
        async with here.socket("/hocuspocus") as shared:
            await shared.send_message(b"\x07rooms/r\x02\x00\x03ann\x054.0.0")
            assert await shared.get_message() == b"\x07rooms/r\x02\x01\x10too-many-sockets"
        await tabs[0].aclose()
        await trio.testing.wait_all_tasks_blocked(0.05)
        async with here.socket("/rooms/r?token=ann") as again:
            assert await asked(again, id="in", do="ping") == {}


async def test_bodies_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD12: the body that is one too many is refused, as far as others have come; what was answered counts no more."""
    monkeypatch.setattr(limits, "BODIES_BYTES", 100_000)
    async with neighbourhood(Allowance()) as here, served(here):
        big = json.dumps({"id": "x", "do": "ping", "pad": "x" * 60_000}).encode()
        head = b"POST /api/rooms/r/commands HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n"
        async with await here.stream("127.0.0.2") as slow:
            await slow.send_all(head + b"x" * 60_000)
            await trio.testing.wait_all_tasks_blocked(0.05)
            status, said = await here.http("POST", "/api/rooms/r/commands", body=big)
            assert (status, said["code"]) == (503, "overloaded")
        await trio.testing.wait_all_tasks_blocked(0.05)
        for _ in range(3):
            status, said = await here.http("POST", "/api/rooms/r/commands", body=big)
            assert status in (200, 400), said


class Used:
    """What the process has in memory, as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mib = 10
        self.given_back = 0
        monkeypatch.setattr(resources, "resident", lambda: self.mib << 20)
        monkeypatch.setattr(resources, "give_back", self._give_back)

    def _give_back(self) -> None:
        self.given_back += 1


async def test_without_memory_nobody_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD13: sockets get 1013 and requests 503, but for how it is; who is there is served, and later all are again."""
    used = Used(monkeypatch)
    monkeypatch.setattr(limits, "ADMISSION_S", 0.01)
    async with neighbourhood(Allowance(memory_mib=100)) as here, served(here):
        assert await refused(here, "127.0.0.2") == (200, "")
        used.mib = 101
        await trio.sleep(0.1)
        assert used.given_back
        async with here.socket("/docs/r") as late:
            assert await closed(late) == (1013, CODES["overloaded"].sentence)
        status, said = await here.http("GET", "/api/rooms")
        assert (status, said["code"]) == (503, "overloaded")
        assert await refused(here, "127.0.0.2") == (200, ""), "/health is answered"
        used.mib = 99
        await trio.sleep(0.1)
        assert (await here.http("GET", "/api/rooms"))[0] == 200


async def test_who_hoards_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD13: the sockets that hold most are ended, no more of them than is needed, and none that holds little."""
    from plait.runtime.server.upgrade import Sockets, _Watched

    class Held:
        over = False

        def __init__(self, size: int, half: int = 0) -> None:
            self.outbox_bytes = size
            self.partial = half

        def close(self, code: int, reason: str) -> None:
            assert code == 1013
            self.over = True

    sockets = object.__new__(Sockets)
    some: list[Any] = [Held(10 << 20), Held(1 << 20, 5 << 20), Held(2 << 20), Held(1000)]
    sockets._open = {one: _Watched(None, one, None) for one in some}  # type: ignore[arg-type]
    assert sockets.shed(12 << 20) == 2
    assert [one.over for one in some] == [True, True, False, False]
    assert sockets.shed(12 << 20) == 0, "they are on their way out"
    assert sockets.shed(1 << 30) == 1
    assert [one.over for one in some] == [True, True, True, False]


async def test_a_large_answer_that_is_not_read_is_what_is_hoarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD13: a document that a tab asks for and does not read counts, and a message of which half has come."""
    used = Used(monkeypatch)
    monkeypatch.setattr(limits, "ADMISSION_S", 0.01)
    async with neighbourhood(Allowance(memory_mib=100)) as here, served(here):
        await here.runtime.room("r").seed("main", b"x" * (6 << 20), "text")
        async with await here.stream() as deaf, await here.stream() as half:
            for stream in (deaf, half):
                await _upgrade(stream, "/docs/r")
            await deaf.send_all(_masked(b"\x00\x00\x01\x00"))
            await half.send_all(b"\x82\xff" + (1 << 20).to_bytes(8, "big") + bytes(4) + b"x" * 500_000)
            used.mib = 10_000
            said = b""
            while part := await half.receive_some():
                said += part
            assert (1013).to_bytes(2, "big") in said
            while await deaf.receive_some():
                pass  # It ends, too; the close frame stands behind what was not read.


async def _upgrade(stream: trio.SocketStream, path: str) -> None:
    await stream.send_all(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b"101" in bytes(await stream.receive_some())


def _masked(payload: bytes) -> bytes:
    return bytes((0x82, 0x80 | len(payload))) + bytes(4) + payload


async def test_an_operator_changes_limits_and_sees_them() -> None:
    """AD14: every changeable limit is a field with the table's default; `/health` tells it, and all other limits
    beside it, to those who may see."""
    assert {name.lower(): limit.value for name, limit in CHANGEABLE.items()} == {
        field: getattr(Allowance(), field) for field in Allowance.__struct_fields__
    }
    async with neighbourhood(Allowance(room_bytes=5000, memory_mib=700), by_name) as here:
        shown = (await here.http("GET", "/health", Authorization="Bearer ann"))[1]["limits"]
        assert shown.keys() == {name.lower() for name in limits.LIMITS}
        assert (shown["head_bytes"], shown["frame_bytes"]) == (limits.HEAD_BYTES, limits.FRAME_BYTES)
        assert (shown["room_bytes"], shown["memory_mib"], shown["handshakes_per_s"]) == (5000, 700, 50)
        assert "limits" not in (await here.http("GET", "/health"))[1]


async def test_who_is_turned_away_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """AD6: by code in the metrics, and one line in the log for all of them."""
    async with neighbourhood(Allowance(sockets_per_address=2, handshakes_per_s=1)) as here:
        for _ in range(10):
            await here.http("GET", "/health", "127.0.0.2")
        async with await here.stream() as stream:
            await stream.send_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            said = b""
            while part := await stream.receive_some():
                said += part
        assert b'plait_turned_away_total{code="rate-limited"}' in said
    assert sum("turned away" in line.message for line in caplog.records) == 1


async def test_those_who_are_told_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD6: who is turned away and says nothing is gone after TURNED_AWAY_S; of too many at a time some are just cut."""
    monkeypatch.setattr(limits, "TURNED_AWAY", 3)
    admission, left = Admission(), []

    class Mute(trio.abc.Stream):
        async def send_all(self, data: Any) -> None:
            raise AssertionError("it has not said anything")

        async def wait_send_all_might_not_block(self) -> None: ...

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            await trio.sleep_forever()
            raise AssertionError

        async def aclose(self) -> None: ...

    async def away() -> None:
        began = trio.current_time()
        await admission.turn_away(Mute(), Refused("rate-limited"))
        left.append(trio.current_time() - began)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(away)
    assert [round(waited, 1) >= limits.TURNED_AWAY_S for waited in left] == [False] * 2 + [True] * 3


async def test_a_connection_that_hung_up_before_it_was_told() -> None:
    """AD6: whoever is gone costs nothing and is no error."""
    async with neighbourhood(Allowance(sockets_per_address=1)) as here, await here.stream("127.0.0.2"):
        await trio.testing.wait_all_tasks_blocked(0.05)
        for _ in range(20):
            await (await here.stream("127.0.0.2")).aclose()
        async with await here.stream("127.0.0.2") as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\n")
            assert (await answered(stream))[0] == 429


async def test_closed_sockets_do_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """AD6: a line for each of so many a minute, and then how many more there were."""
    caplog.set_level("INFO", "plait.server")
    closed_ones = Closed()
    told = [closed_ones.tell("room r", 4401, "No grant was shown.") for _ in range(limits.CLOSED_LINES + 940)]
    assert sum(told) == limits.CLOSED_LINES
    assert len(caplog.records) == limits.CLOSED_LINES
    await trio.sleep(60)
    closed_ones.tell("room r", 4403, "It is no grant for this room.")
    assert [line.getMessage() for line in caplog.records[limits.CLOSED_LINES :]] == [
        "940 more sockets were closed",
        "room r: closed with 4403: It is no grant for this room.",
    ]


def test_help_tells_every_limit() -> None:
    """AD14: the help of `serve` tells those that may be changed, and beside them all others."""
    said = " ".join(CliRunner().invoke(serve, ["--help"]).output.split())
    for name in CHANGEABLE:
        assert f"--{name.lower().replace('_', '-')} " in said
    for name in limits.LIMITS.keys() - CHANGEABLE.keys():
        assert f"{name} {limits.LIMITS[name].value:,} {limits.LIMITS[name].unit}" in said


async def test_a_storm_leaves_the_journal_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """AD6: of those who were refused, only whom the log has a line for are noted among what tabs were sent."""
    monkeypatch.setattr(limits, "CLOSED_LINES", 3)
    noted: list[tuple[str, str, str]] = []
    async with trio.open_nursery() as nursery:
        house = House(nursery)
        house.server = Server(house.rooms, gate=Gate(lambda asker: None))
        house.server.sockets.refused = lambda *who: noted.append(who)
        for _ in range(10):
            async with house.socket("/docs/r") as socket:
                with pytest.raises(ConnectionClosed):
                    await socket.get_message()
        nursery.cancel_scope.cancel()
    assert noted == [("r", "main", "no-grant")] * 3
