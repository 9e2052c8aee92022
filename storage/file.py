"""A SQLite file of ours: is it one, who holds it, how one begins, and what a failure of it is called.

- A file is looked at before anything is written beside it: what is not ours is left as it was, without so much as a
  lock file. Looking goes through SQLite (`immutable`, which opens nothing else), never through `open()`: closing any
  descriptor of a database drops the POSIX locks that this process holds on it.
- A new database is built under another name and moved into place, so no crash can leave half of one.
- One process writes. It holds an flock on `<db>.lock` for its life, and its pid stands in there for whoever comes
  second. The kernel drops the lock when the process dies, however it dies; the file itself stays.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ..protocol import limits
from .errors import StoreCorrupt, StoreError, StoreFull, StoreLocked
from .migrations import APPLICATION_ID, MIGRATIONS, VERSION

FULL = sqlite3.SQLITE_FULL

READER_SETTINGS = ("PRAGMA trusted_schema = OFF", "PRAGMA wal_autocheckpoint = 0")
"""A reader checkpoints never: one connection alone does that."""

WRITER_SETTINGS = (
    *READER_SETTINGS,
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -16384",
    "PRAGMA secure_delete = ON",
)
"""Set on every connection, because what a SQLite build takes for its defaults differs from build to build."""

_REASONS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_FULL: (StoreFull, "the disk that holds {path} is full"),
    sqlite3.SQLITE_BUSY: (StoreLocked, "another program holds {path} locked"),
    sqlite3.SQLITE_LOCKED: (StoreLocked, "another program holds {path} locked"),
    sqlite3.SQLITE_CORRUPT: (StoreCorrupt, "{path} is damaged"),
    sqlite3.SQLITE_NOTADB: (StoreCorrupt, "{path} is not a SQLite database"),
    sqlite3.SQLITE_READONLY: (StoreError, "{path} may only be read"),
    sqlite3.SQLITE_CANTOPEN: (StoreError, "{path} cannot be opened"),
    sqlite3.SQLITE_PERM: (StoreError, "{path} may not be opened"),
    sqlite3.SQLITE_IOERR: (StoreError, "the disk that holds {path} failed"),
    sqlite3.SQLITE_CONSTRAINT: (StoreCorrupt, "{path} contradicts itself"),
}


def primary_code(error: BaseException | None) -> int:
    """SQLite's primary result code of an error of its driver; 0 if it has none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def explain(path: str, error: BaseException | None) -> StoreError:
    """The error of the port that says what SQLite's error means, in one sentence that names the database."""
    kind, sentence = _REASONS.get(primary_code(error), (StoreError, "{path} could not be used"))
    return kind(f"{sentence.format(path=path)}: {error}")


def uri(path: Path, **parameters: str | int) -> str:
    """The path as an SQLite URI, whatever characters it holds."""
    asked = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"{path.absolute().as_uri()}?{asked}"


def look(path: Path) -> int | None:
    """How many migrations the database at `path` has been through; None if there is nothing yet.

    Raises StoreCorrupt for a file that is not ours or is newer than we are, StoreError for one that cannot be read.
    """
    try:
        if path.stat().st_size == 0:
            return None
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise StoreError(f"the folder {path.parent} of the database does not exist") from None
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    try:
        with closing(sqlite3.connect(uri(path, mode="ro", immutable=1), uri=True)) as connection:
            # A crash amid a checkpoint leaves a file shorter than its first page says; its WAL makes that good, and a
            # look without the WAL must not call it damage. With this on, SQLite reads the header none the less.
            connection.execute("PRAGMA writable_schema = ON")
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise explain(str(path), error) from error
    if application != APPLICATION_ID:
        raise StoreCorrupt(f"{path} is a SQLite database, but not one of plait's; nothing was changed")
    if not 0 < version <= VERSION:
        raise StoreCorrupt(f"{path} has format {version} and this plait knows up to {VERSION}; upgrade plait to use it")
    return int(version)


