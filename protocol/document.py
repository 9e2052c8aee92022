"""The room document: the log projected as a Yjs document that any Yjs client can watch.

`RoomDocument.project` takes one event and returns the exact update that it caused. It is called once per record, ever:
recovery applies the stored bytes (law 2). What tabs see is `runs`, a map from run id to a map with the keys of
`shape.ShownRun`; a run's `parts` are an array of maps with the keys of `shape.ShownPart`.

Three rules of the CRDT shape this page. A text is an array of segments of at most `limits.TEXT_SEGMENT_BYTES`, because
appending to one Text costs its length. No map key is overwritten per token, because each overwriting stays in every
catch-up. And there are no plain dicts, because their bytes differ from process to process.
"""

from collections.abc import Callable
from typing import Any, cast

from pycrdt import Array, Doc, Map, Text, TransactionEvent

from . import limits
from .codec import rfc3339
from .events import (
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    ArgumentsStreamed,
    DecisionExpired,
    DocumentEdited,
    EpochClosed,
    Event,
    ModelAnswered,
    ModelFailed,
    ModelInterrupted,
    ModelRequested,
    QuestionAnswered,
    QuestionAsked,
    ReasoningStreamed,
    RunArchived,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStarted,
    RunSteered,
    RunStopped,
    SteerConsumed,
    StopRequested,
    TabLeft,
    TextStreamed,
    ToolAnsweredLate,
    ToolAssigned,
    ToolAwaited,
    ToolClaimed,
    ToolFailed,
    ToolHolderLost,
    ToolInterrupted,
    ToolLeaseExpired,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolResolved,
    ToolReturned,
    ToolsRegistered,
    ToolStarted,
)

ROOT = "runs"

_UNDONE = frozenset({"streaming", "requested", "asking", "awaiting", "assigned", "running"})
_KINDS = {TextStreamed: "text", ReasoningStreamed: "reasoning", ArgumentsStreamed: "tool"}


class _Tail:
    """Where a streamed part is appended: its array of segments, and how full the last one is."""

    __slots__ = ("bytes", "last", "segments")

    def __init__(self, segments: "Array[Any]") -> None:
        self.segments = segments
        self.last: Text | None = cast(Text, segments[len(segments) - 1]) if len(segments) else None
        self.bytes = len(self.last) if self.last is not None else 0

    def append(self, text: str) -> None:
        while text:
            room = limits.TEXT_SEGMENT_BYTES - self.bytes
            piece = _fitting(text, room)
            if self.last is None or not piece:
                piece = _fitting(text, limits.TEXT_SEGMENT_BYTES)
                self.last = cast(Text, self.segments.append(Text(piece)) or self.segments[len(self.segments) - 1])
                self.bytes = len(piece.encode())
            else:
                self.last += piece
                self.bytes += len(piece.encode())
            text = text[len(piece) :]


def _fitting(text: str, room: int) -> str:
    """The longest beginning of the text whose UTF-8 fits, cut between characters."""
    if len(text) * 4 <= room:
        return text
    data = text.encode()
    return text if len(data) <= room else data[: max(room, 0)].decode(errors="ignore")


