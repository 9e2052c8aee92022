"""Who may ask at all: the Host and Origin checks, before anything else is looked at.

A web page anywhere can make its reader's browser send requests to 127.0.0.1. Two checks stop that without a login:

1. *Origin* (set by browsers, not by scripts) must be absent, or its host and port equal Host, or be among
   `--allow-origin`. This stops other pages, also for WebSockets, which have no same-origin policy of their own.
   Where the page is known to have come over TLS, a page that did not is another one, whatever its host.
2. *Host* must be the bound name, a loopback name, the host of an allowed origin, or, where the server is bound to all
   interfaces, any literal address. This stops DNS rebinding, where a foreign name resolves to us and so Origin equals
   Host: the name is not ours, and a literal address cannot be rebound.

A trusted proxy's `X-Forwarded-Host` (peer) is what the browser asked for, so it is judged as well and is what Origin
has to equal. It does not replace Host: a page whose name was rebound can have its reader's browser send that header,
and not every proxy removes it.

`*` among the allowed origins allows every origin and host; somebody in front has to check then.
"""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from .peer import Peer

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_NOBODY = Peer()
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class _Place(NamedTuple):
    host: str
    port: int | None


class Doorkeeper:
    """Judges the two headers for a server that is bound to `host` and allows these further origins."""

    def __init__(self, host: str, allow_origins: Iterable[str] = ()) -> None:
        allowed = tuple(allow_origins)
        self._anyone = "*" in allowed
        self._origins = {origin.rstrip("/").lower() for origin in allowed}
        self._hosts = LOOPBACK_NAMES | {host.lower()} | {urlsplit(origin).hostname or "" for origin in allowed}
        self._hosts -= {""}
        self._everywhere = host in ("0.0.0.0", "::", "")  # nosec B104  # nothing is bound here, a name is compared

    def admits(self, host: str, origin: str | None, peer: Peer = _NOBODY) -> bool:
        """Whether a request with this Host header and this Origin (or None) from that peer may be served."""
        if self._anyone:
            return True
        place = self._known(host)
        if place is not None and peer.host:
            place = self._known(peer.host)
        if place is None:
            return False
        return origin is None or origin.lower() in self._origins or _same(origin, place, secure=peer.secure)

    def _known(self, host: str) -> _Place | None:
        place = _place(f"//{host}")
        return place if place is not None and self._knows(place.host) else None

    def _knows(self, host: str) -> bool:
        if host in self._hosts:
            return True
        return self._everywhere and _is_address(host)


def _place(url: str) -> _Place | None:
    try:
        parts = urlsplit(url)
        if parts.hostname is None or parts.username is not None or parts.path or parts.query:
            return None
        return _Place(parts.hostname, parts.port)
    except ValueError:
        return None


def _same(origin: str, place: _Place, *, secure: bool) -> bool:
    """Whether the origin's host and port are those of the Host header; a port left out is the origin's scheme's. What
    came in the clear may have left the browser over TLS: not every proxy is known here. Not the other way round."""
    theirs = _place(origin)
    scheme = origin.partition(":")[0].lower()
    if theirs is None or scheme not in _DEFAULT_PORTS or (secure and scheme not in ("https", "wss")):
        return False
    default = _DEFAULT_PORTS[scheme]
    return (theirs.host, theirs.port or default) == (place.host, place.port or default)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
