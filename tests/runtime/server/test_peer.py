"""Whose address it is: what proxies say counts from those who are trusted, and from nobody else."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import ANONYMOUS, Grant
from plait.protocol.errors import Refused
from plait.runtime.auth.gate import Asker, Gate
from plait.runtime.server import proxy_header
from plait.runtime.server.listener import Server
from plait.runtime.server.origin import Doorkeeper
from plait.runtime.server.peer import BadProxy, Peer, Proxies
from trio.testing import memory_stream_pair

from .fake_rooms import FakeRooms

PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
CLIENT = "203.0.113.9"
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
V1 = f"PROXY TCP4 {CLIENT} 192.0.2.1 4711 443\r\n".encode()


class Front:
    """A server on loopback that trusts `PROXY`, and what its gate was told of each asker."""

    def __init__(self, port: int, asked: list[Asker]) -> None:
        self._port = port
        self.asked = asked

    async def says(self, data: bytes, *, by: str) -> bytes:
        """All that the server answers to a connection from that address which begins with these bytes."""
        stream = await trio.open_tcp_stream("127.0.0.1", self._port, local_address=by)
        async with stream:
            await stream.send_all(data)
            answer = b""
            try:
                while part := await stream.receive_some():
                    answer += part
            except trio.BrokenResourceError:
                pass  # A reset ends it, too.
        return answer


@asynccontextmanager
async def front(proxies: Proxies) -> AsyncIterator[Front]:
    asked: list[Asker] = []

    def everybody(asker: Asker) -> Grant:
        asked.append(asker)
        return ANONYMOUS

    server = Server(FakeRooms(), gate=Gate(everybody), proxies=proxies, allow_origins=["https://plait.example"])
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, server.handle, listeners)
        yield Front(listeners[0].socket.getsockname()[1], asked)
        nursery.cancel_scope.cancel()


def ask(*headers: str, host: str = "localhost") -> bytes:
    lines = ["GET /metrics HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


FORGED = (f"X-Forwarded-For: {CLIENT}", "X-Forwarded-Proto: https", "X-Forwarded-Host: plait.example")


async def test_a_strangers_headers_do_not_count() -> None:
    """TP1: who is not trusted has the address of its socket, whatever it says; without proxies nobody is trusted."""
    for proxies, by in ((Proxies([PROXY]), STRANGER), (Proxies(), PROXY), (Proxies(["10.0.0.0/8"]), PROXY)):
        async with front(proxies) as asking:
            assert b" 200 " in await asking.says(ask(*FORGED), by=by)
            assert [(one.address, one.secure) for one in asking.asked] == [(by, False)]


async def test_a_trusted_proxys_headers_count() -> None:
    """TP2, TP3: of a trusted proxy the client's address, its scheme and its host are known."""
    async with front(Proxies([PROXY])) as asking:
        assert b" 200 " in await asking.says(ask(*FORGED, "Origin: https://plait.example"), by=PROXY)
        assert [(one.address, one.secure) for one in asking.asked] == [(CLIENT, True)]


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("", PROXY),
        (CLIENT, CLIENT),
        (f"198.51.100.7, {CLIENT}", CLIENT),
        (f"198.51.100.7,{CLIENT} , 10.1.2.3", CLIENT),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, _hidden, 10.1.2.3", "10.1.2.3"),
        (f"{CLIENT}, ", PROXY),
        (f"{CLIENT}:4711", CLIENT),
        ("[2001:DB8:0::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", CLIENT),
        ("fe80::1%eth0", "fe80::1"),
        ("1.2.3.4.5", PROXY),
        ("127.1", PROXY),
        (", ".join([CLIENT] + ["10.0.0.1"] * limits.PROXY_HOPS), "10.0.0.1"),
    ],
)
def test_the_last_address_that_is_not_trusted(forwarded: str, client: str) -> None:
    """TP2: what stands left of it, it may have invented; what is no address ends the search."""
    proxies = Proxies([PROXY, "10.0.0.0/8"])
    assert proxies.asking(Peer(PROXY), {"x-forwarded-for": forwarded}).address == client


def test_a_chain_says_the_scheme_and_host_last() -> None:
    """TP3: the last word is the nearest proxy's; no word leaves what the connection is."""
    proxies = Proxies([PROXY])
    said = {"x-forwarded-proto": "https, http", "x-forwarded-host": "evil.example, plait.example"}
    assert proxies.asking(Peer(PROXY, secure=True), said) == Peer(PROXY, secure=False, host="plait.example")
    assert proxies.asking(Peer(PROXY, secure=True), {}) == Peer(PROXY, secure=True)


@pytest.mark.parametrize(
    ("host", "origin", "peer", "admitted"),
    [
        ("plait.example", "https://plait.example", Peer(secure=True), True),
        ("localhost", "https://localhost", Peer(secure=True), True),
        ("localhost", "http://localhost", Peer(secure=True), False),
        ("localhost:443", "http://localhost:443", Peer(secure=True), False),
        ("localhost", "https://localhost", Peer(secure=False), True),
        ("localhost", "https://plait.example", Peer(host="plait.example"), True),
        ("localhost:8787", "https://plait.example:8443", Peer(host="plait.example:8443"), True),
        ("localhost", "https://localhost", Peer(host="plait.example"), False),
        ("localhost", None, Peer(host="evil.example"), False),
        ("evil.example", None, Peer(host="plait.example"), False),
        ("evil.example", "https://evil.example", Peer(host="localhost"), False),
    ],
)
def test_origin_is_held_against_what_the_browser_asked_for(
    host: str, origin: str | None, peer: Peer, admitted: bool
) -> None:
    """TP3: Host and the forwarded host must both be ours, and a page in the clear is not one that came over TLS."""
    assert Doorkeeper("127.0.0.1", ["https://plait.example"]).admits(host, origin, peer) is admitted


