"""What an append must fulfil, and what it makes of its room: the rules that every engine shares.

The memory engine and the batch of the SQLite engine ask the same functions, each with what it has at hand, so they
admit and refuse alike by construction.
"""

from collections.abc import Sequence

from ..protocol.access import HOUSE
from . import listing
from .errors import Conflict, Fenced, NoSuchBlob
from .store import Append


def refusal(append: Append, seq: int, epoch: int) -> Fenced | None:
    """Why a room whose head is (seq, epoch) cannot take this append; None if it can. The one rule of admission."""
    if append.epoch < epoch:
        return Fenced(f"room {append.room!r} is in epoch {epoch}; epoch {append.epoch} may no longer write to it")
    if append.after != seq:
        return Fenced(f"room {append.room!r} ends at {seq}; this append stands on {append.after}")
    return None


def check_making(append: Append, *, begun: bool, taken: bool) -> None:
    """Raises Fenced unless the append goes on with a room whose making was `begun`, or begins one that nobody has."""
    if taken or begun != (append.after > 0):
        raise Fenced(f"room {append.room!r} cannot be made: there is one, or it was not begun")


def lacking(append: Append, missing: Sequence[str]) -> NoSuchBlob | None:
    """Why an append that refers to those missing blobs is refused; None if it lacks none."""
    if not missing:
        return None
    return NoSuchBlob(f"room {append.room!r} refers to a blob that is not here: {missing[0]}")


def active(append: Append, before: int | None) -> int:
    """The room's activity after the append; `before` is what it was, None for a new room."""
    last = append.records[-1]
    if last.author != HOUSE:
        return listing.activity(last.time)
    heard = next((record.time for record in reversed(append.records) if record.author != HOUSE), None)
    if heard is None:
        return listing.activity(last.time) if before is None else before
    return listing.activity(heard)


def repeated(append: Append, places: dict[str, int]) -> bool:
    """Whether the append is in the log already, given where its ids were found. Raises Conflict if it is half there."""
    if not places:
        return False
    offsets = {places[r.id] - r.seq if r.id in places else None for r in append.records if r.id is not None}
    if len(offsets) == 1 and None not in offsets:
        return True
    found = ", ".join(sorted(places))
    raise Conflict(f"room {append.room!r} holds records with some of this append's ids, but not this append: {found}")
