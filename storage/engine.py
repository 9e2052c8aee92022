"""The engine below the writer: one connection that commits batches and checkpoints, and what it does when it may not.

- The writing connection belongs to the writer's thread from beginning to end (SQLite before 3.51.3 can corrupt a WAL
  that two connections checkpoint). It is in AUTOCOMMIT and says BEGIN IMMEDIATE itself, because the driver would begin
  only before the first insert, after the heads were read.
- An error before COMMIT, rolled back: nothing happened. At COMMIT, "disk full" means that the commit's last frame was
  never whole, so nothing happened either; any other error leaves it open, and then the connection is closed, opened
  anew and its WAL settled before anybody is told, because a failed fsync must not be tried again (Linux forgets it).
  Until the WAL was settled nothing is committed and nothing is read: it may show what the disk does not have, and
  what stands behind a gap in it is lost at a power cut.
- What a process wrote that was killed before its fsync is readable and not yet on disk, so opening puts it there.
- A WAL is settled by writing its bytes again before it is checkpointed, and before a connection in doubt is closed,
  because the last one to close checkpoints by itself.
- What a crash left of a room that was deleted, or was being made, is removed when the database is opened, before
  anything else is written.
"""

import ctypes
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from outcome import Error, Value
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import StaticPool

from ..protocol import limits
from ..protocol.errors import OutcomeUnknown
from . import deleting, file, straight
from .batch import Answer, Batch, Moved, Standing
from .errors import StoreError
from .jobs import Job, PurgeJob
from .sealing import Sealer