async def test_a_header_of_a_trusted_proxy() -> None:
    """TP4: the connection is that client's, and what the client says of itself does not count."""
    async with front(Proxies([PROXY], header=True)) as asking:
        assert b" 200 " in await asking.says(V1 + ask("X-Forwarded-For: 198.51.100.7"), by=PROXY)
        assert [one.address for one in asking.asked] == [CLIENT]


async def test_a_header_of_a_stranger_closes_the_connection() -> None:
    """TP4: it is no HTTP; without a header a stranger is served under its own address."""
    async with front(Proxies([PROXY], header=True)) as asking:
        for header in (V1, binary(0x21, 0x11, addresses4())):
            assert b" 200 " not in await asking.says(header + ask(), by=STRANGER)
        assert not asking.asked
        assert b" 200 " in await asking.says(ask(), by=STRANGER)
        assert [one.address for one in asking.asked] == [STRANGER]


async def test_without_the_protocol_a_header_is_no_http() -> None:
    """TP4: nothing is guessed: where it was not asked for, a trusted proxy's header closes the connection, too."""
    async with front(Proxies([PROXY])) as asking:
        assert b" 200 " not in await asking.says(V1 + ask(), by=PROXY)
        assert not asking.asked


async def test_a_trusted_proxy_has_to_send_one() -> None:
    """TP4: a connection that does not begin with a header is closed unanswered."""
    async with front(Proxies([PROXY], header=True)) as asking:
        assert await asking.says(ask(), by=PROXY) == b""
        assert not asking.asked


async def test_a_header_that_does_not_come(autojump_clock: trio.testing.MockClock) -> None:
    """TP4: it is waited for as long as for a head."""
    client, server = memory_stream_pair()
    await client.send_all(b"PROXY TCP4 ")
    with pytest.raises(Refused, match="did not come"):
        await proxy_header.read(server)
    assert trio.current_time() == pytest.approx(limits.HEAD_S, abs=1)


def addresses4() -> bytes:
    return socket.inet_aton(CLIENT) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 4711, 443)


def addresses6() -> bytes:
    return socket.inet_pton(socket.AF_INET6, "2001:db8::1") * 2 + struct.pack("!HH", 4711, 443)


def binary(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


async def read(data: bytes) -> tuple[proxy_header.Header, bytes]:
    """What the header says, and what is left on the stream."""
    client, server = memory_stream_pair()
    await client.send_all(data)
    await client.send_eof()
    header = await proxy_header.read(server)
    left = b""
    while part := await server.receive_some():
        left += part
    return header, left


LONGEST = "ffff:f...f:ffff".replace("f...f", ":".join(["ffff"] * 6))
AFTER = b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "address", "secure"),
    [
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255", False),
        (f"PROXY TCP6 {LONGEST} {LONGEST} 65535 65535\r\n".encode(), LONGEST, False),
        (b"PROXY UNKNOWN\r\n", "", False),
        (f"PROXY UNKNOWN {LONGEST} {LONGEST} 65535 65535\r\n".encode(), "", False),
        (b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1", False),
        (binary(0x21, 0x11, addresses4()), CLIENT, False),
        (binary(0x21, 0x21, addresses6()), "2001:db8::1", False),
        (binary(0x20, 0x00, b""), "", False),
        (binary(0x20, 0x11, addresses4()), "", False),
        (binary(0x21, 0x11, addresses4() + tlv(0x04, b"\0" * 300)), CLIENT, False),
        (binary(0x21, 0x11, addresses4() + tlv(0x20, b"\x01" + b"\0" * 4 + tlv(0x21, b"TLSv1.3"))), CLIENT, True),
        (binary(0x21, 0x11, addresses4() + tlv(0x01, b"h2") + tlv(0x20, b"\0" * 5)), CLIENT, False),
    ],
)
async def test_headers_of_the_protocols_text(data: bytes, address: str, secure: bool) -> None:
    """TP4: both versions are read to their last byte and no further."""
    assert await read(data + AFTER) == (proxy_header.Header(address, secure), AFTER)


@pytest.mark.parametrize(
    "data",
    [
        AFTER,
        b"PROXY TCP4 192.0.2.1",
        b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 02\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n" + b" " * 100,
        b"PROXY TCP4 2001:db8::1 2001:db8::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 \xff92.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UNKNOWN" + b" " * 200 + b"\r\n",
        SIGNATURE,
        binary(0x21, 0x11, addresses4())[:-1],
        binary(0x21, 0x11, addresses4()[:-1]),
        binary(0x11, 0x11, addresses4()),
        binary(0x22, 0x11, addresses4()),
        binary(0x21, 0x12, addresses4()),
        binary(0x21, 0x31, b"\0" * 216),
        binary(0x21, 0x11, addresses4() + b"\x20\x00"),
        binary(0x21, 0x11, addresses4() + b"\x20\x00\x09\x01"),
        SIGNATURE + b"\x21\x11\xff\xff" + addresses4() + b"\0" * 65535,
    ],
)
async def test_what_is_not_a_header_is_refused(data: bytes) -> None:
    """TP4: nothing is guessed, and no more is read than a header may have."""
    with pytest.raises(Refused) as refused:
        await read(data)
    assert refused.value.code == "bad-request"


def test_addresses_that_are_none() -> None:
    """TP5: a sentence says which, and that PROXY headers need somebody who may send them."""
    for wrong in ("proxy.lan", "10.0.0.0/40", "", "300.1.1.1"):
        with pytest.raises(BadProxy, match="is not an address"):
            Proxies([wrong])
    with pytest.raises(BadProxy, match="name the proxy"):
        Proxies(header=True)
