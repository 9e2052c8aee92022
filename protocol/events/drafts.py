"""What happens to a draft: a proposal for a shared document, until it is accepted or rejected as a whole.

The room document shows these. What is written because of them is said by facts about documents, which follow them.
"""

from .fact import Fact


class DraftOpened(Fact, frozen=True):
    """Somebody proposes changes of the shared document `of`: `draft` is a shared document that begins as that one."""

    draft: str
    of: str
    title: str = ""


class DraftAccepted(Fact, frozen=True):
    """Somebody accepted all that was left of a draft; it is closed."""

    draft: str


class DraftRejected(Fact, frozen=True):
    """Somebody rejected all that was left of a draft; it is closed."""

    draft: str


DraftFact = DraftOpened | DraftAccepted | DraftRejected
