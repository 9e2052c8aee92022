"""The journal of deliveries: what each tab had been sent of a room, and had taken, at which time.

Why: a log says what happened and never who saw it, and "why did she not see it" is asked a day later. This is about
delivery and not about state, so it is no part of the log and of no hash, and nothing is decided by it. Rules
(specs/replay.md):

- It is a SQLite file of its own beside the database (`plait.db-deliveries`), written by a thread of its own and synced
  by nobody: what a power cut takes of it is missed by nobody, and no commit ever waits for it. It may be deleted.
- It is bounded by age and by rows; the oldest go.
- What concerns a deleted room, or somebody who is erased, is removed with them, and overwritten in the file. Where that
  cannot be done, as on a full disk, the whole file goes: it may be deleted, and this must happen.
"""

import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from msgspec import Struct
from msgspec.structs import astuple

from ..protocol import limits
from .errors import StoreError
from .opening import database_path
from .ringfile import ring_path

_SCHEMA = """CREATE TABLE IF NOT EXISTS deliveries (
    room TEXT NOT NULL,
    at INTEGER NOT NULL,
    tab TEXT NOT NULL,
    subject TEXT NOT NULL,
    document TEXT NOT NULL,
    what TEXT NOT NULL,
    head INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    acked INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT"""
_INDEX = "CREATE INDEX IF NOT EXISTS deliveries_of ON deliveries (room, at)"
_ADD = "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FORGET_ROOM = "DELETE FROM deliveries WHERE room = ? AND ? IN ('', subject)"


class Delivery(Struct, frozen=True):
    """How a tab stood at a time (µs since 1970).

    `what`: it `joined`, it was `seen` there, it `left`, or somebody was `refused` (`note` is the code). The room's
    newest record was `head`. Every record of the tab's document up to `sent` had been handed to its socket, up to
    `acked` the other machine had taken all; `waiting` bytes more waited here. `note` may say that it shows the past.
    """

    room: str
    at: int
    tab: str
    subject: str
    document: str
    what: str
    head: int
    sent: int
    acked: int
    waiting: int
    note: str = ""


class Deliveries:
    """One store's journal. Every method blocks, and any thread may call it."""

    def __init__(self, path: Path | None, *, readonly: bool = False) -> None:
        self._lock = threading.Lock()
        self._path = None if readonly else path
        if readonly:
            there = path is not None and path.exists()
            target = f"{path.absolute().as_uri()}?mode=ro" if there and path is not None else ":memory:"
            self._connection = sqlite3.connect(target, uri=there, check_same_thread=False, isolation_level=None)
            if not there:
                self._connection.execute(_SCHEMA)
            return
        self._connection = _opened(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Note them down, all or none. Raises sqlite3.Error."""
        with self._lock, self._connection:  # Which commits, or rolls back what a full disk left half done.
            self._connection.execute("BEGIN")
            self._connection.executemany(_ADD, [astuple(each) for each in deliveries])

    def of(self, room: str, since: int, until: int) -> list[Delivery]:
        """What is known of the room's tabs between two times, oldest first; at most DELIVERIES_READ, the newest."""
        asked = "SELECT * FROM deliveries WHERE room = ? AND at BETWEEN ? AND ? ORDER BY at DESC, rowid DESC LIMIT ?"
        with self._lock:
            rows = self._connection.execute(asked, (room, since, until, limits.DELIVERIES_READ)).fetchall()
        return [Delivery(*row) for row in reversed(rows)]

    def sweep(self, now: int) -> None:
        """Forget what is too old, and the oldest of what is too much."""
        with self._lock:
            self._connection.execute("DELETE FROM deliveries WHERE at < ?", (now - limits.DELIVERIES_S * 1_000_000,))
            (newest,) = self._connection.execute("SELECT coalesce(max(rowid), 0) FROM deliveries").fetchone()
            self._connection.execute("DELETE FROM deliveries WHERE rowid <= ?", (newest - limits.DELIVERIES_ROWS,))

    def rooms(self, subject: str = "") -> list[str]:
        """The rooms that it knows of, in order; with a subject those that this one was in."""
        asked = "SELECT DISTINCT room FROM deliveries WHERE ? IN ('', subject) ORDER BY room"
        with self._lock:
            return [room for (room,) in self._connection.execute(asked, (subject,))]

    def forget(self, *, room: str = "", subject: str = "") -> None:
        """The room is deleted, or the person erased: from every room, or from that one. Nothing of it stays in the
        file."""
        with self._lock:
            try:
                if room:
                    self._connection.execute(_FORGET_ROOM, (room, subject))
                else:
                    self._connection.execute("DELETE FROM deliveries WHERE subject = ?", (subject,))
                (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if busy:
                    raise sqlite3.OperationalError("somebody reads what should be gone")
            except sqlite3.Error:
                self._begin_anew()

    def _begin_anew(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._path is not None:
            _remove(self._path)
        try:
            self._connection = _opened(self._path)
        except sqlite3.Error:
            self._path, self._connection = None, _opened(None)

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._lock:
            self._connection.close()


def deliveries_of(url: str, *, readonly: bool = False) -> Deliveries:
    """The journal beside the store of that URL; one in memory beside a store in memory, and where the file cannot be
    used: a server that cannot keep this goes on without."""
    path, sealed = _beside(url)
    try:
        if sealed and path is not None and not readonly:
            _remove(path)
        return Deliveries(None if sealed else path, readonly=readonly)
    except (sqlite3.Error, OSError):
        return Deliveries(None)


def forget_deliveries(url: str, *, room: str = "", subject: str = "") -> None:
    """Remove what concerns a deleted room (its name), or somebody who is erased, from that room or from all, if there
    is a journal. Raises OSError."""
    path, sealed = _beside(url)
    if path is None or not path.exists():
        return
    if sealed:
        _remove(path)
        return
    try:
        journal = Deliveries(path)
    except sqlite3.Error:
        _remove(path)  # Whatever it holds, nobody can take one person out of it.
        return
    with journal:
        journal.forget(room=room, subject=subject)


def _beside(url: str) -> tuple[Path | None, bool]:
    """Where the journal of that store is, and whether it must not be there: beside an encrypted store nobody's name may
    stand in the clear, so it is kept in memory, and what was written before the store was encrypted goes."""
    try:
        path = database_path(url)
    except StoreError:
        return None, False  # An engine that is no file's.
    return (None, False) if path is None else (path.with_name(f"{path.name}-deliveries"), ring_path(path).exists())


def _opened(path: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
    try:
        # What is deleted is overwritten, in pages that wait to be used again too.
        for setting in ("journal_mode = WAL", "synchronous = OFF", "secure_delete = ON"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute(_SCHEMA)
        connection.execute(_INDEX)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
