"""What a socket says: whole binary frames are read here, by the chunk, and everything else by the WebSocket library.

The library reads each message in Python frame objects, events and a channel between two tasks, 26 µs for a keystroke of
25 bytes; read off the chunk that it came in, it takes 2. So this stream stands between the library and the socket and
takes out what is plain: a final, masked binary frame of at most `_PLAIN_BYTES` that is no part of a fragmented message.
Handshake, text, fragments, large frames, ping, pong and close, and whatever breaks the protocol, go to the library byte
for byte. Rules (specs/server.md):

1. Messages come out in the order in which they came in, whoever reads them: where the library reads one, a gap is left.
2. The next chunk is read when the last one's messages were taken, so TCP slows who says more than is taken.
3. What looks wrong in any way is not judged here: from then on all bytes are the library's, which says what is wrong.
4. When nobody takes messages any more (`deaf`), all bytes are the library's too: it waits for the close frame. So they
   are once the library has sent its own, or has found the socket broken.
5. Whoever waits for messages may be told of plain ones by a call (`hear`), in the task that has read them: to wake
   another one for each keystroke costs as much as to read it.
"""

from collections import deque
from collections.abc import Callable

import trio
from trio_websocket import WebSocketConnection

from .stream import PushStream

_PLAIN_BYTES = 64 << 10
_PLAIN = 0x82
_CLOSE_FRAME = b"\x88"
_CONTINUES, _BINARY, _CLOSE, _PONG = 0, 2, 8, 10


