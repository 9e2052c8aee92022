"""Blame, asked of real rooms' logs: people and agents in one document, after a restart, within a server's bounds."""

import random
from contextlib import suppress
from typing import Any

import pytest
import trio
from plait.protocol import limits
from plait.protocol.errors import Refused
from plait.protocol.events import (
    DocumentEdited,
    Record,
)
from plait.protocol.positions import RelativePosition, UnitId
from plait.runtime import Agent, Blame, Call, Runtime, blame, tool
from plait.runtime.room.past import Past, Pasts, Question, shown
from plait.storage import Append, RoomDeleted, Sieve, StoreCorrupt
from plait.storage.memory import MemoryStore
from plait.storage.store import ANY_SEQ
from pycrdt import Array, Assoc, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from ..agent.scripted import Scripted, answered, calls, says
from .scene import watching


@tool(effect="idempotent")
async def replace(old: str, new: str, call: Call) -> str:
    """Replace a text."""

    def transform(doc: "Doc[Any]") -> None:
        text = doc.get("content", type=Text)
        at = str(text).index(old)
        del text[at : at + len(old)]
        text.insert(at, new)
        doc.get("state", type=Map)["replaced"] = old

    await call.document("notes").edit(transform)
    return "done"


def writer() -> Agent:
    asked = calls(("c1", "replace", '{"old": "soup", "new": "salad"}'))
    return Agent("writer", Scripted(lambda request: says("Done.") if answered(request) else asked), tools=[replace])


async def written(store: MemoryStore) -> None:
    """Ada writes, an agent replaces for Bob, and after a restart Ada deletes some of that."""
    async with Runtime(store, [writer()]) as runtime:
        async with runtime.rooms.use("r") as room:
            ada = await watching(room, "notes", author="ada", client=11)
            room.edit(ada, typed(ada, 0, "fish and soup"), step2=False)
            await ada.until("accepted")
        handle = runtime.room("r")
        await handle.wait(await handle.by("bob").prompt("No soup, please"))
    async with Runtime(store, [writer()]) as runtime, runtime.rooms.use("r") as room:
        ada = await watching(room, "notes", author="ada", client=11)
        before, text = ada.doc.get_state(), ada.doc.get("content", type=Text)
        del text[9:11]
        room.edit(ada, ada.doc.get_update(before), step2=False)
        await ada.until("accepted")


def typed(tab: Any, at: int, text: str) -> bytes:
    before = tab.doc.get_state()
    tab.doc.get("content", type=Text).insert(at, text)
    return tab.doc.get_update(before)


def said(found: Blame) -> list[tuple[str, str, str]]:
    """Texts with who inserted them and who deleted them."""

    def who(seq: int) -> str:
        return found.records[seq].author if seq else ""

    return [(span.text, who(span.seq), who(span.deleted)) for span in found.spans if span.path == ("content",)]


async def test_people_and_agents() -> None:
    """BL11: everything in the document, also deleted, names who did it; the agent's also for whom and why."""
    store = MemoryStore()
    await written(store)
    found = await blame(store, "r", "notes", deleted=True)
    assert sorted(said(found)) == sorted(
        [
            ("fish and ", "ada", ""),
            ("soup", "ada", "agent:writer"),
            ("sa", "agent:writer", "ada"),
            ("lad", "agent:writer", ""),
        ]
    )
    assert said(await blame(store, "r", "notes")) == [("fish and ", "ada", ""), ("lad", "agent:writer", "")]
    [entry] = [span for span in found.spans if span.key == "replaced"]
    by = found.records[entry.seq]
    assert (by.author, by.on_behalf_of, by.agent) == ("agent:writer", "bob", "writer")
    assert (by.tool, by.call, by.model) == ("replace", "c1", "scripted")
    assert (by.prompt, (await store.read("r", by.prompt_seq - 1, 1))[0].author) == ("No soup, please", "bob")
    earlier = await blame(store, "r", "notes", root="content", seq=1)
    assert said(earlier) == [("fish and soup", "ada", "")]


async def test_a_range() -> None:
    """BL11: with a place, only what stands there in UTF-16 units, cut to it; deleted text belongs to its place."""
    store = MemoryStore()
    await written(store)
    assert said(await blame(store, "r", "notes", root="content", at=10)) == [("a", "agent:writer", "")]
    assert said(await blame(store, "r", "notes", at=7, length=3)) == [("d ", "ada", ""), ("l", "agent:writer", "")]
    assert said(await blame(store, "r", "notes", at=5, length=2, deleted=True)) == [("an", "ada", "")]
    assert said(await blame(store, "r", "notes", at=99)) == []


