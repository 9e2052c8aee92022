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
    not edit again. `call` is set where a model's answer is written while it streams: the call in whose arguments it is.
    `step` is then the model's, and `result` says how far it came (`Came`); empty, all that came is taken out again.
    """

    step: str = ""
    attempt: int = 0
    call: str = ""
    result: str = ""


class EditsUndone(Fact, frozen=True):
    """Edits of the record's document were undone: those of the records `records`, as far as nobody had changed the same
    since. `kept` is the JSON text of what was left alone. One command's first record also tells of its other documents.
    """

    records: tuple[int, ...]
    kept: str = ""


DocumentFact = DocumentEdited | EditsUndone
