"""What else happens to rooms whose document took another shape: runs, tabs, forks, imports, erasures, crashes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec import structs
from plait.protocol.errors import OutcomeUnknown, Refused
from plait.protocol.events import RoomShaped
from plait.protocol.forks import Change, Wanted
from plait.protocol.reshaping import plain
from plait.runtime import Agent, Call, Runtime
from plait.runtime.cli.verify import check
from plait.runtime.replay.deep import deep
from plait.runtime.replay.fork import fork
from plait.runtime.replay.moment import moment
from plait.runtime.replay.reprojection import compare, reproject
from plait.runtime.room.opening import open_live
from plait.runtime.room.past import blame
from plait.runtime.tools.function import FunctionTool
from plait.storage import Append, Head, Masters, Store, StoreFull, open_store
from plait.storage.erasing import plan
from plait.storage.memory import MemoryStore
from pycrdt import Text

from ..agent.scripted import Scripted, answered, calls, says
from ..agent.test_recovery import cut
from ..room.scene import FakeTab, rooms, surroundings, watching
from .bundled import bundle_of, imported
from .shapes import hiding, later
from .test_fork import all_of
from .test_moment import typed
from .test_reprojection import old_room, shapings, shown

ANN, BEN = "Walnuesse", "Haferkekse"
MASTER = Masters([bytes(32)])


async def opened(store: Store, room: str = "r") -> None:
    """Somebody opens the room, and leaves."""
    (await open_live(room, store, {}, surroundings())).release()


def shop(keys: list[str], log: list[str]) -> Agent:
    """An agent that orders once and then answers; each call's key is noted."""

    async def order(item: str, call: Call) -> str:
        """Order an item."""
        keys.append(call.key)
        log.append(item)
        return f"ordered {item}"

    def script(request: Any) -> Any:
        return (
            says("All is ordered.") if answered(request) else calls(("c1", "order", '{"item":"figs"}'), thought="So. ")
        )

    return Agent("clerk", Scripted(script), tools=[FunctionTool(order, "idempotent", "order")])


async def test_runs_that_are_open(autojump_clock: trio.testing.MockClock) -> None:
    """SH11: cut behind any record and gone on with by later code, a run ends as ever, and is shown in the new shape;
    a call that is made again has the key that it had under the old lineage."""
    whole = MemoryStore(entropy=bytes)
    keys: list[str] = []
    async with Runtime(whole, [shop(keys, [])]) as runtime:
        room = runtime.room("r")
        await room.wait(await room.prompt("Get me figs", id="p"))
    records = await whole.read("r")
    (key,) = keys
    with later():
        for n in range(1, len(records)):
            store, again, log = await cut(records, n), list[str](), list[str]()
            was = (await store.head("r")).lineage
            async with Runtime(store, [shop(again, log)]) as runtime:
                with trio.fail_after(60):
                    run = await runtime.room("r").wait("000000000001")
            assert (run["status"], run["parts"][-1]["text"]) == ("done", "All is ordered. "), n
            assert run["asked"] == "Get me figs"
            assert [event.lineage for event in shapings(await store.read("r"))] == [was]
            began = [
                event for event in (record.event for record in records[:n]) if type(event).__name__ == "ToolStarted"
            ]
            ended = any(type(record.event).__name__ == "ToolReturned" for record in records[:n])
            assert log == ([] if ended else ["figs"])
            if began and not ended:
                assert again == [key]
            assert not (await compare(store, "r")).differences
            assert await deep(store, "r", (await store.head("r")).seq) is None


async def test_tabs_that_come_back() -> None:
    """SH6: with the room document of before, 4409; with nothing, or with that of now, all is well; what was typed
    offline in a shared document is merged."""
    store = MemoryStore()
    await old_room(store)
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        watcher, writer = await watching(room), await watching(room, "main", author="eve", client=77)
    writer.said.clear()
    update = writer.type("offline ")
    with later():
        async with rooms(store) as all_rooms, all_rooms.use("r") as room:
            watcher.said.clear()
            room.join(watcher)
            room.step1(watcher, watcher.doc.get_state())
            assert await watcher.until("close") == ("close", 4409)
            room.leave(watcher)
            fresh = await watching(room)
            assert "asked" in plain(fresh.doc)["runs"]["000000000001"]
            room.join(writer)
            room.step1(writer, writer.doc.get_state())
            room.edit(writer, update, step2=True)
            await writer.until("accepted")
            assert "close" not in [said[0] for said in (*writer.said, *fresh.said)]
        async with rooms(store) as all_rooms, all_rooms.use("r") as room:
            again = FakeTab()
            again.doc.apply_update(fresh.doc.get_update())
            room.join(again)
            room.step1(again, again.doc.get_state())
            await again.until("step2")
    main = (await moment(store, "r", (await store.head("r")).seq)).document("main")
    assert str(main.get("content", type=Text)).startswith("offline ")


