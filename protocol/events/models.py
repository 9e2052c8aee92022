"""A model's step: what was asked, what streamed, how it ended."""

from msgspec import Struct

from .fact import Fact


class ToolCall(Struct, frozen=True, omit_defaults=True):
    """One call that a model asked for: the vendor's id, the tool's name, its arguments as JSON text."""

    id: str
    name: str
    args: str


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens that one model answer took, as the vendor counted them; `cached` is part of `input`, `reasoning` of
    `output`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0


class ModelRequested(Fact, frozen=True):
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


class TextStreamed(Fact, frozen=True):
    """Some of the answer's text arrived; `part` counts the answer's parts from 0."""

    step: str
    attempt: int
    part: int
    text: str


class ReasoningStreamed(Fact, frozen=True):
    """Some of the model's reasoning arrived."""

    step: str
    attempt: int
    part: int
    text: str


class ArgumentsStreamed(Fact, frozen=True):
    """Some of a tool call's JSON arguments arrived; the first one of a part names the call and the tool."""

    step: str
    attempt: int
    part: int
    call: str
    name: str
    text: str


class ModelAnswered(Fact, frozen=True):
    """The attempt ended, by the vendor's own word. `finish`: stop, tool-calls, length or content-filter. `cost` is in
    millionths of the agent's currency, by the agent's prices; 0 where it has none."""

    step: str
    attempt: int
    finish: str
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    cost: int = 0


class ModelFailed(Fact, frozen=True):
    """The attempt failed. With `retry_at` (µs since 1970) another one follows and this one leaves the document."""

    step: str
    attempt: int
    code: str
    message: str
    retry_at: int | None = None


class ModelInterrupted(Fact, frozen=True):
    """The process that made the attempt is gone (a crash or a deploy); what it streamed leaves the document."""

    step: str
    attempt: int


class PartShown(Fact, frozen=True):
    """A step shows something beside its text or its result: `kind` is source, file or data, `value` JSON text of it.

    source: `{"url", "title", "excerpt"}`. file: an Attachment. data: whatever the host's page can render, under `name`.
    """

    step: str
    attempt: int
    kind: str
    value: str
    name: str = ""


ModelFact = (
    ModelRequested
    | TextStreamed
    | ReasoningStreamed
    | ArgumentsStreamed
    | ModelAnswered
    | ModelFailed
    | ModelInterrupted
    | PartShown
)
