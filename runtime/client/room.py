"""`connect`: a room on some other server, as if it were here, for as long as the block lasts.

    async with connect("ws://127.0.0.1:8787", "counter") as room:
        print(await room.ask("What time is it?"))

The block begins at once, whether or not there is a server; what is asked waits for one. Sockets: one for commands and
the room document, one for each shared document, one for each follower. Rules (specs/client.md):

1. A command that was asked is asked again under its id until it is answered.
2. Leaving the block closes the sockets and waits for nothing: `await document.saved()` does.
3. What the server refuses for good (4400 to 4499) every later call raises.
"""

import os
import random as chance
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from ...protocol import control
from ...protocol.asking import Asking
from ...protocol.carrying import Carrying
from ...protocol.changes import answer_text, complete
from ...protocol.commands import Asked, AttachedFile, Change, Fork, Forking, Merge
from ...protocol.control import Denied, Done
from ...protocol.errors import OutcomeUnknown, PlaitError, Refused
from ...protocol.events import Going
from ...protocol.names import document_name, room_name
from ...protocol.replica import Replica
from ...protocol.shown import shown_runs
from ..commanding import RoomCommands
from ..tools.tool import Tool
from .carrier import Serving, offers
from .document import Document
from .follow import Follow
from .link import Address, Dial, Link, Status
from .link import dial as dial_tcp
from .stream import Stream
from .upload import upload


class NotAnswered(PlaitError):
    """What was asked ended without an answer: it failed or was stopped. It does not mean that nothing happened.

    `run` is the run as plain values; its parts tell how far it came.
    """

    def __init__(self, run: dict[str, Any]) -> None:
        super().__init__(run.get("error_message") or f"The run is {run['status']}.")
        self.run = run


@asynccontextmanager
async def connect(
    url: str,
    room: str,
    *,
    grant: str = "",
    random: Callable[[], float] = chance.random,
    entropy: Callable[[int], bytes] = os.urandom,
    dial: Dial = dial_tcp,
) -> "AsyncIterator[RemoteRoom]":
    """A room of the server at `url` (`ws://HOST:PORT`, as `plait serve` prints it with http).

    `grant` is the signed permission in base64url, where the server wants one. `random` and `entropy` bring the chance
    in pauses and ids; the clock is Trio's. `dial` opens another stream than TCP, for simulations.
    Raises ValueError for what is no URL, Refused('bad-name').
    """
    address = Address.parse(url, grant)
    name = room_name(room)
    raised: Exception | None = None
    async with trio.open_nursery() as nursery:
        remote = RemoteRoom(name, address, nursery, random, entropy, dial)
        try:
            yield remote
        except Exception as error:  # The nursery would wrap it in a group, and `except Refused` around us miss it.
            raised = error
        finally:
            remote.release()
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised


