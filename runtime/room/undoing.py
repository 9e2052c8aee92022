"""Undoing: time travel in a scratch document, by which one run's or one person's edits are taken back alone.

Live documents collect what was deleted, so nothing in them could bring it back. Here the log is read again into a
document that keeps it, from the newest snapshot before the first edit to be undone; there the CRDT's own undo manager
is told what those records inserted and deleted, and the one update that it emits is what the room then writes. Others'
later edits stay: what they wrote amid the text stands where it stood, and a key that they wrote since is theirs.

All of this happens beside the room's pass, which goes on. The update merges with what comes meanwhile, as any edit
does; only another undo in the meantime could bring the same text back twice, so the room has it prepared again then.
Rules (specs/undo.md):

- What is undone is not undone again; undoing the undoing brings it back, and then that is what there is to undo.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, cast

import trio
from msgspec import Struct
from pycrdt import Doc, IdSet, Map, StackItem, UndoManager

from ...protocol import limits
from ...protocol.commands import Undo
from ...protocol.errors import Refused
from ...protocol.events import EditsUndone, Record, RunRequested
from ...protocol.frames import EMPTY_UPDATE
from ...protocol.history import History
from ...protocol.items import DELETED, GC
from ...protocol.left import left_alone
from ...protocol.names import draft_begun
from ...protocol.structs import Range
from ...protocol.update import id_set, read
from ...storage.store import Store
from .aside import aside
from .kept import read_snapshot


class Undone(Struct):
    """What undoing would do to one document: the update, whose records' edits it takes back, and what it leaves."""

    update: bytes
    records: tuple[int, ...]
    kept: list[dict[str, Any]]


class Prepared(Struct):
    """What an undo would do, document by document, as of the log's record `seq`."""

    seq: int
    documents: dict[str, Undone]

    def told(self) -> dict[str, Any]:
        """What the asker is told."""
        of = self.documents.items()
        return {"documents": {name: {"records": list(done.records), "kept": done.kept} for name, done in of}}


NOTHING = Prepared(1 << 62, {})
"""For a command that was carried out before: it is only to be answered again."""


async def prepare(room: str, store: Store, command: Undo, client: Callable[[], int]) -> Prepared:
    """Find the edits and undo them in scratch documents; `client` draws a client id to write under. Raises
    Refused('nothing-to-undo'), StoreError."""
    chosen = _Chosen(command)
    head = await _read(room, store, chosen.first - 1, chosen.take)
    documents: dict[str, Undone] = {}
    found = chosen.by_document()
    if sum(map(len, found.values())) > limits.UNDO_EDITS:
        raise Refused("too-large", f"One undo takes back {limits.UNDO_EDITS} edits; say which document, or since when.")
    for name, seqs in found.items():
        undone = await _undo(room, store, name, seqs, chosen.first, client())
        if undone is not None:
            documents[name] = undone
    if not documents:
        raise Refused("nothing-to-undo")
    return Prepared(head, documents)


async def _read(room: str, store: Store, after: int, take: Callable[[Record], None]) -> int:
    """Give every record after that one to `take`; the last one's seq. Other tasks run between pages."""
    while page := await store.read(room, after):
        for record in page:
            take(record)
        after = page[-1].seq
        await trio.lowlevel.checkpoint()
    return after


