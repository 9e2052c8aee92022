"""What the document benchmarks share: both servers as processes, and sockets as cheap as they can be.

Sockets are raw, because what is measured is the server: a client's frames are made beforehand under one mask, and most
of what comes is searched and not parsed. The same program speaks to both servers; inside both dialects are y-protocols.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plait.protocol import frames
from plait.protocol.dialects import hocuspocus
from plait.runtime.server import wire

from .processes import ROOT, Talker

PATIENCE_S = 60
_MASK = b"\x37\xfa\x21\x3d"
_UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Server(Talker):
    """A server on a folder of its own."""

    name = ""
    port = 0

    def __init__(self, folder: Path, *command: str) -> None:
        super().__init__(*command)
        self.folder = folder
        self.said = self.line()

    def stop(self) -> None:
        """End it as a deploy does."""
        os.kill(self.pid, signal.SIGTERM)
        self._process.wait(timeout=PATIENCE_S)

    def disk_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.folder.iterdir())


class PlaitServer(Server):
    """`plait serve`."""

    name = "plait"

    def __init__(self, folder: Path) -> None:
        plait = Path(sys.executable).with_name("plait")
        super().__init__(folder, str(plait), "serve", "--port", "0", "--store", f"sqlite:///{folder}/plait.db")
        self.port = int(self.said.rpartition(":")[2])


class HocuspocusServer(Server):
    """Hocuspocus with its SQLite extension."""

    name = "Hocuspocus"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "node", str(ROOT / "tests" / "bench" / "hocuspocus.mjs"), f"{folder}/hocuspocus.db")
        if not self.said.isdigit():
            raise SystemExit(self.said)
        self.port = int(self.said)


class Dialect:
    """How one document is spoken of: y-websocket, whose path names it, or Hocuspocus, whose frames do."""

    def __init__(self, document: str, path: str = "") -> None:
        self.path = path or f"/docs/{document}"
        self.prefix = frames.write_string(document) if path else b""

    def frame(self, frame: bytes) -> bytes:
        """A frame of y-protocols as a client's WebSocket frame."""
        payload = self.prefix + frame
        head = wire.binary(payload)[: -len(payload)]
        key = (_MASK * (len(payload) // 4 + 1))[: len(payload)]
        masked = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
        return bytes((head[0], head[1] | 0x80)) + head[2:] + _MASK + masked.to_bytes(len(payload), "little")

    def ack(self, update: bytes) -> bytes:
        """What a server sends when it has taken an update: the echo, or `SyncStatus`."""
        if self.prefix:
            return wire.binary(hocuspocus.status(self.prefix, saved=True))
        return wire.binary(frames.update(update))


class Peer:
    """One raw socket on one document."""

    def __init__(self, port: int, dialect: Dialect) -> None:
        self.dialect = dialect
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(_UPGRADE.format(dialect.path).encode())
        self._rest = b""
        while b"\r\n\r\n" not in self._rest:
            self._rest += self.socket.recv(1 << 16)
        self._rest = self._rest.partition(b"\r\n\r\n")[2]

    def say(self, frame: bytes) -> None:
        self.socket.sendall(self.dialect.frame(frame))

    def open(self) -> bytes:
        """Synchronise with nothing in hand; what the document holds. Whoever writes calls `settle` next."""
        if self.dialect.prefix:
            self.say(b"\x02\x00" + frames.write_string("token") + frames.write_string("4.8.0"))
        self.say(frames.step1(b"\x00"))
        for payload in self.payloads():
            said = payload[len(self.dialect.prefix) :]
            if said.startswith(b"\x00\x01"):
                return frames.read_bytes(said, 2)[0]
            self._answer(said)
        raise AssertionError("the socket ended")

    def settle(self, quiet_s: float = 0.3) -> None:
        """Answer what the server asks until it is quiet, so that every later ack is an edit's."""
        self.socket.settimeout(quiet_s)
        try:
            for payload in self.payloads():
                self._answer(payload[len(self.dialect.prefix) :])
        except TimeoutError:
            self.socket.settimeout(PATIENCE_S)
        assert not self._rest

    def _answer(self, said: bytes) -> None:
        if said.startswith(b"\x00\x00"):
            self.say(frames.step2(frames.EMPTY_UPDATE))

    def payloads(self) -> Iterator[bytes]:
        """Whole frames as they come."""
        while True:
            while (found := _frame(self._rest)) is not None:
                payload, self._rest = found
                yield payload
            data = self.socket.recv(1 << 20)
            if not data:
                return
            self._rest += data

    def close(self) -> None:
        self.socket.close()


def _frame(data: bytes) -> tuple[bytes, bytes] | None:
    """The first frame's payload and what follows it."""
    if len(data) < 2:
        return None
    size, at = data[1], 2
    if size >= 126:
        at = 4 if size == 126 else 10
        size = int.from_bytes(data[2:at], "big")
    return (data[at : at + size], data[at + size :]) if len(data) >= at + size else None


SIDES: dict[str, tuple[type[PlaitServer] | type[HocuspocusServer], bool]] = {
    "Hocuspocus": (HocuspocusServer, True),
    "plait /hocuspocus": (PlaitServer, True),
    "plait /docs": (PlaitServer, False),
}
"""Each side: its server, and whether it is spoken to in Hocuspocus' dialect."""


def opened(server: Server, document: str, *, named: bool) -> Dialect:
    """How this server is spoken to: Hocuspocus its own way, plait in both."""
    if server.name == "plait":
        return Dialect(document, "/hocuspocus" if named else "")
    return Dialect(document, "/")


def quantile(sorted_values: list[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))] if sorted_values else 0.0


def wait_quiet(server: Server, within_s: float = 20, step_s: float = 0.5) -> None:
    """Until the server has nothing more to do: its debounced stores and checkpoints are its own work too."""
    deadline, before = time.monotonic() + within_s, -1.0
    while time.monotonic() < deadline and (now := server.cpu_ms()) - before > 5:
        before = now
        time.sleep(step_s)


Row = dict[str, Any]
