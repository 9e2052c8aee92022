"""What a room can be told. Each kind says how it is speculated, what is published, and what its asker is told if not.

`speculate` may change the room's memory and must not answer; `publish` answers, when document = log; `failed` is called
instead of `publish` when the pass did not happen.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from outcome import Error, Outcome, capture

from ...protocol.access import Grant
from ...protocol.commands import Asked, ProvideContext, RegisterTools
from ...protocol.comparison import Comparison
from ...protocol.errors import CODES, OutcomeUnknown, PlaitError, Refused
from ...protocol.events import (
    ApprovalRequested,
    ArgumentsStreamed,
    Attachment,
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
from ...protocol.prompts import AgentFacts
from ...protocol.update import decode_state_vector, read
from .audience import Audience
from .editing import Place, Transform, gave
from .identity import is_server_id
from .live import Answer, Live
from .shared import Taken
from .tab import Tab
from .undoing import Prepared

AgentFor = Callable[[str], AgentFacts]
Done = Callable[[bool | None], None]
"""Told about a step's report: recorded, no longer wanted, or (None) nobody knows."""


class Message(Protocol):
    """One thing in a room's inbox."""

    def speculate(self, live: Live, agent_for: AgentFor) -> None: ...
    def publish(self, live: Live, audience: Audience) -> None: ...
    def failed(self, error: PlaitError) -> None: ...


class _Quiet:
    """Speculates nothing, and has nobody to tell of a failure."""

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        pass

    def failed(self, error: PlaitError) -> None:
        pass


class Ask:
    """A command, with who asks and where the answer goes. `known` is its first record, if the log has one; `files` are
    those of its attachments that the store has."""

    def __init__(
        self,
        grant: Grant,
        command: Asked,
        reply: Callable[[Answer | PlaitError], None],
        tab: Tab | None,
        name: str,
        run: str = "",
    ) -> None:
        self._tab = tab
        self._name = name
        self.grant = grant
        self.command = command
        self.known: Record | None = None
        self.files: dict[str, Attachment] = {}
        self.run = run
        """The run in which an agent asks."""
        self.prepared: Prepared | Comparison | None = None
        self.stale = False
        """It was prepared before somebody else undid something: it is to be prepared again, and nothing was done."""
        self._reply = reply
        self._answer: Answer | PlaitError = OutcomeUnknown()

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        try:
            if self._binds and self._tab is None:
                raise Refused("not-allowed", "Only a socket can have tools or facts of its own; they go when it goes.")
            name = self._binds or self._name
            self.stale = isinstance(self.prepared, Prepared) and self.prepared.seq < live.state.undone
            if not self.stale:
                self._answer = live.command(
                    self.grant, self.command, self.known, agent_for, name, self.files, self.prepared, self.run
                )
        except (Refused, OutcomeUnknown) as error:
            self._answer = error

    def publish(self, live: Live, audience: Audience) -> None:
        if self.stale:
            return
        if self._binds and self._tab is not None and isinstance(self._answer, Answer):
            audience.bind(self._tab, self._binds)
        self._reply(self._answer)

    @property
    def _binds(self) -> str:
        """The tab that the asking socket says to be, by what it asks; or empty."""
        return self.command.tab if isinstance(self.command, RegisterTools | ProvideContext) else ""

    def failed(self, error: PlaitError) -> None:
        # What had happened before this pass was not undone with it, and "nothing changed" would be untrue of it.
        happened = self.known is not None and isinstance(error, Refused)
        self._reply(OutcomeUnknown("it was asked before; ask again") if happened else error)


class Edit:
    """A tab's edit of its document."""

    def __init__(self, tab: Tab, update: bytes, step2: bool) -> None:
        self.tab = tab
        self.update = update
        self.step2 = step2
        self._taken: Taken | None = None
        self._refused: Refused | None = None
        self._unknown: OutcomeUnknown | None = None

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        try:
            if self.tab.document:
                self._taken = live.edit(self.tab.author, self.tab.document, self.update, self.tab)
            elif live.has_news(self.update):
                self._refused = Refused("permission-denied")
        except Refused as refused:
            self._refused = refused
        except OutcomeUnknown as unknown:
            self._unknown = unknown

    def publish(self, live: Live, audience: Audience) -> None:
        taken = self._taken
        if self._unknown is not None:
            self.failed(self._unknown)
            self.tab.send_step1(live.document(self.tab.document).get_state())
        elif self._refused is not None:
            self._deny(live, audience, self._refused)
        elif taken is None:
            self.tab.accepted([self.update], echo=True)
        elif taken.broke:
            # No client of the protocol writes such an edit, and whoever did would send it again.
            self.tab.denied("bad-update", CODES["bad-update"].sentence)
            self.tab.close(4400, "bad-update")
        elif not taken.told:
            taken.told = True
            if taken.foreign:
                audience.owed.setdefault(self.tab, set()).update(taken.foreign)
                self.tab.denied("update-foreign", CODES["update-foreign"].sentence, partly=True)
            among = taken.edits == [taken.update] and self.tab.behind is None and audience.got_deltas(self.tab)
            self.tab.accepted(taken.edits, echo=not among)

    def _deny(self, live: Live, audience: Audience, refused: Refused) -> None:
        if refused.code == "permission-denied":
            if self.tab in audience.warned:
                self.tab.denied("", "")
                return
            audience.warned.add(self.tab)
        self.tab.denied(refused.code, refused.message)
        if refused.code == "update-incomplete":
            self.tab.send_step1(live.document(self.tab.document).get_state())

    def failed(self, error: PlaitError) -> None:
        code = error.code if isinstance(error, Refused | OutcomeUnknown) else "store-failed"
        self.tab.denied(code, str(error))


