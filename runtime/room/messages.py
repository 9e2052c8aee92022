"""What a room can be told. Each kind says how it is speculated, what is published, and what its asker is told if not.

`speculate` may change the room's memory and must not answer; `publish` answers, when document = log; `failed` is called
instead of `publish` when the pass did not happen.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from ...protocol.access import Grant
from ...protocol.commands import Asked, ProvideContext, RegisterTools
from ...protocol.errors import CODES, OutcomeUnknown, PlaitError, Refused
from ...protocol.events import Attachment, Record
from ...protocol.planning import Plan
from ...protocol.prompts import AgentFacts
from ...protocol.update import decode_state_vector
from .audience import Audience
from .identity import is_server_id
from .live import Answer, Live
from .resync import ask_for_all, document_of
from .shared import Later, SharedDocument, Taken
from .tab import Tab
from .undoing import Prepared

AgentFor = Callable[[str], AgentFacts]


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
        *,
        measured: bool = False,
    ) -> None:
        self._measured = measured
        self._tab = tab
        self._name = name
        self.grant = grant
        self.command = command
        self.known: Record | None = None
        self.files: dict[str, Attachment] = {}
        self.run = run
        """The run in which an agent asks."""
        self.prepared: Prepared | Plan | SharedDocument | None = None
        """What an undo or a decision about a draft would do; of a proposal, what it is to begin as."""
        self.again = False
        """Nothing was done, and it is to be asked once more."""
        self._reply = reply
        self._answer: Answer | PlaitError = OutcomeUnknown()

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        self.again = False
        try:
            if self._binds and self._tab is None:
                raise Refused("not-allowed", "Only a socket can have tools or facts of its own; they go when it goes.")
            name = self._binds or self._name
            self._answer = live.command(
                self.grant,
                self.command,
                self.known,
                agent_for,
                name,
                self.files,
                self.prepared,
                self.run,
                measured=self._measured,
            )
        except Later:
            self.again = True
        except (Refused, OutcomeUnknown) as error:
            self._answer = error

    def refuse(self, refused: Refused) -> None:
        """Be told this instead of being judged."""
        self._answer = refused

    def publish(self, live: Live, audience: Audience) -> None:
        if self.again:
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

    __slots__ = ("_later", "_refused", "_taken", "step2", "tab", "update")

    def __init__(self, tab: Tab, update: bytes, step2: bool) -> None:
        self.tab = tab
        self.update = update
        self.step2 = step2
        self._taken: Taken | None = None
        self._refused: Refused | None = None
        self._later = False

    def speculate(self, live: Live, agent_for: AgentFor) -> None:
        try:
            if self.tab.writes:
                self._taken = live.edit(self.tab.author, self.tab.document, self.update, self.tab, self.tab.grant)
            elif live.has_news(self.tab.document, self.update):
                self._refused = Refused("permission-denied")
        except Refused as refused:
            self._refused = refused
        except Later:  # The tab's next edits lean on this one, so it cannot wait behind them.
            self._later = True

    def publish(self, live: Live, audience: Audience) -> None:
        taken = self._taken
        if self._later or (taken is not None and taken.lost):
            self.failed(OutcomeUnknown("the document is being read again from the log"))
            ask_for_all(live, self.tab)
        elif self._refused is not None:
            self._deny(live, audience, self._refused)
        elif taken is None:
            self._accept(audience, [self.update])
        elif taken.broke:
            # No client of the protocol writes such an edit, and whoever did would send it again.
            self.tab.denied("bad-update", CODES["bad-update"].sentence)
            self.tab.close(4400, "bad-update")
        elif not taken.told:
            if taken.foreign:
                audience.owed.setdefault(self.tab, set()).update(taken.foreign)
                self.tab.denied("update-foreign", CODES["update-foreign"].sentence, partly=True)
            edits = taken.tell()
            among = edits == [taken.update] and self.tab.behind is None and audience.got_deltas(self.tab)
            self._accept(audience, edits, among=among and self.tab not in audience.echoed)

    def _accept(self, audience: Audience, edits: list[bytes], *, among: bool = False) -> None:
        """`among`: the deltas hold the edit as it came, and no earlier one is answered behind them."""
        if not among:
            audience.echoed.add(self.tab)
        self.tab.accepted(edits, echo=not among)

    def _deny(self, live: Live, audience: Audience, refused: Refused) -> None:
        if refused.code == "permission-denied":
            if self.tab in audience.warned:
                self.tab.denied("", "")
                return
            audience.warned.add(self.tab)
        self.tab.denied(refused.code, refused.message)
        if refused.code == "update-incomplete":
            ask_for_all(live, self.tab)

    def failed(self, error: PlaitError) -> None:
        code = error.code if isinstance(error, Refused | OutcomeUnknown) else "store-failed"
        self.tab.denied(code, str(error))


def typists(messages: Iterable[Message]) -> dict[Tab, None]:
    """The tabs that some of these are edits of."""
    return {message.tab: None for message in messages if type(message) is Edit}


class Join(_Quiet):
    """A tab has come."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def publish(self, live: Live, audience: Audience) -> None:
        if self.tab in audience and ask_for_all(live, self.tab):
            audience.greet(self.tab)


class Resync(_Quiet):
    """A tab is asked for all that we have not: its edit was lost with a failed commit, or its dialect wants it."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def publish(self, live: Live, audience: Audience) -> None:
        if self.tab in audience:
            ask_for_all(live, self.tab)


class Step1(_Quiet):
    """A tab tells what it has and asks for the rest."""

    def __init__(self, tab: Tab, state_vector: bytes) -> None:
        self.tab = tab
        self.state_vector = state_vector

    def publish(self, live: Live, audience: Audience) -> None:
        if self.tab not in audience:
            return
        doc = document_of(live, self.tab)
        if doc is None:
            return
        theirs, ours = decode_state_vector(self.state_vector), decode_state_vector(doc.get_state())
        name, kin = live.name, live.state.kin
        from_here = {client: clock for client, clock in theirs.items() if is_server_id(client, name, kin)}
        foreign = any(clock > ours.get(client, 0) for client, clock in from_here.items())
        if foreign or (not self.tab.document and _is_outdated(live, from_here)):
            self.tab.close(CODES["lineage-changed"].close or 4409, "lineage-changed")
            return
        self.tab.send_step2(doc.get_update(self.state_vector))
        audience.sync(self.tab)


def _is_outdated(live: Live, clocks: Mapping[int, int]) -> bool:
    """Whether a tab with these clocks of ours holds the room document as it was under an older shape."""
    shaped = live.state.shaped
    return shaped is not None and bool(clocks) and clocks.get(shaped.client, 0) < shaped.clock


class CatchUp(_Quiet):
    """A tab that fell behind can write again."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def publish(self, live: Live, audience: Audience) -> None:
        behind = self.tab.behind
        if self.tab in audience and behind is not None and (doc := document_of(live, self.tab)) is not None:
            self.tab.catch_up(doc.get_update(behind), audience.present(self.tab.document))


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
