"""The shape of the room document, as types: what every tab, the HTTP API and the TypeScript types agree on.

These Structs are never stored. In the document each is a Y.Map, and keys that do not apply are absent; a text that is
marked as segments is a Y.Array of Y.Text, to be joined. specs/document.md, its JSON Schema and the types of the browser
client are generated from here.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

RunStatus = Literal["queued", "running", "waiting", "done", "stopped", "failed"]
DraftStatus = Literal["open", "accepted", "rejected"]
ToolState = Literal[
    "streaming", "requested", "asking", "awaiting", "assigned", "running", "done", "failed", "unknown", "cancelled"
]
Decided = Literal["approved", "denied", "answered", "expired", "happened", "did-not-happen", "retry"]

SHAPE = 1
"""The version of this shape. It rises whenever the same log would be shown as another document, and rooms that were
written under an older one are then projected again (specs/reprojection.md)."""

ROOT = "runs"
ROOM = "room"
DRAFTS = "drafts"
"""The names of the room document's roots."""

SEGMENTS = "Y.Array of Y.Text"
MAPS = "Y.Array of Y.Map"


def _text(description: str) -> Any:
    return Meta(description=description)


def _segments(description: str) -> Any:
    return Meta(description=description, extra_json_schema={"x-yjs": SEGMENTS})


class ShownFile(Struct, omit_defaults=True, kw_only=True):
    """A file; its bytes are at `/api/blobs/{blob}`."""

    blob: Annotated[str, _text("SHA-256 of the bytes, hexadecimal")]
    media_type: str
    name: str
    bytes: int


class _Part(Struct, omit_defaults=True, kw_only=True):
    """Where a part of an answer stands; what else it has depends on its `type`."""

    step: Annotated[str, _text("the step that produced the part: a model's, or that of the call which shows it")]
    attempt: Annotated[int, _text("which try at the step, from 1; the parts of a superseded try are deleted")]
    part: Annotated[int, _text("which part of the attempt, from 0")]


class TextPart(_Part, tag_field="type", tag="text", kw_only=True):
    """What the agent says."""

    text: Annotated[str, _segments("what was said so far")]


class ReasoningPart(_Part, tag_field="type", tag="reasoning", kw_only=True):
    """What the model thinks before it says something."""

    text: Annotated[str, _segments("what was said so far")]


class SteerPart(_Part, tag_field="type", tag="steer", kw_only=True):
    """What somebody said to the run while it was at work."""

    text: Annotated[str, _segments("what was said so far")]
    author: Annotated[str, _text("who said it")]
    seen: Annotated[bool, _text("whether it is in a model request")]


class _Call(_Part, kw_only=True):
    id: Annotated[str, _text("the call's id, as the model gave it")]
    name: Annotated[str, _text("the tool's name")]
    state: ToolState
    input: Annotated[str, _segments("the arguments' JSON text as it streams")]
    args: Annotated[str, _text("the arguments' JSON text, once complete")] = ""
    call: Annotated[str, _text("the step that carries the call out, once it started")] = ""
    result: Annotated[str, _text("the result's JSON text, once done")] = ""
    error: Annotated[str, _text("why it failed, for people and for the model")] = ""
    blob: Annotated[str, _text("SHA-256 of the whole of a result that is too large for the log")] = ""
    progress: Annotated[str, _text("how far it is, in its words")] = ""
    done: Annotated[float, _text("how far it is, from 0 to 1, if it knows")] = 0
    agent: Annotated[str, _text("a tool that is an agent: its name")] = ""
    child: Annotated[str, _text("a tool that is an agent: its run, to be shown inside this part")] = ""
    tab: Annotated[str, _text("a tool of a tab: the tab that it is assigned to")] = ""
    number: Annotated[int, _text("a tool of a tab: the number under which it is assigned; only the newest counts")] = 0
    asks: Annotated[
        Literal["approval", "input"] | UnsetType,
        _text("a call that asks a person: for a yes or no, perhaps with other arguments; or for input"),
    ] = UNSET
    digest: Annotated[str, _text("approval: names these arguments of this tool; a decision says it as `shown`")] = ""
    reason: Annotated[str, _text("approval: why it is asked for")] = ""
    question: Annotated[str, _text("input: what is asked")] = ""
    schema: Annotated[str, _text("a call that asks: JSON Schema text of the answer, or of the arguments")] = ""
    expires_at: Annotated[str, _text("RFC 3339: when nobody's answer becomes a no")] = ""
    decision: Annotated[Decided | UnsetType, _text("what became of it, once somebody decided or nobody did")] = UNSET
    decided_by: Annotated[str, _text("who decided, as the record names them")] = ""


class ToolPart(_Call, tag_field="type", tag="tool", kw_only=True):
    """A tool's call, from its first streamed argument to its result."""


class RetrievalPart(_Call, tag_field="type", tag="retrieval", kw_only=True):
    """A search in the agent's knowledge: a tool's call that people see as such."""


class SourcePart(_Part, tag_field="type", tag="source", kw_only=True):
    """A page or passage that the answer stands on."""

    url: Annotated[str, _text("where it is")]
    title: Annotated[str, _text("its title")]
    excerpt: Annotated[str, _text("what it says, if it was quoted")]


class FilePart(_Part, tag_field="type", tag="file", kw_only=True):
    """A file that a call made; its bytes are at `/api/blobs/{blob}`."""

    blob: Annotated[str, _text("SHA-256 of its bytes, hexadecimal")]
    media_type: Annotated[str, _text("what it is")]
    name: Annotated[str, _text("what it is called")]
    bytes: Annotated[int, _text("how long it is")]


