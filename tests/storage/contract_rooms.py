"""The contract of the list of rooms, and of deleting one."""

import pytest
import trio
from plait.storage import About, Append, Fenced, Head, Making, Revocation, RoomDeleted, Snapshot, Store, StoreError

from .logs import TIME, append, name_of, record
from .reading import listed

SECOND = 1_000_000


class RoomsContract:
    """Inherit it beside `StoreContract`, which brings the fixture."""

    async def test_activity_is_what_others_did(self, store: Store) -> None:
        """ST41: activity is the second of the last record that is not the house's; a room of the house's alone begins
        with its first."""
        others = record(1, second=3, author="ann"), record(2, second=9, author="plait")
        await store.append(append("r", 0, *others))
        await store.append(append("r", 2, record(3, second=20, author="plait")))
        await store.append(append("house", 0, record(1, second=5, author="plait")))
        await store.append(append("house", 1, record(2, second=30, author="plait")))
        listing = await store.rooms()
        assert [(one.head.room, one.activity) for one in listing.rooms] == [
            ("house", TIME + 5 * SECOND),
            ("r", TIME + 3 * SECOND),
        ]
        assert listing.rooms[1].head == await store.head("r")
        await store.append(append("r", 3, record(4, second=5)))
        assert listed(await store.rooms()) == ["r", "house"]  # Of one second, from the last name to the first.

    async def test_revocations(self, store: Store) -> None:
        """ST55: of two revocations of one thing the later one stays; they are listed by kind and value."""
        assert await store.revocations() == []
        later = Revocation("subject", "ann", 9)
        for one in (Revocation("subject", "eve", 5), Revocation("room", "r", 1), Revocation("subject", "ann", 2)):
            await store.revoke(one)
        await store.revoke(Revocation("subject", "eve", 3))
        await store.revoke(later)
        assert await store.revocations() == [Revocation("room", "r", 1), later, Revocation("subject", "eve", 5)]
        with pytest.raises(ValueError, match="64 bits"):
            await store.revoke(Revocation("subject", "eve", 1 << 63))
        assert len(await store.revocations()) == 3

    async def test_what_the_list_shows(self, store: Store) -> None:
        """ST41: an append that says nothing about its room leaves the list as it was; one that does changes all."""
        await store.append(append("r", 0))
        assert (await store.rooms()).rooms[0].about == About()
        about = About("Fünf", {"a": "1"}, 3)
        await store.append(append("r", 1, about=about))
        await store.append(append("r", 2))
        assert (await store.rooms()).rooms[0].about == about
        assert listed(await store.rooms(query="FÜNF")) == ["r"]
        await store.append(append("r", 3, about=About("Six")))
        assert (await store.rooms()).rooms[0].about == About("Six")
        assert listed(await store.rooms(query="fünf")) == []
        assert listed(await store.rooms(metadata={"a": None})) == ["r"]

    async def test_a_refused_append_says_nothing(self, store: Store) -> None:
        """ST41: what a refused append says about its room is not taken in."""
        await store.append(append("r", 0, about=About("One")))
        with pytest.raises(StoreError):
            await store.append(append("r", 5, record(6, second=9), about=About("Two")))
        await store.append(append("r", 1))
        (one,) = (await store.rooms()).rooms
        assert (one.about.title, one.activity) == ("One", TIME)

    async def test_pages_while_rooms_move(self, store: Store) -> None:
        """ST38: what becomes active between two pages moves to the front; what stayed is neither repeated nor left
        out."""
        for number in range(6):
            await store.append(append(f"r{number}", 0, record(1, second=number)))
        first = await store.rooms(limit=2)
        await store.append(append("r0", 1, record(2, second=50)))
        await store.append(append("new", 0, record(1, second=51)))
        second = await store.rooms(first.cursor, limit=2)
        third = await store.rooms(second.cursor, limit=2)
        assert [listed(page) for page in (first, second, third)] == [["r5", "r4"], ["r3", "r2"], ["r1"]]

    async def test_a_deleted_room_leaves_its_name(self, store: Store) -> None:
        """ST45: it is in no list and waits for nothing; its head, with lineage and epoch, stays and says so."""
        head = await store.append(append("r", 0, epoch=4, open_runs=1, wake_at=1, about=About("T", {"a": "1"}, 1)))
        await store.append(append("s", 0))
        assert await store.delete("r") is True
        assert await store.head("r") == Head(
            "r", 1, 4, head.hash, head.lineage, open_runs=0, wake_at=None, time=head.time, deleted=True
        )
        assert await store.room_names() == listed(await store.rooms()) == ["s"]
        assert await store.unfinished() == await store.unfinished(due=9) == []
        for query in ("r", "t"):
            assert listed(await store.rooms(query=query)) == []

    async def test_nothing_is_written_to_a_deleted_room(self, store: Store) -> None:
        """ST45: an append is refused whatever it stands on, a repeat and a first record too, and a snapshot as well."""
        first = append("r", 0, record(1, record_id="a"))
        await store.append(first)
        await store.delete("r")
        for one in (first, append("r", 0), append("r", 1, epoch=9), append("r", 7)):
            with pytest.raises(RoomDeleted, match="'r' was deleted"):
                await store.append(one)
        with pytest.raises(RoomDeleted):
            await store.save_snapshot("r", Snapshot(1, 1, b""))
        with pytest.raises(RoomDeleted):
            await store.read("r")

    async def test_deleting_what_is_not_there(self, store: Store) -> None:
        """ST45: deleting again, or a room that nobody wrote to, changes nothing and says so."""
        await store.append(append("r", 0))
        assert await store.delete("r") is True
        before = await store.head("r")
        assert await store.delete("r") is False
        assert await store.delete("nobody") is False
        assert await store.head("r") == before
        assert await store.head("nobody") == Head("nobody")

    async def test_a_long_room_is_deleted_whole(self, store: Store) -> None:
        """ST46: all records go, however many parts that takes; other rooms keep theirs."""
        for room in ("r", "s"):
            for after in (0, 600):
                await store.append(append(room, after, *(record(after + 1 + n) for n in range(600))))
            for seq in (5, 1200):
                await store.save_snapshot(room, Snapshot(seq, 1, b"data"))
        await store.delete("r")
        assert len(await store.read("s")) == 500
        assert await store.snapshot("s") is not None
        with pytest.raises(RoomDeleted):
            await store.snapshot("r")

    async def test_blobs_that_go_with_a_room(self, store: Store) -> None:
        """ST46: a blob goes with the last room that refers to it, unless it was uploaded again since."""
        for data in (b"own", b"shared", b"again"):
            await store.put_blob(data, "text/plain")
        own, shared, again = map(name_of, (b"own", b"shared", b"again"))
        await store.append(append("r", 0, blobs=(own, shared, again, own)))
        await store.append(append("s", 0, blobs=(shared,)))
        await store.put_blob(b"again", "text/plain")
        await store.delete("r")
        assert [await store.blob_facts(name) is not None for name in (own, shared, again)] == [False, True, True]
        await store.delete("s")
        assert await store.blob(shared) is None

    async def test_deleting_while_others_append(self, store: Store) -> None:
        """ST45: whoever appends meanwhile is told; no record comes after the room's death."""
        await store.append(append("r", 0))
        refused: list[str] = []

        async def keep_appending(room: str, count: int) -> None:
            try:
                for seq in range((await store.head(room)).seq, count):
                    await store.append(Append(room, 1, seq, (record(seq + 1),), open_runs=1, about=About(str(seq))))
            except RoomDeleted:
                refused.append(room)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_appending, "r", 200)
            nursery.start_soon(keep_appending, "s", 20)
            await trio.lowlevel.checkpoint()
            assert await store.delete("r")
        assert refused == ["r"]
        assert len(await store.read("s")) == 20
        assert (await store.head("r")).deleted
        assert await store.unfinished() == listed(await store.rooms()) == ["s"]

    async def test_a_room_that_is_being_made(self, store: Store) -> None:
        """FK3: nobody can read, write, list or wake it before its last records are in; then it is like any other."""
        made = name_of(b"file")
        assert await store.put_blob(b"file", "text/plain") == made
        await store.append(append("r", 0))
        await store.make(Making(append("copy", 0, record(1), blobs=(made,)), "r"))
        await store.make(Making(append("copy", 1, record(2)), "r"))
        head = await store.head("copy")
        assert (head.deleted, head.seq) == (True, 2)
        for reading in (store.read, store.sealed, store.snapshot, store.blobs_of):
            with pytest.raises(RoomDeleted):
                await reading("copy")
        for refused in (append("copy", 2, record(3)), append("copy", 0)):
            with pytest.raises(RoomDeleted):
                await store.append(refused)
        assert not await store.delete("copy")
        assert await store.room_names() == ["r"]
        assert listed(await store.rooms()) == ["r"]
        assert (await store.forks("r"), await store.unfinished()) == ([], [])
        last = append("copy", 2, record(3), open_runs=1, wake_at=9, about=About("A copy"))
        head = await store.make(Making(last, "r", last=True))
        assert head == await store.head("copy")
        assert (head.seq, head.open_runs, head.wake_at, head.deleted) == (3, 1, 9, False)
        assert [one.seq for one in await store.read("copy")] == [1, 2, 3]
        assert (await store.forks("r"), await store.forks("copy"), await store.forks("")) == (["copy"], [], [])
        assert await store.forks("r", "copy") == []
        assert (await store.unfinished(), await store.blobs_of("copy")) == (["copy"], [made])
        assert listed(await store.rooms(query="a copy")) == ["copy"]
        await store.append(append("copy", 3))
        await store.unmake("copy")
        assert (await store.head("copy")).seq == 4
        assert await store.delete("copy")
        assert await store.forks("r") == []

    async def test_a_room_that_is_not_made_to_its_end(self, store: Store) -> None:
        """FK3: what there is of it goes, its name is free again, and what is there is not made."""
        file = name_of(b"file")
        await store.append(append("r", 0))
        for _ in range(2):
            await store.put_blob(b"file", "text/plain")
            await store.make(Making(append("copy", 0, record(1), blobs=(file,)), "r"))
            with pytest.raises(Fenced):
                await store.make(Making(append("copy", 0, record(1)), "r"))
            with pytest.raises(Fenced):
                await store.make(Making(append("copy", 2, record(3)), "r"))
            await store.unmake("copy")
            assert await store.head("copy") == Head("copy")
            assert await store.blob_facts(file) is None
        for taken in (append("r", 0), append("r", 1, record(2)), append("new", 1, record(2))):
            with pytest.raises(Fenced):
                await store.make(Making(taken, "s"))
        await store.unmake("new")
        await store.append(append("copy", 0))
        assert await store.room_names() == ["copy", "r"]
