"""Carrying: a client's tools without a socket: what it says that it has, which calls it claims, runs and answers.

Why: a front-end tool must run once although sockets, servers and this client come and go. The room decides by log order
(`specs/tab-tools.md`); this machine keeps the client's half. Rules (specs/client.md):

- On each new socket the tools are registered first, with the steps that are claimed, run or answered here. Nothing is
  decided before that is answered and the room document is level: an old claim's `ok` may have been overtaken since.
- A call begins if its claim was answered `ok` *and* the document shows it as running here under that number.
- A result is asked under its id until it is answered, over any number of sockets.
- What the document shows as somebody else's, or as over, is cancelled. What it shows as unknown is not: its result
  comes late, and tells whoever must resolve it what happened.
- A body that ended without an outcome is not registered as running any more: the room says what that means.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct
from pycrdt import Map, TextEvent

from . import parsing
from .asking import Asking, Question
from .comeback import ComeBack
from .commands import ClaimTool, RegisterTools, ReturnToolResult, ToolOffer
from .control import Denied, refusal_of
from .errors import CODES, Refused
from .limits import TAB_CALLS, TOOL_RESULT_BYTES
from .replica import Replica
from .shape import ROOT
from .state import TERMINAL

Key = tuple[str, str]
"""A call's run and step."""


class Call(Struct, frozen=True):
    """One call that this client carries out: where it stands, under which number, and what is asked for."""

    run: str
    step: str
    number: int
    name: str
    args: str

    @property
    def key(self) -> Key:
        """What stays the same when the call is assigned anew."""
        return (self.run, self.step)


class _Held:
    """A call from its claim to the answer to its result."""

    __slots__ = ("call", "phase", "question")

    def __init__(self, call: Call, question: Question) -> None:
        self.call = call
        self.question = question
        self.phase: Literal["claiming", "running", "cancelling", "returning"] = "claiming"


