"""TLS of our own, over the standard library's engine that needs no socket (`ssl.MemoryBIO`).

`trio.SSLStream` can only write by waiting, and fan-out stands on writes that do not wait (`stream`). The engine
beneath it never waits at all: bytes go in, sealed records come out. So this is that engine with a Trio stream around
it, and a push stream seals a frame and writes it to the socket in one go. Rules (specs/transport.md):

1. Sealed bytes leave in the order in which they were sealed; whoever calls `seal` sends what it gives.
2. Reading sends nothing. What TLS itself wants to say meanwhile (that a key was changed) goes ahead of the next record
   that is sealed, which is when it has to be said. Renegotiation, which would need more, is off.
3. The end of the connection is the end, with or without a goodbye: HTTP and WebSocket know themselves what is whole.
4. Renewed certificates count from the next connection on, without a restart; those that do not load leave the old ones.
"""

import logging
import os
import ssl
from contextlib import suppress
from pathlib import Path

import trio

from ...protocol import limits

_RECORD_BYTES = 16 << 10
_RECEIVE_BYTES = 32 << 10
_log = logging.getLogger("plait.tls")


class BadCertificate(ValueError):
    """A certificate and a key that cannot be used; the text is a sentence for whoever named the files."""


class Certificate:
    """A certificate chain and its key, two PEM files or one with both. Raises BadCertificate."""

    def __init__(self, chain: str | Path, key: str | Path) -> None:
        self._chain = Path(chain)
        self._key = Path(key)
        self._seen = self._stamps()
        self.context = self._load()
        """What new connections are answered with."""

    def reload(self) -> None:
        """Read the files again. Raises BadCertificate; then what was read before still counts."""
        self._seen = self._stamps()
        self.context = self._load()

    async def keep_fresh(self) -> None:
        """Read the files again whenever they have changed, for ever; what does not load is said in the log."""
        while True:
            await trio.sleep(limits.CERTIFICATE_FRESH_S)
            if self._stamps() != self._seen:
                self.try_reload()

    def try_reload(self) -> None:
        """As `reload`, with a line in the log in place of an error."""
        try:
            self.reload()
        except BadCertificate as error:
            _log.error("the certificate that was read before stays in use: %s", error)
        else:
            _log.info("read the certificate in %s again", self._chain)

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in (self._chain, self._key)]

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        sealed = [b"ENCRYPTED" in _pem(path) for path in (self._chain, self._key)]
        try:
            # Without a password of ours OpenSSL would ask for one at the terminal, and wait.
            context.load_cert_chain(self._chain, self._key, password=lambda: "")
        except ssl.SSLError as error:
            why = "the key is another certificate's" if error.reason == "KEY_VALUES_MISMATCH" else "one is not PEM"
            why = "the key has a password" if any(sealed) else why
            raise BadCertificate(f"{self._chain} and {self._key} are no certificate and its key: {why}") from None
        return context


def _pem(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCertificate(f"{path} cannot be read: {error.strerror}") from None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


class TlsStream(trio.abc.HalfCloseableStream):
    """The server's side of TLS over `transport`, after `shake_hands`."""

    def __init__(self, transport: trio.abc.Stream, context: ssl.SSLContext) -> None:
        self.transport = transport
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._over = False

    async def shake_hands(self) -> None:
        """Become a TLS connection within `HEAD_S`. Raises trio.BrokenResourceError, as for a client that went away."""
        with trio.move_on_after(limits.HEAD_S):
            try:
                while not self._shaken():
                    await self._say()
                    await self._hear()
                await self._say()
                return
            except ssl.SSLError as error:
                _log.debug("no handshake: %s", error.reason)
                await self._say()  # The alert, which tells the client what was wrong.
        raise trio.BrokenResourceError

    def _shaken(self) -> bool:
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    async def _say(self) -> None:
        if self._outgoing.pending:
            await self.transport.send_all(self._outgoing.read())

    async def _hear(self) -> None:
        data = await self.transport.receive_some(_RECEIVE_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def seal(self, data: bytes) -> bytes:
        """These bytes as they go over the wire. Raises trio.BrokenResourceError after the end."""
        if self._over:
            raise trio.BrokenResourceError
        try:
            written = self._ssl.write(data)
            while written < len(data):  # One record at a time.
                written += self._ssl.write(memoryview(data)[written:])
        except ssl.SSLError as error:
            raise trio.BrokenResourceError from error
        return self._outgoing.read()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Seal and send. Raises trio.BrokenResourceError."""
        if data:
            await self.transport.send_all(self.seal(bytes(data)))
        else:
            await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the transport takes more."""
        await self.transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What was said, or b"" at its end. After `send_eof` what still comes is not opened; it only shows that
        something did. Raises trio.BrokenResourceError."""
        if self._over:
            return bytes(await self.transport.receive_some(max_bytes))
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while True:
            try:
                data = self._ssl.read(max_bytes or _RECORD_BYTES)
            except ssl.SSLWantReadError:
                await self._hear()
                waited = True
                continue
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                data = b""
            except ssl.SSLError as error:
                raise trio.BrokenResourceError from error
            if not waited:
                await trio.lowlevel.cancel_shielded_checkpoint()
            return data

    async def send_eof(self) -> None:
        """Say that nothing follows."""
        goodbye = self._goodbye()
        if goodbye:
            await self.transport.send_all(goodbye)
        if isinstance(self.transport, trio.abc.HalfCloseableStream):
            await self.transport.send_eof()

    async def aclose(self) -> None:
        """Say goodbye, if the socket takes it at once, and close the transport."""
        goodbye = self._goodbye()
        if goodbye and os.name == "posix" and isinstance(self.transport, trio.SocketStream):
            with suppress(OSError):
                os.write(self.transport.socket.fileno(), goodbye)
        await self.transport.aclose()

    def _goodbye(self) -> bytes:
        if self._over:
            return b""
        self._over = True
        with suppress(ssl.SSLError):  # It wants the other side's, which is not waited for.
            self._ssl.unwrap()
        return self._outgoing.read()
