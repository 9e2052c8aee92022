"""The seeds that found a bug, each with its story; they run with the tests, so that none of these comes back."""

from msgspec import Struct


class Found(Struct, frozen=True):
    """A seed whose world once broke a promise. What a seed plays changes with this harness: the rule's test stays."""

    seed: int
    storms: int
    rule: str
    story: str


FOUND: tuple[Found, ...] = (
    Found(
        25,
        1,
        "CC32",
        "A person left while a task of theirs began to read a document. Leaving cancels both and ends the link, and "
        "the task asked the link before it heard that it was cancelled: a timeout became a refusal.",
    ),
    Found(
        52,
        1,
        "AG3",
        "A stop came in one pass with the last words of an answer. The words were dropped, and that the answer had "
        "come to its end was not: it stood there as whole, and was not.",
    ),
    Found(
        12,
        1,
        "RM3",
        "The disk was full for a while. The pass in which the room wanted to ask a tab for the edit that had been lost "
        "failed as well, and from then on nobody asked: the text stood in one tab alone.",
    ),
    Found(
        10030,
        2,
        "RM4",
        "A command had happened and its answer was lost. Asked again, it came into a pass that met a full disk, and "
        "its asker was told that nothing had changed.",
    ),
    Found(
        20619,
        2,
        "CC9",
        "A deletion's echo was lost with its socket. The answer on the next one brought all deletions, which were that "
        "one alone: the same bytes. The Python client took the answer for the echo, so its document was not level and "
        "passed over whatever others wrote from then on. A later harness played otherwise, and found a deleted room "
        "told as a draft that is not there (CC15).",
    ),
)
