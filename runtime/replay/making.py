"""Making a room of records that were written elsewhere: nobody sees it before the last ones are on disk.

The records go in by the store's own door, a page at a time, so an encrypted store seals them with keys of its own, and
other rooms' commits come in between. What a crash leaves of the room is removed when the store is next opened.
"""

from collections.abc import AsyncIterable

import trio

from ...protocol.events import Record
from ...storage.errors import Fenced
from ...storage.store import Append, Making, Store

Page = tuple[list[Record], tuple[str, ...]]
"""Records, and the files that they refer to."""


async def make(store: Store, last: Append, pages: AsyncIterable[Page], of: str = "") -> None:
    """Make the room that `last` names: the pages' records, then `last`. `of` is the room that it is a fork of.

    Raises Fenced if there is such a room or it is being made, whatever `pages` raises, StoreError, OutcomeUnknown; and
    then there is no such room that was not there before.
    """
    after, ours = 0, True
    try:
        async for records, blobs in pages:
            try:
                await store.make(Making(Append(last.room, records[-1].epoch, after, tuple(records), blobs=blobs), of))
            except Fenced:
                ours = after > 0
                raise
            after = records[-1].seq
        await store.make(Making(last, of, last=True))
    except BaseException:  # Also what was cancelled amid its first page, which may be on disk.
        if ours:
            with trio.CancelScope(shield=True):
                await store.unmake(last.room)
        raise
