"""Merging a fork back: what its people and agents wrote in shared documents, made in the parent as theirs.

    await fork.merge(preview=True)     # what would come back
    await fork.merge()

The fork's log is read from its beginning as a fork, and each edit since is made in the parent as it was made there. The
conversation is not merged: it happened in the fork and stays there. Rules stand in specs/forks.md.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import trio
from msgspec.structs import replace
from pycrdt import Doc

from ...protocol import limits
from ...protocol.access import ANONYMOUS, Grant, check_document, check_rights, check_room
from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.events import DocumentEdited, EditMerged, Forked, ForkMerged, Record, command_record_id
from ...protocol.forks import WantedBack, asked
from ...protocol.names import draft_begun
from ...protocol.porting import export
from ...protocol.update import decode_state_vector, read
from ...storage.errors import RoomDeleted
from ...storage.store import Reader, Store
from ..room.forking import Merged, MergedDocument, Merging, Piece, Stale, fork_id, merge_id, told
from ..room.identity import Surroundings
from ..room.merging import Looked
from ..room.opening import open_live
from .comparing import differences
from .moment import moment

__all__ = ["Merged", "merge", "merging", "parent_of", "previewed"]


async def parent_of(reader: Reader, fork: str) -> Forked:
    """Of which room that one is a fork. Raises Refused('bad-request') if it is none, Refused('no-such-room')."""
    try:
        record = await reader.find(fork, fork_id(fork))
    except RoomDeleted:
        raise Refused("no-such-room", f"Room {fork} was deleted.") from None
    if record is None or not isinstance(record.event, Forked):
        raise Refused("bad-request", f"Room {fork} is no fork.")
    return record.event


async def merging(
    reader: Reader,
    fork: str,
    grant: Grant,
    wanted: WantedBack,
    attempt: Callable[[Merging], Awaitable[Looked]],
) -> Merged:
    """Prepare a merge and `attempt` it, again if somebody else merged meanwhile; one that was asked for before under
    its id is what it was. Raises Refused, StoreError, OutcomeUnknown."""
    forked = await parent_of(reader, fork)
    documents, key = wanted.documents, merge_id(fork, wanted.id) if wanted.id and not wanted.preview else None
    check_rights(grant, frozenset({"read", "write"}))
    for room in (fork, forked.of):
        check_room(grant, room)
    for name in documents or ():
        check_document(grant, name)
        if draft_begun(name):
            raise Refused(
                "bad-request", f"{name} is a draft: accept it in the fork, or propose it anew in {forked.of}."
            )
    merged: dict[str, int] = {}
    for _ in range(limits.MERGE_TRIES):
        if key is not None and (known := await _asked_before(reader, fork, forked.of, wanted, key)) is not None:
            return known
        try:
            prepared = await prepare(reader, fork, forked, grant, documents, merged)
            prepared.key, prepared.asked = key, asked(wanted) if key else None
            return (await attempt(prepared))[0]
        except Stale as stale:
            merged = dict(stale.merged)
    raise OutcomeUnknown("it is being merged by others")


async def _asked_before(reader: Reader, fork: str, parent: str, wanted: WantedBack, key: str) -> Merged | None:
    """What came of it when it was asked for before. Raises Refused('id-reused') if that was something else."""
    if await reader.find(fork, command_record_id(wanted.id)) is not None:
        raise Refused("id-reused")
    known = await reader.find(parent, key)
    if known is None:
        return None
    if known.asked != asked(wanted):
        raise Refused("id-reused")
    assert isinstance(known.event, ForkMerged)
    said, authors = known.event, {name: set[str]() for name in known.event.documents}
    after, behind = known.seq, True
    while behind and (page := await reader.read(parent, after, limits.PAGE_RECORDS)):
        for record in page:
            behind = behind and isinstance(record.event, EditMerged)
            if behind:
                authors[record.document].add(record.author)
        after = page[-1].seq
    told = zip(said.documents, said.edits, strict=True)
    documents = {name: MergedDocument(edits, sorted(authors[name])) for name, edits in told}
    return Merged(parent, fork, said.until, known.seq, documents)


async def prepare(
    reader: Reader, fork: str, forked: Forked, grant: Grant, documents: Sequence[str] | None, merged: dict[str, int]
) -> Merging:
    """What there is to be taken from a fork that was merged so far before. Raises Refused, StoreError."""
    head = await reader.head(fork)
    began = await moment(reader, fork, forked.at)
    clocks = {name: decode_state_vector(began.document(name).get_state()) for name in began.documents}
    found = Merging(fork, head.lineage, head.seq, (fork,), merged, [], {})
    gathered: dict[str, _Gathering] = {}
    after = forked.at
    while after < head.seq and (page := await reader.read(fork, after, limits.PAGE_RECORDS)):
        for record in page:
            if isinstance(record.event, ForkMerged):
                found.kin = tuple(dict.fromkeys((*found.kin, *record.event.kin)))
            name = record.document
            if not name or not record.update or draft_begun(name) or not grant.sees(name):
                continue
            if documents is not None and name not in documents:
                continue
            known = clocks.setdefault(name, {})
            if record.seq <= merged.get(name, 0):
                for client, _, end in read(record.update, own=True).inserted:
                    known[client] = max(end, known.get(client, 0))
            else:
                gathered.setdefault(name, _Gathering(name, known)).take(record)
        after = page[-1].seq
        await trio.lowlevel.checkpoint()
    found.pieces = sorted((piece for one in gathered.values() for piece in one.pieces), key=lambda piece: piece.first)
    found.clocks = {name: one.began for name, one in gathered.items()}
    if len(found.pieces) > limits.MERGE_EDITS:
        raise Refused("too-large", f"One merge takes {limits.MERGE_EDITS} edits; name some of the documents.")
    return found


class _Gathering:
    """The edits of one document, in pieces: what one author made in one step, one edit behind the other, is one, until
    something of it is deleted; or the parent's log would never hold what was written and erased again."""

    def __init__(self, document: str, known: dict[int, int]) -> None:
        self.pieces: list[Piece] = []
        self.began: dict[int, int] = {}
        self._document = document
        self._known = known
        self._size = 0
        self._first: dict[int, int] = {}

    def take(self, record: Record) -> None:
        """The next edit."""
        edit = read(record.update, own=True)
        step = record.event.step if isinstance(record.event, DocumentEdited) else ""
        last = self.pieces[-1] if self.pieces else None
        deletes = any(stop > self._first.get(client, stop) for client, _, stop in edit.deleted)
        full = self._size + len(record.update) > limits.JOINED_EDITS_BYTES
        if last is None or (last.author, last.run, last.step) != (record.author, record.run, step) or deletes or full:
            last = Piece(self._document, record.author, record.seq, record.seq, [], record.run, step)
            self.pieces.append(last)
            self._size, self._first = 0, {}
        last.updates.append(record.update)
        last.last = record.seq
        self._size += len(record.update)
        for client, start, _ in edit.inserted:
            self._first.setdefault(client, start)
            self.began.setdefault(client, self._known.get(client, 0))


