"""Who is at the other end: the one place that says whose address a connection or a request comes from.

Limits, logs and a host's own `auth` go by addresses, and behind a proxy every connection has the proxy's. A proxy says
whom it stands for, in headers or before the first byte; so can anybody else. So (specs/transport.md):

1. Only what a *trusted* address says is believed (`--trust-proxy`); without one, nobody is, and the address is the
   socket's own.
2. Of `X-Forwarded-For` counts the rightmost address that is not trusted: what stands left of it, that one may have
   invented. What is no address ends the search at whoever wrote it. At most `PROXY_HOPS` are looked at.
3. `X-Forwarded-Proto` and `X-Forwarded-Host` count as the nearest proxy wrote them, the last of several.
4. With the PROXY protocol a trusted address must begin with its header, and nobody else may.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import trio

from ...protocol import limits
from . import proxy_header


class Peer(NamedTuple):
    """Who asks. `address` is an IP address in its shortest form, or "" where there is none, as in a simulation;
    `secure` tells that they came over TLS, to us or to a trusted proxy; `host` is the Host that such a proxy saw, or
    "" if none says."""

    address: str = ""
    secure: bool = False
    host: str = ""


class BadProxy(ValueError):
    """A proxy's address is none; the text is a sentence for whoever wrote it."""


class Proxies:
    """Those who are believed. `trusted` are addresses or networks (`10.0.0.0/8`); with `header` their connections
    begin with a header of the PROXY protocol. Raises BadProxy."""

    def __init__(self, trusted: Iterable[str] = (), *, header: bool = False) -> None:
        self._networks = tuple(_network(each) for each in trusted)
        self._header = header
        if header and not self._networks:
            raise BadProxy("the PROXY protocol needs to know whose headers to believe: name the proxy's address")

    def counted(self, stream: trio.abc.Stream) -> str:
        """The address for which a connection counts before anything is read from it: "" for a trusted one's, over which
        come many people. Raises trio.BrokenResourceError."""
        own = _own(stream)
        return "" if self._trust(own) else own

    async def arrived(self, stream: trio.abc.Stream) -> Peer:
        """Whose connection this is. Nothing but a PROXY header was read from it when this returns. Raises
        Refused('bad-request') for a trusted one without a header, trio.BrokenResourceError."""
        own = _own(stream)
        if not self._header or not self._trust(own):
            return Peer(own)
        said = await proxy_header.read(stream)
        return Peer(_short(said.address) or own, said.secure)

    def asking(self, peer: Peer, headers: Mapping[str, str]) -> Peer:
        """Who sent a request with these headers over this peer's connection. Header names are lower case."""
        if not self._trust(peer.address):
            return peer
        scheme = _last(headers.get("x-forwarded-proto", "")).lower()
        return Peer(
            self._first_stranger(peer.address, headers.get("x-forwarded-for", "")),
            scheme in ("https", "wss") if scheme else peer.secure,
            _last(headers.get("x-forwarded-host", "")),
        )

    def _first_stranger(self, hop: str, forwarded: str) -> str:
        for said in reversed(forwarded.rsplit(",", limits.PROXY_HOPS)[-limits.PROXY_HOPS :]):
            address = _short(_without_port(said.strip()))
            if not address:
                break
            hop = address
            if not self._trust(hop):
                break
        return hop

    def _trust(self, address: str) -> bool:
        if not self._networks or not address:
            return False
        ip = ipaddress.ip_address(address)
        return any(ip in network for network in self._networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise BadProxy(f"{text} is not an address or a network such as 10.0.0.0/8") from None


def _own(stream: trio.abc.Stream) -> str:
    """The address at the other end of a TCP connection; "" for streams that are none."""
    if not isinstance(stream, trio.SocketStream):
        return ""
    try:
        return _short(str(stream.socket.getpeername()[0]))
    except OSError:
        raise trio.BrokenResourceError from None  # It hung up before it was looked at.


def _short(text: str) -> str:
    """An address in its one spelling: an IPv4 address that came over an IPv6 socket is that IPv4 address, and an IPv6
    address has no zone, which is a word of the machine that names it. "" for what is no address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _without_port(text: str) -> str:
    """`192.0.2.1:4711` and `[2001:db8::1]:4711` are what some proxies write."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _last(listed: str) -> str:
    return listed.rpartition(",")[2].strip()