class RemoteRoom(RoomCommands):
    """What a program may do with a room elsewhere. Every method may be called by many tasks at once."""

    def __init__(
        self,
        name: str,
        address: Address,
        nursery: trio.Nursery,
        random: Callable[[], float],
        entropy: Callable[[int], bytes],
        dial: Dial,
    ) -> None:
        self.name = name
        self._address = address
        self._nursery = nursery
        self._random = random
        self._entropy = entropy
        self._dial = dial
        self._asking = Asking()
        self._documents: dict[str, Document] = {}
        self._replicas: list[Replica] = []
        self._serving = False
        self.tab = str(uuid.UUID(bytes=entropy(16), version=4))
        """This object's name as a tab with tools, unless `serve` is given another one."""
        self._link = self._new_link(f"/rooms/{name}")
        self._link.add(self._asking)
        nursery.start_soon(self._link.run)

    @property
    def status(self) -> Status:
        """connecting, connected, waiting (for the next try) or ended."""
        return self._link.status

    @property
    def trouble(self) -> str:
        """How the last socket ended, or why the client has, for people."""
        return str(self._link.error) if self._link.error else self._link.trouble

    def release(self) -> None:
        """Let go of the documents; their last state stays readable."""
        for replica in self._replicas:
            replica.release()

    async def fork(
        self,
        at: int,
        *,
        name: str = "",
        change: Change | None = None,
        writes: bool = False,
        going: Going | None = None,
        id: str = "",  # noqa: A002
    ) -> str:
        """A new room that begins as this one was after record `at`; or, with a `change`, after the record before, and
        `at` is then another one there: its name, with which to `connect` (specs/forks.md). Its open runs wait until
        somebody resumes them, unless something was changed or `going` says otherwise; its tools change nothing outside
        unless it `writes`. Raises Refused."""
        command = Fork(id=id or self._id(), at=at, name=name, change=change, writes=writes, going=going)
        return (await self._ask(command)).result["room"]

    async def merge(
        self,
        documents: Sequence[str] | None = None,
        *,
        preview: bool = False,
        id: str = "",  # noqa: A002
    ) -> dict[str, Any]:
        """Take what was written in this fork's documents into its parent, each edit as its author's; or say what that
        would be: `room`, `until`, `seq` and by name `documents` (specs/forks.md). Merging again takes what came since.
        Raises Refused."""
        named = None if documents is None else list(documents)
        return (await self._ask(Merge(id=id or self._id(), documents=named, preview=preview))).result

    async def attach(self, data: bytes, media_type: str, name: str) -> AttachedFile:
        """Keep a file at the server, so that a prompt may come with it. Raises Refused."""
        return await upload(self._address, self._dial, self._random, data, media_type, name)

    async def _ask(self, command: Asked | Forking) -> Done:
        await self._link.check_waiting()
        question = self._asking.ask(command)
        self._link.wake()
        try:
            while question.answer is None:
                await trio.lowlevel.checkpoint_if_cancelled()
                if self._link.error is not None and question.sent:
                    raise OutcomeUnknown("The client has ended before the answer came.") from self._link.error
                self._link.check()
                await self._link.changed()
        except trio.Cancelled:
            self._asking.withdraw(question)
            raise
        if isinstance(question.answer, Denied):
            raise control.refusal_of(question.answer.refused)
        return question.answer.ok

    # --- tools --------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def serve(self, tools: Sequence[Tool], *, tab: str = "", lasting: bool = False) -> AsyncIterator[Serving]:
        """Let the room's agents call these functions of ours while the block lasts: `async with room.serve([paint]):`.

        Each call runs here once: it is claimed before and answered after, over any number of sockets (specs/client.md).
        `tab` is our name in the room: a process that gives the same one after a restart takes up what it had not begun;
        no two may have it at once. `lasting` tools are offered while nobody is here too, and their calls wait.
        Raises ValueError for tools that a tab cannot have, Refused if the room does not take them.
        """
        if self._serving:
            raise ValueError("this room object has tools already; serve all of them in one block")
        offered = offers(tools, lasting)
        if "" not in self._documents:
            self._documents[""] = self._open("")
        await self._link.check_waiting()
        carrying = Carrying(self._asking, self._documents[""].replica, tab or self.tab, offered, self._id)
        self._serving = True
        try:
            self._link.add(carrying)
            async with Serving(self.name, self._link, carrying, tools).open() as serving:
                yield serving
        finally:
            self._serving = False

    # --- looking ------------------------------------------------------------------------------------------------------

    def follow(self, after: int = 0, *, live: bool = True) -> Follow:
        """The room's records after that seq, and then the new ones: `async for record in room.follow()`.

        Without `live` they end at the log's end.
        """
        return Follow(self._nursery, self._new_link(f"/rooms/{self.name}"), after, live)

    def stream(self, run: str) -> Stream:
        """A run's changes from its beginning to its end, as they come: `async for change in room.stream(run)`.

        What they are says `protocol.changes`. Raises Refused('no-such-run'), here or from the first change on.
        """
        if not (run.isascii() and run.isdigit() and 1 <= int(run[:30]) < 1 << 53):
            raise Refused("no-such-run", f"Room {self.name} has no run {run}.")
        return Stream(self.name, run, self.follow(int(run) - 1, live=False))

    async def wait(self, run: str) -> dict[str, Any]:
        """The run in the room document's shape, as plain values, once it is terminal. Raises Refused('no-such-run')."""
        async with self.stream(run) as changes:
            return await changes.end()

    async def run(self, run: str) -> dict[str, Any]:
        """The run as it is now, as `wait` gives it; an old one from the log. Raises Refused('no-such-run')."""
        shown = (await self.runs()).get(run)
        return complete(shown) if shown is not None else await self.wait(run)

    async def ask(self, text: str, *, agent: str = "", id: str = "") -> str:  # noqa: A002
        """Ask an agent and wait for its answer's text. Raises Refused, and NotAnswered for a run without an answer.

        Giving up does not stop the run. Asked again under the same `id` it waits for the same answer.
        """
        run = await self.wait(await self.prompt(text, agent=agent, id=id))
        if run["status"] != "done":
            raise NotAnswered(run)
        return answer_text(run)

    async def runs(self) -> dict[str, Any]:
        """The room document's runs as plain values, by id, as they are now."""
        return shown_runs((await self.document()).doc)

    async def document(self, name: str = "") -> Document:
        """A live document, once it is level with the server's; the room document without a name. Raises Refused."""
        key = document_name(name) if name else ""
        document = self._documents.get(key)
        if document is None:
            document = self._documents[key] = self._open(key)
        await document.synced()
        return document

    def _open(self, name: str) -> Document:
        # 32 bits, as browsers draw them: a server's own ids have 53, so it never takes ours for its own.
        replica = Replica(int.from_bytes(self._entropy(4), "big") or 1, writable=bool(name))
        self._replicas.append(replica)
        if not name:
            self._link.add(replica)
            return Document(name, replica, self._link)
        link = self._new_link(f"/docs/{self.name}/{name}")
        link.add(replica)
        self._nursery.start_soon(link.run)
        return Document(name, replica, link)

    def _new_link(self, path: str) -> Link:
        return Link(self._address, path, self._random, self._dial)

    def _id(self) -> str:
        return str(uuid.UUID(bytes=self._entropy(16), version=4))
