"""Changes: a run's records as what a program shows of it: text as it comes, parts as they change, the end.

Why: a bot wants to print an answer while it is written. Records are too fine for that (fifty kinds), and the document
says how things are, not what was added. Rules (specs/client.md):

- The texts of one part, joined, are the part's text; nothing is given twice.
- A try at a step that failed leaves the document and is given anew: `PartsWithdrawn` says whose texts do not count.
- Whatever else a part is, a tool's call, what somebody said, a file, is given whole whenever it changed.
- `RunEnded` is the last one, and holds the run as plain values.
"""

from typing import Any

from msgspec import Struct

from .document import RoomDocument
from .events import (
    ArgumentsStreamed,
    ReasoningStreamed,
    Record,
    RunFailed,
    RunFinished,
    RunStopped,
    TextStreamed,
)
from .partial import partial_json
from .shown import shown_runs

PartId = tuple[str, int, int]
"""A part's step, attempt and ordinal: the same in all its changes."""


class TextAdded(Struct, frozen=True):
    """Some of the answer's text came."""

    part: PartId
    text: str


class ReasoningAdded(Struct, frozen=True):
    """Some of the model's reasoning came."""

    part: PartId
    text: str


class PartChanged(Struct, frozen=True):
    """A part that is no text is new or another: `shown` has the keys of the room document (specs/document.md). A tool's
    has `partial_args` as well: its arguments so far, as a value."""

    part: PartId
    shown: dict[str, Any]

    @property
    def state(self) -> str:
        """A tool's state; empty for what is no tool."""
        return self.shown.get("state", "")


class PartsWithdrawn(Struct, frozen=True):
    """An attempt was superseded: all that was given of its parts does not count, and the next attempt gives its own."""

    step: str
    attempt: int


class StatusChanged(Struct, frozen=True):
    """The run is queued, running or waiting now."""

    status: str


class RunEnded(Struct, frozen=True):
    """The run is done, stopped or failed; `run` is all of it as plain values."""

    status: str
    run: dict[str, Any]


Change = TextAdded | ReasoningAdded | PartChanged | PartsWithdrawn | StatusChanged | RunEnded


class _Input:
    """A call's arguments while they stream. A long text is read again only when it has grown by a thirty-second, so
    that reading all of its beginnings costs no more than reading the whole some thirty times."""

    __slots__ = ("_due", "text", "value")

    def __init__(self) -> None:
        self.text = ""
        self.value: Any = {}
        self._due = 0

    def add(self, text: str) -> None:
        self.text += text
        if len(self.text) >= self._due:
            self.value = partial_json(self.text)
            self._due = len(self.text) + len(self.text) // 32


class Changes:
    """Turns one run's records, from its first one on, into changes."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._scratch = RoomDocument(client=1)
        self._status = ""
        self._parts: dict[PartId, dict[str, Any]] = {}
        self._inputs: dict[PartId, _Input] = {}

    def release(self) -> None:
        """Let go of the document."""
        self._scratch.release()

    def take(self, record: Record) -> list[Change]:
        """What the next record of the room means to those who watch the run."""
        if record.run != self._run:
            return []
        event = record.event
        self._scratch.project(record.run, record.author, record.time, event)
        match event:
            case TextStreamed():
                return [TextAdded(self._streamed(event), event.text)]
            case ReasoningStreamed():
                return [ReasoningAdded(self._streamed(event), event.text)]
            case ArgumentsStreamed():
                return [self._arguments(event)]
            case _:
                return self._compare(ended=isinstance(event, RunFinished | RunStopped | RunFailed))

    def _streamed(self, event: TextStreamed | ReasoningStreamed | ArgumentsStreamed) -> PartId:
        part = (event.step, event.attempt, event.part)
        self._parts.setdefault(part, {})
        return part

    def _arguments(self, event: ArgumentsStreamed) -> PartChanged:
        """As the document shows it, without reading the whole run for each token."""
        part = self._streamed(event)
        given = self._inputs.setdefault(part, _Input())
        given.add(event.text)
        where = {"step": event.step, "attempt": event.attempt, "part": event.part}
        call = {"type": "tool", "id": event.call, "name": event.name, "state": "streaming"}
        return PartChanged(part, where | call | {"input": given.text, "partial_args": given.value})

    def _compare(self, ended: bool) -> list[Change]:
        run = shown_run_of(self._scratch, self._run)
        if run is None:
            return []
        parts = {_id(part): part for part in run["parts"]}
        gone = {part[:2]: None for part in self._parts if part not in parts}
        changes: list[Change] = [PartsWithdrawn(*attempt) for attempt in gone]
        for part, shown in parts.items():
            if shown["type"] not in ("text", "reasoning") and shown != self._parts.get(part):
                changes.append(PartChanged(part, shown))
        self._parts = parts
        self._inputs = {part: given for part, given in self._inputs.items() if part in parts}
        if ended:
            changes.append(RunEnded(run["status"], run))
        elif run["status"] != self._status:
            changes.append(StatusChanged(run["status"]))
        self._status = run["status"]
        return changes


def shown_run_of(room: RoomDocument, run: str) -> dict[str, Any] | None:
    """A run as plain values, its tools' arguments so far among them; None if the document does not hold it."""
    shown = shown_runs(room.doc).get(run)
    return None if shown is None else complete(shown)


def complete(run: dict[str, Any]) -> dict[str, Any]:
    """The run with `partial_args` in each part that is a tool's call."""
    return run | {"parts": [with_partial_args(part) for part in run["parts"]]}


def with_partial_args(part: dict[str, Any]) -> dict[str, Any]:
    """The part; a tool's with `partial_args`, its arguments so far as a value that can always be shown."""
    if part["type"] != "tool":
        return part
    return part | {"partial_args": partial_json(part.get("args") or part.get("input") or "{}")}


def answer_text(run: dict[str, Any]) -> str:
    """What the run said last: the text of the newest step that has any."""
    texts = [part for part in run["parts"] if part["type"] == "text"]
    return "".join(part["text"] for part in texts if part["step"] == texts[-1]["step"])


def _id(part: dict[str, Any]) -> PartId:
    return (part["step"], part["attempt"], part["part"])
