"""The room document: the log projected as a Yjs document that any Yjs client can watch.

`RoomDocument.project` takes one event and returns the exact update that it caused. It is called once per record, ever:
recovery applies the stored bytes (law 2). What tabs see is `runs`, a map from run id to a map with the keys of
`shape.ShownRun`, whose `parts` are an array of maps with the keys of `shape.ShownPart` (written by `parts`); and
`room`, a map with the keys of `shape.ShownRoom`; and `drafts`, a map from a draft's name to a map with the keys of
`shape.ShownDraft`.

Two rules of the CRDT shape this page. No map key is overwritten per token, because each overwriting stays in every
catch-up. And there are no plain dicts, because their bytes differ from process to process.
"""

from typing import Any, cast

from pycrdt import Array, Doc, Map, TransactionEvent

from .codec import rfc3339
from .drafts import show_draft
from .events import (
    ApprovalDenied,
    ApprovalGranted,
    ArgumentsStreamed,
    BranchChosen,
    ContextProvided,
    DecisionExpired,
    DocumentCopied,
    DocumentEdited,
    DocumentSeeded,
    DraftAccepted,
    DraftOpened,
    DraftRejected,
    EditMerged,
    EditsUndone,
    EpochClosed,
    Event,
    Forked,
    ForkMerged,
    ForkResumed,
    HunksAccepted,
    HunksRejected,
    ModelAnswered,
    ModelFailed,
    ModelInterrupted,
    ModelRequested,
    PartShown,
    QuestionAnswered,
    ReasoningStreamed,
    RoomChanged,
    RoomShaped,
    RunArchived,
    RunFailed,
    RunFinished,
    RunRequested,
    RunsPaused,
    RunsResumed,
    RunStarted,
    RunSteered,
    RunStopped,
    SteerConsumed,
    StopRequested,
    TabLeft,
    TextStreamed,
    TimerFired,
    TimerSet,
    TitleProposed,
    ToolAnsweredLate,
    ToolHolderLost,
    ToolInterrupted,
    ToolResolved,
    ToolsRegistered,
    ValueNoted,
)
from .header import show_room
from .parts import Tail, add, add_text, file_map, first, last, put, show, write_call, write_decision
from .reshaping import reshape
from .shape import DRAFTS, ROOM, ROOT
from .state import TITLE_STEP

_UNDONE = frozenset({"streaming", "requested", "asking", "awaiting", "assigned", "running"})
_SPENT = ("input_tokens", "output_tokens", "cost")
_KINDS = {TextStreamed: "text", ReasoningStreamed: "reasoning", ArgumentsStreamed: "tool"}


