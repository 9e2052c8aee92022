"""What every reader owes: the half of the contract that asyncio runs as well.

The checks read the log that `logs.fill` writes, and await nothing but the reader.
"""

from collections.abc import Awaitable, Callable

import pytest
from plait.storage import (
    About,
    BadCursor,
    Blob,
    BlobFacts,
    Head,
    Listed,
    Listing,
    Reader,
    RoomDeleted,
    Sieve,
    Snapshot,
    verify,
)

from .logs import ABOUT, LIBRARY_RECORDS, TIME, name_of


async def head_of_a_written_room(reader: Reader) -> None:
    """ST1: the head says where the log ends, under which epoch, and what waits."""
    head = await reader.head("library")
    assert (head.room, head.seq, head.epoch, head.open_runs, head.wake_at) == ("library", 3, 2, 1, TIME + 500)
    assert head.time == TIME + 2
    assert len(head.lineage) == 32
    assert head.hash == (await reader.sealed("library"))[-1].hash


async def head_of_an_unwritten_room(reader: Reader) -> None:
    """ST1: a room that nobody wrote to is empty, and asking does not make it."""
    assert await reader.head("nobody") == Head("nobody")
    assert await reader.read("nobody") == []
    assert await reader.sealed("nobody") == []
    assert await reader.snapshot("nobody") is None
    assert "nobody" not in await reader.room_names()


async def reading_gives_back_what_was_written(reader: Reader) -> None:
    """ST2: every field of a record comes back as it went in."""
    assert await reader.read("library") == list(LIBRARY_RECORDS)


async def reading_goes_on_after_a_seq(reader: Reader) -> None:
    """ST3: a page begins after a seq and holds at most `limit` records."""
    assert [r.seq for r in await reader.read("library", after=1)] == [2, 3]
    assert [r.seq for r in await reader.read("library", after=0, limit=2)] == [1, 2]
    assert await reader.read("library", after=3) == []
    assert await reader.read("library", after=99) == []


async def a_page_ends_at_its_bytes(reader: Reader) -> None:
    """ST3: a page of large updates is cut, and one record always fits."""
    assert [r.seq for r in await reader.read("big")] == [1, 2, 3, 4]
    assert [r.seq for r in await reader.read("big", after=4)] == [5, 6]
    assert [r.seq for r in await reader.sealed("big")] == [1, 2, 3, 4]


async def sifting(reader: Reader) -> None:
    """ST56: by a document and its drafts, or by a run and kinds; between two seqs, and a page at a time."""
    notes, streamed = Sieve("notes/a"), Sieve(run="000000000001", kinds=("text-streamed", "run-finished"))
    assert await reader.sift("library", notes) == [LIBRARY_RECORDS[1]]
    assert await reader.sift("library", streamed) == [LIBRARY_RECORDS[2]]
    assert await reader.sift("library", streamed, 1, 2) == await reader.sift("library", notes, 2) == []
    assert await reader.sift("library", Sieve("notes")) == await reader.sift("library", Sieve("x")) == []
    assert await reader.sift("library", Sieve(run="000000000001", kinds=("run-requested",))) == []
    assert [one.seq for one in await reader.sift("big", streamed)] == [1, 2, 3, 4]
    assert [one.seq for one in await reader.sift("big", streamed, 1, 5, 2)] == [2, 3]
    assert await reader.sift("nobody", notes) == []


async def who_wrote_in_a_document(reader: Reader) -> None:
    """ST58: the seqs of the records of just that document, up to one."""
    assert await reader.writings("library", "notes/a") == [2]
    assert await reader.writings("library", "notes/a", 1) == await reader.writings("library", "notes") == []
    assert await reader.writings("nobody", "notes/a") == []


async def finding_by_id(reader: Reader) -> None:
    """ST4: a record is found by its id, in its own room only."""
    assert await reader.find("library", "cmd#0") == LIBRARY_RECORDS[0]
    assert await reader.find("library", "cmd#1") is None
    assert await reader.find("a-room", "cmd#0") is None
    assert await reader.find("nobody", "cmd#0") is None


