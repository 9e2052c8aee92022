"""The PROXY protocol's header, which a TCP proxy writes before a connection's first byte to say whose it is.

Versions 1 (a line) and 2 (binary) as HAProxy's proxy-protocol.txt has them, for TCP alone. Whether a header may be
believed is decided by whoever calls (`peer`); here it is only read:

1. Exactly the header's bytes are taken off the stream, because what follows is another's: a TLS handshake, or HTTP.
2. At most `PROXY_HEADER_BYTES` are read, for at most `HEAD_S`. What is not a header to the letter is Refused, and
   nothing is guessed.
3. `LOCAL` and `UNKNOWN` (a proxy that asks for itself, say for our health) name nobody.

The packages that do this bring an asyncio server along; this is what is needed of it.
"""

import ipaddress
import struct
from typing import NamedTuple

import trio

from ...protocol import limits
from ...protocol.errors import Refused

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_SHORTEST = b"PROXY UNKNOWN\r\n"  # No header of either version has fewer bytes than this one.
_LINE_BYTES = 107  # The longest line of version 1, its end included.
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_ADDRESSES = {_TCP4: 12, _TCP6: 36}
_TLV_SSL = 0x20
_OVER_TLS = 0x01


class Header(NamedTuple):
    """Whose connection it is: an address as text, or "" where the proxy speaks for itself; `secure` if the proxy says
    that they came to it over TLS, which only version 2 can say."""

    address: str
    secure: bool = False


async def read(stream: trio.abc.Stream) -> Header:
    """The header that stands before everything else on this stream. Raises Refused('bad-request')."""
    with trio.move_on_after(limits.HEAD_S):
        return await _read(stream)
    raise _no("did not come")


async def _read(stream: trio.abc.Stream) -> Header:
    start = await _exactly(stream, len(_SHORTEST))
    if start.startswith(_SIGNATURE):
        head = start + await _exactly(stream, 16 - len(start))
        (length,) = struct.unpack("!H", head[14:])
        if len(head) + length > limits.PROXY_HEADER_BYTES:
            raise _no("is too long")
        return _binary(head, await _exactly(stream, length))
    if not start.startswith(b"PROXY "):
        raise _no("is missing")
    line = start
    while not line.endswith(b"\r\n"):
        if len(line) == _LINE_BYTES:
            raise _no("is too long")
        line += await _exactly(stream, 1)
    return _text(line)


async def _exactly(stream: trio.abc.Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = await stream.receive_some(count - len(data))
        if not part:
            raise _no("is cut off")
        data += part
    return data


def _text(line: bytes) -> Header:
    """`PROXY TCP4 192.0.2.1 192.0.2.2 56324 443` or `PROXY UNKNOWN …`."""
    words = line[:-2].split(b" ")
    if words[1] == b"UNKNOWN":
        return Header("")
    if len(words) != 6 or not all(_is_port(word) for word in words[4:]):
        raise _no("is not one")
    try:
        kind = {b"TCP4": ipaddress.IPv4Address, b"TCP6": ipaddress.IPv6Address}[words[1]]
        source, _ = (kind(word.decode("ascii")) for word in words[2:4])
    except (KeyError, ValueError):
        raise _no("is not one") from None
    return Header(str(source))


def _is_port(word: bytes) -> bool:
    return word.isdigit() and len(word) <= 5 and int(word) <= 65535 and (word == b"0" or word[:1] != b"0")


def _binary(head: bytes, rest: bytes) -> Header:
    command, family = head[12], head[13]
    if command == _LOCAL:
        return Header("")
    if command != _PROXY or len(rest) < _ADDRESSES.get(family, len(rest) + 1):
        raise _no("is not one for TCP")  # Datagrams and local sockets come here, too: no browser is behind those.
    wide = family == _TCP6
    address = ipaddress.IPv6Address(rest[:16]) if wide else ipaddress.IPv4Address(rest[:4])
    return Header(str(address), _over_tls(rest[_ADDRESSES[family] :]))


def _over_tls(fields: bytes) -> bool:
    """Whether one of the type-length-value fields says that the client came over TLS."""
    while fields:
        if len(fields) < 3:
            raise _no("is cut off")
        kind, length = struct.unpack("!BH", fields[:3])
        value, fields = fields[3 : 3 + length], fields[3 + length :]
        if len(value) < length:
            raise _no("is cut off")
        if kind == _TLV_SSL:
            return length >= 5 and bool(value[0] & _OVER_TLS)
    return False


def _no(how: str) -> Refused:
    return Refused("bad-request", f"The PROXY header {how}.")
