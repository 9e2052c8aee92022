"""A bundle: one room's whole log in one file, and what its parts are called (specs/bundles.md).

A bundle is a zip whose parts are stored as they are, never compressed: so it is written at the disk's speed, any page
of it can be read alone, the same log gives the same bytes everywhere, and nothing in it is larger than it looks. What
may be in it is listed here, and what is not listed makes a file no bundle: a path that leads elsewhere is just a name
that no part has. Its manifest says what it holds; everything that it says is checked against the log.
"""

import re

import msgspec
from msgspec import Struct, field

from .errors import Refused
from .media import media_type
from .names import document_name, room_name

FORMAT = "plait-bundle/1"

MANIFEST = "manifest.json"
ROOM = "room.bin"
"""The room document, as one Yjs update."""

_PAGE = re.compile(r"records/([0-9]{12})\.msgpack")
_BLOB = re.compile(r"blobs/([0-9a-f]{64})")
_DOCUMENT = re.compile(r"documents/(.+)\.bin")


class BundledBlob(Struct, frozen=True):
    """What is known of a blob beside its bytes."""

    media_type: str
    size: int


class Manifest(Struct, frozen=True, kw_only=True):
    """What a bundle says of itself.

    `room`, `lineage`, `epoch`, `seq` and `hash` are the head of the log that it holds and `time` (RFC 3339) is that of
    its last record: no clock is asked, so the same log gives the same bundle. `records` is how many there are. `by`
    made it, with that version of `plait`. `redacted` names nobody: it is what was taken out, `everybody`, or how many
    people. `opened` is the hash of the head under which the log was kept, where that was over what an encrypted store
    had made of it: then `hash` is that of a chain that was made anew over what the records say, and nobody without that
    store's keys can check that the two are of one log. `documents` are the shared documents with the SHA-256 of their
    parts, `state` that of the room document's; `agents` are who was at work, with the versions of their code.
    """

    format: str = FORMAT
    plait: str
    by: str
    room: str
    lineage: str
    epoch: int
    seq: int
    hash: str
    time: str
    records: int
    redacted: str = ""
    opened: str = ""
    state: str = ""
    documents: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, BundledBlob] = field(default_factory=dict)
    agents: dict[str, list[str]] = field(default_factory=dict)


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Manifest)


def bad(why: str) -> Refused:
    """The file is no bundle, or is not what was written."""
    return Refused("bad-bundle", why)


def page_name(seq: int) -> str:
    """The part that holds the records from that one on."""
    return f"records/{seq:012d}.msgpack"


def blob_part(name: str) -> str:
    """The part that holds that blob's bytes."""
    return f"blobs/{name}"


def document_part(name: str) -> str:
    """The part that holds that document as one Yjs update; the room document has the empty name."""
    return f"documents/{name}.bin" if name else ROOM


def page_begun(part: str) -> int:
    """The seq of the first record of that part; 0 if it holds no records."""
    found = _PAGE.fullmatch(part)
    return int(found[1]) if found else 0


def is_part(part: str) -> bool:
    """Whether a bundle may hold a part of that name."""
    if part in (MANIFEST, ROOM) or page_begun(part) or _BLOB.fullmatch(part):
        return True
    found = _DOCUMENT.fullmatch(part)
    try:
        return found is not None and bool(document_name(found[1]))
    except Refused:
        return False


def encode(manifest: Manifest) -> bytes:
    """The manifest's bytes: JSON for people, its keys in order."""
    return msgspec.json.format(_encoder.encode(manifest), indent=1) + b"\n"


def decode(data: bytes) -> Manifest:
    """The manifest that these bytes are. Raises Refused('bad-bundle'), also where it is of a newer format."""
    try:
        manifest = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise bad(f"Its manifest is none: {error}") from None
    if manifest.format != FORMAT:
        raise bad(f"It has the format {manifest.format[:80]!r}, and this plait reads {FORMAT}.")
    try:
        room_name(manifest.room)
        for name in manifest.documents:
            document_name(name)
        for name, blob in manifest.blobs.items():
            if not _BLOB.fullmatch(blob_part(name)) or media_type(blob.media_type) != blob.media_type or blob.size < 0:
                raise bad(f"Its manifest names a blob {name[:80]!r} that none may be.")
    except Refused as refused:
        raise bad(refused.message) from None
    if manifest.records < 1 or manifest.records != manifest.seq:
        raise bad("Its manifest says that it holds another number of records than there were.")
    return manifest
