"""Random proposals: several authors write in a base and in its draft while random hunks are accepted and rejected."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plait.protocol.commands import Accept
from plait.protocol.planning import Plan
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from .proposals import BASE, DRAFT, Proposal, Side

PEOPLE = ("bob", "cleo")
AGENTS = ("agent:scribe", "agent:editor")
Change = Callable[["Doc[Any]"], None]


class World:
    """A proposal and somebody who draws what happens next. What people write is marked, so that it is found again."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.clients = 1000
        self.marks = 0
        self.proposal = Proposal(_begin)

    def mark(self) -> str:
        """A character that occurs once, so that nobody can write in it."""
        self.marks += 1
        return chr(0x4E00 + self.marks)

    def edit(self, side: Side, author: str, *, deletes: bool) -> list[str]:
        """Somebody does a few things at one side; the words that they put in."""
        self.clients += 1
        written: list[str] = []

        def change(doc: "Doc[Any]") -> None:
            for _ in range(self.rng.randint(1, 4)):
                word = self.mark()
                if _do(doc, self.rng, word, deletes=deletes):
                    written.append(word)

        self.proposal.edit(side, author, change, self.clients)
        return written

    def some(self) -> list[str]:
        """The ids of some hunks."""
        ids = [hunk.id for hunk in self.proposal.comparison().hunks()]
        return self.rng.sample(ids, self.rng.randint(1, len(ids))) if ids else []


def _begin(doc: "Doc[Any]") -> None:
    doc.get("content", type=Text).insert(0, "It was a dark and stormy 🌃 night.")
    doc.get("state", type=Map)["a"] = "first"
    doc.get("state", type=Map)["deep"] = Map({"x": "1", "y": "2"})
    doc.get("list", type=Array).extend([1, "two", None, 4.5, -70000, True])
    for number in range(3):
        text = XmlText(f"paragraph {number}")
        doc.get("default", type=XmlFragment).children.append(XmlElement("paragraph", {"level": "1"}, [text]))


def _place(text: Any, rng: random.Random) -> int:
    """A boundary between two characters, in bytes."""
    value = str(text)
    return len(value[: rng.randint(0, len(value))].encode())


def _do(doc: "Doc[Any]", rng: random.Random, word: str, *, deletes: bool) -> bool:
    """One edit; whether it put the word in where it cannot be overwritten."""
    text, page = doc.get("content", type=Text), doc.get("default", type=XmlFragment)
    state, row = doc.get("state", type=Map), doc.get("list", type=Array)
    what = rng.randrange(9)
    if what == 0 and deletes and len(text):
        start = _plain_place(text, rng)
        stop = min(start + rng.randint(1, 5), len(text))
        if str(text).encode()[start:stop].isascii():
            del text[start:stop]
    elif what == 1:
        state[rng.choice("abc")] = word
    elif what == 2:
        deep: Any = state.get("deep")
        if isinstance(deep, Map):
            deep[rng.choice("xyz")] = word
    elif what == 3:
        if deletes and len(row) and rng.random() < 0.5:
            del row[rng.randrange(len(row))]
        else:
            row.insert(rng.randint(0, len(row)), word)
            return True
    elif what == 4:
        new = XmlElement("heading", {"level": "2"}, [XmlText(word)])
        page.children.insert(rng.randint(0, len(page.children)), new)
        return True
    elif what == 5 and deletes and len(page.children):
        del page.children[rng.randrange(len(page.children))]
    elif what == 6 and len(page.children):
        block: Any = page.children[rng.randrange(len(page.children))]
        block.children[0].insert(_plain_place(block.children[0], rng), word)
        return True
    elif what == 7 and deletes and len(text) > 6:
        start = _plain_place(text, rng)
        stop = min(start + rng.randint(1, 5), len(text))
        if start < stop and str(text).encode()[start:stop].isascii():
            text.format(start, stop, {rng.choice(("bold", "code")): True})
    else:
        text.insert(_place(text, rng), word)
        return True
    return False


