"""What the inside of a room's own process tells it: a step's reports and stream, and edits by calls and by hosts.

Like every message (`messages`), each is judged in *speculate* and answered in *publish*; a step that waits for its
commit is told even if the room ends.
"""

from collections.abc import Callable, Sequence
from typing import Any

from outcome import Error, Outcome, Value, capture

from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...protocol.events import (
    ApprovalRequested,
    ArgumentsStreamed,
    DocumentEdited,
    QuestionAsked,
    ReasoningStreamed,
    Record,
    TextStreamed,
    ToolDelegated,
    ToolFailed,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolReturned,
    ToolStarted,
)
from ...protocol.recalling import Deed
from ...protocol.state import Run
from ...protocol.update import read
from .audience import Audience
from .editing import Place, Transform, gave
from .live import Live
from .messages import AgentFor
from .shared import Later

Done = Callable[[bool | None], None]
"""Told about a step's report: recorded, no longer wanted, or (None) nobody knows."""


class Report:
    """What a step did, or some of its stream."""

    def __init__(self, run: str, author: str, event: Any, done: Done | None = None) -> None:
        self.run = run
        self.author = author
        self.event = event
        self.done = done
        self._accepted = False

    @property
    def begins(self) -> bool:
        """It is an intent, and nobody carries out one whose step was abandoned."""
        return isinstance(self.event, ToolStarted | ToolDelegated | ApprovalRequested | QuestionAsked)

    @property
    def stays_true(self) -> bool:
        """It says what a call is known to have done, and that outlives the epoch which could not write it down."""
        return isinstance(self.event, ToolReturned | ToolFailed | ToolOutcomeUnknown | ToolNotStarted)

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        if isinstance(self.event, TextStreamed | ReasoningStreamed | ArgumentsStreamed):
            self._accepted = live.stream(self.run, self.event)
        else:
            self._accepted = live.report(self.run, self.author, self.event)

    def publish(self, live: Live, audience: Audience) -> None:
        if self.done is not None:
            self.done(self._accepted)

    def failed(self, error: PlaitError) -> None:
        if self.done is not None:
            self.done(None)


class Begin(Report):
    """A step is about to send a request to a model."""

    def __init__(
        self, run: str, author: str, step: str, attempt: int, model: str, request: dict[str, Any], steers: Sequence[int]
    ) -> None:
        super().__init__(run, author, None)
        self._step = (step, attempt, model, request)
        self._steers = steers

    @property
    def begins(self) -> bool:
        return True

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        step, attempt, model, request = self._step
        self._accepted = live.begin_request(self.run, self.author, step, attempt, model, request, self._steers)


class Recalled(Report):
    """What the log of a fork's parent has of a step, or of what was said to its run: `deeds` says what of it is left,
    as the run stands when it is written down."""

    def __init__(self, run: str, step: str, deeds: Callable[[Run], Sequence[Deed]]) -> None:
        super().__init__(run, "", None)
        self._step = step
        self._deeds = deeds

    @property
    def begins(self) -> bool:
        return True

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        self._accepted = live.recall(self.run, self._step, self._deeds)


class Write:
    """An edit of a shared document from inside, or a look into it: `told` gets what the function gave, or why not."""

    def __init__(
        self,
        author: str,
        document: str,
        transform: Transform,
        told: Callable[[Outcome[Any]], None],
        place: Place | None = None,
        *,
        looks: bool = False,
        key: str = "",
    ) -> None:
        self.document = document
        self.place = place
        self.key = key
        self.known: Record | None = None
        """The record of an earlier edit under the same key."""
        self.end: tuple[int, int] | None = None
        """The last struct that it inserted, where its author's cursor is now."""
        self._author = author
        self._transform = transform
        self._told = told
        self._looks = looks
        self._outcome: Outcome[Any] = Error(OutcomeUnknown())

    @property
    def again(self) -> bool:
        """Nothing was done yet: it is to be taken up in the next pass."""
        return isinstance(self._outcome, Error) and isinstance(self._outcome.error, Later)

    @property
    def happened(self) -> bool:
        """It was done, or had been before."""
        return isinstance(self._outcome, Value)

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        drafted = len(live.drafts)
        self._outcome = capture(self._write, live)
        newest = live.drafts[-1] if len(live.drafts) > drafted else None
        if newest is None or (newest.document, newest.author) != (self.document, self._author):
            return  # It changed nothing; what others typed before it was drafted with it.
        if newest.update:  # One under an id may have changed nothing.
            inserted = read(newest.update, own=True).inserted
            self.end = (inserted[-1][0], inserted[-1][2] - 1) if inserted else None

    def _write(self, live: Live) -> Any:
        if self.known is not None:
            event = self.known.event
            if not isinstance(event, DocumentEdited):
                raise Refused("id-reused")
            return gave(event.result)
        if self.place is not None:
            live.check_mandate(self.place.run, self.document, "read" if self._looks else "write")
        place = None if self._looks else self.place
        return live.write(self._author, self.document, self._transform, place, self.key, looks=self._looks)

    def publish(self, live: Live, audience: Audience) -> None:
        if not audience.watches(self.document):
            live.forget_unwritten(self.document)
        if not self.again:
            self._told(self._outcome)

    def failed(self, error: PlaitError) -> None:
        self._told(Error(error))
