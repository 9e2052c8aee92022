"""The fold: how each record changes what a room knows.

`fold(state, record)` is the only writer of a `RoomState`. It changes the state in place, because rebuilding a room of a
million records is a million folds; a room whose append failed throws its state away and reads the log again.

This page holds what concerns the room and its runs; what concerns one step of a run stands in `steps`.
"""

from typing import assert_never, cast

import msgspec

from . import limits
from .documents import fold_document
from .drafts import fold_draft
from .events import (
    ArgumentsStreamed,
    BranchChosen,
    ContextProvided,
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
    ModelRequested,
    ReasoningStreamed,
    Record,
    RoomChanged,
    RoomImported,
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
    StopRequested,
    SubjectErased,
    TabLeft,
    TextStreamed,
    TitleProposed,
    ToolsRegistered,
)
from .state import ContextFact, Fork, Paused, Request, RoomState, Run, RunStatus, Spent, Steer, Step, TabTools, digest
from .steps import Streamed, fold_step, fold_stream, settle

_STREAMED = frozenset({TextStreamed, ReasoningStreamed, ArgumentsStreamed})


def fold(state: RoomState, record: Record) -> None:
    """Take in the next record. The log is trusted: what may follow what is judged before a record is made."""
    state.seq = record.seq
    state.size += len(record.update)
    if record.epoch != state.epoch:
        state.epoch = record.epoch
        _forget_tabs(state, record.seq)
    state.closed = None
    event = record.event
    if type(event) in _STREAMED:  # Before the others: a long log is little else.
        run = state.runs.get(record.run)
        if run is not None:
            fold_stream(run, cast(Streamed, event))
        return
    match event:
        case (
            DocumentEdited()
            | EditsUndone()
            | DocumentCopied()
            | DocumentSeeded()
            | HunksAccepted()
            | HunksRejected()
            | EditMerged()
        ):
            fold_document(state, record, event)
        case Forked() | ForkResumed() | ForkMerged():
            _fork(state, record, event)
        case DraftOpened() | DraftAccepted() | DraftRejected():
            fold_draft(state, record, event)
        case RunRequested():
            _requested(state, record, event)
        case RunArchived():
            state.runs.pop(record.run, None)
        case EpochClosed() | ToolsRegistered() | TabLeft():
            _here(state, record, event)
        case RoomChanged() | TitleProposed() | BranchChosen() | ContextProvided():
            _about(state, record.seq, record.epoch, event)
        case RunsPaused() | RunsResumed():
            _pause(state, record, event)
        case RoomImported():
            for run in state.open_runs():
                run.stopping, run.lineage = run.stopping or not event.resumed, ""
        case RoomShaped():
            state.shape, state.shaped, state.shaped_at = event.shape, event, record.seq
            for run in state.open_runs():
                run.lineage = run.lineage or event.lineage
        case SubjectErased():
            if any(first <= state.shaped_at <= last for first, last in event.records):
                state.shape = 0  # All words went from what was projected again.
        case _:
            run = state.runs.get(record.run)
            if run is not None:
                _fold_run(state, run, record, event)


def _requested(state: RoomState, record: Record, event: RunRequested) -> None:
    after = state.tip if event.after is None else event.after
    run = state.runs[record.run] = Run(record.run, event.agent, event.prompt, record.author, tab=event.tab)
    run.after, run.instead, run.parent, run.parent_step = after, event.instead, event.parent, event.step
    run.context, run.attachments, run.options = event.context, event.attachments, event.options
    run.mandate = event.mandate
    if not event.parent:
        state.tip, state.agent = run.id, run.agent
        return
    parent = state.runs.get(event.parent)
    if parent is not None:
        step = parent.steps.get(event.step)
        if step is None:
            step = parent.steps[event.step] = Step(event.step, "run", 1, record.epoch)
            step.agent, step.prompt = event.agent, event.prompt
        step.child = run.id


def _pause(state: RoomState, record: Record, event: RunsPaused | RunsResumed) -> None:
    match event:
        case RunsPaused():
            state.paused = Paused(record.seq, record.author)
        case RunsResumed():
            state.paused = None
            if state.fork is not None:
                state.fork.going = event.going
        case _:
            assert_never(event)


def _fork(state: RoomState, record: Record, event: Forked | ForkResumed | ForkMerged) -> None:
    match event:
        case Forked():
            state.fork = Fork(event.of, event.lineage, event.at, record.seq, event.writes, event.going)
            _know(state, event.of)
            for tab in list(state.tabs):  # Those pages are in the other room.
                _left(state, tab, record.seq)
                state.context.pop(tab, None)
            for run in state.open_runs():  # What it calls from here on, it calls for this room.
                run.lineage = ""
        case ForkResumed():
            if state.fork is not None:
                state.fork.going = event.going
        case ForkMerged():
            merged = state.merged.setdefault(event.fork, {})
            merged |= dict.fromkeys(event.documents, event.until)
            for room in event.kin:
                _know(state, room)
        case _:
            assert_never(event)


def _know(state: RoomState, room: str) -> None:
    if room not in state.kin:
        state.kin.append(room)


