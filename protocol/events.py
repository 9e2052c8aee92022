"""The vocabulary: one frozen tagged Struct per fact that a log can hold, and the record that carries it.

An event says what happened, in the past tense; its tag is the class's name in kebab case and is what the log stores, so
a class may move but its tag never changes. Adding one makes the type checker name every `match` that misses it. What
all events share (room, seq, time, author, run, epoch, document, update) stands in the record, not in the event.

Steps are named by where they stand in the flow, never by a global counter: `generate.0`, `call_abc/call.0`. An attempt
counts the tries at one step from 1; whatever streams carries both, so that a superseded attempt can leave the document.
"""

import re

from msgspec import Struct


def kebab(name: str) -> str:
    """`TextStreamed` -> `text-streamed`: how a class's name becomes its tag."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


# Neither facts nor records can be part of a cycle, and Python's collector would walk through every one of a long log.
class _Fact(Struct, frozen=True, tag_field="type", tag=kebab, omit_defaults=True, gc=False):
    pass


class ToolCall(Struct, frozen=True, omit_defaults=True):
    """One call that a model asked for: the vendor's id, the tool's name, its arguments as JSON text."""

    id: str
    name: str
    args: str


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens that one model answer cost, as the vendor counted them; `cached` is part of `input`."""

    input: int = 0
    output: int = 0
    cached: int = 0


# --- a run's life -----------------------------------------------------------------------------------------------------


class RunRequested(_Fact, frozen=True):
    """Somebody prompted: the run exists and is queued. Its id is this record's seq, zero-padded to 12 digits. `tab` is
    the tab that prompted, if it has tools of its own."""

    agent: str
    prompt: str
    tab: str = ""


class RunStarted(_Fact, frozen=True):
    """The run's turn came; its agent is at work."""


class StopRequested(_Fact, frozen=True):
    """Somebody asked that the run end; what streams is cut where it is and kept."""


class RunFinished(_Fact, frozen=True):
    """Terminal: the agent's flow returned."""


class RunStopped(_Fact, frozen=True):
    """Terminal: a `StopRequested` was carried out."""


class RunFailed(_Fact, frozen=True):
    """Terminal: the run could not go on; `code` is stable, `message` is for people."""

    code: str
    message: str


class RunArchived(_Fact, frozen=True):
    """A finished run left the room document for a younger one; it is read from the log from now on."""


# --- a model's step ---------------------------------------------------------------------------------------------------


class ModelRequested(_Fact, frozen=True):
    """An attempt at a model step began: exactly what the model is about to see.

    The request is one JSON object with a list of `messages`. `head` is the canonical JSON text of the object with that
    list empty (the model's name, sampling, tools), or empty if it equals that of the request in record `base`. The
    messages are `keep` of `base`'s, those after its first `skip`, then `added`, each the canonical JSON text of one
    message. `sha256` is that of the whole request in canonical JSON, so a reader can prove that what was put together
    from the log is byte for byte what was sent. `base` 0 means none.
    """

    step: str
    attempt: int
    model: str
    sha256: bytes
    added: tuple[str, ...] = ()
    keep: int = 0
    base: int = 0
    head: str = ""
    skip: int = 0


class TextStreamed(_Fact, frozen=True):
    """Some of the answer's text arrived; `part` counts the answer's parts from 0."""

    step: str
    attempt: int
    part: int
    text: str


class ReasoningStreamed(_Fact, frozen=True):
    """Some of the model's reasoning arrived."""

    step: str
    attempt: int
    part: int
    text: str


class ArgumentsStreamed(_Fact, frozen=True):
    """Some of a tool call's JSON arguments arrived; the first one of a part names the call and the tool."""

    step: str
    attempt: int
    part: int
    call: str
    name: str
    text: str


class ModelAnswered(_Fact, frozen=True):
    """The attempt ended, by the vendor's own word. `finish`: stop, tool-calls, length or content-filter."""

    step: str
    attempt: int
    finish: str
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()


class ModelFailed(_Fact, frozen=True):
    """The attempt failed. With `retry_at` (µs since 1970) another one follows and this one leaves the document."""

    step: str
    attempt: int
    code: str
    message: str
    retry_at: int | None = None


class ModelInterrupted(_Fact, frozen=True):
    """The process that made the attempt is gone (a crash or a deploy); what it streamed leaves the document."""

    step: str
    attempt: int


# --- a tool's step ----------------------------------------------------------------------------------------------------


class ToolStarted(_Fact, frozen=True):
    """The intent, durable before the tool's body runs (law 7). `effect`: read, idempotent or write."""

    step: str
    attempt: int
    call: str
    name: str
    effect: str


class ToolNotStarted(_Fact, frozen=True):
    """After the intent was durable the step was cancelled: the body did not run."""

    step: str
    attempt: int


class ToolReturned(_Fact, frozen=True):
    """The tool answered; `result` is JSON text."""

    step: str
    attempt: int
    result: str


class ToolFailed(_Fact, frozen=True):
    """The tool raised, or could not be called; the model is told `message`."""

    step: str
    attempt: int
    code: str
    message: str


class ToolInterrupted(_Fact, frozen=True):
    """The process that ran a `read` or `idempotent` tool is gone: the tool runs again under the next attempt."""

    step: str
    attempt: int


class ToolOutcomeUnknown(_Fact, frozen=True):
    """The process that ran a `write` tool is gone: whether it acted is for a person to say."""

    step: str
    attempt: int


# --- people decide ----------------------------------------------------------------------------------------------------


