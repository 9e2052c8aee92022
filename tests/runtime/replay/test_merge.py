"""Merging forks back, and what tools may do in them."""

import json
import random
from typing import Any

import pytest
import trio
from plait.protocol.access import Grant
from plait.protocol.commands import Approve, Deny
from plait.protocol.errors import Refused
from plait.protocol.events import (
    ApprovalGranted,
    ApprovalRequested,
    EditMerged,
    ForkMerged,
    ForkResumed,
    ToolRefused,
    ToolReturned,
)
from plait.protocol.forks import Change, Wanted
from plait.runtime import Agent, Call, Runtime, blame, fork, merge, moment, tool
from plait.runtime.embed import RoomHandle
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from ..agent.scripted import Scripted, answered, calls, says
from .test_fork import log


def text(doc: "Doc[Any]") -> str:
    return str(doc.get("content", type=Text))


def puts(at: int, words: str) -> Any:
    return lambda doc: doc.get("content", type=Text).insert(at, words)


def drops(start: int, stop: int) -> Any:
    def transform(doc: "Doc[Any]") -> None:
        del doc.get("content", type=Text)[start:stop]

    return transform


async def test_edits_come_back() -> None:
    """FK10, FK11: of several authors, amid edits of the parent, deletions too; each is its author's, and the fork says
    no more of it; blame names the fork and the record there."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", puts(0, "one three"))
        made = await room.by("bob").fork(1, name="f")
        await made.by("eve").edit("main", puts(4, "two "))
        await made.by("eve").edit("main", puts(0, "zero "))
        await made.by("bob").edit("main", drops(5, 9))
        await made.by("bob").edit("new", puts(0, "a new document"))
        await room.by("ann").edit("main", puts(9, " four"))
        looked = await made.by("ann").merge(preview=True)
        assert (looked.seq, looked.room, sorted(looked.documents)) == (0, "r", ["main", "new"])
        assert looked.documents["main"].authors == ["bob", "eve"]
        (change,) = looked.documents["main"].changes
        assert (change.before, change.after) == ("one three four", "zero two three four")
        head = (await store.head("r")).seq
        merged = await made.by("ann").merge()
        assert merged.seq == head + 1
        assert (merged.documents["main"].edits, merged.documents["new"].edits) == (3, 1)
        assert text(await room.document("main")) == "zero two three four"
        assert text(await room.document("new")) == "a new document"
        said, *edits = (await log(store, "r"))[head:]
        assert said.event == ForkMerged("f", (await store.head("f")).lineage, 6, ("main", "new"), ("f",), (3, 1))
        assert said.author == "ann"
        assert [(one.author, one.event) for one in edits] == [
            ("eve", EditMerged("f", 3, 4)),
            ("bob", EditMerged("f", 5, 5)),
            ("bob", EditMerged("f", 6, 6)),
        ]
        blamed = await blame(store, "r", "main")
        (span,) = [one for one in blamed.spans if one.text == "zero two "]
        of = blamed.records[span.seq]
        assert (of.author, of.fork, of.fork_seq) == ("eve", "f", 4)


async def test_a_merge_happens_once() -> None:
    """FK12: again it takes what came since, and nothing where nothing did; by document too; after a restart too."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", puts(0, "."))
        made = await room.fork(1, name="f")
        await made.by("eve").edit("main", puts(0, "a"))
        await made.by("eve").edit("other", puts(0, "o"))
        assert list((await made.merge(["main"])).documents) == ["main"]
        seq = (await store.head("r")).seq
        assert (await made.merge(["main"])).seq == 0
        assert (await store.head("r")).seq == seq
        assert list((await made.merge()).documents) == ["other"]
        await made.by("eve").edit("main", puts(1, "b"))
    async with Runtime(store) as runtime:
        made = runtime.room("f")
        assert (await made.merge()).documents["main"].edits == 1
        assert (await made.merge()).seq == 0
        assert text(await runtime.room("r").document("main")) == "ab."
        results: list[int] = []
        await made.by("eve").edit("main", puts(2, "c"))

        async def at_once() -> None:
            results.append((await made.merge()).seq)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(at_once)
        assert sorted(map(bool, results)) == [False, False, True]
        assert text(await runtime.room("r").document("main")) == "abc."


async def test_undo_of_what_was_merged() -> None:
    """FK11: it is its author's to undo, and what others wrote since stays."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", puts(0, "one two"))
        made = await room.fork(1, name="f")
        await made.by("eve").edit("main", puts(3, " and a half,"))
        await made.by("eve").edit("main", drops(3, 7))
        await made.merge()
        await room.by("ann").edit("main", puts(0, "so "))
        assert text(await room.document("main")) == "so one a half, two"
        await room.undo(by="eve")
        assert text(await room.document("main")) == "so one two"


async def test_a_script_merges() -> None:
    """FK10: where no room is awake, with the same outcome; and the room goes on after it."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        await runtime.room("r").by("ann").edit("main", puts(0, "x"))
    made = await fork(store, "r", Wanted(1, "f"))
    async with Runtime(store) as runtime:
        await runtime.room(made.room).by("eve").edit("main", puts(1, "y"))
    assert (await merge(store, "f", preview=True)).documents["main"].changes
    assert (await merge(store, "f")).seq == 3
    assert (await merge(store, "f")).seq == 0
    async with Runtime(store) as runtime:
        await runtime.room("r").by("ann").edit("main", puts(2, "z"))
        assert text(await runtime.room("r").document("main")) == "xyz"


