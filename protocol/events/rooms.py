"""What concerns the room itself: its title, its context, its epochs, what was erased from it, where it came from,
which shape its document has."""

from typing import Literal

from msgspec import field

from .fact import Fact


class RoomChanged(Fact, frozen=True):
    """Somebody named the room or described it: None leaves the title, and takes the key of a metadata value away."""

    title: str | None = None
    metadata: dict[str, str | None] = field(default_factory=dict)


class TitleProposed(Fact, frozen=True):
    """An agent's proposal for a room that nobody has named."""

    title: str


class BranchChosen(Fact, frozen=True):
    """The conversation goes on from that run, until somebody chooses again or prompts elsewhere."""

    run: str


class ContextProvided(Fact, frozen=True):
    """Facts that agents should know, by key, the last one of a key counts and None takes it away.

    With `tab` they are that tab's and go with it: what is selected, what is on the screen. Without they are the room's.
    """

    facts: dict[str, str | None]
    tab: str = ""


class EpochClosed(Fact, frozen=True):
    """A process left the room in good order: the CRDT client id it wrote under, and that id's clock per document.

    The room document's name is the empty string. If this is still the head, the next epoch goes on with the id.
    """

    client: int
    clocks: dict[str, int]


class SubjectErased(Fact, frozen=True):
    """What one person said was erased from the log before this record: `by` asked for it.

    `subject` is the SHA-256 of `salt` and the person's name, so that the log says who was erased only to those who know
    already. `records` are the ranges of seqs of all records that were ever erased here, from first to last; `digest` is
    the SHA-256 of what their bodies hash to now, one behind the other. `lineage` is what the history was called before.
    """

    subject: bytes
    salt: bytes
    by: str
    records: tuple[tuple[int, int], ...]
    digest: bytes
    lineage: str


class RoomImported(Fact, frozen=True):
    """The log before this record was written elsewhere, and came in a bundle.

    There it was that `room`, its history was called `lineage`, and `hash` was the chain's of its last record. Every run
    that was open is stopped, unless whoever imported it said that they go on (`resumed`).
    """

    room: str
    lineage: str
    hash: bytes
    resumed: bool = False


class RunsPaused(Fact, frozen=True):
    """The room's runs take no further step until somebody resumes them; what is in progress comes to its end.

    `at` is the record at which a breakpoint stopped them, 0 if none did; `reason` is for people.
    """

    at: int = 0
    reason: str = ""


class RunsResumed(Fact, frozen=True):
    """The runs that were paused go on; those that a fork began with `going` so."""

    going: Literal["live", "recorded", "recorded-live"] = "live"


class RoomShaped(Fact, frozen=True):
    """From here on the room document has the shape of that version (protocol/shape): this record's update made what
    stood there into what that version's code makes of the log. Rooms that never say so are of version 1.

    The history was called `lineage` before, which is empty for a room that begins. Whoever holds the document as it is
    now has `clock` of the CRDT id `client`. `before` and `after` are the SHA-256 of what the document said as JSON,
    if it was made into something else; `by` asked for it, empty if nobody did.
    """

    shape: int
    lineage: str = ""
    client: int = 0
    clock: int = 0
    before: bytes = b""
    after: bytes = b""
    by: str = ""


RoomFact = (
    RoomChanged
    | TitleProposed
    | BranchChosen
    | ContextProvided
    | EpochClosed
    | SubjectErased
    | RoomImported
    | RunsPaused
    | RunsResumed
    | RoomShaped
)
