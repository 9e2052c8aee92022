"""A base, a draft of it, and people and agents who write in both: the room's part in it without a room."""

from collections.abc import Callable
from typing import Any

from plait.protocol.accepting import accept
from plait.protocol.blocks import Blocks
from plait.protocol.comparison import Comparison
from plait.protocol.events import DocumentCopied, DocumentEdited, Event, HunksAccepted, HunksRejected, Record
from plait.protocol.frames import EMPTY_UPDATE
from plait.protocol.patches import Patch
from plait.protocol.rejecting import reject
from plait.protocol.settling import Settlement
from plait.protocol.update import decode_state_vector, fits, read
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

BASE, DRAFT = "notes", "notes~000000000001"
SERVER, DRAFTER = 1 << 40, 1 << 41


class Side:
    """One document as the server has it, and all updates that made it."""

    def __init__(self, client: int) -> None:
        self.doc: Doc[Any] = Doc(client_id=client)
        self.updates: list[bytes] = []

    def apply(self, update: bytes) -> bytes:
        """Take an update that must fit whole; the exact one."""
        assert fits(read(update, own=True), decode_state_vector(self.doc.get_state()))
        made: list[bytes] = []
        subscription = self.doc.observe(lambda event: made.append(event.update))
        self.doc.apply_update(update)
        self.doc.unobserve(subscription)
        exact = made[-1] if made and made[-1] != EMPTY_UPDATE else b""
        if exact:
            self.updates.append(exact)
        return exact


class Proposal:
    """The records of a base and of its draft, in one log."""

    def __init__(self, begin: Callable[["Doc[Any]"], Any]) -> None:
        self.base = Side(SERVER)
        self.draft = Side(DRAFTER)
        self.log: list[Record] = []
        self.edit(self.base, "ann", begin, 101)
        self.opened = len(self.log) + 1
        self._record("ann", DRAFT, self.draft.apply(self.base.doc.get_update()), DocumentCopied(BASE))

    def edit(self, side: Side, author: str, change: Callable[["Doc[Any]"], Any], client: int) -> None:
        """Somebody edits one side in a replica of their own."""
        replica: Doc[Any] = Doc(client_id=client)
        replica.apply_update(side.doc.get_update())
        with replica.transaction():
            change(replica)
        update = side.apply(replica.get_update(side.doc.get_state()))
        if update:
            self._record(author, BASE if side is self.base else DRAFT, update, DocumentEdited())

    def comparison(self) -> Comparison:
        """As the log says."""
        comparison = Comparison(DRAFT)
        for record in self.log:
            if record.seq >= self.opened:
                comparison.take(record)
        return comparison

    def accept(self, *ids: str) -> Settlement:
        """Accept these hunks, or all."""
        comparison, chosen = self._chosen(ids)
        client = SERVER
        clock = decode_state_vector(self.base.doc.get_state()).get(client, 0)
        base = Blocks()
        base.take(1, self.base.doc.get_update())
        done = accept(comparison, chosen, base)
        update, moved = done.written(client, clock)
        event = HunksAccepted(DRAFT, tuple(patch.id for patch in chosen), done.kept, moved, done.gone)
        self._record("ann", BASE, self.base.apply(update), event)
        return done

    def reject(self, *ids: str) -> Settlement:
        """Reject these hunks, or all."""
        comparison, chosen = self._chosen(ids)
        clock = decode_state_vector(self.draft.doc.get_state()).get(DRAFTER, 0)
        done = reject(comparison, chosen)
        update, moved = done.written(DRAFTER, clock)
        event = HunksRejected(tuple(patch.id for patch in chosen), moved)
        self._record("ann", DRAFT, self.draft.apply(update), event)
        return done

    def _chosen(self, ids: tuple[str, ...]) -> tuple[Comparison, list[Patch]]:
        comparison = self.comparison()
        patches = comparison.patches()
        return comparison, [patch for patch in patches if patch.id in ids] if ids else patches

    def _record(self, author: str, document: str, update: bytes, event: Event) -> None:
        seq = len(self.log) + 1
        run = "000000000007" if author.startswith("agent:") else ""
        self.log.append(Record(seq, seq, author, run, 1, event, document, update))


def text_of(side: Side) -> str:
    return str(side.doc.get("content", type=Text))


def xml_of(side: Side) -> str:
    return str(side.doc.get("default", type=XmlFragment))


def paragraph(*words: str) -> XmlElement:
    return XmlElement("paragraph", {}, [XmlText(word) for word in words])


__all__ = ["Array", "Map", "Text", "XmlElement", "XmlFragment", "XmlText"]