class ApprovalRequested(_Fact, frozen=True):
    """A call waits for somebody's yes; `args` is JSON text, `expires_at` in µs since 1970."""

    step: str
    call: str
    name: str
    args: str
    reason: str = ""
    expires_at: int | None = None


class ApprovalGranted(_Fact, frozen=True):
    """Somebody said yes, once; with other arguments than were asked for if `args` is not empty."""

    step: str
    args: str = ""


class ApprovalDenied(_Fact, frozen=True):
    """Somebody said no; the model is told `reason`."""

    step: str
    reason: str = ""


class QuestionAsked(_Fact, frozen=True):
    """The agent asks a person for something; `schema` is the JSON Schema text of the answer."""

    step: str
    call: str
    name: str
    question: str
    schema: str
    expires_at: int | None = None


class QuestionAnswered(_Fact, frozen=True):
    """Somebody answered; `answer` is JSON text."""

    step: str
    answer: str


class DecisionExpired(_Fact, frozen=True):
    """Nobody decided or answered in time; for the agent it is a no."""

    step: str


class ToolResolved(_Fact, frozen=True):
    """A person says what became of a call whose outcome nobody knew: happened, did-not-happen or retry."""

    step: str
    verdict: str
    result: str = ""


class RunSteered(_Fact, frozen=True):
    """Somebody said something to a run at work; its next model request holds it."""

    text: str


class SteerConsumed(_Fact, frozen=True):
    """What was said in record `steer` is in the model request of the record after this one."""

    steer: int


# --- tools in tabs ----------------------------------------------------------------------------------------------------


class TabTool(Struct, frozen=True, omit_defaults=True):
    """A tool that a tab carries out. `parameters` is JSON Schema text; `lasting`: offered also while no tab is here."""

    name: str
    description: str
    parameters: str
    effect: str = "write"
    lasting: bool = False


class ToolsRegistered(_Fact, frozen=True):
    """A tab says which tools it has, instead of those that it had; `running` are steps that it still carries out."""

    tab: str
    tools: tuple[TabTool, ...]
    running: tuple[str, ...] = ()


class TabLeft(_Fact, frozen=True):
    """A tab with tools closed its socket; what it held is under its lease."""

    tab: str


class ToolAwaited(_Fact, frozen=True):
    """No tab has the tool now: the run waits for one, for days if need be."""

    step: str
    call: str
    name: str


class ToolAssigned(_Fact, frozen=True):
    """The call is this tab's to carry out, under a rising number; nobody else may."""

    step: str
    call: str
    name: str
    effect: str
    tab: str
    number: int


class ToolClaimed(_Fact, frozen=True):
    """The intent: the tab begins to carry the call out."""

    step: str
    number: int


class ToolHolderLost(_Fact, frozen=True):
    """The tab is not here any more; at `until` (µs since 1970) its lease ends."""

    step: str
    until: int


class ToolLeaseExpired(_Fact, frozen=True):
    """The lease of a call that was not begun, or that may be repeated, ended: it is to be assigned anew."""

    step: str
    number: int


class ToolAnsweredLate(_Fact, frozen=True):
    """A result came under a number that does not count any more; it changes nothing."""

    step: str
    number: int
    result: str


# --- documents and epochs ---------------------------------------------------------------------------------------------


class DocumentEdited(_Fact, frozen=True):
    """Somebody edited a shared document; the record holds its name and the exact update."""


class EpochClosed(_Fact, frozen=True):
    """A process left the room in good order: the CRDT client id it wrote under, and that id's clock per document.

    The room document's name is the empty string. If this is still the head, the next epoch goes on with the id.
    """

    client: int
    clocks: dict[str, int]


Event = (
    RunRequested
    | RunStarted
    | StopRequested
    | RunFinished
    | RunStopped
    | RunFailed
    | RunArchived
    | ModelRequested
    | TextStreamed
    | ReasoningStreamed
    | ArgumentsStreamed
    | ModelAnswered
    | ModelFailed
    | ModelInterrupted
    | ToolStarted
    | ToolNotStarted
    | ToolReturned
    | ToolFailed
    | ToolInterrupted
    | ToolOutcomeUnknown
    | ApprovalRequested
    | ApprovalGranted
    | ApprovalDenied
    | QuestionAsked
    | QuestionAnswered
    | DecisionExpired
    | ToolResolved
    | RunSteered
    | SteerConsumed
    | ToolsRegistered
    | TabLeft
    | ToolAwaited
    | ToolAssigned
    | ToolClaimed
    | ToolHolderLost
    | ToolLeaseExpired
    | ToolAnsweredLate
    | DocumentEdited
    | EpochClosed
)


class Record(Struct, frozen=True, gc=False):
    """One line of a room's log: a fact plus the exact CRDT update it caused (law 2).

    `seq` counts from 1 without a gap. `time` is µs since 1970, UTC, for people and never for order (law 9). `author` is
    who did it (`agent:NAME` for an agent, `plait` for the room itself). `run` is empty where no run is concerned.
    `document` is the name of the shared document that `update` belongs to, empty for the room document; an empty
    `update` means that no document changed. `id` makes appending idempotent: `COMMAND#ordinal` or
    `RUN/STEP#ATTEMPT.ORDINAL`; None for edits, which the CRDT makes idempotent, and for streamed text, which only the
    head that it stands on protects from being appended twice. `asked` is the SHA-256 of the command
    that caused it, on the command's first record.
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


def run_id(seq: int) -> str:
    """The id of the run whose first record has that seq; ids sort by creation."""
    return f"{seq:012d}"


def command_record_id(command: str, ordinal: int = 0) -> str:
    """The record id of a command's nth record; the first one is looked up to answer a repeated command."""
    return f"{command}#{ordinal}"
