"""Drafts: who may open one, accept it or reject it, what is known of it then, and what others are told of it.

A draft is a shared document that begins as another one and waits: whoever may write works on it, with the editor that
they have anyway. Its whole life is records: opened, edited, accepted or rejected hunk by hunk, closed. Decisions are by
log order, like all others (law 3).
"""

from collections.abc import Collection
from typing import Any, cast

from msgspec import Struct, to_builtins
from pycrdt import Map

from . import limits
from .access import Grant, check
from .codec import rfc3339
from .commands import Accept, Propose, Reject
from .comparison import Comparison
from .errors import Refused
from .events import DraftAccepted, DraftFact, DraftOpened, DraftRejected, HunksAccepted, HunksRejected, Record
from .names import document_name, draft_name
from .patches import DraftHunk, Patch
from .state import Draft, RoomState


def open_draft(state: RoomState, grant: Grant, command: Propose) -> DraftOpened:
    """The draft that the command opens. Raises Refused."""
    check(grant, command)
    if sum(draft.status == "open" for draft in state.drafts.values()) >= limits.DRAFTS_OPEN:
        raise Refused("room-full", f"{limits.DRAFTS_OPEN} drafts wait in this room; accept or reject one.")
    of = document_name(command.document)
    return DraftOpened(draft_name(of, state.seq + 1), of, command.title)


def draft_to_settle(state: RoomState, grant: Grant, command: Accept | Reject) -> Draft:
    """The draft that the command is about, if it may be decided. Raises Refused."""
    check(grant, command)
    draft = state.drafts.get(command.draft)
    if draft is None:
        raise Refused("no-such-draft")
    if draft.status != "open":
        raise Refused("already-decided", f"The draft {command.draft} was {draft.status} before.")
    return draft


def chosen(comparison: Comparison, command: Accept | Reject) -> list[Patch]:
    """The hunks that the command means, in the order of the document. Raises Refused."""
    patches = comparison.patches()
    if command.hunks is not None:
        wanted = set(command.hunks)
        patches = [patch for patch in patches if patch.id in wanted]
        if len(patches) != len(wanted):
            raise Refused("already-decided", "Somebody decided about one of these hunks before, or it is gone.")
    if command.seen is not None and any(patch.seq > command.seen for patch in patches):
        raise Refused("draft-changed")
    return patches


def check_open(state: RoomState, document: str) -> None:
    """Raises Refused if the document is a draft that was settled."""
    draft = state.drafts.get(document)
    if draft is not None and draft.status != "open":
        raise Refused("already-decided", f"This draft was {draft.status}; it takes no edits any more.")


def fold_draft(state: RoomState, record: Record, event: DraftFact) -> None:
    """Take in what happened to a draft. Of the settled ones the oldest leave the room's memory, and stay in the log."""
    if isinstance(event, DraftOpened):
        state.drafts[event.draft] = Draft(event.of, event.title, record.author, record.run)
        return
    draft = state.drafts.get(event.draft)
    if draft is not None:
        draft.status = "accepted" if isinstance(event, DraftAccepted) else "rejected"
    for name in oldest_settled({name: draft.status for name, draft in state.drafts.items()}):
        del state.drafts[name]
        if name in state.documents:
            state.documents.remove(name)


def oldest_settled(drafts: dict[str, str]) -> Collection[str]:
    """Of drafts and their status, the settled ones that are too many."""
    settled = sorted((name for name, status in drafts.items() if status != "open"), key=lambda name: name[-12:])
    return settled[: max(0, len(settled) - limits.DRAFTS_SETTLED)]


def show_draft(drafts: "Map[Any]", run: str, author: str, time: int, event: DraftFact) -> None:
    """Write into the room document what tabs see of it."""
    if isinstance(event, DraftOpened):
        shown = {"of": event.of, "title": event.title, "author": author, "run": run, "status": "open"}
        drafts[event.draft] = Map({**shown, "opened_at": rfc3339(time)})
        return
    if event.draft in drafts:
        shown = cast("Map[Any]", drafts[event.draft])
        shown["status"] = "accepted" if isinstance(event, DraftAccepted) else "rejected"
        shown["decided_by"], shown["decided_at"] = author, rfc3339(time)
    for name in oldest_settled({name: str(drafts[name]["status"]) for name in drafts.keys()}):  # noqa: SIM118
        del drafts[name]


class Decision(Struct, kw_only=True, frozen=True):
    """What somebody decided about a draft in one record: about how many `hunks`, of which `kept` found their place in
    the document changed and stay undone. With `whole` it closed the draft."""

    verdict: str
    author: str
    seq: int
    time: str
    hunks: int = 0
    kept: int = 0
    whole: bool = False


class ShownHunks(Struct, kw_only=True):
    """A draft as a program or a page shows it: what it is, its hunks, of which `more` are not told, and what was
    decided about it, oldest first, at most the newest `DRAFT_HUNKS`."""

    draft: str
    of: str
    title: str = ""
    author: str
    run: str = ""
    status: str = "open"
    seq: int
    """The newest record that was looked at: `seen` of a decision."""
    hunks: list[DraftHunk]
    more: int = 0
    decisions: list[Decision] = []

    def builtins(self) -> dict[str, Any]:
        """As JSON can say it."""
        return to_builtins(self)


class Looking:
    """Reads a draft's records, from the one that opened it on, for somebody who wants to see it."""

    def __init__(self, name: str) -> None:
        self.comparison = Comparison(name)
        self._draft: Draft | None = None
        self._decisions: list[Decision] = []

    def take(self, record: Record) -> None:
        """The room's next record."""
        event = record.event
        name = self.comparison.name
        if isinstance(event, DraftOpened) and event.draft == name:
            self._draft = Draft(event.of, event.title, record.author, record.run)
        elif isinstance(event, DraftAccepted | DraftRejected) and event.draft == name and self._draft is not None:
            self._draft.status = "accepted" if isinstance(event, DraftAccepted) else "rejected"
        decision = decided(name, record)
        if decision is not None:
            self._decisions.append(decision)
        self.comparison.take(record)

    def shown(self) -> ShownHunks:
        """The draft as it is. Raises Refused('no-such-draft')."""
        draft = self._draft
        if draft is None:
            raise Refused("no-such-draft")
        hunks = self.comparison.hunks()
        return ShownHunks(
            draft=self.comparison.name,
            of=draft.of,
            title=draft.title,
            author=draft.author,
            run=draft.run,
            status=draft.status,
            seq=self.comparison.head,
            hunks=hunks[: limits.DRAFT_HUNKS],
            more=max(0, len(hunks) - limits.DRAFT_HUNKS),
            decisions=self._decisions[-limits.DRAFT_HUNKS :],
        )


def decided(name: str, record: Record) -> Decision | None:
    """What the record decides about the draft of that name, None if nothing."""
    verdict, hunks, kept, whole = "", 0, 0, False
    match record.event:
        case HunksAccepted(draft=draft) as event if draft == name:
            verdict, hunks, kept = "accepted", len(event.hunks), len(event.kept)
        case HunksRejected() as event if record.document == name:
            verdict, hunks = "rejected", len(event.hunks)
        case DraftAccepted(draft=draft) if draft == name:
            verdict, whole = "accepted", True
        case DraftRejected(draft=draft) if draft == name:
            verdict, whole = "rejected", True
        case _:
            return None
    return Decision(
        verdict=verdict,
        author=record.author,
        seq=record.seq,
        time=rfc3339(record.time),
        hunks=hunks,
        kept=kept,
        whole=whole,
    )
