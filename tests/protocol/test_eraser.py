"""The eraser: what one person said leaves a log, what others said stays, and the room still opens."""

import random
import types
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import FieldInfo, fields
from plait.protocol.codec import encode_event
from plait.protocol.erased import CONTENT, WORD, erased
from plait.protocol.eraser import Eraser
from plait.protocol.errors import Refused
from plait.protocol.events import Event, ModelRequested, Record
from plait.protocol.shown import shown_runs
from plait.protocol.update import fits, read
from plait.runtime import Agent, Runtime
from plait.runtime.room.live import Live
from plait.runtime.room.opening import replay
from plait.storage import MemoryStore
from plait.storage.erasing import plan
from pycrdt import Array, Doc, Map, Text

from ..golden.test_golden import LOGS, load
from ..runtime.agent.scripted import Scripted, says
from ..runtime.room.scene import surroundings

IDS = {
    "mandate",
    "agent", "tab", "after", "instead", "parent", "step", "on_behalf_of", "code", "model", "finish", "usage", "call",
    "name", "effect", "shows", "verdict", "run", "tools", "running", "clocks", "document", "of", "draft", "records",
    "hunks", "kept", "moved", "gone", "format", "root", "kind", "schema", "subject", "salt", "by", "lineage",
    "change", "going", "fork", "documents", "kin", "edits", "command", "what",
    "room", "hash",
}  # fmt: skip
"""Fields that hold ids, words of the vocabulary, numbers of units, or what a program and not a person gave."""


def test_each_field_is_content_or_not() -> None:
    """ER2: every field of every event that could hold words is on one of the two sides."""
    for event in get_args(Event):
        said = CONTENT.get(event.__name__, {})
        names = {field.name for field in fields(event)}
        assert set(said) <= names
        for field in fields(event):
            if field.name not in said and _wordy(field):
                name = f"{event.__name__}.{field.name}"
                assert field.name in IDS or name == "SubjectErased.digest", name


def _wordy(field: FieldInfo) -> bool:
    args = get_args(field.type) if isinstance(field.type, types.UnionType) else (field.type,)
    return any(arg not in (int, float, bool, type(None)) for arg in args)


def without(records: list[Record], subject: str) -> list[Record]:
    eraser = Eraser((subject,))
    return [eraser.take(record) for record in records]


def opened(records: list[Record]) -> Live:
    """The room that this log makes; every update fits where it stands."""
    live = Live("r", 9, 99, {}, surroundings())
    clocks: dict[str, dict[int, int]] = {}
    for record in records:
        known = clocks.setdefault(record.document, {})
        if record.update:
            update = read(record.update, own=True)
            assert fits(update, known)
            for section in update.sections:
                known[section.client] = max(known.get(section.client, 0), section.end)
        replay(live, record)
    return live


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_anybody_can_be_erased_from_the_golden_logs(path: Path) -> None:
    """ER1, ER3: the room opens with the same runs in the same states, erasing again changes nothing."""
    records = load(path)
    for subject in {record.author for record in records if not record.author.startswith(("agent:", "plait"))}:
        gone = without(records, subject)
        assert any(a is not b for a, b in zip(gone, records, strict=True))
        for old, new in zip(records, gone, strict=True):
            assert (old.seq, old.author, type(old.event)) == (new.seq, new.author, type(new.event))
        before, after = opened(records), opened(gone)
        assert [(r.id, r.status) for r in after.state.runs.values()] == [
            (r.id, r.status) for r in before.state.runs.values()
        ]
        shown, was = shown_runs(after.room_document.doc), shown_runs(before.room_document.doc)
        for run, one in was.items():
            assert [part.get("state") for part in shown[run]["parts"]] == [part.get("state") for part in one["parts"]]
            assert shown[run]["status"] == one["status"]
            assert shown[run].keys() == one.keys()
            if one["author"] == subject:
                assert shown[run]["prompt"] == WORD
        for name in before.state.documents:
            assert after.shared[name].doc.get_state() == before.shared[name].doc.get_state()
        again = without(gone, subject)
        assert all(a is b for a, b in zip(again, gone, strict=True))


def test_an_event_is_erased_once() -> None:
    """ER2: what is erased is erased: the same event, in the same bytes."""
    for path in LOGS:
        for record in load(path):
            once = erased(record.event)
            assert erased(once) is once
            assert (
                msgspec.msgpack.decode(encode_event(once))["type"]
                == msgspec.msgpack.decode(encode_event(record.event))["type"]
            )


# --- random histories -------------------------------------------------------------------------------------------------

PEOPLE = {"ann": "AAA", "bob": "BBB", "cleo": "CCC"}
"""What their words begin with; long enough that no numbers of an update look like it."""


def secret(author: str, number: int) -> str:
    """A word of that person's that stands nowhere else."""
    return f"<{PEOPLE[author]}{number}>"


