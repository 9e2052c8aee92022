"""How fast a document's past is built and asked: microseconds a record, and what blame of all of it takes.

    uv run python -m tests.bench.blame [--records 100000]

One record holds one token, as when tokens come slower than commits. They are streamed to the end, typed into the
middle, and written anywhere by another one than who wrote what they cut in two. Times are those of the CPU.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator

from plait.protocol.frames import write_string, write_uint
from plait.protocol.history import History

from .processes import machine

WRITER, IMPORTER = 2**52 + 1, 77
ROOT = "content"
TOKEN = "word "


def inserted(client: int, clock: int, text: str, left: tuple[int, int] | None, right: tuple[int, int] | None) -> bytes:
    """The update of one insertion, as Yjs writes it."""
    info = 4 | (0x80 if left else 0) | (0x40 if right else 0)
    place = b"".join(write_uint(number) for leant in (left, right) if leant for number in leant)
    parent = place or b"\x01" + write_string(ROOT)
    head = b"\x01\x01" + write_uint(client) + write_uint(clock) + bytes((info,))
    return head + parent + write_string(text) + b"\x00"


def streamed(records: int) -> Iterator[bytes]:
    """Tokens at the end of a text."""
    for clock in range(0, records * len(TOKEN), len(TOKEN)):
        yield inserted(WRITER, clock, TOKEN, (WRITER, clock - 1) if clock else None, None)


def in_the_middle(records: int) -> Iterator[bytes]:
    """A letter typed after the other between two paragraphs."""
    yield inserted(IMPORTER, 0, "First paragraph. Last paragraph.", None, None)
    for clock in range(records - 1):
        yield inserted(WRITER, clock, "x", (WRITER, clock - 1) if clock else (IMPORTER, 16), (IMPORTER, 17))


def anywhere(records: int) -> Iterator[bytes]:
    """Tokens into a text of a megabyte that was imported at once, each cutting it at another place."""
    draw = random.Random(1)
    yield inserted(IMPORTER, 0, "é🙂" * 350_000, None, None)
    for clock in range(0, (records - 1) * len(TOKEN), len(TOKEN)):
        at = 3 * draw.randrange(350_000 - 1) + 2
        yield inserted(WRITER, clock, TOKEN, (IMPORTER, at), (IMPORTER, at + 1))


def spent(work: Callable[[], object]) -> float:
    """The CPU seconds of it."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(name: str, log: list[bytes]) -> None:
    history = History()

    def build() -> None:
        for seq, update in enumerate(log, 1):
            history.take(seq, update)

    built = spent(build)
    blamed = spent(lambda: sum(1 for _ in history.blame(ROOT, deleted=True)))
    effects = spent(lambda: history.effects(len(log) // 2))
    text = spent(lambda: history.text(ROOT, at=len(log) // 2))
    per = 1e6 / len(log)
    print(
        f"{name:14} {len(log)} records in {built:.2f} s: {built * per:.1f} µs a record; blame {blamed * per:.1f} µs a "
        f"record; one record's effects {effects * 1e3:.0f} ms; the text at a moment {text * 1e3:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.blame", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    given = parser.parse_args()
    print(machine())
    for name, made in (("streamed", streamed), ("in the middle", in_the_middle), ("anywhere", anywhere)):
        measure(name, list(made(given.records)))


if __name__ == "__main__":
    main()
