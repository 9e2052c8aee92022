"""What a snapshot keeps: the fold and every document as of one seq.

It is a cache, under the fold's version; one that is missing, of another version or damaged costs time and nothing else.
"""

import msgspec
from msgspec import Struct

from ...protocol.state import VERSION, RoomState
from ...storage.store import Snapshot


class Kept(Struct):
    """A snapshot's data. The room document's name is the empty string."""

    state: RoomState
    documents: dict[str, bytes]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Kept)


def encode(kept: Kept) -> bytes:
    """The bytes that the store keeps."""
    return _encoder.encode(kept)


def decode(data: bytes) -> Kept:
    """What `encode` was given. Raises msgspec.MsgspecError, UnicodeDecodeError or RecursionError for other bytes."""
    return _decoder.decode(data)


def read_snapshot(snapshot: Snapshot | None) -> Kept | None:
    """What the snapshot holds; None if there is none that can be used."""
    if snapshot is None or snapshot.version != VERSION:
        return None
    try:
        kept = decode(snapshot.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return kept if kept.state.seq == snapshot.seq else None
