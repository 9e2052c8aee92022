"""Drafts in a room: opened, written by tabs and from inside, decided by log order, closed, found again."""

from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.access import Grant
from plait.protocol.commands import Accept, Propose, Reject, Undo
from plait.protocol.comparison import Comparison
from plait.protocol.errors import OutcomeUnknown, PlaitError, Refused
from plait.protocol.events import DraftAccepted, DraftOpened, HunksAccepted, RunFinished
from plait.protocol.limits import DRAFTS_OPEN, DRAFTS_SETTLED
from plait.protocol.planning import Plan
from plait.protocol.shown import shown_drafts
from plait.protocol.update import read
from plait.runtime import Agent, Call, Runtime, document_tools, tool
from plait.runtime.room.live import Answer
from plait.runtime.room.proposing import look
from plait.runtime.room.reports import Write
from plait.runtime.room.room import Room
from plait.runtime.room.shared import Broken, SharedDocument
from plait.storage.memory import MemoryStore
from plait.storage.store import Append
from pycrdt import Doc, Text

from ..agent.scripted import Scripted, answered, calls, says
from ..agent.test_recovery import cut
from ..agent.test_writing import log_of
from .scene import FakeTab, rooms, surroundings, watching

ANN, BOB = Grant(author="ann"), Grant(author="bob")


def put(text: str, at: int = 0, *, instead: int = 0) -> Any:
    """Insert a text in place of so many bytes."""

    def transform(doc: "Doc[Any]") -> None:
        content = doc.get("content", type=Text)
        if instead:
            del content[at : at + instead]
        content.insert(at, text)

    return transform


async def begun(room: Room) -> str:
    """A base that says something, and a draft of it in which an agent has replaced a word and added one."""
    await room.write("bob", "main", put("A good day."))
    draft = (await room.ask(ANN, Propose(id="p", document="main", title="Better"))).result["draft"]
    await room.write("agent:scribe", draft, put("fine", 2, instead=4))
    await room.write("agent:scribe", draft, put(" Bye.", 11))
    return draft


async def text_of(room: Room, document: str) -> str:
    doc: Doc[Any] = Doc()
    doc.apply_update(await room.document(document))
    return str(doc.get("content", type=Text))


async def test_a_draft_is_opened_edited_and_accepted_by_hunks() -> None:
    """DF1, DF2, DF8: it begins as its base, everybody may write in it, and what is accepted reaches the base's tabs."""
    store = MemoryStore()
    async with rooms(store) as awake, awake.use("r") as room:
        draft = await begun(room)
        watcher, writer = await watching(room, "main"), await watching(room, draft, author="bob")
        assert (watcher.text, writer.text) == ("A good day.", "A fine day. Bye.")
        room.edit(writer, writer.type("Hi. "), step2=False)
        await writer.until("accepted")
        shown = await look("r", store, draft)
        assert [(hunk.author, hunk.deleted_text, hunk.inserted_text) for hunk in shown.hunks] == [
            ("bob", "", "Hi. "),
            ("agent:scribe", "good", "fine"),
            ("agent:scribe", "", " Bye."),
        ]
        answer = await room.ask(ANN, Accept(id="a", draft=draft, hunks=[shown.hunks[1].id], seen=shown.seq))
        assert answer.result == {"hunks": [shown.hunks[1].id], "kept": []}
        assert watcher.text == await text_of(room, "main") == "A fine day."
        assert [hunk.inserted_text for hunk in (await look("r", store, draft)).hunks] == ["Hi. ", " Bye."]
        await room.ask(ANN, Accept(id="b", draft=draft))
        assert watcher.text == writer.text == "Hi. A fine day. Bye."


