"""What one command, one reader or one bad moment of the store may cost: never the room, and never an answer."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from outcome import Error, Outcome
from plait.protocol import limits
from plait.protocol.access import ANONYMOUS
from plait.protocol.commands import Prompt, Propose
from plait.protocol.errors import OutcomeUnknown, PlaitError, Refused
from plait.protocol.events import Record
from plait.protocol.parsing import CommandRefused, parse
from plait.protocol.state import RoomState, Run, Steer, Step
from plait.runtime import Runtime
from plait.runtime.agent.transcript import transcript
from plait.runtime.models.model import Assistant, User
from plait.runtime.room import live
from plait.runtime.room.editing import Place
from plait.runtime.room.reports import Write
from plait.runtime.room.room import Room
from plait.storage.errors import StoreError, StoreFull
from plait.storage.faults import FaultyStore
from plait.storage.memory import MemoryStore
from pycrdt import Doc, Text

from .scene import FakeTab, Idle, rooms, watching


async def test_no_command_makes_its_pass_fail() -> None:
    """RM15: a run id of digits that are no number, and arguments nested as deep as the decoder goes."""
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
        stop = parse('{"id":"s","do":"stop","run":"' + "²" * 12 + '"}')
        with pytest.raises(Refused) as refused:
            await room.ask(ANONYMOUS, stop)  # type: ignore[arg-type]
        assert refused.value.code == "no-such-run"
        assert room.reopened == 0


async def test_a_command_that_nothing_came_of_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """RM15: what goes wrong before anything was written is a refusal of that command; the room is not read again."""

    def fails(*_: Any) -> Any:
        raise ValueError("a mistake of ours")

    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        with monkeypatch.context() as patched:
            patched.setattr(live, "judge", fails)
            with pytest.raises(Refused) as refused:
                await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
        assert refused.value.code == "bad-request"
        assert room.reopened == 0
        await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))


async def test_a_command_that_breaks_its_room_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """RM15: a command amid whose records something fails has the room read again; who asks a third time is refused, and
    everybody else is not."""
    judged = live.Live._judged  # type: ignore[attr-defined]

    def breaks(self: Any, grant: Any, command: Any, *more: Any, **named: Any) -> Any:
        answer = judged(self, grant, command, *more, **named)
        if command.id == "bad":
            raise ValueError("a mistake of ours")
        return answer

    monkeypatch.setattr(live.Live, "_judged", breaks)
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        for times in (1, 2):
            with pytest.raises(OutcomeUnknown):
                await room.ask(ANONYMOUS, Prompt(id="bad", text="hi"))
            assert room.reopened == times
        with pytest.raises(Refused):
            await room.ask(ANONYMOUS, Prompt(id="bad", text="hi"))
        assert room.reopened == 2
        assert (await room.ask(ANONYMOUS, Prompt(id="good", text="hi"))).seq == 1


async def test_who_comes_to_a_broken_document_waits_for_it() -> None:
    """SD3: an edit that raises amid its changes is read out again; the next one in the same pass is carried out, once,
    on what the log says."""

    def breaks(doc: "Doc[Any]") -> None:
        doc.get("content", type=Text).insert(0, "half")
        raise ZeroDivisionError

    def writes(doc: "Doc[Any]") -> str:
        doc.get("content", type=Text).insert(0, "whole ")
        return str(doc.get("content", type=Text))

    told: list[Outcome[Any]] = []
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        await room.write("ann", "main", lambda doc: doc.get("content", type=Text).insert(0, "one"))
        head = room.head
        for change in (breaks, writes):
            room.write_soon(Write("ann", "main", change, told.append))
        propose = await room.ask(ANONYMOUS, Propose(id="p", document="main"))
        assert isinstance(told[0], Error)
        assert told[1].unwrap() == "whole one"
        assert (room.head, propose.seq) == (head + 3, head + 2)
        assert room.reopened == 0


async def test_who_could_not_write_is_not_seen() -> None:
    """SD5: an agent is in a document from its first look or edit on, not from one that was refused."""
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room, "main")
        run = (await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))).run
        with pytest.raises(Refused):
            await room.write("agent:assistant", "main", lambda doc: None, Place(run, "s", 1))
        assert not [said for said in tab.said if said[0] == "presence"]
        await room.write("agent:assistant", "main", lambda doc: None, Place(run, "s", 1), looks=True)
        assert [said for said in tab.said if said[0] == "presence"]


@pytest.mark.parametrize(
    "command",
    [
        '{"id":"a","do":"answer","run":"1","step":"s","answer":%s}',
        '{"id":"a","do":"return-tool-result","run":"1","step":"s","number":1,"result":%s}',
        '{"id":"a","do":"resolve","run":"1","step":"s","verdict":"happened","result":%s}',
    ],
)
def test_values_in_commands_have_a_depth(command: str) -> None:
    """RM15: they are decoded, told apart and written down on stacks of different height, and none may be the first to
    find them too deep."""
    deepest = "[" * limits.UPDATE_DEPTH + "]" * limits.UPDATE_DEPTH
    assert parse(command % deepest)
    assert parse(command % f"[{deepest[1:-1]}, {deepest[1:-1]}, 1]")
    for hostile in (f"[{deepest}]", '{"a":' * 900 + "1" + "}" * 900):
        with pytest.raises(CommandRefused) as refused:
            parse(command % hostile)
        assert refused.value.code == "bad-json"
        assert refused.value.id == "a"


def test_objects_in_commands_have_a_depth() -> None:
    """RM15: the parameters of a tab's tool and the schema of an answer, which are objects, too."""
    deepest = '{"a":' * limits.UPDATE_DEPTH + "1" + "}" * limits.UPDATE_DEPTH
    for command in (
        '{"id":"a","do":"register-tools","tab":"t","tools":[{"name":"x"},{"name":"y","parameters":%s}]}',
        '{"id":"a","do":"edit-prompt","run":"1","text":"x","options":{"output":{"name":"x","schema":%s}}}',
    ):
        assert parse(command % deepest)
        with pytest.raises(CommandRefused) as refused:
            parse(command % f'{{"a":{deepest}}}')
        assert refused.value.code == "bad-json"


