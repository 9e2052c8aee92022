"""People decide, and speak to a run at work."""

from .fact import Fact


class ApprovalRequested(Fact, frozen=True):
    """A call waits for somebody's yes; `args` is JSON text, `expires_at` in µs since 1970. `schema` is the JSON Schema
    text of the arguments, where the tool is the host's own."""

    step: str
    call: str
    name: str
    args: str
    reason: str = ""
    expires_at: int | None = None
    schema: str = ""


class ApprovalGranted(Fact, frozen=True):
    """Somebody said yes, once; with other arguments than were asked for if `args` is not empty. `digest` is that of
    what may be called now, `shown` that of what they say they were shown; logs from before digests have none."""

    step: str
    args: str = ""
    digest: str = ""
    shown: str = ""


class ApprovalDenied(Fact, frozen=True):
    """Somebody said no; the model is told `reason`. `shown` is the digest of what they say they were shown."""

    step: str
    reason: str = ""
    shown: str = ""


class QuestionAsked(Fact, frozen=True):
    """The agent asks a person for something; `schema` is the JSON Schema text of the answer."""

    step: str
    call: str
    name: str
    question: str
    schema: str
    expires_at: int | None = None


class QuestionAnswered(Fact, frozen=True):
    """Somebody answered; `answer` is JSON text."""

    step: str
    answer: str


class DecisionExpired(Fact, frozen=True):
    """Nobody decided or answered in time; for the agent it is a no."""

    step: str


class ToolResolved(Fact, frozen=True):
    """A person says what became of a call whose outcome nobody knew: happened, did-not-happen or retry."""

    step: str
    verdict: str
    result: str = ""


class RunSteered(Fact, frozen=True):
    """Somebody said something to a run at work; its next model request holds it."""

    text: str


class SteerConsumed(Fact, frozen=True):
    """What was said in record `steer` is in the model request of the record after this one, or was given to the flow
    that waited for it at `step`."""

    steer: int
    step: str = ""


PeopleFact = (
    ApprovalRequested
    | ApprovalGranted
    | ApprovalDenied
    | QuestionAsked
    | QuestionAnswered
    | DecisionExpired
    | ToolResolved
    | RunSteered
    | SteerConsumed
)
