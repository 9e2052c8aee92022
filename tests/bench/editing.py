"""What an agent's read, search and edits cost in a shared document, of what opening that document costs.

    python -m tests.bench.editing

People have typed at random places of the text, and each of their keystrokes is a struct of its own: that, not the
number of characters, is what makes a document dear. The same for rich text, whose blocks are read one by one. Each
figure is the best of five, in milliseconds of CPU.
"""

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from plait.protocol.writing import blocks, text
from plait.protocol.writing.root import Root
from pycrdt import Doc, XmlElement, XmlText

SIZES = ((20_000, 1_000), (100_000, 10_000), (500_000, 25_000))
RICH_SIZES = ((500, 1_000), (2_500, 10_000), (12_500, 25_000))
TRIES = 5


def typed(characters: int, edits: int) -> Doc[Any]:
    """A document of so many characters into which somebody typed so many words, each anywhere."""
    chance = random.Random(1)
    doc: Doc[Any] = Doc(client_id=7)
    root = Root(doc)
    line = "A line of a text: it has some words.\n"
    root.text.insert(0, line * (characters // len(line)))
    with doc.transaction():
        for _ in range(edits):
            root.text.insert(chance.randrange(characters), "w ")
    return doc


def rich(paragraphs: int, edits: int) -> Doc[Any]:
    """Rich text of so many paragraphs, into which somebody typed so many words."""
    chance = random.Random(1)
    doc: Doc[Any] = Doc(client_id=7)
    fragment = Root(doc, "default").fragment
    with doc.transaction():
        texts = [XmlText("A line of a text: it has some words.") for _ in range(paragraphs)]
        for words in texts:
            fragment.children.append(XmlElement("paragraph", {}, [words]))
        for _ in range(edits):
            texts[chance.randrange(paragraphs)].insert(chance.randrange(30), "w ")
    return doc


def best_ms(action: Callable[[], object]) -> float:
    """The shortest of some tries."""
    times: list[float] = []
    for _ in range(TRIES):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return min(times) * 1000


def main() -> None:
    words = iter(f"unique{number} " for number in range(1000))
    print("characters  edits  open  read  find  insert  replace")
    for characters, edits in SIZES:
        doc = typed(characters, edits)
        update = doc.get_update()
        text.insert(Root(doc), "end", "here it ends")
        at = text.find(Root(doc), "here it ends")["matches"][0]["start"]
        figures = (
            best_ms(lambda update=update: Doc[Any]().apply_update(update)),
            best_ms(lambda doc=doc: text.read(Root(doc))),
            best_ms(lambda doc=doc: text.find(Root(doc), "here it ends")),
            best_ms(lambda doc=doc, at=at: text.insert(Root(doc), at, next(words))),
            best_ms(lambda doc=doc: text.replace(Root(doc), f"here {next(words)} ends", old=_end(doc))),
        )
        print(f"{characters:10,} {edits:6,}", *(f"{figure:5.1f}" for figure in figures), sep="  ")
    print("paragraphs  edits  open  read  find  insert  replace  insert_blocks")
    for paragraphs, edits in RICH_SIZES:
        figures = of_rich(rich(paragraphs, edits), words)
        print(f"{paragraphs:10,} {edits:6,}", *(f"{figure:5.1f}" for figure in figures), sep="  ")


def of_rich(doc: Doc[Any], words: Iterator[str]) -> list[float]:
    """The figures of one rich text."""
    update = doc.get_update()
    root = partial(Root, doc, "default")
    blocks.insert_blocks(root(), "here it ends")
    at = text.find(root(), "here it ends")["matches"][0]["start"]
    said = ["it"]

    def replace() -> None:
        said.append(next(words).strip())
        text.replace(root(), f"{said[-1]} ends", old=f"{said[-2]} ends")

    return [
        best_ms(lambda: Doc[Any]().apply_update(update)),
        best_ms(lambda: text.read(root())),
        best_ms(lambda: text.find(root(), "ends")),
        best_ms(lambda: text.insert(root(), at, next(words))),
        best_ms(replace),
        best_ms(lambda: blocks.insert_blocks(root(), f"## {next(words)}\n\nwords\n\n- item")),
    ]


def _end(doc: Doc[Any]) -> str:
    return "here " + str(Root(doc).text).rpartition("here ")[2]


if __name__ == "__main__":
    main()
