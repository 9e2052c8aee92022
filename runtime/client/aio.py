"""The same client for asyncio: `async with connect_asyncio(url, room) as room`, in FastAPI, a notebook or a bot.

Trio runs as a guest of the asyncio loop, in the loop's own thread: one guest for all rooms of a loop, begun by the
first block and ended by the last one. Why not anyio beneath the client: its links, documents and tools lean on Trio's
cancellation, and a second spelling of them would be a second client. Why not a thread with a loop of its own: a pycrdt
document belongs to the thread that made it, and `with notes.edit()` must be possible where it is called. Rules:

1. Every wait is a task in Trio. Cancelling the waiting asyncio task cancels that one and waits until it has ended.
2. A block is one task in Trio from its beginning to its end. What fails in it by itself cancels the asyncio task that
   is inside, as `asyncio.timeout` does, and is raised where the block ends.
3. `async def` tools run as asyncio tasks and may use what asyncio libraries there are; sync ones run in threads.

(The module is not called asyncio, which would shadow the library's.)
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic, Literal, Self, TypeVar

from pycrdt import Doc

from ...protocol.changes import Change
from ...protocol.commands import AttachedFile, Decision, Overrides, asking
from ...protocol.events import Record
from ..tools.function import FunctionTool
from . import room as trio_client
from .carrier import Serving
from .document import Document
from .guest import Guest, enter
from .link import Status
from .room import RemoteRoom

T = TypeVar("T")


@asynccontextmanager
async def connect_asyncio(url: str, room: str, *, grant: str = "") -> "AsyncIterator[AsyncioRoom]":
    """A room of the server at `url`, as `connect` gives it to Trio. Raises ValueError, Refused('bad-name')."""
    guest = await enter()
    try:
        await asyncio.shield(guest.ready)
        async with guest.hold(trio_client.connect(url, room, grant=grant)) as remote:
            yield AsyncioRoom(guest, remote)
    finally:
        await guest.leave()


class AsyncioRoom:
    """What a program may do with a room elsewhere; each method is `RemoteRoom`'s of that name, for asyncio."""

    def __init__(self, guest: "Guest", remote: RemoteRoom) -> None:
        self._guest = guest
        self._remote = remote
        self.name = remote.name
        self.tab = remote.tab

    @property
    def status(self) -> Status:
        """connecting, connected, waiting (for the next try) or ended."""
        return self._remote.status

    @property
    def trouble(self) -> str:
        """How the last socket ended, or why the client has, for people."""
        return self._remote.trouble

    async def prompt(
        self,
        text: str,
        *,
        agent: str = "",
        after: str | None = None,
        context: Mapping[str, str] = {},
        attachments: Sequence[AttachedFile] = (),
        options: Overrides | None = None,
        id: str = "",  # noqa: A002
    ) -> str:
        """Ask an agent; the id of the run, once it is on disk."""
        more = asking(context, attachments, options)
        return await self._guest.call(lambda: self._remote.prompt(text, agent=agent, after=after, id=id, **more))

    async def regenerate(self, run: str, *, agent: str = "", options: Overrides | None = None, id: str = "") -> str:  # noqa: A002
        """Answer a prompt again, in a branch beside the first answer."""
        return await self._guest.call(lambda: self._remote.regenerate(run, agent=agent, options=options, id=id))

    async def edit_prompt(
        self,
        run: str,
        text: str,
        *,
        agent: str = "",
        options: Overrides | None = None,
        id: str = "",  # noqa: A002
    ) -> str:
        """Ask in other words, in a branch beside the first answer."""
        return await self._guest.call(lambda: self._remote.edit_prompt(run, text, agent=agent, options=options, id=id))

    async def change(
        self,
        *,
        title: str | None = None,
        metadata: Mapping[str, str | None] = {},
        branch: str = "",
        id: str = "",  # noqa: A002
    ) -> None:
        """Name the room, describe it, or go on from another run."""
        await self._guest.call(lambda: self._remote.change(title=title, metadata=metadata, branch=branch, id=id))

    async def provide_context(self, facts: Mapping[str, str | None], *, id: str = "") -> None:  # noqa: A002
        """Tell the room's agents what they should know, by key."""
        await self._guest.call(lambda: self._remote.provide_context(facts, id=id))

    async def attach(self, data: bytes, media_type: str, name: str) -> AttachedFile:
        """Keep a file at the server, so that a prompt may come with it."""
        return await self._guest.call(lambda: self._remote.attach(data, media_type, name))

    async def ask(self, text: str, *, agent: str = "", id: str = "") -> str:  # noqa: A002
        """Ask an agent and wait for its answer's text."""
        return await self._guest.call(lambda: self._remote.ask(text, agent=agent, id=id))

    async def stop(self, run: str = "", *, id: str = "") -> None:  # noqa: A002
        """Stop a run, or every open run of the room."""
        await self._guest.call(lambda: self._remote.stop(run, id=id))

    async def steer(self, text: str, run: str = "", *, id: str = "") -> None:  # noqa: A002
        """Say something to the run at work."""
        await self._guest.call(lambda: self._remote.steer(text, run, id=id))

    async def decide(self, command: Decision) -> None:
        """Approve, Deny, Answer or Resolve."""
        await self._guest.call(lambda: self._remote.decide(command))

    async def undo(self, run: str = "", **whose: Any) -> dict[str, Any]:
        """Take edits of shared documents back; the keywords are those of `RemoteRoom.undo`."""
        return await self._guest.call(lambda: self._remote.undo(run, **whose))

    async def propose(self, document: str = "main", **more: Any) -> str:
        """Open a draft of a shared document: its name; the keywords are those of `RemoteRoom.propose`."""
        return await self._guest.call(lambda: self._remote.propose(document, **more))

    async def accept(self, draft: str, hunks: Sequence[str] | None = None, **more: Any) -> dict[str, Any]:
        """Accept these hunks of a draft, or all that is left; the keywords are those of `RemoteRoom.accept`."""
        return await self._guest.call(lambda: self._remote.accept(draft, hunks, **more))

    async def reject(self, draft: str, hunks: Sequence[str] | None = None, **more: Any) -> None:
        """Reject these hunks of a draft, or all that is left; the keywords are those of `RemoteRoom.reject`."""
        await self._guest.call(lambda: self._remote.reject(draft, hunks, **more))

    async def fork(self, at: int, **more: Any) -> str:
        """A new room that begins as this one was after record `at`: its name; the keywords are those of
        `RemoteRoom.fork`."""
        return await self._guest.call(lambda: self._remote.fork(at, **more))

    async def merge(self, documents: Sequence[str] | None = None, **more: Any) -> dict[str, Any]:
        """Take what was written in this fork's documents into its parent; the keywords are those of
        `RemoteRoom.merge`."""
        return await self._guest.call(lambda: self._remote.merge(documents, **more))

    async def pause(self, reason: str = "", *, at: int = 0, id: str = "") -> None:  # noqa: A002
        """Let the room's runs take no further step until somebody resumes them."""
        await self._guest.call(lambda: self._remote.pause(reason, at=at, id=id))

    async def resume(self, going: Literal["live", "recorded", "recorded-live"] = "live", *, id: str = "") -> None:  # noqa: A002
        """Let the runs go on that a paused fork began with."""
        await self._guest.call(lambda: self._remote.resume(going, id=id))

    async def wait(self, run: str) -> dict[str, Any]:
        """The run as plain values, once it is terminal."""
        return await self._guest.call(lambda: self._remote.wait(run))

    async def run(self, run: str) -> dict[str, Any]:
        """The run as plain values, as it is now."""
        return await self._guest.call(lambda: self._remote.run(run))

    async def runs(self) -> dict[str, Any]:
        """The room document's runs as plain values, by id."""
        return await self._guest.call(self._remote.runs)

    def follow(self, after: int = 0, *, live: bool = True) -> "Cursor[Record]":
        """The room's records after that seq, and then the new ones."""
        return Cursor(self._guest, self._remote.follow(after, live=live))

    def stream(self, run: str) -> "Cursor[Change]":
        """A run's changes from its beginning to its end, as they come."""
        return Cursor(self._guest, self._remote.stream(run))

    async def document(self, name: str = "") -> "AsyncioDocument":
        """A live document, once it is level with the server's; the room document without a name."""
        return AsyncioDocument(self._guest, await self._guest.call(lambda: self._remote.document(name)))

    @asynccontextmanager
    async def serve(
        self, tools: Sequence[FunctionTool], *, tab: str = "", lasting: bool = False
    ) -> AsyncIterator[Serving]:
        """Let the room's agents call these functions while the block lasts; `async def` ones run in asyncio."""
        mine = [self._guest.adopt(tool) for tool in tools]
        async with self._guest.hold(self._remote.serve(mine, tab=tab, lasting=lasting)) as serving:
            yield serving


