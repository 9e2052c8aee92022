"""Bundles of rooms with a past: encrypted, erased, forked, old, imported; each goes out, comes in and verifies."""

import io
import shutil
from pathlib import Path
from typing import Any

import msgspec
import plait.runtime
import pytest
import trio
from plait.protocol.codec import decode_event, encode_event
from plait.protocol.commands import Approve
from plait.protocol.digests import call_digest
from plait.protocol.errors import Refused
from plait.protocol.events import ApprovalRequested, Forked, RoomImported, SubjectErased, ToolOutcomeUnknown, blobs_of
from plait.protocol.forks import Wanted
from plait.runtime import Agent, Call, Runtime, tool
from plait.runtime.cli.verify import check
from plait.runtime.replay.exporting import EVERYBODY
from plait.runtime.replay.fork import fork
from plait.runtime.replay.moment import moment
from plait.runtime.replay.telling import told
from plait.storage import (
    Append,
    Masters,
    MemoryStore,
    Reader,
    SqliteStore,
    Store,
    StoreError,
    StoreSealed,
    chain,
    open_store,
    plan_erasure,
)
from plait.storage.ringfile import ring_path
from pycrdt import Text

from ...golden.test_golden import LOGS, load
from ...storage.test_encryption import MASTER, NEW, rows
from ..agent.scripted import Scripted, answered, calls, says
from .bundled import NOW, bundle_of, described, imported, lines, lived
from .test_hostile_bundles import page, parts_of, refused, with_manifest, with_page, zipped

OTHER = Masters([NEW])
FILES = (b"\x89PNG", b"\x89PNG dot", b'"' + b"x" * 300_000 + b'"')
"""Those of the golden logs."""


def opened(path: Path, keys: Masters | None = MASTER) -> SqliteStore:
    path.parent.mkdir(exist_ok=True)
    return open_store(f"sqlite:///{path}", inline=True, keys=keys)


async def erase(store: Store, subject: str = "ann", room: str = "office") -> None:
    erasure = await plan_erasure(store, room, subject, by="root", now=NOW, salt=b"salt")
    assert erasure is not None
    await store.erase(erasure)


async def sound(reader: Reader, room: str = "office") -> int:
    """How many of the room's records were erased; it verifies."""
    verdict = await check(reader, await reader.head(room), lambda _: None)
    assert verdict.bad is None
    assert verdict.locked == 0
    return verdict.erased


async def same(one: Reader, other: Reader, room: str = "office") -> None:
    """`other` has imported the room: its records but the last, its documents and its files are those of `one`."""
    assert (await lines(other, room))[:-1] == await lines(one, room)
    seq = (await one.head(room)).seq
    was, now = await moment(one, room, seq), await moment(other, room, seq)
    assert was.documents == now.documents
    for name in ("", *was.documents):
        assert was.document(name).get_update() == now.document(name).get_update()
    assert await one.blobs_of(room) == await other.blobs_of(room)
    for name in await one.blobs_of(room):
        mine, theirs = await one.blob(name), await other.blob(name)
        assert mine is not None
        assert theirs is not None
        assert mine.data == theirs.data
    assert await sound(one, room) == await sound(other, room)


async def test_an_encrypted_room(tmp_path: Path) -> None:
    """BU12: it goes out in the clear under a chain over what it says, and comes into a plain store and into one with
    other keys; its manifest names the head that the encrypted log had."""
    async with opened(tmp_path / "one" / "plait.db") as store:
        await lived(store)
        head = await store.head("office")
        data, manifest = await described(store)
        assert manifest.opened == head.hash.hex()
        assert manifest.hash != manifest.opened
        assert (manifest.lineage, manifest.seq, manifest.epoch) == (head.lineage, head.seq, head.epoch)
        assert b"Secret figs" in data
        assert await bundle_of(store) == data
        async with opened(tmp_path / "two" / "plait.db", OTHER) as other:
            for there in (MemoryStore(), other):
                await imported(there, data)
                await same(store, there)
                assert (await imported(there, data)).again
            assert b"Secret figs" not in b"".join(file.read_bytes() for file in (tmp_path / "two").iterdir())
            back, second = await described(other)
            assert second.opened == (await other.head("office")).hash.hex()
        plain = MemoryStore()
        await imported(plain, data)
        assert [one.hash for one in (await plain.sealed("office"))[:-1]] == [
            one.hash for one in page(parts_of(back))[:-1]
        ]
        assert (await described(plain))[1].opened == ""


