"""Frames: lib0's variable integers, bytes and strings, and the y-protocols frames made of them.

pycrdt has such helpers, but they count characters where lib0 counts bytes and return truncated bytes without an error,
so these are ours. Every reader takes the bytes and a position and returns the value and the position after it; it
reads exactly what lib0 writes and refuses the rest ('bad-frame'): truncated, longer than 53 bits, padded with zero
groups, not UTF-8. Writers are their exact inverse.

The formats: lib0 `encoding.js` / `decoding.js`, y-protocols `PROTOCOL.md`, y-sweet's message 102.
"""

from .errors import Refused

SYNC = 0
AWARENESS = 1
AUTH = 2
QUERY_AWARENESS = 3
SYNC_STATUS = 102

STEP1 = 0
STEP2 = 1
UPDATE = 2

MAX_UINT = (1 << 53) - 1
"""The largest integer that lib0 reads: JavaScript's MAX_SAFE_INTEGER."""

EMPTY_UPDATE = b"\x00\x00"
EMPTY_STATE_VECTOR = b"\x00"

KEEPALIVE = b"\x01\x01\x00"
"""An awareness frame that names nobody: data for y-websocket's 30 s watchdog, and a no-op for every client."""

ASK_AWARENESS = b"\x03"

# --- reading ----------------------------------------------------------------------------------------------------------


def read_uint(data: bytes, at: int) -> tuple[int, int]:
    """A varUint: little-endian groups of 7 bits, the high bit says that more follow; at most 53 bits, no padding."""
    try:
        byte = data[at]
        if byte < 0x80:
            return byte, at + 1
        value = byte & 0x7F
        shift = 7
        while True:
            at += 1
            byte = data[at]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 49:
                raise Refused("bad-frame", "An integer is longer than 53 bits.")
    except IndexError:
        raise Refused("bad-frame", "The frame ends inside an integer.") from None
    if byte == 0:
        raise Refused("bad-frame", "An integer is padded with zeros.")
    if value > MAX_UINT:
        raise Refused("bad-frame", "An integer is longer than 53 bits.")
    return value, at + 1


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """A varUint8Array: the length in bytes, then the bytes."""
    length, at = read_uint(data, at)
    end = at + length
    if end > len(data):
        raise Refused("bad-frame", "The frame ends inside a byte array.")
    return data[at:end], end


def read_string(data: bytes, at: int) -> tuple[str, int]:
    """A varString: the length in *bytes*, then strict UTF-8."""
    raw, at = read_bytes(data, at)
    try:
        return raw.decode(), at
    except UnicodeDecodeError:
        raise Refused("bad-frame", "A string is not UTF-8.") from None


# --- writing ----------------------------------------------------------------------------------------------------------


def write_uint(value: int) -> bytes:
    """The varUint of an integer from 0 to 2^53 - 1."""
    if value < 0x80:
        return bytes((value,))
    if value > MAX_UINT:
        raise ValueError(f"{value} is longer than 53 bits")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_bytes(value: bytes) -> bytes:
    return write_uint(len(value)) + value


def write_string(value: str) -> bytes:
    raw = value.encode()
    return write_uint(len(raw)) + raw


# --- what is said -----------------------------------------------------------------------------------------------------


def step1(state_vector: bytes) -> bytes:
    """Sync step 1: what the speaker has. The other side answers with step 2."""
    return b"\x00\x00" + write_bytes(state_vector)


def step2(update: bytes) -> bytes:
    """Sync step 2: everything that the other's state vector lacks."""
    return b"\x00\x01" + write_bytes(update)


def update(update: bytes) -> bytes:
    """One change of the document."""
    return b"\x00\x02" + write_bytes(update)


def awareness(payload: bytes) -> bytes:
    """Who is here; the payload is the awareness protocol's own list of entries."""
    return b"\x01" + write_bytes(payload)


def denied(reason: str) -> bytes:
    """y-protocols auth `2·0 reason`: permission denied. Stock clients log it and stay."""
    return b"\x02\x00" + write_string(reason)


def sync_status(payload: bytes) -> bytes:
    """y-sweet's message 102, whose payload the server echoes after everything that came before it."""
    return b"\x66" + write_bytes(payload)
