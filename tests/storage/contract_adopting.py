"""The contract of adopting a log that was sealed elsewhere: the same in every engine, all of it or nothing."""

from collections.abc import Sequence
from typing import Self

import pytest
from msgspec.structs import replace
from plait.protocol.events import Attachment, Record, RoomChanged, RoomImported, RunRequested
from plait.storage import (
    About,
    Append,
    Conflict,
    Fenced,
    MemoryStore,
    NoSuchBlob,
    RoomDeleted,
    RoomTaken,
    Sealed,
    Store,
    StoreError,
    verify,
)

from .logs import TIME, name_of

PICTURE = name_of(b"picture")
FILES = (Attachment(PICTURE, "image/png", "map", 7),)


class Pages:
    """Pages as they come, and then perhaps an error."""

    def __init__(self, pages: Sequence[Sequence[Sealed]], error: Exception | None = None) -> None:
        self._pages = iter(pages)
        self._error = error

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Sealed]:
        for page in self._pages:
            return page
        raise self._error or StopAsyncIteration


async def log(count: int = 7) -> list[Sealed]:
    """A log that was written elsewhere."""
    elsewhere = MemoryStore()
    await elsewhere.put_blob(b"picture", "image/png")
    first = Record(
        1, TIME, "ann", "000000000001", 1, RunRequested("a", "Go", attachments=FILES), id="p#0", asked=b"a" * 32
    )
    more = [
        Record(n, TIME + n, "ben", "", 1, RoomChanged(f"t{n}"), id=f"c{n}#0", grant="g") for n in range(2, count + 1)
    ]
    await elsewhere.append(Append("far", 1, 0, (first, *more), blobs=(PICTURE,)))
    return await elsewhere.sealed("far")


def behind(sealed: Sequence[Sealed], room: str = "r", **changed: object) -> Append:
    last = len(sealed)
    event = RoomImported("far", "lineage", sealed[-1].hash)
    record = Record(last + 1, TIME + 99, "eve", "", 2, event, id="import")
    return replace(Append(room, 2, last, (record,), 1, about=About("Far"), blobs=(PICTURE,)), **changed)


class AdoptingContract:
    """Inherit it beside `StoreContract`, which brings the fixture."""

    async def nothing(self, store: Store, room: str = "r") -> None:
        """Nothing of it is there, and the name is free."""
        assert await store.room_names() == []
        assert (await store.head(room)).seq == 0
        assert await store.read(room) == []
        assert await store.unfinished() == []

    async def test_a_log_is_adopted(self, store: Store) -> None:
        """BU2: the seals are as they were, the room is found by all that finds rooms, and goes on."""
        sealed = await log()
        await store.put_blob(b"picture", "image/png")
        head = await store.adopt(behind(sealed), Pages([sealed[:3], sealed[3:4], sealed[4:]]))
        kept = await store.sealed("r")
        assert kept[:-1] == sealed
        assert verify(kept) is None
        assert head == await store.head("r")
        assert (head.seq, head.epoch, head.hash, head.open_runs) == (8, 2, kept[-1].hash, 1)
        assert len(head.lineage) == 32
        assert await store.unfinished() == ["r"]
        (listed,) = (await store.rooms(query="far")).rooms
        assert (listed.head, listed.about.title, listed.activity % 1_000_000) == (head, "Far", 0)
        assert await store.blobs_of("r") == [PICTURE]
        found = await store.find("r", "c3#0")
        assert found is not None
        assert (found.seq, found.author, found.grant) == (3, "ben", "g")
        again = Record(9, TIME + 100, "ben", "", 2, RoomChanged("Near"), id="c9#0")
        assert (await store.append(Append("r", 2, 8, (again,)))).seq == 9
        assert verify(await store.sealed("r")) is None

    async def test_all_or_nothing(self, store: Store) -> None:
        """BU2: if the pages end in an error, do not reach far enough, lack a file or hold an id twice."""
        sealed = await log()
        whole = [sealed[:3], sealed[3:]]
        with pytest.raises(NoSuchBlob):
            await store.adopt(behind(sealed), Pages(whole))
        await self.nothing(store)
        await store.put_blob(b"picture", "image/png")
        with pytest.raises(OSError, match="gone"):
            await store.adopt(behind(sealed), Pages(whole, OSError("gone")))
        await self.nothing(store)
        for pages, append, error in (
            ([sealed[:3]], behind(sealed), Fenced),
            ([sealed[:3], sealed[4:]], behind(sealed), StoreError),
            (whole, behind(sealed, epoch=0), Fenced),
            ([sealed[:3], [replace(sealed[1], seq=4, header=sealed[1].header)]], behind(sealed), StoreError),
            (whole, replace(behind(sealed), records=(replace(behind(sealed).records[0], id="c3#0"),)), Conflict),
        ):
            with pytest.raises(error):
                await store.adopt(append, Pages(pages))
            await self.nothing(store)
        with pytest.raises(ValueError, match="has records"):
            await store.adopt(behind(sealed), Pages([]))
        assert (await store.adopt(behind(sealed), Pages(whole))).seq == 8

    async def test_a_name_that_is_taken(self, store: Store) -> None:
        """BU4: what is there stays, whole or deleted."""
        sealed = await log()
        await store.put_blob(b"picture", "image/png")
        await store.append(Append("r", 1, 0, (Record(1, TIME, "ann", "", 1, RoomChanged("Mine"), id="mine"),)))
        with pytest.raises(RoomTaken, match="'r'"):
            await store.adopt(behind(sealed), Pages([sealed]))
        assert (await store.head("r")).seq == 1
        await store.delete("r")
        with pytest.raises(RoomDeleted):
            await store.adopt(behind(sealed), Pages([sealed]))
        assert await store.room_names() == []
        assert (await store.adopt(behind(sealed, "other"), Pages([sealed]))).seq == 8
