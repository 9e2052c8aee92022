"""What a room knows: the shapes that the fold of its records fills, and nothing else.

The state is also what a snapshot keeps, so its shape has a version: `VERSION` rises with every change of shape or of
what `fold` makes of a record, and a snapshot of another version is ignored.

Only open runs and the newest finished ones are held (`limits.FINISHED_RUNS`); an archived run is read from the log.
"""

import hashlib
from typing import Literal

from msgspec import Struct, field

from .events import Attachment, EpochClosed, Going, Mandate, RoomShaped, TabTool, ToolCall, Usage

VERSION = 10

RunStatus = Literal["queued", "running", "waiting", "done", "stopped", "failed"]
StepKind = Literal["model", "tool", "run", "timer", "value", "inbox"]
StepStatus = Literal["asking", "ready", "awaiting", "assigned", "claimed", "open", "retry", "done", "failed", "unknown"]

TITLE_STEP = "title.0"
"""The step that asks a model for the room's title: tabs are not shown its text, and no conversation holds it."""

TERMINAL: frozenset[str] = frozenset({"done", "stopped", "failed"})


class Written(Struct):
    """What an attempt has written into a shared document: how many characters (code points), under which clocks, and
    the anchor of its end."""

    document: str
    chars: int = 0
    end: str = ""
    ranges: list[tuple[int, int, int]] = field(default_factory=list)


class Step(Struct):
    """One durable doing: a model's answer, a tool's call, another run, a sleep, a look at the world outside, with what
    its newest attempt gave.

    A call that a tab carries out is `awaiting` (no tab has the tool), `assigned` to `tab` under `number`, or `claimed`
    by it; `due` is then the end of its lease, 0 while the tab is here.

    `status`: a person is asked (until `due`, µs, if not 0); a person said yes, so the first attempt is awaited; an
    attempt is open; the next attempt is awaited (from `retry_at`, µs, on); it is done; it failed for good; or nobody
    knows whether it happened. A sleep is open until `due`. A step of kind `run` is open until its `child` has ended,
    and has no child before that one is requested; `prompt` is what `agent` is asked.

    `args` are the arguments that a person chose instead of the model's; `given` those that the flow itself asked with,
    empty for a model's; `digest` is that of the call that somebody approved; `schema` is the JSON Schema text of what a
    person may choose, or answer. `steered`: when the model had answered, somebody had said something that it had not
    seen. `epoch` is that of the open attempt: if it is not the room's, its process is gone. `began` is the seq of a
    model's request. `records` counts the attempt's records, for their ids.
    `edits` are the results of a call's edits by their number, over all of its attempts; `written` is what a model's
    attempt has written into documents while it streamed, by the id of the call in whose arguments it stood.
    """

    id: str
    kind: StepKind
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
    files: tuple[Attachment, ...] = ()
    code: str = ""
    message: str = ""
    retry_at: int = 0
    due: int = 0
    asks: Literal["", "approval", "input"] = ""
    schema: str = ""
    args: str = ""
    given: str = ""
    digest: str = ""
    steered: bool = False
    tab: str = ""
    number: int = 0
    began: int = 0
    child: str = ""
    agent: str = ""
    prompt: str = ""
    edits: dict[int, str] = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)


class TabTools(Struct):
    """A tab that is here, with its tools, under the epoch in which its socket is."""

    epoch: int
    tools: dict[str, TabTool]


class ContextFact(Struct):
    """What agents should know under one key, as of record `seq`."""

    seq: int
    text: str


class Steer(Struct):
    """What somebody said to a run at work; `after` counts the steps before it, `seen`: the model was shown it, or the
    flow was given it."""

    seq: int
    author: str
    text: str
    after: int
    seen: bool = False


class Spent(Struct):
    """What model answers took: tokens as the vendors counted them, `cost` in millionths of the agent's currency."""

    steps: int = 0
    input: int = 0
    output: int = 0
    cost: int = 0


