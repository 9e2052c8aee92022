"""A document of a room on some other server: a live pycrdt `Doc`, and the promise of what was written to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio
from pycrdt import Doc

from ...protocol.errors import Refused
from ...protocol.replica import Replica
from .link import Link


class Document:
    """A live copy. The room document (no name) may only be read: what is written into its `doc` stays here."""

    def __init__(self, name: str, replica: Replica, link: Link) -> None:
        self.name = name
        self.doc: Doc[Any] = replica.doc
        self.replica = replica
        self._link = link
        replica.speak = link.wake

    @property
    def unsaved(self) -> int:
        """How many edits of ours are not known to be on the server's disk."""
        return self.replica.unsaved

    @contextmanager
    def edit(self) -> "Iterator[Doc[Any]]":
        """Write under one transaction, which is one edit: `with notes.edit() as doc: …`, without an await inside.

        It is shown at once and sent as soon as there is a server; `saved` waits until it is on disk. Raises Refused.
        """
        self._link.check()
        if not self.replica.writable:
            raise Refused("permission-denied")
        with self.doc.transaction():
            yield self.doc

    async def saved(self) -> None:
        """Wait until every edit so far is on the server's disk. Raises Refused if one was refused."""
        while self.replica.unsaved:
            await self._link.check_waiting()
            await self._link.changed()

    async def changed(self) -> None:
        """Wait for the next change, from here or from there. Raises Refused if the link has ended."""
        version = self.replica.version
        while self.replica.version == version:
            await self._link.check_waiting()
            await self._link.changed()

    async def synced(self) -> None:
        """Wait until the document was level with the server's once. Raises Refused if that will not be."""
        await trio.lowlevel.checkpoint_if_cancelled()  # Or who is level already would go on to write, and be refused.
        while not self.replica.synced:
            await self._link.check_waiting()
            await self._link.changed()
