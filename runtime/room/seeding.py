"""Seeding: a shared document begins with a file, once, whoever asks and however often.

The record has an id of its own, made of the document's name, and the log has each id once. So two tabs, two processes
and every retry find the first seeding, or are refused; none of them can double a document. Rules (specs/porting.md):

- Only a document that nobody ever wrote in is seeded. What its updates bring is judged like a tab's edit, but taken
  whole or refused.
- The same file again is answered with the first record, also after people have written on.
"""

from collections.abc import Callable

from msgspec import Struct
from outcome import Error, Outcome, Value, capture

from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...protocol.events import DocumentSeeded, Record
from .audience import Audience
from .live import Live
from .messages import AgentFor
from .shared import Later


class Seeded(Struct, frozen=True):
    """A document's seeding: its record, by whom, and whether it happened just now or before."""

    seq: int
    author: str
    event: DocumentSeeded
    fresh: bool


class Written(Struct, frozen=True):
    """A document in which somebody has written, and about how many bytes it has."""

    name: str
    bytes: int


def seeding_id(document: str) -> str:
    """The id of the record that seeds a document."""
    return f"document/{document}/seeded"


class Shelf:
    """Somebody wants to know which documents the room has."""

    def __init__(self, told: Callable[[Outcome[list[Written]]], None]) -> None:
        self._told = told

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        pass

    def publish(self, live: Live, audience: Audience) -> None:
        sizes = {name: live.shared[name].size if name in live.shared else 0 for name in live.state.documents}
        self._told(Value([Written(name, sizes[name]) for name in sorted(sizes)]))

    def failed(self, error: PlaitError) -> None:
        self._told(Error(error))


class Seed:
    """Somebody wants a document to begin with a file. `known` is the record that it began with, if the log has one."""

    def __init__(
        self,
        author: str,
        document: str,
        event: DocumentSeeded,
        data: bytes,
        told: Callable[[Outcome[Seeded]], None],
        grant: str = "",
    ) -> None:
        self.document = document
        self.known: Record | None = None
        self._author = author
        self._event = event
        self._data = data
        self._told = told
        self._grant = grant
        self._outcome: Outcome[Seeded] = Error(OutcomeUnknown())

    @property
    def key(self) -> str:
        """What the log is asked for before this is judged."""
        return seeding_id(self.document)

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        self._outcome = capture(self._seed, live)

    def _seed(self, live: Live) -> Seeded:
        first = self.known or next((draft for draft in live.drafts if draft.id == self.key), None)
        if first is not None and first.event == self._event:
            return Seeded(first.seq, first.author, self._event, fresh=False)
        if first is not None:
            raise Refused("already-seeded", f"Record {first.seq} has seeded '{self.document}' with something else.")
        live.check_growth()
        seq = live.seed(self._author, self.document, self._event, self._data, self.key, self._grant)
        return Seeded(seq, self._author, self._event, fresh=True)

    @property
    def again(self) -> bool:
        """Nothing was done yet: it is to be taken up in the next pass."""
        return isinstance(self._outcome, Error) and isinstance(self._outcome.error, Later)

    def publish(self, live: Live, audience: Audience) -> None:
        if not audience.watches(self.document):
            live.forget_unwritten(self.document)
        if not self.again:
            self._told(self._outcome)

    def failed(self, error: PlaitError) -> None:
        self._told(Error(error))