async def test_what_is_not_there() -> None:
    """BL11: an unwritten document has no spans; a record that the log does not have and a deleted room are refused."""
    store = MemoryStore()
    await written(store)
    assert (await blame(store, "r", "nothing")).spans == ()
    assert (await blame(store, "r", "notes", root="nothing")).spans == ()
    with pytest.raises(Refused, match="ends at record"):
        await blame(store, "r", "notes", seq=999)
    await store.delete("r")
    with pytest.raises(RoomDeleted):
        await blame(store, "r", "notes")


async def test_pages_of_one_moment() -> None:
    """BL12: an answer is bounded and says where the next one begins, which is of the same moment."""
    store, doc = MemoryStore(), Doc[Any](client_id=5)
    updates: list[bytes] = []
    doc.observe(lambda event: updates.append(event.update))
    for number in range(7):
        doc.get("content", type=Text).insert(0, f"{number} 🙂")
    await store.append(Append("r", 1, 0, edits(updates)))
    pasts = Pasts(store)
    first = await pasts.ask("r", "main", Question(limit=3))
    assert (len(first.spans), first.rest, first.seq) == (3, 3, 7)
    del updates[:]
    doc.get("content", type=Text).insert(0, "later ")
    await store.append(Append("r", 1, 7, edits(updates, 8)))
    second = await pasts.ask("r", "main", Question(limit=9, after=3, seq=first.seq))
    assert (len(second.spans), second.rest) == (4, None)
    assert "".join(span.text for span in (*first.spans, *second.spans)) == str(doc.get("content", type=Text))[6:]
    assert (await pasts.ask("r", "main", Question())).spans[0].text == "later "
    small = await pasts.ask("r", "main", Question(chars=4))
    assert (len(small.spans), small.rest) == (1, 1)


def edits(updates: list[bytes], first: int = 1) -> tuple[Record, ...]:
    return tuple(
        Record(seq, 1, "ann", "", 1, DocumentEdited(), "main", bytes(update))
        for seq, update in enumerate(updates, first)
    )


async def test_what_is_shown() -> None:
    """BL12: JSON has the records and the prompts by their seq, once each; what is long is cut and says so."""
    store = MemoryStore()
    await written(store)
    told = shown(await blame(store, "r", "notes", root="content", deleted=True))
    [prompt] = told["prompts"].items()
    agents = [one for one in told["records"].values() if one["author"] == "agent:writer"]
    assert prompt[1] == "No soup, please"
    assert {(one["prompt_seq"], one["on_behalf_of"]) for one in agents} == {(int(prompt[0]), "bob")}
    assert told["spans"][0] == {
        "path": ("content",),
        "start": 0,
        "end": 9,
        "units": (0, 9),
        "text": "fish and ",
        "seq": 1,
    }
    assert told["records"]["1"] == {"seq": 1, "author": "ada", "time": told["records"]["1"]["time"]}
    doc = Doc[Any](client_id=5)
    doc["content"] = Text("x" * (limits.BLAME_CHARS + 1))
    doc["state"] = Map({"k": "y" * limits.BLAME_CHARS})
    await store.append(Append("long", 1, 0, edits([doc.get_update()])))
    text, value = shown(await blame(store, "long"))["spans"]
    assert (len(text["text"]), text["cut"], text["end"]) == (limits.BLAME_CHARS, True, limits.BLAME_CHARS + 1)
    assert (value["values"], value["cut"]) == ((), True)


class Counting(MemoryStore):
    """`reads` are the records that were read."""

    reads = 0

    async def read(self, room: str, after: int = 0, limit: int = 500) -> list[Record]:
        page = await super().read(room, after, limit)
        self.reads += len(page)
        return page

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = 500
    ) -> list[Record]:
        page = await super().sift(room, sieve, after, upto, limit)
        self.reads += len(page)
        return page


