"""A shared document as a tool's body sees it: it reads and edits by functions of the live Yjs document.

The function runs in the room's pass, between the edits of two other people, so nobody writes between what it reads and
what it changes; what it changes is one record, with the run and the call that did it. It must not wait, and it raises
`Refused` before it changes anything. The nth edit of a call happens once: after a crash the body runs again, and each
edit that is in the log gives what it gave then. So a body asks for its edits in the same order each time.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import trio
from pycrdt import Doc

from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.names import document_name, draft_name
from .failures import OutcomeNotKnown, ToolError

T = TypeVar("T")
Transform = Callable[["Doc[Any]"], T]


class Desk(Protocol):
    """Where a call's documents are: its room's, or some of its own while it is tried alone."""

    def edit(self, document: str, transform: Transform[Any], nth: int) -> Awaitable[Any]: ...

    def look(self, document: str, transform: Transform[Any]) -> Awaitable[Any]: ...

    def draft(self, document: str, title: str, nth: int | None) -> Awaitable[str]: ...


class Document:
    """One shared document. Its methods are for the event loop's thread; a sync tool asks `trio.from_thread.run`."""

    def __init__(self, name: str, desk: Desk, count: Callable[[], int]) -> None:
        self.name = name
        self._desk = desk
        self._count = count

    async def edit(self, transform: Transform[T]) -> T:
        """Change the document; what the function gave (what JSON can say), once that is on disk. Raises ToolError for
        what the function refuses, and whatever else it raises."""
        return await told(self._desk.edit(self.name, transform, self._count()))

    async def read(self, transform: Transform[T]) -> T:
        """Look into the document as it stands. The function may not keep what it is given."""
        return await told(self._desk.look(self.name, transform))


async def told(doing: Awaitable[T]) -> T:
    """What a desk gave, or ToolError for what it refused."""
    try:
        return await doing
    except Refused as refused:
        failed = ToolError(refused.message)
        if refused.code == "not-allowed":  # It is the run's mandate that says no, and not the document.
            failed.code = refused.code
        raise failed from refused
    except OutcomeUnknown as error:
        # The room is read again from its log and this body is cancelled; its next attempt goes on from there.
        await trio.lowlevel.checkpoint()
        raise OutcomeNotKnown(str(error)) from error


class Alone:
    """The documents of a call that no room carries out: a tool is tried alone."""

    def __init__(self) -> None:
        self._docs: dict[str, Doc[Any]] = {}

    async def edit(self, document: str, transform: Transform[Any], nth: int) -> Any:
        doc = self._docs.setdefault(document, Doc())
        with doc.transaction():
            return transform(doc)

    async def look(self, document: str, transform: Transform[Any]) -> Any:
        return await self.edit(document, transform, 0)

    async def draft(self, document: str, title: str, nth: int | None) -> str:
        name = draft_name(document, 0 if nth is None else nth + 1)
        if name not in self._docs:
            self._docs[name] = draft = Doc()
            draft.apply_update(self._docs.setdefault(document, Doc()).get_update())
        return name


def named(document: str) -> str:
    """A document's name, checked. Raises ToolError."""
    try:
        return document_name(document)
    except Refused as refused:
        raise ToolError(refused.message) from refused