class Join(_Quiet):
    """A tab has come."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def publish(self, live: Live, audience: Audience) -> None:
        if self.tab not in audience:
            return
        try:
            self.tab.send_step1(live.document(self.tab.document).get_state())
        except Refused as refused:
            self.tab.close(CODES[refused.code].close or 1013, refused.code)
            return
        audience.greet(self.tab)


class Resync(_Quiet):
    """A tab is asked for all that we have not: its edit was lost with a failed commit, or its dialect wants it."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def publish(self, live: Live, audience: Audience) -> None:
        if self.tab in audience:
            self.tab.send_step1(live.document(self.tab.document).get_state())


class Step1(_Quiet):
    """A tab tells what it has and asks for the rest."""

    def __init__(self, tab: Tab, state_vector: bytes) -> None:
        self.tab = tab
        self.state_vector = state_vector

    def publish(self, live: Live, audience: Audience) -> None:
        if self.tab not in audience:
            return
        try:
            doc = live.document(self.tab.document)
        except Refused as refused:  # A draft that was settled long ago.
            self.tab.close(CODES[refused.code].close or 1013, refused.code)
            return
        theirs, ours = decode_state_vector(self.state_vector), decode_state_vector(doc.get_state())
        if any(is_server_id(client, live.name) and clock > ours.get(client, 0) for client, clock in theirs.items()):
            self.tab.close(CODES["lineage-changed"].close or 4409, "lineage-changed")
            return
        self.tab.send_step2(doc.get_update(self.state_vector))
        audience.sync(self.tab)


class CatchUp(_Quiet):
    """A tab that fell behind can write again."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def publish(self, live: Live, audience: Audience) -> None:
        behind = self.tab.behind
        if self.tab in audience and behind is not None:
            update = live.document(self.tab.document).get_update(behind)
            self.tab.catch_up(update, audience.present(self.tab.document))


class Leave(_Quiet):
    """Nobody watches a document any more."""

    def __init__(self, document: str) -> None:
        self.document = document

    def publish(self, live: Live, audience: Audience) -> None:
        if not audience.watches(self.document):
            live.forget_unwritten(self.document)


class TabGone(_Quiet):
    """A socket whose tab has tools was closed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        live.tab_left(self._name)

    def publish(self, live: Live, audience: Audience) -> None:
        # The tab's next socket registered in this very pass, before its last one was found dead: it comes again.
        again = audience.bound.get(self._name)
        if again is not None and self._name not in live.state.tabs:
            again.close(CODES["overloaded"].close or 1013, "overloaded")


class TabStays(TabGone):
    """The room was read again from its log under a new epoch; the tab's socket lives on."""

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        live.tab_stays(self._name)

    def publish(self, live: Live, audience: Audience) -> None:
        pass


class Look(_Quiet):
    """Somebody wants a document when document = log."""

    def __init__(self, document: str, tell: Callable[[bytes | PlaitError], None]) -> None:
        self._document = document
        self._tell = tell

    def publish(self, live: Live, audience: Audience) -> None:
        try:
            self._tell(live.document(self._document).get_update())
        except PlaitError as error:
            self._tell(error)
        if not audience.watches(self._document):
            live.forget_unwritten(self._document)

    def failed(self, error: PlaitError) -> None:
        self._tell(error)


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

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        drafted = len(live.drafts)
        self._outcome = capture(self._write, live)
        if len(live.drafts) > drafted and live.drafts[-1].update:  # One under an id may have changed nothing.
            inserted = read(live.drafts[-1].update, own=True).inserted
            self.end = (inserted[-1][0], inserted[-1][2] - 1) if inserted else None

    def _write(self, live: Live) -> Any:
        if self.known is not None:
            event = self.known.event
            if not isinstance(event, DocumentEdited):
                raise Refused("id-reused")
            return gave(event.result)
        place = None if self._looks else self.place
        return live.write(self._author, self.document, self._transform, place, self.key, looks=self._looks)

    def publish(self, live: Live, audience: Audience) -> None:
        if not audience.watches(self.document):
            live.forget_unwritten(self.document)
        self._told(self._outcome)

    def failed(self, error: PlaitError) -> None:
        self._told(Error(error))