def _here(state: RoomState, record: Record, event: EpochClosed | ToolsRegistered | TabLeft) -> None:
    match event:
        case EpochClosed():
            state.closed = event
        case ToolsRegistered():
            _registered(state, record, event)
        case TabLeft():
            _left(state, event.tab, record.seq)
            state.context.pop(event.tab, None)
        case _:
            assert_never(event)


def _left(state: RoomState, tab: str, seq: int) -> None:
    """The tab's tools are offered no longer; a request that was on its way may still ask for one."""
    gone = state.tabs.pop(tab, None)
    if gone is None:
        return
    for name in gone.tools:
        state.left.pop(name, None)
        state.left[name] = seq
    for name in list(state.left)[: -limits.TOOLS_LEFT]:
        del state.left[name]


def _forget_tabs(state: RoomState, seq: int) -> None:
    """A process that died said of no tab that it left, and a page that was closed meanwhile never comes back: after
    some epochs nobody waits for it. Not after the first one, because that is the room's own new beginning, and it says
    of the tabs that are still there that they stay."""
    for tab in [tab for tab, tools in state.tabs.items() if tools.epoch + limits.TAB_EPOCHS < state.epoch]:
        _left(state, tab, seq)
        state.context.pop(tab, None)


def _registered(state: RoomState, record: Record, event: ToolsRegistered) -> None:
    """The tab is here again: it holds what it had not begun, and what it says that it still carries out. What it had
    begun and does not carry out any more, it lost with its page: that lease ends now."""
    _left(state, event.tab, record.seq)
    state.tabs[event.tab] = TabTools(record.epoch, {tool.name: tool for tool in event.tools})
    state.lasting |= {tool.name: tool for tool in event.tools if tool.lasting}
    for run in state.open_runs():
        for step in run.steps.values():
            if step.tab == event.tab and step.status in ("assigned", "claimed"):
                lost = step.status == "claimed" and step.id not in event.running
                step.due = record.time if lost else 0


def _about(
    state: RoomState, seq: int, epoch: int, event: RoomChanged | TitleProposed | BranchChosen | ContextProvided
) -> None:
    """What the room is called, where its conversation goes on, what its agents should know."""
    match event:
        case RoomChanged():
            if event.title is not None:
                state.title, state.named = event.title, True
            for key, value in event.metadata.items():
                if value is None:
                    state.metadata.pop(key, None)
                else:
                    state.metadata[key] = value
        case TitleProposed():
            if not state.named:
                state.title = event.title
        case BranchChosen():
            state.tip = event.run
        case ContextProvided():
            if event.tab and (event.tab not in state.tabs or state.tabs[event.tab].epoch != epoch):
                state.tabs[event.tab] = TabTools(epoch, {})
            facts = state.context.setdefault(event.tab, {})
            for key, text in event.facts.items():
                facts.pop(key, None)
                if text is not None:
                    facts[key] = ContextFact(seq, text)
            if not facts:
                del state.context[event.tab]
        case _:
            assert_never(event)


# --- runs -------------------------------------------------------------------------------------------------------------


def _fold_run(state: RoomState, run: Run, record: Record, event: Event) -> None:
    match event:
        case StopRequested():
            run.stopping = run.stopping or run.open
            run.stop_code = run.stop_code or event.code
        case RunStarted():
            run.status, run.started, run.deadline = "running", True, event.deadline or 0
        case RunFinished():
            run.result = event.result
            _end(state, run, "done")
        case RunStopped():
            run.code, run.message = "stopped", "It was stopped before it answered."
            _end(state, run, "stopped")
        case RunFailed():
            run.code, run.message = event.code, event.message
            _end(state, run, "failed")
        case RunSteered():
            run.steers.append(Steer(record.seq, record.author, event.text, len(run.steps)))
        case _:
            if isinstance(event, ModelRequested):
                _note_request(state, record.seq, event)
            fold_step(run, record, event)
            if isinstance(event, ModelAnswered):
                for spent in (run.spent, state.spent):
                    _spend(spent, event)


def _spend(spent: Spent, event: ModelAnswered) -> None:
    spent.steps += 1
    spent.input += event.usage.input
    spent.output += event.usage.output
    spent.cost += event.cost


def _end(state: RoomState, run: Run, status: RunStatus) -> None:
    """The run is terminal; if another one waits for it, this is what that one gets."""
    run.status = status
    run.stopping = False
    parent = state.runs.get(run.parent)
    step = parent.steps.get(run.parent_step) if parent is not None else None
    if parent is None or step is None or step.child != run.id or step.status != "open":
        return
    if status == "done":
        step.result = run.result or msgspec.json.encode(run.answer).decode()
    else:
        step.code, step.message = run.code, run.message
    settle(parent, step, "done" if status == "done" else "failed")


def _note_request(state: RoomState, seq: int, event: ModelRequested) -> None:
    request = state.request
    kept = request.messages[event.skip : event.skip + event.keep] if event.base == request.seq else []
    head = digest(event.head) if event.head else request.head
    state.request = Request(seq, head, kept + [digest(text) for text in event.added])
