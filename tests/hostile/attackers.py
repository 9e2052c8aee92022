"""Hostile connections of every kind that we know: each function is one, and ends by itself or is cut.

They stand on bare sockets, from addresses of 127.0.0.0/8 of their own. What a server may answer to each is in `KINDS`:
the status of its HTTP answer, or the code that its WebSocket was closed with; 0 is silence or a cut, and 429 and 503
are what everybody may hear.
"""

import json
import random
import socket as sockets
import struct
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import pycrdt
import trio
from plait.protocol import frames

HOLD_S = 12.0
"""Longer than a head may take."""

TURNED_AWAY = frozenset({0, 429, 503})


class Target(NamedTuple):
    """Where the server is, and a token that lets people write into rooms that begin with `hostile-`."""

    port: int
    token: str


class Attacker:
    """One connection. `dice` are its own, so a run can be repeated."""

    def __init__(self, target: Target, source: str, dice: random.Random, stream: trio.SocketStream) -> None:
        self.target = target
        self.source = source
        self.dice = dice
        self.stream = stream

    def head(self, method: str, path: str, *more: str) -> bytes:
        """A request's head."""
        return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *more, "", ""]).encode()

    async def hears(self, within_s: float = 1.5, *, polite: bool = False) -> bytes:
        """All that the server says until it closes, or for so long; what is more than a megabyte is cut. Who is polite
        answers a close frame, so that nobody has to wait; the others let the server wait."""
        said = b""
        with trio.move_on_after(within_s):
            while len(said) < 1 << 20 and (part := await self.stream.receive_some()):
                said += part
                if polite and _status(said) == 101 and _close_code(said):
                    polite = False
                    await self.stream.send_all(masked(b"", 0x88))
        return said

    async def asks(self, *parts: bytes, within_s: float = 1.5) -> int:
        """Send it all; the status that is answered."""
        with suppress(trio.BrokenResourceError):  # An answer may come before everything was said.
            for part in parts:
                await self.stream.send_all(part)
        return _status(await self.hears(within_s))

    async def upgrades(self, path: str, *more: str, frames_: bytes = b"", within_s: float = 1.5) -> int:
        """Become a WebSocket and say this; the code with which it is closed, or the status that was answered."""
        lines = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        head = self.head("GET", path, *lines, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *more)
        with suppress(trio.BrokenResourceError):
            await self.stream.send_all(head)
            for first in range(0, len(frames_), 16 << 10):
                await self.stream.send_all(frames_[first : first + (16 << 10)])
        said = await self.hears(within_s, polite=self.dice.random() < 0.5)
        status = _status(said)
        return _close_code(said) if status == 101 else status

    @property
    def room(self) -> str:
        return f"hostile-{self.dice.randrange(20)}?token={self.target.token}"


def _status(said: bytes) -> int:
    first = said[:12].split(b" ")
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0


def _close_code(said: bytes) -> int:
    """The close code at the end of a server's frames; 0 if there is none."""
    at = said.find(b"\r\n\r\n") + 4
    while at + 2 <= len(said):
        first, length = said[at], said[at + 1]
        at += 2
        if length == 126:
            length, at = int.from_bytes(said[at : at + 2], "big"), at + 2
        elif length == 127:
            length, at = int.from_bytes(said[at : at + 8], "big"), at + 8
        if first == 0x88:
            return int.from_bytes(said[at : at + 2], "big")
        at += length
    return 0


def masked(payload: bytes, first: int = 0x82) -> bytes:
    """A client's frame under a mask of zeros, which is one."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


# --- heads --------------------------------------------------------------------------------------------------------


async def opens_and_hangs(it: Attacker) -> int:
    """Say nothing at all."""
    return _status(await it.hears(it.dice.uniform(0, HOLD_S)))


async def half_head(it: Attacker) -> int:
    """Say half a head and no more."""
    await it.stream.send_all(b"GET /rooms/hostile HTTP/1.1\r\nHost: local")
    return _status(await it.hears(it.dice.uniform(0, HOLD_S)))


async def slow_head(it: Attacker) -> int:
    """A header line now and then, for as long as the server bears it (slowloris)."""
    await it.stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    with suppress(trio.BrokenResourceError):
        for n in range(int(HOLD_S * 2)):
            await it.stream.send_all(b"X-%d: y\r\n" % n)
            if said := await it.hears(0.5):
                return _status(said)
    return 0


async def oversized_head(it: Attacker) -> int:
    return await it.asks(it.head("GET", "/", *(f"X-{n}: {'y' * 1000}" for n in range(40))))


async def no_http(it: Attacker) -> int:
    """A TLS hello, HTTP/2's preface, or noise."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return await it.asks(it.dice.choice([hello, preface, it.dice.randbytes(200) + b"\r\n\r\n"]))


async def smuggled(it: Attacker) -> int:
    """Two lengths, or a length beside chunks: what proxies and servers read differently."""
    said = (["Content-Length: 5", "Content-Length: 6"], ["Content-Length: x"], ["Content-Length: -1"])
    lengths = it.dice.choice(said)
    return await it.asks(it.head("POST", "/api/rooms/r/commands", *lengths), b"hello")


