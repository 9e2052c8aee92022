"""Makers: who made the edits of one document, asked of the log only for those that somebody wants to know.

An edit says its author and its run. For whom that run worked, which model answered and which tool was called stands in
other records, among thousands of tokens; so they are looked for when an answer names the edit, and only its run's.
"""

from collections.abc import Collection

from msgspec.structs import replace

from ...protocol.attribution import ASKED, FACTS, Attribution, Attributions
from ...protocol.events import Record
from ...storage.store import Reader, Sieve


class Makers:
    """The makers of the edits that were taken, which are a room's, in the order of its log."""

    def __init__(self, store: Reader, room: str) -> None:
        self._store = store
        self._room = room
        self._alone = Attributions()
        self._edits: dict[str, list[Record]] = {}
        self._runs: dict[int, str] = {}
        self._known: dict[str, Attributions] = {}
        self.size = 0
        """How many facts are kept, at least one for each edit."""

    def take(self, record: Record) -> None:
        """The next record that edited the document or one of its drafts."""
        self.size += 1
        if not record.run:
            self._alone.take(record)
            return
        self._runs[record.seq] = record.run
        self._edits.setdefault(record.run, []).append(replace(record, update=b""))
        known = self._known.pop(record.run, None)
        self.size -= known.size if known is not None else 0

    async def of(self, seqs: Collection[int]) -> dict[int, Attribution]:
        """Those of them that are edits, each with who made it. Raises RoomDeleted, StoreError."""
        found: dict[int, Attribution] = {}
        for seq in sorted(seqs):
            run = self._runs.get(seq)
            one = (self._alone if run is None else await self._of_run(run)).of(seq)
            if one is not None:
                found[seq] = one
        return found

    async def _of_run(self, run: str) -> Attributions:
        known = self._known.get(run)
        if known is None:
            edits = self._edits[run]
            facts = await self._facts(run, edits[-1].seq)
            known = Attributions()
            for record in sorted((*facts, *edits), key=lambda one: one.seq):
                known.take(record)
            while not known.knows(above := known.root(run)):
                asked = await self._facts(above, edits[-1].seq, ASKED)
                for record in asked:
                    known.take(record)
                if not asked:
                    break
            self._known[run] = known
            self.size += known.size
        return known

    async def _facts(self, run: str, upto: int, kinds: tuple[str, ...] = FACTS) -> list[Record]:
        """A run's records of these kinds. Its id is the seq of its first one."""
        found: list[Record] = []
        after = int(run) - 1 if run.isdecimal() else 0
        while page := await self._store.sift(self._room, Sieve(run=run, kinds=kinds), after, upto):
            found += page
            after = page[-1].seq
        return found
