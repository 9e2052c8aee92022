"""Opening a room: newest snapshot, then the tail of the log, applied as stored bytes.

A snapshot is a cache: the fold and every document as of one seq, under the fold's version. One that is missing, of
another version or damaged costs time and nothing else. Opening yields to other tasks between the log's pages.
"""

import logging
from collections.abc import Mapping

from ...protocol import shape
from ...protocol.errors import Refused
from ...protocol.events import EpochClosed, Record
from ...protocol.fold import fold
from ...protocol.replay import Worker
from ...protocol.state import RoomState
from ...protocol.update import decode_state_vector
from ...storage.errors import StoreCorrupt
from ...storage.store import Store
from .identity import Surroundings, server_id
from .kept import read_snapshot
from .live import Live
from .shaping import projected, take_shape

log = logging.getLogger("plait.room")

_TOGETHER = 32
"""Stored updates that recovery applies in one transaction: the bytes of the document are the same, at 1.4 µs an update
instead of 3.8; with hundreds it gets dearer again."""


async def open_live(
    name: str,
    store: Store,
    workers: Mapping[str, Worker],
    surroundings: Surroundings,
    *,
    epoch_above: int = 0,
) -> Live:
    """The room as its log says, under a new epoch (above `epoch_above` too); where its document is of an older shape,
    that is projected anew first. Raises StoreError, StoreCorrupt, OutcomeUnknown; Refused('no-such-room') if it was
    deleted."""
    live = await read_live(name, store, workers, surroundings, epoch_above=epoch_above)
    if live.state.seq and live.state.shape != shape.SHAPE:
        check_shape(name, live.state)
        await _reshape(live, store)
    return live


async def read_live(
    name: str,
    store: Store,
    workers: Mapping[str, Worker],
    surroundings: Surroundings,
    *,
    epoch_above: int = 0,
) -> Live:
    """As `open_live`, whatever shape its document has. Nothing is written."""
    head = await store.head(name)
    if head.deleted:
        raise Refused("no-such-room")
    client = server_id(name, surroundings.entropy)
    newest = await store.read(name, head.seq - 1, 1) if head.seq else []
    last = newest[0].event if newest else None
    if isinstance(last, EpochClosed):
        client = last.client
    live = Live(name, max(head.epoch, epoch_above) + 1, client, workers, surroundings)
    live.lineage = head.lineage
    await _recover(live, store)
    if live.state.seq < head.seq:
        raise StoreCorrupt(f"the log of room {name} ends at {live.state.seq}, its head says {head.seq}")
    if live.state.closed is not None and _clock(live) != live.state.closed.clocks.get("", 0):
        raise StoreCorrupt(f"room {name} was closed at another clock than its documents have")
    return live


def check_shape(name: str, state: RoomState) -> None:
    """Raises StoreCorrupt for a room whose document is of a newer shape than this code's."""
    if state.shape > shape.SHAPE:
        raise StoreCorrupt(
            f"room {name} has shape {state.shape} and this plait knows up to {shape.SHAPE}; upgrade plait to use it"
        )


async def _reshape(live: Live, store: Store) -> None:
    """The room's document was written under another shape: project it again, before anybody is in the room."""
    was = live.state.shape
    wanted = await projected(store, live.name, live.state.seq)
    try:
        await take_shape(live, store, wanted)
    finally:
        wanted.release()
    log.info("room %s: its document has shape %s now, and had %s", live.name, shape.SHAPE, was)


def _clock(live: Live) -> int:
    return decode_state_vector(live.room_document.doc.get_state()).get(live.client, 0)


async def _recover(live: Live, store: Store) -> None:
    kept = read_snapshot(await store.snapshot(live.name))
    if kept is not None:
        live.state = kept.state
        live.snapshot_seq = kept.state.seq
        for name, update in kept.documents.items():
            _load(live, name, update)
    while page := await store.read(live.name, live.state.seq):
        for first in range(0, len(page), _TOGETHER):
            with live.room_document.doc.transaction():
                for record in page[first : first + _TOGETHER]:
                    replay(live, record)
    live.forget_settled()
    for shared in live.shared.values():
        shared.loaded()


async def mend(live: Live, store: Store) -> None:
    """Read again from the log what an edit broke; call it when all drafts are committed. Raises StoreError."""
    for name in list(live.broken):
        fresh = live.new_shared(name)
        kept = read_snapshot(await store.snapshot(live.name))
        seq = 0
        if kept is not None:
            seq = kept.state.seq
            if name in kept.documents:
                fresh.load(kept.documents[name])
        while page := await store.read(live.name, seq):
            seq = page[-1].seq
            for record in page:
                if record.document == name and record.update:
                    fresh.load(record.update)
        fresh.loaded()
        live.shared[name].release()
        live.shared[name] = fresh
        live.broken.discard(name)


def replay(live: Live, record: Record) -> None:
    """Take in one stored record: its bytes, and then what it means."""
    if record.update:
        _load(live, record.document, record.update)
    fold(live.state, record)


def _load(live: Live, document: str, update: bytes) -> None:
    if not document:
        live.room_document.apply(update)
        return
    shared = live.shared.get(document)
    if shared is None:
        shared = live.shared[document] = live.new_shared(document)
    shared.load(update)
