"""Commands: what may be asked of a room, each under an id that the asker mints.

The id makes asking again safe (law 5), so it is the first thing that every command has. Rules (specs/control.md):

- A command is one JSON object; `do` names it. A field that the command does not have is refused rather than ignored,
  because a misspelt optional field (`agnet`) would otherwise mean something else than its author thinks.
- Two commands are the same command if and only if their digests are equal. A field at its default is left out of the
  digest, so a field that a later version adds does not make yesterday's commands look different.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from .events import Going, kebab
from .limits import (
    ATTACHMENTS,
    COMMAND_ID_CHARS,
    CONTEXT_BYTES,
    CONTEXT_FACTS,
    DECISION_REASON_CHARS,
    DOCUMENT_NAME_CHARS,
    DRAFT_HUNKS,
    FILE_NAME_CHARS,
    GRANT_BYTES,
    MERGE_DOCUMENTS,
    METADATA_CHARS,
    METADATA_KEYS,
    NAME_CHARS,
    PROMPT_BYTES,
    RETRIES,
    ROOM_NAME_CHARS,
    STEP_ID_CHARS,
    SUBJECT_CHARS,
    TAB_TOOLS,
    TITLE_CHARS,
    TOOL_TEXT_CHARS,
    UNDO_RECORDS,
)
from .names import DEFAULT_DOCUMENT
from .options import END, Options
from .positions import RelativePosition

CommandId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=COMMAND_ID_CHARS,
        pattern=r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f\u2028\u2029])",
        description="Minted by the asker, unique in the room; no control characters.",
    ),
]
Name = Annotated[str, Meta(max_length=NAME_CHARS)]
StepId = Annotated[str, Meta(min_length=1, max_length=STEP_ID_CHARS)]
Seq = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]


class _Ask(
    Struct, frozen=True, tag_field="do", tag=kebab, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    id: CommandId


Key = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS)]
Facts = Annotated[dict[Key, str], Meta(max_length=CONTEXT_FACTS, description=f"At most {CONTEXT_BYTES} bytes in all.")]
PromptText = Annotated[str, Meta(min_length=1, description=f"At most {PROMPT_BYTES} bytes of UTF-8.")]


class Overrides(Options, frozen=True, kw_only=True):
    """What a prompt wants otherwise than its agent is set, as far as that agent allows it."""

    model: Name = ""
    retries: Annotated[int, Meta(ge=0, le=RETRIES)] | None = None


class AttachedFile(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file that was put under `/api/blobs` before. What it is and how long, the store knows better than the asker."""

    blob: Annotated[str, Meta(pattern=rf"^[0-9a-f]{{64}}{END}")]
    name: Annotated[str, Meta(max_length=FILE_NAME_CHARS)] = ""
    media_type: Name = ""
    bytes: Annotated[int, Meta(ge=0)] = 0


class _Asking(_Ask, frozen=True, kw_only=True):
    """What everything that begins a run may say: for whom it is, what else the agent should know, and how to answer."""

    agent: Name = ""
    context: Facts = {}
    attachments: Annotated[list[AttachedFile], Meta(max_length=ATTACHMENTS)] = []
    options: Overrides = Overrides()


class Prompt(_Asking, frozen=True, kw_only=True):
    """Ask an agent something; a run begins. An empty `agent` is the one that was asked last in the room.

    The conversation goes on from run `after`: where it stands if null, from its very beginning if empty.
    """

    text: PromptText
    after: Name | None = None


class Regenerate(_Asking, frozen=True, kw_only=True):
    """Answer a prompt again: a run beside `run`, in a branch of its own that is chosen from then on."""

    run: Name


class EditPrompt(_Asking, frozen=True, kw_only=True):
    """Ask what `run` was asked in other words: a run beside it, in a branch of its own that is chosen from then on."""

    run: Name
    text: PromptText


MetadataKey = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_.-]{{1,64}}{END}")]
MetadataValue = Annotated[str, Meta(max_length=METADATA_CHARS)]


class SetRoom(_Ask, frozen=True, kw_only=True):
    """Name the room, describe it, or choose the branch that the conversation goes on from; a metadata value of null
    takes its key away."""

    title: Annotated[str, Meta(max_length=TITLE_CHARS)] | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue | None], Meta(max_length=METADATA_KEYS)] = {}
    branch: Name = ""


class ProvideContext(_Ask, frozen=True, kw_only=True):
    """Tell agents what they should know, by key; the last one of a key counts, and null takes it away. With `tab` the
    facts are that tab's and go when it goes; it is the tab's own name for itself, as in `register-tools`."""

    facts: Annotated[dict[Key, str | None], Meta(min_length=1, max_length=CONTEXT_FACTS)]
    tab: Name = ""


