"""Encryption of what people say: whose key seals a record, and how sealed bytes look.

What is sealed is a record's body together with its update, a snapshot, a blob's bytes, a room's title and metadata.
Seq, time, author, run, kind, ids and names of rooms and documents stay plain, because indexes stand on them.

Sealed bytes are 0xC1, the key's number (8 bytes big-endian), a nonce of 12 and the ciphertext of AES-256-GCM. Msgpack
never begins with 0xC1, so plain records of an older time and sealed ones lie side by side. The ciphertext is bound to
its place (the room and the record's header), so it opens nowhere else.

Whose a record is, is what erasing says (`protocol/eraser`): its author's, or, where an agent or the house acts in a
run, that of whoever the run is for. What holds the words of several is under the room's shared key.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from os import urandom
from typing import Any, cast

import msgspec
from msgspec import structs
from sqlalchemy import Connection, bindparam, select

from ..protocol import limits
from ..protocol.access import HOUSE
from ..protocol.codec import decode_event
from ..protocol.events import (
    DocumentCopied,
    EditsUndone,
    HunksAccepted,
    HunksRejected,
    ModelRequested,
    Record,
    RoomShaped,
    RunRequested,
    SubjectErased,
)
from . import chain
from .errors import StoreCorrupt
from .keyring import Key, Keyring
from .masters import NONCE_BYTES
from .store import About, Snapshot
from .tables import blob_data, records, rooms

MARK = b"\xc1"
_ID = slice(1, 9)
_NONCE = slice(9, 9 + NONCE_BYTES)
_TEXT = slice(9 + NONCE_BYTES, None)
SEAL_BYTES = 9 + NONCE_BYTES + 16
"""So much longer is what is sealed than what it says: mark, number, nonce and the cipher's tag."""
SEALED_ABOUT = "sealed:"
"""What the metadata of a room begins with where they are sealed, and the title with them; plain ones are JSON."""

SHARED = (ModelRequested, DocumentCopied, HunksAccepted, HunksRejected, EditsUndone, RoomShaped)
"""What holds others' words beside its author's: what a model was asked, what was copied from where others wrote, and
a room document that was projected again."""

Row = Sequence[Any]
_SEQ, _BODY, _UPDATE = 0, 8, 9
"""Places in a row of `queries.READ` and of those that begin like it."""

_RECORD = select(records.c.kind, records.c.run, records.c.author, records.c.body).where(
    records.c.room_id == bindparam("of_room"), records.c.seq == bindparam("at")
)
_ROOM = select(rooms.c.id, rooms.c.deleted).where(rooms.c.name == bindparam("room"))
_NAMED = select(records.c.seq).where(records.c.room_id == bindparam("of_room"), records.c.record_id == bindparam("id"))
_BLOB = select(blob_data.c.data).where(blob_data.c.hash == bindparam("name"))


def is_sealed(data: bytes) -> bool:
    """Whether these bytes of a record or a snapshot are sealed."""
    return data[:1] == MARK


def prefix(number: int) -> bytes:
    """What everything begins with that is sealed by the key of that number."""
    return MARK + number.to_bytes(8, "big")


def key_of(data: bytes) -> int:
    """The number of the key that seals these bytes."""
    return int.from_bytes(data[_ID], "big")