def _plain_place(text: Any, rng: random.Random) -> int:
    """A boundary in the text without its marks, in bytes."""
    value = "".join(str(piece) for piece, _ in text.diff())
    return len(value[: rng.randint(0, len(value))].encode())


def shown(doc: "Doc[Any]") -> Any:
    """All that the document shows; neighbours with equal marks as one."""
    return (
        _joined(doc.get("content", type=Text).diff()),
        doc.get("state", type=Map).to_py(),
        doc.get("list", type=Array).to_py(),
        [
            (block.tag, dict(block.attributes), [_joined(child.diff()) for child in block.children])
            for block in doc.get("default", type=XmlFragment).children
        ],
    )


def _joined(diff: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for piece, attributes in diff:
        if found and found[-1][1] == attributes:
            found[-1] = (found[-1][0] + piece, attributes)
        else:
            found.append((piece, attributes))
    return found


def _again(side: Side) -> "Doc[Any]":
    """The document as somebody has it who was sent each update of the log."""
    doc: Doc[Any] = Doc()
    for update in side.updates:
        doc.apply_update(update)
    return doc


seeds = st.integers(0, 2**32)


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_without_others_the_base_becomes_the_draft(seed: int) -> None:
    """DF8: hunks accepted one after the other, in any order, while the draft goes on, make it."""
    world = World(random.Random(seed))
    proposal = world.proposal
    for _ in range(world.rng.randint(1, 6)):
        world.edit(proposal.draft, world.rng.choice(AGENTS + PEOPLE), deletes=True)
        if world.rng.random() < 0.5 and (ids := world.some()):
            assert not proposal.accept(*ids).kept
    while ids := world.some():
        assert not proposal.accept(*ids).kept
    assert shown(proposal.base.doc) == shown(proposal.draft.doc) == shown(_again(proposal.base))


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_what_is_rejected_makes_the_draft_the_base(seed: int) -> None:
    """DF10: whatever was accepted and rejected before, and the base does not change by it."""
    world = World(random.Random(seed))
    proposal = world.proposal
    for _ in range(world.rng.randint(1, 6)):
        world.edit(proposal.draft, world.rng.choice(AGENTS + PEOPLE), deletes=True)
        ids = world.some()
        if ids and world.rng.random() < 0.6:
            (proposal.accept if world.rng.random() < 0.5 else proposal.reject)(*ids)
    before = proposal.base.doc.get_update()
    for _ in range(20):
        if not proposal.comparison().hunks():
            break
        proposal.reject()
    assert proposal.comparison().hunks() == []
    assert before == proposal.base.doc.get_update()
    assert shown(proposal.base.doc) == shown(proposal.draft.doc) == shown(_again(proposal.draft))


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_nothing_that_people_write_meanwhile_is_lost(seed: int) -> None:
    """DF9: whatever is accepted and rejected, in whatever order, and whatever others write in the base."""
    world = World(random.Random(seed))
    proposal = world.proposal
    written: list[str] = []
    for _ in range(world.rng.randint(2, 10)):
        what = world.rng.randrange(4)
        if what == 0:
            written += world.edit(proposal.base, world.rng.choice(PEOPLE), deletes=False)
        elif what == 1:
            world.edit(proposal.draft, world.rng.choice(AGENTS), deletes=True)
        elif ids := world.some():
            (proposal.accept if what == 2 else proposal.reject)(*ids)
    proposal.accept()
    said = str(shown(proposal.base.doc))
    assert [word for word in written if word not in said] == []
    assert shown(proposal.base.doc) == shown(_again(proposal.base))


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_a_plan_that_is_not_stale_is_what_would_be_planned_now(seed: int) -> None:
    """DF17: whatever people have written in the base since, and whatever kind of thing it was."""
    world = World(random.Random(seed))
    proposal = world.proposal
    for _ in range(world.rng.randint(1, 4)):
        world.edit(proposal.draft, world.rng.choice(AGENTS), deletes=True)
        world.edit(proposal.base, world.rng.choice(PEOPLE), deletes=world.rng.random() < 0.3)
    ids = world.some()
    command = Accept(id="a", draft=DRAFT, hunks=ids) if ids else Accept(id="a", draft=DRAFT)

    def planned() -> Plan:
        plan = Plan(command, BASE, proposal.opened - 1)
        plan.begin(len(proposal.log), proposal.base.doc.get_update())
        for record in proposal.log[proposal.opened - 1 :]:
            plan.take(record)
        plan.make()
        return plan

    plan = planned()
    for _ in range(4):
        world.edit(proposal.base, world.rng.choice(PEOPLE), deletes=world.rng.random() < 0.5)
        for record in proposal.log:
            plan.take(record)
        if plan.stale:
            return
        (hunks, done), (hunks_now, now) = plan.settled(), planned().settled()
        assert (hunks, done.kept, done.gone) == (hunks_now, now.kept, now.gone)
        assert done.written(99, 5) == now.written(99, 5)


@pytest.mark.parametrize("change", ["words", "elsewhere", "key", "inside", "gone", "draft"])
def test_what_makes_a_plan_stale(change: str) -> None:
    """DF17: not what people type in the base beside the hunks; what they do at these places, and edits of the draft."""
    proposal = Proposal(_begin)

    def propose(doc: "Doc[Any]") -> None:
        doc.get("content", type=Text).insert(0, "Well: ")
        doc.get("state", type=Map)["a"] = "second"
        del doc.get("default", type=XmlFragment).children[1]

    def meanwhile(doc: "Doc[Any]") -> None:
        page: Any = doc.get("default", type=XmlFragment)
        match change:
            case "words" | "draft":
                doc.get("content", type=Text).insert(3, "!")
            case "elsewhere":
                page.children[0].children[0].insert(0, "!")
                doc.get("state", type=Map)["b"] = 1
            case "key":
                doc.get("state", type=Map)["a"] = "third"
            case "inside":
                page.children[1].children[0].insert(0, "!")
            case _:
                del page.children[0]

    proposal.edit(proposal.draft, "agent:scribe", propose, 301)
    plan = Plan(Accept(id="a", draft=DRAFT), BASE, proposal.opened - 1)
    plan.begin(len(proposal.log), proposal.base.doc.get_update())
    for record in proposal.log[proposal.opened - 1 :]:
        plan.take(record)
    plan.make()
    assert not plan.stale
    proposal.edit(proposal.draft if change == "draft" else proposal.base, "bob", meanwhile, 302)
    for record in proposal.log:
        plan.take(record)
    assert plan.stale == (change not in ("words", "elsewhere"))


@given(seeds)
@settings(max_examples=100, deadline=None)
def test_rejecting_all_of_an_agents_loses_nothing_of_people(seed: int) -> None:
    """DF6: what people wrote in the draft stays there, and reaches the base when it is accepted."""
    world = World(random.Random(seed))
    proposal = world.proposal
    written: list[str] = []
    for _ in range(world.rng.randint(2, 8)):
        if world.rng.random() < 0.5:
            written += world.edit(proposal.draft, world.rng.choice(PEOPLE), deletes=False)
        else:
            world.edit(proposal.draft, "agent:scribe", deletes=False)
    agents = [hunk.id for hunk in proposal.comparison().hunks() if hunk.author == "agent:scribe"]
    if agents:
        proposal.reject(*agents)
    assert [word for word in written if word not in str(shown(proposal.draft.doc))] == []
    proposal.accept()
    assert [word for word in written if word not in str(shown(proposal.base.doc))] == []
    assert shown(proposal.base.doc) == shown(proposal.draft.doc)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_records_give_the_same_comparison(seed: int) -> None:
    """DF5: taken at once or one by one, with each look in between."""
    world = World(random.Random(seed))
    proposal = world.proposal
    kept = proposal.comparison()
    for _ in range(6):
        world.edit(proposal.draft, world.rng.choice(AGENTS), deletes=True)
        if ids := world.some():
            (proposal.accept if world.rng.random() < 0.5 else proposal.reject)(*ids)
        for record in proposal.log:
            kept.take(record)
        assert kept.hunks() == proposal.comparison().hunks()