async def test_what_a_server_keeps() -> None:
    """BL13: a past is read once and then only what is new; the one unused longest is let go, and one too large is."""
    store = Counting()
    for room in ("a", "b", "c"):
        doc, updates = Doc[Any](client_id=5), list[bytes]()
        doc.observe(lambda event, updates=updates: updates.append(event.update))
        for _ in range(10):
            doc.get("content", type=Text).insert(0, "x")
        await store.append(Append(room, 1, 0, edits(updates)))
    pasts = Pasts(store, kept_records=20)

    async def reads(room: str) -> int:
        store.reads = 0
        assert len((await pasts.ask(room, "main", Question())).records) == 10
        return store.reads

    assert [await reads(room) for room in ("a", "b", "a", "c", "a", "b")] == [10, 10, 0, 10, 0, 10]
    tiny = Pasts(store, kept_records=5)
    for _ in range(2):
        store.reads = 0
        await tiny.ask("a", "main", Question())
        assert store.reads == 10


async def test_many_ask_at_once() -> None:
    """BL13: those who ask for one past at once wait for one reading of it, and all are answered."""
    store = Counting()
    await written(store)
    store.reads = 0
    await blame(store, "r", "notes", deleted=True)
    alone, store.reads = store.reads, 0
    pasts, found = Pasts(store), list[Blame]()

    async def ask() -> None:
        found.append(await pasts.ask("r", "notes", Question(deleted=True)))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert len({len(one.spans) for one in found}) == 1
    assert store.reads == alone


async def test_a_room_that_is_deleted_or_damaged() -> None:
    """BL13: the past of a deleted room is gone with it; a log with a hole is said to be damaged, not blamed."""
    store = MemoryStore()
    await written(store)
    pasts = Pasts(store)
    await pasts.ask("r", "notes", Question())
    await store.delete("r")
    for _ in range(2):
        with pytest.raises(RoomDeleted):
            await pasts.ask("r", "notes", Question())
    doc = Doc[Any](client_id=5)
    doc.get("content", type=Text).insert(0, "one ")
    before = doc.get_state()
    doc.get("content", type=Text).insert(0, "two ")
    await store.append(Append("hole", 1, 0, edits([doc.get_update(before)])))
    with pytest.raises(StoreCorrupt, match="record 1 of hole"):
        await pasts.ask("hole", "main", Question())


async def test_what_came_from_a_draft_is_its_writers(autojump_clock: Any) -> None:
    """BL15: each word is the record's that wrote it in the draft, and the acceptance is told beside it."""

    def add(words: str, at: int) -> Any:
        def transform(doc: "Doc[Any]") -> None:
            doc.get("content", type=Text).insert(at, words)

        return transform

    store = MemoryStore()
    async with Runtime(store, []) as runtime:
        room = runtime.room("r")
        await room.by("ada").edit("notes", add("Old. ", 0))
        draft = await room.by("bob").propose("notes")
        await room.by("bob").edit(draft, add("Bob's two. ", 5))
        await room.by("cem").edit(draft, add("(Cem's) ", 9))
        await room.by("dan").accept(draft)
        await room.by("ada").edit("notes", add("Ada again.", 24))
        assert str((await room.document("notes")).get("content", type=Text)) == "Old. Bob'(Cem's) s two. Ada again."
    found = await blame(store, "r", "notes", root="content")
    told = [
        (span.text, found.records[span.seq].author, found.records[span.accepted].author if span.accepted else "")
        for span in found.spans
    ]
    assert told == [
        ("Old. ", "ada", ""),
        ("Bob'", "bob", "dan"),
        ("(Cem's) ", "cem", "dan"),
        ("s two. ", "bob", "dan"),
        ("Ada again.", "ada", ""),
    ]
    (one,) = (await blame(store, "r", "notes", root="content", at=10, length=2)).spans
    assert (one.text, one.units) == ("Ce", (10, 12))
    assert shown(found)["spans"][1]["accepted"] == found.spans[1].accepted