class Opener:
    """The reading half. What it has no key for it leaves as it is."""

    def __init__(self, ring: Keyring) -> None:
        self.ring = ring

    def row(self, room: str, row: Row) -> Row:
        """A row of a record, opened; itself if it is plain, or if its key is not here. Raises StoreCorrupt."""
        body = row[_BODY]
        if body[:1] != MARK:
            return row
        seq, time, author, run, epoch, document, record_id, asked, _, _, kind, grant, *_ = row
        header = chain.header(seq, time, author, run, epoch, document, record_id, asked, kind, grant)
        plain = self.open(body, _place(room, header), f"record {seq} of room {room!r}")
        if plain is None:
            return row
        body, update = split(plain)
        return (*row[:_BODY], body, update, *row[_UPDATE + 1 :])

    def tried(self, room: str, row: Row) -> Row:
        """As `row`; but what does not open is left as it is, for `verify` to name."""
        try:
            return self.row(room, row)
        except StoreCorrupt:
            return row

    def snapshot(self, room: str, snapshot: Snapshot) -> Snapshot | None:
        """The snapshot, opened; None if that cannot be, because a cache that does not open is as good as none."""
        if not is_sealed(snapshot.data):
            return snapshot
        try:
            plain = self.open(snapshot.data, _snapshot_place(room, snapshot), "a snapshot")
        except StoreCorrupt:
            return None
        return None if plain is None else structs.replace(snapshot, data=plain)

    def blob(self, name: str, data: bytes) -> bytes | None:
        """The blob's bytes; None if its key is not here. Raises StoreCorrupt."""
        return self.open(data, name.encode(), f"blob {name}")

    def about(self, room: str, title: str, metadata: str) -> tuple[str, dict[str, str]]:
        """A room's title and metadata from its columns; empty if their key is not here."""
        if not metadata.startswith(SEALED_ABOUT):
            return title, msgspec.json.decode(metadata)
        data = b64decode(metadata.removeprefix(SEALED_ABOUT))
        plain = self.open(data, room.encode(), f"the title of room {room!r}")
        return ("", {}) if plain is None else msgspec.json.decode(plain, type=tuple[str, dict[str, str]])

    def open(self, data: bytes, place: bytes, what: str) -> bytes | None:
        """What these sealed bytes say; None if their key is not here. Raises StoreCorrupt, which names `what`."""
        from cryptography.exceptions import InvalidTag

        key = self.ring.by_id(key_of(data))
        if key is None:
            return None
        try:
            return key.cipher.decrypt(data[_NONCE], data[_TEXT], place)
        except (InvalidTag, ValueError):
            raise StoreCorrupt(f"{what} is damaged: its key does not open it") from None


