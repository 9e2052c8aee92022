"""Three agents edit one document at random, plain and rich, and hear of each other now and then: they converge, every
anchor that was given is good, and what is refused changed nothing."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from plait.protocol.errors import Refused
from plait.protocol.frames import EMPTY_UPDATE
from plait.protocol.writing import blocks, text
from plait.protocol.writing.outline import attributes
from plait.protocol.writing.root import Root
from pycrdt import Doc, XmlElement, XmlText

from .test_rich import EDITORS, opened

WORDS = ("one", "🙂", "é", "bold", "x y", "漢字", "-", "a\nb", "")
MARKDOWN = ("# h", "- i\n- j", "1. n", "> q", "```\nc\n```", "---", "p **b** *i*", "- [ ] t")
STEPS = 25


class Agent:
    """One replica, and somebody who does something to it."""

    def __init__(self, root: Root, chance: random.Random) -> None:
        self.root = root
        self.chance = chance
        self.edits: tuple[Callable[[], Any], ...] = (self.insert, self.replace, self.delete, self.mark, self.shuffle)
        if root.is_rich:
            self.edits += (self.add_blocks, self.remove_block)

    def step(self) -> None:
        """One edit, in a transaction as in a room."""
        seen: list[bytes] = []
        subscription = self.root.doc.observe(lambda event: seen.append(event.update))
        try:
            with self.root.doc.transaction():
                self.chance.choice(self.edits)()
        except Refused:
            assert not [update for update in seen if update != EMPTY_UPDATE]
        self.root.doc.unobserve(subscription)

    def rows(self) -> list[dict[str, Any]]:
        return text.read(self.root)["lines"]

    def place(self) -> str:
        return self.chance.choice([*(row["at"] for row in self.rows()), "start", "end"])

    def match(self) -> dict[str, Any]:
        return self.chance.choice(text.find(self.root, self.chance.choice(WORDS[:6]))["matches"])

    def insert(self) -> None:
        text.insert(self.root, self.place(), self.chance.choice(WORDS))

    def replace(self) -> None:
        match = self.match()
        text.replace(self.root, self.chance.choice(WORDS), start=match["start"], end=match["end"])

    def delete(self) -> None:
        text.delete(self.root, start=self.match()["start"], end=self.match()["end"])

    def mark(self) -> None:
        marks = {self.chance.choice(("bold", "italic", "link")): self.chance.choice((True, None, "u"))}
        text.set_marks(self.root, marks, start=self.chance.choice(("start", self.place())), end="end")

    def shuffle(self) -> None:
        """The same words in another order, as one replacement."""
        words = self.chance.choice(self.rows() or [{"text": ""}])["text"]
        if words:
            text.replace(self.root, " ".join(self.chance.sample(words.split(), len(words.split()))) or "z", old=words)

    def add_blocks(self) -> None:
        where = self.chance.choice(("before", "after"))
        blocks.insert_blocks(self.root, self.chance.choice(MARKDOWN), self.place(), where)

    def remove_block(self) -> None:
        if len(self.rows()) > 2:
            blocks.delete_block(self.root, self.chance.choice(self.rows())["at"])


def shape(root: Root) -> Any:
    """All that the root holds, with attributes in one order."""
    return _tree(root.fragment) if root.is_rich else root.text.diff()


def _tree(node: Any) -> Any:
    if isinstance(node, XmlText):
        return node.diff()
    inside = [_tree(child) for child in node.children]
    return (node.tag, sorted(attributes(node).items(), key=str), inside) if isinstance(node, XmlElement) else inside


def _plain(client: int) -> Root:
    doc: Doc[Any] = Doc(client_id=9)
    Root(doc).text.insert(0, "one 🙂\nbold é x y\n")
    copy: Doc[Any] = Doc(client_id=client)
    copy.apply_update(doc.get_update())
    return Root(copy)


@pytest.mark.parametrize("seed", range(18))
def test_agents_edit_at_random(seed: int) -> None:
    """ED1, ED10, ED12: also where yrs tidies up marks around a character that is asked for its id, as in 3."""
    chance = random.Random(seed)
    kind = EDITORS[seed % 2] if seed % 3 else None
    roots = [opened(kind, "nested", client) if kind else _plain(client) for client in (1, 2, 3)]
    agents = [Agent(root, chance) for root in roots]

    def hear(one: Root, other: Root) -> None:
        one.doc.apply_update(other.doc.get_update(one.doc.get_state()))

    for _ in range(STEPS):
        chance.choice(agents).step()
        if chance.random() < 0.3:
            hear(*chance.sample(roots, 2))
    for one in (*roots, *roots):
        for other in roots:
            hear(one, other)
    shapes = [shape(root) for root in roots]
    assert shapes[0] == shapes[1] == shapes[2]
    for row in agents[0].rows():
        if roots[0].is_rich:
            blocks.insert_blocks(roots[0], "k", row["at"])
        else:
            text.insert(roots[0], row["at"], "k")