@pytest.mark.parametrize(
    "command",
    [
        '{"id":"a","do":"set-room","metadata":{"key\\n":"x"}}',
        '{"id":"a","do":"register-tools","tab":"t","tools":[{"name":"paint\\n"}]}',
        '{"id":"a","do":"prompt","text":"x","attachments":[{"blob":"%s\\n"}]}' % ("a" * 64),
        '{"id":"a","do":"prompt","text":"x","options":{"output":{"name":"x\\n","schema":{}}}}',
    ],
)
def test_a_name_ends_where_it_ends(command: str) -> None:
    """CT1: a line feed behind it is refused, as JavaScript reads the same pattern; a vendor would refuse such a tool
    with each request of the room."""
    assert parse(command.replace("\\n", ""))
    with pytest.raises(CommandRefused):
        parse(command)


class Unreadable(FaultyStore):
    """Its reads fail from `broken` on, as those of a disk do that is gone."""

    broken = False

    async def read(self, room: str, after: int = 0, limit: int = 500) -> list[Record]:
        if self.broken:
            raise StoreError("the disk is gone, as this test asked")
        return await super().read(room, after, limit)

    async def unfinished(self, due: int | None = None, after: str = "", limit: int = 100) -> list[str]:
        if self.broken:
            raise StoreError("the disk is gone, as this test asked")
        return await super().unfinished(due, after, limit)


async def test_a_room_that_dies_tells_everybody() -> None:
    """RM36: it cannot be read again; its tabs are closed, and its followers are told by whoever opens it next."""
    store = Unreadable(MemoryStore())
    async with Runtime(store) as runtime:
        async with runtime.rooms.use("r") as room:
            tab = await watching(room)
            room.edit(tab, b"\x00\x00", step2=True)
            told: list[str] = []

            async def follow() -> None:
                try:
                    async for _ in runtime.room("r").follow():
                        told.append("record")
                except StoreError as error:
                    told.append(type(error).__name__)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(follow)
                await trio.testing.wait_all_tasks_blocked()
                store.broken = True
                store.fail_before()
                shared = await _wait_for_edit(room)
                with trio.fail_after(5):
                    await room.ended.wait()
            assert shared
        assert tab.said[-1] == ("close", 1013)
        assert told == ["StoreError"]