async def test_the_room_document_shows_drafts() -> None:
    """DF3: what is open, for what, by whom, and what became of it."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        tab = await watching(room)
        draft = await begun(room)
        shown = shown_drafts(tab.doc)[draft]
        assert (shown["of"], shown["title"], shown["author"], shown["status"]) == ("main", "Better", "ann", "open")
        await room.ask(BOB, Reject(id="x", draft=draft))
        assert shown_drafts(tab.doc)[draft]["status"] == "rejected"
        assert shown_drafts(tab.doc)[draft]["decided_by"] == "bob"
        assert await text_of(room, "main") == "A good day."


async def test_of_two_who_decide_at_once_one_does() -> None:
    """DF7: the first in log order counts, in one pass too, and asking again gives the first answer."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        draft = await begun(room)
        told: dict[str, Answer | PlaitError] = {}

        async def ask(grant: Grant, command: Any) -> None:
            try:
                told[command.id] = await room.ask(grant, command)
            except PlaitError as error:
                told[command.id] = error

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, ANN, Accept(id="ann", draft=draft))
            nursery.start_soon(ask, BOB, Reject(id="bob", draft=draft))
        (winner,) = [answer for answer in told.values() if isinstance(answer, Answer)]
        (loser,) = [answer for answer in told.values() if isinstance(answer, Refused)]
        assert loser.code == "already-decided"
        accepted = isinstance(told["ann"], Answer)
        assert await text_of(room, "main") == ("A fine day. Bye." if accepted else "A good day.")
        again = Accept(id="ann", draft=draft) if accepted else Reject(id="bob", draft=draft)
        assert (await room.ask(ANN if accepted else BOB, again)).seq == winner.seq


async def test_of_two_who_accept_one_hunk_one_does() -> None:
    """DF7: the second is told, and the text comes once."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        draft = await begun(room)
        hunk = (await look("r", room.store, draft)).hunks[0].id
        codes: list[str] = []

        async def ask(name: str) -> None:
            try:
                await room.ask(ANN, Accept(id=name, draft=draft, hunks=[hunk]))
            except Refused as refused:
                codes.append(refused.code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "one")
            nursery.start_soon(ask, "two")
        assert codes == ["already-decided"]
        assert await text_of(room, "main") == "A fine day."


async def test_what_was_changed_after_the_look_is_not_decided() -> None:
    """DF7: who says what they have seen accepts nothing else."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        draft = await begun(room)
        shown = await look("r", room.store, draft)
        await room.write("agent:scribe", draft, put("!!", 6))
        with pytest.raises(Refused) as refused:
            await room.ask(ANN, Accept(id="a", draft=draft, hunks=[shown.hunks[0].id], seen=shown.seq))
        assert refused.value.code == "draft-changed"
        await room.ask(ANN, Accept(id="b", draft=draft, hunks=[shown.hunks[1].id], seen=shown.seq))
        assert await text_of(room, "main") == "A good day. Bye."