class Stop(_Ask, frozen=True, kw_only=True):
    """End a run; without `run`, every open run of the room."""

    run: Name = ""


class Follow(_Ask, frozen=True, kw_only=True):
    """Send the room's records after that seq as JSON, and then the new ones as they come."""

    after: Seq = 0


class Ping(_Ask, frozen=True, kw_only=True):
    """Answer at once."""


class RenewGrant(_Ask, frozen=True, kw_only=True):
    """Go on with this grant, a token, in place of the one that the socket was opened with; of the same subject."""

    grant: Annotated[str, Meta(min_length=1, max_length=GRANT_BYTES)]

    def __repr__(self) -> str:
        return f"RenewGrant(id={self.id!r})"  # Without the token, which must be in no log and in no traceback.


class Blame(_Ask, frozen=True, kw_only=True):
    """Say which records wrote a shared document, and who made those.

    Of one `root` or of all; with `at`, only of `length` UTF-16 units from there; with what was `deleted` too; as of
    record `seq` instead of the newest. With `place`, a Yjs relative position, only of what is there, under its `key`,
    or from there to before `until`. `after` so many spans, where an answer ended before.
    """

    document: Annotated[str, Meta(max_length=DOCUMENT_NAME_CHARS)] = DEFAULT_DOCUMENT
    root: Annotated[str, Meta(max_length=DOCUMENT_NAME_CHARS)] = ""
    at: Seq | None = None
    length: Annotated[int, Meta(ge=1, le=(1 << 53) - 1)] = 1
    place: RelativePosition | None = None
    until: RelativePosition | None = None
    key: Annotated[str, Meta(max_length=DOCUMENT_NAME_CHARS)] | None = None
    deleted: bool = False
    seq: Seq = 0
    after: Seq = 0


class Steer(_Ask, frozen=True, kw_only=True):
    """Say something to a run at work; without `run`, to the one that is. The next model request holds it."""

    text: PromptText
    run: Name = ""


class Pause(_Ask, frozen=True, kw_only=True):
    """Let the room's runs take no further step until somebody resumes them. `at` is the record that was the reason for
    that, if one was."""

    at: Seq = 0
    reason: Annotated[str, Meta(max_length=DECISION_REASON_CHARS)] = ""


class Resume(_Ask, frozen=True, kw_only=True):
    """Let the runs go on that were paused, or that a paused fork began with: by asking models and calling tools, or, in
    a fork, by what the log of its parent has as long as the same is asked, and then paused again, or live."""

    going: Literal["live", "recorded", "recorded-live"] = "live"


class Change(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a fork has otherwise in the chosen record. Of a prompt: `prompt` (its words) and `options`. Of a tool's
    outcome: `result` (any JSON) or `error` (what the model is told instead). Of an approval: `decision`, with other
    `args` or a `reason`; of a question: its `answer` (any JSON)."""

    prompt: str | UnsetType = UNSET
    options: Overrides | UnsetType = UNSET
    result: Any | UnsetType = UNSET
    error: str | UnsetType = UNSET
    decision: Literal["approved", "denied"] | UnsetType = UNSET
    args: dict[str, Any] | None = None
    reason: str = ""
    answer: Any | UnsetType = UNSET


RoomName = Annotated[str, Meta(max_length=ROOM_NAME_CHARS)]


class Fork(_Ask, frozen=True, kw_only=True, rename={"name": "as"}):
    """Make a new room, called `as`, that begins as this one was after record `at`; with a `change`, after the record
    before, and record `at` is then another one there. The answer names it."""

    at: Seq
    name: RoomName = ""
    change: Change | None = None
    writes: bool = False
    going: Going | None = None


Shown = Annotated[str, Meta(pattern=rf"^([0-9a-f]{{64}})?{END}", description="As the room document has it: `digest`.")]


class Approve(_Ask, frozen=True, kw_only=True):
    """Say yes to a call that asks for approval, once; `args` takes the place of the model's arguments. `shown` is the
    digest of the call as the asker was shown it; under a grant it must be there."""

    run: Name
    step: StepId
    args: dict[str, Any] | None = None
    shown: Shown = ""


class Deny(_Ask, frozen=True, kw_only=True):
    """Say no to a call that asks for approval; the model is told the reason."""

    run: Name
    step: StepId
    reason: Annotated[str, Meta(max_length=DECISION_REASON_CHARS)] = ""
    shown: Shown = ""


class Answer(_Ask, frozen=True, kw_only=True):
    """Answer what an agent asks; `answer` is any JSON that its form allows."""

    run: Name
    step: StepId
    answer: Any


class Resolve(_Ask, frozen=True, kw_only=True):
    """Say what became of a call whose outcome nobody knows; `result` is any JSON, for one that happened."""

    run: Name
    step: StepId
    verdict: Literal["happened", "did-not-happen", "retry"]
    result: Any = None


class ToolOffer(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A tool that a tab carries out; a `lasting` one is offered also while no tab is here, and its call then waits."""

    name: Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{1,64}}{END}")]
    description: Annotated[str, Meta(max_length=TOOL_TEXT_CHARS)] = ""
    parameters: dict[str, Any] = {}
    effect: Literal["read", "idempotent", "write"] = "write"
    lasting: bool = False


