"""What a hostile socket does: frames that unpack, frames that lie, grants that are over, other people's names."""

import json
import logging
import struct
from typing import Any

import pytest
import trio
from plait.protocol import frames, limits
from pycrdt import Doc, Text
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, WebSocketConnection

from ..runtime.auth.scene import Scene, answer, authenticate, binary, closed, scene, texted, token

V1 = "plait.v1"
UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n"
)


def frame(first: int, payload: bytes, *, masked: bool = True, says: int = -1) -> bytes:
    """A client's frame by its first byte, with a length that may be a lie."""
    size = len(payload) if says < 0 else says
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 1 << 16:
        head = bytes([first, mask | 126]) + struct.pack("!H", size)
    else:
        head = bytes([first, mask | 127]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


async def raw(house: Scene, said: bytes, *headers: str) -> tuple[bytes, int]:
    """The answer to an upgrade, and the code of the close frame after these bytes; 0 where none came."""
    more = "".join(f"{header}\r\n" for header in headers)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    house.nursery.start_soon(trio.serve_listeners, house.server.handle, [listener])
    stream = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    heard = b""
    with trio.fail_after(60):
        async with stream:
            await stream.send_all(UPGRADE.format(f"/docs/r?token={token()}", more).encode())
            while b"\r\n\r\n" not in heard:
                heard += await stream.receive_some()
            head, _, rest = heard.partition(b"\r\n\r\n")
            while not rest:  # The server's own first frame: its handshake is done.
                rest += await stream.receive_some()
            try:
                await stream.send_all(said)
                while part := await stream.receive_some():
                    rest += part
            except trio.BrokenResourceError:
                pass
    while rest and rest[0] != 0x88:
        size, at = rest[1], 2
        if size == 126:
            size, at = struct.unpack("!H", rest[2:4])[0], 4
        rest = rest[at + size :]
    return head, struct.unpack("!H", rest[2:4])[0] if rest else 0


async def test_nothing_is_packed_on_a_socket() -> None:
    """AC56: permessage-deflate is never accepted, so a frame that says it is packed breaks the protocol."""
    async with scene() as house:
        offers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"
        bomb = b"\x00" * 1000
        head, code = await raw(house, frame(0xC2, bomb), offers)
        assert b"sec-websocket-extensions" not in head.lower()
        assert code in (1002, 0)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frame(0x82, b"\0\0\1\0", masked=False), 1002),
        (frame(0x83, b"x"), 1002),
        (frame(0xA2, b"x"), 1002),
        (frame(0x89, b"x" * 126), 1002),
        (frame(0x09, b"x"), 1002),
        (frame(0x80, b"x"), 1002),
        (frame(0x82, b"", says=1 << 63), 1002),
        (frame(0x02, b"x" * limits.FRAME_BYTES) + frame(0x00, b"x" * limits.FRAME_BYTES) * 2, 1009),
        (frame(0x81, b"\xff\xfe"), 1007),
        (frame(0x88, b"\x03"), 1002),
        (frame(0x88, struct.pack("!H", 999)), 1002),
    ],
    ids=[
        *("unmasked", "unknown opcode", "reserved bit", "large ping", "ping in parts", "rest of nothing"),
        *("length beyond all", "parts without end", "not UTF-8", "half a code", "no such code"),
    ],
)
async def test_frames_that_lie(said: bytes, code: int) -> None:
    """AC58: what breaks the WebSocket protocol ends its own socket, and nothing is waited for or kept for it."""
    async with scene() as house:
        # Where wsproto finds what is wrong the library hangs up without a close frame.
        assert (await raw(house, said))[1] in (code, 0)
        assert (await house.http("GET", "/health"))[0] == 200


async def test_a_flood_of_parts() -> None:
    """AC58: a message in a thousand empty parts is still one message."""
    async with scene() as house:
        said = frame(0x02, b"\0\0") + frame(0x00, b"") * 1000 + frame(0x80, b"\1\0")
        assert (await raw(house, said + frame(0x88, struct.pack("!H", 1000))))[1] == 1000


