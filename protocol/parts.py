"""How a run's parts are written: texts in segments, and the states that a tool's call goes through.

Functions over the maps of the room document, called inside one transaction of `document.RoomDocument`; none keeps
anything but `Tail`, which is where a stream is appended. A text is an array of segments of at most
`limits.TEXT_SEGMENT_BYTES`, because appending to one Text costs its length.
"""

from collections.abc import Callable
from typing import Any, cast

import msgspec
from pycrdt import Array, Map, Text

from . import limits
from .codec import rfc3339
from .digests import call_digest
from .events import (
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    Attachment,
    DecisionExpired,
    PartShown,
    QuestionAnswered,
    QuestionAsked,
    ToolAssigned,
    ToolAwaited,
    ToolClaimed,
    ToolDelegated,
    ToolFailed,
    ToolInterrupted,
    ToolLeaseExpired,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolProgressed,
    ToolRefused,
    ToolResolved,
    ToolReturned,
    ToolStarted,
)


class Tail:
    """Where a streamed part is appended: its array of segments, and how full the last one is."""

    __slots__ = ("bytes", "last", "segments")

    def __init__(self, segments: "Array[Any]") -> None:
        self.segments = segments
        self.last: Text | None = cast(Text, segments[len(segments) - 1]) if len(segments) else None
        self.bytes = len(self.last) if self.last is not None else 0

    def append(self, text: str) -> None:
        """Write the text behind what is there, in as many segments as it needs."""
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


# --- finding and adding -----------------------------------------------------------------------------------------------


def last(shown: "Map[Any]", wanted: Callable[["Map[Any]"], bool]) -> "Map[Any] | None":
    """The newest part of the run that is wanted; a run works at its end."""
    parts = cast("Array[Any]", shown["parts"])
    for index in range(len(parts) - 1, -1, -1):
        part = cast("Map[Any]", parts[index])
        if wanted(part):
            return part
    return None


def first(shown: "Map[Any]", wanted: Callable[["Map[Any]"], bool]) -> "Map[Any] | None":
    """The oldest part of the run that is wanted."""
    parts = cast("Array[Any]", shown["parts"])
    return next((part for part in parts if wanted(cast("Map[Any]", part))), None)


def put(shown: "Map[Any]", key: str, value: Any) -> None:
    """Write what is new; what is overwritten stays in every catch-up."""
    if shown.get(key) != value:
        shown[key] = value


def add(shown: "Map[Any]", init: dict[str, Any]) -> "Map[Any]":
    """A new part at the run's end."""
    parts = cast("Array[Any]", shown["parts"])
    parts.append(Map(init))
    return cast("Map[Any]", parts[len(parts) - 1])


def add_text(shown: "Map[Any]", init: dict[str, Any], text: str) -> None:
    """A part that does not stream: it belongs to no attempt, so no superseding ever takes it away."""
    place = {"step": "", "attempt": 0, "part": len(shown["parts"])}
    Tail(add(shown, {**init, **place, "text": Array()})["text"]).append(text)


def file_map(file: Attachment) -> "Map[Any]":
    """A file as tabs see it."""
    return Map({"blob": file.blob, "media_type": file.media_type, "name": file.name, "bytes": file.bytes})


def show(shown: "Map[Any]", event: PartShown) -> None:
    """A source, a file or the host's own data, where it came up."""
    place = {"step": event.step, "attempt": event.attempt, "part": len(shown["parts"])}
    if event.kind == "data":
        add(shown, {"type": "data", **place, "name": event.name, "value": event.value})
    else:
        add(shown, {"type": event.kind, **place, **msgspec.json.decode(event.value, type=dict[str, Any])})


# --- a tool's call ----------------------------------------------------------------------------------------------------

Call = (
    ToolStarted
    | ToolDelegated
    | ToolProgressed
    | ToolReturned
    | ToolFailed
    | ToolRefused
    | ToolOutcomeUnknown
    | ToolNotStarted
    | ToolInterrupted
    | ApprovalRequested
    | QuestionAsked
    | ToolAwaited
    | ToolAssigned
    | ToolClaimed
    | ToolLeaseExpired
)


def write_call(shown: "Map[Any]", event: Call) -> None:
    """A call goes on: what its part says, and whether the run waits."""
    match event:
        case ToolStarted() | ToolDelegated():
            _started(shown, event)
        case ToolProgressed():
            more: dict[str, Any] = {"progress": event.text}
            settle(shown, event.step, "running", **more, **({} if event.done is None else {"done": event.done}))
        case ToolReturned():
            more = {"result": event.result, **({"blob": event.blob} if event.blob else {})}
            settle(shown, event.step, "done", **more)
        case ToolFailed():
            settle(shown, event.step, "failed", error=event.message)
        case ToolRefused():
            _part_of(shown, event, event.args)["call"] = event.step
            settle(shown, event.step, "failed", error=event.message)
        case ToolOutcomeUnknown():
            settle(shown, event.step, "unknown")
            shown["status"] = "waiting"
        case ToolNotStarted() | ToolInterrupted():
            _again(shown, event.step)
        case ApprovalRequested() | QuestionAsked():
            _ask(shown, event)
        case ToolAwaited() | ToolAssigned():
            _hand_over(shown, event)
        case ToolClaimed():
            settle(shown, event.step, "running")
        case ToolLeaseExpired():
            settle(shown, event.step, "awaiting")
            shown["status"] = "waiting"