def rewrite_wal(path: Path) -> None:
    """Write the WAL's bytes again as they are read, and sync them. Raises OSError.

    After a sync that failed the kernel shows pages that it will never write, and says of every later sync that all is
    well (fsyncgate), whichever process asks. A checkpoint from such a WAL copies into the database what a power cut
    then takes from the WAL. Written again, the pages are the kernel's to write again. SQLite keeps no lock on this file
    that closing it here could drop.
    """
    try:
        descriptor = os.open(path.with_name(path.name + "-wal"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        offset = 0
        while chunk := os.pread(descriptor, 1 << 20, offset):
            offset += os.pwrite(descriptor, chunk, offset)
        if offset:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prepare(path: Path) -> None:
    """Make the database at `path` one of today's format, and its WAL one that is on disk. The caller holds its lock."""
    version = look(path)
    try:
        rewrite_wal(path)
    except OSError as error:
        raise StoreError(f"the disk that holds {path} failed: {error.strerror}") from error
    try:
        if version is None:
            build(path, migrate)
        elif version < VERSION:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                migrate(connection)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise explain(str(path), error) from error
    except OSError as error:
        raise StoreError(f"the database {path} cannot be created: {error.strerror}") from error


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to today's format in one transaction. Synchronous commits are the caller's business."""
    connection.execute("BEGIN IMMEDIATE")
    # Asked here and not by a look from outside, which does not see what a crash left in the WAL.
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for step in MIGRATIONS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def compact(path: Path) -> None:
    """Write the database anew without the pages that wait to be used again: what was removed may stand in them still.
    It takes the lock, and about the database's size in free space. Raises StoreError or a kind of it."""
    lock = Lock(path)
    try:
        prepare(path)
        with closing(connect(path, readonly=False)) as connection:
            connection.execute("VACUUM")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreLocked(f"somebody reads {path}, and what was removed is not overwritten before they end")
    except sqlite3.Error as error:
        raise explain(str(path), error) from error
    finally:
        lock.release()


def build(path: Path, make: Callable[[sqlite3.Connection], None]) -> None:
    """Make a database by that function under another name, and move it into place when it is whole. Raises what SQLite
    and the system raise."""
    fresh = path.with_name(path.name + ".new")
    try:
        _remove(fresh)
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            make(connection)
            connection.execute("PRAGMA journal_mode = WAL")
        os.replace(fresh, path)
        _sync_folder(path.parent)
    except BaseException:
        _remove(fresh)
        raise


def _remove(fresh: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def connect(path: Path | None, *, readonly: bool, lock_wait_s: float = limits.LOCK_WAIT_S) -> sqlite3.Connection:
    """A driver connection with the settings that every one of ours has; None is a database in memory, made anew.

    Whoever uses it from several threads does so one at a time.
    """
    if path is None:
        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        migrate(connection)
        return connection
    asked = reading_uri(path) if readonly else uri(path, mode="rw")
    connection = sqlite3.connect(asked, uri=True, timeout=lock_wait_s, check_same_thread=False, isolation_level=None)
    try:
        for setting in READER_SETTINGS if readonly else WRITER_SETTINGS:
            connection.execute(setting)
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal" and not readonly:
            raise StoreError(f"{path} stands where SQLite cannot keep a WAL (journal mode {mode})")
    except BaseException:
        connection.close()
        raise
    return connection


def reading_uri(path: Path) -> str:
    """How a reader opens it: as one of many if there is a WAL or can be; else as a file that nobody writes."""
    shared = path.with_name(path.name + "-wal").exists() or os.access(path.parent, os.W_OK)
    return uri(path, mode="ro") if shared else uri(path, mode="ro", immutable=1)


def sealing_of(path: Path) -> str:
    """Which key ring is that of the database at `path`, which is of today's format; empty if it is plain."""
    try:
        with closing(connect(path, readonly=True)) as connection:
            found = connection.execute("SELECT store FROM sealing").fetchone()
    except sqlite3.Error as error:
        raise explain(str(path), error) from error
    return str(found[0]) if found else ""


def mark_sealed(path: Path, store: str) -> None:
    """Say in the database at `path` that it is encrypted from now on, by that key ring. The caller holds its lock."""
    try:
        with closing(connect(path, readonly=False)) as connection:
            connection.execute("INSERT INTO sealing VALUES (?)", (store,))
    except sqlite3.Error as error:
        raise explain(str(path), error) from error


class Lock:
    """This process's hold on a database, from construction until `release`. Raises StoreLocked if another has it."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        try:
            self._descriptor: int | None = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"{path} may only be read: its lock {self.path} cannot be made: {error.strerror}"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = self._holder()
            os.close(self._descriptor)
            who = "another process" if pid is None else "this process" if pid == os.getpid() else f"process {pid}"
            raise StoreLocked(f"{path} is in use by {who}; a database has one writer at a time", pid) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def _holder(self) -> int | None:
        assert self._descriptor is not None
        said = os.pread(self._descriptor, 32, 0).strip()
        return int(said) if said.isdigit() else None

    def release(self) -> None:
        """Let another process have the database. Idempotent."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
