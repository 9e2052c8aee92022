"""What a room knows: the fold of its records, and nothing else.

`fold(state, record)` is the only writer. It changes the state in place, because rebuilding a room of a million records
is a million folds; a room whose append failed throws its state away and reads the log again. The state is also what a
snapshot keeps, so its shape has a version: `VERSION` rises with every change of shape or meaning, and a snapshot of
another version is ignored.

Only open runs and the newest finished ones are held (`limits.FINISHED_RUNS`); an archived run is read from the log.
"""

import hashlib
from typing import Literal, assert_never

from msgspec import Struct, field

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
    Record,
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
    TabTool,
    TextStreamed,
    ToolAnsweredLate,
    ToolAssigned,
    ToolAwaited,
    ToolCall,
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
    Usage,
)
from .update import read

VERSION = 3

RunStatus = Literal["queued", "running", "waiting", "done", "stopped", "failed"]
StepStatus = Literal["asking", "ready", "awaiting", "assigned", "claimed", "open", "retry", "done", "failed", "unknown"]

TERMINAL: frozenset[str] = frozenset({"done", "stopped", "failed"})


class Step(Struct):
    """One durable doing: a model's answer or a tool's call, with what its newest attempt gave.

    A call that a tab carries out is `awaiting` (no tab has the tool), `assigned` to `tab` under `number`, or `claimed`
    by it; `due` is then the end of its lease, 0 while the tab is here.

    `status`: a person is asked (until `due`, µs, if not 0); a person said yes, so the first attempt is awaited; an
    attempt is open; the next attempt is awaited (from `retry_at`, µs, on); it is done; it failed for good; or nobody
    knows whether it happened. `args` are the arguments that a person chose instead of the model's. `steered`: when the
    model had answered, somebody had said something that it had not seen. `epoch` is that of the open attempt: if it is
    not the room's, its process is
    gone. `records` counts the attempt's records, for their ids.
    """

    id: str
    kind: Literal["model", "tool"]
    attempt: int
    epoch: int
    status: StepStatus = "open"
    records: int = 0
    text: list[str] = field(default_factory=list)
    calls: tuple[ToolCall, ...] = ()
    finish: str = ""
    usage: Usage = Usage()
    call: str = ""
    name: str = ""
    effect: str = ""
    result: str = ""
    code: str = ""
    message: str = ""
    retry_at: int = 0
    due: int = 0
    asks: Literal["", "approval", "input"] = ""
    args: str = ""
    steered: bool = False
    tab: str = ""
    number: int = 0


class TabTools(Struct):
    """The tools of one tab, under the epoch in which its socket is."""

    epoch: int
    tools: dict[str, TabTool]


class Steer(Struct):
    """What somebody said to a run at work; `after` counts the steps before it, `seen`: the model was shown it."""

    seq: int
    author: str
    text: str
    after: int
    seen: bool = False


class Run(Struct):
    """One agent's work on one prompt. `outcomes` are the ids of its ended steps, in log order: what a flow is fed."""

    id: str
    agent: str
    prompt: str
    author: str
    status: RunStatus = "queued"
    stopping: bool = False
    steps: dict[str, Step] = field(default_factory=dict)
    outcomes: list[str] = field(default_factory=list)
    streamed: int = 0
    steers: list[Steer] = field(default_factory=list)
    tab: str = ""

    def unseen(self) -> list[Steer]:
        """What was said to the run and is in no request yet."""
        return [steer for steer in self.steers if not steer.seen]

    @property
    def open(self) -> bool:
        """Not terminal yet."""
        return self.status not in TERMINAL


class Request(Struct):
    """The newest model request, by which the next one is written down: its record, and the hashes of its parts."""

    seq: int = 0
    head: bytes = b""
    messages: list[bytes] = field(default_factory=list)


class RoomState(Struct):
    """Everything that a room knows at `seq`.

    `owners` says whose each client id of a shared document is (law 4). `closed` is set while the head is an
    `EpochClosed`. `documents` are the shared documents that were ever edited.
    """

    seq: int = 0
    epoch: int = 0
    runs: dict[str, Run] = field(default_factory=dict)
    request: Request = field(default_factory=Request)
    owners: dict[int, str] = field(default_factory=dict)
    documents: list[str] = field(default_factory=list)
    tabs: dict[str, TabTools] = field(default_factory=dict)
    lasting: dict[str, TabTool] = field(default_factory=dict)
    closed: EpochClosed | None = None

    def open_runs(self) -> list[Run]:
        """The runs that are not terminal, oldest first."""
        return [run for run in self.runs.values() if run.open]