def settle(shown: "Map[Any]", step: str, state: str, **more: Any) -> None:
    """The call's part has another state, and whatever comes with it."""
    part = last(shown, lambda part: part.get("call") == step)
    if part is not None:
        for key, value in more.items():
            if part.get(key) != value:
                part[key] = value
        if part.get("state") != state:
            part["state"] = state


def _again(shown: "Map[Any]", step: str, **more: Any) -> None:
    """The call is to be tried again, from its beginning: how far the last try had come says nothing now."""
    part = last(shown, lambda part: part.get("call") == step)
    if part is not None:
        for key in ("progress", "done"):
            if key in part:
                del part[key]
    settle(shown, step, "requested", **more)


def _part_of(
    shown: "Map[Any]",
    event: ToolStarted | ToolDelegated | ToolRefused | ApprovalRequested | QuestionAsked | ToolAwaited | ToolAssigned,
    args: str,
) -> "Map[Any]":
    """The call's part; a new one for a call that no model asked for, but the flow itself."""
    part = last(shown, lambda part: part.get("id") == event.call)
    if part is None:
        place = {"step": "", "attempt": 0, "part": len(shown["parts"])}
        init = {"type": "tool", **place, "id": event.call, "name": event.name, "input": Array()}
        part = add(shown, {**init, **({"args": args} if args else {})})
    return part


def _started(shown: "Map[Any]", event: ToolStarted | ToolDelegated) -> None:
    args = msgspec.json.encode({"prompt": event.prompt}).decode() if isinstance(event, ToolDelegated) else event.args
    part = _part_of(shown, event, args)
    part["call"] = event.step
    part["state"] = "running"
    if isinstance(event, ToolDelegated):
        part["agent"] = event.agent
    elif event.shows:
        part["type"] = event.shows
    if shown["status"] == "waiting":
        shown["status"] = "running"


def _ask(shown: "Map[Any]", event: ApprovalRequested | QuestionAsked) -> None:
    """A call waits for a person: what is asked, why, and until when."""
    part = _part_of(shown, event, event.args if isinstance(event, ApprovalRequested) else "")
    part["call"] = event.step
    if isinstance(event, ApprovalRequested):
        part["asks"], part["reason"] = "approval", event.reason
        part["digest"] = call_digest(event.name, event.args)
    else:
        part["asks"], part["question"] = "input", event.question
    if event.schema:
        part["schema"] = event.schema
    if event.expires_at is not None:
        part["expires_at"] = rfc3339(event.expires_at)
    part["state"] = "asking"
    shown["status"] = "waiting"


def _hand_over(shown: "Map[Any]", event: ToolAwaited | ToolAssigned) -> None:
    """A call is a tab's: nobody's yet, or one tab's under a number. That tab reads it here and carries it out."""
    part = _part_of(shown, event, event.args)
    part["call"] = event.step
    if isinstance(event, ToolAssigned):
        part["tab"], part["number"] = event.tab, event.number
        part["state"], shown["status"] = "assigned", "running"
    else:
        part["state"], shown["status"] = "awaiting", "waiting"


Decision = ApprovalGranted | ApprovalDenied | QuestionAnswered | DecisionExpired | ToolResolved


def write_decision(shown: "Map[Any]", author: str, event: Decision) -> None:
    """Somebody decided about a call; everybody sees who."""
    match event:
        case ApprovalGranted():
            more = {"args": event.args, "digest": event.digest} if event.args else {}
            settle(shown, event.step, "requested", decided_by=author, decision="approved", **more)
        case ApprovalDenied():
            settle(shown, event.step, "failed", decided_by=author, decision="denied", error=event.reason)
        case QuestionAnswered():
            settle(shown, event.step, "done", decided_by=author, decision="answered", result=event.answer)
        case DecisionExpired():
            settle(shown, event.step, "failed", decision="expired", error="Nobody decided in time.")
        case ToolResolved(verdict="happened"):
            settle(shown, event.step, "done", decided_by=author, decision="happened", result=event.result)
        case ToolResolved(verdict="retry"):
            _again(shown, event.step, decided_by=author, decision="retry")
        case ToolResolved():
            settle(shown, event.step, "failed", decided_by=author, decision="did-not-happen")
    shown["status"] = "running"
