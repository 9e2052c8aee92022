"""Python's sqlite3, spoken by APSW: what plait's storage opens its connections with while it runs on a `Disk`.

The batch, the engine, the settings and the statements are plait's own, and SQLAlchemy's dialect is the one for sqlite3;
only the C library underneath is APSW's, because its VFS can be written in Python. That library is another version of
SQLite than the one in Python's standard library, which opens the file after each cut.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import apsw
from plait.storage import file

from .disk import Disk, File, Vfs


@contextmanager
def running_on(disk: Disk) -> Iterator[None]:
    """plait's storage opens its databases on this disk while the block runs."""
    vfs = Vfs(f"disk-{id(disk)}", disk)
    try:
        with (
            patch.object(file, "sqlite3", Driver(f"disk-{id(disk)}")),
            patch.object(file, "rewrite_wal", lambda path: _rewrite_wal(disk, str(path))),
        ):
            yield
    finally:
        vfs.unregister()


def _rewrite_wal(disk: Disk, path: str) -> None:
    """What storage/file does with a real file's WAL, on this disk."""
    name = f"{path}-wal"
    data = bytes(disk.files.get(name, b""))
    wal = File(disk, name)
    try:
        for offset in range(0, len(data), _AT_ONCE):
            wal.xWrite(data[offset : offset + _AT_ONCE], offset)
        if data:
            wal.xSync(0)
    except apsw.Error as error:
        raise OSError(str(error)) from error


_AT_ONCE = 1 << 20


class Driver:
    """The module sqlite3, but for `connect`."""

    def __init__(self, vfs: str) -> None:
        self._vfs = vfs

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, database: str, **_: object) -> "Connection":
        return Connection(unquote(urlsplit(database).path), self._vfs)


def _code(error: apsw.Error) -> int:
    """SQLite's code, extended where there is more; an error that the VFS raised has only what was set on it."""
    return getattr(error, "extendedresult", 0) or getattr(error, "result", 0) or apsw.SQLITE_IOERR


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.OperationalError
        said = kind(str(error) or type(error).__name__)
        said.sqlite_errorcode = _code(error)  # type: ignore[attr-defined]
        raise said from error


class Connection:
    """As much of sqlite3.Connection as SQLAlchemy and storage/file use."""

    isolation_level: str | None = None

    def __init__(self, path: str, vfs: str) -> None:
        with _translated():
            self.apsw = apsw.Connection(path, vfs=vfs)
            # A VFS in Python has no shared memory, and a connection that is alone needs none for its WAL.
            self.apsw.execute("PRAGMA locking_mode = EXCLUSIVE")

    @property
    def in_transaction(self) -> bool:
        return self.apsw.in_transaction

    def cursor(self, *_: object) -> "Cursor":
        return Cursor(self.apsw)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "Cursor":
        return self.cursor().execute(statement, parameters)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> "Cursor":
        return self.cursor().executemany(statement, rows)

    def create_function(self, name: str, arguments: int, function: Any, **_: object) -> None:
        self.apsw.create_scalar_function(name, function, arguments)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        with suppress(apsw.Error):  # What closing wanted to write is nobody's promise; sqlite3 says nothing either.
            self.apsw.close(True)


class Cursor:
    """As much of sqlite3.Cursor as SQLAlchemy uses. Rows are fetched when the statement runs."""

    arraysize = 1

    def __init__(self, connection: apsw.Connection) -> None:
        self._apsw = connection
        self._rows: list[Any] = []
        self.description: tuple[Any, ...] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "Cursor":
        return self._run(statement, parameters, many=False)

    def executemany(self, statement: str, parameters: Sequence[Any]) -> "Cursor":
        return self._run(statement, parameters, many=True)

    def _run(self, statement: str, parameters: Any, *, many: bool) -> "Cursor":
        cursor = self._apsw.cursor()
        self.description = None

        def described(_: object, __: object, ___: object) -> bool:
            columns = cursor.get_description()
            self.description = tuple((one[0], *[None] * 6) for one in columns) or None
            return True

        cursor.exec_trace = described
        before = self._apsw.total_changes()
        with _translated():
            self._rows = list((cursor.executemany if many else cursor.execute)(statement, parameters))
        self.lastrowid = self._apsw.last_insert_rowid()
        self.rowcount = -1 if self.description else self._apsw.total_changes() - before
        return self

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = size or self.arraysize
        taken, self._rows = self._rows[:size], self._rows[size:]
        return taken

    def fetchall(self) -> list[Any]:
        taken, self._rows = self._rows, []
        return taken

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def close(self) -> None:
        self._rows = []
