"""Planning: what accepting or rejecting hunks of a draft would do, worked out beside the room and kept up with its log.

Why: it needs everything that ever was in the draft and all of its base, and a room's pass must not wait for that. So a
decision is planned as of some record, and what comes after it is taken in record by record: most edits of the base
leave the plan as it is. Rules (specs/drafts.md):

- What is done is exactly what would be planned at the moment when it is done. Where that may differ, because somebody
  wrote in the draft, decided about it, or wrote where the plan stands in the base, the plan is `stale`.
"""

from collections.abc import Sequence

from .accepting import accept
from .blocks import Blocks
from .commands import Accept, Reject
from .comparison import Comparison
from .drafts import chosen
from .errors import Refused
from .events import HunksAccepted, Record
from .patches import Patch
from .rejecting import reject
from .settling import Settlement


class Plan:
    """One command about a draft of the document `of`, as of record `head`. `tries` is how often it was made."""

    def __init__(self, command: Accept | Reject, of: str, after: int) -> None:
        self.head = after
        self.draft = command.draft
        self.of = of
        self.size = 0
        """How many bytes of updates it has read."""
        self.tries = 0
        self.stale = True
        self._command = command
        self._comparison = Comparison(command.draft)
        self._comparison.head = after
        self._base = Blocks()
        self._based = 1 << 62
        self._patches: Sequence[Patch] = ()
        self._settlement: Settlement | None = None
        self._refused: Refused | None = None

    def begin(self, seq: int, base: bytes) -> None:
        """The base's whole content when record `seq` was the newest; an acceptance needs it. Later records of it that
        were taken before are in it."""
        self.size += len(base)
        self._base.take(seq, base)
        self._based = seq

    def take(self, record: Record) -> None:
        """The room's next record, whatever it is about."""
        if record.seq <= self.head:
            return
        self.head = record.seq
        self._comparison.take(record)
        event = record.event
        if record.document == self.draft or (isinstance(event, HunksAccepted) and event.draft == self.draft):
            self.size += len(record.update)
            self.stale = True
        if record.document == self.of and record.seq > self._based and record.update:
            self._base.take(record.seq, record.update)
            if self._settlement is not None and self._settlement.ground.moved_by(record.update, self._base):
                self.stale = True

    def make(self) -> None:
        """Work out what to do, or why not. It takes as long as both documents are."""
        self.tries += 1
        self.stale = False
        self._settlement = self._refused = None
        try:
            self._patches = chosen(self._comparison, self._command)
        except Refused as refused:
            self._refused = refused
            return
        if isinstance(self._command, Accept):
            self._settlement = accept(self._comparison, self._patches, self._base)
        else:
            self._settlement = reject(self._comparison, self._patches)

    def settled(self) -> tuple[tuple[str, ...], Settlement]:
        """The hunks that are decided about, and what to do. Raises Refused."""
        if self._refused is not None:
            raise self._refused
        assert self._settlement is not None, "it was planned"
        return tuple(patch.id for patch in self._patches), self._settlement
