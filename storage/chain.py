"""The hash chain: how each record is sealed to all that came before it, and how a break is found.

A database can rot and can be edited. So each record carries SHA-256(hash of the record before, header, body hash), and
the room's row carries the last of them: whoever holds one head hash can prove the whole log up to it.

- The header is a msgpack array of seq, time, author, run, epoch, document, id, asked and the event's tag: every column
  that is neither bytes of a body nor computed; after them the grant's id, where there is one (logs from before grants
  were written down had none, and their hashes stay). A column that is edited changes the header.
- The body hash is SHA-256(length of the event's body as 8 bytes big-endian, body, update). The length keeps the border
  between the two from moving. Because the link holds the body's hash and not the body, a body can be erased later and
  the chain still stands (`erasing`).
- In an encrypted store body and update are kept as one ciphertext (`sealing`), which is the body here, with an empty
  update. So the chain verifies without any key, and after a key was dropped.
- The first record's predecessor is 32 zero bytes.
"""

from collections.abc import Container, Iterable
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from ..protocol.codec import decode_event, encode_event
from ..protocol.events import Event, Record
from .store import Sealed

START = bytes(32)
"""What the first record of a room is linked to."""

_encode = msgspec.msgpack.Encoder().encode
_tags: dict[type, str] = {}


class Leaf(Struct, frozen=True):
    """A record made ready to be sealed: all of the seal but the link, which needs the record before.

    `body` and `update` are what is kept, encrypted or not.
    """

    header: bytes
    kind: str
    body: bytes
    body_hash: bytes
    update: bytes


class Break(Struct, frozen=True):
    """The first record that is not as it was written, and what is wrong with it, in a sentence."""

    seq: int
    why: str


def kind_of(event: Event) -> str:
    """The event's tag, as the log stores it: `text-streamed`."""
    cls = type(event)
    tag = _tags.get(cls)
    if tag is None:
        tag = _tags[cls] = str(cls.__struct_config__.tag)
    return tag


def header(
    seq: int,
    time: int,
    author: str,
    run: str,
    epoch: int,
    document: str,
    record_id: str | None,
    asked: bytes | None,
    kind: str,
    grant: str = "",
) -> bytes:
    """The bytes that stand for everything about a record but its body and update."""
    columns = (seq, time, author, run, epoch, document, record_id, asked, kind)
    return _encode((*columns, grant) if grant else columns)


_Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class Columns(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What a header stands for, in its order."""

    seq: _Number
    time: _Number
    author: str
    run: str
    epoch: _Number
    document: str
    record_id: str | None
    asked: bytes | None
    kind: str
    grant: str = ""


_columns = msgspec.msgpack.Decoder(Columns)


def columns(data: bytes) -> Columns:
    """The columns that a header stands for. Raises ValueError where these bytes are not what `header` makes of any."""
    try:
        found = _columns.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"no header of a record: {error}") from None
    if header(*structs.astuple(found)) != data:
        raise ValueError("a header that is spelled otherwise than a record's is")
    return found


def unsealed(sealed: Sealed) -> Record:
    """The record that a seal holds: its columns from the header, its event from the body. Raises ValueError where they
    are none, or the header names another event; CorruptBody is one."""
    found = columns(sealed.header)
    event = decode_event(sealed.body)
    if kind_of(event) != found.kind:
        raise ValueError(f"its header says {found.kind} and its body {kind_of(event)}")
    return Record(
        found.seq,
        found.time,
        found.author,
        found.run,
        found.epoch,
        event,
        found.document,
        sealed.update,
        found.record_id,
        found.asked,
        found.grant,
    )


def body_hash(body: bytes, update: bytes) -> bytes:
    """What the link knows of the stored body; see the module's docstring."""
    return sha256(len(body).to_bytes(8, "big") + body + update).digest()


def link(previous: bytes, header: bytes, body_hash: bytes) -> bytes:
    """The record's hash. `previous` is that of the record before, or START."""
    return sha256(previous + header + body_hash).digest()


def data_hash(data: bytes) -> bytes:
    """What is kept beside a snapshot, which is no part of the chain, so that one that rotted is not believed."""
    return sha256(data).digest()


def leaf(record: Record) -> Leaf:
    """Encode a record and hash its body: the dearest part of sealing, so the caller's thread does it."""
    body, kind = encode_event(record.event), kind_of(record.event)
    head = header(
        record.seq,
        record.time,
        record.author,
        record.run,
        record.epoch,
        record.document,
        record.id,
        record.asked,
        kind,
        record.grant,
    )
    return Leaf(head, kind, body, body_hash(body, record.update), record.update)


def verify(
    sealed: Iterable[Sealed], *, after: int = 0, previous: bytes = START, erased: Container[int] = ()
) -> Break | None:
    """The first break in a run of records that should follow seq `after`, whose hash is `previous`; None if whole.

    `erased` names the seqs whose bodies the log itself says were erased: theirs may be others, nobody else's.
    """
    for one in sealed:
        after += 1
        why = _fault(one, after, previous, erased)
        if why is not None:
            return Break(after, why)
        previous = one.hash
    return None


def _fault(one: Sealed, seq: int, previous: bytes, erased: Container[int]) -> str | None:
    if one.seq != seq:
        return f"record {seq} is missing; the next one kept is {one.seq}"
    if seq not in erased and body_hash(*one.kept) != one.body_hash:
        return f"the body or the update of record {seq} is not what was written"
    if link(previous, one.header, one.body_hash) != one.hash:
        return f"record {seq} does not follow from the one before: its header, its hashes or its predecessor changed"
    return None