class Inbound(trio.abc.Stream):
    """The stream that the library is given, and the messages that it never sees."""

    __slots__ = (
        "_came",
        "_data",
        "_ended",
        "_failure",
        "_found",
        "_fragments",
        "_headed",
        "_hear",
        "_library",
        "_opened",
        "_partial",
        "_passing",
        "_ready",
        "_stream",
        "_taken",
    )

    def __init__(self, stream: PushStream) -> None:
        self._stream = stream
        self._library: WebSocketConnection | None = None
        self._headed = False
        """The head of the upgrade request was given to the library."""
        self._opened = trio.Event()
        self._ready: deque[bytes | None] = deque()
        """Messages that nobody has taken; None for one that the library has, or its word that there are no more."""
        self._data = b""
        self._found = b""
        """Bytes of the library's that it has not been given yet."""
        self._ended = False
        self._passing: int | None = None
        """How many bytes more of this frame are the library's; None if all that comes is."""
        self._fragments = False
        self._partial = 0
        """Bytes of a message that is the library's, as far as it has come."""
        self._came: trio.Event | None = None
        self._taken: trio.Event | None = None
        self._hear: Callable[[bytes], bool] | None = None
        self._failure: BaseException | None = None
        """What the call raised, for whoever gave it."""

    def open(self, library: WebSocketConnection) -> None:
        """The handshake is done: what comes now are frames."""
        self._library = library
        self._passing = 0
        self._opened.set()

    def deaf(self) -> None:
        """Nobody takes messages any more."""
        self._passing = None
        self._ready.clear()
        self._wake()

    def take(self) -> bytes | None:
        """The next message if it is at hand; None if it has to be waited for."""
        ready = self._ready
        if not ready or ready[0] is None:
            return None
        message = ready.popleft()
        if not ready and self._taken is not None:
            self._taken.set()
            self._taken = None
        return message

    async def get_message(self, hear: Callable[[bytes], bool] | None = None) -> bytes | str | None:
        """The next message. Those that `hear` is told of meanwhile are no longer there to be taken; None if it has
        heard enough, which it says by False. Raises trio_websocket.ConnectionClosed, and what `hear` raised."""
        assert self._library is not None
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._ready:
            if self._passing is None:
                return await self._library.get_message()
            self._hear = hear
            self._came = self._came or trio.Event()
            try:
                await self._came.wait()
            finally:
                told, self._hear = self._hear is not hear, None
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if told:
                return None
        message = self._ready.popleft()
        if not self._ready and self._taken is not None:
            self._taken.set()
            self._taken = None
        return await self._library.get_message() if message is None else message

    @property
    def partial(self) -> int:
        """Bytes of a message that is not whole yet; the library holds them."""
        return self._partial if self._fragments or self._passing else 0

    def _tell(self, message: bytes) -> None:
        """A plain message has come."""
        if self._hear is None or self._ready:
            self._ready.append(message)
            return
        try:
            more = self._hear(message)
        except BaseException as error:
            self._failure, more = error, False
        if not more:
            self._hear = None
            if self._came is not None:
                self._came.set()
                self._came = None

    def _wake(self) -> None:
        if self._came is not None and (self._ready or self._passing is None):
            self._came.set()
            self._came = None
        if self._taken is not None and (not self._ready or self._passing is None):
            self._taken.set()
            self._taken = None

    # --- what the library uses ------------------------------------------------------------------------------------

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The library's bytes; more than `max_bytes` where they are at hand."""
        if not self._headed:
            head, end, self._data = bytes(await self._stream.receive_some()).partition(b"\r\n\r\n")
            self._headed = bool(end)
            return head + end
        await self._opened.wait()
        while True:
            if self._data and (found := self._sift()):
                return found
            while self._ready and self._passing is not None:
                self._taken = self._taken or trio.Event()
                await self._taken.wait()
            if self._data and self._passing is None:
                continue
            try:
                await self._stream.receive(self._chunk)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._give_up()
                raise
            if self._found or self._ended:
                found, self._found = self._found, b""
                return found

    def _chunk(self, data: bytes) -> bool:
        """Bytes have come; whether the library's task must look, because some are its own or because no more may be
        read now."""
        if data:
            self._data += data
            self._found = self._sift()
        else:
            self._ended = True
            self._give_up()
        return bool(self._found) or bool(self._ready) or self._passing is None

    def _give_up(self) -> None:
        """The rest is the library's."""
        if self._passing is not None:
            self._passing = None
            self._ready.append(None)
        self._wake()

    def _sift(self) -> bytes:
        """Take plain frames from the front of what was read, up to bytes of the library's, which are given back."""
        data, at, size = self._data, 0, len(self._data)
        while self._passing == 0:
            # What people type is whole and short, so its header is as long as every other's.
            if size >= at + 6 and data[at] == _PLAIN and 0 <= data[at + 1] - 0x80 < 126 and not self._fragments:
                end = at + 6 + data[at + 1] - 0x80
                if end > size:
                    break
                self._tell(_unmasked(data[at + 2 : at + 6], data[at + 6 : end]))
                at = end
                continue
            found = _header(data, at)
            if found is None:
                break
            first, head, length = found
            if first == _PLAIN and 0 <= length <= _PLAIN_BYTES and not self._fragments:
                end = at + head + length
                if end > len(data):
                    break
                self._tell(_unmasked(data[at + head - 4 : at + head], data[at + head : end]))
                at = end
            elif length < 0 or not self._lawful(first, length):
                self._give_up()
            else:
                self._passing = head + length
        if self._passing is None:
            self._data = b""
            self._wake()
            return data[at:]
        mine = data[at : at + self._passing]
        self._passing -= len(mine)
        self._partial += len(mine)
        self._data = data[at + len(mine) :]
        self._wake()
        return mine

    def _lawful(self, first: int, length: int) -> bool:
        """Whether the library will read the frame as one; what it will have for whoever takes messages."""
        opcode, final = first & 0x0F, first & 0x80
        if opcode >= _CLOSE:
            if opcode > _PONG or not final or length > 125:
                return False
            if opcode == _CLOSE:
                self._ready.append(None)
            return True
        if opcode > _BINARY or (opcode == _CONTINUES) != self._fragments:
            return False
        if opcode != _CONTINUES:
            self._partial = 0
        self._fragments = not final
        if final:
            self._ready.append(None)
        return True

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As the stream's. A library that says goodbye, or cannot, may read no further, also in the middle of a message
        or of a chunk, and then nothing would tell whoever waits for one."""
        if data[:1] == _CLOSE_FRAME:
            self._give_up()
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._give_up()
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream's."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the socket."""
        await self._stream.aclose()


def _header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """A frame's first byte, its header's length and its payload's, which is -1 for what no client may say; None while
    the header is not whole."""
    if len(data) - at < 2:
        return None
    first, length = data[at], data[at + 1] - 0x80
    if length < 0 or first & 0x70:  # Not masked, or of an extension that nobody agreed on.
        return first, 2, -1
    if length < 126:
        return (first, 6, length) if len(data) - at >= 6 else None
    head = 8 if length == 126 else 14
    if len(data) - at < head:
        return None
    length = int.from_bytes(data[at + 2 : at + head - 4], "big")
    return first, head, length if length > (125 if head == 8 else 0xFFFF) else -1  # A length has one spelling.


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    """RFC 6455, section 5.3, in one piece."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")
