"""TLS of our own: who is answered, that what is sent arrives in order, and certificates that are renewed."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import ANONYMOUS, Grant
from plait.runtime import BadCertificate, Certificate
from plait.runtime.auth.gate import Asker, Gate
from plait.runtime.server.listener import Server
from plait.runtime.server.stream import PushStream
from plait.runtime.server.tls import TlsStream
from trio.testing import memory_stream_pair
from trio_websocket import wrap_client_stream

from tests.conftest import need_module

need_module("cryptography")

from tests.certificates import Files, certificate, subject

from .fake_rooms import FakeRooms

ASK = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(files: Files) -> Certificate:
    return Certificate(*files)


class Front:
    """A server that speaks TLS over memory streams, and what its gate was told."""

    def __init__(self, tls: Certificate, nursery: trio.Nursery) -> None:
        self.asked: list[Asker] = []
        self._server = Server(FakeRooms(), gate=Gate(self._everybody), tls=tls)
        self._nursery = nursery

    def _everybody(self, asker: Asker) -> Grant:
        self.asked.append(asker)
        return ANONYMOUS

    def stream(self) -> trio.abc.HalfCloseableStream:
        client, server = memory_stream_pair()
        self._nursery.start_soon(self._server.handle, server)
        return client

    def secure(self, context: ssl.SSLContext) -> Any:
        return trio.SSLStream(self.stream(), context, server_hostname="localhost", https_compatible=True)


async def heard(stream: trio.abc.ReceiveStream) -> bytes:
    """All that comes until the other side ends it."""
    data = bytearray()
    with suppress(trio.BrokenResourceError):
        while part := await stream.receive_some():
            data += part
    return bytes(data)


async def test_http_over_tls(tls: Certificate, files: Files, nursery: trio.Nursery) -> None:
    """TP6: a request is answered, and who asks whether it came over TLS is told so."""
    front = Front(tls, nursery)
    client = front.secure(files.client())
    await client.send_all(ASK)
    assert (await heard(client)).startswith(b"HTTP/1.1 200 ")
    assert [asker.secure for asker in front.asked] == [True]


async def test_a_websocket_over_tls(tls: Certificate, files: Files, nursery: trio.Nursery) -> None:
    """TP6: an upgrade on the same port, with frames both ways and a whole closing handshake."""
    client = Front(tls, nursery).secure(files.client())
    async with trio.open_nursery() as inner:
        socket = await wrap_client_stream(inner, client, "localhost", "/docs/r")
        first = await socket.get_message()
        assert first[:2] == b"\0\0"
        await socket.aclose(1000, "done")
        assert socket.closed is not None
        assert socket.closed.code == 1000
        inner.cancel_scope.cancel()


async def test_a_page_in_the_clear_is_another_page(tls: Certificate, files: Files, nursery: trio.Nursery) -> None:
    """TP3: over TLS of our own, too, `http:` is not the same origin."""
    front = Front(tls, nursery)
    for scheme, status in (("https", b"200"), ("http", b"403")):
        client = front.secure(files.client())
        await client.send_all(ASK[:-2] + f"Origin: {scheme}://localhost\r\n\r\n".encode())
        assert (await heard(client))[9:12] == status


def _old(context: ssl.SSLContext) -> None:
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


async def test_no_old_version(tls: Certificate, files: Files, nursery: trio.Nursery) -> None:
    """TP6: TLS 1.1 is refused, and the client is told why."""
    context = files.client()
    _old(context)
    with pytest.raises(trio.BrokenResourceError) as broken:
        await Front(tls, nursery).secure(context).do_handshake()
    assert "PROTOCOL_VERSION" in str(broken.value.__cause__)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_it_offers_http_1(version: ssl.TLSVersion, tls: Certificate, files: Files, nursery: trio.Nursery) -> None:
    """TP6: of what a browser offers, HTTP/1.1 is chosen: h2 would promise what is not spoken here."""
    context = files.client()
    context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = Front(tls, nursery).secure(context)
    await client.do_handshake()
    assert client.selected_alpn_protocol() == "http/1.1"
    await client.send_all(ASK)
    assert b" 200 " in await heard(client)


async def test_plain_http_on_a_tls_port(tls: Certificate, nursery: trio.Nursery) -> None:
    """TP6: what is no TLS is not served."""
    front = Front(tls, nursery)
    client = front.stream()
    await client.send_all(ASK)
    assert b"HTTP" not in await heard(client)
    assert not front.asked


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"])
async def test_a_handshake_has_its_time(
    begun: bytes, tls: Certificate, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """TP6: who does not shake hands is gone after `HEAD_S`, as one who sends no head."""
    client = Front(tls, nursery).stream()
    if begun:
        await client.send_all(begun)
    assert await heard(client) == b""
    assert trio.current_time() == pytest.approx(limits.HEAD_S, abs=1)


async def test_an_end_without_a_goodbye(tls: Certificate, files: Files, nursery: trio.Nursery) -> None:
    """TP6: browsers just hang up; that is an end like any other."""
    client, server = memory_stream_pair()
    stream = TlsStream(server, tls.context)
    there = trio.SSLStream(client, files.client(), server_hostname="localhost", https_compatible=True)
    async with trio.open_nursery() as inner:
        inner.start_soon(stream.shake_hands)
        await there.do_handshake()
    await there.send_all(b"last words")
    await client.aclose()
    assert await stream.receive_some(4) == b"last"
    assert await stream.receive_some() == b" words"
    assert await stream.receive_some() == b""
    await stream.aclose()
    with pytest.raises(trio.BrokenResourceError):
        stream.seal(b"too late")


@asynccontextmanager
async def pushing(
    tls: Certificate, files: Files
) -> AsyncIterator["tuple[PushStream, trio.SSLStream[trio.SocketStream]]"]:
    """A push stream over TLS on a real socket, and the client at its other end."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, trio.open_nursery() as nursery:
        client = await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", listener.socket.getsockname()[1], ssl_context=files.client(), https_compatible=True
        )
        stream = TlsStream(await listener.accept(), tls.context)
        async with trio.open_nursery() as inner:
            inner.start_soon(stream.shake_hands)
            await client.do_handshake()
        async with client.transport_stream:
            yield PushStream(stream, nursery), client
        await stream.aclose()
        nursery.cancel_scope.cancel()


