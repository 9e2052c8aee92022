"""A glance at one place says what the whole past says, or nothing; and it reads little."""

import random
from typing import Any

import pytest
from plait.protocol.events import DocumentEdited, Record
from plait.protocol.positions import RelativePosition, UnitId
from plait.protocol.state import VERSION
from plait.runtime import Runtime
from plait.runtime.replay.moment import Moment
from plait.runtime.room import past
from plait.runtime.room.past import Blame, Past, Pasts, Question
from plait.storage import Append, Reader, Snapshot, Store, open_store
from plait.storage.memory import MemoryStore
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from .test_past import Counting


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "_FEW", 0)


async def write(store: Store, updates: list[bytes], snapshot: int) -> None:
    """A room with these edits of `main`, and a snapshot after so many of them."""
    records = [Record(seq, seq, f"p{seq % 3}", "", 1, DocumentEdited(), "main", u) for seq, u in enumerate(updates, 1)]
    await store.append(Append("r", 1, 0, tuple(records)))
    moment = Moment()
    moment.take(records[:snapshot])
    await store.save_snapshot("r", Snapshot(snapshot, VERSION, moment.kept()))


async def both(store: Reader, question: Question, document: str = "main") -> tuple[Blame | None, Blame]:
    """What a glance gives, and what the past does."""
    whole = Past(store, "r", document)
    await whole.catch_up()
    glance = await past._glanced(store, "r", document, question, 0)  # pyright: ignore[reportPrivateUsage]
    return glance, await whole.answer(question)


SMILES = "é🙂🙂"
BYTES = len(SMILES.encode())
"""Where ASCII begins: places are counted in bytes here, and no character is to be cut."""


