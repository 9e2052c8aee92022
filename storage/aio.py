"""The same tables read from asyncio, for the service that embeds us and for notebooks: read-only.

SQLAlchemy's async engine and aiosqlite run the statements of `queries`, so this reads what the Trio engine reads, and
the reading half of the contract suite holds it to that. Nothing here writes: connections are opened `mode=ro`, with
`wal_autocheckpoint=0`, and take no lock, so it may run in any process beside the one that writes.

It needs asyncio and fails under plain Trio. (The module is not called asyncio, which would shadow the library's.)
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite
from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncResult, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from ..protocol import limits
from ..protocol.access import ANY
from ..protocol.events import Record
from . import file, queries, written
from .errors import RoomDeleted, StoreError
from .masters import Masters
from .opening import database_path, masters_of, opener_of, readable
from .sealing import Opener, Row
from .store import ANY_SEQ, Blob, BlobFacts, Head, Listing, Revocation, Sealed, Sieve, Snapshot

T = TypeVar("T")


def open_reader(url: str, *, keys: Masters | str | None = None) -> "AioReader":
    """Open the store at `url` for reading: `async with open_reader("sqlite:///plait.db") as reader`.

    `keys` are those of an encrypted store, as for `open_store`. Raises StoreError or a kind of it if there is no
    database of ours there.
    """
    path = readable(database_path(url))
    return AioReader(path, opener_of(path, masters_of(url, keys)))


class AioReader:
    """The reading half of a store, as coroutines for asyncio."""

    def __init__(self, path: Path, opener: Opener | None = None) -> None:
        self._path = path
        self._opener = opener
        self._closed = False
        self._engine: AsyncEngine = create_async_engine(
            "sqlite+aiosqlite://",
            async_creator=self._connect,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=limits.STORE_READERS,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",
        )

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path}"

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
        rows = await self._page(queries.READ, {"room": room, "after": after, "limit": limit})
        return [queries.to_record(room, row) for row in await self._opened(room, rows)]

    async def sealed(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Sealed]:
        rows = await self._page(queries.SEALED, {"room": room, "after": after, "limit": limit})
        return await self._take(rows, lambda row: queries.to_sealed(room, row, self._opener))

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = limits.PAGE_RECORDS
    ) -> list[Record]:
        noted = [] if sieve.run else await self._rows(written.NOTED, {"room": room, "after": after})
        page = queries.Page(limit)
        for statement, asked in written.questions(noted, room, sieve, after, upto, limit):
            await self._fill(page, statement, asked)
            if page.full:
                break
        if not page.rows:
            await self._refuse_deleted(room)
        return [queries.to_record(room, row) for row in await self._opened(room, page.rows)]

    async def writings(self, room: str, document: str, upto: int = ANY_SEQ) -> list[int]:
        noted = await self._rows(written.NOTED, {"room": room, "after": 0})
        found: list[int] = []
        for part in written.seqs(noted, document, upto):
            if isinstance(part, list):
                found += part
            else:
                asked = {"room": room, "document": document, "after": part[0], "upto": part[1]}
                found += [row[0] for row in await self._rows(written.LOOK_BETWEEN, asked)]
        if not found:
            await self._refuse_deleted(room)
        return found

    async def find(self, room: str, record_id: str) -> Record | None:
        rows = await self._of_room(queries.FIND, {"room": room, "record_id": record_id})
        return queries.to_record(room, (await self._opened(room, rows))[0]) if rows else None

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
            rows = await self._rows(queries.ROOMS, queries.list_asked(cursor, limit, query, metadata, names))
            return queries.to_listing(await self._take(rows, lambda row: queries.to_listed(row, opener)), limit)
        rows = await self._rows(queries.ROOMS, queries.list_asked(cursor, ANY_SEQ - 1, "", None, names))
        found = await asyncio.to_thread(queries.search, rows, opener, limit, query, metadata)
        return queries.to_listing(found, limit)

    async def room_names(self, after: str = "", limit: int = 500) -> list[str]:
        return [row[0] for row in await self._rows(queries.NAMES, {"after": after, "limit": limit})]

    async def forks(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        asked = {"room": room, "after": after, "limit": limit}
        return [row[0] for row in await self._rows(queries.FORKS, asked)]

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        asked = {"room": room, "at": ANY_SEQ if at is None else at}
        async with self._streamed(queries.SNAPSHOTS, asked) as result:
            async for row in result:
                (snapshot,) = await self._take([row], lambda row: queries.to_snapshot(room, row, self._opener))
                if snapshot is not None:
                    return snapshot
        await self._refuse_deleted(room)
        return None

    async def blob(self, name: str) -> Blob | None:
        rows = await self._rows(queries.BLOB, {"name": name})
        found = await self._take(rows, lambda row: queries.to_blob(row, self._opener))
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

    async def aclose(self) -> None:
        """Let go of the file. Idempotent."""
        self._closed = True
        if self._opener is not None:
            self._opener.ring.close()
        await self._engine.dispose()

    async def _opened(self, room: str, rows: Sequence[Row]) -> Sequence[Row]:
        opener = self._opener
        return rows if opener is None else await self._take(rows, lambda row: opener.row(room, row))

    async def _take(self, rows: Sequence[Row], take: Callable[[Row], T]) -> list[T]:
        """Each of the rows as `take` makes it; on a thread where keys may have to be read from a disk for it."""
        if self._opener is None:
            return [take(row) for row in rows]
        return await asyncio.to_thread(lambda: [take(row) for row in rows])

    async def _rows(self, statement: Executable, asked: dict[str, Any]) -> Sequence[Sequence[Any]]:
        async with self._streamed(statement, asked) as result:
            return await result.all()

    async def _of_room(self, statement: Executable, asked: dict[str, Any]) -> Sequence[Sequence[Any]]:
        rows = await self._rows(statement, asked)
        if not rows:
            await self._refuse_deleted(asked["room"])
        return rows

    async def _refuse_deleted(self, room: str) -> None:
        if await self._rows(queries.DELETED, {"room": room}):
            raise RoomDeleted(room)

    async def _page(self, statement: Executable, asked: dict[str, Any]) -> list[Sequence[Any]]:
        page = queries.Page()
        await self._fill(page, statement, asked)
        if not page.rows:
            await self._refuse_deleted(asked["room"])
        return page.rows

    async def _fill(self, page: queries.Page, statement: Executable, asked: dict[str, Any]) -> None:
        async with self._streamed(statement, asked) as result:
            async for rows in result.partitions(queries.PARTITION):
                if not page.add(rows):
                    break

    @asynccontextmanager
    async def _streamed(self, statement: Executable, asked: dict[str, Any]) -> AsyncIterator[AsyncResult[Any]]:
        if self._closed:
            raise StoreError(f"the store {self.url} is closed")
        try:
            async with self._engine.connect() as connection, connection.stream(statement, asked) as result:
                yield result
        except DBAPIError as error:
            raise file.explain(str(self._path), error.orig) from error

    async def _connect(self) -> aiosqlite.Connection:
        connecting = aiosqlite.connect(file.reading_uri(self._path), uri=True, isolation_level=None)
        # A program that forgot to close must still be able to end.
        connecting._thread.daemon = True  # pyright: ignore[reportPrivateUsage]
        connection = await connecting
        for setting in file.READER_SETTINGS:
            await connection.execute(setting)
        return connection