class RoomDocument:
    """The live document of one room, and the only thing that writes it."""

    def __init__(self, client: int) -> None:
        self.doc: Doc[Any] = Doc(client_id=client)
        self._runs: Map[Any] = self.doc.get(ROOT, type=Map)
        self._room: Map[Any] = self.doc.get(ROOM, type=Map)
        self._drafts: Map[Any] = self.doc.get(DRAFTS, type=Map)
        self._tails: dict[tuple[str, str, int], tuple[int, Tail]] = {}
        self._stood: dict[str, dict[tuple[str, int, int], Map[Any]]] = {}
        """What of each run stood here when this process first streamed into it: its parts by step, attempt and part."""
        self._update = b""
        self._subscription: Any = None

    def _observe(self, event: TransactionEvent) -> None:
        self._update = event.update

    def project(self, run: str, author: str, time: int, event: Event) -> bytes:
        """Write what the event means for those who watch; the exact update, empty if nothing changed."""
        self._begin()
        with self.doc.transaction():
            self._write(run, author, time, event)
        return self._update

    def reshape(self, shape: int, wanted: "RoomDocument | None" = None) -> bytes:
        """Say of which shape this is, and become what is `wanted`, made from the same log; the exact update."""
        self._begin()
        self._forget_places()
        with self.doc.transaction():
            if wanted is not None:
                reshape(self.doc, wanted.doc)
            self._room["shape"] = shape  # Written anew even where it is the same: nobody has this who had the old one.
        return self._update

    def _begin(self) -> None:
        if self._subscription is None:  # Not before: an observer doubles the cost of applying a log at recovery.
            self._subscription = self.doc.observe(self._observe)
        self._update = b""

    def _forget_places(self) -> None:
        """Handles into the document are found again when they are needed."""
        self._tails.clear()
        self._stood.clear()

    def release(self) -> None:
        """Let go of the document: an observer and its document hold each other through Rust, where Python's collector
        does not look, so neither would ever leave memory."""
        if self._subscription is not None:
            self.doc.unobserve(self._subscription)
            self._subscription = None

    def apply(self, update: bytes) -> None:
        """Take in a stored update at recovery."""
        self._forget_places()
        self.doc.apply_update(update)

    def _write(self, run: str, author: str, time: int, event: Event) -> None:
        match event:
            case TextStreamed() | ReasoningStreamed() | ArgumentsStreamed():
                self._stream(run, event)
            case RunRequested():
                self._request(run, author, time, event)
            case RunArchived():
                if run in self._runs:
                    del self._runs[run]
            case (
                RoomChanged()
                | TitleProposed()
                | BranchChosen()
                | Forked()
                | ForkResumed()
                | RunsPaused()
                | RunsResumed()
                | RoomShaped()
            ):
                show_room(self._room, author, event)
            case DraftOpened() | DraftAccepted() | DraftRejected():
                show_draft(self._drafts, run, author, time, event)
            case (
                DocumentEdited()
                | EditsUndone()
                | DocumentCopied()
                | DocumentSeeded()
                | HunksAccepted()
                | HunksRejected()
                | EditMerged()
            ):
                pass
            case StopRequested() | EpochClosed() | ToolsRegistered() | TabLeft() | ContextProvided() | ForkMerged():
                pass
            case _:
                if run in self._runs:
                    self._write_run(self._runs[run], run, author, time, event)

    def _request(self, run: str, author: str, time: int, event: RunRequested) -> None:
        shown: dict[str, Any] = {
            "agent": event.agent,
            "author": author,
            "prompt": event.prompt,
            "status": "queued",
            "requested_at": rfc3339(time),
            "parts": Array(),
        }
        optional = {"after": event.after, "instead": event.instead, "parent": event.parent, "step": event.step}
        shown |= {key: value for key, value in optional.items() if value}
        if event.after == "":
            shown["after"] = ""
        if event.attachments:
            shown["attachments"] = Array([file_map(file) for file in event.attachments])
        self._runs[run] = Map(shown)
        if event.parent:
            parent = self._run(event.parent)
            part = last(parent, lambda part: part.get("call") == event.step) if parent is not None else None
            if part is not None:
                part["child"] = run
        else:
            put(self._room, "branch", run)
            put(self._room, "agent", event.agent)

    def _run(self, run: str) -> "Map[Any] | None":
        return self._runs[run] if run in self._runs else None  # noqa: SIM401 - a Map's `get` says nothing of its type

    # --- a run --------------------------------------------------------------------------------------------------------

    def _write_run(self, shown: "Map[Any]", run: str, author: str, time: int, event: Any) -> None:
        match event:
            case RunStarted():
                shown["status"] = "running"
                if event.deadline is not None:
                    shown["deadline"] = rfc3339(event.deadline)
            case RunFinished():
                if event.result:
                    shown["result"] = event.result
                self._end(shown, run, "done", time)
            case RunStopped():
                self._end(shown, run, "stopped", time)
            case RunFailed():
                shown["error_code"] = event.code
                shown["error_message"] = event.message
                self._end(shown, run, "failed", time)
            case ModelRequested() | ModelAnswered() | ModelFailed() | ModelInterrupted():
                self._write_model(shown, run, event)
            case PartShown():
                show(shown, event)
            case RunSteered():
                add_text(shown, {"type": "steer", "author": author, "seen": False}, event.text)
            case SteerConsumed():
                part = first(shown, lambda part: part["type"] == "steer" and not part["seen"])
                if part is not None:
                    part["seen"] = True
            case TimerSet():
                shown["wakes_at"] = rfc3339(event.at)
                shown["status"] = "waiting"
            case TimerFired():
                if "wakes_at" in shown:
                    del shown["wakes_at"]
                shown["status"] = "running"
            case ToolInterrupted():
                self._supersede(shown, run, event.step, event.attempt)
                write_call(shown, event)
            case ApprovalGranted() | ApprovalDenied() | QuestionAnswered() | DecisionExpired() | ToolResolved():
                if isinstance(event, ToolResolved) and event.verdict == "retry":
                    self._supersede(shown, run, event.step)
                write_decision(shown, author, event)
            case ToolHolderLost() | ToolAnsweredLate() | ValueNoted():
                pass
            case _:
                write_call(shown, event)

    def _write_model(
        self, shown: "Map[Any]", run: str, event: ModelRequested | ModelAnswered | ModelFailed | ModelInterrupted
    ) -> None:
        match event:
            case ModelRequested():
                if shown["status"] == "waiting":
                    shown["status"] = "running"
                put(shown, "model", event.model)
            case ModelAnswered():
                self._answered(shown, event)
            case ModelFailed(retry_at=None):
                pass
            case ModelFailed() | ModelInterrupted():
                self._supersede(shown, run, event.step, event.attempt)

    def _stream(self, run: str, event: TextStreamed | ReasoningStreamed | ArgumentsStreamed) -> None:
        key = (run, event.step, event.part)
        attempt, tail = self._tails.get(key, (0, None))
        if tail is None or attempt != event.attempt:
            tail = self._open_part(run, event)
            if tail is None:
                return
            self._tails[key] = (event.attempt, tail)
        tail.append(event.text)

    def _open_part(self, run: str, event: TextStreamed | ReasoningStreamed | ArgumentsStreamed) -> Tail | None:
        if run not in self._runs or event.step == TITLE_STEP:
            return None
        field = "input" if isinstance(event, ArgumentsStreamed) else "text"
        kind = _KINDS[type(event)]
        # What this process has streamed has a tail, so that a new part costs the same in a long run as in a short one.
        stood = self._stood.get(run)
        if stood is None:
            stood = self._stood[run] = {
                (part["step"], part["attempt"], part["part"]): part
                for part in cast("Array[Any]", self._runs[run]["parts"])
                if part["type"] in _KINDS.values()
            }
        part = stood.get((event.step, event.attempt, event.part))
        if part is None or part["type"] != kind:
            init: dict[str, Any] = {"type": kind, "step": event.step, "attempt": event.attempt}
            init["part"] = event.part
            if isinstance(event, ArgumentsStreamed):
                init |= {"id": event.call, "name": event.name, "state": "streaming"}
            part = add(self._runs[run], {**init, field: Array()})
        return Tail(part[field])

    def _answered(self, shown: "Map[Any]", event: ModelAnswered) -> None:
        for call in event.calls if event.step != TITLE_STEP else ():
            wanted = (call.id, event.step, event.attempt)
            part = last(shown, lambda part, wanted=wanted: (part.get("id"), part["step"], part["attempt"]) == wanted)
            if part is None:
                init = {"type": "tool", "step": event.step, "attempt": event.attempt, "part": len(shown["parts"])}
                part = add(shown, {**init, "id": call.id, "name": call.name, "input": Array()})
            part["args"] = call.args
            part["state"] = "requested"
        for key, amount in zip(_SPENT, (event.usage.input, event.usage.output, event.cost), strict=True):
            if amount:
                shown[key] = int(shown.get(key) or 0) + amount

    def _supersede(self, shown: "Map[Any]", run: str, step: str, attempt: int | None = None) -> None:
        """Nobody ever sees two tries mixed: the old one's parts leave the document, its records stay in the log.
        Without an attempt those of every one leave."""
        parts = cast("Array[Any]", shown["parts"])
        for index in range(len(parts) - 1, -1, -1):
            part = parts[index]
            if part["step"] == step and attempt in (None, part["attempt"]):
                del parts[index]
        self._tails = {key: tail for key, tail in self._tails.items() if key[:2] != (run, step)}
        self._stood.pop(run, None)

    def _end(self, shown: "Map[Any]", run: str, status: str, time: int) -> None:
        for part in shown["parts"]:
            if part.get("state") in _UNDONE:
                part["state"] = "cancelled"
        if "wakes_at" in shown:
            del shown["wakes_at"]
        shown["ended_at"] = rfc3339(time)
        shown["status"] = status
        for key in _SPENT:  # Not with each answer: the room's map never leaves, nor does what is overwritten in it.
            if key in shown:
                self._room[key] = int(self._room.get(key) or 0) + int(shown[key])
        self._tails = {key: tail for key, tail in self._tails.items() if key[0] != run}
        self._stood.pop(run, None)
        parent = self._run(shown.get("parent") or "")
        if parent is not None:
            part = last(parent, lambda part: part.get("child") == run)
            if part is not None and part.get("state") == "running":
                part["state"] = "done" if status == "done" else "failed"
