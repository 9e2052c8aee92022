"""The documents of a call at work: its room's, edited in the room's pass under the call's name."""

import hashlib
from itertools import count
from typing import Any

from ...protocol.access import Grant
from ...protocol.commands import Propose
from ...protocol.move import Call as CallMove
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

    async def draft(self, document: str, title: str, nth: int | None) -> str:
        """The name of the call's nth draft, from 0: always the same. Without a number that of the run's own draft of
        the document: the same as long as it waits, and another one once people have closed it."""
        if nth is not None:
            return await self._propose(f"{self._move.run}/{self._move.step}/draft#{nth}", document, title)
        for closed in count():
            draft = await self._propose(f"{self._move.run}/{document}" + f"#{closed}" * bool(closed), document, title)
            if self._room.draft_waits(draft):
                return draft
        raise AssertionError("a draft that was just opened waits")

    async def _propose(self, known: str, document: str, title: str) -> str:
        command = Propose(id=hashlib.sha256(known.encode()).hexdigest(), document=document, title=title)
        answer = await self._room.ask(Grant(author=self._author), command, run=self._move.run)
        return answer.result["draft"]

    def _place(self, nth: int) -> Place:
        return Place(self._move.run, self._move.step, self._move.attempt, nth)