class SqliteEngine:
    """What the writer drives. Made on the opening thread, used on the writer's only."""

    def __init__(
        self, path: Path | None, entropy: Callable[[int], bytes], lock_wait_s: float, sealer: Sealer | None = None
    ) -> None:
        self._path = path
        self._sealer = sealer
        self._name = str(path or ":memory:")
        self._entropy = entropy
        self._engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: file.connect(path, readonly=False, lock_wait_s=lock_wait_s),
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
        )
        self._pages = 0
        self._known: dict[str, Standing] = {}
        self._connection: Connection | None = self._engine.connect()
        self.settled = True
        self._doubtful = False
        """Whether the connection failed in a commit: it is closed, but not before the WAL was written again."""
        if path is not None:
            self._checkpoint("PASSIVE")

    @property
    def connection(self) -> Connection:
        """The connection, opened again if it was given up. Raises DBAPIError if that fails."""
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def finish_deletions(self) -> None:
        """Remove what is left of rooms that were deleted. What fails now is tried again at the next opening."""
        self._drop_keys()
        with suppress(DBAPIError):
            for room in deleting.unfinished(self.connection):
                more = True
                while more:
                    (answer,) = self.commit([PurgeJob(room)])
                    self.tend(idle=False)
                    more = isinstance(answer, Value) and bool(answer.value)

    def commit(self, jobs: Sequence[Job]) -> list[Answer]:
        """One transaction. Raises nothing that the database can cause."""
        try:
            return self._attempt(jobs, careful=False)
        except (IntegrityError, Moved):
            return self._attempt(jobs, careful=True)

    def _attempt(self, jobs: Sequence[Job], *, careful: bool) -> list[Answer]:
        if not self.settled and not self._settle():
            return [Error(self.unsure()) for _ in jobs]
        begun = False
        try:
            connection = self.connection
            if self._sealer is not None:
                self._sealer.resolve(connection)
            straight.execute(connection, "BEGIN IMMEDIATE")
            begun = True
            answers = Batch(connection, self._entropy, self._known, self._sealer, careful=careful).run(jobs)
        except BaseException as error:
            self._known.clear()
            if self._sealer is not None:
                self._sealer.roll_back()
            if begun and not self._roll_back():
                return self._unknown(jobs, error)
            if isinstance(error, StoreError):  # Of the key ring.
                return [Error(error) for _ in jobs]
            if not isinstance(error, DBAPIError) or (isinstance(error, IntegrityError) and not careful):
                raise
            return [Error(file.explain(self._name, error.orig)) for _ in jobs]
        try:
            straight.execute(connection, "COMMIT")
        except DBAPIError as error:
            self._known.clear()
            if file.primary_code(error.orig) == file.FULL and self._roll_back():
                return [Error(file.explain(self._name, error.orig)) for _ in jobs]
            return self._unknown(jobs, error)
        self._drop_keys()
        self._pages += sum(job.pages for job in jobs)
        if len(self._known) > limits.KNOWN_ROOMS:
            self._known.clear()
        return answers

    def _drop_keys(self) -> None:
        """Drop the keys that this commit made useless, and let no old page of the log outlive it."""
        if self._sealer is None or not self._sealer.ring.marked:
            return
        # What fails now is tried again before the next commit, and by the next opening.
        with suppress(DBAPIError, StoreError):
            self._sealer.resolve(self.connection)
        self._checkpoint("TRUNCATE")

    def _roll_back(self) -> bool:
        """True if no transaction is open any more; SQLite ends some by itself when they fail."""
        try:
            connection = self.connection
            if getattr(connection.connection.driver_connection, "in_transaction", True):
                connection.exec_driver_sql("ROLLBACK")
        except DBAPIError:
            return False
        return True

    def _unknown(self, jobs: Sequence[Job], error: BaseException) -> list[Answer]:
        """Settle what the WAL holds, and only then say that the outcome is not known."""
        if self._path is not None:
            self._doubtful = True
            self._settle()
        lost = OutcomeUnknown(f"{self._name} failed while it committed: {getattr(error, 'orig', error)}")
        lost.__cause__ = error
        return [Error(lost) for _ in jobs]

    def unsure(self) -> StoreError:
        """What is said of anything that is asked before the WAL was settled."""
        return StoreError(f"the disk that holds {self._name} failed, and it is not yet certain what it kept")

    def _settle(self) -> bool:
        """Whether all that the WAL shows is in the database and the WAL begins anew."""
        self.settled = self._rewrite() and self._checkpoint("TRUNCATE")
        return self.settled

    def _rewrite(self) -> bool:
        """Whether all that the WAL shows is on the disk; a connection in doubt is given up then."""
        assert self._path is not None
        try:
            file.rewrite_wal(self._path)
        except OSError:
            return False
        if self._doubtful:
            self._give_up()
            self._doubtful = False
        return True

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
            self._engine.dispose()

    def tend(self, *, idle: bool) -> bool:
        """Checkpoint when much has gathered, empty the WAL when idle; and settle it, if that is still to be done."""
        if not self.settled:
            return not self._settle()
        if idle:
            if self._sealer is not None:
                with suppress(StoreError):
                    self._sealer.ring.tend()
            return not self._checkpoint("TRUNCATE")
        if self._pages >= limits.CHECKPOINT_PAGES:
            self._checkpoint("PASSIVE")
        return True

    def _checkpoint(self, how: str) -> bool:
        """True if all of the WAL is in the database. A failure loses nothing: the WAL is kept and tried again."""
        self._pages = 0
        try:
            connection = self.connection
            # A reader in our way is waited for the next time, not now: appends may be queued behind us.
            (wait_ms,) = connection.exec_driver_sql("PRAGMA busy_timeout").one()
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            busy, _, _ = connection.exec_driver_sql(f"PRAGMA wal_checkpoint({how})").one()
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait_ms}")
        except (DBAPIError, StoreError):
            return False
        return not busy

    def close(self) -> None:
        """Empty the WAL and let go."""
        if not self.settled and not self._settle() and self._doubtful:
            self._leave_open()
            return
        if self._path is not None:
            self._checkpoint("TRUNCATE")
        if self._sealer is not None:
            self._sealer.ring.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def _leave_open(self) -> None:
        """Never close the connection: that checkpoints what the disk may not have; the next opening settles it.

        Python closes it with its last reference, at the latest when the interpreter ends; so it is given one for ever.
        """
        if self._connection is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection.connection.dbapi_connection))