async def _wait_for_edit(room: Room) -> bool:
    """Make a change whose append fails; True once its author was told that it is not there."""
    tab = FakeTab("notes")
    room.join(tab)
    room.edit(tab, tab.type("lost"), step2=False)
    return bool(await tab.until("denied"))


class Broken(Idle):
    """A crew with a bug that only shows at work."""

    def settle(self, room: Room, state: RoomState, work: Sequence[object], nursery: trio.Nursery) -> None:
        if state.runs:
            raise RuntimeError("a bug, as this test asked")


async def test_a_bug_in_a_room_closes_its_sockets() -> None:
    """RM36: a tab of a room that is no more would wait for ever, kept alive and unanswered."""
    async with rooms(MemoryStore(), Broken()) as all_rooms, all_rooms.use("r") as room:
        tab = await watching(room)
        await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
        with trio.fail_after(5):
            await room.ended.wait()
            await tab.until("close")
        with pytest.raises(PlaitError):
            await room.beyond(1_000)


async def test_a_store_that_cannot_be_read_for_a_while(autojump_clock: trio.testing.MockClock) -> None:
    """RM37: looking for work fails, at the start and later; the process and its rooms go on."""
    store = Unreadable(MemoryStore())
    store.broken = True
    async with rooms(store) as all_rooms:
        await trio.sleep(limits.DUE_S * 2.5)
        store.broken = False
        async with all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
            store.broken = True
            await trio.sleep(limits.DUE_S * 2.5)
            store.broken = False
            await room.ask(ANONYMOUS, Prompt(id="q", text="hi"))


async def test_the_rooms_tell_what_their_store_suffers_from() -> None:
    """SV31: from a failed append to the next one that is kept, and from a failed opening to the next one that works."""
    store = Unreadable(MemoryStore())
    async with rooms(store) as all_rooms:
        async with all_rooms.use("r") as room:
            await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
            assert all_rooms.trouble == ""
            for error, code in ((StoreFull("full"), "store-full"), (StoreError("gone"), "store-failed")):
                store.fail_before(error)
                with pytest.raises(PlaitError):
                    await room.ask(ANONYMOUS, Prompt(id=code, text="hi"))
                assert all_rooms.trouble == code
                await room.ask(ANONYMOUS, Prompt(id=code, text="hi"))
                assert all_rooms.trouble == ""
        store.broken = True
        with pytest.raises(StoreError):
            async with all_rooms.use("other"):
                pass
        assert all_rooms.trouble == "store-failed"
        store.broken = False
        async with all_rooms.use("other"):
            assert all_rooms.trouble == ""


@pytest.mark.parametrize("syncs", ["never", "after", "before"])
async def test_every_accepted_edit_is_told(syncs: str) -> None:
    """RM28: whether a tab asks for deltas never, behind its edit or before it in the same pass."""
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        tab = FakeTab("notes")
        room.join(tab)
        if syncs == "before":
            room.step1(tab, tab.doc.get_state())
        edit = tab.type("mine")
        room.edit(tab, edit, step2=False)
        if syncs == "after":
            room.step1(tab, tab.doc.get_state())
        _, update, echo = await tab.until("accepted")
        assert (update, echo) == (edit, True)
        room.step1(tab, tab.doc.get_state())
        await tab.until("step2", 1 if syncs == "never" else 2)
        room.edit(tab, tab.type("again"), step2=False)
        assert (await tab.until("accepted", 2))[2] is False


async def test_a_look_leaves_no_trace() -> None:
    """RM26: looking from a program, too."""
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        for n in range(limits.DOCUMENTS_PER_ROOM + 1):
            await room.document(f"never-written-{n}")


def test_what_was_said_while_a_request_was_on_its_way_is_the_newest_word() -> None:
    """DE10: said before the request was written down, and not in it: it stands behind the answer."""
    run = Run("000000000001", "a", "Go", "ada", "running")
    run.steers = [Steer(3, "ada", "left", after=0)]
    run.steps = {"generate.0": Step("generate.0", "model", 1, 1, "done", text=["On my way."], steered=True)}
    said = transcript(RoomState(runs={run.id: run}), run)
    assert said == [User("Go"), Assistant("On my way.", ()), User("left")]