async def test_people_and_proposals_go_on() -> None:
    """SH4: blame, undo and drafts of shared documents, over the switch."""
    store = MemoryStore()
    await old_room(store)
    with later():
        async with Runtime(store, [Agent("echo", model="echo", title=False)]) as runtime:
            room = runtime.room("r")
            before = str((await room.document("main")).get("content", type=Text))
            (draft,) = (await shown(store))["drafts"]
            await room.by("bob").edit(draft, lambda doc: typed(doc, "proposed "))
            await room.by("ann").accept(draft, id="accept")
            await room.by("eve").edit("main", lambda doc: typed(doc, "oops "))
            await room.by("eve").undo(by="eve", document="main", id="undo")
            assert str((await room.document("main")).get("content", type=Text)) == "proposed " + before
            found = await blame(store, "r", "main")
            assert {each.author for each in found.records.values()} == {"ann", "bob"}  # Who accepted, and who wrote.
        assert await deep(store, "r", (await store.head("r")).seq) is None


async def test_forks_of_moments_before_it() -> None:
    """SH12: a fork of a moment that had the old shape begins with today's, also where a prompt is another there."""
    store = MemoryStore()
    await old_room(store)
    at = (await store.head("r")).seq
    with later():
        await opened(store)
        for wanted in (Wanted(at), Wanted(1, "other", Change(prompt="Else"), writes=False), Wanted(at + 1)):
            made = await fork(store, "r", wanted, surroundings=surroundings())
            is_so = await compare(store, made.room)
            assert (is_so.differences, is_so.shape, is_so.due) == ([], 2, False)
            assert await deep(store, made.room, is_so.records) is None
            (run, *_) = (await shown(store, made.room))["runs"].values()
            assert run["asked"] == ("Else" if wanted.change else "Note one")
            before = await store.head(made.room)
            await opened(store, made.room)
            assert await store.head(made.room) == before


async def test_an_imported_room() -> None:
    """SH12: it comes as it was written, and is projected anew when it is opened; what was projected anew is exported,
    redacted, and comes in elsewhere."""
    store, there = MemoryStore(), MemoryStore()
    await old_room(store)
    data = await bundle_of(store, "r")
    with later():
        await imported(there, data)
        assert (await compare(there, "r")).shape == 1
        await opened(there)
        assert not (await compare(there, "r")).due
        again = MemoryStore()
        await imported(again, await bundle_of(there, "r"), name="again")
        assert not (await compare(again, "again")).due
        redacted = MemoryStore()
        data = await bundle_of(there, "r", without=("*",))
        assert b"Note one" not in data
        await imported(redacted, data, name="redacted")
        assert "Note one" not in repr(await shown(redacted, "redacted"))
        await opened(redacted, "redacted")
        assert not (await compare(redacted, "redacted")).due


async def test_bundles_that_lie_about_it() -> None:
    """SH12: of a shape that nobody knows here, or with a clock that would send every tab away for ever: refused."""
    store, lying = MemoryStore(), MemoryStore()
    await old_room(store)
    with later():
        await opened(store)
        for record in await store.read("r"):
            if isinstance(record.event, RoomShaped):
                record = structs.replace(record, event=structs.replace(record.event, clock=1 << 40))
            await lying.append(Append("r", record.epoch, record.seq - 1, (record,)))
        with pytest.raises(Refused, match="not as far as record"):
            await imported(MemoryStore(), await bundle_of(lying, "r"))
    with pytest.raises(Refused, match="has shape 2, and this plait knows up to 1"):
        await imported(MemoryStore(), await bundle_of(store, "r"))


async def both_speak(store: Store) -> None:
    async with Runtime(store, [Agent("echo", model="echo", title=False)]) as runtime:
        room = runtime.room("r")
        for author, word in (("ann", ANN), ("ben", BEN)):
            await room.wait(await room.by(author).prompt(word))
            await room.by(author).change(title=word)
            await room.by(author).edit("notes", lambda doc, word=word: typed(doc, word))


