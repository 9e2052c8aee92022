"""Rooms whose document was written under an older shape, opened by code of a later one."""

from typing import Any

import pytest
from msgspec import structs
from plait.protocol import shape
from plait.protocol.errors import Refused
from plait.protocol.events import Record, RoomShaped
from plait.protocol.reshaping import plain, said
from plait.runtime import Agent, Runtime
from plait.runtime.replay.deep import deep
from plait.runtime.replay.moment import Moment, moment
from plait.runtime.replay.reprojection import Reprojection, compare, reproject
from plait.runtime.room.opening import open_live
from plait.storage import Append, Reader, StoreCorrupt
from plait.storage.memory import MemoryStore

from ...golden.test_golden import LOGS, load
from ..room.scene import surroundings
from .shapes import later
from .test_moment import lived

NAMED = "The office"


async def old_room(store: MemoryStore) -> None:
    """A room with runs, a shared document, a draft, and a title."""
    await lived(store)
    async with Runtime(store, [Agent("echo", model="echo", title=False)]) as runtime:
        room = runtime.room("r")
        await room.by("ann").change(title=NAMED)
        await room.by("bob").propose("main", title="shorter", id="draft")


async def shown(store: Reader, room: str = "r") -> dict[str, Any]:
    found = await moment(store, room, (await store.head(room)).seq)
    return plain(found.document())


def shapings(records: list[Record]) -> list[RoomShaped]:
    return [record.event for record in records if isinstance(record.event, RoomShaped)]


BEFORE_VERSIONS = {
    "format-1": ["/room", "/runs/000000000038/parts/0"],
    "format-1-decisions": ["/room", *(f"/runs/000000000003/parts/{part}/digest" for part in (2, 3, 4))],
}
"""What the oldest logs lack, which were written when a shape had no version yet: all of it came to be said since."""


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
async def test_whoever_changes_the_projection_says_so(path: Any) -> None:
    """SH1: today's code shows each log as it was shown when that was written. If this fails and it should, `SHAPE`
    rises, and such a room is projected anew when it is opened. SH8: whoever asks has it now."""
    store = MemoryStore()
    for record in load(path):
        await store.append(Append("r", record.epoch, record.seq - 1, (record,)))
    found = await compare(store, "r")
    assert [place.path for place in found.differences] == BEFORE_VERSIONS.get(path.stem, [])
    assert found.shape == shape.SHAPE
    assert (await reproject(store, "r", by="root", surroundings=surroundings())).done == found.due
    assert await deep(store, "r", (await store.head("r")).seq) is None


async def test_a_room_is_opened_by_later_code() -> None:
    """SH2, SH4: its document is projected anew before anybody is in it; what was written stays, hash by hash, and of
    the document what is shown as before."""
    store = MemoryStore()
    await old_room(store)
    head, before, was = await store.head("r"), await store.sealed("r"), await shown(store)
    notes = (await moment(store, "r", head.seq)).document("main").get_update()
    with later():
        async with Runtime(store, [Agent("echo", model="echo", title=False)]) as runtime:
            room = runtime.room("r")
            run = await room.by("ann").prompt("again")
            await room.wait(run)
        now = await store.head("r")
        records = await store.read("r")
        (event,) = shapings(records)
        assert now.lineage != head.lineage
        assert (event.shape, event.lineage, event.by) == (2, head.lineage, "")
        assert (await store.sealed("r"))[: head.seq] == before
        assert await deep(store, "r", now.seq) is None
        then = await moment(store, "r", head.seq + 1)
        assert (said(Moment().document()), event.before) != (event.before, event.after)
        assert event.after == said(then.document())
        assert then.document("main").get_update() == notes
        is_now = plain(then.document())
        assert is_now["room"] == was["room"] | {"shape": 2, "later": f"later: {NAMED}"}
        for key, old in was["runs"].items():
            assert is_now["runs"][key] == {"asked": old.pop("prompt"), **old}
        assert (await shown(store))["runs"][run]["asked"] == "again"
        assert len((await store.read("r"))[head.seq].update) < 1_000


async def test_it_is_done_once() -> None:
    """SH5: the same room opened again, also by the process that did it, begins no other lineage."""
    store = MemoryStore()
    await old_room(store)
    with later():
        for _ in range(2):
            (await open_live("r", store, {}, surroundings())).release()
        assert len(shapings(await store.read("r"))) == 1
        assert not (await reproject(store, "r", by="root")).due
    with later(3):
        (await open_live("r", store, {}, surroundings())).release()
        events = shapings(await store.read("r"))
        assert [event.shape for event in events] == [2, 3]
        assert len({event.lineage for event in events}) == 2