async def shows_everywhere(house: Scene, shown: str) -> list[Any]:
    """What that token is answered wherever one can be shown."""
    said: list[Any] = [(await house.http("GET", path, shown))[0] for path in ("/api/rooms", "/metrics")]
    said.append((await house.http("GET", f"/api/rooms?token={shown}"))[0])
    said.append((await house.command(shown, do="prompt", text="Hello"))[0])
    for path, protocols in ((f"/docs/r?token={shown}", ()), ("/rooms/r", (V1, f"plait.token.{shown}"))):
        async with house.socket(path, *protocols) as socket:
            said.append(await closed(socket))
    async with house.socket("/rooms/r", V1, Authorization=f"Bearer {shown}") as socket:
        said.append(await closed(socket))
    async with house.socket("/hocuspocus") as socket:
        await socket.send_message(authenticate("r", shown))
        said.append(await binary(socket, frames.write_string("r") + b"\2\1"))
    return said


@pytest.mark.parametrize("how", ["expired", "its id revoked", "its subject revoked", "its room revoked"])
async def test_a_grant_is_shown_again(how: str, autojump_clock: MockClock) -> None:
    """AC59: one that expired or was revoked counts nowhere any more, and no socket that used it stays; neither does
    it after a restart on the same store."""
    async with scene() as house:
        grant = token(id="g", lives_s=60 if how == "expired" else 0, rooms=("r",))
        async with house.socket(f"/docs/r?token={grant}") as socket:
            await socket.get_message()
            if how == "expired":
                await trio.sleep(61)
            else:
                kind, value = {"i": ("grant", "g"), "s": ("subject", "ann"), "r": ("room", "r")}[how[4]]
                await trio.sleep(1)
                await house.gate.revoke(kind, value)  # type: ignore[arg-type]
            assert await closed(socket) == 4301
        *refused, denied = await shows_everywhere(house, grant)
        if how == "its room revoked":  # It is a grant still, for whatever other rooms there were.
            assert refused == [200, 200, 200, 401, 4401, 4401, 4401]
        else:
            assert refused == [401] * 4 + [4401] * 3
        assert denied.endswith(frames.write_string("no-grant"))


async def test_a_grant_that_was_altered(autojump_clock: MockClock) -> None:
    """AC59: a claim that was changed, a signature of another token, or none, is no grant."""
    async with scene() as house:
        low, high = token(write=False, admin=False, rooms=("r",)), token("bob")
        head, body, sign = low.split(".")
        other = high.split(".")
        for forged in (f"{head}.{other[1]}.{sign}", f"{head}.{body}.{other[2]}", f"{head}.{body}.", f"{head}.{body}"):
            assert (await house.http("GET", "/api/rooms", forged))[0] == 401


def insert(text: str, client: int) -> bytes:
    doc: Doc[Any] = Doc(client_id=client)
    doc["content"] = content = Text()
    content += text
    return b"\0\2" + frames.write_bytes(doc.get_update())


async def test_writing_without_the_right(autojump_clock: MockClock) -> None:
    """AC60: an update, a sync step 2 and an undo of who may only read change nothing, for themselves too, and the
    socket stays."""
    async with scene() as house:
        shown = token(write=False, decide=False, prompt=False, tools=False, admin=False)
        async with house.socket(f"/docs/r?token={shown}", V1) as socket:
            update = insert("forged", 77)
            await socket.send_message(update)
            await socket.send_message(b"\0\1" + update[2:])
            for n, command in enumerate(
                ({"do": "undo", "document": "main"}, {"do": "set-room", "title": "Forged"}, {"do": "stop"},
                 {"do": "propose", "document": "main"}, {"do": "approve", "run": "1", "call": "c"})
            ):  # fmt: skip
                said = await answer(socket, id=str(n), **command)
                assert "ok" not in said, said
        assert await house.runtime.store.read("r") == []


