"""The key ring of an encrypted store: a key for each person in each room, kept in a file apart from the log.

`<db>.keys` is a SQLite file of its own, so that a copy of the log holds no keys: whoever has an old backup and not the
key that was dropped since reads nothing of that person, though its chain verifies. Each key is wrapped in the file
(`ringfile`) by a master key (`masters`), which is kept somewhere else. Kinds of keys:

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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from os import urandom
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from ..protocol import limits
from . import file
from .masters import KEY_BYTES, Masters, cipher
from .ringfile import Kind, Name, open_ring

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KNOWN = 4 * limits.KNOWN_ROOMS
"""So many keys are held in memory, about 300 bytes each; beyond it they are read anew."""


class Key(Struct, frozen=True):
    """A key that is here: its number, which stands before all that it seals, and the cipher that it makes."""

    id: int
    kind: Kind
    owner: str
    cipher: "AESGCM"


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
        self._masters = masters
        self._guard = threading.RLock()
        self._names: dict[Name, Key] = {}
        self._keys: dict[int, Key] = {}
        self._begun = False
        self.failed = False
        """Whether its file refused something amid a transaction: whatever was sealed in it may have no key."""
        self.marked = not readonly
        """Whether there may be marks that nobody has looked at."""
        self._file, self.rewrapped = open_ring(path, masters, store, readonly=readonly, create=create)
        self.store = self._file.store

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
            (*name, since, self._file.wrap(name, data)),
        )
        assert cursor.lastrowid is not None
        room, kind, _ = name
        if kind == "person":
            self._names.pop((room, "shared", ""), None)
        return self._keep(cursor.lastrowid, name, data)

    def _learn(self, number: int, name: Name, wrapped: bytes) -> Key:
        return self._keep(number, name, self._file.unwrap(number, name, wrapped))

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
            if self._file.connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._file.connection.execute("ROLLBACK")

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
        with self._guard, closing(self._file.connection):
            self._forget()

    def _begin(self) -> None:
        if not self._begun:
            self._run("BEGIN IMMEDIATE")
            self._begun = True

    def _forget(self) -> None:
        self._keys.clear()
        self._names.clear()

    def _empty_wal(self) -> None:
        with self._explained():
            self._file.empty_wal()

    def _ask(self, statement: str, *asked: object) -> list[tuple]:  # type: ignore[type-arg]
        return self._run(statement, asked).fetchall()

    def _run(self, statement: str, asked: tuple[object, ...] = ()) -> sqlite3.Cursor:
        with self._explained():
            return self._file.connection.execute(statement, asked)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self.failed = self._begun
            raise file.explain(str(self._file.path), error) from error
