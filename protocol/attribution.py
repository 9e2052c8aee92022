"""Attribution: of a record that edited a document, who did it, for whom, in which run and call, asked by which prompt.

Why: `protocol/history` says which record wrote a part of a document. The record says its author and the step that made
it; the rest stands in other records of the log. `Attributions` is a small index of those, built by reading the log once
in order: what each run was asked, which model answered at which step, which tool a step called. Rules
(specs/attribution.md):

- An agent that acts for a person is told as both: `author` is the agent, `on_behalf_of` whoever wrote the prompt of the
  run at the root, however many agents stand in between.
- An edit without a run is its author's own.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from msgspec import Struct

from .events import (
    ArgumentsStreamed,
    DocumentEdited,
    DocumentSeeded,
    EditMerged,
    EditsUndone,
    HunksAccepted,
    HunksRejected,
    ModelAnswered,
    ModelRequested,
    Record,
    RunRequested,
    ToolDelegated,
    ToolStarted,
)

ASKED = ("run-requested",)
"""The kind of record that says what a run was asked."""

FACTS = (*ASKED, "model-requested", "model-answered", "arguments-streamed", "tool-started", "tool-delegated")
"""The kinds of a run's records, beside its edits, that say who made these."""


class Asked(Struct, frozen=True, gc=False):
    """What a run was asked, for whom, in record `seq`; `parent` is the run that it works for, if it is a child."""

    seq: int
    author: str
    agent: str
    prompt: str
    parent: str


_NOBODY = Asked(0, "", "", "", "")


class Call(Struct, frozen=True, gc=False):
    """A tool's call: the vendor's id, the tool, and the model that asked for it."""

    id: str = ""
    name: str = ""
    model: str = ""


class Attribution(Struct, frozen=True, omit_defaults=True):
    """Who did what record `seq` holds. For an edit of no run, only `author` (and `time`, µs since 1970) is said.

    `on_behalf_of` wrote `prompt`, in record `prompt_seq`, which began `root`; `run` is that run or one below it, at
    whose `step` it happened. `call` is the vendor's id of the tool call and `tool` the tool's name; `model` asked for
    the call. Where a flow called the tool by itself there is no model. What was merged from a fork says which, the
    record there and, if an agent did it, the run and step there: the fork's log has the rest.
    """

    seq: int
    time: int
    author: str
    on_behalf_of: str = ""
    run: str = ""
    root: str = ""
    agent: str = ""
    model: str = ""
    step: str = ""
    call: str = ""
    tool: str = ""
    prompt: str = ""
    prompt_seq: int = 0
    fork: str = ""
    fork_seq: int = 0
    fork_run: str = ""


class _Maker(Struct, frozen=True, gc=False):
    """Whoever makes an edit, and from where; the edits of one call have one."""

    author: str
    run: str
    step: str
    call: Call
    merged: EditMerged | None = None


class Attributions:
    """What a log says of who did what, up to record `head`.

    A vendor may give the same id to calls of two answers, so a call is resolved when it is made.
    """

    def __init__(self) -> None:
        self.head = 0
        self._runs: dict[str, Asked] = {}
        self._seqs = array("q")
        self._times = array("q")
        self._makers: list[_Maker] = []
        self._models: dict[tuple[str, str], str] = {}
        self._wishes: dict[tuple[str, str], Call] = {}
        self._made: dict[tuple[str, str], Call] = {}

    @property
    def size(self) -> int:
        """How many facts are kept, for a bound on memory."""
        return len(self._seqs) + len(self._runs) + len(self._models) + len(self._wishes) + len(self._made)

    def take(self, record: Record) -> None:
        """The room's next record, whatever it is about."""
        self.head = record.seq
        run, event = record.run, record.event
        match event:
            case DocumentEdited():
                made = self._wishes.get((run, event.call)) if event.call else self._made.get((run, event.step))
                call = made or Call(event.call)
                self._edited(record, _Maker(record.author, run, event.step, call))
            case EditsUndone() | HunksAccepted() | HunksRejected() | DocumentSeeded():
                self._edited(record, _Maker(record.author, record.run, "", Call()))
            case EditMerged():
                self._edited(record, _Maker(record.author, "", event.step, Call(), event))
            case RunRequested():
                author = event.on_behalf_of or record.author  # A service's grant may say for whom it asks.
                self._runs[run] = Asked(record.seq, author, event.agent, event.prompt, event.parent)
            case ModelRequested():
                self._models[run, event.step] = event.model
            case ModelAnswered():
                for call in event.calls:
                    self._wish(run, event.step, call.id, call.name)
            case ArgumentsStreamed(name=name) if name:
                self._wish(run, event.step, event.call, name)
            case ToolStarted() | ToolDelegated():
                wish = self._wishes.get((run, event.call))
                self._made[run, event.step] = Call(event.call, event.name, wish.model if wish is not None else "")
            case _:
                pass

    def of(self, seq: int) -> Attribution | None:
        """Who made the edit that record `seq` holds; None if it holds none, or was not taken yet."""
        at = bisect_left(self._seqs, seq)
        if at == len(self._seqs) or self._seqs[at] != seq:
            return None
        edit, time = self._makers[at], self._times[at]
        if edit.merged is not None:
            fork, at = edit.merged.fork, edit.merged.last
            return Attribution(
                seq, time, edit.author, fork=fork, fork_seq=at, fork_run=edit.merged.run, step=edit.merged.step
            )
        if not edit.run:
            return Attribution(seq, time, edit.author)
        root = self.root(edit.run)
        asked, run = self._runs.get(root, _NOBODY), self._runs.get(edit.run, _NOBODY)
        return Attribution(
            seq=seq,
            time=time,
            author=edit.author,
            on_behalf_of=asked.author,
            run=edit.run,
            root=root,
            agent=run.agent,
            model=edit.call.model,
            step=edit.step,
            call=edit.call.id,
            tool=edit.call.name,
            prompt=asked.prompt,
            prompt_seq=asked.seq,
        )

    def _edited(self, record: Record, maker: _Maker) -> None:
        last = self._makers[-1] if self._makers else None
        self._seqs.append(record.seq)
        self._times.append(record.time)
        self._makers.append(last if last is not None and last == maker else maker)

    def _wish(self, run: str, step: str, call: str, name: str) -> None:
        self._wishes[run, call] = Call(call, name, self._models.get((run, step), ""))

    def knows(self, run: str) -> bool:
        """Whether it was taken what the run was asked."""
        return run in self._runs

    def root(self, run: str) -> str:
        """The run at the root: the one that a prompt began and that this one works for, or itself."""
        while (asked := self._runs.get(run)) is not None and asked.parent:
            run = asked.parent
        return run


def attribute(records: Iterable[Record], seq: int) -> Attribution | None:
    """Who made the edit that record `seq` of these records, a log from its beginning, holds; None if it holds none.

    To ask more than once, keep an `Attributions`.
    """
    attributions = Attributions()
    for record in records:
        attributions.take(record)
        if record.seq == seq:
            break
    return attributions.of(seq)
