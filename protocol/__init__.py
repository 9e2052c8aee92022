"""What is said and allowed: pure, opens nothing, waits for nothing, asks no clock."""

from typing import TYPE_CHECKING

from .deferred import deferred

if TYPE_CHECKING:
    from .errors import CODES, OutcomeUnknown, PlaitError, Refused
    from .events import Event, Record
else:
    __getattr__ = deferred(__name__, {".errors": "CODES OutcomeUnknown PlaitError Refused", ".events": "Event Record"})

__all__ = ["CODES", "Event", "OutcomeUnknown", "PlaitError", "Record", "Refused"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
