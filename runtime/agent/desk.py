"""The documents of a call at work: its room's, edited in the room's pass under the call's name."""

from typing import Any

from ...protocol.moves import Call as CallMove
from ..room.editing import Place
from ..room.room import Room
from ..tools.document import Transform


class AtDesk:
    """What one attempt at a call may do with its room's shared documents."""

    def __init__(self, room: Room, author: str, move: CallMove) -> None:
        self._room = room
        self._author = author
        self._move = move

    async def edit(self, document: str, transform: Transform[Any], nth: int) -> Any:
        """The call's nth edit, from 0."""
        return await self._room.write(self._author, document, transform, self._place(nth))

    async def look(self, document: str, transform: Transform[Any]) -> Any:
        """What the document says now."""
        return await self._room.write(self._author, document, transform, self._place(0), looks=True)

    def _place(self, nth: int) -> Place:
        return Place(self._move.run, self._move.step, self._move.attempt, nth)