async def test_what_an_undo_brought_back_is_its_writers(autojump_clock: Any) -> None:
    """BL16: words, entries and nodes, also what came from a draft before, and what was brought back twice."""

    def write(doc: "Doc[Any]") -> None:
        doc.get("content", type=Text).insert(0, "Keep this 🌍 text.")
        doc.get("state", type=Map)["title"] = "One"
        doc.get("list", type=Array).extend([1, 2, 3])
        words = [XmlText("first words"), XmlElement("break"), XmlText("more")]
        doc.get("default", type=XmlFragment).children.append(XmlElement("paragraph", {"level": "1"}, words))

    def destroy(doc: "Doc[Any]") -> None:
        del doc.get("content", type=Text)[0 : len(doc.get("content", type=Text))]
        doc.get("state", type=Map)["title"] = "Two"
        del doc.get("list", type=Array)[0:3]
        del doc.get("default", type=XmlFragment).children[0]

    async def who(root: str) -> list[tuple[Any, str, str, str]]:
        found = await blame(store, "r", "notes", root=root)
        name = {seq: one.author for seq, one in found.records.items()} | {0: ""}
        said = [(span.text or span.values, span) for span in found.spans]
        return [(text, name[span.seq], name[span.accepted], name[span.restored]) for text, span in said]

    store = MemoryStore()
    async with Runtime(store, []) as runtime:
        room = runtime.room("r")
        await room.by("ada").edit("notes", write)
        draft = await room.by("bob").propose("notes")
        await room.by("bob").edit(draft, lambda doc: doc.get("content", type=Text).insert(5, "all "))
        await room.by("dan").accept(draft)
        for _ in range(2):
            await room.by("eve").edit("notes", destroy)
            await room.by("fay").undo(by="eve")
        assert str((await room.document("notes")).get("content", type=Text)) == "Keep all this 🌍 text."
    assert await who("content") == [
        ("Keep ", "ada", "", "fay"),
        ("all ", "bob", "dan", "fay"),
        ("this 🌍 text.", "ada", "", "fay"),
    ]
    assert await who("state") == [(("One",), "ada", "", "fay")]
    assert await who("list") == [((1.0, 2.0, 3.0), "ada", "", "fay")]
    assert {(one[1], one[3]) for one in await who("default")} == {("ada", "fay")}
    assert [one[0] for one in await who("default") if isinstance(one[0], str)] == ["first words", "more"]
    (one,) = (await blame(store, "r", "notes", root="content", at=6, length=2)).spans
    assert shown(await blame(store, "r", "notes", root="content"))["spans"][0]["restored"] == one.restored