class Sealer(Opener):
    """The writing half, used by the writer's thread inside its transactions."""

    def __init__(self, ring: Keyring) -> None:
        super().__init__(ring)
        self._for: dict[tuple[str, str], str] = {}

    def leaves(
        self, connection: Connection, room_id: int, room: str, those: Sequence[Record], leaves: Sequence[chain.Leaf]
    ) -> list[chain.Leaf]:
        """The leaves with sealed bodies. `room_id` is 0 for a room that has no record yet. Raises StoreError."""
        sealed: list[chain.Leaf] = []
        for record, leaf in zip(those, leaves, strict=True):
            if isinstance(record.event, SubjectErased):  # It names nobody, and `verify` needs it where it has no key.
                sealed.append(leaf)
                continue
            body = self.record(self.key(connection, room_id, room, record), room, leaf)
            sealed.append(structs.replace(leaf, body=body, body_hash=chain.body_hash(body, b""), update=b""))
        return sealed

    def record(self, key: Key, room: str, leaf: chain.Leaf) -> bytes:
        """A record's body and update under that key."""
        return self.seal(key, joined(leaf.body, leaf.update), _place(room, leaf.header))

    def seal(self, key: Key, plain: bytes, place: bytes) -> bytes:
        """These bytes under that key, for that place."""
        nonce = urandom(NONCE_BYTES)
        return prefix(key.id) + nonce + key.cipher.encrypt(nonce, plain, place)

    def seal_snapshot(self, room: str, head: int, snapshot: Snapshot) -> Snapshot:
        """The snapshot under the room's shared key; the room ends at `head`."""
        data = self.seal(self.ring.shared(room, head), snapshot.data, _snapshot_place(room, snapshot))
        return structs.replace(snapshot, data=data)

    def seal_blob(self, name: str, data: bytes) -> bytes:
        """A blob's bytes under its own key."""
        return self.seal(self.ring.key("", "blob", name), data, name.encode())

    def seal_about(self, room: str, head: int, about: About) -> str:
        """A room's title and metadata, for the column of the latter."""
        plain = msgspec.json.encode((about.title, about.metadata))
        return SEALED_ABOUT + b64encode(self.seal(self.ring.shared(room, head), plain, room.encode())).decode()

    def owner(self, connection: Connection, room_id: int, room: str, record: Record) -> str:
        """Whose the record is; empty if nobody's."""
        event, author = record.event, record.author
        if isinstance(event, RunRequested):
            above = self._asker(connection, room_id, room, event.parent) if event.parent else ""
            subject = above if event.parent else event.on_behalf_of or author
            self._for[room, record.run] = subject
        elif _acts_for_others(author):
            subject = self._asker(connection, room_id, room, record.run) if record.run else ""
        else:
            subject = author
        return "" if _acts_for_others(subject) else subject

    def key(self, connection: Connection, room_id: int, room: str, record: Record) -> Key:
        """What seals this record."""
        subject = self.owner(connection, room_id, room, record)
        # Asked for also where another one seals, because a person's coming begins a new shared key.
        own = self.ring.key(room, "person", subject, record.seq) if subject else None
        if isinstance(record.event, SHARED):
            return self.ring.shared(room, record.seq)
        return own or self.ring.key(room, "room", "", record.seq)

    def _asker(self, connection: Connection, room_id: int, room: str, run: str) -> str:
        """Whom that run is for. A run's id is the seq of the record that began it."""
        known = self._for.get((room, run))
        if known is None:
            known = self._for[room, run] = self._looked_up(connection, room_id, room, run)
        return known

    def _looked_up(self, connection: Connection, room_id: int, room: str, run: str) -> str:
        if not (room_id and run.isascii() and run.isdigit()):
            return ""
        row = connection.execute(_RECORD, {"of_room": room_id, "at": int(run)}).first()
        if row is None or row.kind != "run-requested" or row.run != run:
            return ""
        if is_sealed(row.body):
            key = self.ring.by_id(key_of(row.body))  # A room's, if somebody was erased from it.
            return key.owner if key is not None and key.kind == "person" else cast(str, row.author)
        event = decode_event(row.body)
        assert isinstance(event, RunRequested)
        if event.parent:
            return self._asker(connection, room_id, room, event.parent)
        return event.on_behalf_of or cast(str, row.author)

    # --- keys that are dropped ----------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Put new keys and marks on disk; the log's transaction is about to be committed. Raises StoreError."""
        if len(self._for) > limits.KNOWN_ROOMS:  # Not before: what the transaction holds is not looked up yet.
            self._for.clear()
        self.ring.commit()

    def roll_back(self) -> None:
        """The log's transaction did not happen."""
        self._for.clear()
        self.ring.roll_back()

    def resolve(self, connection: Connection) -> None:
        """Drop the keys that were marked for what has happened, and spare those for what has not. Raises StoreError."""
        if not self.ring.marked:
            return
        self.ring.roll_back()
        doomed = self.ring.doomed()
        gone = [number for number, *what in doomed if _happened(connection, number, *what)]
        stays = [number for number, *_ in doomed if number not in gone]
        if gone:
            self._for.clear()
            self.ring.drop(gone)
        if stays:
            self.ring.spare(stays)
        self.ring.marked = False


def _happened(connection: Connection, number: int, room: str, owner: str, why: str) -> bool:
    """Whether that for which a key was marked is in the log."""
    if why == "blob":
        data = connection.execute(_BLOB, {"name": owner}).scalar()
        return data is None or key_of(data) != number
    found = connection.execute(_ROOM, {"room": room}).first()
    if found is None:
        return True
    if why == "deleted":
        return found.deleted in (1, 2)  # And not being made, which is 3.
    return connection.execute(_NAMED, {"of_room": found.id, "id": why}).first() is not None


def _acts_for_others(author: str) -> bool:
    return author == HOUSE or author.startswith("agent:")


def joined(body: bytes, update: bytes) -> bytes:
    """Body and update as one."""
    return len(body).to_bytes(4, "big") + body + update


def split(plain: bytes) -> tuple[bytes, bytes]:
    """What `joined` joined."""
    end = 4 + int.from_bytes(plain[:4], "big")
    return plain[4:end], plain[end:]


def _place(room: str, header: bytes) -> bytes:
    return room.encode() + b"\0" + header


def _snapshot_place(room: str, snapshot: Snapshot) -> bytes:
    return f"{room}\0snapshot\0{snapshot.seq}\0{snapshot.version}".encode()
