"""The shape of the room document, as types: what every tab, the HTTP API and the TypeScript types agree on.

These Structs are never stored. In the document each is a Y.Map, and keys that do not apply are absent; a text that is
marked as segments is a Y.Array of Y.Text, to be joined. specs/document.md, its JSON Schema and the types of the browser
client are generated from here.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

RunStatus = Literal["queued", "running", "waiting", "done", "stopped", "failed"]
DraftStatus = Literal["open", "accepted", "rejected"]
PartType = Literal["text", "reasoning", "tool", "retrieval", "source", "file", "data", "steer"]
ToolState = Literal[
    "streaming", "requested", "asking", "awaiting", "assigned", "running", "done", "failed", "unknown", "cancelled"
]

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


class ShownPart(Struct, omit_defaults=True, kw_only=True):
    """One part of an answer: text, reasoning, a tool's call, a search in the agent's knowledge, a source, a file, data
    of the host's own, or what somebody said to the run at work."""

    type: PartType
    step: Annotated[str, _text("the step that produced the part: a model's, or that of the call which shows it")]
    attempt: Annotated[int, _text("which try at the step, from 1; the parts of a superseded try are deleted")]
    part: Annotated[int, _text("which part of the attempt, from 0")]
    text: Annotated[str, _segments("text, reasoning and steer: what was said so far")] = ""
    id: Annotated[str, _text("tool and retrieval: the call's id, as the model gave it")] = ""
    name: Annotated[str, _text("tool and retrieval: the tool's name; file and data: theirs")] = ""
    state: ToolState = "streaming"
    input: Annotated[str, _segments("tool: the arguments' JSON text as it streams")] = ""
    args: Annotated[str, _text("tool: the arguments' JSON text, once complete")] = ""
    call: Annotated[str, _text("tool: the step that carries the call out, once it started")] = ""
    result: Annotated[str, _text("tool: the result's JSON text, once done")] = ""
    error: Annotated[str, _text("tool: why it failed, for people and for the model")] = ""
    blob: Annotated[str, _text("tool: the whole of a result too large for the log; file: SHA-256 of its bytes")] = ""
    progress: Annotated[str, _text("tool: how far it is, in its words")] = ""
    done: Annotated[float, _text("tool: how far it is, from 0 to 1, if it knows")] = 0
    agent: Annotated[str, _text("tool that is an agent: its name")] = ""
    child: Annotated[str, _text("tool that is an agent: its run, to be shown inside this part")] = ""
    url: Annotated[str, _text("source: where it is")] = ""
    title: Annotated[str, _text("source: its title")] = ""
    excerpt: Annotated[str, _text("source: what it says, if it was quoted")] = ""
    media_type: Annotated[str, _text("file: what it is")] = ""
    bytes: Annotated[int, _text("file: how long it is")] = 0
    value: Annotated[str, _text("data: JSON text for the host's own page to render, by `name`")] = ""
    tab: Annotated[str, _text("tool of a tab: the tab that it is assigned to")] = ""
    number: Annotated[int, _text("tool of a tab: the number under which it is assigned; only the newest counts")] = 0
    asks: Annotated[str, _text("tool that asks a person: approval (yes or no, perhaps other arguments) or input")] = ""
    reason: Annotated[str, _text("approval: why it is asked for")] = ""
    question: Annotated[str, _text("input: what is asked")] = ""
    schema: Annotated[str, _text("tool that asks: the JSON Schema text of the answer, or of the arguments")] = ""
    expires_at: Annotated[str, _text("RFC 3339: when nobody's answer becomes a no")] = ""
    decision: Annotated[str, _text("approved, denied, answered, expired, happened, did-not-happen or retry")] = ""
    decided_by: Annotated[str, _text("who decided, as the record names them")] = ""
    author: Annotated[str, _text("steer: who said it")] = ""
    seen: Annotated[bool, _text("steer: whether it is in a model request")] = False


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