@pytest.mark.parametrize("seed", range(12))
async def test_each_character_is_its_first_writers_whatever_was_undone(seed: int, autojump_clock: Any) -> None:
    """BL16: after random typing, deleting and undoing of each other's edits, in a text and in nodes."""
    chance = random.Random(seed)
    wrote: dict[str, int] = {}
    store = MemoryStore()
    async with Runtime(store, []) as runtime:
        room = runtime.room("r")

        def change(doc: "Doc[Any]") -> None:
            page, text = doc.get("default", type=XmlFragment), doc.get("content", type=Text)
            for _ in range(chance.randint(1, 4)):
                word = "".join(chr(0x4E00 + len(wrote) + n) for n in range(3))
                wrote.update(dict.fromkeys(word, 0))
                what = chance.randrange(5)
                if what == 0:
                    page.children.insert(chance.randint(0, len(page.children)), XmlElement("p", {}, [XmlText(word)]))
                elif what == 1 and len(page.children):
                    del page.children[chance.randrange(len(page.children))]
                elif what == 2 and len(text):
                    start = 3 * chance.randrange(len(text) // 3)
                    del text[start : min(start + 3 * chance.randint(1, 3), len(text))]
                else:
                    text.insert(3 * chance.randint(0, len(text) // 3), word)

        for _ in range(14):
            await room.by(chance.choice("ab")).edit("notes", change)
            if chance.random() < 0.4:
                with suppress(Refused):
                    await room.undo(by=chance.choice("ab"), after=chance.randint(0, 5))
    for record in await store.read("r", 0):
        if record.document == "notes" and isinstance(record.event, DocumentEdited):
            for word in wrote:
                if word.encode() in record.update:
                    wrote[word] = wrote[word] or record.seq
    found = await blame(store, "r", "notes")
    said = [(char, span.seq) for span in found.spans for char in span.text]
    assert said
    assert [(char, seq) for char, seq in said if wrote[char] != seq] == []


async def page() -> tuple[MemoryStore, Past]:
    """Rich text by several people, as an editor writes it, beside a text and some state."""
    store = MemoryStore()

    def begin(doc: "Doc[Any]") -> None:
        blocks = doc.get("default", type=XmlFragment).children
        blocks.append(XmlElement("heading", {"level": "1"}, [XmlText("Soup 🍲 today")]))
        blocks.append(XmlElement("paragraph", {}, [XmlText("Peel the onions.")]))
        doc.get("state", type=Map)["deep"] = Map({"title": "One", "tags": Array(["a", "b"])})

    def go_on(doc: "Doc[Any]") -> None:
        heading, paragraph = doc.get("default", type=XmlFragment).children
        heading.attributes["level"] = "2"
        paragraph.children[0].insert(5, "all ")
        del paragraph.children[0][9:13]
        doc.get("state", type=Map)["deep"]["title"] = "Two"

    async with Runtime(store, []) as runtime:
        await runtime.room("r").by("ada").edit("notes", begin)
        await runtime.room("r").by("bob").edit("notes", go_on)
    past = Past(store, "r", "notes")
    await past.catch_up()
    return store, past


async def test_everything_is_attributable_by_place(autojump_clock: Any) -> None:
    """BL17: each character, entry and node, by the item that it is, gives what blame of all says of it, and no more."""
    _, past = await page()
    asked = 0
    for span in (await past.answer(Question(deleted=True))).spans:
        for client, start, end in span.ids:
            for clock in range(start, end):
                place = RelativePosition(item=UnitId(client, clock))
                (one,) = (await past.answer(Question(place=place, deleted=True))).spans
                assert (one.path, one.key, one.seq, one.deleted) == (span.path, span.key, span.seq, span.deleted)
                assert len(one.values) <= 1
                assert len(one.text) <= 1 or span.deleted
                asked += 1
    assert asked > 40


async def test_blame_of_places_in_rich_text(autojump_clock: Any) -> None:
    """BL17: from one place to before another one, across nodes; of a node, of its attributes; by Yjs's own JSON."""
    store, past = await page()

    async def told(**which: Any) -> list[tuple[Any, int]]:
        found = await blame(store, "r", "notes", **which)
        return [(span.text or span.values, span.seq) for span in found.spans]

    spans = (await past.answer(Question(root="default", deleted=True))).spans
    ids = {span.text: span.ids[0] for span in spans if span.text}
    first = ids["Soup 🍲 today"][0], ids["Soup 🍲 today"][1]
    seqs = {span.seq for span in spans}
    wrote, went_on = min(seqs), max(seqs)
    item = {"client": first[0], "clock": first[1] + 5}
    onions = ids["all "]
    until = {"type": None, "tname": None, "item": {"client": onions[0], "clock": onions[1] + 3}, "assoc": 0}
    here = {"type": None, "tname": "default", "item": item, "assoc": 0}
    assert await told(place=here) == [("🍲", wrote)]
    across = await told(place=here, until=until)
    assert [one for one in across if isinstance(one[0], str)] == [
        ("🍲 today", wrote),
        ("Peel ", wrote),
        ("all", went_on),
    ]
    named = {"type": "xml-element", "name": "heading"}
    (heading,) = [span.ids[0] for span in spans if span.values == (named,)]
    node = {"type": {"client": heading[0], "clock": heading[1]}}
    assert await told(place=node, key="level") == [(("2",), went_on)]
    assert [text for text, _ in await told(place=node) if isinstance(text, str)] == ["Soup 🍲 today"]
    assert await told(place={"item": node["type"]}) == [((named,), wrote)]
    assert [text for text, _ in await told(place=here, until=node) if isinstance(text, str)] == ["🍲 today"]
    after = [text for text, _ in await told(place=node, until={"tname": "default"}) if isinstance(text, str)]
    assert "".join(after) == "Peel all onions."
    assert await told(place={"tname": "state"}, key="title") == []
    for bad in ({"item": {"client": 1, "clock": 1}}, {}):
        with pytest.raises(Refused):
            await told(place=bad)
    for which in ({"until": here}, {"key": "level"}, {"place": here, "key": "level"}):
        with pytest.raises(Refused, match="bad-request"):
            await told(**which)


async def test_a_place_as_the_crdt_gives_it(autojump_clock: Any) -> None:
    """BL17: what a relative position of a live text says is what blame finds."""
    plain = MemoryStore()
    async with Runtime(plain, []) as runtime:
        room = runtime.room("r")
        await room.by("ada").edit("notes", lambda doc: doc.get("content", type=Text).insert(0, "abcdef"))
        doc = await room.document("notes")
        index = doc.get("content", type=Text).sticky_index(3, Assoc.AFTER)
    found = await blame(plain, "r", "notes", place=index.to_json())
    assert [span.text for span in found.spans] == ["d"]
