"""Moments of a room, against what the room held and its tabs were shown at each of them."""

import random
from typing import Any

import msgspec
import pytest
import trio
from plait.protocol import limits
from plait.protocol.codec import encode_event
from plait.protocol.errors import Refused
from plait.protocol.events import Record
from plait.protocol.state import RoomState
from plait.runtime import Agent, Call, Runtime, moment, tool
from plait.runtime.replay.moment import Moment, Scrubber
from plait.runtime.replay.telling import told
from plait.storage import Append
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from ..agent.scripted import Scripted, answered, calls, says


@tool(effect="idempotent")
async def note(text: str, call: Call) -> str:
    """Write a note."""

    def transform(doc: "Doc[Any]") -> None:
        written = doc.get("content", type=Text)
        written.insert(len(str(written)), text)

    await call.document("notes").edit(transform)
    return "noted"


def scribe() -> Agent:
    asked = calls(("c1", "note", '{"text": "milk "}'))
    return Agent("scribe", Scripted(lambda request: says("Done.") if answered(request) else asked), tools=[note])


Shown = tuple[RoomState, dict[str, bytes]]


async def lived(store: MemoryStore) -> dict[int, Shown]:
    """Some work in a room, over a restart: what the room held after each commit, by seq."""
    shown: dict[int, Shown] = {}
    for text in ("one", "two"):
        async with Runtime(store, [scribe()]) as runtime:
            room = runtime.room("r")
            async with runtime.rooms.use("r") as opened:
                publish = opened._publish  # pyright: ignore[reportPrivateUsage]

                def watched(live: Any, batch: Any, records: Any, publish: Any = publish) -> None:
                    publish(live, batch, records)
                    documents = {"": live.room_document.doc.get_update()}
                    documents |= {name: live.shared[name].doc.get_update() for name in live.state.documents}
                    shown[live.state.seq] = (copied(live.state), documents)

                opened._publish = watched  # pyright: ignore[reportPrivateUsage]
                run = await room.by("ann").prompt(f"Note {text}")
                await room.by("bob").edit("main", lambda doc, text=text: typed(doc, f"{text} 🙂 "))
                await room.wait(run)
                await room.by("ann").edit("main", lambda doc: erased(doc))
    return shown


def copied(state: RoomState) -> RoomState:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=RoomState)


def typed(doc: "Doc[Any]", text: str) -> None:
    doc.get("content", type=Text).insert(0, text)


def erased(doc: "Doc[Any]") -> None:
    del doc.get("content", type=Text)[0:2]


def whole(found: Moment) -> Shown:
    names = ["", *found.state.documents]
    return copied(found.state), {name: found.document(name).get_update() for name in names}


async def test_a_moment_is_what_was_shown_then() -> None:
    """RP1: after each commit, fold and every document are what the room held; and nothing reaches the room."""
    store = MemoryStore()
    shown = await lived(store)
    assert len(shown) > 10
    for seq, (state, documents) in shown.items():
        found = await moment(store, "r", seq)
        was, had = whole(found)
        assert was == state
        assert had == documents
        typed(found.document("main"), "never")
    last = max(shown)
    assert "never" not in str((await moment(store, "r", last)).document("main").get("content", type=Text))
    before = await moment(store, "r", 0)
    assert (before.seq, before.documents, before.shown()["runs"]) == (0, [], {})


async def test_a_moment_that_is_not_there() -> None:
    """RP1: beyond the log, in a room that nobody wrote to, in a deleted one."""
    store = MemoryStore()
    shown = await lived(store)
    head = (await store.head("r")).seq
    assert max(shown) <= head
    for seq in (head + 1, -1):
        with pytest.raises(Refused, match="no-such-moment"):
            await moment(store, "r", seq)
    with pytest.raises(Refused, match="no-such-moment"):
        await moment(store, "unwritten", 1)
    await store.delete("r")
    with pytest.raises(Refused, match="no-such-room"):
        await moment(store, "r", 1)


@pytest.mark.parametrize("near", [3, 7, 1000])
@pytest.mark.parametrize("kept", [0, 2000, 1 << 25])
async def test_a_scrubber_gives_what_a_moment_gives(monkeypatch: pytest.MonkeyPatch, near: int, kept: int) -> None:
    """RP2: whatever the way there, with many points kept and with none; also where a snapshot lies between."""
    monkeypatch.setattr("plait.runtime.replay.moment._NEAR", near)
    monkeypatch.setattr(limits, "MOMENTS_BYTES", kept)
    store = MemoryStore()
    await lived(store)
    head = (await store.head("r")).seq
    every = [whole(await moment(store, "r", seq)) for seq in range(head + 1)]
    chance = random.Random(near + kept)
    scrubber = Scrubber(store, "r")
    for seq in [chance.randint(0, head) for _ in range(60)] + [head, head - 1, head - 2, 0, 1, head]:
        assert whole(await scrubber.go(seq)) == every[seq]
        assert sum(map(len, scrubber._points.values())) <= kept  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Refused, match="no-such-moment"):
        await scrubber.go(head + 1)
    assert whole(await scrubber.go(1)) == every[1]


async def test_what_a_moment_says() -> None:
    """RP4: runs, documents and what was waited for, as plain values."""
    store = MemoryStore()
    await lived(store)
    head = (await store.head("r")).seq
    last = told(await moment(store, "r", head), "notes")
    assert last["documents"] == ["main", "notes"]
    assert last["roots"] == {"content": "milk milk "}
    assert [run["status"] for run in last["runs"].values()] == ["done", "done"]
    assert last["pending"] == []
    assert last["spent"]["steps"] == 4
    records = await store.read("r")
    started = next(record.seq for record in records if encode_event(record.event).find(b"tool-started") >= 0)
    amid = told(await moment(store, "r", started))
    assert [run["status"] for run in amid["runs"].values()] == ["running"]
    assert amid["runs"][records[started - 1].run]["parts"][-1]["state"] != "done"
    assert "roots" not in amid


async def test_the_crash_lens() -> None:
    """RP9: cut behind every record and opened by a new process, the room begins with what the lens foretold."""

    @tool(effect="write")
    async def pay() -> str:
        """Pay."""
        return "paid"

    asked = calls(("c1", "note", '{"text": "milk "}'), ("c2", "pay", "{}"))
    agent = Agent("scribe", Scripted(lambda request: says("Done.") if answered(request) else asked), tools=[note, pay])
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        await runtime.room("r").wait(await runtime.room("r").prompt("Go"))
    records = await store.read("r")
    seen: set[str] = set()
    for seq in range(1, len(records) + 1):
        foretold = told(await moment(store, "r", seq))["recovery"]
        cut = MemoryStore()
        open_runs = sum(run.open for run in (await moment(store, "r", seq)).state.runs.values())
        await cut.append(Append("r", 1, 0, tuple(records[:seq]), open_runs))
        written: list[Record] = []
        async with Runtime(cut) as runtime:
            with trio.fail_after(30):
                follow = runtime.room("r").follow(seq)
                while len(written) < len(foretold):
                    written.append(await anext(follow))
        events = [msgspec.to_builtins(record.event) for record in written]
        assert events == [each["event"] for each in foretold]
        seen |= {each["follows"] for each in foretold}
        assert not foretold or all(record.epoch == 2 for record in written)
    assert len(seen) == 3
