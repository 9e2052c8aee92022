"""A tool's step: the intent, and what came of it."""

from .fact import Fact
from .runs import Attachment


class ToolStarted(Fact, frozen=True):
    """The intent, durable before the tool's body runs (law 7). `effect`: read, idempotent or write. `shows` is
    `retrieval` for a search in the agent's knowledge, which people see as such. `args` is JSON text of the arguments
    where no model's answer holds them, because the flow itself asked."""

    step: str
    attempt: int
    call: str
    name: str
    effect: str
    shows: str = ""
    args: str = ""


class ToolDelegated(Fact, frozen=True):
    """The call is another agent's to carry out: a run of its own, whose end is the call's outcome."""

    step: str
    attempt: int
    call: str
    name: str
    agent: str
    prompt: str


class ToolProgressed(Fact, frozen=True):
    """The tool says how far it is: in words, and with `done` from 0 to 1 if it knows."""

    step: str
    attempt: int
    text: str = ""
    done: float | None = None


class ToolNotStarted(Fact, frozen=True):
    """After the intent was durable the step was cancelled: the body did not run."""

    step: str
    attempt: int


class ToolReturned(Fact, frozen=True):
    """The tool answered; `result` is JSON text. A large one is in `blob`, and `result` tells the model so; `files` are
    what the model may be shown beside it."""

    step: str
    attempt: int
    result: str
    blob: str = ""
    files: tuple[Attachment, ...] = ()


class ToolFailed(Fact, frozen=True):
    """The tool raised, or could not be called; the model is told `message`."""

    step: str
    attempt: int
    code: str
    message: str


class ToolRefused(Fact, frozen=True):
    """The call may not be made: `code` is stable, the model is told `message`. `args` is JSON text of the arguments
    where no model's answer holds them."""

    step: str
    call: str
    name: str
    code: str
    message: str
    args: str = ""


class ToolInterrupted(Fact, frozen=True):
    """The process that ran a `read` or `idempotent` tool is gone: the tool runs again under the next attempt."""

    step: str
    attempt: int


class ToolOutcomeUnknown(Fact, frozen=True):
    """The process that ran a `write` tool is gone: whether it acted is for a person to say."""

    step: str
    attempt: int


ToolFact = (
    ToolStarted
    | ToolDelegated
    | ToolProgressed
    | ToolNotStarted
    | ToolReturned
    | ToolFailed
    | ToolRefused
    | ToolInterrupted
    | ToolOutcomeUnknown
)