async def test_code_that_is_too_old() -> None:
    """SH3: a room of a later shape is neither served nor projected by code that does not know it."""
    store = MemoryStore()
    await old_room(store)
    with later():
        (await open_live("r", store, {}, surroundings())).release()
    head = await store.head("r")
    for ask in (open_live("r", store, {}, surroundings()), compare(store, "r"), reproject(store, "r", by="root")):
        with pytest.raises(StoreCorrupt, match="has shape 2 and this plait knows up to 1"):
            await ask
    assert await store.head("r") == head


async def test_what_would_change() -> None:
    """SH7: each place as a JSON Pointer with what it says before and after, and nothing is changed; a room that would
    be shown as it is is left alone."""
    store = MemoryStore()
    await old_room(store)
    head = await store.head("r")
    ticks: list[int] = []
    assert await compare(store, "r", ticks.append) == Reprojection("r", head.seq, 1, 1, [])
    assert sum(ticks) == head.seq
    with later():
        found = await compare(store, "r")
        places = {place.path: (place.before, place.after) for place in found.differences}
        assert places["/room/later"][1] == f"later: {NAMED}"
        assert places["/runs/000000000001/prompt"][0] == places["/runs/000000000001/asked"][1] == "Note one"
        assert (found.due, found.more, found.shape, found.today) == (True, 0, 1, 2)
        assert await store.head("r") == head
        done = await reproject(store, "r", by="root", surroundings=surroundings())
        assert (done.done, done.seq, done.differences) == (True, head.seq + 1, found.differences)
        (event,) = shapings(await store.read("r"))
        assert event.by == "root"
        assert not (await compare(store, "r")).due
    with pytest.raises(Refused, match="There is no room"):
        await compare(store, "nobody")


async def test_a_document_that_was_shown_wrong() -> None:
    """SH7, SH14: under the same shape, what another day's code wrote is made what today's code makes of the log; the
    deep check names it before, and passes afterwards."""
    store = MemoryStore()
    with later(1):
        await old_room(store)
    head = await store.head("r")
    fault = await deep(store, "r", head.seq)
    assert fault is not None
    assert (fault.seq, fault.kind) == (1, "shape")
    assert (await compare(store, "r")).due
    (await open_live("r", store, {}, surroundings())).release()
    assert await store.head("r") == head
    assert (await reproject(store, "r", by="root", surroundings=surroundings())).done
    assert await deep(store, "r", (await store.head("r")).seq) is None
    assert "asked" not in (await shown(store))["runs"]["000000000001"]


async def test_a_false_record_of_it() -> None:
    """SH14: what the record says of the document right before and after is held against it."""
    store = MemoryStore()
    await old_room(store)
    with later():
        (await open_live("r", store, {}, surroundings())).release()
        records = await store.read("r")
        for change in ({"before": b"?" * 32}, {"after": b"?" * 32}, {"clock": 1 << 40}):
            other = MemoryStore()
            for record in records:
                if isinstance(record.event, RoomShaped):
                    record = structs.replace(record, event=structs.replace(record.event, **change))
                await other.append(Append("r", record.epoch, record.seq - 1, (record,)))
            fault = await deep(other, "r", len(records))
            assert fault is not None
            assert (fault.seq, fault.kind) == (len(records), "kept")


async def test_a_past_moment() -> None:
    """SH15: before it the document is as it was shown then."""
    store = MemoryStore()
    await old_room(store)
    head, was = await store.head("r"), await shown(store)
    with later():
        (await open_live("r", store, {}, surroundings())).release()
        assert plain((await moment(store, "r", head.seq)).document()) == was


async def test_a_new_room() -> None:
    """SH10: it says its shape in its first commit, behind what it begins with, and keeps its lineage."""
    store = MemoryStore()
    with later():
        async with Runtime(store, [Agent("echo", model="echo", title=False)]) as runtime:
            room = runtime.room("r")
            run = await room.by("ann").prompt("first")
            lineage = (await store.head("r")).lineage
            await room.wait(run)
        records = await store.read("r")
        assert run == "000000000001"
        assert shapings(records[:5]) == shapings(records) != []
        assert (await store.head("r")).lineage == lineage
        assert not (await compare(store, "r")).due
        assert await deep(store, "r", len(records)) is None
        (await open_live("r", store, {}, surroundings())).release()
        assert len(shapings(await store.read("r"))) == 1