class Cursor(Generic[T]):
    """Records or changes, one by one: `async for`, ended by `aclose` or by the end of an `async with`."""

    def __init__(self, guest: "Guest", inner: Any) -> None:
        self._guest = guest
        self._inner = inner

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = await self._guest.call(self._next)
        if item is _END:
            raise StopAsyncIteration
        return item

    async def _next(self) -> Any:
        return await anext(self._inner, _END)

    async def aclose(self) -> None:
        """Close the socket."""
        await self._guest.call(self._inner.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.aclose()


_END = object()


class AsyncioDocument:
    """A live copy of a document; what may be awaited is `Document`'s of that name."""

    def __init__(self, guest: "Guest", document: Document) -> None:
        self._guest = guest
        self._document = document
        self.name = document.name
        self.doc: Doc[Any] = document.doc

    @property
    def unsaved(self) -> int:
        """How many edits of ours are not known to be on the server's disk."""
        return self._document.unsaved

    @contextmanager
    def edit(self) -> "Iterator[Doc[Any]]":
        """Write under one transaction, which is one edit, without an await inside."""
        with self._document.edit() as doc:
            yield doc

    async def saved(self) -> None:
        """Wait until every edit so far is on the server's disk."""
        await self._guest.call(self._document.saved)

    async def changed(self) -> None:
        """Wait for the next change, from here or from there."""
        await self._guest.call(self._document.changed)