class World:
    """A room in which three people write, undo each other, propose, decide, and prompt an agent."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.store = MemoryStore()
        self.number = 0

    def word(self, author: str) -> str:
        self.number += 1
        return secret(author, self.number)

    async def play(self, steps: int) -> list[Record]:
        def answer(request: dict[str, Any]) -> Any:
            prompt = [m["text"] for m in request["messages"] if m["role"] == "User"][-1]
            return says(f"You said {prompt}.")

        agent = Agent("assistant", Scripted(answer), title=False)
        async with Runtime(self.store, [agent], surroundings=surroundings()) as runtime:
            room = runtime.room("r")
            drafts: list[str] = []
            for step in range(steps):
                with suppress(Refused):  # Nothing is left to undo, or the draft is closed.
                    await self._step(room, step, self.dice.choice(list(PEOPLE)), drafts)
        return await self.store.read("r", limit=100_000)

    async def _step(self, room: Any, step: int, author: str, drafts: list[str]) -> None:
        me, what = room.by(author), self.dice.random()
        if what < 0.5 or step < 3:
            await me.edit(self.dice.choice(["notes", "notes", *drafts]), self._writing(author))
        elif what < 0.6:
            await me.undo(by=self.dice.choice(list(PEOPLE)), document="notes", id=f"u{step}")
        elif what < 0.7 and len(drafts) < 2:
            drafts.append(await me.propose("notes", title=self.word(author), id=f"d{step}"))
        elif what < 0.85 and drafts:
            name = self.dice.choice(drafts)
            hunks = [hunk.id for hunk in (await room.draft(name)).hunks]
            some = self.dice.sample(hunks, self.dice.randint(1, len(hunks))) if hunks else []
            if some:
                await (me.accept if self.dice.random() < 0.7 else me.reject)(name, some, id=f"h{step}")
        else:
            await room.wait(await me.prompt(self.word(author), id=f"p{step}"))

    def _writing(self, author: str) -> Any:
        def transform(doc: "Doc[Any]") -> None:
            text = doc.get("content", type=Text)
            # Between words, so that everybody's words can be found whole.
            places = [0, *(n + 1 for n, char in enumerate(str(text)) if char == ">")]
            if self.dice.random() < 0.25 and len(places) > 1:
                at = self.dice.randrange(len(places) - 1)
                del text[places[at] : places[at + 1]]
            else:
                text.insert(self.dice.choice(places), self.word(author))
            doc.get("state", type=Map)[self.dice.choice("xyz")] = self.word(author)
            doc.get("list", type=Array).append(self.word(author))

        return transform


def words(records: list[Record]) -> str:
    """All bytes of these records, as text."""
    return b"".join(encode_event(record.event) + record.update for record in records).decode("latin-1")


def split(text: str) -> list[str]:
    return [f"<{part}" for part in text.split("<")[1:]]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_random_history_without_one_person(seed: int) -> None:
    """ER1, ER4, ER5: none of their words is left in any record, everybody else's stand in the documents as before."""
    world = World(seed)
    records = trio.run(world.play, 30)
    for subject, letter in PEOPLE.items():
        gone = without(records, subject)
        assert f"<{letter}" not in words(gone)
        before, after = opened(records), opened(gone)
        for name in before.state.documents:
            was, now = before.shared[name].doc, after.shared[name].doc
            assert now.get_state() == was.get_state()
            text = split(str(was.get("content", type=Text)))
            assert split(str(now.get("content", type=Text))) == [w for w in text if not w.startswith(f"<{letter}")]
            listed = [w for w in was.get("list", type=Array).to_py() or [] if not w.startswith(f"<{letter}")]
            assert (now.get("list", type=Array).to_py() or []) == listed
            state = (was.get("state", type=Map).to_py() or {}).items()
            assert (now.get("state", type=Map).to_py() or {}) == {
                k: w for k, w in state if not w.startswith(f"<{letter}")
            }


async def test_who_a_run_is_for(autojump_clock: Any) -> None:
    """ER1: an agent's records are those of whoever its run is for, also where a service asked on their behalf."""
    store = MemoryStore()
    agent = Agent("assistant", Scripted(lambda request: says("A secret.")), title=False)
    async with Runtime(store, [agent], surroundings=surroundings()) as runtime:
        room = runtime.room("r")
        await room.wait(await room.by("bob").prompt("mine", id="p1"))
    records = await store.read("r")
    event = msgspec.structs.replace(records[0].event, on_behalf_of="ann")
    records[0] = msgspec.structs.replace(records[0], author="service", event=event)
    assert "secret" in words(without(records, "service"))
    assert "secret" not in words(without(records, "ann"))
    erasure = await plan(store, "r", "bob", by="root", now=1, salt=bytes(16))
    assert erasure is not None
    assert "secret" not in words(list(erasure.changed))


async def test_what_models_were_asked(autojump_clock: Any) -> None:
    """ER6: a request of somebody else's holds what the person said before it, so it goes; those from before stay."""
    store = MemoryStore()
    agent = Agent("assistant", Scripted(lambda request: says("Fine.")), title=False)
    async with Runtime(store, [agent], surroundings=surroundings()) as runtime:
        room = runtime.room("r")
        for author, number in (("bob", 1), ("ann", 2), ("bob", 3)):
            await room.wait(await room.by(author).prompt(secret(author, number), id=f"p{number}"))
    records = await store.read("r")
    gone = without(records, "ann")
    first, _, last = [record.event for record in gone if isinstance(record.event, ModelRequested)]
    assert secret("bob", 1) in repr(first)
    assert secret("bob", 3) not in repr(last)
    assert secret("bob", 3) in words([record for record in gone if record.author == "bob"])
