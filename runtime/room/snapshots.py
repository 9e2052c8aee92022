"""Snapshots: a room as it stands, kept now and then so that opening it need not read its log from the first record.

One is kept every `SNAPSHOT_RECORDS` records, and when the room leaves memory if there is enough that is new. It is a
cache (`kept`): whoever cannot keep one says so in the log of the process and goes on.
"""

import logging

from ...protocol import limits
from ...protocol.errors import PlaitError
from ...protocol.state import VERSION
from ...storage.store import Snapshot, Store
from .kept import Kept, encode
from .live import Live

log = logging.getLogger("plait.room")

WORTH_ONE = 100
"""A sleeping room with fewer records since its last snapshot is read from its tail instead."""


async def keep_snapshot(live: Live, store: Store, at_least: int = limits.SNAPSHOT_RECORDS) -> None:
    """Keep one if so many records came since the last one; call it only when nothing is drafted. Never raises."""
    if live.state.seq - live.snapshot_seq < at_least:
        return
    live.snapshot_seq = live.state.seq
    try:
        await store.save_snapshot(live.name, take_snapshot(live))
    except PlaitError as error:
        log.warning("room %s kept no snapshot: %s", live.name, error)


def take_snapshot(live: Live) -> Snapshot:
    """The room as it stands; call it only when nothing is drafted."""
    documents = {"": live.room_document.doc.get_update()}
    documents |= {name: live.shared[name].doc.get_update() for name in live.state.documents}
    return Snapshot(live.state.seq, VERSION, encode(Kept(live.state, documents)))