class RegisterTools(_Ask, frozen=True, kw_only=True):
    """Say which tools this tab has, instead of those that it had. `tab` is its own name for itself, the same after a
    reload; `running` are the steps that it still carries out, so a page that was reloaded leaves it empty."""

    tab: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS)]
    tools: Annotated[list[ToolOffer], Meta(max_length=TAB_TOOLS)]
    running: Annotated[list[StepId], Meta(max_length=TAB_TOOLS)] = []


class ClaimTool(_Ask, frozen=True, kw_only=True):
    """Begin to carry out a call that is assigned to this tab: only after the answer may the tool run."""

    run: Name
    step: StepId
    number: Seq


class ReturnToolResult(_Ask, frozen=True, kw_only=True):
    """What a claimed call gave: `result` is any JSON, or `error` is what the model is told instead."""

    run: Name
    step: StepId
    number: Seq
    result: Any = None
    error: Annotated[str, Meta(max_length=TOOL_TEXT_CHARS)] = ""


class Undo(_Ask, frozen=True, kw_only=True):
    """Undo edits of shared documents, after later ones by others too: those of `run` and of the agents that it called,
    those of `author` in the records after `after`, or those of these `records`. With `preview` nothing is undone, and
    the answer says what would be. `document` limits it to one."""

    run: Name = ""
    author: Annotated[str, Meta(max_length=SUBJECT_CHARS)] = ""
    after: Seq = 0
    records: Annotated[list[Seq], Meta(max_length=UNDO_RECORDS)] = []
    document: Annotated[str, Meta(max_length=DOCUMENT_NAME_CHARS)] = ""
    preview: bool = False


DocumentName = Annotated[str, Meta(min_length=1, max_length=DOCUMENT_NAME_CHARS)]
HunkId = Annotated[str, Meta(pattern=rf"^[0-9]{{1,16}}:[0-9]{{1,10}}{END}")]


class Merge(_Ask, frozen=True, kw_only=True):
    """Take what was written in this fork's `documents`, in all of them if null, into the room that it was forked from;
    with `preview` only say what that would be."""

    documents: Annotated[list[DocumentName], Meta(max_length=MERGE_DOCUMENTS)] | None = None
    preview: bool = False


class Propose(_Ask, frozen=True, kw_only=True):
    """Open a draft: a shared document that begins as `document` is now. The answer names it."""

    document: DocumentName
    title: Annotated[str, Meta(max_length=TITLE_CHARS)] = ""


class _Settling(_Ask, frozen=True, kw_only=True):
    """`hunks` of the draft; all that is left of it if null, and then it is closed. With `seen` the asker says which
    record was the newest that they have looked at; what was changed after it is not decided."""

    draft: DocumentName
    hunks: Annotated[list[HunkId], Meta(min_length=1, max_length=DRAFT_HUNKS)] | None = None
    seen: Seq | None = None


class Accept(_Settling, frozen=True, kw_only=True):
    """Make the document like its draft, in these hunks or in all."""


class Reject(_Settling, frozen=True, kw_only=True):
    """Make the draft like its document, in these hunks; or leave both as they are, and close the draft."""


OfTab = RegisterTools | ClaimTool | ReturnToolResult
"""What only a tab can ask: its socket says which tab it is."""
Decision = Approve | Deny | Answer | Resolve
Asking = Prompt | Regenerate | EditPrompt
"""What begins a run."""
Judged = Asking | Stop | Steer | Pause | Resume | Decision | OfTab | SetRoom | ProvideContext
"""What is judged by the fold alone."""
Proposal = Propose | Accept | Reject
"""What is asked about drafts."""
Asked = Judged | Undo | Proposal
"""What a room is asked; the rest is the connection's."""
Forking = Fork | Merge
"""What is asked of a room and done by the store and by another room."""
Command = Asked | Forking | Follow | Blame | RenewGrant | Ping


def asking(
    context: Mapping[str, str], attachments: Sequence[AttachedFile], options: Overrides | None
) -> dict[str, Any]:
    """The fields of a prompt that were given; those at their default stay out of its digest."""
    fields = {"context": dict(context), "attachments": list(attachments), "options": options}
    return {name: value for name, value in fields.items() if value}