class _Chosen:
    """The records whose edits are to be undone: those that the command means, and that are not undone already."""

    def __init__(self, command: Undo) -> None:
        self._command = command
        self._runs = {command.run} if command.run else set[str]()
        self._named = frozenset(command.records)
        self._edits: dict[int, str] = {}
        self._undone_by: dict[int, int] = {}
        if command.run:
            self.first = int(command.run) if command.run.isascii() and command.run.isdigit() else 1
        else:
            self.first = min(command.records, default=command.after + 1)
        self.first = max(self.first, 1)

    def take(self, record: Record) -> None:
        """Look at the next record of the log."""
        event = record.event
        if isinstance(event, RunRequested) and event.parent in self._runs:
            self._runs.add(record.run)
        if not record.document or not record.update or draft_begun(record.document):
            return  # In a draft hunks are rejected, which says more than that somebody's edits are gone.
        if isinstance(event, EditsUndone):
            self._undone_by |= dict.fromkeys(event.records, record.seq)
        if self._means(record):
            self._edits[record.seq] = record.document

    def _means(self, record: Record) -> bool:
        if self._command.document not in ("", record.document):
            return False
        if self._runs:
            return record.run in self._runs and not isinstance(record.event, EditsUndone)
        if self._command.author:
            mine = record.author == self._command.author and record.seq > self._command.after
            return mine and not isinstance(record.event, EditsUndone)
        return record.seq in self._named

    def by_document(self) -> dict[str, list[int]]:
        """The records that are in effect, by document. Of one that was undone and brought back, it is the record that
        brought it back which holds its text now."""
        found: dict[str, dict[int, None]] = {}
        for seq, document in self._edits.items():
            last = seq
            times = 0
            while last in self._undone_by:
                last = self._undone_by[last]
                times += 1
            if times % 2 == 0:
                found.setdefault(document, {})[last] = None
        return {document: sorted(seqs) for document, seqs in found.items()}


async def _undo(room: str, store: Store, name: str, seqs: list[int], first: int, client: int) -> Undone | None:
    """What undoing these records does to the document; None if that is nothing."""
    doc: Doc[Any] = Doc(client_id=client, skip_gc=True)
    history = History()
    base = await store.snapshot(room, first - 1) if first > 1 else None
    after = 0
    kept = read_snapshot(base)
    if kept is not None:
        after = kept.state.seq
        if name in kept.documents:
            doc.apply_update(kept.documents[name])
            await aside(partial(history.take, after, kept.documents[name]), len(kept.documents[name]))
    wanted = frozenset(seqs)
    inserted: list[Range] = []
    deleted: list[Range] = []

    def take(record: Record) -> None:
        if record.document != name or not record.update:
            return
        doc.apply_update(record.update)
        history.take(record.seq, record.update)
        if record.seq in wanted:
            update = read(record.update, own=True)
            inserted.extend(update.inserted)
            deleted.extend(update.deleted)

    await _read(room, store, after, take)
    # What came without content, as when somebody was erased, is nothing to an undo, and yrs panics at it.
    inserted, deleted = list(_with_content(history, inserted)), list(_with_content(history, deleted))
    update = _taken_back(doc, inserted, deleted)
    if not update:
        return None
    left = islice(left_alone(history, wanted), limits.UNDO_KEPT)
    kept_places = [{"path": list(place.path), "key": place.key, "by": place.by} for place in left]
    return Undone(update, tuple(seqs), kept_places)


def _with_content(history: History, ranges: Iterable[Range]) -> Iterator[Range]:
    """Those pieces of the ranges that came with content."""
    for client, start, end in ranges:
        for block in history.blocks.between([(client, start, end)]):
            if block.kind not in (DELETED, GC):
                yield client, max(start, block.clock), min(end, block.clock + block.length)


def _taken_back(
    doc: "Doc[Any]", inserted: Iterable[tuple[int, int, int]], deleted: Iterable[tuple[int, int, int]]
) -> bytes:
    """Undo what inserted and deleted these clocks; the update that does it, empty if it changes nothing."""
    made: list[bytes] = []
    subscription = doc.observe(lambda event: made.append(event.update))
    item = StackItem(cast(Any, doc), deletions=IdSet.decode(id_set(deleted)), insertions=IdSet.decode(id_set(inserted)))
    # What a root is does not matter here: its name is all that an update says of it.
    manager = UndoManager(scopes=[doc.get(root, type=Map) for root in doc.keys()], undo_stack=[item])  # noqa: SIM118
    try:
        manager.undo()
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # A panic of the CRDT, whose class cannot be imported.
            raise
        # It is a document of this undo's own, so nothing that anybody sees is touched.
        raise Refused("nothing-to-undo", "The CRDT cannot take these edits back.") from error
    doc.unobserve(subscription)
    return b"" if not made or made[-1] == EMPTY_UPDATE else made[-1]