@pytest.mark.parametrize("written", ["base", "draft"])
async def test_a_decision_is_planned_while_others_write(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DF17, DF7: typing in the document leaves the plan as it is; typing in the draft is looked at, and the last plan
    is made in the pass, however fast people type."""
    plans: list[int] = []
    make = Plan.make
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        draft = await begun(room)

        def made(plan: Plan) -> None:
            make(plan)
            plans.append(plan.tries)
            target = "main" if written == "base" else draft
            room.write_soon(Write("bob", target, put("x"), lambda outcome: None))  # It comes before the decision.

        monkeypatch.setattr(Plan, "make", made)
        answer = await room.ask(ANN, Accept(id="a", draft=draft))
        assert plans == ([1] if written == "base" else [1, 2, 3, 4])
        assert len(answer.result["hunks"]) == (2 if written == "base" else 3)
        assert await text_of(room, "main") == ("xA fine day. Bye." if written == "base" else "xxxA fine day. Bye.")


async def test_a_large_draft_is_decided_while_others_have_their_turn() -> None:
    """DF17: what takes long is done in a thread, so nobody waits for it."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        await room.write("bob", "main", put("long words " * 3000))
        draft = (await room.ask(ANN, Propose(id="p", document="main"))).result["draft"]
        await room.write("agent:scribe", draft, put("fine", 5))
        await room.ask(ANN, Accept(id="a", draft=draft))
        assert (await text_of(room, "main")).startswith("long finewords")


async def test_a_closed_draft_takes_no_edits() -> None:
    """DF4: it can be looked at, and whoever writes is told why not."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        draft = await begun(room)
        await room.ask(ANN, Accept(id="a", draft=draft))
        tab = await watching(room, draft)
        assert tab.text == "A fine day. Bye."
        room.edit(tab, tab.type("?"), step2=False)
        assert await tab.until("denied") == ("denied", "already-decided")
        for what in (Accept(id="c", draft=draft), Reject(id="d", draft=draft, hunks=["1:1"])):
            with pytest.raises(Refused, match="already-decided"):
                await room.ask(ANN, what)
        with pytest.raises(Refused, match="already-decided"):
            await room.write("agent:scribe", draft, put("?"))
        assert await room.write("bob", draft, lambda doc: str(doc.get("content", type=Text)), looks=True)


async def test_who_may_propose_and_who_may_decide() -> None:
    """DF1, DF7: write proposes, decide decides; what there is not cannot be decided."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        for grant in (Grant(write=False), Grant(write=False, decide=False)):
            with pytest.raises(Refused, match="not-allowed"):
                await room.ask(grant, Propose(id="p", document="main"))
        draft = (await room.ask(Grant(decide=False), Propose(id="p", document="main"))).result["draft"]
        with pytest.raises(Refused, match="not-allowed"):
            await room.ask(Grant(decide=False), Accept(id="a", draft=draft))
        for name in ("main", "main~000000000099", "main~1"):
            with pytest.raises(Refused, match="no-such-draft"):
                await room.ask(ANN, Accept(id="a", draft=name))
        with pytest.raises(Refused, match="bad-name"):
            await room.ask(ANN, Propose(id="q", document=draft))


async def test_the_server_writes_a_draft_under_another_id() -> None:
    """DF2: what both get has ids of its own, so whoever has both documents can tell them apart."""
    store = MemoryStore()
    async with rooms(store) as awake, awake.use("r") as room:
        draft = await begun(room)
        await room.write("bob", "main", put("B: "))
        records = [record for record in await store.read("r", 0) if record.document]
        of = {
            name: {
                unit[:2]
                for record in records
                if record.document == name and record.event.__class__.__name__ == "DocumentEdited"
                for unit in read(record.update, own=True).inserted
            }
            for name in ("main", draft)
        }
        assert of["main"]
        assert of[draft]
        assert not of["main"] & of[draft]


async def test_undoing_a_persons_edits_leaves_the_copy_that_they_opened() -> None:
    """DF1: a draft's beginning is nobody's edit."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        draft = await begun(room)
        await room.write("ann", "main", put("x"))
        await room.ask(ANN, Undo(id="u", author="ann"))
        assert await text_of(room, draft) == "A fine day. Bye."


async def test_a_forgotten_draft_is_gone() -> None:
    """DF11: of the settled ones the newest stay; whoever comes to another one is told that there is none."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        await room.write("bob", "main", put("A good day."))
        drafts: list[str] = []
        watchers: list[FakeTab] = []
        for number in range(DRAFTS_SETTLED + 1):
            drafts.append((await room.ask(ANN, Propose(id=f"p{number}", document="main"))).result["draft"])
            if not number:
                watchers = [await watching(room, drafts[0]) for _ in range(2)]
            await room.ask(ANN, Reject(id=f"r{number}", draft=drafts[-1]))
        slow, asked = watchers
        slow.behind = asked.doc.get_state()
        room.catch_up(slow)  # It fell behind before the draft was forgotten.
        room.resync(asked)
        for watcher in watchers:
            assert (await watcher.until("close"))[1] == 4404
        tab = FakeTab(drafts[0])
        room.join(tab)
        assert (await tab.until("close"))[1] == 4404
        assert (await watching(room, drafts[1])).text == "A good day."
        assert sorted(shown_drafts((await watching(room)).doc)) == drafts[1:]
    assert (await look("r", awake.store, drafts[0])).status == "rejected"


async def test_a_base_too_large_to_be_copied_opens_no_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    """DF1: deletions are taken beyond a document's limit, a copy is not; a refused `propose` leaves nothing behind."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        await room.write("bob", "main", put("long " * 100))
        head = room.head
        monkeypatch.setattr(limits, "DOCUMENT_BYTES", 100)
        with pytest.raises(Refused, match="too-large"):
            await room.ask(ANN, Propose(id="p", document="main"))
        assert room.head == head


async def test_a_copy_that_fails_opens_no_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    """DF1: a CRDT that panics at the copy leaves no draft that is empty; the same command may be sent again."""

    def breaks(*_: Any) -> Any:
        raise Broken("as a panic")

    store = MemoryStore()
    async with rooms(store) as awake, awake.use("r") as room:
        await room.write("bob", "main", put("A good day."))
        with monkeypatch.context() as patched:
            patched.setattr(SharedDocument, "write", breaks)
            with pytest.raises(OutcomeUnknown):
                await room.ask(ANN, Propose(id="p", document="main"))
        assert not [record for record in await log_of(store) if isinstance(record.event, DraftOpened)]
        draft = (await room.ask(ANN, Propose(id="p", document="main"))).result["draft"]
        assert await text_of(room, draft) == "A good day."


async def test_drafts_that_wait_are_bounded() -> None:
    """DF11: one more is refused."""
    async with rooms(MemoryStore()) as awake, awake.use("r") as room:
        for number in range(DRAFTS_OPEN):
            await room.ask(ANN, Propose(id=f"p{number}", document="main"))
        with pytest.raises(Refused, match="room-full"):
            await room.ask(ANN, Propose(id="more", document="main"))


async def test_after_any_record_the_room_goes_on_as_if_nothing_had_been() -> None:
    """DF12: cut behind each record of a proposal's life, the room opens to the same drafts, hunks and texts."""
    store = MemoryStore()
    async with rooms(store) as awake, awake.use("r") as room:
        draft = await begun(room)
        first = (await look("r", store, draft)).hunks[0].id
        await room.ask(ANN, Accept(id="a", draft=draft, hunks=[first]))
        await room.write("bob", "main", put("B: "))
        await room.ask(ANN, Reject(id="b", draft=draft, hunks=[(await look("r", store, draft)).hunks[0].id]))
        await room.write("agent:scribe", draft, put("!", 10))
        await room.ask(ANN, Accept(id="c", draft=draft))
        assert await text_of(room, "main") == "B: A fine day!."
    records = await store.read("r", 0)
    whole = next(at for at, record in enumerate(records, 1) if isinstance(record.event, DraftAccepted))
    for seq in range(1, whole + 1):
        left = MemoryStore()
        for record in records[:seq]:
            await left.append(Append("r", record.epoch, record.seq - 1, (record,)))
        async with rooms(left, around=surroundings()) as again, again.use("r") as room:
            if not any(isinstance(record.event, DraftOpened) for record in records[:seq]):
                continue
            comparison = Comparison(draft)
            for record in records[:seq]:
                if record.seq >= int(draft[-12:]):
                    comparison.take(record)
            assert (await look("r", left, draft)).hunks == comparison.hunks()
            if seq < whole:
                await room.ask(ANN, Accept(id="rest", draft=draft))
                assert (await look("r", left, draft)).status == "accepted"


async def test_a_host_proposes_and_decides() -> None:
    """DF1, DF8: `RoomHandle` has the same commands."""
    async with Runtime(MemoryStore()) as runtime:
        room = runtime.room("r")
        await room.edit("main", put("A good day."))
        draft = await room.by("ann").propose("main", title="Better", id="p")
        assert await room.by("ann").propose("main", title="Better", id="p") == draft
        await room.by("ann").edit(draft, put("fine", 2, instead=4))
        shown = await room.draft(draft)
        assert (shown.of, shown.title, shown.author, shown.status, shown.more) == ("main", "Better", "ann", "open", 0)
        assert await room.accept(draft, [shown.hunks[0].id], seen=shown.seq) == {
            "hunks": [shown.hunks[0].id],
            "kept": [],
        }
        await room.reject(draft)
        assert str((await room.document("main")).get("content", type=Text)) == "A fine day."
        shown = await room.draft(draft)
        assert shown.status == "rejected"
        assert [(one.verdict, one.hunks, one.whole) for one in shown.decisions] == [
            ("accepted", 1, False),
            ("rejected", 0, True),
        ]
        with pytest.raises(Refused, match="no-such-draft"):
            await room.draft("main")


async def test_whoever_wrote_what_was_accepted_can_be_told() -> None:
    """DF15: by the acceptance's record and those of the draft."""
    store = MemoryStore()
    async with rooms(store) as awake, awake.use("r") as room:
        draft = await begun(room)
        await room.ask(ANN, Accept(id="a", draft=draft))
    records = await store.read("r", 0)
    (accepted,) = [record for record in records if isinstance(record.event, HunksAccepted)]
    comparison = Comparison(draft)
    for record in records:
        comparison.take(record)
    wrote = [
        (records[seq - 1].author, records[seq - 1].document)
        for client, start, end in read(accepted.update, own=True).inserted
        for seq in {comparison.wrote(client, clock) for clock in range(start, end)}
    ]
    assert set(wrote) == {("agent:scribe", draft)}


@tool(effect="idempotent")
async def shorten(call: Call) -> str:
    """Propose a shorter text, and another title."""
    first = await call.draft("main", title="Shorter")
    await first.edit(put("fine", 2, instead=4))
    second = await call.draft("main")
    return f"{first.name} {second.name}"


def author() -> Agent:
    model = Scripted(lambda request: says("Done.") if answered(request) else calls(("c", "shorten", "{}")))
    return Agent("author", model, tools=[shorten], title=False)


async def test_a_call_has_the_same_drafts_in_each_attempt() -> None:
    """DF14: cut behind each record, the next attempt goes on with the drafts of the one before."""
    store = MemoryStore()
    async with Runtime(store, [author()]) as runtime:
        room = runtime.room("r")
        await room.edit("main", put("A good day."))
        run = await room.prompt("Go", id="p")
        await room.wait(run)
    records = await store.read("r", 0)
    opened = [record for record in records if isinstance(record.event, DraftOpened)]
    assert [(record.author, record.run) for record in opened] == [("agent:author", run)] * 2
    asked = next(record.seq for record in records if record.run == run)
    for seq in range(asked, next(record.seq for record in records if isinstance(record.event, RunFinished))):
        if isinstance(records[seq - 1].event, DraftOpened):
            continue  # What a command writes is one append, and nothing cuts it.
        async with Runtime(await cut(records, seq), [author()]) as runtime:
            room = runtime.room("r")
            with trio.fail_after(60):
                await room.wait(run)
            after = await runtime.store.read("r", 0)
            names = [record.event.draft for record in after if isinstance(record.event, DraftOpened)]
            assert len(names) == 2, seq
            (hunk,) = (await room.draft(names[0])).hunks
            said = (hunk.author, hunk.run, hunk.deleted_text, hunk.inserted_text)
            assert said == ("agent:author", run, "good", "fine")


async def test_a_call_that_is_tried_alone_has_drafts_of_its_own() -> None:
    """DF14: without a room too."""
    call = Call()
    await call.document("main").edit(put("one"))
    draft = await call.draft("main")
    await draft.edit(put("two"))
    assert await draft.read(lambda doc: str(doc.get("content", type=Text))) == "twoone"
    assert await call.document("main").read(lambda doc: str(doc.get("content", type=Text))) == "one"


async def test_an_agent_whose_draft_was_closed_proposes_in_another_one() -> None:
    """DF16: people may decide while the run goes on."""
    answers = [
        calls(("a", "replace_text", '{"old": "good", "new": "fine"}')),
        calls(("w", "wait_for_ann", "{}")),
        calls(("b", "insert_text", '{"new": " Bye."}')),
        says("Done."),
    ]

    @tool(effect="idempotent")
    async def wait_for_ann() -> str:
        """Let a person decide."""
        (draft,) = [record.event.draft for record in await store.read("r", 0) if isinstance(record.event, DraftOpened)]
        await room.by("ann").accept(draft, id="yes")
        return "She did."

    model = Scripted(lambda request: answers[answered(request)])
    agent = Agent("author", model, tools=[*document_tools(propose=True), wait_for_ann], title=False)
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        await room.edit("main", put("A good day."))
        shown = await room.wait(await room.prompt("Go"))
        assert [part["state"] for part in shown["parts"] if part["type"] == "tool"] == ["done"] * 3
        assert str((await room.document("main")).get("content", type=Text)) == "A fine day."
        opened = [record.event.draft for record in await store.read("r", 0) if isinstance(record.event, DraftOpened)]
        assert len(opened) == 2
        assert [hunk.inserted_text for hunk in (await room.draft(opened[1])).hunks] == [" Bye."]


async def test_an_agent_that_proposes_never_writes_a_document() -> None:
    """DF16: its calls read and edit one draft of the run."""
    answers = [
        calls(("a", "replace_text", '{"old": "good", "new": "fine"}')),
        calls(("b", "insert_text", '{"new": " Bye.", "document": "main"}')),
        calls(("c", "read_document", "{}")),
        says("Done."),
    ]
    model = Scripted(lambda request: answers[answered(request)])
    agent = Agent("author", model, tools=document_tools(propose=True), title=False)
    assert "write_text" not in agent.tools
    store = MemoryStore()
    async with Runtime(store, [agent]) as runtime:
        room = runtime.room("r")
        await room.edit("main", put("A good day."))
        shown = await room.wait(await room.prompt("Go"))
        assert [part["state"] for part in shown["parts"] if part["type"] == "tool"] == ["done"] * 3
        assert "A fine day. Bye." in next(
            part["result"] for part in shown["parts"] if part.get("name") == "read_document"
        )
        opened = [record for record in await store.read("r", 0) if isinstance(record.event, DraftOpened)]
        (draft,) = [record.event.draft for record in opened if isinstance(record.event, DraftOpened)]
        assert str((await room.document("main")).get("content", type=Text)) == "A good day."
        await room.accept(draft)
        assert str((await room.document("main")).get("content", type=Text)) == "A fine day. Bye."