class DataPart(_Part, tag_field="type", tag="data", kw_only=True):
    """Data of the host's own."""

    name: Annotated[str, _text("of what kind it is, in the host's own words")]
    value: Annotated[str, _text("JSON text for the host's own page to render")]


ShownPart = TextPart | ReasoningPart | ToolPart | RetrievalPart | SourcePart | FilePart | DataPart | SteerPart
"""One part of an answer, told apart by its `type`."""


class ShownRun(Struct, omit_defaults=True, kw_only=True):
    """One run: an entry of the root map `runs`, under the run's id."""

    agent: Annotated[str, _text("the agent's name")]
    author: Annotated[str, _text("who prompted, as the record names them")]
    prompt: Annotated[str, _text("the prompt's text")]
    status: RunStatus
    requested_at: Annotated[str, _text("RFC 3339: when the prompt was accepted")]
    parts: Annotated[list[ShownPart], Meta(description="in order", extra_json_schema={"x-yjs": MAPS})]
    after: Annotated[str, _text("the run that the conversation goes on from; empty at its beginning")] = ""
    instead: Annotated[str, _text("the run of which this one is another version: its prompt again, or edited")] = ""
    parent: Annotated[str, _text("sub-agent: the run that waits for this one")] = ""
    step: Annotated[str, _text("sub-agent: the step of the parent that waits for this one")] = ""
    attachments: Annotated[
        list[ShownFile], Meta(description="files of the prompt", extra_json_schema={"x-yjs": MAPS})
    ] = []
    deadline: Annotated[str, _text("RFC 3339: when the run's time is over, if it has a limit")] = ""
    wakes_at: Annotated[str, _text("RFC 3339: until when the run sleeps, while it does")] = ""
    result: Annotated[str, _text("JSON text of what the run gave, if that is not the text of its last answer")] = ""
    ended_at: Annotated[str, _text("RFC 3339: once done, stopped or failed")] = ""
    model: Annotated[str, _text("the model asked last")] = ""
    input_tokens: Annotated[int, _text("over all answers so far, once the vendor told")] = 0
    output_tokens: Annotated[int, _text("over all answers so far, once the vendor told")] = 0
    cost: Annotated[int, _text("over all answers so far, in millionths of the agent's currency")] = 0
    error_code: Annotated[str, _text("failed: the stable code")] = ""
    error_message: Annotated[str, _text("failed: for people")] = ""


class ShownFork(Struct, omit_defaults=True, kw_only=True):
    """Of which room this one is a fork."""

    of: Annotated[str, _text("the room that it began as a copy of")]
    at: Annotated[int, _text("up to which of that one's records")]
    going: Annotated[
        Literal["paused", "live", "recorded", "recorded-live"],
        _text("how the runs go on that it began with; paused: `resume` them"),
    ]
    writes: Annotated[bool, _text("whether tools may change the world outside from here")]
    change: Annotated[
        str, _text("what its next record has otherwise: `prompt`, `options`, `result`, `decision` or `answer`")
    ] = ""


class ShownPause(Struct, omit_defaults=True, kw_only=True):
    """That the room's runs wait for somebody to `resume` them."""

    author: Annotated[str, _text("who paused them")]
    at: Annotated[int, _text("the record at which a breakpoint stopped them, 0 if none did")]
    reason: Annotated[str, _text("for people; may be empty")]


class ShownRoom(Struct, omit_defaults=True, kw_only=True):
    """The root map `room`: what concerns the room itself."""

    title: Annotated[str, _text("its title, once somebody named it or an agent proposed one")] = ""
    named: Annotated[bool, _text("whether a person named it; then no agent proposes a title")] = False
    metadata: Annotated[dict[str, str], Meta(description="whatever its people keep there, a Y.Map")] = {}
    branch: Annotated[str, _text("the newest run of the branch that the conversation goes on from")] = ""
    agent: Annotated[str, _text("the agent that was prompted last: the one for a prompt that names none")] = ""
    input_tokens: Annotated[int, _text("over all runs that ended")] = 0
    output_tokens: Annotated[int, _text("over all runs that ended")] = 0
    cost: Annotated[int, _text("over all runs that ended, in millionths of the agents' currency")] = 0
    fork: Annotated[ShownFork | UnsetType, Meta(description="of a fork alone, a Y.Map")] = UNSET
    paused: Annotated[ShownPause | UnsetType, Meta(description="while its runs are paused, a Y.Map")] = UNSET
    shape: Annotated[int, _text("the version of this document's shape; 1 where nothing is said")] = 1


class ShownDraft(Struct, kw_only=True):
    """One draft: an entry of the root map `drafts`, under its name, which is that of the shared document that it is."""

    of: Annotated[str, _text("the shared document that it proposes changes of")]
    title: Annotated[str, _text("what it is for, in its author's words; may be empty")]
    author: Annotated[str, _text("who opened it, as the record names them")]
    run: Annotated[str, _text("the run in which an agent opened it, or empty")]
    status: DraftStatus
    opened_at: Annotated[str, _text("RFC 3339: when it was opened")]
    decided_by: Annotated[str, _text("who accepted or rejected it")] = ""
    decided_at: Annotated[str, _text("RFC 3339: when that was")] = ""


class RoomShape(Struct, kw_only=True):
    """The whole document."""

    room: ShownRoom
    drafts: Annotated[dict[str, ShownDraft], Meta(description="drafts that wait and the newest settled ones, by name")]
    runs: Annotated[
        dict[str, ShownRun], Meta(description="open runs and the newest finished ones, by run id; ids sort by creation")
    ]