@pytest.mark.parametrize("keys", [None, MASTER], ids=["plain", "encrypted"])
async def test_somebody_is_erased(tmp_path: Path, keys: Masters | None) -> None:
    """SH13, SH12: what was copied of theirs goes too, and what was copied of others is shown again when the room is
    next opened; it verifies before and after."""
    async with open_store(f"sqlite:///{tmp_path / 'plait.db'}", keys=keys) as store:
        await both_speak(store)
        with later():
            await opened(store)
            assert ANN in repr(await shown(store))
            erasure = await plan(store, "r", "ann", by="root", now=1 << 60, salt=b"salt")
            assert erasure is not None
            await store.erase(erasure)
            assert ANN not in repr(await store.read("r", limit=10_000))
            assert ANN not in repr(await shown(store))
            assert (await compare(store, "r")).shape == 0
            for _ in range(2):
                head = await store.head("r")
                assert (await check(store, head, lambda _: None)).bad is None
                await opened(store)
            found = await shown(store)
            assert ANN not in repr(found)
            assert [run["asked"] for run in found["runs"].values()] == ["[erased]", BEN]
            assert found["room"]["later"] == f"later: {BEN}"
            assert not (await compare(store, "r")).due
            assert await deep(store, "r", (await store.head("r")).seq) is None
            assert len(shapings(await store.read("r", limit=10_000))) == 2
            erasure = await plan(store, "r", "ann", by="root", now=1 << 60, salt=b"salt")
            assert erasure is None
    assert keys is None or (ANN.encode() not in all_of(tmp_path) and BEN.encode() not in all_of(tmp_path))


async def test_whole_answers_that_were_copied() -> None:
    """SH13: of a record that wrote whole runs anew no word is left, in texts and under keys, while ids, numbers and
    states are; others' answers are shown again."""
    store = MemoryStore()
    with hiding():
        await both_speak(store)
    assert (await shown(store)).get("runs") is None
    assert (await reproject(store, "r", by="root")).done
    was = (await shown(store))["runs"]
    assert [run["parts"][0]["text"].strip() for run in was.values()] == [ANN, BEN]
    erasure = await plan(store, "r", "ann", by="root", now=1 << 60, salt=b"salt")
    assert erasure is not None
    await store.erase(erasure)
    records = await store.read("r", limit=10_000)
    assert ANN not in repr(records)
    (written,) = [record.update for record in records if isinstance(record.event, RoomShaped)]
    assert ANN.encode() not in written
    assert BEN.encode() not in written
    left = (await shown(store))["runs"]
    assert [(run["prompt"], run["parts"][0]["text"], run["status"]) for run in left.values()] == 2 * [
        ("[erased]", [], "done")
    ]
    await opened(store)
    now = (await shown(store))["runs"]
    assert list(now.values())[1] == list(was.values())[1]
    assert ANN not in repr(now)
    assert await deep(store, "r", (await store.head("r")).seq) is None


@pytest.mark.parametrize("keys", [None, MASTER], ids=["plain", "encrypted"])
async def test_a_crash_at_each_moment(tmp_path: Path, keys: Masters | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """SH5: what a killed process leaves is the room of before or the room of now, whole; and asking again makes it the
    latter, with one record."""
    here = tmp_path / "here"
    here.mkdir()
    cuts: list[Path] = []

    def crash() -> None:
        cuts.append(tmp_path / str(len(cuts)))
        shutil.copytree(here, cuts[-1])

    async with open_store(f"sqlite:///{here / 'plait.db'}", keys=keys, inline=True) as store:
        await both_speak(store)
        was = await store.head("r")
        engine = store._under  # type: ignore[union-attr]
        commit = engine.commit
        monkeypatch.setattr(engine, "commit", lambda jobs: (crash(), commit(jobs), crash())[1])
        with later():
            assert (await reproject(store, "r", by="root")).done
    seen: set[tuple[bool, bool]] = set()
    for folder in cuts:
        async with open_store(f"sqlite:///{folder / 'plait.db'}", keys=keys, inline=True) as after:
            head = await after.head("r")
            with later():
                found = await compare(after, "r")
                assert (found.shape == 2) == (head.lineage != was.lineage) == (head.seq > was.seq)
                seen.add((found.shape == 2, found.due))
                assert (await check(after, head, lambda _: None)).bad is None
                await opened(after)
                assert len(shapings(await after.read("r", limit=10_000))) == 1
                assert not (await compare(after, "r")).due
    assert seen == {(False, True), (True, False)}


async def test_it_is_not_known_whether_it_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """SH5: a room whose switch failed, or may have happened, is not served; asked for again it is, and it was once."""
    store = MemoryStore()
    await old_room(store)
    append = store.append

    async def full(what: Append) -> Head:
        raise StoreFull("the disk is full")

    async def lost(what: Append) -> Head:
        await append(what)
        raise OutcomeUnknown("nobody answered")

    with later():
        async with rooms(store) as all_rooms:
            for fails, error in ((full, StoreFull), (lost, OutcomeUnknown)):
                monkeypatch.setattr(store, "append", fails)
                with pytest.raises(error):
                    async with all_rooms.use("r"):
                        pass
                assert len(shapings(await store.read("r"))) == (fails is lost)
            monkeypatch.setattr(store, "append", append)
            async with all_rooms.use("r") as room:
                assert "asked" in plain((await watching(room)).doc)["runs"]["000000000001"]
    assert len(shapings(await store.read("r"))) == 1
