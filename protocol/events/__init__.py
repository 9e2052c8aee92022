"""The vocabulary: one frozen tagged Struct per fact that a log can hold, and the record that carries it.

An event says what happened, in the past tense; its tag is the class's name in kebab case and is what the log stores, so
a class may move but its tag never changes. Adding one makes the type checker name every `match` that misses it. What
all events share (room, seq, time, author, run, epoch, document, update) stands in the record, not in the event.

Steps are named by where they stand in the flow, never by a global counter: `generate.0`, `call_abc/call.0`. An attempt
counts the tries at one step from 1; whatever streams carries both, so that a superseded attempt can leave the document.
"""

import msgspec
from msgspec import Struct

from .documents import (
    Came,
    DocumentCopied,
    DocumentEdited,
    DocumentFact,
    DocumentSeeded,
    EditMerged,
    EditsUndone,
    HunksAccepted,
    HunksRejected,
    Move,
)
from .drafts import DraftAccepted, DraftFact, DraftOpened, DraftRejected
from .fact import kebab
from .forks import Forked, ForkFact, ForkMerged, ForkResumed, Going
from .models import (
    ArgumentsStreamed,
    ModelAnswered,
    ModelFact,
    ModelFailed,
    ModelInterrupted,
    ModelRequested,
    PartShown,
    ReasoningStreamed,
    TextStreamed,
    ToolCall,
    Usage,
)
from .people import (
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    DecisionExpired,
    PeopleFact,
    QuestionAnswered,
    QuestionAsked,
    RunSteered,
    SteerConsumed,
    ToolResolved,
)
from .rooms import (
    BranchChosen,
    ContextProvided,
    EpochClosed,
    RoomChanged,
    RoomFact,
    RoomImported,
    RoomShaped,
    RunsPaused,
    RunsResumed,
    SubjectErased,
    TitleProposed,
)
from .runs import (
    Attachment,
    Mandate,
    RunArchived,
    RunFact,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStarted,
    RunStopped,
    StopRequested,
    TimerFired,
    TimerSet,
    ValueNoted,
)
from .tabs import (
    TabFact,
    TabLeft,
    TabTool,
    ToolAnsweredLate,
    ToolAssigned,
    ToolAwaited,
    ToolClaimed,
    ToolHolderLost,
    ToolLeaseExpired,
    ToolsRegistered,
)
from .tools import (
    ToolDelegated,
    ToolFact,
    ToolFailed,
    ToolInterrupted,
    ToolNotStarted,
    ToolOutcomeUnknown,
    ToolProgressed,
    ToolRefused,
    ToolReturned,
    ToolStarted,
)

__all__ = [
    "ApprovalDenied",
    "ApprovalGranted",
    "ApprovalRequested",
    "ArgumentsStreamed",
    "Attachment",
    "BranchChosen",
    "Came",
    "ContextProvided",
    "DecisionExpired",
    "DocumentCopied",
    "DocumentEdited",
    "DocumentFact",
    "DocumentSeeded",
    "DraftAccepted",
    "DraftFact",
    "DraftOpened",
    "DraftRejected",
    "EditMerged",
    "EditsUndone",
    "EpochClosed",
    "Event",
    "ForkFact",
    "ForkMerged",
    "ForkResumed",
    "Forked",
    "Going",
    "HunksAccepted",
    "HunksRejected",
    "Mandate",
    "ModelAnswered",
    "ModelFact",
    "ModelFailed",
    "ModelInterrupted",
    "ModelRequested",
    "Move",
    "PartShown",
    "PeopleFact",
    "QuestionAnswered",
    "QuestionAsked",
    "ReasoningStreamed",
    "Record",
    "RoomChanged",
    "RoomFact",
    "RoomImported",
    "RoomShaped",
    "RunArchived",
    "RunFact",
    "RunFailed",
    "RunFinished",
    "RunRequested",
    "RunStarted",
    "RunSteered",
    "RunStopped",
    "RunsPaused",
    "RunsResumed",
    "SteerConsumed",
    "StopRequested",
    "SubjectErased",
    "TabFact",
    "TabLeft",
    "TabTool",
    "TextStreamed",
    "TimerFired",
    "TimerSet",
    "TitleProposed",
    "ToolAnsweredLate",
    "ToolAssigned",
    "ToolAwaited",
    "ToolCall",
    "ToolClaimed",
    "ToolDelegated",
    "ToolFact",
    "ToolFailed",
    "ToolHolderLost",
    "ToolInterrupted",
    "ToolLeaseExpired",
    "ToolNotStarted",
    "ToolOutcomeUnknown",
    "ToolProgressed",
    "ToolRefused",
    "ToolResolved",
    "ToolReturned",
    "ToolStarted",
    "ToolsRegistered",
    "Usage",
    "ValueNoted",
    "blobs_of",
    "command_record_id",
    "kebab",
    "run_id",
]

Event = RunFact | ModelFact | ToolFact | PeopleFact | TabFact | RoomFact | ForkFact | DocumentFact | DraftFact


class Record(Struct, frozen=True, gc=False):
    """One line of a room's log: a fact plus the exact CRDT update it caused (law 2).

    `seq` counts from 1 without a gap. `time` is µs since 1970, UTC, for people and never for order (law 9). `author` is
    who did it (`agent:NAME` for an agent, `plait` for the room itself). `run` is empty where no run is concerned.
    `document` is the name of the shared document that `update` belongs to, empty for the room document; an empty
    `update` means that no document changed. `id` makes appending idempotent: `COMMAND#ordinal` or
    `RUN/STEP#ATTEMPT.ORDINAL`; None for edits, which the CRDT makes idempotent, and for streamed text, which only the
    head that it stands on protects from being appended twice. `asked` is the SHA-256 of the command
    that caused it, on the command's first record. `grant` is the id of the grant that its author acted under, never the
    token; empty where nobody was asked for one.
    """

    seq: int
    time: int
    author: str
    run: str
    epoch: int
    event: Event
    document: str = ""
    update: bytes = b""
    id: str | None = None
    asked: bytes | None = None
    grant: str = ""


def run_id(seq: int) -> str:
    """The id of the run whose first record has that seq; ids sort by creation."""
    return f"{seq:012d}"


def command_record_id(command: str, ordinal: int = 0) -> str:
    """The record id of a command's nth record; the first one is looked up to answer a repeated command."""
    return f"{command}#{ordinal}"


def blobs_of(event: Event) -> tuple[str, ...]:
    """The files that a fact refers to, by the SHA-256 of their bytes: the store keeps them as long as the record."""
    match event:
        case RunRequested():
            return tuple(file.blob for file in event.attachments)
        case ToolReturned():
            return (*((event.blob,) if event.blob else ()), *(file.blob for file in event.files))
        case PartShown(kind="file"):
            return (msgspec.json.decode(event.value, type=Attachment).blob,)
        case _:
            return ()
