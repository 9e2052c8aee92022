"""The reading half of the SQLite engine: read-only connections, each used for one statement at a time.

Beside a writer or without one; it takes no lock. All connections are opened at the first read and kept. Reads run on
worker threads, or, inline, on the caller's own; a database in memory has one connection, which the writer shares.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

import trio
from sqlalchemy import Connection, Engine, Executable, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from ..protocol import limits
from ..protocol.access import ANY
from ..protocol.events import Record
from . import file, queries, written
from .errors import RoomDeleted, StoreError
from .sealing import Opener, Row
from .store import ANY_SEQ, Blob, BlobFacts, Head, Listed, Listing, Revocation, Sealed, Sieve, Snapshot

T = TypeVar("T")


def _as_it_is(row: Any) -> Any:
    return row


class SqliteReader:
    """The reading half. Without a writer beside it, it opens the file read-only and takes no lock."""

    def __init__(
        self,
        path: Path | None,
        *,
        inline: bool = False,
        shared: Connection | None = None,
        opener: Opener | None = None,
    ) -> None:
        self._path = path
        self._opener = opener
        self._inline = inline
        self._shared = shared
        self._limiter = trio.CapacityLimiter(limits.STORE_READERS)
        self._closed = False
        self._opening = threading.Lock()
        self._opened = False
        self._readers: Engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: file.connect(path, readonly=True),
            poolclass=QueuePool,
            pool_size=limits.STORE_READERS,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
        )

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path or ':memory:'}"

    @property
    def encrypts(self) -> bool:
        return self._opener is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def head(self, room: str) -> Head:
        rows = await self._rows(queries.HEAD, {"room": room})
        return queries.to_head(rows[0]) if rows else Head(room)

    async def read(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Record]:
        rows = await self._page(queries.READ, {"room": room, "after": after, "limit": limit}, self._opening_of(room))
        return [queries.to_record(room, row) for row in rows]

    async def sealed(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Sealed]:
        asked = {"room": room, "after": after, "limit": limit}
        return await self._page(queries.SEALED, asked, lambda row: queries.to_sealed(room, row, self._opener))

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = limits.PAGE_RECORDS
    ) -> list[Record]:
        take = self._opening_of(room)

        def fill(connection: Connection) -> list[Row]:
            noted = [] if sieve.run else connection.execute(written.NOTED, {"room": room, "after": after})
            page = queries.Page(limit)
            for statement, asked in written.questions(noted, room, sieve, after, upto, limit):
                _fill(page, connection, statement, asked)
                if page.full:
                    break
            if not page.rows:
                _refuse_deleted(connection, room)
            return [take(row) for row in page.rows]

        return [queries.to_record(room, row) for row in await self._read(fill)]

    async def writings(self, room: str, document: str, upto: int = ANY_SEQ) -> list[int]:
        def look(connection: Connection) -> list[int]:
            asked = {"room": room, "document": document}
            found: list[int] = []
            for part in written.seqs(connection.execute(written.NOTED, {"room": room, "after": 0}), document, upto):
                if isinstance(part, list):
                    found += part
                else:
                    between = asked | {"after": part[0], "upto": part[1]}
                    found += connection.execute(written.LOOK_BETWEEN, between).scalars()
            if not found:
                _refuse_deleted(connection, room)
            return found

        return await self._read(look)

    async def find(self, room: str, record_id: str) -> Record | None:
        rows = await self._of_room(queries.FIND, {"room": room, "record_id": record_id}, self._opening_of(room))
        return queries.to_record(room, rows[0]) if rows else None

    async def rooms(
        self,
        cursor: str = "",
        limit: int = 50,
        query: str = "",
        metadata: Mapping[str, str | None] | None = None,
        names: Sequence[str] = ANY,
    ) -> Listing:
        opener = self._opener
        if opener is None or not (query or metadata):
            asked = queries.list_asked(cursor, limit, query, metadata, names)
            listed = await self._rows(queries.ROOMS, asked, lambda row: queries.to_listed(row, opener))
            return queries.to_listing(listed, limit)
        asked = queries.list_asked(cursor, ANY_SEQ - 1, "", None, names)

        def search(connection: Connection) -> list[Listed]:
            with connection.execution_options(yield_per=queries.PARTITION).execute(queries.ROOMS, asked) as result:
                return queries.search(result, opener, limit, query, metadata)

        return queries.to_listing(await self._read(search), limit)

    async def room_names(self, after: str = "", limit: int = 500) -> list[str]:
        return [row[0] for row in await self._rows(queries.NAMES, {"after": after, "limit": limit})]

    async def forks(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        asked = {"room": room, "after": after, "limit": limit}
        return [row[0] for row in await self._rows(queries.FORKS, asked)]

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        asked = {"room": room, "at": ANY_SEQ if at is None else at}

        def newest(connection: Connection) -> Snapshot | None:
            with connection.execute(queries.SNAPSHOTS, asked) as result:
                kept = (queries.to_snapshot(room, row, self._opener) for row in result)
                found = next((snapshot for snapshot in kept if snapshot is not None), None)
            if found is None:
                _refuse_deleted(connection, room)
            return found

        return await self._read(newest)

    async def blob(self, name: str) -> Blob | None:
        found = await self._rows(queries.BLOB, {"name": name}, lambda row: queries.to_blob(row, self._opener))
        return found[0] if found else None

    async def blob_facts(self, name: str) -> BlobFacts | None:
        rows = await self._rows(queries.BLOB_FACTS, {"name": name})
        return queries.to_facts(rows[0]) if rows else None

    async def blobs_of(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        rows = await self._of_room(queries.BLOBS_OF, {"room": room, "after": after, "limit": limit})
        return [row[0] for row in rows]

    async def blob_reaches(self, name: str, rooms: Sequence[str]) -> bool:
        rows = await self._rows(queries.BLOB_REACHES, {"name": name, "names": queries.globs(rooms)})
        return bool(rows[0][0])

    async def revocations(self) -> list[Revocation]:
        return [queries.to_revocation(row) for row in await self._rows(queries.REVOCATIONS, {})]

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        asked: dict[str, Any] = {"after": after, "limit": limit}
        if due is None:
            rows = await self._rows(queries.OPEN, asked)
        else:
            rows = await self._rows(queries.DUE, asked | {"due": due})
        return [row[0] for row in rows]

    async def aclose(self) -> None:
        """Let go of the file. Idempotent."""
        self._closed = True
        self._readers.dispose()
        if self._opener is not None:
            self._opener.ring.close()
        await trio.lowlevel.checkpoint()

    async def _rows(
        self, statement: Executable, asked: dict[str, Any], take: Callable[[Row], T] = _as_it_is
    ) -> list[T]:
        return await self._read(lambda connection: [take(row) for row in connection.execute(statement, asked)])

    async def _of_room(
        self, statement: Executable, asked: dict[str, Any], take: Callable[[Row], T] = _as_it_is
    ) -> list[T]:
        def ask(connection: Connection) -> list[T]:
            rows = connection.execute(statement, asked).all()
            if not rows:
                _refuse_deleted(connection, asked["room"])
            return [take(row) for row in rows]

        return await self._read(ask)

    async def _page(self, statement: Executable, asked: dict[str, Any], take: Callable[[Row], T]) -> list[T]:
        def fill(connection: Connection) -> list[T]:
            page = queries.Page()
            _fill(page, connection, statement, asked)
            if not page.rows:
                _refuse_deleted(connection, asked["room"])
            return [take(row) for row in page.rows]

        return await self._read(fill)

    def _opening_of(self, room: str) -> Callable[[Row], Row]:
        """What opens a row of a record. It is done where reads are done, because a key is read from a disk."""
        opener = self._opener
        return _as_it_is if opener is None else lambda row: opener.row(room, row)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StoreError(f"the store {self.url} is closed")
        if not self._inline:
            return await trio.to_thread.run_sync(self._with_connection, work, limiter=self._limiter)
        await trio.lowlevel.checkpoint()
        return self._with_connection(work)

    def _with_connection(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._shared is not None:
                return work(self._shared)
            self._open_all()
            with self._readers.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            raise file.explain(str(self._path), error.orig) from error

    def _open_all(self) -> None:
        """Have every connection from the first read on: later, a room at work may find no file descriptor for one."""
        with self._opening:
            if self._opened:
                return
            with ExitStack() as together:
                for _ in range(1 if self._inline else limits.STORE_READERS):
                    together.enter_context(self._readers.connect())
            self._opened = True


def _fill(page: queries.Page, connection: Connection, statement: Executable, asked: dict[str, Any]) -> None:
    with connection.execute(statement, asked) as result:
        for rows in result.partitions(queries.PARTITION):
            if not page.add(rows):
                break


def _refuse_deleted(connection: Connection, room: str) -> None:
    """Nothing was found. Asked after that and not before, so that what was deleted in between is noticed."""
    if connection.execute(queries.DELETED, {"room": room}).first():
        raise RoomDeleted(room)