class Carrying:
    """The tools of one client in one room. `new_id` mints the ids of commands."""

    ready = True
    """What it hears is small, and wanted."""

    def __init__(
        self, asking: Asking, replica: Replica, tab: str, offers: Sequence[ToolOffer], new_id: Callable[[], str]
    ) -> None:
        """Raises Refused for tools that the server would refuse unread."""
        self.tab = tab
        self.registered = False
        """Whether this socket's server knows of the tools, or, once they are withdrawn, that there are none."""
        self.error: Refused | None = None
        """Why the tools were refused."""
        self._asking = asking
        self._replica = replica
        self._offers = list(offers)
        self._new_id = new_id
        self._registering: Question | None = None
        self._stale = False
        self._withdrawn = False
        self._claims = True
        self._held: dict[Key, _Held] = {}
        self._refused: set[tuple[Key, int]] = set()
        self._shown: dict[Key, tuple[Call, str]] = {}
        self._changed = True
        self._begin: list[Call] = []
        self._cancel: list[Call] = []
        parsing.parse(msgspec.json.encode(self._registration()))
        self._runs: Map[Any] = replica.doc.get(ROOT, type=Map)
        self._subscription: Any = self._runs.observe_deep(self._observe)

    @property
    def busy(self) -> int:
        """How many calls are claimed, run or answered here."""
        return len(self._held)

    def to_begin(self) -> list[Call]:
        """The calls whose bodies are to be run now; each is given once."""
        begin, self._begin = self._begin, []
        return begin

    def to_cancel(self) -> list[Call]:
        """The calls whose bodies are to be cancelled; each is given once, and still has to end."""
        cancel, self._cancel = self._cancel, []
        return cancel

    def returned(self, call: Call, result: Any = None, error: str = "") -> None:
        """The body has an outcome: any value that is JSON, or what the model is told instead."""
        held = self._held[call.key]
        held.phase = "returning"
        try:
            held.question = self._ask_result(call, result, error)
        except Refused:
            told = f"The result does not fit into an answer: {TOOL_RESULT_BYTES} bytes, nested as JSON may be."
            held.question = self._ask_result(call, None, told)

    def ended(self, call: Call) -> None:
        """The body ended and nobody can say with what: it was cancelled, or does not know itself."""
        held = self._held.pop(call.key)
        if held.phase == "running":
            self._register()
        self._think()

    def pause(self) -> None:
        """Claim nothing more."""
        self._claims = False

    def withdraw(self) -> None:
        """There are no tools any more; what is not answered yet is given up."""
        self._claims, self._withdrawn, self.registered = False, True, False
        for held in self._held.values():
            self._asking.forget(held.question)
        self._held.clear()
        self._register()

    def release(self) -> None:
        """Let go of the document."""
        self._asking.tools_first = False
        if self._registering is not None:
            self._asking.forget(self._registering)
        self._runs.unobserve(self._subscription)

    # --- a machine of a link ------------------------------------------------------------------------------------------

    def connected(self) -> None:
        """There is a new socket."""
        self.lost()
        if not self._withdrawn:
            self._asking.tools_first = True
            self._refused.clear()
            self._register()

    def lost(self) -> None:
        """The socket is gone; what runs goes on, and what has ended waits for the next one."""
        self.registered = self._stale = False
        if self._registering is not None:
            self._asking.forget(self._registering)
            self._registering = None

    def outgoing(self) -> list[str | bytes]:
        """Nothing: its commands are asked by `Asking`."""
        return []

    def receive(self, message: str | bytes) -> None:
        """The server said something, which `Asking` and the document have heard. Raises ComeBack."""
        self._think()

    # --- deciding -----------------------------------------------------------------------------------------------------

    def _registration(self) -> RegisterTools:
        running = sorted({step for _, step in self._held})
        offers = [] if self._withdrawn else self._offers
        return RegisterTools(id=self._new_id(), tab=self.tab, tools=offers, running=running)

    def _register(self) -> None:
        if self._registering is not None:
            self._stale = True
        else:
            self._registering = self._asking.ask(self._registration())

    def _think(self) -> None:
        self._hear_registration()
        if self.error is not None or not self.registered or not self._replica.level:
            return
        if self._changed:
            self._changed = False
            self._shown = self._look()
            self._refused = {(key, n) for key, n in self._refused if key in self._shown}
        for held in list(self._held.values()):
            self._go_on(held)
        for call, state in self._shown.values():
            new = call.key not in self._held and (call.key, call.number) not in self._refused
            if new and state == "assigned" and self._claims and len(self._held) < TAB_CALLS:
                claim = ClaimTool(id=self._new_id(), run=call.run, step=call.step, number=call.number)
                self._held[call.key] = _Held(call, self._asking.ask(claim))

    def _hear_registration(self) -> None:
        if self._registering is None or (answer := self._registering.answer) is None:
            return
        self._registering = None
        if isinstance(answer, Denied):
            _come_back_if_later(answer)
            self.error = refusal_of(answer.refused)
            self._asking.tools_first = False
        elif self._stale:
            self._stale = False
            self._register()
        else:
            self.registered = True
            self._asking.tools_first = False

    def _go_on(self, held: _Held) -> None:
        shown, state = self._shown.get(held.call.key, (None, ""))
        ours = shown is not None and shown.number == held.call.number
        if held.phase == "running":
            if not (ours and state in ("running", "unknown")):
                held.phase = "cancelling"
                self._cancel.append(held.call)
        elif held.phase in ("claiming", "returning") and (answer := held.question.answer) is not None:
            if isinstance(answer, Denied) and _later(answer):
                held.question = self._asking.ask(cast("ClaimTool | ReturnToolResult", held.question.command))
                _come_back_if_later(answer)
            if held.phase == "claiming" and not isinstance(answer, Denied) and ours and state == "running":
                held.phase = "running"
                self._begin.append(held.call)
                return
            if held.phase == "claiming":
                self._refused.add((held.call.key, held.call.number))
            del self._held[held.call.key]

    def _ask_result(self, call: Call, result: Any, error: str) -> Question:
        return self._asking.ask(
            ReturnToolResult(
                id=self._new_id(), run=call.run, step=call.step, number=call.number, result=result, error=error
            )
        )

    # --- looking ------------------------------------------------------------------------------------------------------

    def _observe(self, events: Sequence[Any]) -> None:
        # Tokens are the many; what is read below changes in maps and arrays only.
        if not all(isinstance(event, TextEvent) for event in events):
            self._changed = True

    def _look(self) -> dict[Key, tuple[Call, str]]:
        """What the document shows as this tab's: each call and its state."""
        found: dict[Key, tuple[Call, str]] = {}
        with self._replica.doc.transaction():  # One for all: else every look at a value is one of its own.
            for run in sorted(self._runs.keys()):
                shown = self._runs[run]
                if shown["status"] in TERMINAL:
                    continue
                for part in shown["parts"]:
                    if part.get("tab") == self.tab and part["state"] in ("assigned", "running", "unknown"):
                        call = Call(run, part["call"], int(part["number"]), part["name"], part.get("args") or "{}")
                        found[call.key] = (call, part["state"])
        return found


def _later(answer: Denied) -> bool:
    """Whether asking again after a while may help: the disk is full, the server is restarting."""
    meaning = CODES.get(refusal_of(answer.refused).code)
    return meaning is not None and (meaning.status >= 500 or meaning.status == 429)


def _come_back_if_later(answer: Denied) -> None:
    if _later(answer):
        raise ComeBack(f"The server cannot take this now: {answer.refused.message}")
