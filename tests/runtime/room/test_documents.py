"""Shared documents in a room: edits whole or not at all, ids with owners, lineage."""

from typing import Any

from plait.protocol import limits
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Prompt
from plait.protocol.events import DocumentEdited
from plait.protocol.update import decode_state_vector, encode_state_vector, read
from plait.runtime.room.identity import server_tag
from plait.runtime.room.live import Live
from plait.runtime.room.reports import Write
from plait.storage.faults import FaultyStore
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Map, Text

from .scene import FakeTab, Idle, rooms, surroundings, watching


def written(client: int, *texts: str) -> list[bytes]:
    """Updates of one client that types these one after the other at the front."""
    doc: Doc[Any] = Doc(client_id=client)
    updates: list[bytes] = []
    text = doc.get("content", type=Text)
    for piece in texts:
        before = doc.get_state()
        text.insert(0, piece)
        updates.append(doc.get_update(before))
    return updates


async def test_an_edit_is_one_record_with_the_exact_update() -> None:
    """RM20: logged as it came, pushed to all, and an edit that changes nothing is only echoed."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        writer, reader = [await watching(room, "notes") for _ in range(2)]
        update = writer.type("héllo 🙂")
        room.edit(writer, update, step2=False)
        assert await writer.until("accepted") == ("accepted", update, False)
        room.edit(writer, update, step2=False)
        assert await writer.until("accepted", 2) == ("accepted", update, True)
        records = await store.read("r")
        assert [(record.document, record.update, record.author) for record in records] == [
            ("notes", update, "anonymous")
        ]
        assert reader.text == "héllo 🙂"


async def test_what_one_tab_types_in_one_pass_is_one_record() -> None:
    """RM29: with another tab's edit between, or beyond the limit, there are more; each edit has its own answer."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        ann, ben = [await watching(room, "notes", client=client) for client in (7, 8)]
        typed = [ann.type("one "), ann.type("two "), ann.type("three ")]
        for update in typed:
            room.edit(ann, update, step2=False)
        room.edit(ann, b"rubbish", step2=False)
        room.edit(ben, ben.type("ben "), step2=False)
        room.edit(ann, ann.type("four "), step2=False)
        await ann.until("accepted", 4)
        assert [said[1:] for said in ann.said if said[0] == "accepted"][:3] == [(update, True) for update in typed]
        assert ("denied", "bad-update") in ann.said
        records = await store.read("r")
        assert len(records) == 3
        assert records[0].update not in typed
        assert {*ben.text.split(" ")} == {*ann.text.split(" ")} == {"one", "two", "three", "ben", "four", ""}
        for update in [ann.type("x" * (limits.JOINED_EDITS_BYTES // 2)) for _ in range(3)]:
            room.edit(ann, update, step2=False)
        await ann.until("accepted", 7)
        assert (await store.head("r")).seq == 6


async def test_what_many_type_in_one_pass() -> None:
    """RM43: beside each other and amid each other's text; each is a record of the bytes that came."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tabs = [await watching(room, "notes", client=client) for client in (7, 8, 9)]
        room.edit(tabs[0], tabs[0].type("here"), step2=False)
        for tab in tabs:
            await tab.until("delta")
        store.hold()
        room.edit(tabs[0], tabs[0].type("!", at=4), step2=False)
        await store.wait_held()
        sent = [tab.type(text, at=2) for text, tab in zip(("a", "b", "c"), tabs, strict=True)]
        sent += [tabs[1].erase(0, 1), tabs[2].type("d", at=3)]
        for tab, update in zip((*tabs, tabs[1], tabs[2]), sent, strict=True):
            room.edit(tab, update, step2=False)
        store.release()
        for tab in tabs:
            await tab.until("accepted", 2)
        assert [record.update for record in (await store.read("r"))[2:]] == sent
        assert {tab.text for tab in tabs} == {(await watching(room, "notes")).text}
        assert (len(tabs[0].text), room.commits) == (8, 3)


async def test_what_loses_a_key_in_one_pass() -> None:
    """RM43: two tabs set a key again that was deleted, so the one's struct deletes the other's: both come again."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tabs = [await watching(room, "notes", client=client) for client in (7, 8)]
        first = [tabs[0].change(lambda doc: doc.get("map", type=Map).update({"k": 0}))]
        first.append(tabs[0].change(lambda doc: doc.get("map", type=Map).pop("k")))
        for update in first:
            room.edit(tabs[0], update, step2=False)
        for tab in tabs:
            await tab.until("delta")
        store.hold()
        room.edit(tabs[0], tabs[0].type("!"), step2=False)
        await store.wait_held()
        for number, tab in enumerate(tabs):
            update = tab.change(lambda doc, n=number: doc.get("map", type=Map).update({"k": n}))
            room.edit(tab, update, step2=False)
        store.release()
        for tab in tabs:
            step1 = await tab.until("step1", 2)
            assert ("denied", "outcome-unknown") in tab.said
            room.edit(tab, tab.doc.get_update(step1[1]), step2=True)
        for tab in tabs:
            await tab.until("accepted")
        fresh = await watching(room, "notes")
        assert {str(tab.doc.get("map", type=Map)) for tab in (*tabs, fresh)} == {str(fresh.doc.get("map", type=Map))}
        records = await store.read("r")
        assert (records[-1].update.endswith(b"\0"), room.reopened) == (False, 0)  # It says what it deleted.


async def test_what_is_typed_and_erased_in_one_pass_is_in_the_log() -> None:
    """RM29: one transaction that wrote and deleted it would hold neither its letters nor when they went."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        ann = await watching(room, "notes", client=7)
        typed = [ann.type("slip "), ann.type("typed "), ann.erase(0, 4), ann.erase(0, 2), ann.type("x")]
        for update in typed:
            room.edit(ann, update, step2=False)
        await ann.until("accepted", 5)
        first, second = await store.read("r")
        assert first.update is not None
        assert second.update is not None
        assert b"typed " in first.update
        assert b"slip " in first.update
        assert read(second.update).deleted
        assert ann.text == "xslip "


async def test_edits_are_answered_in_their_order() -> None:
    """RM29, RM28: a record of one edit is its own echo, but not when that would come before an earlier edit's."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        ann, ben = [await watching(room, "notes", client=client) for client in (7, 8)]
        typed = [ann.type("one "), ann.type("two "), ann.erase(0, 4)]
        for update in typed:
            room.edit(ann, update, step2=False)
        room.edit(ben, ben.type("ben "), step2=False)
        typed.append(ann.type("three "))
        room.edit(ann, typed[-1], step2=False)
        await ann.until("accepted", 4)
        assert [said[1:] for said in ann.said if said[0] == "accepted"] == [(update, True) for update in typed]
        assert [said[2] for said in ben.said if said[0] == "accepted"] == [False]
        assert (await store.head("r")).seq == 4


def test_an_agents_cursor_is_not_where_somebody_types() -> None:
    """SD5: a look, or an edit that changes nothing, in the pass in which a tab types, says nothing of where it was."""
    live = Live("r", 1, 99, {}, surroundings())
    (update,) = written(7, "typed")
    live.edit("ann", "notes", update, object())
    look = Write("agent:assistant", "notes", lambda doc: None, lambda outcome: None, looks=True)
    look.speculate(live, Idle().agent_for)
    assert [(draft.author, draft.update) for draft in live.drafts] == [("ann", update)]
    assert look.happened
    assert look.end is None
    write = Write("agent:assistant", "notes", lambda doc: doc.get("content", type=Text).insert(0, "a"), print)
    write.speculate(live, Idle().agent_for)
    assert write.end == (99, 0)


async def test_a_structs_dropped_edit_stands_alone() -> None:
    """RM29, RM22: amid what one tab types, what it relays of another author is left out, and it is told so once."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        ada = await watching(room, "notes", author="ada", client=7)
        guest = await watching(room, "notes", author="guest", client=8)
        one, two = written(7, "one ", "two ")
        room.edit(ada, one, step2=False)
        await ada.until("accepted")
        mine = written(8, "a", "b", "c")
        both = Doc(client_id=9)
        for update in (one, two, *mine[:2]):
            both.apply_update(update)
        for update in (mine[0], both.get_update(), mine[2], two):
            room.edit(guest, update, step2=False)
        await guest.until("accepted", 3)
        assert [said[1] for said in guest.said if said[0] == "denied"] == ["update-foreign"] * 2
        assert [record.author for record in await store.read("r")] == ["ada", "guest", "guest", "guest"]
        assert ada.text == guest.text
        assert "two" not in ada.text


async def test_what_does_not_fit_is_neither_applied_nor_logged() -> None:
    """RM21: the second edit without the first is denied, our step 1 asks for the whole, and the whole is taken."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room, "notes")
        tab.type("first ")
        room.edit(tab, tab.type("second "), step2=False)
        assert await tab.until("denied") == ("denied", "update-incomplete")
        assert (await store.head("r")).seq == 0
        step1 = await tab.until("step1", 2)
        room.edit(tab, tab.doc.get_update(step1[1]), step2=True)
        await tab.until("accepted")
        fresh = await watching(room, "notes")
        assert fresh.text == "second first "


async def test_rubbish_is_refused() -> None:
    """RM20: bytes that are no update are denied with their code and change nothing."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room, "notes")
        for rubbish in (b"", b"\xff" * 9, b"\x01\x01\x05"):
            room.edit(tab, rubbish, step2=False)
        await tab.until("denied", 3)
        assert {said for said in tab.said if said[0] == "denied"} == {("denied", "bad-update")}
        assert (await store.head("r")).seq == 0


async def test_ids_have_owners() -> None:
    """RM22, RM23: a guest who writes under ada's id is refused; what he relays for her is asked for again."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        ada = await watching(room, "notes", author="ada", client=7)
        guest = await watching(room, "notes", author="guest", client=8)
        one, two, three = written(7, "one ", "two ", "three ")
        room.edit(ada, one, step2=False)
        await ada.until("accepted")
        room.edit(guest, two, step2=False)
        assert await guest.until("denied") == ("denied", "update-foreign")
        assert (await store.head("r")).seq == 1
        mine, both = written(8, "mine ")[0], Doc(client_id=9)
        for update in (one, two, mine):
            both.apply_update(update)
        room.edit(guest, both.get_update(), step2=True)
        await guest.until("accepted")
        records = await store.read("r")
        assert [(record.seq, record.author) for record in records] == [(1, "ada"), (2, "guest")]
        assert "two" not in ada.text
        steps = sum(said[0] == "step1" for said in guest.said)
        room.edit(ada, two, step2=False)
        await guest.until("step1", steps + 1)
        room.edit(ada, three, step2=False)
        await ada.until("accepted", 3)
        assert isinstance(records[0].event, DocumentEdited)


async def test_nobody_writes_under_a_server_id() -> None:
    """RM22: the room's own ids are the room's."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        forger = await watching(room, "notes")
        room.edit(forger, written(server_tag("r") << 32 | 5, "forged")[0], step2=False)
        assert await forger.until("denied") == ("denied", "update-foreign")
        assert (await store.head("r")).seq == 0


async def test_the_room_document_is_read_only() -> None:
    """RM24: told once, never closed, never applied; an in-sync step 2 is nothing new."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room)
        room.edit(tab, b"\x00\x00", step2=True)
        await tab.until("accepted")
        for _ in range(3):
            room.edit(tab, tab.type("mine"), step2=False)
        await tab.until("denied", 3)
        assert [said[1] for said in tab.said if said[0] == "denied"] == ["permission-denied", "", ""]
        assert (await store.head("r")).seq == 0


async def test_another_lineage_is_told_to_reload() -> None:
    """RM25: a tab that holds structs of this room's server which the room never had."""
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        tab = FakeTab("notes", client=server_tag("r") << 32 | 77)
        tab.type("from another history")
        room.join(tab)
        room.step1(tab, tab.doc.get_state())
        assert await tab.until("close") == ("close", 4409)
        other = FakeTab("notes", client=(server_tag("r") ^ 1) << 32 | 77)
        other.type("a client's id")
        room.join(other)
        room.step1(other, other.doc.get_state())
        await other.until("step2")


async def test_a_tab_that_comes_again_has_no_other_lineage() -> None:
    """RM25: what the room's server wrote it may well know, up to the clock that we have and not beyond."""
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room)
        await room.ask(ANONYMOUS, Prompt(id="c1", text="hi"))
        await tab.until("delta")
        state = tab.doc.get_state()
        ((client, clock),) = decode_state_vector(state).items()
        assert client >> 32 == server_tag("r")
        room.step1(tab, state)
        await tab.until("step2", 2)
        room.step1(tab, encode_state_vector({client: clock + 1}))
        assert await tab.until("close") == ("close", 4409)


async def test_watching_leaves_no_trace() -> None:
    """RM26: documents that were only looked at do not count towards the room's limit."""
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        for n in range(300):
            tab = await watching(room, f"draft-{n}")
            room.leave(tab)
        await watching(room, "one-more")


async def test_an_edit_at_which_the_crdt_panics() -> None:
    """RM27: a struct whose parent is a letter; who wrote it is out, the others' edits of the same pass are taken."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        ada = await watching(room, "notes", client=1)
        bob = await watching(room, "notes", client=3)
        room.edit(ada, ada.type("abc"), step2=False)
        await bob.until("delta")
        room.edit(bob, bob.type("bob "), step2=False)
        room.edit(ada, bytes.fromhex("0101020024000100016b015800"), step2=False)
        room.edit(bob, bob.type("again "), step2=False)
        assert await ada.until("close") == ("close", 4400)
        step1 = await bob.until("step1", 2)
        room.edit(bob, bob.doc.get_update(step1[1]), step2=True)
        await bob.until("accepted", 2)
        fresh = await watching(room, "notes")
        assert fresh.text == bob.text == "again bob abc"
        assert room.reopened == 0
