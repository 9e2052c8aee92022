"""One pass: speculate, commit, publish, with a store that fails when told to."""

from typing import Any

import trio
import trio.testing
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Prompt, Stop
from plait.protocol.errors import OutcomeUnknown, PlaitError, Refused
from plait.protocol.events import RunRequested, TextStreamed
from plait.protocol.prompts import AgentFacts
from plait.runtime.room.live import Answer
from plait.runtime.room.opening import open_live
from plait.runtime.room.room import Room
from plait.storage.errors import StoreFull
from plait.storage.faults import FaultyStore
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from .scene import FakeTab, rooms, surroundings, watching


async def ask(room: Room, id: str, text: str = "hello") -> Answer | PlaitError:  # noqa: A002
    try:
        return await room.ask(ANONYMOUS, Prompt(id=id, text=text))
    except PlaitError as error:
        return error


async def logged(store: FaultyStore, document: str = "notes") -> str:
    """The shared text that the log gives."""
    doc: Doc[Any] = Doc()
    for record in await store.read("r"):
        if record.document == document and record.update:
            doc.apply_update(record.update)
    return str(doc.get("content", type=Text))


async def test_nothing_is_seen_before_the_commit() -> None:
    """RM1, RM2, RM8: a held commit holds deltas, answers, joins and catch-ups; then all of it comes in order."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        writer, reader, slow = [await watching(room, "notes") for _ in range(3)]
        slow.stalled = True
        store.hold()
        room.edit(writer, writer.type("secret"), step2=False)
        answers: list[Answer | PlaitError] = []
        room.command(ANONYMOUS, Prompt(id="p", text="hi"), answers.append)
        await store.wait_held()
        joiner = FakeTab("notes")
        room.join(joiner)
        room.step1(joiner, joiner.doc.get_state())
        slow.behind, slow.stalled = b"\x00", False
        room.catch_up(slow)
        await trio.testing.wait_all_tasks_blocked()
        assert not any(tab.seen[1:] for tab in (writer, reader, slow))
        assert not joiner.said
        assert not answers
        store.release()
        await joiner.until("step2")
        await slow.until("catch_up")
        assert [tab.text for tab in (writer, reader, slow, joiner)] == ["secret"] * 4
        assert writer.said[-1][0] == "accepted"
        assert writer.said[-2][0] == "delta"
        assert isinstance(answers[0], Answer)


async def test_deltas_leave_with_the_answers() -> None:
    """RM42: of this pass or of the next; who only reads waits for nothing, and nobody waits twice."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        ann, ben, reader = [await watching(room, "notes", client=client) for client in (7, 8, 9)]
        for tab in (ann, ben, reader):
            tab.waits.clear()
        store.hold()
        room.edit(ann, ann.type("one"), step2=False)
        await store.wait_held()
        room.edit(ben, ben.type("two"), step2=False)
        store.release()
        await ben.until("accepted")
        await trio.testing.wait_all_tasks_blocked()
        assert ann.waits == [True, False, False]  # Its answer comes with the first pass.
        assert ben.waits == [True, True, False]  # And this one's with the second.
        assert reader.waits == [False, False]


async def test_a_failed_append_is_forgotten_everywhere() -> None:
    """RM1, RM3: after an append that failed, no tab has a byte that is not in the log, and the room works on."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        writer, reader = [await watching(room, "notes") for _ in range(2)]
        store.fail_before()
        room.edit(writer, writer.type("lost"), step2=False)
        assert await writer.until("denied") == ("denied", "outcome-unknown")
        assert reader.seen[1:] == []
        step1 = await writer.until("step1", 2)
        room.edit(writer, writer.doc.get_update(step1[1]), step2=True)
        await writer.until("accepted")
        assert reader.text == "lost" == await logged(store)
        assert room.reopened == 1
        committed = {record.update for record in await store.read("r")}
        assert {update for tab in (writer, reader) for update in tab.seen[1:]} <= committed


async def test_an_edit_is_asked_for_until_it_is_there(autojump_clock: trio.testing.MockClock) -> None:
    """RM3: the pass in which a tab was to be asked for its lost edit fails as well, and the tab is asked later."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room, trio.open_nursery() as nursery:
        writer = await watching(room, "notes")
        store.fail_before()
        room.edit(writer, writer.type("lost"), step2=False)
        await writer.until("denied")
        store.hold()
        nursery.start_soon(ask, room, "before")
        await trio.sleep(0.2)  # The room speaks again meanwhile, and would ask in its next pass.
        nursery.start_soon(ask, room, "with")
        await trio.testing.wait_all_tasks_blocked()
        store.fail_before()
        store.release()
        step1 = await writer.until("step1", 2)
        room.edit(writer, writer.doc.get_update(step1[1]), step2=True)
        await writer.until("accepted")
        assert await logged(store) == "lost"
        assert room.reopened == 2