async def test_without_its_keys(tmp_path: Path) -> None:
    """BU12: nothing goes out without the keys, nor from a copy of the log that has lost somebody's."""
    path = tmp_path / "plait.db"
    async with opened(path) as store:
        await lived(store)
    shutil.copytree(tmp_path, old := tmp_path / "old")
    async with open_store(f"sqlite:///{path}", readonly=True, inline=True) as locked:
        with pytest.raises(StoreSealed, match="its key is not here"):
            await bundle_of(locked)
    async with opened(path) as store:
        await erase(store)
        await bundle_of(store)
    shutil.copy(ring_path(path), old)
    async with open_store(f"sqlite:///{old / 'plait.db'}", readonly=True, inline=True, keys=MASTER) as before:
        with pytest.raises(StoreSealed, match="its key is not here"):
            await bundle_of(before)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE records SET body = CAST(substr(body, 1, 30) || x'00' || substr(body, 32) AS BLOB) WHERE seq = 3",
        "UPDATE records SET author = 'eve' WHERE seq = 3",
        "UPDATE records SET hash = zeroblob(32) WHERE seq = 3",
        "UPDATE rooms SET hash = zeroblob(32)",
    ],
)
async def test_what_was_tampered_with(tmp_path: Path, spoil: str) -> None:
    """BU12: a damaged log gets no chain that is right: the stored one is checked on the way out."""
    path = tmp_path / "plait.db"
    async with opened(path) as store:
        await lived(store)
    rows(path, spoil)
    async with open_store(f"sqlite:///{path}", readonly=True, inline=True, keys=MASTER) as reader:
        with pytest.raises(StoreError, match=r"is damaged|its key is not here"):
            await bundle_of(reader)


@pytest.mark.parametrize("keys", [None, MASTER])
async def test_an_erased_room(tmp_path: Path, keys: Masters | None) -> None:
    """BU13: what was erased stays erased, there as well; of an encrypted room not even the hashes of it go out."""
    async with opened(tmp_path / "plait.db", keys) as store:
        await lived(store)
        before = {one.body_hash for one in page(parts_of(await bundle_of(store)))}
        await erase(store)
        data, manifest = await described(store)
        assert b"figs" not in data
        assert "Plums" in str((await moment(store, "office", manifest.seq)).document("main").get("content", type=Text))
        after = {one.body_hash for one in page(parts_of(data))}
        gone = before - after
        assert bool(gone) == (keys is not None)
        for there in (MemoryStore(), opened(tmp_path / "there" / "plait.db", OTHER)):
            await imported(there, data)
            await same(store, there)
            await erase(there, "bob")
            assert await sound(there) > await sound(store)
            again = MemoryStore()
            await imported(again, await bundle_of(there))
            await same(there, again)
            await there.aclose()


async def test_keys_came_later(tmp_path: Path) -> None:
    """BU12, BU13: of a room that was plain, lost somebody, and was encrypted from then on, in this order."""
    path = tmp_path / "plait.db"
    async with opened(path, None) as store:
        await lived(store)
        await erase(store)
        plain = await bundle_of(store)
    async with opened(path) as store:
        assert await bundle_of(store) == plain
        async with Runtime(store) as runtime:
            await runtime.room("office").by("cyd").change(title="Sealed now")
        data, manifest = await described(store)
        assert manifest.opened == (await store.head("office")).hash.hex()
        there = MemoryStore()
        await imported(there, data)
        await same(store, there)
        await erase(store, "bob")
        await imported(there, await bundle_of(store), name="later")
        assert await sound(there, "later") == await sound(store)


@pytest.mark.parametrize("without", [EVERYBODY, ("ann",)])
async def test_an_encrypted_room_without_words(tmp_path: Path, without: tuple[str, ...]) -> None:
    """BU7, BU12: redacted it holds neither the words nor their hashes; the records at the end say what was taken."""
    async with opened(tmp_path / "plait.db") as store:
        await lived(store)
        whole = {one.body_hash for one in page(parts_of(await bundle_of(store)))}
        data, manifest = await described(store, without=without)
        assert b"figs" not in data
        assert (b"Plums" in data) == (without != EVERYBODY)
        assert manifest.opened == (await store.head("office")).hash.hex()
        records = page(parts_of(data))
        assert whole - {one.body_hash for one in records}
        there = MemoryStore()
        done = await imported(there, data)
        assert done.redacted == manifest.redacted != ""
        assert isinstance((await there.read("office"))[-2].event, SubjectErased)
        assert await sound(there) > 0