def digest(text: str | bytes) -> bytes:
    """SHA-256 of a request's part."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).digest()


def fold(state: RoomState, record: Record) -> None:
    """Take in the next record. The log is trusted: what may follow what is judged before a record is made."""
    state.seq = record.seq
    state.epoch = record.epoch
    state.closed = None
    event = record.event
    match event:
        case DocumentEdited():
            _edited(state, record)
        case EpochClosed():
            state.closed = event
        case RunRequested():
            state.runs[record.run] = Run(record.run, event.agent, event.prompt, record.author, tab=event.tab)
        case ToolsRegistered():
            _registered(state, record, event)
        case TabLeft():
            state.tabs.pop(event.tab, None)
        case RunArchived():
            state.runs.pop(record.run, None)
        case StopRequested():
            run = state.runs.get(record.run)
            if run is not None and run.open:
                run.stopping = True
        case _:
            run = state.runs.get(record.run)
            if run is not None:
                _fold_run(state, run, record, event)


def _registered(state: RoomState, record: Record, event: ToolsRegistered) -> None:
    """The tab is here again: it holds what it had not begun, and what it says that it still carries out. What it had
    begun and does not carry out any more, it lost with its page: that lease ends now."""
    state.tabs.pop(event.tab, None)
    state.tabs[event.tab] = TabTools(record.epoch, {tool.name: tool for tool in event.tools})
    state.lasting |= {tool.name: tool for tool in event.tools if tool.lasting}
    for run in state.open_runs():
        for step in run.steps.values():
            if step.tab == event.tab and step.status in ("assigned", "claimed"):
                lost = step.status == "claimed" and step.id not in event.running
                step.due = record.time if lost else 0


def _edited(state: RoomState, record: Record) -> None:
    if record.document not in state.documents:
        state.documents.append(record.document)
    for section in read(record.update).sections:
        state.owners.setdefault(section.client, record.author)


_RunEvent = (
    RunStarted
    | RunFinished
    | RunStopped
    | RunFailed
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
    | ToolAwaited
    | ToolAssigned
    | ToolClaimed
    | ToolHolderLost
    | ToolLeaseExpired
    | ToolAnsweredLate
)


def _fold_run(state: RoomState, run: Run, record: Record, event: _RunEvent) -> None:
    match event:
        case TextStreamed() | ReasoningStreamed() | ArgumentsStreamed():
            step = run.steps[event.step]
            step.records += 1
            run.streamed += len(event.text)
            if isinstance(event, TextStreamed):
                step.text.append(event.text)
        case RunStarted():
            run.status = "running"
        case RunFinished():
            _end(run, "done")
        case RunStopped():
            _end(run, "stopped")
        case RunFailed():
            _end(run, "failed")
        case ModelRequested():
            for steer in run.steers:
                if steer.after == _BEING_SENT:  # It stands before the step that saw it first.
                    steer.after = list(run.steps).index(event.step) if event.step in run.steps else len(run.steps)
            _begin(run, Step(event.step, "model", event.attempt, record.epoch))
            _note_request(state, record.seq, event)
        case ToolStarted():
            step = Step(event.step, "tool", event.attempt, record.epoch, call=event.call, name=event.name)
            step.effect = event.effect
            _begin(run, step)
        case ApprovalRequested() | QuestionAsked():
            step = Step(event.step, "tool", 0, record.epoch, "asking", call=event.call, name=event.name)
            step.due = event.expires_at or 0
            step.asks = "approval" if isinstance(event, ApprovalRequested) else "input"
            run.steps[step.id] = step
            run.status = "waiting"
        case ToolAwaited() | ToolAssigned() | ToolClaimed() | ToolHolderLost() | ToolLeaseExpired():
            _fold_tab(run, record.epoch, event)
        case ToolAnsweredLate():
            pass
        case RunSteered():
            run.steers.append(Steer(record.seq, record.author, event.text, len(run.steps)))
        case SteerConsumed():
            for steer in run.steers:
                if steer.seq == event.steer:
                    steer.seen, steer.after = True, _BEING_SENT
        case ApprovalGranted() | ApprovalDenied() | QuestionAnswered() | DecisionExpired() | ToolResolved():
            run.status = "running"
            _fold_decision(run, run.steps[event.step], record.author, event)
        case _:
            step = run.steps[event.step]
            step.records += 1
            _fold_outcome(run, step, event)


_BEING_SENT = -1


def _end(run: Run, status: RunStatus) -> None:
    run.status = status
    run.stopping = False


def _begin(run: Run, step: Step) -> None:
    step.records = 1
    earlier = run.steps.get(step.id)
    if earlier is not None:
        step.args = earlier.args
    run.status = "running"
    run.steps[step.id] = step


def _fold_tab(
    run: Run, epoch: int, event: ToolAwaited | ToolAssigned | ToolClaimed | ToolHolderLost | ToolLeaseExpired
) -> None:
    """A call's way through tabs."""
    step = run.steps.get(event.step)
    if step is None:
        step = run.steps[event.step] = Step(event.step, "tool", 0, epoch)
    match event:
        case ToolAwaited():
            step.status, step.call, step.name = "awaiting", event.call, event.name
            run.status = "waiting"
        case ToolAssigned():
            step.status, step.call, step.name, step.effect = "assigned", event.call, event.name, event.effect
            step.tab, step.number, step.due = event.tab, event.number, 0
            run.status = "running"
        case ToolClaimed():
            step.status, step.attempt = "claimed", event.number
        case ToolHolderLost():
            step.due = event.until
        case ToolLeaseExpired():
            step.status, step.tab, step.due = "awaiting", "", 0
        case _:
            assert_never(event)


