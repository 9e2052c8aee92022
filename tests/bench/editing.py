"""What an agent's read, search and edits cost in a shared document, of what opening that document costs.

    python -m tests.bench.editing

People have typed at random places of the text, and each of their keystrokes is a struct of its own: that, not the
number of characters, is what makes a document dear. Each figure is the best of five, in milliseconds.
"""

import random
import time
from collections.abc import Callable
from typing import Any

from plait.protocol.writing import text
from plait.protocol.writing.root import Root
from pycrdt import Doc

SIZES = ((20_000, 1_000), (100_000, 10_000), (500_000, 25_000))
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


def best_ms(action: Callable[[], object]) -> float:
    """The shortest of some tries."""
    times: list[float] = []
    for _ in range(TRIES):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
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


def _end(doc: Doc[Any]) -> str:
    return "here " + str(Root(doc).text).rpartition("here ")[2]


if __name__ == "__main__":
    main()
