"""Editing: what a room makes of an edit of a shared document, by a tab, by an agent's call, or by a host's program.

A tab sends a finished update, which is read and then applied. Everybody else gives a function of the live document: it
runs in the pass, between two other edits, so it sees what people have typed up to then, and what it changes is one
record. Rules (specs/shared.md):

- What one tab types while the room is busy is applied in one transaction and is one record, as a step's tokens are:
  nobody was shown the edits apart. What deletes some of it begins the next one, or the log would not hold it.
- Lone structs of several tabs are applied in one transaction, which takes as long as one of them alone, and each is a
  record, of the bytes that came. If something else happens in it, nobody knows at which: the document is read again,
  all are asked for again, and from then on this epoch applies each by itself.
- The nth edit of a call happens once, over all attempts at the call: the next attempt is given its result again.
- What a model's attempt wrote while it streamed is deleted when the attempt is superseded, and nothing else is.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from pycrdt import Doc

from ...protocol import limits
from ...protocol.access import HOUSE, Right
from ...protocol.drafts import check_open
from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.events import DocumentEdited, DocumentSeeded
from ...protocol.mandates import check_run
from ...protocol.names import draft_begun
from ...protocol.porting import plant
from ...protocol.replay import Worker
from ...protocol.state import Run, Step
from ...protocol.update import Update, deletion
from .drafting import Drafting
from .identity import Surroundings
from .shared import Broken, Later, Taken, has_news

Transform = Callable[["Doc[Any]"], Any]
"""Changes a live document in one transaction and gives what JSON can say; raises Refused before it changes anything."""


class Place:
    """Where an edit comes from: the run, the call's step and attempt, and which of the call's edits it is, from 0.

    `call` is set for a model that writes while it streams: the call in whose arguments the text stands.
    """

    __slots__ = ("attempt", "call", "nth", "run", "step")

    def __init__(self, run: str, step: str, attempt: int, nth: int = 0, call: str = "") -> None:
        self.run = run
        self.step = step
        self.attempt = attempt
        self.nth = nth
        self.call = call


class _Typed:
    """Edits of one tab that wait to be applied together. `lone` if they are one lone struct so far."""

    __slots__ = ("_first", "author", "by", "document", "grant", "lone", "size", "taken", "updates")

    def __init__(self, by: object, author: str, document: str, taken: Taken, grant: str, *, lone: bool) -> None:
        self.lone = lone
        self.by = by
        self.author = author
        self.document = document
        self.taken = taken
        self.grant = grant
        self.updates: list[bytes] = []
        self.size = 0
        self._first: dict[int, int] = {}
        """The first clock of each client that they insert."""

    def add(self, edit: Update, update: bytes) -> None:
        """One more, of which `edit` is to be applied."""
        self.lone = self.lone and not self.updates
        self.updates.append(edit.data)
        self.size += len(edit.data)
        self.taken.edits.append(update)
        for section in edit.sections:
            if section.client not in self._first:
                self._first[section.client] = section.start

    def takes(self, edit: Update) -> bool:
        """Whether they still make one record with it. What one transaction both writes and deletes is in no update, so
        what deletes any of them begins another: the log says what was typed, also where it was erased at once."""
        if self.size + len(edit.data) > limits.JOINED_EDITS_BYTES:
            return False
        return not edit.deleted or all(stop <= self._first.get(client, stop) for client, _, stop in edit.deleted)


class Editing(Drafting):
    """One epoch of one room, as far as it edits shared documents."""

    def __init__(
        self, name: str, epoch: int, client: int, workers: Mapping[str, Worker], surroundings: Surroundings
    ) -> None:
        super().__init__(name, epoch, client, workers, surroundings)
        self._typed: list[_Typed] = []
        """Edits that wait, of one document; all but the last are lone."""
        self._apart: set[str] = set()
        """Documents whose lone structs are applied each by itself."""

    def edit(self, author: str, document: str, update: bytes, by: object, grant: str = "") -> Taken:
        """Take a tab's edit of a shared document; those that `by` makes there under one grant, one behind the other in
        one pass, are one record. What became of it is known when the pass is flushed. Raises Refused, Later."""
        typed = self._typed[-1] if self._typed else None
        if typed is not None and (typed.by is not by or (typed.document, typed.grant) != (document, grant)):
            if not typed.lone or typed.document != document:
                self._flush()
            typed = None
        if typed is None:
            self._check_whole(document)
            check_open(self.state, document)
            shared = self.shared_document(document)
        else:  # What was typed before it waits, so nothing has become of the document since.
            shared = self.shared[document]
        if self.quota is not None and self.state.size >= self.quota.room_bytes and shared.grows(update):
            self.check_growth()
        edit, foreign, lone = shared.judge(update, author, self.state.owners, self.name, self.state.kin)
        if typed is None or foreign or not typed.takes(edit):
            if typed is not None or not lone or document in self._apart:
                self._flush()
                self._check_whole(document)
            before, typed = typed, _Typed(by, author, document, Taken(foreign), grant, lone=lone)
            if before is not None:
                before.taken.then = typed.taken
            self._typed.append(typed)
        typed.add(edit, update)
        if foreign:
            self._flush()
            if not typed.taken.update and not typed.taken.broke:
                raise Refused("update-foreign")
        return typed.taken

    def _flush(self) -> None:
        typed, self._typed = self._typed, []
        together = [one for one in typed if one.lone]
        if len(together) > 1:
            self._settle_lone(together)
            typed = typed[len(together) :]
        for one in typed:
            self._settle_typed(one)
        super()._flush()

    def _settle_lone(self, typed: "list[_Typed]") -> None:
        document = typed[0].document
        shared = self.shared[document]
        before = b"" if document in self.changes else shared.doc.get_state()
        try:
            shared.apply_lone([one.updates[0] for one in typed])
        except Broken:
            for one in typed:
                one.taken.lost = True
            self._apart.add(document)
            self._broke(document, before)
            return
        self._change(document, before)
        for one in typed:
            update = one.taken.update = one.updates[0]
            self._draft(DocumentEdited(), one.author, document=document, update=update, grant=one.grant)

    def _settle_typed(self, typed: "_Typed") -> None:
        document = typed.document
        if document in self.broken:
            typed.taken.lost = True
            return
        shared = self.shared[document]
        before = b"" if document in self.changes else shared.doc.get_state()
        try:
            update = typed.taken.update = shared.apply(typed.updates)
        except Broken:
            typed.taken.broke = True
            self._broke(document, before)
            return
        if update:
            self._change(document, before)
            self._draft(DocumentEdited(), typed.author, document=document, update=update, grant=typed.grant)

    def has_news(self, document: str, update: bytes) -> bool:
        """Whether an edit holds a struct or a deletion that the document has not. Raises Refused."""
        return has_news(self.document(document), update)

    def write(
        self,
        author: str,
        document: str,
        change: Transform,
        place: Place | None = None,
        key: str = "",
        *,
        looks: bool = False,
    ) -> Any:
        """Edit a shared document from inside; what `change` gave. Raises Refused, Later, and what `change`
        raised: then the document is read again from the log before anybody may look at it.

        `key` is the record's id, for an edit that belongs to no call. Who only `looks` may look into a closed draft.
        """
        self._flush()
        self._check_whole(document)
        again = next((draft for draft in self.drafts if key and draft.id == key), None)
        if again is not None:
            if not isinstance(again.event, DocumentEdited):
                raise Refused("id-reused")
            return gave(again.event.result)
        step = self._at_work(place) if place is not None else None
        if step is not None and place is not None and not place.call and place.nth in step.edits:
            return gave(step.edits[place.nth])
        if not looks:
            check_open(self.state, document)
        shared = self.shared_document(document)
        before = shared.doc.get_state()
        try:
            # What it gave is written down inside: what JSON cannot say must break the document, not leave it unlogged.
            update, (value, result) = shared.write(lambda doc: _with_text(change(doc), looks))
        except Broken as broken:
            self._broke(document, before)
            raise broken.__cause__ or broken from broken
        if place is None or step is None:
            if update or key:
                self._change(document, before)
                self._draft(DocumentEdited(result=result), author, document=document, update=update, id=key or None)
            return value
        if update or not place.call:
            self._change(document, before)
            event = DocumentEdited(place.step, place.attempt, place.call, result, None if place.call else place.nth)
            ordinal = "" if place.call else f"{place.run}/{place.step}#edit.{place.nth}"
            self._draft(event, author, place.run, document=document, update=update, id=ordinal or None)
        return value

    def seed(self, author: str, document: str, event: DocumentSeeded, data: bytes, key: str, grant: str = "") -> int:
        """Let a document that nobody has written in begin with a file; the record's seq. Raises Refused, and what
        broke the document: then it is read again from the log before anybody may look at it."""
        self._flush()
        self._check_whole(document)
        if document in self.state.documents:
            raise Refused("already-seeded", f"Somebody has written in '{document}'.")
        check_open(self.state, document)
        shared = self.shared_document(document)
        before = shared.doc.get_state()
        try:
            if event.format == "update":
                update = shared.take_whole(data, author, self.state.owners, self.name, self.state.kin)
            else:
                update, _ = shared.write(lambda doc: plant(doc, event, data))
        except Broken as broken:
            self._broke(document, before)
            raise (broken.__cause__ or Refused("bad-update", str(broken))) from broken
        if update:
            self._change(document, before)
        self._draft(event, author, document=document, update=update, id=key, grant=grant)
        return self.state.seq

    def take_back(self, updates: Mapping[str, bytes]) -> dict[str, bytes]:
        """Write what an undo was prepared to do, in all documents or in none; the exact updates. Raises Refused, Later,
        OutcomeUnknown."""
        for name in updates:
            check_open(self.state, name)
            self._check_whole(name)
        before = {name: self.shared_document(name).doc.get_state() for name in updates}
        exact: dict[str, bytes] = {}
        for name, update in updates.items():
            try:
                exact[name], _ = self.shared_document(name).write(partial(_applied, update))
            except Broken as broken:
                for written in (*exact, name):
                    self._broke(written, before[written])
                raise (broken.__cause__ or OutcomeUnknown(str(broken))) from broken
        for name in updates:
            self._change(name, before[name])
        return exact

    def check_mandate(self, run: str, document: str, right: Right) -> None:
        """Raises Refused('not-allowed') unless the run's tools may read that document, or write it too."""
        known = self.state.runs.get(run)
        if known is None:
            raise Refused("no-such-step", "This call is over; nothing is read or written for it any more.")
        check_run(known, document, right)

    def _check_whole(self, document: str) -> None:
        """Raises Later while the document is to be read again from the log."""
        if document in self.broken:
            raise Later

    def _at_work(self, place: Place) -> Step:
        run = self.state.runs.get(place.run)
        step = run.steps.get(place.step) if run is not None else None
        if run is None or step is None or not run.open or run.stopping or not self._current(step, place.attempt):
            raise Refused("no-such-step", "This call is over; what it would write now is not written.")
        if place.nth >= limits.CALL_EDITS:
            raise Refused("too-many", f"One call may edit {limits.CALL_EDITS} times.")
        return step

    def _current(self, step: Step, attempt: int) -> bool:
        return step.status == "open" and step.attempt == attempt and step.epoch == self.epoch

    def _broke(self, document: str, before: bytes) -> None:
        """The document is to be read again; whoever falls behind in this pass has what was there `before`."""
        self._change(document, before)
        self.broken.add(document)

    def _withdraw(self, run: Run, step: Step) -> None:
        """The attempt is superseded: what it wrote while it streamed leaves the documents, and what people wrote
        amid it stays."""
        for call, written in list(step.written.items()):
            draft = self.state.drafts.get(written.document)
            if draft_begun(written.document) and (draft is None or draft.status != "open"):
                self._draft(DocumentEdited(step.id, step.attempt, call), HOUSE, run.id)
                continue
            update = deletion(written.ranges)

            shared = self.shared_document(written.document)
            before = shared.doc.get_state()
            exact = update
            if written.document not in self.broken:
                try:
                    exact, _ = shared.write(partial(_applied, update))
                    self._change(written.document, before)
                except Broken:  # It is read again from the log, with this deletion.
                    self._broke(written.document, before)
            self._draft(
                DocumentEdited(step.id, step.attempt, call), HOUSE, run.id, document=written.document, update=exact
            )


def _applied(update: bytes, doc: "Doc[Any]") -> None:
    doc.apply_update(update)


def gave(result: str) -> Any:
    """What an edit gave, read from its record."""
    return msgspec.json.decode(result) if result else None


def _with_text(value: Any, looks: bool) -> tuple[Any, str]:
    return value, "" if looks else _text(value)


def _text(value: Any) -> str:
    """What an edit gave, as the log keeps it: None is nothing."""
    text = b"" if value is None else msgspec.json.encode(value)
    if len(text) > limits.EDIT_RESULT_BYTES:
        raise ValueError(f"what an edit gives may have {limits.EDIT_RESULT_BYTES} bytes, and this has {len(text)}")
    return text.decode()
