"""The file of a key ring: its tables, how it is made and opened, and how a key stands in it, wrapped.

A key is wrapped by a master key together with what it is a key of, so that none can be put in another's place. A file
that belongs to another store, or whose master key was not given, is left as it is. Opened for writing by a new master
key, every key is wrapped anew, in one transaction.
"""

import sqlite3
from os import urandom
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from . import file
from .errors import StoreCorrupt, StoreSealed
from .masters import NONCE_BYTES, Masters

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

APPLICATION_ID = 0x706C616B
"""`plak` in ASCII, as the database's own is `plai`."""

_TABLES = (
    # AUTOINCREMENT, because a number that was ever a key's must not become another one's.
    """CREATE TABLE keys (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room TEXT NOT NULL,
        kind TEXT NOT NULL,
        owner TEXT,
        since INTEGER NOT NULL,
        doomed TEXT NOT NULL DEFAULT '',
        wrapped BLOB NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX keys_owner ON keys (room, kind, owner) WHERE doomed = ''",
    "CREATE INDEX keys_doomed ON keys (id) WHERE doomed != ''",
    "CREATE TABLE ring (store TEXT NOT NULL, master BLOB NOT NULL) STRICT",
)

Kind = Literal["person", "room", "shared", "blob"]
Name = tuple[str, Kind, str]
"""The room (empty for a blob), the kind, and whose it is."""


class RingFile(NamedTuple):
    """An open file (in memory where it has no path): the store whose it is, and the master key that wraps in it."""

    path: Path | None
    connection: sqlite3.Connection
    store: str
    master: "AESGCM"

    def wrap(self, name: Name, data: bytes) -> bytes:
        """The key's bytes as they stand in the file."""
        return _wrap(self.master, name, data)

    def unwrap(self, number: int, name: Name, wrapped: bytes) -> bytes:
        """The bytes of the key of that number. Raises StoreCorrupt."""
        from cryptography.exceptions import InvalidTag

        try:
            return self.master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(name))
        except InvalidTag:
            raise StoreCorrupt(f"key {number} of {self.path} is damaged") from None

    def empty_wal(self) -> None:
        """Leave nothing in the file's log. Raises sqlite3.Error."""
        if self.path is not None:
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def ring_path(database: Path) -> Path:
    """Where the keys of that database are."""
    return database.with_name(database.name + ".keys")


def open_ring(path: Path | None, masters: Masters, store: str, *, readonly: bool, create: bool) -> tuple[RingFile, int]:
    """The file of the store of that name (an empty one is whatever the file says), made if there is none and it may be;
    and how many keys were wrapped anew. Raises StoreError."""
    try:
        connection = _connect(path, masters, store, readonly=readonly, create=create)
    except sqlite3.Error as error:
        raise file.explain(str(path), error) from error
    try:
        ring = _identified(path, connection, masters, store)
        first = masters.cipher(masters.first)
        if readonly or first is None or ring.master is first:
            return ring, 0
        return _rewrapped(ring, first, masters.first)
    except sqlite3.Error as error:
        connection.close()
        raise file.explain(str(path), error) from error
    except BaseException:
        connection.close()
        raise


def _connect(path: Path | None, masters: Masters, store: str, *, readonly: bool, create: bool) -> sqlite3.Connection:
    def make(connection: sqlite3.Connection) -> None:
        """Fill a new file."""
        connection.execute("BEGIN")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute("INSERT INTO ring VALUES (?, ?)", (store or urandom(16).hex(), masters.first))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")

    if path is None:
        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        make(connection)
        return connection
    if not path.exists():
        if readonly or not create:
            raise StoreSealed(f"the keys of this store should be in {path}, and there is no such file")
        file.build(path, make)
    asked = file.reading_uri(path) if readonly else file.uri(path, mode="rw")
    connection = sqlite3.connect(asked, uri=True, check_same_thread=False, isolation_level=None)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION_ID:
            raise StoreCorrupt(f"{path} is not a key ring of plait's; nothing was changed")
        for setting in file.READER_SETTINGS if readonly else file.WRITER_SETTINGS:
            connection.execute(setting)
    except BaseException:
        connection.close()
        raise
    return connection


def _identified(path: Path | None, connection: sqlite3.Connection, masters: Masters, asked: str) -> RingFile:
    """The file, if it is that store's and the master key that wraps in it is here."""
    store, name = connection.execute("SELECT store, master FROM ring").fetchone()
    if asked and store != asked:
        raise StoreSealed(f"{path} holds the keys of another store; nothing was changed")
    master = masters.cipher(name)
    if master is None:
        raise StoreSealed(
            f"the master key that was given is not the one of this store, {name.hex()}; nothing was changed"
        )
    return RingFile(path, connection, store, master)


def _rewrapped(ring: RingFile, master: "AESGCM", fingerprint: bytes) -> tuple[RingFile, int]:
    """The file with every key wrapped by that master key, and nothing in it that the old one unwraps."""
    connection = ring.connection
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute("SELECT id, room, kind, owner, wrapped FROM keys WHERE owner IS NOT NULL")
    changed: list[tuple[bytes, int]] = []
    for number, room, kind, owner, wrapped in rows.fetchall():
        name = (room, kind, owner)
        changed.append((_wrap(master, name, ring.unwrap(number, name, wrapped)), number))
    connection.executemany("UPDATE keys SET wrapped = ? WHERE id = ?", changed)
    connection.execute("UPDATE ring SET master = ?", (fingerprint,))
    connection.execute("COMMIT")
    ring.empty_wal()
    return ring._replace(master=master), len(changed)


def _wrap(master: "AESGCM", name: Name, data: bytes) -> bytes:
    nonce = urandom(NONCE_BYTES)
    return nonce + master.encrypt(nonce, data, _bound(name))


def _bound(name: Name) -> bytes:
    return msgspec.json.encode(name)