async def wrong_path(it: Attacker) -> int:
    path = it.dice.choice(["/nope", "/../../etc/passwd", "/api/blobs/../x", "/api/rooms/%2e%2e/records", "//"])
    return await it.asks(it.head("GET", path, "Connection: close"))


async def wrong_origin(it: Attacker) -> int:
    return await it.upgrades(f"/docs/{it.room}", "Origin: https://evil.example")


async def pipelined(it: Attacker) -> int:
    """Many requests in one breath."""
    return await it.asks(it.head("GET", "/health") * 19 + it.head("GET", "/health", "Connection: close"))


# --- bodies -------------------------------------------------------------------------------------------------------


async def endless_body(it: Attacker) -> int:
    room = it.room.replace("?", "/commands?")
    return await it.asks(it.head("POST", f"/api/rooms/{room}", "Content-Length: 1000000000000"), b"x" * 1000)


async def slow_body(it: Attacker) -> int:
    """Announce a body, send half of it, and wait."""
    room = it.room.replace("?", "/commands?")
    await it.stream.send_all(it.head("POST", f"/api/rooms/{room}", "Content-Length: 100000") + b"x" * 50_000)
    return _status(await it.hears(it.dice.uniform(0, HOLD_S)))


async def body_bomb(it: Attacker) -> int:
    """A kilobyte that says to be a megabyte, deflated."""
    bomb, room = zlib.compress(bytes(1 << 20), 9), it.room.replace("?", "/commands?")
    more = ("Content-Encoding: deflate", f"Content-Length: {len(bomb)}", "Connection: close")
    return await it.asks(it.head("POST", f"/api/rooms/{room}", *more), bomb)


# --- upgrades -----------------------------------------------------------------------------------------------------


async def bad_upgrade(it: Attacker) -> int:
    lines = it.dice.choice([["Sec-WebSocket-Version: 8"], ["Sec-WebSocket-Version: 13"], []])
    return await it.asks(it.head("GET", f"/docs/{it.room}", "Upgrade: websocket", "Connection: Upgrade", *lines))


async def bad_name(it: Attacker) -> int:
    return await it.upgrades(it.dice.choice(["/rooms/-x", "/docs/%2e%2e", "/docs/a//b", "/rooms/" + "x" * 300]))


async def bad_token(it: Attacker) -> int:
    token = it.dice.choice(["", it.dice.randbytes(30).hex(), it.target.token[:-3] + "AAA", "a.b.c"])
    return await it.upgrades(f"/rooms/hostile-1?token={token}")


async def foreign_room(it: Attacker) -> int:
    """A good token, and a room that it is not for."""
    return await it.upgrades(f"/docs/good?token={it.target.token}")


async def stranger(it: Attacker) -> int:
    """A Hocuspocus socket that asks for documents and has no token for any."""
    auth = frames.write_string("good") + b"\x02\x00" + frames.write_string("no token")
    return await it.upgrades("/hocuspocus", frames_=masked(auth) * 40 + masked(it.dice.randbytes(100)), within_s=2)


# --- frames -------------------------------------------------------------------------------------------------------


async def garbage_frames(it: Attacker) -> int:
    said = b"".join(masked(it.dice.randbytes(it.dice.randrange(1, 300))) for _ in range(5))
    return await it.upgrades(f"/docs/{it.room}", frames_=said)


async def lawless_frames(it: Attacker) -> int:
    """Not masked, of a reserved kind, a long ping, a continuation of nothing."""
    said = it.dice.choice([b"\x82\x05hello", masked(b"x", 0x83), masked(b"x" * 200, 0x89), masked(b"x", 0x80)])
    return await it.upgrades(f"/docs/{it.room}", frames_=said)


async def giant_frame(it: Attacker) -> int:
    """The header of a frame of eight exabytes, and a little of it."""
    return await it.upgrades(f"/docs/{it.room}", frames_=b"\x82\xff" + (1 << 62).to_bytes(8, "big") + bytes(4000))


async def half_frame(it: Attacker) -> int:
    """Half a megabyte of a frame of one."""
    said = b"\x82\xff" + (1 << 20).to_bytes(8, "big") + bytes(4) + bytes(500_000)
    return await it.upgrades(f"/docs/{it.room}", frames_=said, within_s=it.dice.uniform(0, HOLD_S))


async def deflated(it: Attacker) -> int:
    """Offer compression, and send a compressed bomb though nobody agreed to it."""
    bomb = zlib.compress(bytes(10 << 20), 9)
    offers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    return await it.upgrades(f"/docs/{it.room}", offers, frames_=masked(bomb, 0xC2))


async def update_bomb(it: Attacker) -> int:
    """An update of a few bytes that says to hold four billion structs, and one nested too deeply to be read."""
    many = b"\x01\xff\xff\xff\xff\x0f\x01\x00" + b"\x00\xff\xff\xff\xff\x0f" * 3
    deep = b"\x01\x01\x01\x00\x08\x01\x01a\x01" + b"u\x01" * 5000
    said = masked(frames.update(many)) + masked(frames.update(deep))
    return await it.upgrades(f"/docs/{it.room}", frames_=said, within_s=2)