async def _forked(store: Store) -> None:
    await lived(store)
    await erase(store)
    seq = (await store.head("office")).seq
    await fork(store, "office", Wanted(seq, name="copy"))


@pytest.mark.parametrize("keys", [None, MASTER])
async def test_a_fork(tmp_path: Path, keys: Masters | None) -> None:
    """BU13: a fork, whose copies of erased records are as they were written there, and one that lost somebody itself;
    in the room that is made of it nothing that the parent's server writes can be taken for its own."""
    async with opened(tmp_path / "plait.db", keys) as store:
        await _forked(store)
        there = MemoryStore()
        await imported(there, await bundle_of(store, "copy"))
        await same(store, there, "copy")
        assert any(isinstance(one.event, Forked) for one in await there.read("copy"))
        kin = (await moment(there, "copy", (await there.head("copy")).seq)).state.kin
        assert kin == ["office"]
        await erase(store, "bob", "copy")
        data = await bundle_of(store, "copy")
        assert b"Plums" not in data
        later = MemoryStore()
        await imported(later, data)
        await same(store, later, "copy")


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
async def test_old_logs(path: Path, tmp_path: Path) -> None:
    """BU1, BU2, LG4: every log ever written goes out and comes in, from either kind of store."""
    store = MemoryStore(entropy=bytes)
    async with opened(tmp_path / "plait.db") as sealed:
        for each in (store, sealed):
            files = {await each.put_blob(data, "image/png") for data in FILES}
            for record in load(path):
                blobs = tuple(files.intersection(blobs_of(record.event)))
                await each.append(Append("office", record.epoch, record.seq - 1, (record,), blobs=blobs))
        plain, clear = await bundle_of(store), await bundle_of(sealed)
        pages = [[(one.body, one.update) for one in page(parts_of(data))] for data in (plain, clear)]
        assert pages[0] == pages[1]
        for data in (plain, clear):
            there = MemoryStore()
            await imported(there, data)
            await same(store, there)


async def test_imports_of_imports(tmp_path: Path) -> None:
    """BU2, BU11: each import leaves its record, and each is one more history; through keys and out again."""
    store = MemoryStore()
    await lived(store)
    whole = await lines(store, "office")
    lineages = {(await store.head("office")).lineage}
    for number, keys in enumerate((None, MASTER, OTHER, None), 1):
        async with opened(tmp_path / str(number) / "plait.db", keys) as there:
            await imported(there, await bundle_of(store), by=f"p{number}")
            await same(store, there)
            next_store = MemoryStore()
            data = await bundle_of(there)
            await imported(next_store, data)
            lineages |= {(await there.head("office")).lineage, (await next_store.head("office")).lineage}
        store = next_store
    records = await store.read("office")
    assert (await lines(store, "office"))[: len(whole)] == whole
    events = [record.event for record in records if isinstance(record.event, RoomImported)]
    assert len(events) == 8
    assert len(lineages) == 9
    assert {event.lineage for event in events} < lineages


class Shop:
    """An agent whose only tool needs a yes, and what it ordered."""

    def __init__(self) -> None:
        self.ordered: list[str] = []

        @tool(approval="always")
        async def order(item: str) -> str:
            """Order something."""
            self.ordered.append(item)
            return "ordered"

        self.agent = Agent("clerk", Scripted(self._script), tools=[order])

    @staticmethod
    def _script(request: Any) -> Any:
        return says("Done.") if answered(request) else calls(("c1", "order", '{"item": "figs"}'))


async def _waiting(store: Store) -> tuple[bytes, str]:
    """The bundle of a room in which a run waits for somebody's yes, and that run."""
    async with Runtime(store, [Shop().agent]) as runtime:
        room = runtime.room("office").by("ann")
        run = await room.prompt("Some figs")
        async for record in room.follow():
            if isinstance(record.event, ApprovalRequested):
                return await bundle_of(store), run
    raise AssertionError


@pytest.mark.parametrize("keys", [None, MASTER])
async def test_what_was_at_work_goes_on(tmp_path: Path, keys: Masters | None) -> None:
    """BU14: with `resume` a run that waited for a yes waits for it here, and a restart later it still does; the yes
    counts once, in this room, and the one from which the bundle came waits on."""
    data, run = await _waiting(origin := MemoryStore())
    shop = Shop()
    async with opened(tmp_path / "plait.db", keys) as store:
        done = await imported(store, data, resume=True)
        assert (done.stopped, (await store.head("office")).open_runs) == (0, 1)
        wait: dict[str, Any] = {}
        for _ in range(2):
            async with Runtime(store, [shop.agent]):
                (wait,) = told(await moment(store, "office", (await store.head("office")).seq))["pending"]
                assert (wait["run"], wait["waits_for"]) == (run, "a person")
                assert not shop.ordered
        async with Runtime(store, [shop.agent]) as runtime:
            room = runtime.room("office").by("bob")
            shown = call_digest("order", '{"item": "figs"}')
            await room.decide(Approve(id="yes", run=run, step=wait["step"], shown=shown))
            assert (await room.wait(run))["status"] == "done"
        assert shop.ordered == ["figs"]
        assert (await imported(store, data, resume=True)).again
    assert (await origin.head("office")).open_runs == 1