async def test_an_unknown_outcome_that_happened_reaches_everybody() -> None:
    """RM3: the answer of the disk was lost but the record is there: after reopening every tab has it."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        writer, reader = [await watching(room, "notes") for _ in range(2)]
        store.fail_after()
        room.edit(writer, writer.type("kept"), step2=False)
        await writer.until("denied")
        await reader.until("catch_up")
        assert reader.text == "kept" == await logged(store)
        room.edit(writer, writer.type("more "), step2=False)
        await writer.until("accepted")
        assert reader.text == "more kept" == await logged(store)


async def test_asking_again_after_a_failure_happens_once() -> None:
    """RM4: whichever way the append failed, the same id asked again is one run."""
    for fail in ("fail_before", "fail_after"):
        store = FaultyStore(MemoryStore())
        async with rooms(store) as all_rooms, all_rooms.use("r") as room:
            getattr(store, fail)()
            assert isinstance(await ask(room, "p"), OutcomeUnknown)
            again = await ask(room, "p")
            assert isinstance(again, Answer)
            found = [record for record in await store.read("r") if isinstance(record.event, RunRequested)]
            assert [record.seq for record in found] == [again.seq]


async def test_a_full_disk_says_so() -> None:
    """RM4: a full disk is its own code, and nothing changed."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        store.fail_before(StoreFull("no space"))
        refused = await ask(room, "p")
        assert isinstance(refused, Refused)
        assert refused.code == "store-full"
        assert (await store.head("r")).seq == 0


async def test_a_full_disk_does_not_deny_what_happened() -> None:
    """RM4: a command that is in the log already and is asked again in a pass that fails is not refused."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        first = await ask(room, "p")
        assert isinstance(first, Answer)
        answers: list[Answer | PlaitError] = []
        store.fail_before(StoreFull("no space"))
        for id_ in ("p", "q"):
            room.command(ANONYMOUS, Prompt(id=id_, text="hello"), answers.append)
        await trio.testing.wait_all_tasks_blocked()
        assert isinstance(answers[0], OutcomeUnknown)
        assert isinstance(answers[1], Refused)
        again = await ask(room, "p")
        assert isinstance(again, Answer)
        assert (again.seq, again.run) == (first.seq, first.run)


async def test_one_pass_judges_in_order() -> None:
    """RM5: two equal ids in one pass are one run; two different ones are two; the second of two stops finds nothing."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        answers: list[Answer | PlaitError] = []
        for command in (Prompt(id="a", text="x"), Prompt(id="a", text="x"), Prompt(id="b", text="x"), Stop(id="s")):
            room.command(ANONYMOUS, command, answers.append)
        room.command(ANONYMOUS, Prompt(id="a", text="other"), answers.append)
        with trio.fail_after(5):
            await room.beyond(0)
        await trio.testing.wait_all_tasks_blocked()
        first, second, third, _, reused = answers
        assert isinstance(first, Answer)
        assert isinstance(second, Answer)
        assert isinstance(third, Answer)
        assert (first.seq, first.run) == (second.seq, second.run) != (third.seq, third.run)
        assert isinstance(reused, Refused)
        assert reused.code == "id-reused"
        assert len(store.appends) == 1


async def test_a_cancelled_caller_takes_nothing_back() -> None:
    """RM7: the command of a cancelled caller happens; asking again tells so."""
    store = FaultyStore(MemoryStore())
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        store.hold()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, room, "p")
            await store.wait_held()
            nursery.cancel_scope.cancel()
        store.release()
        again = await ask(room, "p")
        assert isinstance(again, Answer)
        assert again.seq == 1


async def test_a_pass_packs_what_streams_and_overtakes_nothing() -> None:
    """RM6: tokens of one part in one pass are one record; a stop between them stands between their records."""
    store = FaultyStore(MemoryStore())
    around = surroundings()
    async with rooms(store, around=around) as all_rooms, all_rooms.use("r") as room:
        run = (await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))).run
        live = await open_live("r", store, {}, around)
        live.decide()
        assert live.begin_request(run, "agent:assistant", "generate.0", 1, "m", {"messages": []})
        for part, word in ((0, "a "), (0, "b "), (1, "c "), (1, "d ")):
            assert live.stream(run, TextStreamed("generate.0", 1, part, word))
        live.command(ANONYMOUS, Stop(id="s"), None, AgentFacts)
        assert not live.stream(run, TextStreamed("generate.0", 1, 1, "late"))
        append = live.append()
    assert append is not None
    streamed = [getattr(record.event, "text", type(record.event).__name__) for record in append.records]
    assert streamed[-3:] == ["a b ", "c d ", "StopRequested"]
