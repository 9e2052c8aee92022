"""The key ring of an encrypted store: a key for each person in each room, kept in a file apart from the log.

`<db>.keys` is a SQLite file of its own, so that a copy of the log holds no keys: whoever has an old backup and not the
key that was dropped since reads nothing of that person, though its chain verifies. Each key is wrapped by a master key
(`masters`), which is kept somewhere else. Kinds of keys:

- `person`: what one person says in one room, and what agents say there for them;
- `room`: what the house says there for nobody, and what is left of records from which somebody was erased;
- `shared`: what holds the words of several at once (requests to models, copies, snapshots, titles). A new one begins
  with each person who comes to the room, so that erasing one drops only what was written since they came;
- `blob`: one file's bytes.

Order is what makes it safe. A new key is on disk before the first record under it is. A key to be dropped is marked as
doomed before the transaction of the log that makes it useless, and overwritten after it; so whoever finds a mark asks
the log whether that happened (`sealing`), right afterwards or, after a crash, when the store is next opened.

Used from the writer's thread and from readers' threads, one at a time.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from os import urandom
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from ..protocol import limits
from . import file
from .masters import KEY_BYTES, NONCE_BYTES, Masters, cipher
from .store import StoreCorrupt, StoreSealed

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
_KNOWN = 4 * limits.KNOWN_ROOMS
"""So many keys are held in memory, about 300 bytes each; beyond it they are read anew."""

Kind = Literal["person", "room", "shared", "blob"]
Name = tuple[str, Kind, str]
"""The room (empty for a blob), the kind, and whose it is."""


class Key(Struct, frozen=True):
    """A key that is here: its number, which stands before all that it seals, and the cipher that it makes."""

    id: int
    kind: Kind
    owner: str
    cipher: "AESGCM"


def ring_path(database: Path) -> Path:
    """Where the keys of that database are."""
    return database.with_name(database.name + ".keys")


class Keyring:
    """The keys of the store that is called `store`, under these master keys; in memory where `path` is None.

    Opened for writing, it makes the file if there is none (unless the database says that there must be one) and wraps
    all keys anew if the first master key is not the one that wrapped them. Raises StoreSealed for a wrong master key.
    """

    def __init__(
        self,
        path: Path | None,
        masters: Masters,
        *,
        store: str = "",
        readonly: bool = False,
        create: bool = True,
    ) -> None:
        self._path = path
        self._masters = masters
        self._guard = threading.RLock()
        self._names: dict[Name, Key] = {}
        self._keys: dict[int, Key] = {}
        self._begun = False
        self.failed = False
        """Whether its file refused something amid a transaction: whatever was sealed in it may have no key."""
        self.marked = not readonly
        """Whether there may be marks that nobody has looked at."""
        self.store = store
        self.rewrapped = 0
        try:
            self._connection = self._connect(readonly=readonly, create=create)
        except sqlite3.Error as error:
            raise file.explain(str(path), error) from error
        try:
            self._master = self._identify()
            if not readonly and self._master is not masters.cipher(masters.first):
                self._rewrap()
        except sqlite3.Error as error:
            self._connection.close()
            raise file.explain(str(path), error) from error
        except BaseException:
            self._connection.close()
            raise

    def _connect(self, *, readonly: bool, create: bool) -> sqlite3.Connection:
        path = self._path
        if path is None:
            connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            self._make(connection)
            return connection
        if not path.exists():
            if readonly or not create:
                raise StoreSealed(f"the keys of this store should be in {path}, and there is no such file")
            file.build(path, self._make)
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

    def _make(self, connection: sqlite3.Connection) -> None:
        """Fill a new file."""
        self.store = self.store or urandom(16).hex()
        connection.execute("BEGIN")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute("INSERT INTO ring VALUES (?, ?)", (self.store, self._masters.first))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")

    def _identify(self) -> "AESGCM":
        """The master key that wraps, if the file is this store's and the key is here."""
        store, name = self._connection.execute("SELECT store, master FROM ring").fetchone()
        if self.store and store != self.store:
            raise StoreSealed(f"{self._path} holds the keys of another store; nothing was changed")
        self.store = store
        master = self._masters.cipher(name)
        if master is None:
            raise StoreSealed(
                f"the master key that was given is not the one of this store, {name.hex()}; nothing was changed"
            )
        return master

    def _rewrap(self) -> None:
        """Wrap every key by the first master key, in one transaction, and leave nothing that the old one unwraps."""
        old, new = self._master, self._masters.cipher(self._masters.first)
        assert new is not None
        self._connection.execute("BEGIN IMMEDIATE")
        rows = self._connection.execute("SELECT id, room, kind, owner, wrapped FROM keys WHERE owner IS NOT NULL")
        changed: list[tuple[bytes, int]] = []
        for number, room, kind, owner, wrapped in rows.fetchall():
            name = (room, kind, owner)
            self._master = old
            data = self._unwrap(number, name, wrapped)
            self._master = new
            changed.append((self._wrap(name, data), number))
        self._connection.executemany("UPDATE keys SET wrapped = ? WHERE id = ?", changed)
        self._connection.execute("UPDATE ring SET master = ?", (self._masters.first,))
        self._connection.execute("COMMIT")
        self._master = new
        self.rewrapped = len(changed)
        self._empty_wal()

    def _wrap(self, name: Name, data: bytes) -> bytes:
        nonce = urandom(NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, data, _bound(name))

    def _unwrap(self, number: int, name: Name, wrapped: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(name))
        except InvalidTag:
            raise StoreCorrupt(f"key {number} of {self._path} is damaged") from None

    # --- asking for keys ----------------------------------------------------------------------------------------------

    def key(self, room: str, kind: Kind, owner: str = "", since: int = 0) -> Key:
        """That key, made if there is none; the writer's. Raises StoreError."""
        name = (room, kind, owner)
        with self._guard:
            known = self._names.get(name)
            if known is None:
                known = self._names[name] = self._find(name) or self._new(name, since)
            return known

    def shared(self, room: str, since: int) -> Key:
        """The room's shared key of today: newer than the last person who came. Made if there is none."""
        name = (room, "shared", "")
        with self._guard:
            known = self._names.get(name)
            if known is not None:
                return known
            last = self._ask("SELECT max(id) FROM keys WHERE room = ? AND kind = 'person'", room)[0][0] or 0
            asked = "SELECT owner FROM keys WHERE room = ? AND kind = 'shared' AND doomed = '' AND id > ? ORDER BY id"
            newer = self._ask(asked, room, last)
            found = self._find((room, "shared", newer[-1][0])) if newer else None
            if found is None:
                found = self._new((room, "shared", urandom(8).hex()), since)
            self._names[name] = found
            return found

    def by_id(self, number: int) -> Key | None:
        """The key of that number; None if it was dropped or never was."""
        with self._guard:
            known = self._keys.get(number)
            if known is not None:
                return known
            rows = self._ask("SELECT room, kind, owner, wrapped FROM keys WHERE id = ? AND owner IS NOT NULL", number)
            if not rows:
                return None
            room, kind, owner, wrapped = rows[0]
            return self._learn(number, (room, kind, owner), wrapped)

    def _find(self, name: Name) -> Key | None:
        rows = self._ask(
            "SELECT id, wrapped FROM keys WHERE room = ? AND kind = ? AND owner = ? AND doomed = ''", *name
        )
        return self._learn(rows[0][0], name, rows[0][1]) if rows else None

    def _new(self, name: Name, since: int) -> Key:
        data = urandom(KEY_BYTES)
        self._begin()
        cursor = self._run(
            "INSERT INTO keys (room, kind, owner, since, wrapped) VALUES (?, ?, ?, ?, ?)",
            (*name, since, self._wrap(name, data)),
        )
        assert cursor.lastrowid is not None
        room, kind, _ = name
        if kind == "person":
            self._names.pop((room, "shared", ""), None)
        return self._keep(cursor.lastrowid, name, data)

    def _learn(self, number: int, name: Name, wrapped: bytes) -> Key:
        return self._keep(number, name, self._unwrap(number, name, wrapped))

    def _keep(self, number: int, name: Name, data: bytes) -> Key:
        if len(self._keys) >= _KNOWN:
            self._keys.clear()
            self._names.clear()
        _, kind, owner = name
        key = self._keys[number] = Key(number, kind, owner, cipher(data))
        return key

    @property
    def master(self) -> str:
        """What the master key is called that wraps."""
        return self._masters.first.hex()

    def count(self) -> dict[str, int]:
        """How many keys of each kind there are, and how many were `dropped`."""
        asked = "SELECT CASE WHEN owner IS NULL THEN 'dropped' ELSE kind END AS what, count(*) FROM keys GROUP BY what"
        with self._guard:
            return dict(self._ask(asked))

    # --- dropping them ------------------------------------------------------------------------------------------------

    def doom(self, room: str, why: str, *, person: str | None = None, since: int = 0) -> frozenset[int]:
        """Mark what is to be dropped if what `why` names happens: the person's key and the shared ones since that seq,
        or without a person all keys of the room. The numbers of what was marked; none of them seals anything more."""
        where, asked = "room = ? AND owner IS NOT NULL", list[object]([room])
        if person is not None:
            where += " AND ((kind = 'person' AND owner = ?) OR (kind = 'shared' AND since >= ?))"
            asked += [person, since]
        return self._doom(where, asked, why)

    def doom_blobs(self, names: Iterable[str]) -> None:
        """Mark the keys of these blobs."""
        for name in names:
            self._doom("room = '' AND kind = 'blob' AND owner = ?", [name], "blob")

    def _doom(self, where: str, asked: Sequence[object], why: str) -> frozenset[int]:
        with self._guard:
            rows = self._ask(f"SELECT id FROM keys WHERE {where}", *asked)  # nosec B608  # `where` is our own words
            found = frozenset(row[0] for row in rows)
            if found:
                self.marked = True
                self._begin()
                self._run(f"UPDATE keys SET doomed = ? WHERE {where}", (why, *asked))  # nosec B608  # `where` is our own words
                self._names.clear()
            return found

    def unmark(self, numbers: Iterable[int]) -> None:
        """What these were marked for was given up, in the transaction in which they were."""
        with self._guard:
            for number in numbers:
                self._run("UPDATE keys SET doomed = '' WHERE id = ?", (number,))
            self._names.clear()

    def doomed(self) -> list[tuple[int, str, str, str]]:
        """Number, room, owner and reason of what is marked."""
        with self._guard:
            return self._ask("SELECT id, room, owner, doomed FROM keys WHERE doomed != '' ORDER BY id")

    def commit(self) -> None:
        """Put on disk what was made and marked; before the log's own commit. Raises StoreError."""
        with self._guard:
            if self._begun:
                self._run("COMMIT")
                self._begun = False

    def roll_back(self) -> None:
        """Take back what was made and marked since the last commit. Never raises: SQLite ends some by itself."""
        with self._guard:
            self._forget()
            self._begun = self.failed = False
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")

    def drop(self, numbers: Iterable[int]) -> None:
        """Overwrite these keys, in their place and in whatever the file's log holds of them."""
        with self._guard:
            self._run("BEGIN IMMEDIATE")
            for number in numbers:
                gone = "wrapped = zeroblob(length(wrapped)), owner = NULL, doomed = ''"
                self._run(f"UPDATE keys SET {gone} WHERE id = ?", (number,))  # nosec B608  # `gone` is a constant
            self._run("COMMIT")
            self._forget()
            self._empty_wal()

    def spare(self, numbers: Iterable[int]) -> None:
        """These are to stay after all. Keys that took their places meanwhile seal nothing: what was under them was not
        kept either."""
        with self._guard:
            self._run("BEGIN IMMEDIATE")
            for number in numbers:
                same = "(room, kind, owner) = (SELECT room, kind, owner FROM keys WHERE id = ?) AND doomed = ''"
                self._run(f"DELETE FROM keys WHERE {same}", (number,))  # nosec B608  # `same` is a constant
                self._run("UPDATE keys SET doomed = '' WHERE id = ?", (number,))
            self._run("COMMIT")
            self._forget()

    def tend(self) -> None:
        """What can wait: empty the file's log."""
        with self._guard:
            self._empty_wal()

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._guard, closing(self._connection):
            self._forget()

    def _begin(self) -> None:
        if not self._begun:
            self._run("BEGIN IMMEDIATE")
            self._begun = True

    def _forget(self) -> None:
        self._keys.clear()
        self._names.clear()

    def _empty_wal(self) -> None:
        if self._path is not None:
            self._run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _ask(self, statement: str, *asked: object) -> list[tuple]:  # type: ignore[type-arg]
        return self._run(statement, asked).fetchall()

    def _run(self, statement: str, asked: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, asked)
        except sqlite3.Error as error:
            self.failed = self._begun
            raise file.explain(str(self._path), error) from error


def _bound(name: Name) -> bytes:
    """What a wrapped key is bound to, so that none can be put in another's place."""
    return msgspec.json.encode(name)
