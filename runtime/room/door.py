"""A room's door: all that tabs, callers and steps may say to it or see of it. What is said is a message in the inbox.

Everything but `ask`, `commit`, `document` and `beyond` is synchronous and never blocks. What becomes of a message is
the room's task's to say (`room`), and it is said in publish or not at all; whoever waits is always answered, also by a
room that ends.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import trio
from outcome import Outcome

from ...protocol.access import Grant
from ...protocol.blocking import blocked
from ...protocol.commands import Asked
from ...protocol.errors import OutcomeUnknown, PlaitError
from ...protocol.events import DocumentSeeded
from ...protocol.state import Fork
from .audience import Audience
from .breaking import Breaks
from .editing import Place, Transform
from .forking import Merging
from .live import Answer, Live
from .merging import Looked, Merge
from .messages import Ask, CatchUp, Edit, Join, Leave, Look, Message, Resync, Step1, TabGone
from .reports import Begin, Report, Write
from .seeding import Seed, Seeded, Shelf, Written
from .tab import Tab

T = TypeVar("T")


class Door:
    """The side of a room that others see."""

    past = False

    def __init__(self) -> None:
        self.head = 0
        """The seq of the last published record."""
        self.breaks = Breaks()
        self._live: Live | None = None
        self._audience = Audience()
        self._inbox: deque[Message] = deque()
        self._work = trio.Event()
        self._grown = trio.Event()
        self._closing = False
        self._deaf = False

    @property
    def lineage(self) -> str:
        """Which history this is; empty before the first record."""
        return self._live.lineage if self._live is not None else ""

    @property
    def epoch(self) -> int:
        """The epoch under which this process writes the room."""
        return self._live.epoch if self._live is not None else 0

    @property
    def fork(self) -> Fork | None:
        """Of what this room is a fork, if it is one."""
        return self._live.state.fork if self._live is not None else None

    def blocks(self, effect: str) -> str:
        """Why a tool with that effect may not be called here; empty if it may."""
        return blocked(self._live.state, effect) if self._live is not None else ""

    def draft_waits(self, name: str) -> bool:
        """Whether that draft is to be decided still."""
        draft = self._live.state.drafts.get(name) if self._live is not None else None
        return draft is not None and draft.status == "open"

    def join(self, tab: Tab) -> None:
        """A tab is here: it is sent our step 1 and who is present."""
        self._audience.join(tab)
        self.post(Join(tab))

    def step1(self, tab: Tab, state_vector: bytes) -> None:
        """A tab's sync step 1: answered by step 2, and by deltas from then on."""
        self.post(Step1(tab, state_vector))

    def resync(self, tab: Tab) -> None:
        """Ask a tab for all that we have not: answered by `tab.send_step1`."""
        self.post(Resync(tab))

    def edit(self, tab: Tab, update: bytes, *, step2: bool) -> None:
        """A tab's edit: answered by `tab.accepted` once it is on disk, or by `tab.denied`."""
        self.post(Edit(tab, update, step2))

    def aware(self, tab: Tab, payload: bytes) -> None:
        """What a tab says of who is present. Raises Refused('bad-frame')."""
        self._audience.aware(tab, payload)

    def query_awareness(self, tab: Tab) -> None:
        """A tab asks who is present."""
        self._audience.greet(tab)

    def catch_up(self, tab: Tab) -> None:
        """A tab that fell behind can write again: answered by `tab.catch_up`."""
        self.post(CatchUp(tab))

    def leave(self, tab: Tab) -> None:
        """The socket is gone."""
        name = self._audience.unbind(tab)
        if name:
            self.post(TabGone(name))
        if self._audience.leave(tab):
            self.post(Leave(tab.document))

    def command(
        self,
        grant: Grant,
        command: Asked,
        reply: Callable[[Answer | PlaitError], None],
        tab: Tab | None = None,
        run: str = "",
        *,
        measured: bool = False,
    ) -> None:
        """Ask for something, on behalf of a tab if it came from one, or in a run; `reply` is called in publish, after
        the deltas, with the answer or why there is none. `measured`: it comes from outside and counts (`quota`)."""
        self.post(Ask(grant, command, reply, tab, self._audience.name_of(tab), run, measured=measured))

    async def ask(self, grant: Grant, command: Asked, *, run: str = "", measured: bool = False) -> Answer:
        """Ask for something and wait. Raises Refused; OutcomeUnknown if it is to be asked again under its id.

        Cancelling the wait does not take the command back.
        """
        told = trio.Event()
        answers: list[Answer | PlaitError] = []

        def reply(answer: Answer | PlaitError) -> None:
            answers.append(answer)
            told.set()

        self.command(grant, command, reply, run=run, measured=measured)
        await told.wait()
        if isinstance(answers[0], PlaitError):
            raise answers[0]
        return answers[0]

    async def beyond(self, seq: int) -> int:
        """Wait until a record after `seq` is published; the head then. Raises OutcomeUnknown if this room ends before,
        and then the room is to be asked for again."""
        while self.head <= seq:
            await self._grown.wait()
            if self._deaf and self.head <= seq:
                raise OutcomeUnknown("the room was closed")
        return self.head

    def _grow(self, seq: int) -> None:
        """Let whoever follows the log know that it goes that far."""
        self.head = seq
        grown, self._grown = self._grown, trio.Event()
        grown.set()

    async def document(self, name: str = "") -> bytes:
        """A document's whole content as one update, as of some moment between asking and answering."""
        return (await self.document_and_seq(name))[0]

    async def document_and_seq(self, name: str) -> tuple[bytes, int]:
        """The same, and the newest record then."""
        told = trio.Event()
        found: list[tuple[bytes | PlaitError, int]] = []

        def tell(update: bytes | PlaitError) -> None:
            found.append((update, self.head))
            told.set()

        self.post(Look(name, tell))
        await told.wait()
        update, seq = found[0]
        if isinstance(update, PlaitError):
            raise update
        return update, seq

    async def write(
        self,
        author: str,
        document: str,
        transform: Transform,
        place: Place | None = None,
        *,
        looks: bool = False,
        key: str = "",
    ) -> Any:
        """Edit a shared document by a function of it, or look into it (`looks`); what the function gave, once that is
        on disk. `place` says which call does it; `key` makes an edit of nobody's call happen once. Shielded, as a
        commit is. Raises Refused, OutcomeUnknown, and whatever the function raised."""
        return await self._told(lambda tell: Write(author, document, transform, tell, place, looks=looks, key=key))

    async def seed(self, author: str, document: str, event: DocumentSeeded, data: bytes, grant: str = "") -> Seeded:
        """Let a shared document begin with a file; its first seeding, once that is on disk. Shielded, as a commit is.
        Raises Refused('already-seeded') and what else is wrong with the file, OutcomeUnknown."""
        return await self._told(lambda tell: Seed(author, document, event, data, tell, grant))

    async def merge(self, grant: Grant, merging: Merging, *, preview: bool = False) -> Looked:
        """Take a fork's edits back, once that is on disk. Shielded, as a commit is. Raises Refused, OutcomeUnknown,
        Stale if the fork was merged since this was prepared."""
        return await self._told(lambda tell: Merge(grant, merging, tell, preview=preview))

    async def documents(self) -> list[Written]:
        """The shared documents in which somebody has written, by name."""
        return await self._told(Shelf, shield=False)

    async def _told(self, message: Callable[[Callable[[Outcome[T]], None]], Message], *, shield: bool = True) -> T:
        """Say what `message` makes, and wait for what it is told."""
        told = trio.Event()
        outcomes: list[Outcome[T]] = []

        def tell(outcome: Outcome[T]) -> None:
            outcomes.append(outcome)
            told.set()

        self.post(message(tell))
        with trio.CancelScope(shield=shield):
            await told.wait()
        return outcomes[0].unwrap()

    def write_soon(self, write: Write) -> None:
        """Edit a shared document without waiting for it."""
        self.post(write)

    def report(self, report: Report | Begin) -> None:
        """What a step did, or some of its stream; `report.done` is called in publish."""
        self.post(report)

    async def commit(self, report: Report) -> bool:
        """As `report`, and wait until it is on disk; False if the step is no longer wanted. Shielded: an intent's
        commit is waited for even by a step that is being cancelled (law 7). Raises OutcomeUnknown."""
        told = trio.Event()
        outcome: list[bool | None] = []

        def done(accepted: bool | None) -> None:
            outcome.append(accepted)
            told.set()

        report.done = done
        self.post(report)
        with trio.CancelScope(shield=True):
            await told.wait()
        if outcome[0] is None:
            raise OutcomeUnknown("the step's record may or may not be in the log")
        return outcome[0]

    def poke(self) -> None:
        """Look again whether something is to be done: a user left, a step ended."""
        self._work.set()

    @property
    def closing(self) -> bool:
        """The room is on its way out of memory; ask for it again when it has ended."""
        return self._closing

    def end_tabs(self, code: int, reason: str) -> None:
        """Close every socket that watches."""
        self._audience.end(code, reason)

    @property
    def tabs(self) -> int:
        """How many sockets watch."""
        return len(self._audience)

    def post(self, message: Message) -> None:
        """Put a message into the inbox; one for a room that ends is told at once."""
        if self._deaf:
            message.failed(OutcomeUnknown("the room was closed"))
            return
        self._inbox.append(message)
        self._work.set()
