"""What is said and allowed: pure, opens nothing, waits for nothing, asks no clock."""

from .errors import CODES, OutcomeUnknown, PlaitError, Refused
from .events import Event, Record

__all__ = ["CODES", "Event", "OutcomeUnknown", "PlaitError", "Record", "Refused"]