async def test_what_is_not_merged() -> None:
    """FK13: no fork, no rights, a client on both sides; then nothing changes."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", puts(0, "x"))
        with pytest.raises(Refused, match="bad-request"):
            await room.merge()
        made = await room.fork(1, name="f")
        await made.by("eve").edit("main", puts(0, "y"))
        for grant in (Grant("g", write=False), Grant("g", rooms=("f",)), Grant("g", read=False)):
            with pytest.raises(Refused, match="not-allowed"):
                await made.under(grant).merge()
        tab: Doc[Any] = Doc(client_id=77)
        tab.apply_update((await room.document("main")).get_update())
        mine, theirs = Doc[Any](client_id=77), tab
        mine.apply_update(tab.get_update())
        for doc, where, word in ((mine, made, "mine"), (theirs, room, "theirs")):
            puts(0, word)(doc)
            update = doc.get_update()
            await where.by("mal").edit("main", lambda live, update=update: live.apply_update(update))
        seq = (await store.head("r")).seq
        with pytest.raises(Refused, match="update-foreign"):
            await made.merge()
        assert (await store.head("r")).seq == seq
        await room.delete()
        with pytest.raises(Refused, match="no-such-room"):
            await made.merge()


async def first(room: RoomHandle, kind: type) -> Any:
    """The room's first record with such an event, once there is one."""
    async for record in room.follow():
        if isinstance(record.event, kind):
            return record
    raise AssertionError


acted: list[str] = []


@tool
async def pay(to: str) -> str:
    """Pay."""
    acted.append(to)
    return "paid"


@tool(effect="idempotent")
async def book(to: str) -> str:
    """Book."""
    acted.append(to)
    return "booked"


@tool(effect="idempotent", inside=True)
async def note(word: str, call: Call) -> str:
    """Note."""
    await call.document("main").edit(puts(0, word))
    return "noted"


def script(request: dict[str, Any]) -> Any:
    if answered(request):
        return says("Done.")
    return calls(("a", "pay", '{"to": "x"}'), ("b", "book", '{"to": "y"}'), ("c", "note", '{"word": "n"}'))


