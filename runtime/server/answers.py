"""What an asker is told of a command: one text for the control channel and for HTTP alike.

A store that failed is told as a refusal, because nothing happened; only an outcome that is not known is told as such.
"""

from ...protocol import control
from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...storage.errors import RoomDeleted
from .rooms import Answer


def answer_frame(command_id: str, answer: Answer | PlaitError) -> bytes:
    """The room's answer to that command, as JSON."""
    match answer:
        case Refused():
            return control.refused(command_id, answer)
        case OutcomeUnknown():
            return control.unknown(command_id)
        case RoomDeleted():
            return control.refused(command_id, Refused("no-such-room"))
        case PlaitError():
            return control.refused(command_id, Refused("store-failed", str(answer)))
        case _:
            return control.ok(command_id, answer.seq, answer.run, answer.result)