async def naming_rooms(reader: Reader) -> None:
    """ST5: names come in the order of their code points, page by page; a deleted room's is not among them."""
    names = ["Zoo", "a-room", "b-room", "big", "c%room", "c_room", "library"]
    assert await reader.room_names() == names
    assert await reader.room_names(after="b-room", limit=2) == ["big", "c%room"]


def listed(listing: Listing) -> list[str]:
    """The names on a page of the list."""
    return [one.head.room for one in listing.rooms]


NEWEST_FIRST = ["c%room", "b-room", "a-room", "library", "c_room", "big", "Zoo"]


async def listing_rooms(reader: Reader) -> None:
    """ST38: the latest active room comes first, rooms of one second from the last name to the first, as they stand."""
    listing = await reader.rooms()
    assert listed(listing) == NEWEST_FIRST
    assert listing.cursor == ""
    library, zoo = listing.rooms[3], listing.rooms[-1]
    assert zoo == Listed(await reader.head("Zoo"), ABOUT["Zoo"], TIME)
    assert library == Listed(await reader.head("library"), About(), TIME)


async def listing_rooms_page_by_page(reader: Reader) -> None:
    """ST38: a page's cursor begins the next one, and the last page has none."""
    seen, cursor = [], ""
    for _ in range(4):
        page = await reader.rooms(cursor, limit=2)
        seen += listed(page)
        cursor = page.cursor
    assert (seen, cursor) == (NEWEST_FIRST, "")
    assert (await reader.rooms(limit=7)).cursor == ""
    for bad in ("x", "AAAA", "Zoo", "ks7__________6Fh", "ä", "kgEB"):
        with pytest.raises(BadCursor, match="no cursor"):
            await reader.rooms(bad)


async def listing_rooms_by_a_part(reader: Reader) -> None:
    """ST39: a query is a part of the name or the title as it stands, never a pattern, however it is capitalised."""
    for query, found in {
        "room": ["c%room", "b-room", "a-room", "c_room"],
        "ROOM": ["c%room", "b-room", "a-room", "c_room"],
        "c%": ["c%room"],
        "c_": ["c_room"],
        "0% A": ["a-room"],
        "zoo": ["Zoo"],
        "GRÖSSE": ["Zoo"],
        "übersicht": ["Zoo"],
        "gone": [],
        "nothing": [],
    }.items():
        assert listed(await reader.rooms(query=query)) == found


async def listing_rooms_by_metadata(reader: Reader) -> None:
    """ST40: a filter names a key and its value, or a key that is not there; all of them must hold."""
    for wanted, found in (
        ({"team": "b"}, ["b-room", "a-room"]),
        ({"team": "b", "tier": "paid"}, ["b-room"]),
        ({"team": "b", "tier": None}, ["a-room"]),
        ({"team": "ä", 'o"dd': "1"}, ["Zoo"]),
        ({"team": None}, ["c%room", "library", "c_room", "big"]),
        ({"team": ""}, []),
        ({"title": "Gone"}, []),
    ):
        assert listed(await reader.rooms(metadata=wanted)) == found
    assert listed(await reader.rooms(metadata={"team": "b"}, query="A-", limit=1)) == ["a-room"]


async def listing_some_names(reader: Reader) -> None:
    """ST54: a listing may be of rooms whose names fit patterns; nothing but `*` is a wildcard in them."""
    for names, found in (
        (["*"], 7),
        (["?-room", "[ab]-room", "%", "c_roo_", ""], 0),
        (["a-room"], 1),
        (["A-ROOM"], 0),
        (["*-room"], 2),
        (["c*room", "c_*"], 2),
        ([], 0),
    ):
        assert len(listed(await reader.rooms(names=names))) == found, names
    assert listed(await reader.rooms(names=["*-room"], limit=1)) == ["b-room"]