class RoomDocument:
    """The live document of one room, and the only thing that writes it."""

    def __init__(self, client: int) -> None:
        self.doc: Doc[Any] = Doc(client_id=client)
        self._runs: Map[Any] = self.doc.get(ROOT, type=Map)
        self._tails: dict[tuple[str, str, int], tuple[int, _Tail]] = {}
        self._update = b""
        self._subscription: Any = None

    def _observe(self, event: TransactionEvent) -> None:
        self._update = event.update

    def project(self, run: str, author: str, time: int, event: Event) -> bytes:
        """Write what the event means for those who watch; the exact update, empty if nothing changed."""
        if self._subscription is None:  # Not before: an observer doubles the cost of applying a log at recovery.
            self._subscription = self.doc.observe(self._observe)
        self._update = b""
        with self.doc.transaction():
            self._write(run, author, time, event)
        return self._update

    def release(self) -> None:
        """Let go of the document: an observer and its document hold each other through Rust, where Python's collector
        does not look, so neither would ever leave memory."""
        if self._subscription is not None:
            self.doc.unobserve(self._subscription)
            self._subscription = None

    def apply(self, update: bytes) -> None:
        """Take in a stored update at recovery. Handles into the document are found again when they are needed."""
        self._tails.clear()
        self.doc.apply_update(update)

    def _write(self, run: str, author: str, time: int, event: Event) -> None:
        match event:
            case TextStreamed() | ReasoningStreamed() | ArgumentsStreamed():
                self._stream(run, event)
            case RunRequested():
                self._runs[run] = Map(
                    {
                        "agent": event.agent,
                        "author": author,
                        "prompt": event.prompt,
                        "status": "queued",
                        "requested_at": rfc3339(time),
                        "parts": Array(),
                    }
                )
            case RunArchived():
                if run in self._runs:
                    del self._runs[run]
            case StopRequested() | DocumentEdited() | EpochClosed() | ToolsRegistered() | TabLeft():
                pass
            case _:
                if run in self._runs:
                    self._write_run(self._runs[run], run, author, time, event)

    def _write_run(self, shown: "Map[Any]", run: str, author: str, time: int, event: Any) -> None:
        match event:
            case RunStarted():
                shown["status"] = "running"
            case RunFinished():
                self._end(shown, run, "done", time)
            case RunStopped():
                self._end(shown, run, "stopped", time)
            case RunFailed():
                shown["error_code"] = event.code
                shown["error_message"] = event.message
                self._end(shown, run, "failed", time)
            case ModelRequested():
                if shown["status"] == "waiting":
                    shown["status"] = "running"
                if shown.get("model") != event.model:
                    shown["model"] = event.model
            case ModelAnswered():
                self._answered(shown, event)
            case ModelFailed():
                if event.retry_at is not None:
                    self._supersede(shown, run, event.step, event.attempt)
            case ModelInterrupted():
                self._supersede(shown, run, event.step, event.attempt)
            case RunSteered():
                _append_part(shown, {"type": "steer", "author": author, "seen": False}, event.text)
            case SteerConsumed():
                part = _first(shown, lambda part: part["type"] == "steer" and not part["seen"])
                if part is not None:
                    part["seen"] = True
            case ApprovalRequested() | QuestionAsked():
                _ask(shown, event)
            case ToolAwaited() | ToolAssigned():
                _hand_over(shown, event)
            case ToolClaimed():
                self._ended(shown, event.step, "running")
            case ToolLeaseExpired():
                self._ended(shown, event.step, "awaiting")
                shown["status"] = "waiting"
            case ToolHolderLost() | ToolAnsweredLate():
                pass
            case ApprovalGranted() | ApprovalDenied() | QuestionAnswered() | DecisionExpired() | ToolResolved():
                self._decided(shown, author, event)
            case _:
                self._write_call(shown, event)

    def _decided(self, shown: "Map[Any]", author: str, event: Any) -> None:
        """Somebody decided about a call; everybody sees who."""
        match event:
            case ApprovalGranted():
                more = {"args": event.args} if event.args else {}
                self._ended(shown, event.step, "requested", decided_by=author, decision="approved", **more)
            case ApprovalDenied():
                self._ended(shown, event.step, "failed", decided_by=author, decision="denied", error=event.reason)
            case QuestionAnswered():
                self._ended(shown, event.step, "done", decided_by=author, decision="answered", result=event.answer)
            case DecisionExpired():
                self._ended(shown, event.step, "failed", decision="expired", error="Nobody decided in time.")
            case ToolResolved(verdict="happened"):
                self._ended(shown, event.step, "done", decided_by=author, decision="happened", result=event.result)
            case ToolResolved(verdict="retry"):
                self._ended(shown, event.step, "requested", decided_by=author, decision="retry")
            case ToolResolved():
                self._ended(shown, event.step, "failed", decided_by=author, decision="did-not-happen")
            case _:
                raise AssertionError(f"no projection for {type(event).__name__}")
        shown["status"] = "running"

    def _write_call(self, shown: "Map[Any]", event: Any) -> None:
        match event:
            case ToolStarted():
                part = _last(shown, lambda part: part.get("id") == event.call)
                if part is not None:
                    part["call"] = event.step
                    part["state"] = "running"
                if shown["status"] == "waiting":
                    shown["status"] = "running"
            case ToolReturned():
                self._ended(shown, event.step, "done", result=event.result)
            case ToolFailed():
                self._ended(shown, event.step, "failed", error=event.message)
            case ToolOutcomeUnknown():
                self._ended(shown, event.step, "unknown")
                shown["status"] = "waiting"
            case ToolNotStarted() | ToolInterrupted():
                self._ended(shown, event.step, "requested")
            case _:
                raise AssertionError(f"no projection for {type(event).__name__}")

    def _ended(self, shown: "Map[Any]", step: str, state: str, **more: str) -> None:
        part = _last(shown, lambda part: part.get("call") == step)
        if part is not None:
            for key, value in more.items():
                part[key] = value
            part["state"] = state

    def _stream(self, run: str, event: TextStreamed | ReasoningStreamed | ArgumentsStreamed) -> None:
        key = (run, event.step, event.part)
        attempt, tail = self._tails.get(key, (0, None))
        if tail is None or attempt != event.attempt:
            tail = self._open_part(run, event)
            if tail is None:
                return
            self._tails[key] = (event.attempt, tail)
        tail.append(event.text)

    def _open_part(self, run: str, event: TextStreamed | ReasoningStreamed | ArgumentsStreamed) -> _Tail | None:
        if run not in self._runs:
            return None
        parts = cast("Array[Any]", self._runs[run]["parts"])
        field = "input" if isinstance(event, ArgumentsStreamed) else "text"
        wanted = (event.step, event.attempt, event.part)
        part = _last(self._runs[run], lambda part: (part["step"], part["attempt"], part["part"]) == wanted)
        if part is None:
            init: dict[str, Any] = {"type": _KINDS[type(event)], "step": event.step, "attempt": event.attempt}
            init["part"] = event.part
            if isinstance(event, ArgumentsStreamed):
                init |= {"id": event.call, "name": event.name, "state": "streaming"}
            init[field] = Array()
            parts.append(Map(init))
            part = parts[len(parts) - 1]
        return _Tail(part[field])

    def _answered(self, shown: "Map[Any]", event: ModelAnswered) -> None:
        for call in event.calls:
            part = _last(
                shown,
                lambda part, call=call: (
                    part.get("id") == call.id and part["step"] == event.step and part["attempt"] == event.attempt
                ),
            )
            if part is None:
                parts = shown["parts"]
                init = {"type": "tool", "step": event.step, "attempt": event.attempt, "part": len(parts)}
                parts.append(Map({**init, "id": call.id, "name": call.name, "input": Array()}))
                part = parts[len(parts) - 1]
            part["args"] = call.args
            part["state"] = "requested"
        for key, tokens in (("input_tokens", event.usage.input), ("output_tokens", event.usage.output)):
            if tokens:
                shown[key] = int(shown.get(key) or 0) + tokens

    def _supersede(self, shown: "Map[Any]", run: str, step: str, attempt: int) -> None:
        """Nobody ever sees two tries mixed: the old one's parts leave the document, its records stay in the log."""
        parts = cast("Array[Any]", shown["parts"])
        for index in range(len(parts) - 1, -1, -1):
            part = parts[index]
            if part["step"] == step and part["attempt"] == attempt:
                del parts[index]
        self._tails = {key: tail for key, tail in self._tails.items() if key[:2] != (run, step)}

    def _end(self, shown: "Map[Any]", run: str, status: str, time: int) -> None:
        for part in shown["parts"]:
            if part.get("state") in _UNDONE:
                part["state"] = "cancelled"
        shown["ended_at"] = rfc3339(time)
        shown["status"] = status
        self._tails = {key: tail for key, tail in self._tails.items() if key[0] != run}