@pytest.mark.parametrize("writes", [False, True])
async def test_tools_in_a_fork(writes: bool) -> None:
    """FK9: what changes the world outside is refused, and the model is told; documents of the room are written, and the
    agent's edits come back as the agent's; unless it was allowed, and then all is called."""
    acted.clear()
    store = MemoryStore()
    async with Runtime(store, [Agent("a", Scripted(script), tools=[pay, book, note])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("go")
        await room.wait(run)
        assert sorted(acted) == ["x", "y"]
        made = await room.fork(int(run), change=Change(prompt="Go!"), writes=writes)
        ended = await made.wait(run)
        assert ended["status"] == "done"
        assert len(acted) == (4 if writes else 2)
        refused = {
            one.event.name: one.event for one in await log(store, made.name) if isinstance(one.event, ToolRefused)
        }
        assert set(refused) == (set() if writes else {"pay", "book"})
        assert all(event.code == "blocked-in-fork" for event in refused.values())
        parts = {part["name"]: part for part in ended["parts"] if part["type"] == "tool"}
        assert ("fork" in parts["pay"].get("error", "")) is not writes
        assert json.loads(parts["note"]["result"]) == "noted"
        merged = await made.merge()
        assert merged.documents["main"].authors == ["agent:a"]
        assert text(await room.document("main")) == "nn"
        edit = (await log(store, "r"))[-1]
        assert isinstance(edit.event, EditMerged)
        assert (edit.author, edit.run, edit.event.run) == ("agent:a", "", run)
        assert (await moment(store, "r", edit.seq)).state.kin == [made.name]


async def test_a_paused_fork_is_resumed() -> None:
    """FK16: by whoever may all that its runs may; what is not paused is not resumed."""
    acted.clear()
    store = MemoryStore()
    async with Runtime(store, [Agent("a", Scripted(script), tools=[pay, book, note])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("go")
        await room.wait(run)
        made = await room.fork(3)
        guest = Grant("guest", write=False, decide=False, tools=False, admin=False)
        with pytest.raises(Refused, match="not-allowed"):
            await made.under(guest).resume()
        assert (await made.runs())[run]["status"] == "running"
        await made.resume()
        assert (await made.wait(run))["status"] == "done"
        assert (await made.about())["fork"]["going"] == "live"
        assert len(acted) == 2
        with pytest.raises(Refused, match="already-decided"):
            await made.resume()
        with pytest.raises(Refused, match="already-decided"):
            await room.resume()


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_was_written_converges(seed: int) -> None:
    """FK10, FK12: random edits on both sides, merged at random times: the parent is what a tab has that heard both."""
    chance = random.Random(seed)
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", puts(0, "0123456789"))
        made = await room.fork(1, name="f")
        for _ in range(40):
            where = chance.choice([room, made]).by(chance.choice(["ann", "bob", "eve"]))
            length = len(text(await where.document("main")))
            at = chance.randint(0, length)
            await where.edit("main", puts(at, "abc") if chance.random() < 0.6 or at == length else drops(at, at + 1))
            if chance.random() < 0.1:
                await made.merge()
        both = await room.document("main")
        both.apply_update((await made.document("main")).get_update())
        await made.merge()
        assert text(await room.document("main")) == text(both)
        assert (await made.merge()).seq == 0
        owners = (await moment(store, "r", (await store.head("r")).seq)).state.owners
        assert owners.keys() >= (await moment(store, "f", (await store.head("f")).seq)).state.owners.keys()


async def test_an_approval_in_two_rooms() -> None:
    """FK14: a yes in the one is none in the other, and in a fork it lets nothing happen outside."""
    acted.clear()
    store = MemoryStore()
    asked = tool(approval="always")(pay.body)
    said = calls(("a", "pay", '{"to": "x"}'))
    model = Scripted(lambda request: says("Done.") if answered(request) else said)
    async with Runtime(store, [Agent("a", model, tools=[asked])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("go")
        asking = await first(room, ApprovalRequested)
        step = asking.event.step
        quiet = await room.fork(asking.seq, name="quiet")
        loud = await room.fork(asking.seq, name="loud", writes=True)
        await quiet.resume()
        await quiet.decide(Approve(id="a", run=run, step=step))
        assert (await quiet.wait(run))["status"] == "done"
        assert acted == []
        for other in (loud, room):
            assert (await other.runs())[run]["status"] == "waiting"
        await loud.resume()
        await loud.decide(Deny(id="a", run=run, step=step))
        await loud.wait(run)
        assert acted == []
        await room.decide(Approve(id="a", run=run, step=step))
        await room.wait(run)
        assert acted == ["x"]
        granted = [one.seq for one in await log(store, "r") if isinstance(one.event, ApprovalGranted)]
        other = await room.fork(granted[0], change=Change(decision="denied", reason="too dear"))
        assert "too dear" in json.dumps(await other.wait(run))
        third = await loud.fork(asking.seq + 3, change=Change(decision="approved"), writes=True)
        await third.wait(run)
        assert acted == ["x", "x"]


async def test_a_fork_that_goes_on_by_the_record() -> None:
    """FK17: the model is not asked and no tool is called, and the fork ends as the parent did; the first thing that is
    asked otherwise pauses it, and then somebody says how it goes on."""
    acted.clear()
    store = MemoryStore()
    model = Scripted(script)
    async with Runtime(store, [Agent("a", model, tools=[pay, book, note])]) as runtime:
        room = runtime.room("r")
        run = await room.prompt("go")
        then = await room.wait(run)
        asked = len(model.requests)
        for at in range(1, (await store.head("r")).seq):
            state = (await moment(store, "r", at)).state
            if any(step.effect == "write" and step.status == "open" for step in state.runs[run].steps.values()):
                continue  # A payment was at work: a person says what came of it.
            made = await room.fork(at, going="recorded")
            ended = await made.wait(run)
            assert ended["status"] == "done"
            assert ended["parts"][-1]["text"] == then["parts"][-1]["text"]
            assert text(await made.document("main")) == "n"
        assert (len(model.requests), len(acted)) == (asked, 2)
        (paid,) = [
            one.seq
            for one in await log(store, "r")
            if isinstance(one.event, ToolReturned) and one.event.result == '"paid"'
        ]
        other = await room.fork(paid, change=Change(result="not paid"), going="recorded")
        assert (await first(other, ForkResumed)).event == ForkResumed("paused", "generate.1", "an answer of the model")
        assert (len(model.requests), len(acted)) == (asked, 2)
        assert (await other.runs())[run]["status"] == "running"
        await other.resume()
        assert (await other.wait(run))["status"] == "done"
        assert (len(model.requests), len(acted)) == (asked + 1, 2)


async def test_drafts_of_a_fork() -> None:
    """FK20: one that waits is not merged, and refused by its name; what was accepted comes back with its document."""
    store = MemoryStore()
    async with Runtime(store) as runtime:
        room = runtime.room("r")
        await room.by("ann").edit("main", puts(0, "one"))
        made = await room.fork(1, name="f")
        draft = await made.by("bob").propose("main")
        await made.by("bob").edit(draft, puts(3, " two"))
        head = await store.head("r")
        assert (await made.merge()).seq == 0
        with pytest.raises(Refused, match="bad-request"):
            await made.merge([draft])
        with pytest.raises(Refused, match="bad-request"):
            await made.merge(["main", draft], preview=True)
        assert await store.head("r") == head
        await made.by("eve").accept(draft)
        merged = await made.merge()
        assert merged.documents["main"].authors == ["eve"]
        assert text(await room.document("main")) == "one two"