class Typing:
    """Several people in one document, each with a client of their own, who see each other's edits now and then."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.docs = [Doc[Any](client_id=client) for client in (5, 2**40, 77)]
        begun = self.docs[0].get("content", type=Text)
        begun.insert(0, SMILES)
        self.updates = [self.docs[0].get_update()]
        for doc in self.docs:
            doc.apply_update(self.updates[0])

    def edit(self) -> None:
        doc = self.chance.choice(self.docs)
        if self.chance.random() < 0.7:
            doc.apply_update(self._all().get_update(doc.get_state()))
        before, known = doc.get_state(), len(self.updates)
        text, page = doc.get("content", type=Text), doc.get("default", type=XmlFragment)
        match self.chance.randrange(7):
            case 0 if len(text) > BYTES:
                start = self.chance.randrange(BYTES, len(text))
                del text[start : min(start + self.chance.randint(1, 9), len(text))]
            case 1:
                doc.get("state", type=Map)[self.chance.choice("ab")] = self.chance.randrange(9)
                doc.get("list", type=Array).append(known)
            case 2:
                page.children.append(XmlElement("p", {"n": str(known)}, [XmlText(f"wörds {known}")]))
            case 3 if len(page.children):
                del page.children[self.chance.randrange(len(page.children))]
            case _:
                text.insert(self.chance.randint(BYTES, len(text)), self.chance.choice(("word ", "two", "x")))
        update = doc.get_update(before)
        if update != b"\x00\x00":
            self.updates.append(update)

    def _all(self) -> "Doc[Any]":
        doc: Doc[Any] = Doc()
        for update in self.updates:
            doc.apply_update(update)
        return doc


@pytest.mark.parametrize("seed", range(6))
async def test_it_is_what_the_past_says(seed: int) -> None:
    """BL20: of each unit of a text, alone and with its neighbours, and of each item that is named."""
    typing = Typing(seed)
    for _ in range(60):
        typing.edit()
    store = MemoryStore()
    await write(store, typing.updates, snapshot=typing.chance.randint(20, len(typing.updates)))
    found = missed = 0
    whole = Past(store, "r", "main")
    await whole.catch_up()
    spans = (await whole.answer(Question())).spans
    length = max((span.units[1] for span in spans if span.path == ("content",)), default=0)
    places = [RelativePosition(item=UnitId(client, start)) for span in spans for client, start, _ in span.ids]
    questions = [Question(root="content", at=at, length=1 + at % 4) for at in range(length + 1)]
    questions += [Question(place=place) for place in places]
    for question in questions:
        glance = await past._glanced(store, "r", "main", question, 0)  # pyright: ignore[reportPrivateUsage]
        found, missed = found + (glance is not None), missed + (glance is None)
        assert glance is None or glance == await whole.answer(question), question
    assert found > 4 * missed


async def test_what_only_the_past_knows(autojump_clock: Any) -> None:
    """BL20: drafts, undos, what was deleted, another moment, pages; each is answered by the past."""
    store = MemoryStore()
    async with Runtime(store, []) as runtime:
        room = runtime.room("r")
        await room.by("ada").edit("notes", lambda doc: doc.get("content", type=Text).insert(0, "Ada's own words"))
        draft = await room.by("bob").propose("notes")
        await room.by("bob").edit(draft, lambda doc: doc.get("content", type=Text).insert(0, "Bob's "))
        await room.by("dan").accept(draft)
        await room.by("eve").edit("notes", lambda doc: doc.get("content", type=Text).clear())
        await room.by("fay").undo(by="eve")
        await room.by("ada").edit("notes", lambda doc: doc.get("content", type=Text).insert(21, ", more"))
    moment = Moment()
    records = await store.read("r")
    moment.take(records)
    await store.save_snapshot("r", Snapshot(moment.seq, VERSION, moment.kept()))
    for question in (
        Question(at=2),
        Question(at=8),
        Question(at=20, length=4),
        Question(at=23, deleted=True),
        Question(at=23, seq=2),
        Question(at=23, after=1),
        Question(root="content"),
        Question(place=RelativePosition(tname="content")),
        Question(place=RelativePosition(item=UnitId(1, 1))),
    ):
        assert await past._glanced(store, "r", "notes", question, 0) is None  # pyright: ignore[reportPrivateUsage]
    glance, whole = await both(store, Question(at=23), "notes")
    assert glance == whole
    assert [one.author for one in whole.records.values()] == ["ada"]
    (undone,) = (await Pasts(store).ask("r", "notes", Question(at=8))).spans
    assert undone.restored


async def test_what_came_twice_is_left_to_the_past() -> None:
    """BL20: a log in which something was sent again is not halved; neither is one without a snapshot."""
    typing, store = Typing(1), MemoryStore()
    doc, typing.updates = Doc[Any](client_id=5), []
    for word in ("one ", "two ", "three "):
        before = doc.get_state()
        doc.get("content", type=Text).insert(0, word)
        typing.updates.append(doc.get_update(before))
    both_again = Doc[Any](client_id=5)
    both_again.apply_update(typing.updates[0])
    state = both_again.get_state()
    typing.updates[2] = doc.get_update(state)
    await write(store, typing.updates, snapshot=3)
    for at in range(6):
        glance, whole = await both(store, Question(root="content", at=at))
        assert whole.spans[0].seq == 3
        assert glance is None
    bare = MemoryStore()
    await bare.append(Append("r", 1, 0, tuple(await store.read("r"))))
    assert (await both(bare, Question(at=1)))[0] is None


async def test_it_reads_little(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """BL20: of a document of two thousand records some twenty; when it is asked about again all are read and kept."""
    doc, updates = Doc[Any](client_id=5), list[bytes]()
    doc.observe(lambda event: updates.append(event.update))
    text = doc.get("content", type=Text)
    for number in range(2000):
        text.insert(number // 2, "x")
    monkeypatch.setattr(past, "_FEW", 500)
    store = Counting()
    await write(store, updates, snapshot=1990)
    async with open_store(f"sqlite:///{tmp_path}/plait.db", inline=True) as kept:
        await write(kept, updates, snapshot=1990)
        for at in (0, 700, 1999):
            store.reads = 0
            first = await Pasts(store).ask("r", "main", Question(root="content", at=at))
            assert store.reads < 40
            assert first == await Pasts(kept).ask("r", "main", Question(root="content", at=at))
    pasts, read = Pasts(store), list[int]()
    for _ in range(3):
        store.reads = 0
        again = await pasts.ask("r", "main", Question(root="content", at=1999))
        assert again == first
        read.append(store.reads)
    assert read[0] < 40
    assert read[1:] == [2000, 0]