async def awareness_flood(it: Attacker) -> int:
    """Be present two hundred times in one breath."""
    client = it.dice.randrange(1 << 31)
    state = json.dumps({"user": {"name": "x" * 100}}).encode()
    said = b""
    for clock in range(1, 200):
        payload = b"\x01" + frames.write_uint(client) + frames.write_uint(clock) + frames.write_bytes(state)
        said += masked(frames.awareness(payload))
    return await it.upgrades(f"/docs/{it.room}", frames_=said, within_s=2)


async def update_flood(it: Attacker) -> int:
    """Two hundred keystrokes in one breath, and a stray one of somebody else."""
    doc = pycrdt.Doc()
    text, updates = doc.get("content", type=pycrdt.Text), []
    subscription = doc.observe(lambda event: updates.append(event.update))
    for _ in range(200):
        text += "x"
    text.clear()  # So that the rooms stay small.
    doc.unobserve(subscription)
    said = b"".join(masked(frames.update(update)) for update in updates)
    return await it.upgrades(f"/docs/{it.room}", frames_=said, within_s=2)


async def question_flood(it: Attacker) -> int:
    """Ask for everything again and again, in frames of many questions, and read nothing."""
    said = (masked(b"\x00\x00\x01\x00") + masked(b"\x03" * 60)) * 50
    with trio.move_on_after(2):
        await it.upgrades(f"/docs/{it.room}", frames_=said, within_s=0.01)
        await trio.sleep(1)
    return 0


async def command_flood(it: Attacker) -> int:
    """Commands that are none, too many, too long."""
    lines = [b"{", b'{"id": "x", "do": "fly"}', b'{"id": "y", "do": "ping"}', b"[" * 5000]
    said = b"".join(masked(it.dice.choice(lines), 0x81) for _ in range(100))
    return await it.upgrades(f"/rooms/{it.room}", "Sec-WebSocket-Protocol: plait.v1", frames_=said, within_s=2)


# --- ends ---------------------------------------------------------------------------------------------------------


async def resets(it: Attacker) -> int:
    """Connect and reset at once."""
    it.stream.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    await trio.lowlevel.checkpoint()
    return 0


async def resets_later(it: Attacker) -> int:
    """Reset in the middle of a handshake or of an answer."""
    it.stream.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    await it.upgrades(f"/docs/{it.room}", frames_=masked(b"\x00\x00\x01\x00"), within_s=it.dice.uniform(0, 0.05))
    return 0


Kind = Callable[[Attacker], Awaitable[int]]

KINDS: dict[Kind, frozenset[int]] = {
    opens_and_hangs: frozenset(),
    half_head: frozenset(),
    slow_head: frozenset(),
    oversized_head: frozenset({431}),
    no_http: frozenset({400, 403}),
    smuggled: frozenset({400}),
    wrong_path: frozenset({400, 401, 404}),
    wrong_origin: frozenset({403}),
    pipelined: frozenset({200}),
    endless_body: frozenset({413}),
    slow_body: frozenset({400}),
    body_bomb: frozenset({400}),
    bad_upgrade: frozenset({400}),
    bad_name: frozenset({4400}),
    bad_token: frozenset({4401}),
    foreign_room: frozenset({4403}),
    stranger: frozenset({4400, 4403}),
    garbage_frames: frozenset({4400}),
    lawless_frames: frozenset({1002}),
    giant_frame: frozenset({1009}),
    half_frame: frozenset({1013}),
    deflated: frozenset({1002}),
    update_bomb: frozenset({4400}),
    awareness_flood: frozenset({1013}),
    update_flood: frozenset({1013}),
    question_flood: frozenset({1013}),
    command_flood: frozenset({1013}),
    resets: frozenset(),
    resets_later: frozenset(),
}
"""What each kind may be answered, beside `TURNED_AWAY` and 1013."""

FLOODS = frozenset({awareness_flood, update_flood, question_flood, command_flood, half_frame, slow_body, body_bomb})
"""Kinds of which one connection says as much as a hundred others; they come in one round of ten."""


def kind_of(number: int) -> Kind:
    """Which kind the nth connection is."""
    each = list(KINDS)
    turn, kind = number // len(each), each[number % len(each)]
    return kind if kind not in FLOODS or turn % 10 == 0 else each[(turn * 7 + number) % _LIGHT]


_LIGHT = 9
"""So many of the first kinds are heads, which cost little."""


async def attack(kind: Kind, target: Target, source: str, dice: random.Random) -> int:
    """One hostile connection from that address, to its end; what it was answered."""
    socket = trio.socket.socket(sockets.AF_INET, sockets.SOCK_STREAM)
    try:
        await socket.bind((source, 0))
        with trio.fail_after(10):
            await socket.connect(("127.0.0.1", target.port))
        async with trio.SocketStream(socket) as stream:
            return await kind(Attacker(target, source, dice, stream))
    except (OSError, trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        socket.close()
    return 0
