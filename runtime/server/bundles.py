"""Bundles over HTTP: a room's whole log as a file that is written while it is read, and rooms made of such files.

An upload is put into a file that only this process sees, and checked there; nothing of it is in memory but the part
that is being looked at. A download that cannot be ended as it should be is cut, and what is cut is no bundle.
"""

import errno
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import msgspec
import trio

from ...protocol import limits
from ...protocol.access import Grant, check_all_documents
from ...protocol.errors import PlaitError, Refused
from ...protocol.names import room_name
from ...storage.zipped import Zipped
from ..replay.exporting import EVERYBODY, export
from ..replay.importing import import_
from .exchange import Exchange, Request, Response, Send, json
from .places import Places, asker_of
from .rooms import Rooms

_HEADERS = (("content-type", "application/zip"), ("cache-control", "no-store"))
_TOGETHER = 1 << 20
"""So much of an upload is written to the disk at once: a write costs a thread's turn."""


class Bundles:
    """What answers under `/api/import`, and for `/api/rooms/ROOM/export`."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._giving, self._taking = (
            Places(limits.BUNDLES_AT_ONCE, limits.BUNDLES_EACH, limits.BUNDLES_WAIT_S) for _ in range(2)
        )

    async def give(self, room: str, request: Request, grant: Grant) -> Response:
        """The room's bundle; with `redact=1` without anybody's words. Raises Refused, StoreError."""
        check_all_documents(grant)
        head = await self._rooms.store.head(room)
        if head.deleted or not head.seq:
            raise Refused("no-such-room", f"There is no room {room}.")
        without = EVERYBODY if request.query.get("redact", "0") not in ("", "0") else ()
        named = f'attachment; filename="{room.replace(":", "_")}.zip"'
        headers = (*_HEADERS, ("content-disposition", named))
        return Response(
            200, headers, partial(self._send, room, grant.author, without, asker_of(grant, request.peer.address))
        )

    async def _send(self, room: str, by: str, without: tuple[str, ...], whose: str, send: Send) -> None:
        async def write(part: bytes) -> None:
            with trio.move_on_after(limits.RESPONSE_S) as slow:
                await send(part)
            if slow.cancelled_caught:
                raise trio.BrokenResourceError

        with trio.move_on_after(limits.BUNDLE_S) as late:
            try:
                async with self._giving.place(whose):
                    await export(self._rooms.store, room, write, by=by, without=without)
            except PlaitError:
                raise trio.BrokenResourceError from None  # Its head is sent; all that can be done is to cut it.
        if late.cancelled_caught:
            raise trio.BrokenResourceError

    async def take(self, request: Request, exchange: Exchange, grant: Grant, check: Callable[[str], None]) -> Response:
        """A room of the body: 201 and what came of it, or 200 if it was here before. `as` is the name that it gets,
        `check` refuses a name that the asker is not granted. Raises Refused, StoreError."""
        name = room_name(request.query["as"]) if request.query.get("as") else ""
        if name:
            check(name)
        async with self._taking.place(asker_of(grant, request.peer.address)):
            with _full_disk(), tempfile.TemporaryFile() as file:
                waiting = bytearray()

                async def keep(part: bytes) -> None:
                    waiting.extend(part)
                    if len(waiting) >= _TOGETHER:
                        await trio.to_thread.run_sync(file.write, bytes(waiting))
                        waiting.clear()

                await exchange.spool(keep, limits.BUNDLE_BYTES, limits.BUNDLE_S, bytes_per_s=limits.BLOB_BYTES_PER_S)
                file.write(waiting)
                name = name or Zipped(file).manifest.room
                check(name)
                done = await import_(
                    self._rooms.store,
                    file,
                    by=grant.author,
                    grant=grant.id,
                    now=time.time_ns() // 1000,
                    name=name,
                    resume=request.query.get("resume", "0") not in ("", "0"),
                )
        return json(msgspec.to_builtins(done), 200 if done.again else 201)


@contextmanager
def _full_disk() -> Iterator[None]:
    """Uploads wait where temporary files do, which may be another disk than the store's."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise Refused("store-full", "There is no space for the upload.") from None
