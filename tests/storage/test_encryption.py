"""An encrypted store: what its files hold, what needs which key, and what a dropped key takes with it."""

import asyncio
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace
from plait.protocol.codec import encode_event
from plait.protocol.events import ModelRequested, Record, RoomChanged, RunRequested, TextStreamed
from plait.storage import (
    About,
    BadMasterKey,
    Masters,
    Reader,
    Snapshot,
    SqliteStore,
    Store,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreSealed,
    engine,
    masters_from,
    open_store,
    shredding,
    verify,
)
from plait.storage.aio import open_reader
from plait.storage.erasing import Erased, erasures, plan
from plait.storage.jobs import AppendJob, EraseJob
from plait.storage.ringfile import ring_path

from .contract_erasing import WORDS, fill
from .logs import TIME, append, name_of, record

OLD, NEW = bytes([1]) * 32, bytes([2]) * 32
MASTER = Masters([OLD])
SECRET = b"a secret that nobody may find"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plait.db"


def opened(path: Path, keys: Masters | None = MASTER) -> SqliteStore:
    return open_store(url_of(path), inline=True, keys=keys)


def held(folder: Path) -> bytes:
    """All bytes of all files there."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def rows(path: Path, statement: str) -> list[tuple]:  # type: ignore[type-arg]
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


async def write(store: Store, room: str = "r") -> None:
    """The secret in every place that a store has for words."""
    name = await store.put_blob(SECRET * 500, "text/plain")
    about = About(SECRET.decode(), {"k": SECRET.decode()})
    one = record(1, SECRET.decode(), update=SECRET * 100, author="ann")
    await store.append(append(room, 0, one, about=about, blobs=(name,)))
    await store.save_snapshot(room, Snapshot(1, 1, SECRET * 300))


async def erase(store: Store, subject: str = "ann", room: str = "r") -> None:
    erasure = await plan(store, room, subject, by="root", now=TIME + 9, salt=b"salt")
    assert erasure is not None
    await store.erase(erasure)


async def whole(reader: Reader, room: str = "r") -> bool:
    """Whether the chain and all that was erased verify."""
    past = await erasures(reader, room)
    erased = Erased(past[-1] if past else None)
    sealed = await reader.sealed(room)
    for one in sealed:
        if one.seq in erased:
            erased.take(one)
    return verify(sealed, erased=erased) is None and erased.sound


async def test_no_file_holds_a_word(path: Path) -> None:
    """KY1, KY12: neither the database nor its WAL nor any other file, while it is open and afterwards; all of it reads
    back, and the list finds it."""
    async with opened(path) as store:
        await write(store)
        assert SECRET not in held(path.parent)
        (one,) = await store.read("r")
        assert one == record(1, SECRET.decode(), update=SECRET * 100, author="ann")
        blob = await store.blob(name_of(SECRET * 500))
        assert blob is not None
        assert blob.data == SECRET * 500
        assert await store.snapshot("r") == Snapshot(1, 1, SECRET * 300)
        for asked in ({}, {"query": "SECRET that"}, {"metadata": {"k": SECRET.decode()}}):
            (listed,) = (await store.rooms(**asked)).rooms  # type: ignore[arg-type]
            assert listed.about.title == SECRET.decode()
        assert (await store.rooms(query="secret that no", metadata={"k": None})).rooms == ()
        assert (await store.rooms(query="plaintext")).rooms == ()
    assert SECRET not in held(path.parent)
    async with opened(path) as store:
        assert [one.update for one in await store.read("r")] == [SECRET * 100]


async def test_every_reader(path: Path) -> None:
    """KY11: Trio's and asyncio's readers open what they have the keys for."""
    async with opened(path) as store:
        await write(store)

        def beside() -> None:
            async def read() -> None:
                async with open_reader(url_of(path), keys=MASTER) as reader:
                    assert (await reader.read("r"))[0].update == SECRET * 100
                    assert (await reader.rooms(query="secret")).rooms[0].about.title == SECRET.decode()
                    assert await reader.snapshot("r") == Snapshot(1, 1, SECRET * 300)
                    assert (await reader.find("r", "none")) is None
                    blob = await reader.blob(name_of(SECRET * 500))
                    assert blob is not None
                    assert blob.data == SECRET * 500

            asyncio.run(read())

        await trio.to_thread.run_sync(beside)
        async with open_store(url_of(path), readonly=True, keys=MASTER) as reader:
            assert (await reader.read("r"))[0].update == SECRET * 100


async def test_without_keys(path: Path) -> None:
    """KY2, KY3, KY11: for writing it is refused; a reader sees the chain, and is told what is locked."""
    async with opened(path) as store:
        await write(store)
    before = bytes_of(path)
    with pytest.raises(StoreSealed, match="give its master key") as refused:
        opened(path, None)
    assert refused.value.code == "store-sealed"
    assert bytes_of(path) == before
    async with open_store(url_of(path), readonly=True) as reader:
        assert await whole(reader)
        (one,) = await reader.sealed("r")
        assert one.locked
        with pytest.raises(StoreSealed, match="record 1 of room 'r'"):
            await reader.read("r")
        with pytest.raises(StoreSealed, match="blob"):
            await reader.blob(name_of(SECRET * 500))
        assert await reader.snapshot("r") is None
        (listed,) = (await reader.rooms(metadata={"k": None})).rooms
        assert listed.about == About()


@pytest.mark.parametrize("readonly", [True, False])
async def test_the_wrong_key(path: Path, readonly: bool) -> None:
    """KY2: it is refused in a sentence that holds no key, and no byte changes."""
    async with opened(path) as store:
        await write(store)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with pytest.raises(StoreSealed, match="not the one of this store"):
        open_store(url_of(path), readonly=readonly, keys=Masters([NEW]))  # type: ignore[call-overload]
    ring_path(path).rename(path.parent / "away")
    with pytest.raises(StoreSealed, match="no such file"):
        open_store(url_of(path), readonly=readonly, keys=MASTER)  # type: ignore[call-overload]
    (path.parent / "away").rename(ring_path(path))
    after = {file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith(("-shm", "-wal"))}
    assert after == before


async def test_anothers_ring(path: Path, tmp_path: Path) -> None:
    """KY2: the keys of another store are refused, and so is a file that holds none."""
    async with opened(path) as store:
        await write(store)
    other = tmp_path / "other.db"
    async with opened(other) as store:
        await write(store)
    shutil.copy(ring_path(other), ring_path(path))
    with pytest.raises(StoreSealed, match="another store"):
        opened(path)
    shutil.copy(path, ring_path(path))
    with pytest.raises(StoreCorrupt, match="not a key ring"):
        opened(path)


def test_master_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KY2: from a file or from the environment, one a line; what is none is refused and never quoted."""
    one, two = b64encode(OLD).decode(), b64encode(NEW).decode()
    file = tmp_path / "keys"
    file.write_text(f"# of 2026\n\n{one}\n{two}\n")
    assert masters_from(str(file)).first == MASTER.first
    monkeypatch.setenv("SOME_KEYS", f"{one}\n")
    assert masters_from("env:SOME_KEYS").first == MASTER.first
    for text in ("", "# none", "hunter2", b64encode(b"short").decode()):
        file.write_text(text)
        with pytest.raises(BadMasterKey) as bad:
            masters_from(str(file))
        assert "hunter2" not in str(bad.value)
    for where in ("env:NO_SUCH_KEYS", str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(BadMasterKey):
            masters_from(where)


async def test_a_plain_store_begins(path: Path) -> None:
    """KY4: what was there stays plain and reads as before; what comes is encrypted, and from then on it needs keys."""
    async with opened(path, None) as store:
        await store.append(append("r", 0, record(1, "plain words")))
    async with opened(path) as store:
        await store.append(append("r", 1, record(2, SECRET.decode())))
        assert [one.seq for one in await store.read("r")] == [1, 2]
        assert await whole(store)
    assert b"plain words" in held(path.parent)
    assert SECRET not in held(path.parent)
    with pytest.raises(StoreSealed):
        opened(path, None)


async def test_another_master_key(path: Path) -> None:
    """KY5: a new first key wraps what the old one wrapped; the log is not touched, and the old key opens nothing."""
    async with opened(path) as store:
        await write(store)
    log, (old,) = bytes_of(path), rows(ring_path(path), "SELECT wrapped FROM keys WHERE kind = 'person'")
    async with opened(path, Masters([NEW, OLD])) as store:
        assert store.ring is not None
        assert store.ring.rewrapped == 3
        assert (await store.read("r"))[0].update == SECRET * 100
        assert old[0] not in held(path.parent)
    assert bytes_of(path) == log
    with pytest.raises(StoreSealed):
        opened(path)
    async with opened(path, Masters([NEW])) as store:
        assert (await store.read("r"))[0].update == SECRET * 100


def test_in_the_url(tmp_path: Path) -> None:
    """KY2: a URL may say where the master keys are."""
    keys = tmp_path / "keys"
    keys.write_text(b64encode(OLD).decode())
    url = f"{url_of(tmp_path / 'plait.db')}?keys={keys}"

    async def main() -> None:
        async with open_store(url) as store:
            await write(store)
            assert store.ring is not None
        async with open_store(url, readonly=True) as reader:
            assert (await reader.read("r"))[0].update == SECRET * 100

    trio.run(main)


TAMPERED: dict[str, tuple[int, Callable[[list[bytes]], bytes]]] = {
    "one byte of a record": (2, lambda bodies: bodies[1][:40] + bytes([bodies[1][40] ^ 1]) + bodies[1][41:]),
    "the key that it names": (3, lambda bodies: b"\xc1" + bytes([0] * 7 + [99]) + bodies[2][9:]),
    "another's words": (2, lambda bodies: bodies[2]),
    "words in place of them": (1, lambda bodies: encode_event(RoomChanged("forged"))),
}


@pytest.mark.parametrize("how", TAMPERED)
@pytest.mark.parametrize("keys", [MASTER, None], ids=["with", "without"])
async def test_tampering(path: Path, how: str, keys: Masters | None) -> None:
    """KY3, KY8: with and without keys the first record that is not as it was written is named, and no reader is given
    what does not open."""
    seq, forge = TAMPERED[how]
    async with opened(path) as store:
        await store.append(append("r", 0, *(record(n, f"words {n}", author="ann") for n in range(1, 5))))
    bodies = [body for (body,) in rows(path, "SELECT body FROM records ORDER BY seq")]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET body = ? WHERE seq = ?", (forge(bodies), seq))
    async with open_store(url_of(path), readonly=True, keys=keys) as reader:
        broken = verify(await reader.sealed("r"))
        assert broken is not None
        assert broken.seq == seq
        if keys is not None and seq != 1:
            with pytest.raises(StoreError, match=f"record {seq} of room"):
                await reader.read("r")


async def test_whose_key(path: Path) -> None:
    """KY6: a person's words, and what agents say in a run for them, are under that person's key of that room; what
    holds the words of several is under the shared key of those who had come by then; the house's is the room's own."""
    asked = RunRequested("assistant", WORDS)
    said = (
        Record(1, TIME, "plait", "", 1, RoomChanged("")),
        Record(2, TIME, "ann", "000000000002", 1, asked),
        Record(3, TIME, "agent:assistant", "000000000002", 1, TextStreamed("generate.0", 1, 0, WORDS)),
        Record(4, TIME, "agent:assistant", "000000000002", 1, ModelRequested("generate.0", 1, "echo", b"", (WORDS,))),
        Record(5, TIME, "service", "000000000005", 1, replace(asked, on_behalf_of="ben")),
        Record(6, TIME, "agent:assistant", "000000000006", 1, replace(asked, parent="000000000005")),
        Record(7, TIME, "plait", "000000000006", 1, RoomChanged("")),
        Record(8, TIME, "agent:assistant", "000000000006", 1, ModelRequested("generate.0", 1, "echo", b"", (WORDS,))),
        Record(9, TIME, "plait", "", 1, RoomChanged("")),
    )
    async with opened(path) as store:
        await store.append(append("r", 0, *said[:6]))
    async with opened(path) as store:  # Whose a run is, is found in the log.
        await store.append(append("r", 6, *said[6:]))
    keys = {number: (kind, owner) for number, kind, owner in rows(ring_path(path), "SELECT id, kind, owner FROM keys")}
    seals = [int.from_bytes(body[1:9], "big") for (body,) in rows(path, "SELECT body FROM records ORDER BY seq")]
    kinds = [keys[number] for number in seals]
    ann, ben, room = ("person", "ann"), ("person", "ben"), ("room", "")
    assert [kinds[n] for n in (0, 1, 2, 4, 5, 6, 8)] == [room, ann, ann, ben, ben, ben, room]
    assert (kinds[3][0], kinds[7][0]) == ("shared", "shared")
    assert seals[3] != seals[7]


async def test_a_copy_of_the_log_from_before(path: Path, tmp_path: Path) -> None:
    """KY7: an old copy verifies, and nobody reads the person in it, with the keys of today and with those of any other
    kind; what others said before they came and since reads on."""
    async with opened(path) as store:
        await fill(store)
        await write(store, "other")
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(path, old / path.name)
    async with opened(path) as store:
        await erase(store)
        assert await whole(store)
        assert WORDS not in repr(await store.read("r"))
    shutil.copy(ring_path(path), ring_path(old / path.name))
    async with open_store(url_of(old / path.name), readonly=True, keys=MASTER) as reader:
        assert await whole(reader)
        sealed = await reader.sealed("r")
        assert [one.locked for one in sealed] == [True, True, True, True, True, False]
        assert (await reader.read("r", 5))[0].author == "ben"
        assert await reader.snapshot("r") is None
        with pytest.raises(StoreSealed):
            await reader.blob(name_of(b"picture"))
        assert (await reader.rooms(query="ann")).rooms == ()
        assert (await reader.read("other"))[0].update == SECRET * 100


async def test_the_next_erasure(path: Path) -> None:
    """KY7: what an erasure left under new keys is left by the next one too, and the room goes on."""
    async with opened(path) as store:
        await fill(store)
        again = Record(7, TIME + 6, "ben", "000000000007", 1, RunRequested("assistant", "bens"))
        asked = ModelRequested("generate.0", 1, "echo", b"h" * 32, ("bens",))
        await store.append(append("r", 6, again, Record(8, TIME + 6, "agent:assistant", "000000000007", 1, asked)))
        for subject in ("ann", "ben"):
            await erase(store, subject)
            assert await whole(store)
        head = await store.head("r")
        await store.append(append("r", head.seq, record(head.seq + 1, "anew", author="ann"), epoch=head.epoch))
        assert len(await store.read("r")) == head.seq + 1
    async with opened(path) as store:
        assert len(await store.read("r")) == head.seq + 1
        assert await whole(store)


async def test_the_next_opening_drops_what_was_doomed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KY9: a crash after the log's commit leaves marked keys; who opens it next drops them, before anything else."""
    async with opened(path) as store:
        await fill(store)
        with monkeypatch.context() as patched:
            patched.setattr(engine.SqliteEngine, "_drop_keys", lambda self: None)
            await erase(store)
    marked = rows(ring_path(path), "SELECT wrapped FROM keys WHERE doomed != ''")
    assert marked
    assert all(any(wrapped) for (wrapped,) in marked)
    async with opened(path) as store:
        assert WORDS not in repr(await store.read("r"))
    assert rows(ring_path(path), "SELECT * FROM keys WHERE doomed != ''") == []
    everything = held(path.parent)
    assert not any(wrapped in everything for (wrapped,) in marked)


async def test_an_erasure_that_failed_spares_the_keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KY9: a crash or a failure before the log's commit leaves marked keys that still seal; they are spared."""
    async with opened(path) as store:
        await fill(store)
        before = await store.read("r")

        def fail(*_: object) -> None:
            raise StoreError("the disk refused, as this test asked")

        with monkeypatch.context() as patched:
            patched.setattr(engine.Batch, "_move_heads", fail)
            with pytest.raises(StoreError, match="as this test asked"):
                await erase(store)
        assert await store.read("r") == before
        # As a crash leaves them: marked on the disk, and nothing of it in the log.
        assert store.ring is not None
        store.ring.doom("r", "erasure/1", person="ann", since=1)
        store.ring.commit()
    async with opened(path) as store:
        assert await store.read("r") == before
        await store.append(append("r", 6, record(7, "more", author="ann")))
        await erase(store)
        assert WORDS not in repr(await store.read("r"))


async def test_what_is_deleted_takes_its_keys(path: Path) -> None:
    """KY10: a deleted room's keys go, and those of blobs that nobody needs; an old copy of it says nothing any more."""
    async with opened(path) as store:
        await write(store)
        await store.delete("r")
        assert store.ring is not None
        assert store.ring.count() == {"dropped": 3}
        name = await store.put_blob(SECRET * 500, "text/plain")
        blob = await store.blob(name)
        assert blob is not None
        assert blob.data == SECRET * 500
        await write(store, "s")
        assert len(await store.read("s")) == 1


async def test_a_key_ring_without_space(path: Path) -> None:
    """KY14: who needs a new key is refused, and nothing of it is kept; others go on, and so do all with space again."""
    async with opened(path) as store:
        await write(store)
        ring = store.ring
        assert ring is not None
        ((pages,),) = ring._ask("PRAGMA page_count")
        ring._ask(f"PRAGMA max_page_count = {pages}")
        kept = 1
        with suppress(StoreFull):
            for kept in range(1, 1000):
                await store.append(append("r", kept, record(kept + 1, "new", author=f"somebody {kept} " * 20)))
        assert 1 < kept < 999
        for _ in range(2):
            with pytest.raises(StoreFull):
                await store.append(append("elsewhere", 0, record(1, "new", author="nobody yet " * 90)))
            await store.append(append("r", kept, record(kept + 1, "on", author="ann")))
            kept += 1
        ring._ask("PRAGMA max_page_count = 100000")
        await store.append(append("elsewhere", 0, record(1, "new", author="nobody yet " * 90)))
        assert len(await store.read("r")) == kept
        assert await whole(store)
    async with opened(path) as store:
        assert len(await store.read("r")) == kept
        assert len(await store.read("elsewhere")) == 1


async def test_an_erasure_that_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KY9: its marks are taken back before anybody else in the batch seals anything, so no key goes that is needed."""
    async with opened(path) as store:
        await fill(store)
        authors = [one.author for one in await store.read("r")]
        erasure = await plan(store, "r", "ann", by="root", now=TIME + 9, salt=b"salt")
        assert erasure is not None

        def damaged(*_: object) -> object:
            raise StoreCorrupt("record 1 is damaged")

        monkeypatch.setattr(shredding, "_others", damaged)
        later = append("r", 6, record(7, SECRET.decode(), author="ann"))
        given_up, gone_on = store._under.commit([EraseJob(erasure), AppendJob(later)])
        with pytest.raises(StoreCorrupt):
            given_up.unwrap()
        assert gone_on.unwrap()
        assert len(await store.read("r")) == 7
    async with opened(path) as store:
        assert [one.author for one in await store.read("r")] == [*authors, "ann"]
        assert await whole(store)
