"""What happens to the shared documents of a room; the record holds the document's name and the exact update."""

from msgspec import Struct

from .fact import Fact


class Came(Struct, frozen=True):
    """How much of a text that is written while it streams is in the document: the characters (code points) so far, and
    the anchor of their end."""

    chars: int
    end: str


class DocumentEdited(Fact, frozen=True):
    """Somebody edited a shared document: a person, in which case nothing more is said; or an agent, whose run is the
    record's, in attempt `attempt` at `step`.

    `result` is the JSON text of what that edit gave: the next attempt at a call that a crash cut is given it, and does
    not edit again; `nth` is which of the call's edits it is, from 0. `call` is set where a model's answer is written
    while it streams: the call in whose arguments it is.
    `step` is then the model's, and `result` says how far it came (`Came`); empty, all that came is taken out again.
    """

    step: str = ""
    attempt: int = 0
    call: str = ""
    result: str = ""
    nth: int | None = None


class EditsUndone(Fact, frozen=True):
    """Edits of the record's document were undone: those of the records `records`, as far as nobody had changed the same
    since. `kept` is the JSON text of what was left alone. One command's first record also tells of its other documents.
    """

    records: tuple[int, ...]
    kept: str = ""


Move = tuple[int, int, int, int, int]
"""Client and clock of a first unit, how many units, and the client and clock that stand for it elsewhere."""


class DocumentCopied(Fact, frozen=True):
    """A document begins as what another one was then, ids and all; the update is its whole content."""

    of: str


class HunksAccepted(Fact, frozen=True):
    """Some changes of a draft were made in the record's document, which is its base.

    `hunks` are those that were meant, and of them `kept` are those that the base has changed in since, where it stays
    as it is. `moved` says which units of the draft the update's new ones are copies of; `gone` are units of the draft
    that were deleted from the base.
    """

    draft: str
    hunks: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    moved: tuple[Move, ...] = ()
    gone: tuple[tuple[int, int, int], ...] = ()


class HunksRejected(Fact, frozen=True):
    """Some changes were taken back in the record's document, which is the draft. `moved` says of which units the
    update's new ones, which bring back what was deleted, are copies."""

    hunks: tuple[str, ...] = ()
    moved: tuple[Move, ...] = ()


class DocumentSeeded(Fact, frozen=True):
    """The record's document, in which nobody had written, began with a file: its format, the SHA-256 of its bytes in
    hex, and the root that it went into (empty for a Yjs update, which brings its own). A document has at most one.
    """

    format: str
    digest: str
    root: str = ""


class EditMerged(Fact, frozen=True):
    """An edit that was made in the room `fork`, in its records from `first` to `last`, by the author of this record;
    in `run`, at `step`, if an agent made it there."""

    fork: str
    first: int
    last: int
    run: str = ""
    step: str = ""


DocumentFact = (
    DocumentEdited | EditsUndone | DocumentCopied | HunksAccepted | HunksRejected | DocumentSeeded | EditMerged
)
