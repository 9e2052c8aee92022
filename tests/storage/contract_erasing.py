"""The contract of erasing one person: the same in every engine, all of it or nothing."""

import pytest
from msgspec import structs
from plait.protocol.events import (
    Attachment,
    ModelRequested,
    Record,
    RoomChanged,
    RunFinished,
    RunRequested,
    SubjectErased,
    TextStreamed,
)
from plait.storage import About, Append, Fenced, RoomDeleted, Snapshot, Store, StoreError, verify
from plait.storage.erasing import Erased, Spans, erasures, name_hash, plan

from .logs import TIME, name_of

WORDS = "what ann said"
RUN = "000000000001"


def _records(picture: str) -> tuple[Record, ...]:
    files = (Attachment(picture, "image/png", WORDS, 7),)
    return (
        Record(1, TIME, "ann", RUN, 1, RunRequested("assistant", WORDS, attachments=files), id="p#0", asked=b"a" * 32),
        Record(2, TIME + 1, "agent:assistant", RUN, 1, ModelRequested("generate.0", 1, "echo", b"h" * 32, (WORDS,))),
        Record(3, TIME + 2, "agent:assistant", RUN, 1, TextStreamed("generate.0", 1, 0, WORDS)),
        Record(4, TIME + 3, "agent:assistant", RUN, 1, RunFinished()),
        Record(5, TIME + 4, "ann", "", 1, RoomChanged(WORDS, {"note": WORDS})),
        Record(6, TIME + 5, "ben", "", 1, RoomChanged(metadata={"team": "blue"})),
    )


async def fill(store: Store, room: str = "r") -> None:
    """A room in which ann prompted with a picture and named it, and ben wrote something on it."""
    picture = await store.put_blob(b"picture", "image/png")
    about = About(WORDS, {"note": WORDS, "team": "blue"})
    await store.append(Append(room, 1, 0, _records(picture), about=about, blobs=(picture,)))
    await store.save_snapshot(room, Snapshot(6, 1, WORDS.encode()))


class ErasingContract:
    """Inherit it beside `StoreContract`, which brings the fixture.

    `named` are the records that the erasures of ann and then of ben name.
    """

    named: tuple[Spans, Spans] = (((1, 3), (5, 5)), ((1, 3), (5, 6)))

    async def erase(self, store: Store, subject: str = "ann", room: str = "r") -> bool:
        erasure = await plan(store, room, subject, by="root", now=TIME + 9, salt=b"salt")
        if erasure is None:
            return False
        await store.erase(erasure)
        return True

    async def test_what_is_left(self, store: Store) -> None:
        """ER7, ER12: no record, blob, snapshot, title or list holds what the person said; others' words stay."""
        await fill(store)
        before = await store.head("r")
        assert await self.erase(store)
        head, records = await store.head("r"), await store.read("r")
        assert (head.seq, head.epoch, head.time) == (7, 2, TIME + 9)
        assert head.lineage != before.lineage
        assert WORDS not in repr(records)
        assert records[5] == _records("")[5]
        assert await store.snapshot("r") is None
        assert await store.blob(name_of(b"picture")) is None
        assert await store.blobs_of("r") == []
        (listed,) = (await store.rooms()).rooms
        assert (listed.about.title, listed.about.metadata) == ("", {"note": "[erased]", "team": "blue"})
        assert (await store.rooms(query="ann")).rooms == ()
        assert await store.find("r", "p#0") == records[0]

    async def test_the_chain_stands(self, store: Store) -> None:
        """ER8: each hash is as it was; what was erased is named by a record that the chain covers."""
        await fill(store)
        was = await store.sealed("r")
        await self.erase(store)
        sealed = await store.sealed("r")
        assert [(one.seq, one.header, one.body_hash, one.hash) for one in sealed[:6]] == [
            (one.seq, one.header, one.body_hash, one.hash) for one in was
        ]
        (event,) = await erasures(store, "r")
        assert event == structs.replace(
            (await store.read("r"))[6].event, subject=name_hash(b"salt", "ann"), by="root", records=self.named[0]
        )
        erased = Erased(event)
        assert verify(sealed, erased=erased) is None
        broken = verify(sealed)
        assert broken is not None
        assert broken.seq == 1
        for one in sealed:
            if one.seq in erased:
                erased.take(one)
        assert erased.sound
        assert not Erased(event).sound

    async def test_a_second_person_and_again(self, store: Store) -> None:
        """ER8, ER10: the newest erasure names all that were erased; erasing the same again changes nothing."""
        await fill(store)
        assert await self.erase(store)
        head = await store.head("r")
        assert not await self.erase(store)
        assert not await self.erase(store, "nobody")
        assert await store.head("r") == head
        assert await self.erase(store, "ben")
        first, second = await erasures(store, "r")
        assert (first.records, second.records) == self.named
        erased = Erased(second)
        assert verify(await store.sealed("r"), erased=erased) is None
        for one in await store.sealed("r"):
            if one.seq in erased:
                erased.take(one)
        assert erased.sound

    async def test_a_file_that_others_refer_to(self, store: Store) -> None:
        """ER7: a blob that another room or another's record needs stays."""
        await fill(store)
        await fill(store, "s")
        await self.erase(store)
        assert await store.blobs_of("r") == []
        assert await store.blob(name_of(b"picture")) is not None
        again = structs.replace(_records(name_of(b"picture"))[0], seq=7, author="ben", run="000000000007", id="q#0")
        await store.append(Append("s", 1, 6, (again,), blobs=(name_of(b"picture"),)))
        await self.erase(store, room="s")
        assert await store.blobs_of("s") == [name_of(b"picture")]

    async def test_what_stands_on_an_old_head(self, store: Store) -> None:
        """ER10: an erasure that was planned on another head changes nothing."""
        await fill(store)
        planned = await plan(store, "r", "ann", by="root", now=TIME, salt=b"")
        assert planned is not None
        last = structs.replace(_records("")[5], seq=7)
        await store.append(Append("r", 1, 6, (last,)))
        before = await store.sealed("r")
        with pytest.raises(Fenced):
            await store.erase(planned)
        assert await store.sealed("r") == before
        with pytest.raises(StoreError):
            await store.erase(structs.replace(planned, append=structs.replace(planned.append, room="x")))
        await store.delete("r")
        with pytest.raises(RoomDeleted):
            await store.erase(planned)

    async def test_the_room_goes_on(self, store: Store) -> None:
        """ER10: the next append stands on the erasure's record, under its epoch or a later one."""
        await fill(store)
        await self.erase(store)
        head = await store.head("r")
        with pytest.raises(Fenced):
            await store.append(Append("r", 1, 7, (structs.replace(_records("")[5], seq=8),)))
        await store.append(Append("r", 3, 7, (structs.replace(_records("")[5], seq=8, epoch=3),)))
        now = await store.head("r")
        assert (now.seq, now.lineage) == (8, head.lineage)
        assert isinstance((await store.read("r"))[6].event, SubjectErased)
