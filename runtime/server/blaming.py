"""`blame` for whoever asks over a socket or HTTP: bounded answers, read from the log beside the rooms.

What was read of a document's past is kept for the next asker (`runtime/room/past`), since an editor asks again with
each place that the mouse rests on.
"""

from typing import Any

from ...protocol import control, limits, names
from ...protocol.commands import Blame
from ...protocol.errors import PlaitError
from ...storage.store import Reader
from ..room.past import Pasts, Question, shown
from .answers import answer_frame
from .places import Places


class Blaming:
    """Answers `blame` for all rooms of one store."""

    def __init__(self, store: Reader, reading: Places) -> None:
        self._pasts = Pasts(store)
        self._reading = reading

    async def found(self, room: str, command: Blame, whose: str) -> dict[str, Any]:
        """One page of the answer, as JSON has it, when it is that asker's turn. Raises Refused, RoomDeleted or
        StoreError."""
        question = Question(
            root=command.root,
            deleted=command.deleted,
            seq=command.seq,
            at=command.at,
            length=command.length,
            place=command.place,
            until=command.until,
            key=command.key,
            after=command.after,
            limit=limits.BLAME_SPANS,
            chars=limits.BLAME_CHARS,
        )
        async with self._reading.place(whose):
            return shown(await self._pasts.ask(room, names.document_name(command.document), question))

    async def frame(self, room: str, command: Blame, whose: str) -> bytes:
        """The same, or the refusal, as a text frame."""
        try:
            return control.ok(command.id, result=await self.found(room, command, whose))
        except PlaitError as error:
            return answer_frame(command.id, error)
