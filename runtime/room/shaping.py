"""The shape of a room's document: projecting the log anew, and the one record by which a room takes on today's shape.

A room says in its log of which version its document's shape is (protocol/shape). Code of another version would write
its own shape on top of what stands there, and nobody's page would know either. So before anybody sees such a room the
log is projected again, beside it, and the difference becomes one record that begins a new lineage. Rules
(specs/reprojection.md):

- Nothing is rewritten: records, hashes and shared documents stay as they are, and so do the CRDT ids of what is shown
  as before.
- It is one append, so after a crash the room is of the old shape or of the new one.
"""

from collections.abc import Callable, Iterable

import trio

from ...protocol.document import RoomDocument
from ...protocol.events import Record
from ...storage.errors import StoreCorrupt
from ...storage.store import Reader, Store
from .live import Live

_PROJECTING = 1
"""The CRDT id under which is projected beside a room; nobody else gets to see it."""

_TOGETHER = 50
"""Records that are projected between two looks at what else there is to do: 5 ms."""


def project(document: RoomDocument, records: Iterable[Record]) -> None:
    """Write what these records mean for those who watch, as a room does."""
    for record in records:
        if not record.document:
            document.project(record.run, record.author, record.time, record.event)


async def projected(reader: Reader, room: str, upto: int, tick: Callable[[int], None] = lambda _: None) -> RoomDocument:
    """What today's code makes of the log up to that record, to be released. Raises StoreError."""
    document, seq = RoomDocument(_PROJECTING), 0
    try:
        while seq < upto:
            page = await reader.read(room, seq, upto - seq)
            if not page:
                raise StoreCorrupt(f"the log of room {room} ends at {seq}, and record {seq + 1} was written")
            for first in range(0, len(page), _TOGETHER):
                project(document, page[first : first + _TOGETHER])
                await trio.lowlevel.checkpoint()
            seq = page[-1].seq
            tick(len(page))
    except BaseException:
        document.release()
        raise
    return document


async def take_shape(live: Live, store: Store, wanted: RoomDocument, by: str = "", *, closes: bool = False) -> int:
    """Give the room's document what is wanted and today's shape, in one record under a new lineage, whose seq is told.
    Nobody is in the room, and nothing is drafted. `closes`: nobody goes on with this epoch. Raises StoreError,
    OutcomeUnknown, and then `live` is worth nothing."""
    live.reshape(wanted, by)
    seq = live.state.seq
    if closes:
        live.close_epoch()
    append = live.append()
    assert append is not None
    live.lineage = (await store.append(append)).lineage
    live.committed()
    return seq
