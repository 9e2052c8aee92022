"""A text typed by one person, as the updates that Yjs sends for it: the load of the document benchmarks.

The published editing trace (the LaTeX source of a paper, 182,315 letters typed and 77,463 deleted) is in no package
that this project could install, so this one is generated, with as many edits and nearly the same share of deletions:
letters typed at a cursor that mostly stays, backspaces in runs, and jumps, most of them short. One seed, one trace.

Every `MARK_EVERY`th edit pastes a *mark*, five characters that occur once and are never deleted or cut. Whoever watches
finds them in the bytes that come, however a server has joined updates, and so knows how old they are.
"""

import random
from collections.abc import Iterator

from plait.protocol.frames import write_uint

from .blame import inserted

EDITS = 259_778
DELETED = 77_463 / EDITS
CLIENT = 1_234_567
MARK_EVERY = 50
MARK_CHARS = 5
_LETTERS = "etaoinshrdlucmfwygpb" * 3 + "vkxjqz" + " " * 12 + "\n"
_JUMPS = 0.03
_NEAR = 60


def mark(number: int) -> str:
    """The text of a mark."""
    digits = ""
    for _ in range(MARK_CHARS - 1):
        number, digit = divmod(number, 26)
        digits = chr(65 + digit) + digits
    return "~" + digits


class Typist:
    """A cursor in a text: `left` and `right` of it are the characters with their clocks, `after` each clock's right
    neighbour, deleted ones included, which is what Yjs leans a new character on."""

    def __init__(self, seed: int, client: int = CLIENT) -> None:
        self.draw = random.Random(seed)
        self.client = client
        self.clock = 0
        self.left: list[tuple[int, str]] = []
        self.right: list[tuple[int, str]] = []
        self._after: dict[int, int] = {}
        self._first = -1

    @property
    def text(self) -> str:
        return "".join(char for _, char in self.left) + "".join(char for _, char in reversed(self.right))

    def type(self, text: str) -> bytes:
        """Insert at the cursor; the update."""
        left = self.left[-1][0] if self.left else -1
        right = self._after.get(left, -1) if left >= 0 else self._first
        start, self.clock = self.clock, self.clock + len(text)
        last = self.clock - 1
        for clock in range(start, last):
            self._after[clock] = clock + 1
        self._after[last] = right
        if left >= 0:
            self._after[left] = start
        else:
            self._first = start
        self.left += zip(range(start, self.clock), text, strict=True)
        return inserted(
            self.client,
            start,
            text,
            (self.client, left) if left >= 0 else None,
            (self.client, right) if right >= 0 else None,
        )

    def backspace(self) -> bytes:
        """Delete the character before the cursor; the update."""
        clock, _ = self.left.pop()
        return b"\x00\x01" + write_uint(self.client) + b"\x01" + write_uint(clock) + b"\x01"

    def jump(self) -> None:
        """Move the cursor, mostly a little, but not into a mark."""
        draw = self.draw
        length = len(self.left) + len(self.right)
        near = draw.random() < 0.95
        to = len(self.left) + draw.randint(-_NEAR, _NEAR) if near else draw.randint(0, length)
        to = min(max(0, to), length)
        while len(self.left) > to:
            self.right.append(self.left.pop())
        while len(self.left) < to:
            self.left.append(self.right.pop())
        while self.right and self.right[-1][1].isupper():
            self.left.append(self.right.pop())


def typed(edits: int = EDITS, seed: int = 5) -> tuple[list[bytes], str]:
    """The updates of so many edits, and the text that they leave."""
    typist = Typist(seed)
    return list(_edits(typist, edits)), typist.text


def _edits(typist: Typist, edits: int) -> Iterator[bytes]:
    draw, deleting = typist.draw, 0
    for number in range(edits):
        if number % MARK_EVERY == MARK_EVERY - 1:
            yield typist.type(mark(number // MARK_EVERY))
            continue
        if not deleting and draw.random() < _JUMPS:
            typist.jump()
        if not deleting and draw.random() < DELETED / 2.6:
            deleting = draw.randint(1, 7)
        if deleting and typist.left and not typist.left[-1][1].isupper():
            deleting -= 1
            yield typist.backspace()
        else:
            deleting = 0
            yield typist.type(draw.choice(_LETTERS))