async def test_pushes_arrive_in_order(tls: Certificate, files: Files) -> None:
    """TP7: what the socket does not take is sealed already and leaves in its turn, the library's frames between."""
    async with pushing(tls, files) as (pushed, client):
        fed = iter([b"refill " * 30_000, b"and more " * 30_000, b""])
        drained = trio.Event()
        pushed.feed(lambda: next(fed), drained.set)
        expected = b""
        for n in range(400):
            piece = bytes([n % 256]) * (n * 97)
            pushed.push(piece)
            expected += piece
        assert not pushed.ready
        expected += b"\x89\0" + b"refill " * 30_000 + b"and more " * 30_000 + b"\x88\0"

        async def finish() -> None:
            await pushed.send_all(b"\x89\0")
            await drained.wait()
            await pushed.send_all(b"\x88\0")
            pushed.push(b"nothing follows a close frame")
            await pushed.aclose()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(finish)
            assert await heard(client) == expected


async def test_a_push_does_not_wait(tls: Certificate, files: Files) -> None:
    """TP7: what the socket takes at once needs no task: it has left when `push` returns, as without TLS."""
    async with pushing(tls, files) as (pushed, client):
        for n in range(100):
            pushed.push(b"%03d" % n)
            assert pushed.ready
        said = b""
        while len(said) < 300:
            said += await client.receive_some()
        assert said == b"".join(b"%03d" % n for n in range(100))


async def test_a_push_to_who_has_gone(tls: Certificate, files: Files) -> None:
    """TP7: it is told by `over`, and raises nothing."""
    async with pushing(tls, files) as (pushed, client):
        await client.transport_stream.aclose()
        with trio.fail_after(60):
            while not pushed.over:
                pushed.push(bytes(1 << 16))
                await trio.lowlevel.checkpoint()
        pushed.push(b"more")
        with pytest.raises(trio.BrokenResourceError):
            await pushed.send_all(b"and more")


async def shown(tls: Certificate, files: Files) -> str:
    """The name in the certificate that a new connection gets."""
    client, server = memory_stream_pair()
    stream = TlsStream(server, tls.context)
    there = trio.SSLStream(client, files.client(), server_hostname="localhost", https_compatible=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.shake_hands)
        await there.do_handshake()
    return subject(there.getpeercert())  # type: ignore[arg-type]


async def test_a_renewed_certificate_counts(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """TP8: changed files are read again by themselves; half of a pair leaves what was there, until the other comes."""
    live, renewed = certificate(tmp_path, "old"), certificate(tmp_path, "new")
    tls = Certificate(*live)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.keep_fresh)
        assert await shown(tls, live) == "old"
        before = Files(tmp_path / "before", live.key)
        before.chain.write_bytes(live.chain.read_bytes())
        live.chain.write_bytes(renewed.chain.read_bytes())
        await trio.sleep(limits.CERTIFICATE_FRESH_S + 1)
        assert await shown(tls, before) == "old"
        renewed.key.replace(live.key)
        await trio.sleep(limits.CERTIFICATE_FRESH_S + 1)
        assert await shown(tls, live) == "new"
        live.key.unlink()
        await trio.sleep(limits.CERTIFICATE_FRESH_S + 1)
        assert await shown(tls, live) == "new"
        nursery.cancel_scope.cancel()


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    """TP9: each is one sentence that says what is wrong, and nobody is asked for a password."""
    one, two = certificate(tmp_path, "one"), certificate(tmp_path, "two")
    sealed = certificate(tmp_path, "sealed", password=b"a password")
    text = tmp_path / "text"
    text.write_text("no PEM")
    for chain, key, why in (
        (one.chain, two.key, "the key is another certificate's"),
        (sealed.chain, sealed.key, "the key has a password"),
        (text, one.key, "one is not PEM"),
        (one.chain, text, "one is not PEM"),
        (tmp_path / "missing", one.key, "missing cannot be read: No such file"),
        (one.chain, tmp_path, "cannot be read: Is a directory"),
    ):
        with pytest.raises(BadCertificate, match=why):
            Certificate(chain, key)