async def reaching_blobs(reader: Reader) -> None:
    """ST54: whether one of the rooms that fit refers to a blob, or nobody does."""
    assert await reader.blob_reaches(name_of(b"one"), ["c_*"])
    assert await reader.blob_reaches(name_of(b"one"), ["*"])
    assert not await reader.blob_reaches(name_of(b"one"), ["library", "c?room"])
    assert not await reader.blob_reaches(name_of(b"one"), [])
    assert await reader.blob_reaches(name_of(b"nothing"), ["library"])


async def reading_blobs(reader: Reader) -> None:
    """ST42: a blob is found by its name, with its type; what is known of it costs no look at its bytes."""
    one = name_of(b"one")
    assert await reader.blob(one) == Blob(one, "image/png", b"one")
    assert await reader.blob_facts(one) == BlobFacts(one, "image/png", 3)
    for name in (name_of(b"nothing"), name_of(b"three"), "", "x"):
        assert await reader.blob(name) is None
        assert await reader.blob_facts(name) is None


async def blobs_of_a_room(reader: Reader) -> None:
    """ST43: a room's blobs are those that its records refer to."""
    names = sorted([name_of(b"one"), name_of(b"two")])
    assert await reader.blobs_of("c_room") == names
    assert await reader.blobs_of("c_room", limit=1) == names[:1]
    assert await reader.blobs_of("c_room", after=names[0]) == names[1:]
    assert await reader.blobs_of("library") == await reader.blobs_of("nobody") == []


async def reading_a_deleted_room(reader: Reader) -> None:
    """ST45: of a deleted room only the head is told, which says so; whatever else is asked of it is RoomDeleted."""
    head = await reader.head("gone")
    assert (head.seq, head.epoch, head.open_runs, head.wake_at, head.deleted) == (1, 1, 0, None, True)
    assert len(head.lineage) == 32
    for asking in (
        reader.read("gone"),
        reader.read("gone", after=1),
        reader.sealed("gone"),
        reader.sift("gone", Sieve("notes")),
        reader.sift("gone", Sieve(run="000000000001", kinds=("text-streamed",))),
        reader.writings("gone", "notes"),
        reader.find("gone", "cmd#0"),
        reader.snapshot("gone"),
        reader.blobs_of("gone"),
    ):
        with pytest.raises(RoomDeleted, match="'gone' was deleted"):
            await asking


async def sealed_records_verify(reader: Reader) -> None:
    """ST6: the chain of what was written is whole, from its start and from the middle."""
    sealed = await reader.sealed("library")
    assert verify(sealed) is None
    assert verify(sealed[1:], after=1, previous=sealed[0].hash) is None
    assert [one.seq for one in sealed] == [1, 2, 3]
    assert [one.update for one in sealed] == [r.update for r in LIBRARY_RECORDS]


async def snapshots_at_or_before(reader: Reader) -> None:
    """ST7: the newest snapshot, or the newest at or before a seq. Of one rung of the ladder only the newest is kept."""
    assert await reader.snapshot("library") == Snapshot(3, 7, b"data 3")
    assert await reader.snapshot("library", at=3) == Snapshot(3, 7, b"data 3")
    assert await reader.snapshot("library", at=2) is None
    assert await reader.snapshot("a-room") is None


READING: list[Callable[[Reader], Awaitable[None]]] = [
    head_of_a_written_room,
    head_of_an_unwritten_room,
    reading_gives_back_what_was_written,
    reading_goes_on_after_a_seq,
    a_page_ends_at_its_bytes,
    sifting,
    who_wrote_in_a_document,
    finding_by_id,
    naming_rooms,
    listing_rooms,
    listing_rooms_page_by_page,
    listing_rooms_by_a_part,
    listing_rooms_by_metadata,
    listing_some_names,
    reaching_blobs,
    reading_blobs,
    blobs_of_a_room,
    reading_a_deleted_room,
    sealed_records_verify,
    snapshots_at_or_before,
]
