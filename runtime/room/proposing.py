"""Proposing: what a room makes of a draft: opened as a copy, accepted or rejected by hunks, closed.

What is to be decided is planned beside the pass, which goes on (`protocol/planning`), and brought up to date in it: the
decision is about the draft as it is when its turn comes, and the first one in log order counts. Where people write the
draft faster than it can be planned, the last plan is made in the pass. A long document is copied beside the pass in the
same way, and the copy is brought up to date in it. The rules stand in specs/drafts.md.
"""

from functools import partial
from typing import Any

import trio

from ...protocol import limits
from ...protocol.access import Grant
from ...protocol.commands import Accept, Propose, Reject
from ...protocol.drafts import Looking, ShownHunks, draft_to_settle, open_draft
from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.events import (
    DocumentCopied,
    DocumentFact,
    DraftAccepted,
    DraftRejected,
    HunksAccepted,
    HunksRejected,
    Record,
    command_record_id,
)
from ...protocol.frames import EMPTY_STATE_VECTOR, EMPTY_UPDATE
from ...protocol.names import draft_begun
from ...protocol.planning import Plan
from ...storage.store import Store
from .aside import AT_ONCE_BYTES, aside
from .editing import Editing
from .shared import Broken, Later, SharedDocument

PLANS = 3
"""How often a decision is planned beside the pass, before it is planned in it."""


class Proposing(Editing):
    """One epoch of one room, as far as it is about drafts."""

    def propose(
        self, grant: Grant, command: Propose, copied: SharedDocument | None, run: str, asked: bytes
    ) -> dict[str, Any]:
        """Open a draft; its name is what the asker is told. `copied` holds what the base held a moment ago, if a copy
        was made beside the pass. Raises Refused, Later, OutcomeUnknown."""
        event = open_draft(self.state, grant, command)
        self._check_whole(event.of)
        base = self.shared_document(event.of).doc
        if len(self.shared) >= limits.DOCUMENTS_PER_ROOM:
            raise Refused("room-full", f"A room may have {limits.DOCUMENTS_PER_ROOM} documents.")
        copy = copied or self.new_shared(event.draft)
        copy.loaded()
        try:
            self._written(copy, base.get_update(copy.doc.get_state()))  # First, so that no draft is opened without.
            whole = copy.doc.get_update()
            if len(whole) > limits.DOCUMENT_BYTES:  # As deletions can make it; the copy would be a document too large.
                raise Refused("too-large", f"A shared document may have {limits.DOCUMENT_BYTES} bytes.")
        except (Refused, OutcomeUnknown):
            copy.release()
            raise
        self._draft(event, grant.author, run, id=command_record_id(command.id), asked=asked)
        self.shared[event.draft] = copy
        self._change(event.draft, EMPTY_STATE_VECTOR)
        fact, key = DocumentCopied(event.of), command_record_id(command.id, 1)
        self._draft(fact, grant.author, run, document=event.draft, update=whole, id=key)
        return {"draft": event.draft}

    def settle(
        self, grant: Grant, command: Accept | Reject, plan: Plan | None, run: str, asked: bytes
    ) -> dict[str, Any]:
        """Decide about hunks of a draft, or about all of it; what the asker is told. Raises Refused, OutcomeUnknown;
        Later if what was planned may not be what would be planned now."""
        draft = draft_to_settle(self.state, grant, command)
        self._check_whole(draft.of if isinstance(command, Accept) else command.draft)
        if plan is None:
            raise Later
        for record in self.drafts:  # What this pass did before is not in the log yet.
            plan.take(record)
        if plan.stale and plan.tries < PLANS:
            raise Later
        if plan.stale:
            plan.make()
        hunks, done = plan.settled()
        key, told = command_record_id(command.id), {}
        if isinstance(command, Accept):
            update, moved = done.written(self.client, self.shared_document(draft.of).clocks.get(self.client, 0))
            accepted = HunksAccepted(command.draft, hunks, done.kept, moved, done.gone)
            self._apply(draft.of, update, accepted, grant.author, run, key, asked)
            told = {"hunks": list(hunks), "kept": list(done.kept)}
        elif command.hunks is not None:
            shared = self.shared_document(command.draft)
            client = shared.doc.client_id
            update, moved = done.written(client, shared.clocks.get(client, 0))
            self._apply(command.draft, update, HunksRejected(hunks, moved), grant.author, run, key, asked)
            told = {"hunks": list(hunks)}
        if command.hunks is None:
            closed = DraftAccepted(command.draft) if isinstance(command, Accept) else DraftRejected(command.draft)
            first = isinstance(command, Reject)
            key = command_record_id(command.id, 0 if first else 1)
            self._draft(closed, grant.author, run, id=key, asked=asked if first else None)
            self.forget_settled()
        return told

    def _apply(
        self,
        document: str,
        update: bytes,
        event: DocumentFact,
        author: str,
        run: str,
        key: str,
        asked: bytes | None = None,
    ) -> None:
        """One record: the fact, and what the update changes in the document."""
        shared = self.shared_document(document)
        before = shared.doc.get_state()
        try:
            exact = self._written(shared, update)
        except (Refused, OutcomeUnknown):
            self._broke(document, before)
            raise
        self._change(document, before)
        self._draft(event, author, run, document=document, update=exact, id=key, asked=asked)

    @staticmethod
    def _written(shared: SharedDocument, update: bytes) -> bytes:
        """What exactly the update changed in the document, which cannot be trusted any more if this raises."""
        try:
            exact, _ = shared.write(lambda doc: doc.apply_update(update) if update != EMPTY_UPDATE else None)
        except Broken as broken:
            if isinstance(broken.__cause__, Refused):  # It has grown beyond its limit.
                raise broken.__cause__ from broken
            raise OutcomeUnknown(str(broken)) from broken
        return exact

    def forget_settled(self) -> None:
        """Drafts that the fold has let go leave memory."""
        held = self.state.documents
        for name in [name for name in self.shared if draft_begun(name) and name not in self.state.drafts]:
            if name not in held and name not in self.changes:
                self.shared.pop(name).release()


async def catch_up(room: str, store: Store, plan: Plan) -> None:
    """Take in what the log has by now. Raises StoreError."""
    while page := await store.read(room, plan.head):
        for record in page:
            if record.document in (plan.draft, plan.of) and len(record.update) > AT_ONCE_BYTES:
                await aside(partial(plan.take, record), len(record.update))
            else:
                plan.take(record)
        await trio.lowlevel.checkpoint()


async def look(room: str, store: Store, name: str) -> ShownHunks:
    """A draft as people are shown it. Raises Refused('no-such-draft'), StoreError."""
    looking = Looking(name)
    begun = draft_begun(name)
    looking.comparison.head = max(0, begun - 1)
    size = 0
    page: list[Record] = await store.read(room, begun - 1) if begun else []
    while page:
        for record in page:
            if record.document == name:
                size += len(record.update)
                await aside(partial(looking.take, record), len(record.update))
            else:
                looking.take(record)
        page = await store.read(room, looking.comparison.head)
    return await aside(looking.shown, size)