async def test_what_was_at_work_is_stopped() -> None:
    """BU14: without `resume` it is stopped as soon as the room is opened, and nothing of it is carried out; and where
    words were taken out, nothing can go on."""
    data, run = await _waiting(origin := MemoryStore())
    store, shop = MemoryStore(), Shop()
    assert (await imported(store, data)).stopped == 1
    async with Runtime(store, [shop.agent]) as runtime:
        assert (await runtime.room("office").wait(run))["status"] == "stopped"
    assert not shop.ordered
    with pytest.raises(Refused, match="cannot go on"):
        await imported(MemoryStore(), await bundle_of(origin, without=EVERYBODY), resume=True)


async def test_a_write_that_was_at_work() -> None:
    """BU14: nobody can say whether it happened where it came from, so a person is asked, and it is not made again."""
    began = trio.Event()

    @tool
    async def pay(call: Call) -> str:
        """Pay."""
        began.set()
        await trio.sleep_forever()
        return ""

    agent = Agent("clerk", Scripted(lambda request: calls(("c1", "pay", "{}"))), tools=[pay])
    origin, store = MemoryStore(), MemoryStore()
    async with Runtime(origin, [agent]) as runtime:
        run = await runtime.room("office").by("ann").prompt("Pay")
        await began.wait()
        data = await bundle_of(origin)
        await imported(store, data, resume=True)
        began = trio.Event()
        async with Runtime(store, [agent]) as other:
            async for record in other.room("office").follow():
                if isinstance(record.event, ToolOutcomeUnknown):
                    assert record.run == run
                    break
        assert not began.is_set()


async def test_bundles_that_lie_about_erasures() -> None:
    """BU3: an erasure that names what is none, whatever it would cost to count that out, or what it did not take."""
    store = MemoryStore()
    await lived(store)
    await erase(store)
    parts = parts_of(await bundle_of(store))
    records = page(parts)
    event = decode_event(records[-1].body)
    assert isinstance(event, SubjectErased)
    for named, why in (
        (((1, 1 << 62),), "none before it"),
        (((0, 1),), "none before it"),
        (((2, 3), (1, 1)), "none before it"),
        (event.records[:-1], "not what was written, nor erased"),
        ((*event.records, (records[-2].seq, records[-2].seq)), "not what was left"),
    ):
        link = records[-2].hash
        body = encode_event(msgspec.structs.replace(event, records=named))
        hashed = chain.body_hash(body, b"")
        link = chain.link(link, records[-1].header, hashed)
        forged = [*records[:-1], msgspec.structs.replace(records[-1], body=body, body_hash=hashed, hash=link)]
        await refused(zipped(with_manifest(with_page(parts, forged), hash=link.hex())), why)
    spoiled = msgspec.structs.replace(records[0], body=records[1].body)
    await refused(zipped(with_page(parts, [spoiled, *records[1:]])), "not what was left")
    sealed = msgspec.structs.replace(records[0], cipher=b"\xc1")
    await refused(zipped(with_page(parts, [sealed, *records[1:]])), "nothing is")


async def test_while_people_write() -> None:
    """BU15: a program exports from the store that its rooms are written to; what comes meanwhile is not in it."""
    store, there = MemoryStore(), MemoryStore()
    await lived(store)
    head = await store.head("office")
    file = io.BytesIO()
    async with plait.runtime.Runtime(store) as runtime:
        room = runtime.room("office").by("ann")

        async def write(part: bytes) -> None:
            await room.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "x"))
            file.write(part)

        manifest = await plait.runtime.export(store, "office", write, by="ann", without=plait.runtime.EVERYBODY)
        assert (await store.head("office")).seq > manifest.seq > head.seq
        assert manifest.lineage == head.lineage
        made = await plait.runtime.import_(there, file, by="bob", now=NOW)
    assert made == plait.runtime.Imported("office", "office", manifest.records, "everybody")
    assert await sound(there) > 0