def previewed(found: Looked, prepared: Merging) -> Merged:
    """What would be otherwise in each document, as it is now."""
    merged, documents = found
    shown = dict(merged.documents)
    for name, update in documents.items():
        doc: Doc[Any] = Doc()
        doc.apply_update(update)
        before = _content(doc)
        for piece in prepared.pieces:
            if piece.document == name:
                for edit in piece.updates:
                    doc.apply_update(edit)
        places = [
            place for place, _ in zip(differences(before, _content(doc)), range(limits.MERGE_CHANGES), strict=False)
        ]
        shown[name] = replace(shown[name], changes=places)
    return replace(merged, documents=shown)


def _content(doc: "Doc[Any]") -> Any:
    return msgspec.json.decode(export(doc.get_update(), "json"))


async def merge(
    store: Store,
    fork: str,
    *,
    documents: Sequence[str] | None = None,
    preview: bool = False,
    id: str = "",  # noqa: A002
    grant: Grant = ANONYMOUS,
    surroundings: Surroundings | None = None,
) -> Merged:
    """Merge a fork into its parent where no room of this store is awake: from a script, or by `plait merge`. Raises
    Refused, StoreError, OutcomeUnknown."""

    async def attempt(prepared: Merging) -> Looked:
        live = await open_live((await parent_of(store, fork)).of, store, {}, surroundings or Surroundings())
        try:
            if preview:
                live.check_merge(prepared)
                now = {name: live.document(name).get_update() for name in prepared.documents}
                whole = Merged(live.name, fork, prepared.until, 0, told(prepared))
                return previewed((whole, now), prepared), {}
            merged = live.merge(grant, prepared)
            if merged.seq:
                live.close_epoch()
                append = live.append()
                assert append is not None
                await store.append(append)
            return merged, {}
        finally:
            live.release()

    named = None if documents is None else list(documents)
    return await merging(store, fork, grant, WantedBack(named, preview, id), attempt)