def _last(shown: "Map[Any]", wanted: Callable[["Map[Any]"], bool]) -> "Map[Any] | None":
    parts = cast("Array[Any]", shown["parts"])
    for index in range(len(parts) - 1, -1, -1):
        part = cast("Map[Any]", parts[index])
        if wanted(part):
            return part
    return None


def _first(shown: "Map[Any]", wanted: Callable[["Map[Any]"], bool]) -> "Map[Any] | None":
    parts = cast("Array[Any]", shown["parts"])
    return next((part for part in parts if wanted(cast("Map[Any]", part))), None)


def _append_part(shown: "Map[Any]", init: dict[str, Any], text: str) -> None:
    """A part that does not stream: it belongs to no attempt, so no superseding ever takes it away."""
    parts = cast("Array[Any]", shown["parts"])
    parts.append(Map({**init, "step": "", "attempt": 0, "part": len(parts), "text": Array()}))
    _Tail(parts[len(parts) - 1]["text"]).append(text)


def _ask(shown: "Map[Any]", event: ApprovalRequested | QuestionAsked) -> None:
    """A call waits for a person: what is asked, why, and until when."""
    part = _last(shown, lambda part: part.get("id") == event.call)
    if part is not None:
        part["call"] = event.step
        if isinstance(event, ApprovalRequested):
            part["asks"], part["reason"] = "approval", event.reason
        else:
            part["asks"], part["question"], part["schema"] = "input", event.question, event.schema
        if event.expires_at is not None:
            part["expires_at"] = rfc3339(event.expires_at)
        part["state"] = "asking"
    shown["status"] = "waiting"


def _hand_over(shown: "Map[Any]", event: ToolAwaited | ToolAssigned) -> None:
    """A call is a tab's: nobody's yet, or one tab's under a number. That tab reads it here and carries it out."""
    part = _last(shown, lambda part: part.get("id") == event.call)
    if part is None:
        return
    part["call"] = event.step
    if isinstance(event, ToolAssigned):
        part["tab"], part["number"] = event.tab, event.number
        part["state"], shown["status"] = "assigned", "running"
    else:
        part["state"], shown["status"] = "awaiting", "waiting"


def shown_runs(doc: "Doc[Any]") -> dict[str, Any]:
    """The room document as plain values, texts joined: for scripts, tests and JSON. Ids sort by creation."""
    runs = cast("Map[Any]", doc.get(ROOT, type=Map))
    return {run: shown_run(runs[run]) for run in sorted(runs.keys())}


def shown_run(shown: "Map[Any]") -> dict[str, Any]:
    """One run's map as plain values."""
    plain: dict[str, Any] = {key: shown[key] for key in shown.keys() if key != "parts"}  # noqa: SIM118
    plain["parts"] = [_shown_part(part) for part in shown["parts"]]
    for key in ("input_tokens", "output_tokens"):
        if key in plain:
            plain[key] = int(plain[key])
    return plain


def _shown_part(part: "Map[Any]") -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key in part.keys():  # noqa: SIM118 - a Map iterates, but its types say nothing of it
        value = part[key]
        if isinstance(value, Array):
            plain[key] = "".join(str(segment) for segment in value)
        else:
            plain[key] = int(value) if isinstance(value, float) else value
    return plain