_Decision = ApprovalGranted | ApprovalDenied | QuestionAnswered | DecisionExpired | ToolResolved


def _fold_decision(run: Run, step: Step, author: str, event: _Decision) -> None:
    """What a person said, or that nobody did."""
    step.due = 0
    match event:
        case ApprovalGranted():
            step.status, step.args = "ready", event.args
        case ApprovalDenied():
            why = f": {event.reason}" if event.reason else "."
            _refuse(run, step, "denied", f"{author} denied this call{why}")
        case QuestionAnswered():
            step.result = event.answer
            _settle(run, step, "done")
        case DecisionExpired():
            _refuse(run, step, "decision-expired", "Nobody decided in time.")
        case ToolResolved(verdict="retry"):
            step.status, step.retry_at = "retry", 0
        case ToolResolved(verdict="happened"):
            step.result = event.result or "null"
            _settle(run, step, "done")
        case ToolResolved():
            _refuse(run, step, "did-not-happen", f"{author} found that this call did not happen.")
        case _:
            assert_never(event)


def _refuse(run: Run, step: Step, code: str, message: str) -> None:
    step.code, step.message = code, message
    _settle(run, step, "failed")


_Outcome = (
    ModelAnswered
    | ModelFailed
    | ModelInterrupted
    | ToolNotStarted
    | ToolReturned
    | ToolFailed
    | ToolInterrupted
    | ToolOutcomeUnknown
)


def _fold_outcome(run: Run, step: Step, event: _Outcome) -> None:
    match event:
        case ModelAnswered():
            step.finish, step.calls, step.usage = event.finish, event.calls, event.usage
            step.steered = bool(run.unseen())
            _settle(run, step, "done")
        case ModelFailed():
            step.code, step.message = event.code, event.message
            if event.retry_at is None:
                _settle(run, step, "failed")
            else:
                step.status, step.retry_at = "retry", event.retry_at
        case ModelInterrupted() | ToolInterrupted() | ToolNotStarted():
            step.status, step.retry_at = "retry", 0
        case ToolReturned():
            step.result = event.result
            run.tab = step.tab or run.tab
            _settle(run, step, "done")
        case ToolFailed():
            run.tab = step.tab or run.tab
            step.code, step.message = event.code, event.message
            _settle(run, step, "failed")
        case ToolOutcomeUnknown():
            step.status, step.due = "unknown", 0
            run.status = "waiting"
        case _:
            assert_never(event)


def _settle(run: Run, step: Step, status: StepStatus) -> None:
    step.status = status
    run.outcomes.append(step.id)


def _note_request(state: RoomState, seq: int, event: ModelRequested) -> None:
    request = state.request
    kept = request.messages[event.skip : event.skip + event.keep] if event.base == request.seq else []
    head = digest(event.head) if event.head else request.head
    state.request = Request(seq, head, kept + [digest(text) for text in event.added])


def record_id(run: Run, step: str, attempt: int, event: Event) -> str:
    """The id of the step's next record: where it stands in the run, the attempt, and its ordinal in the attempt."""
    known = run.steps.get(step)
    begins = isinstance(event, ModelRequested | ToolStarted | ApprovalRequested | QuestionAsked)
    ordinal = 0 if begins or known is None else known.records
    return f"{run.id}/{step}#{attempt}.{ordinal}"
