"""A run's life: requested, started, steered by timers and children, ended by exactly one terminal event."""

from msgspec import Struct, field

from .fact import Fact


class Attachment(Struct, frozen=True, omit_defaults=True):
    """A file that belongs to a prompt or a result: `blob` is the SHA-256 of its bytes, which the store keeps."""

    blob: str
    media_type: str
    name: str
    bytes: int


class Mandate(Struct, frozen=True, omit_defaults=True):
    """What the grant of whoever asked for a run allows that run: it is written down once and never widened.

    `subject` is whose grant it was, `grant` that one's id and `issued` since when it is good (µs since 1970), by which
    a revocation finds it. `rights` are those that bear on an agent's tools (`read`, `write`, `tools`); `rooms`,
    `documents`, `forbid_tools` and `ask_tools` are patterns.
    """

    subject: str
    grant: str = ""
    issued: int = 0
    on_behalf_of: str = ""
    rights: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    forbid_tools: tuple[str, ...] = ()
    ask_tools: tuple[str, ...] = ()


class RunRequested(Fact, frozen=True):
    """Somebody prompted, or a run asked for another: the run exists and is queued.

    Its id is this record's seq, zero-padded to 12 digits. `tab` is the tab that prompted, if it has tools of its own.
    `after` is the run that the conversation goes on from, empty for its beginning; logs from before branches say None,
    which means the run before. `instead` is the run of which this one is another version. `parent` and `step` are the
    run and its step that wait for this one as a sub-agent's. `context` are facts for this prompt alone. `options` is
    JSON text of what the prompt overrides of its agent's. `on_behalf_of` is whom its author acts for. `mandate` is what
    its tools may do; None where nobody was asked for a grant, and in logs from before there were any.
    """

    agent: str
    prompt: str
    tab: str = ""
    after: str | None = None
    instead: str = ""
    parent: str = ""
    step: str = ""
    context: dict[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    options: str = ""
    on_behalf_of: str = ""
    mandate: Mandate | None = None


class RunStarted(Fact, frozen=True):
    """The run's turn came; its agent is at work. At `deadline` (µs since 1970) its time is over. `code` names the
    version of the agent's code, as far as that can be told: another name is other code."""

    deadline: int | None = None
    code: str = ""


class StopRequested(Fact, frozen=True):
    """Somebody asked that the run end; what streams is cut where it is and kept. The house gives a `code` where the
    run may not go on."""

    code: str = ""


class RunFinished(Fact, frozen=True):
    """Terminal: the agent's flow returned. `result` is JSON text of what, unless it is the text of the last answer."""

    result: str = ""


class RunStopped(Fact, frozen=True):
    """Terminal: a `StopRequested` was carried out."""


class RunFailed(Fact, frozen=True):
    """Terminal: the run could not go on; `code` is stable, `message` is for people."""

    code: str
    message: str


class RunArchived(Fact, frozen=True):
    """A finished run left the room document for a younger one; it is read from the log from now on."""


class TimerSet(Fact, frozen=True):
    """The run sleeps until `at` (µs since 1970)."""

    step: str
    at: int


class TimerFired(Fact, frozen=True):
    """The time that the run slept for has come."""

    step: str


class ValueNoted(Fact, frozen=True):
    """What the run saw of the world outside: the time, a random number. `value` is JSON text."""

    step: str
    value: str


RunFact = (
    RunRequested
    | RunStarted
    | StopRequested
    | RunFinished
    | RunStopped
    | RunFailed
    | RunArchived
    | TimerSet
    | TimerFired
    | ValueNoted
)