class Run(Struct):
    """One agent's work on one prompt. `outcomes` are the ids of its ended steps, in log order: what a flow is fed.

    `after` is the run that the conversation goes on from, `instead` the one that this is another version of; `parent`
    and `parent_step` who waits for it, if it is a sub-agent's. `result` is JSON text of what its flow gave, empty if
    that is the text of its last answer. `spent` is its own, without its children's. `mandate` is what its tools may
    do, all if None; `stop_code` why the house stops it. `lineage` is that of the history in which it began, if that
    is called otherwise by now.
    """

    id: str
    agent: str
    prompt: str
    author: str
    status: RunStatus = "queued"
    started: bool = False
    stopping: bool = False
    stop_code: str = ""
    steps: dict[str, Step] = field(default_factory=dict)
    outcomes: list[str] = field(default_factory=list)
    streamed: int = 0
    steers: list[Steer] = field(default_factory=list)
    tab: str = ""
    after: str = ""
    instead: str = ""
    parent: str = ""
    parent_step: str = ""
    context: dict[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    options: str = ""
    deadline: int = 0
    result: str = ""
    code: str = ""
    message: str = ""
    spent: Spent = field(default_factory=Spent)
    mandate: Mandate | None = None
    lineage: str = ""

    def unseen(self) -> list[Steer]:
        """What was said to the run and is in no request yet."""
        return [steer for steer in self.steers if not steer.seen]

    @property
    def open(self) -> bool:
        """Not terminal yet."""
        return self.status not in TERMINAL

    @property
    def answer(self) -> str:
        """The text of its last model step."""
        answers = (step for step in reversed(self.steps.values()) if step.kind == "model" and step.status == "done")
        return next(("".join(step.text) for step in answers if step.id != TITLE_STEP), "")


class Request(Struct):
    """The newest model request, by which the next one is written down: its record, and the hashes of its parts."""

    seq: int = 0
    head: bytes = b""
    messages: list[bytes] = field(default_factory=list)


class Draft(Struct):
    """A proposal for the shared document `of`, in `run` if an agent made it there."""

    of: str
    title: str
    author: str
    run: str
    status: Literal["open", "accepted", "rejected"] = "open"


class Fork(Struct):
    """That the room began as the room `of` was after record `at`; `since` is the record that says so."""

    of: str
    lineage: str
    at: int
    since: int
    writes: bool
    going: Going


class Paused(Struct, frozen=True):
    """The runs wait for somebody to resume them, since record `seq`; `by` paused them."""

    seq: int
    by: str


class RoomState(Struct):
    """Everything that a room knows at `seq`, in a log that holds `size` bytes of updates.

    `title` is a person's if `named`, else an agent's proposal. `tip` is the newest run of the branch that the
    conversation goes on from. `agent` is whom the last prompt was for. `context` are facts by who provided them: a
    tab, or the empty string for the room's. `left` says until which seq a tab's tool was offered. `owners` says
    whose each client id of a shared document is (law 4). `closed` is set while the head is an `EpochClosed`.
    `documents` are the shared documents that were ever edited, `undone` is the seq of the newest `EditsUndone`.
    `drafts` are those that wait and the newest settled ones, by the document that each is. `fork` is the newest one
    that this room is; `kin` are rooms whose servers wrote into its documents: those that it was forked from, and forks
    that were merged; `merged` says of each of those up to which of its records, by document. `paused` is set while the
    runs wait for somebody to resume them. `shape` is the version of the room document's shape, 0 if it lacks what is to
    be projected again; `shaped` is what last said so, record `shaped_at`.
    """

    seq: int = 0
    epoch: int = 0
    size: int = 0
    title: str = ""
    named: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    tip: str = ""
    agent: str = ""
    context: dict[str, dict[str, ContextFact]] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    runs: dict[str, Run] = field(default_factory=dict)
    request: Request = field(default_factory=Request)
    owners: dict[int, str] = field(default_factory=dict)
    documents: list[str] = field(default_factory=list)
    tabs: dict[str, TabTools] = field(default_factory=dict)
    lasting: dict[str, TabTool] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    undone: int = 0
    drafts: dict[str, Draft] = field(default_factory=dict)
    fork: Fork | None = None
    kin: list[str] = field(default_factory=list)
    merged: dict[str, dict[str, int]] = field(default_factory=dict)
    paused: Paused | None = None
    closed: EpochClosed | None = None
    shape: int = 1
    shaped: RoomShaped | None = None
    shaped_at: int = 0

    def open_runs(self) -> list[Run]:
        """The runs that are not terminal, oldest first, sub-agents' among them."""
        return [run for run in self.runs.values() if run.open]

    @property
    def held(self) -> bool:
        """Nothing goes on before somebody says so: the runs were paused, or a fork began with them and so nothing that
        comes after these does."""
        fork = self.fork
        if self.paused is not None:
            return True
        if fork is None or fork.going != "paused":
            return False
        return any(run.open and int(run.id) <= fork.since for run in self.runs.values())

    def prompts(self) -> list[Run]:
        """The open runs that somebody prompted for, oldest first."""
        return [run for run in self.runs.values() if run.open and not run.parent]

    def children(self, run: str) -> list[Run]:
        """The runs that this run asked for, oldest first."""
        return [child for child in self.runs.values() if child.parent == run]

    def branch(self, tip: str) -> list[Run]:
        """The runs of the conversation that ends with that one, oldest first; as far back as they are held."""
        found: list[Run] = []
        run = self.runs.get(tip)
        while run is not None:
            found.append(run)
            run = self.runs.get(run.after)
        return found[::-1]

    def known(self, epoch: int) -> dict[str, str]:
        """What agents should know now: the room's facts and those of the tabs that are here, the last one of a key."""
        owners = ["", *(tab for tab, tools in self.tabs.items() if tools.epoch == epoch)]
        facts = [(fact.seq, key, fact.text) for owner in owners for key, fact in self.context.get(owner, {}).items()]
        return {key: text for _, key, text in sorted(facts)}


def digest(text: str | bytes) -> bytes:
    """SHA-256 of a request's part."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).digest()
