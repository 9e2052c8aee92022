"""Hocuspocus: y-protocols' sync and awareness for many documents on one socket, each frame under its document's key.

A frame is `varString(key) · varUint(type) · payload`, one message a frame. Sync, awareness and query awareness are
y-protocols' own, so they are read and written by `sync` and `frames`; what is particular to Hocuspocus is here: the
auth message that opens a document, `SyncStatus` that acknowledges, stateless messages, CLOSE, ping and pong. Read from
@hocuspocus/provider 3.4.4 and 4.8.0 and @hocuspocus/server 4.7.0. Rules (specs/dialects.md):

- A key is the document's name, or the name, a NUL and the provider's session. Replies carry the key byte for byte, so
  it stays bytes: the *prefix* of every frame to and from that provider.
- What is not exactly such a frame is Refused('bad-frame'); only behind the token of an auth message more may stand,
  because each version of the provider has put something more there.
- Types 4, 6 and 8 are words between servers or of servers; from a client they are refused.
"""

from collections import deque

from msgspec import Struct

from .. import frames, names, sync
from ..errors import Refused
from ..frames import AUTH, AWARENESS, QUERY_AWARENESS, SYNC, read_string, read_uint, write_string
from ..limits import DOCUMENT_KEY_BYTES, FRAME_BYTES
from ..names import Target

STATELESS = 5
CLOSE = 7
STATUS = 8
PING = b"\x09"
PONG = b"\x0a"

_TOKEN = 0

KEEPALIVE = b"\x00" + frames.KEEPALIVE
"""An awareness frame that names nobody, for the document of the empty name, which no provider has: it is data for the
provider's 30 s watchdog and nothing else. A ping would do for 4.x, but 3.x reads it as a key and throws."""


class Auth(Struct, frozen=True, gc=False):
    """The provider asks for a document; `version` is its own, from 4.0 on, or empty."""

    token: str
    version: str = ""


class Stateless(Struct, frozen=True, gc=False):
    """A message of the application's own to the server."""

    payload: str


class Close(Struct, frozen=True, gc=False):
    """The provider leaves the document; the socket stays."""


class Ping(Struct, frozen=True, gc=False):
    """Is anybody there? The answer is a pong. Ping and pong belong to the socket and have no key."""


class Pong(Struct, frozen=True, gc=False):
    """The answer to a ping."""


Message = sync.Message | Auth | Stateless | Close | Ping | Pong

_CLOSE, _PING, _PONG = Close(), Ping(), Pong()


def read(frame: bytes, known: bytes = b"") -> tuple[bytes, Message]:
    """One binary frame: its prefix (empty for ping and pong) and what it says. `known` is a prefix that was read
    before, which this one may have too. Raises Refused."""
    if known and frame.startswith(known):
        typed = sync.keystroke(frame, len(known))
        if typed is not None:
            return known, typed
    if frame == PING:
        return b"", _PING
    if frame == PONG:
        return b"", _PONG
    if len(frame) > FRAME_BYTES:
        raise Refused("too-large", f"A frame may have {FRAME_BYTES} bytes.")
    prefix = known if known and frame.startswith(known) else read_prefix(frame)
    message, end = _message(frame, len(prefix))
    if end != len(frame):
        raise Refused("bad-frame", "Bytes follow the frame's message.")
    return prefix, message


def read_prefix(frame: bytes) -> bytes:
    """The key of a frame as it stands there, length included. Raises Refused('bad-frame')."""
    size, _ = read_uint(frame, 0)
    if size > DOCUMENT_KEY_BYTES:
        raise Refused("bad-frame", f"A document's key may have {DOCUMENT_KEY_BYTES} bytes.")
    _, at = read_string(frame, 0)
    return frame[:at]