async def told(socket: WebSocketConnection, word: bytes) -> bytes:
    """All presence that the socket was told, up to the frame that holds that word."""
    heard = b""
    with trio.fail_after(60):
        while word not in heard:
            heard += await binary(socket, b"\1")
    return heard


async def test_somebody_elses_presence(autojump_clock: MockClock) -> None:
    """AC60: who says of itself that it is another is shown under its grant's name, and cannot take or end the state
    of a tab that is there."""
    async with scene() as house:
        ann, eve = token("ann", name="Ann"), token("eve", name="Eve")

        def state(client: int, clock: int, value: object) -> bytes:
            one = frames.write_uint(client) + frames.write_uint(clock) + frames.write_string(json.dumps(value))
            return b"\1" + frames.write_bytes(frames.write_uint(1) + one)

        async with house.socket(f"/docs/r?token={ann}") as victim, house.socket(f"/docs/r?token={eve}") as thief:
            await victim.send_message(state(7, 1, {"user": {"name": "Ann"}}))
            await told(thief, b"Ann")
            await thief.send_message(state(7, 99, {"user": {"name": "Stolen"}}))
            await thief.send_message(state(7, 100, None))
            await thief.send_message(state(8, 1, {"user": {"name": "Ann", "role": "admin"}, "name": "Ann"}))
            heard = await told(victim, b"Eve")
            assert b"Stolen" not in heard
            assert b'{"user":{"name":"Eve","role":"person"},"name":"Ann"}' in heard
            assert heard.count(b'"user":{"name":"Ann"') == 1
            assert frames.write_uint(7) + frames.write_uint(100) not in heard


async def test_no_token_is_told(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """AC61: not by the log at its most talkative, not by an error, not by what is answered, whoever asked wrongly."""
    caplog.set_level(logging.DEBUG)
    for name in ("trio-websocket", "plait.server", "plait.auth"):
        caplog.set_level(logging.DEBUG, logger=name)
    said: list[Any] = []
    async with scene() as house:
        for grant in (token(rooms=("r",), write=False), token(lives_s=0.001), "not.a.token-but-secret"):
            await trio.sleep(1)
            for path in (f"/api/rooms/r/records?token={grant}", f"/nowhere?token={grant}", f"/docs/../x?token={grant}"):
                said.append(await house.http("GET", path, grant))
                said.append(await house.http("BREW", path, grant))
            said.append(await house.command(grant, do="nothing-known"))
            for path, protocols in ((f"/docs/%00?token={grant}", ()), ("/rooms/other", (V1, f"plait.token.{grant}"))):
                async with house.socket(path, *protocols) as socket:
                    said.append(await closed(socket))
            async with house.socket(f"/docs/r?token={grant}") as socket:
                try:
                    await socket.send_message(b"\xff\xff\xff")
                    while True:
                        said.append(await socket.get_message())
                except ConnectionClosed as end:
                    said.append(str(end.reason))
            stream = house.stream()
            await stream.send_all(f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization {grant}\r\n\r\n".encode())
            said.append(await stream.receive_some())
            assert grant not in repr(said)
            assert grant not in caplog.text
            assert grant.split(".")[-1] not in caplog.text


async def test_a_renewal_by_another(autojump_clock: MockClock) -> None:
    """AC59: a grant in use is not replaced by one of somebody else, nor by one that is over."""
    async with scene() as house, house.socket(f"/rooms/r?token={token(lives_s=1000)}", V1) as socket:
        late = token(lives_s=1)
        await trio.sleep(2)
        for n, other in enumerate((token("bob"), late, "none")):
            await socket.send_message(json.dumps({"id": str(n), "do": "renew-grant", "grant": other}))
            assert (await texted(socket, "id"))["refused"]["code"] in ("not-allowed", "no-grant")
