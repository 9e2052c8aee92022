"""The contract of blobs: put once, kept while somebody needs them."""

import pytest
import trio
from plait.protocol import limits
from plait.storage import Blob, BlobFacts, Head, NoSuchBlob, Store

from .logs import TIME, append, name_of, record

DAY = limits.BLOB_LOOSE_S * 1_000_000


class Clock:
    """A store's time, which a test moves."""

    def __init__(self) -> None:
        self.time = TIME

    def __call__(self) -> int:
        return self.time


class BlobsContract:
    """Inherit it beside `StoreContract`, which brings the fixture; `clock` is what its `opened` gives for `now`."""

    clock = Clock()  # Of the class, since a fixture may see another instance than its test; it only ever goes on.

    async def test_putting(self, store: Store) -> None:
        """ST42: the name is the SHA-256 of the bytes; putting them again keeps the type that they came with."""
        empty = await store.put_blob(b"", "text/plain")
        assert empty == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        for kind in ("Image/PNG; q=1", "text/html"):
            assert await store.put_blob(b"data", kind) == name_of(b"data")
        assert await store.blob(name_of(b"data")) == Blob(name_of(b"data"), "image/png", b"data")
        assert await store.blob_facts(empty) == BlobFacts(empty, "text/plain", 0)

    async def test_a_large_blob(self, store: Store) -> None:
        """ST42: a blob of the largest size comes back whole."""
        data = bytes(range(256)) * (limits.BLOB_BYTES // 256)
        name = await store.put_blob(data, "application/octet-stream")
        assert name == name_of(data)
        assert await store.blob_facts(name) == BlobFacts(name, "application/octet-stream", len(data))
        kept = await store.blob(name)
        assert kept is not None
        assert kept.data == data

    @pytest.mark.parametrize(
        "kind", ["", "png", "image/", "/png", "image/png/x", "im age/png", "ä/b", "a/" + "b" * 200]
    )
    async def test_malformed_blobs_are_the_callers_bug(self, store: Store, kind: str) -> None:
        """ST42: a type that is none, or more bytes than a blob may have, are refused before anything is queued."""
        with pytest.raises(ValueError, match="media type"):
            await store.put_blob(b"data", kind)
        with pytest.raises(ValueError, match="bytes"):
            await store.put_blob(bytes(limits.BLOB_BYTES + 1), "image/png")
        assert await store.blob_facts(name_of(b"data")) is None

    async def test_a_blob_that_is_not_there(self, store: Store) -> None:
        """ST43: an append that refers to one is refused and nothing happens; a repeat is known before that is asked."""
        await store.put_blob(b"here", "image/png")
        for room, after in (("new", 0), ("r", 1)):
            if after:
                await store.append(append(room, 0))
            with pytest.raises(NoSuchBlob, match=f"{room!r} refers to a blob that is not here: {name_of(b'gone')}"):
                await store.append(append(room, after, blobs=(name_of(b"here"), name_of(b"gone"))))
        assert await store.head("new") == Head("new")
        assert (await store.head("r")).seq == 1
        assert await store.blobs_of("r") == []
        first = append("r", 1, record(2, record_id="a"), blobs=(name_of(b"here"),))
        head = await store.append(first)
        lacking = append("r", 2, record(3, record_id="a"), blobs=(name_of(b"gone"),))
        assert await store.append(first) == await store.append(lacking) == head

    async def test_referring_twice(self, store: Store) -> None:
        """ST43: a room may refer to a blob as often as it likes, in one append or in several."""
        name = await store.put_blob(b"data", "image/png")
        await store.append(append("r", 0, blobs=(name, name)))
        await store.append(append("r", 1, blobs=(name,)))
        assert await store.blobs_of("r") == [name]

    async def test_what_nobody_refers_to_is_swept(self, store: Store) -> None:
        """ST44: an upload stays for a day; after that the next upload sweeps it, unless a room refers to it."""
        for data in (b"loose", b"used", b"again"):
            await store.put_blob(data, "text/plain")
        await store.append(append("r", 0, blobs=(name_of(b"used"),)))
        self.clock.time += DAY
        await store.put_blob(b"again", "text/plain")
        await store.put_blob(b"used", "text/plain")
        assert await store.blob_facts(name_of(b"loose")) is not None
        self.clock.time += 1
        await store.put_blob(b"another", "text/plain")
        names = [name_of(data) for data in (b"loose", b"used", b"again", b"another")]
        assert [await store.blob_facts(name) is not None for name in names] == [False, True, True, True]
        assert await store.blob(names[0]) is None
        self.clock.time += 2 * DAY
        await store.put_blob(b"last", "text/plain")
        assert [await store.blob_facts(name) is not None for name in names] == [False, True, False, False]

    async def test_an_upload_sweeps_a_few(self, store: Store) -> None:
        """ST44: one upload sweeps at most BLOB_SWEEP blobs, the oldest first."""
        names = []
        for number in range(limits.BLOB_SWEEP + 3):
            self.clock.time += 1
            names.append(await store.put_blob(b"%d" % number, "text/plain"))
        self.clock.time += 2 * DAY
        await store.put_blob(b"first", "text/plain")
        assert [await store.blob_facts(name) is not None for name in names] == [False] * limits.BLOB_SWEEP + [True] * 3
        await store.put_blob(b"second", "text/plain")
        assert [await store.blob_facts(name) for name in names] == [None] * len(names)

    async def test_many_uploads_at_once(self, store: Store) -> None:
        """ST42: uploads of the same bytes from everywhere are one blob; a referring append may follow at once."""

        async def attach(number: int) -> None:
            name = await store.put_blob(b"%d" % (number % 4), "text/plain")
            await store.append(append(f"room-{number}", 0, blobs=(name,)))

        async with trio.open_nursery() as nursery:
            for number in range(32):
                nursery.start_soon(attach, number)
        for number in range(32):
            assert await store.blobs_of(f"room-{number}") == [name_of(b"%d" % (number % 4))]
