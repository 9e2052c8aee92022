"""How large a shared document may become, and how many a room may have."""

import pytest
from plait.protocol import limits
from plait.storage.memory import MemoryStore
from pycrdt import Text

from .scene import FakeTab, rooms, watching


async def test_a_full_document_takes_no_more_and_can_be_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """ET12: beyond DOCUMENT_BYTES what is inserted is refused and changes nothing; what is deleted makes room again."""
    monkeypatch.setattr(limits, "DOCUMENT_BYTES", 1000)
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room, "notes")
        room.edit(tab, tab.type("x" * 975), step2=False)
        await tab.until("accepted")
        other = await watching(room, "notes")
        for _ in range(3):
            room.edit(other, other.type("y" * 100), step2=False)
            assert await other.until("denied") == ("denied", "too-large")
            other = await watching(room, "notes")
        assert (await store.head("r")).seq == 1
        assert other.text == "x" * 975

        before = tab.doc.get_state()
        del tab.doc.get("content", type=Text)[0:900]
        room.edit(tab, tab.doc.get_update(before), step2=False)
        await tab.until("accepted", 2)
        room.edit(other, other.type("y" * 100), step2=False)
        await other.until("accepted")
        assert other.text == "y" * 100 + "x" * 75


async def test_what_is_typed_in_one_pass_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """ET12: edits that wait to be applied together count when the document's size is looked up."""
    monkeypatch.setattr(limits, "DOCUMENT_BYTES", 1000)
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room, "notes")
        for _ in range(30):
            room.edit(tab, tab.type("x" * 100), step2=False)
        await tab.until("denied", 22)
        assert [said[0] for said in tab.said if said[0] in ("accepted", "denied")].count("accepted") == 8
        assert len(await room.document("notes")) <= 1000


async def test_overwritten_text_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """ET12: a document whose text is replaced again and again is as large as what it says."""
    monkeypatch.setattr(limits, "DOCUMENT_BYTES", 1000)
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room, "notes")
        for n in range(1, 30):
            before = tab.doc.get_state()
            text = tab.doc.get("content", type=Text)
            text.clear()
            text.insert(0, "z" * 100)
            room.edit(tab, tab.doc.get_update(before), step2=False)
            await tab.until("accepted", n)


async def test_a_room_may_have_so_many_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """ET13: who opens one document too many is closed with a reason; the others go on, and what was only looked at
    makes room again."""
    monkeypatch.setattr(limits, "DOCUMENTS_PER_ROOM", 3)
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        tabs = [await watching(room, f"notes-{n}") for n in range(3)]
        one_more = FakeTab("notes-3")
        room.join(one_more)
        assert await one_more.until("close") == ("close", 1013)
        room.leave(one_more)
        room.edit(tabs[0], tabs[0].type("on"), step2=False)
        await tabs[0].until("accepted")
        room.leave(tabs[2])
        again = await watching(room, "notes-3")
        assert again.text == ""
