"""A shared document in memory, and what a tab's edit does to it: taken whole, taken in part, or refused.

The update is read before it is applied (law 11). Structs under somebody else's client id, or under one that only a
server of this room may use, are left out (law 4); what remains must fit whole. An edit that cuts a surrogate pair in
two is refused, because yrs would make another document of it than every browser does (specs/update.md). What the
document then says has changed is the exact update that goes into the log; an edit that changed nothing makes no record.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pycrdt import Doc, TransactionEvent

from ...protocol import limits
from ...protocol.errors import Refused
from ...protocol.frames import EMPTY_UPDATE
from ...protocol.update import Update, decode_state_vector, fits, lone, new_clients, read, splits, without
from .identity import is_server_id


class Broken(Exception):
    """The CRDT panicked in the middle of an edit: the document in memory can no longer be trusted."""


class Later(Exception):
    """Nothing was done, because what it needs is not there yet: the room takes it up again in its next pass."""


def has_news(doc: "Doc[Any]", update: bytes) -> bool:
    """Whether an edit holds a struct or a deletion that the document has not. Raises Refused."""
    edit = read(update)
    if new_clients(edit, decode_state_vector(doc.get_state())):
        return True
    if not edit.deleted:
        return False
    known = read(doc.get_update(doc.get_state()), own=True).deleted
    return any(not any(c == k and a <= s and e <= b for k, a, b in known) for c, s, e in edit.deleted)


class Taken:
    """What became of a tab's edits, one or several that are one transaction: as they came (`edits`), the exact update
    that they were together (empty if nothing changed), and the ids whose structs were left out."""

    __slots__ = ("broke", "edits", "foreign", "lost", "then", "told", "update")

    def __init__(self, foreign: tuple[int, ...] = ()) -> None:
        self.edits: list[bytes] = []
        self.update = b""
        self.foreign = foreign
        self.broke = False
        """The CRDT panicked at them."""
        self.lost = False
        """They went with edits of others, at one of which something happened: they are to be sent again."""
        self.told = False
        """Their tab has its answer."""
        self.then: Taken | None = None
        """What became of the next ones, of the same tab and pass, where these could not take them."""

    def tell(self) -> list[bytes]:
        """The tab is told now: its edits here, and behind them those that were taken whole as well."""
        self.told = True
        edits = list(self.edits)
        after = None if self.foreign else self.then
        while after is not None and not (after.broke or after.lost or after.foreign):
            after.told = True
            edits += after.edits
            after = after.then
        return edits


class SharedDocument:
    """One Yjs document that tabs and agents write. The server types no root of it."""

    def __init__(self, client: int) -> None:
        self.doc: Doc[Any] = Doc(client_id=client)
        self.clocks: dict[int, int] = {}
        self.pairs: set[tuple[int, int]] = set()
        self.size = 0
        self._judged = 0
        """Bytes of edits that were judged, and are counted in `size`, but wait to be applied."""
        self._measured = -1
        """The size when it was last looked at, which takes as long as the document; the same again is no other."""
        self._update = b""
        self._subscription: Any = None

    def _observe(self, event: TransactionEvent) -> None:
        self._update = event.update

    def load(self, update: bytes) -> None:
        """Take in stored bytes at recovery; call `loaded` after the last ones."""
        self.doc.apply_update(update)
        self.pairs.update(read(update, own=True).pairs)
        self.size += len(update)

    def loaded(self) -> None:
        """Recovery is over: know what the document holds, and watch what changes it."""
        self.clocks = decode_state_vector(self.doc.get_state())
        self._subscription = self.doc.observe(self._observe)

    def release(self) -> None:
        """Let go of the document, which its observer would hold for ever (see `RoomDocument.release`)."""
        if self._subscription is not None:
            self.doc.unobserve(self._subscription)
            self._subscription = None

    def grows(self, update: bytes) -> bool:
        """Whether a tab's edit holds structs that are new here; who only deletes may go on in a full room."""
        return bool(new_clients(read(update), self.clocks))

    def judge(
        self, update: bytes, author: str, owners: dict[int, str], room: str, kin: Sequence[str] = ()
    ) -> tuple[Update, tuple[int, ...], bool]:
        """What of a tab's edit is to be applied, the ids whose structs are left out, and whether it is a lone struct;
        `kin` are the rooms whose servers wrote here too. From now on the document counts as holding it, so `apply`
        comes before anything else does. Raises Refused, and then nothing happened."""
        edit = read(update)
        only = lone(edit, self.clocks)
        if only is not None:
            client = only.client
            keyed = owners.get(client) == author and not (client >> 32 and is_server_id(client, room, kin))
            short = keyed and not only.pairs and not self.pairs
        else:
            short = not edit.sections and not self.pairs
        if short:  # What one more key of somebody who types, or erases, comes to; the long way gives the same.
            if (only is None or only.needs) and not fits(edit, self.clocks):
                raise Refused("update-incomplete")
            if only is not None:
                self._check_size(update)
                self.clocks[only.client] = only.end
            self.size += len(update)
            self._judged += len(update)
            return edit, (), only is not None
        fresh = new_clients(edit, self.clocks)
        foreign = tuple([c for c in fresh if owners.get(c, author) != author or is_server_id(c, room, kin)])
        if foreign:
            update = without(edit, foreign)
            edit = read(update)
        if not fits(edit, self.clocks):
            raise Refused("update-foreign" if foreign else "update-incomplete")
        if splits(edit, self.pairs):
            raise Refused("bad-update", "The edit cuts a character in two.")
        inserted = edit.inserted
        if inserted:  # A full document can still be made smaller.
            self._check_size(update)
            self.pairs.update(edit.pairs)
            for client, _, end in inserted:
                if end > self.clocks.get(client, 0):
                    self.clocks[client] = end
        self.size += len(update)
        self._judged += len(update)
        return edit, foreign, only is not None and not foreign

    def apply_lone(self, updates: Sequence[bytes]) -> None:
        """Apply lone structs that were judged, in one transaction: what each of them changed is its own bytes. Raises
        Broken also where something else was deleted with them, such as what lost a map's key: nobody knows by which."""
        exact = self.apply(updates)
        if not exact.endswith(b"\x00"):  # As an update ends that deletes nothing.
            raise Broken("structs of several edits deleted something together")

    def apply(self, updates: Sequence[bytes]) -> bytes:
        """Apply all that was judged, in one transaction; the exact update, empty if nothing changed. Raises Broken, and
        then nobody knows what the document holds."""
        self._update = b""
        try:
            if len(updates) == 1:
                self.doc.apply_update(updates[0])
            else:
                with self.doc.transaction():
                    for update in updates:
                        self.doc.apply_update(update)
        except BaseException as error:
            # pyo3 gives a Rust panic as a BaseException of a class that cannot be imported.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise Broken(str(error)) from None
            raise
        exact = b"" if self._update == EMPTY_UPDATE else self._update
        self.size += len(exact) - self._judged
        self._judged = 0
        return exact

    def take_whole(
        self, update: bytes, author: str, owners: dict[int, str], room: str, kin: Sequence[str] = ()
    ) -> bytes:
        """Apply an update of which nothing may be left out; the exact update. Raises as `judge` and `apply` do."""
        fresh = new_clients(read(update), self.clocks)
        if any(owners.get(client, author) != author or is_server_id(client, room, kin) for client in fresh):
            raise Refused("update-foreign")
        return self.apply([self.judge(update, author, owners, room, kin)[0].data])

    def write(self, edit: "Callable[[Doc[Any]], Any]") -> tuple[bytes, Any]:
        """Change the document from inside: the exact update (empty if nothing changed), and what `edit` gave.

        `edit` runs in one transaction and raises Refused before it changes anything. Broken if it raised later, or if
        the document is larger afterwards than it may be: there is no way back within a document.
        """
        self._update = b""
        refused: Refused | None = None
        result: Any = None
        try:
            with self.doc.transaction():
                try:
                    result = edit(self.doc)
                except Refused as error:
                    refused = error
        except BaseException as error:
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise Broken(f"{type(error).__name__}: {error}") from error
            raise
        update = b"" if self._update == EMPTY_UPDATE else self._update
        if refused is not None:
            if update:
                raise Broken("an edit was refused after it had begun")
            raise refused
        if update:
            self._count(update)
        return update, result

    def _count(self, update: bytes) -> None:
        written = read(update, own=True)
        self.pairs.update(written.pairs)
        for client, _, end in written.inserted:
            self.clocks[client] = max(end, self.clocks.get(client, 0))
        self.size += len(update)
        if not written.inserted:
            return  # What only deletes makes a document that is too large smaller.
        try:
            self._check_size(b"")
        except Refused as refused:
            raise Broken(refused.message) from refused

    def _check_size(self, update: bytes) -> None:
        if self.size + len(update) <= limits.DOCUMENT_BYTES:
            return
        if self.size != self._measured:  # What was summed up counts overwritten text twice.
            self.size = self._measured = len(self.doc.get_update()) + self._judged
        if self.size + len(update) > limits.DOCUMENT_BYTES:
            raise Refused("too-large", f"A shared document may have {limits.DOCUMENT_BYTES} bytes.")