def _message(frame: bytes, at: int) -> tuple[Message, int]:
    kind, body = read_uint(frame, at)
    if kind in (SYNC, AWARENESS, QUERY_AWARENESS):
        return sync.read_message(frame, at)
    if kind == AUTH:
        return _auth(frame, body), len(frame)
    if kind == STATELESS:
        payload, end = read_string(frame, body)
        return Stateless(payload), end
    if kind == CLOSE:
        return _CLOSE, body
    raise Refused("bad-frame", f"A client sends no message of type {kind}.")


def _auth(frame: bytes, at: int) -> Auth:
    kind, at = read_uint(frame, at)
    if kind != _TOKEN:
        raise Refused("bad-frame", "A client's auth message holds a token.")
    token, at = read_string(frame, at)
    version = read_string(frame, at)[0] if at < len(frame) else ""
    return Auth(token, version)


def target(prefix: bytes) -> Target:
    """The document that a key asks for: what stands before the session. Raises Refused('bad-name')."""
    key, _ = read_string(prefix, 0)
    return names.parse_name(key.partition("\0")[0])


# --- what the server says, under a prefix -----------------------------------------------------------------------------


def authenticated(prefix: bytes, *, writes: bool) -> bytes:
    """The document is open to the provider, to read and write or only to read."""
    return prefix + b"\x02\x02" + write_string("read-write" if writes else "readonly")


TOKEN_WANTED = b"\x02\x00"
"""Behind a prefix: the provider is to show its token again."""


def denied(prefix: bytes, reason: str) -> bytes:
    """The provider may not have the document (any more). It stays on the socket and does not ask again by itself."""
    return prefix + b"\x02\x01" + write_string(reason)


def status(prefix: bytes, *, saved: bool) -> bytes:
    """SyncStatus: one step 2 or update is on disk, or will never be."""
    return prefix + (b"\x08\x01" if saved else b"\x08\x00")


def stateless(prefix: bytes, payload: str) -> bytes:
    """A message to the application."""
    return prefix + b"\x05" + write_string(payload)


class Unsynced:
    """How many SyncStatus messages one provider waits for, and how many it may be sent now.

    A provider counts: an update is one more, a step 1 of its own starts again at one, `8·1` is one less, and at zero
    it tells its user that everything is saved. Its step 2s are not counted. So the server counts along and holds `8·1`
    back for every edit that has no answer, for every one that was not taken whole (until a step 2, which has all that
    we have not, was), and for every step 1 of ours that has no step 2.
    """

    __slots__ = ("_asked", "_counted", "_open", "_partly", "_refused")

    def __init__(self) -> None:
        self._counted = 0
        self._asked = 0
        self._refused = 0
        self._partly = False
        self._open: deque[bool] = deque()  # Edits without an answer, oldest first; whether each is a step 2.

    @property
    def asked(self) -> bool:
        """A step 1 of ours has no step 2 yet."""
        return self._asked > 0

    @property
    def unanswered(self) -> int:
        """Edits that wait for the room's answer."""
        return len(self._open)

    def ask(self) -> None:
        """Our step 1 is on its way."""
        self._asked += 1

    def step1(self) -> None:
        """The provider's step 1 came."""
        self._counted = 1

    def edit(self, *, step2: bool) -> None:
        """A step 2 or an update came."""
        if step2:
            self._asked = max(0, self._asked - 1)
        else:
            self._counted += 1
        self._open.append(step2)

    def refuse(self) -> None:
        """A part of the oldest edit is not taken; `answered` follows for the rest."""
        self._partly = True

    def answered(self, edits: int = 1, *, taken: bool) -> int:
        """The oldest edits are on disk whole, or (not `taken`) something of them is not; how many `8·1` to send now."""
        whole = False
        for _ in range(min(edits, len(self._open))):
            step2 = self._open.popleft()
            whole = taken and not self._partly
            if not whole:
                self._partly = False
                self._refused = max(1, self._refused + (not step2))
            elif step2:
                self._refused = 0
        if not whole:
            return 0
        due = max(0, self._counted - len(self._open) - self._refused - self._asked)
        self._counted -= due
        return due
