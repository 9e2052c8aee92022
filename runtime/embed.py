"""plait inside anybody's Trio program: `async with Runtime(store, agents=[…]) as rt`.

This is the whole public way in; `plait serve` is written with nothing else. The block is a nursery: what fails inside
is the caller's exception, and leaving the block drains: running steps are left resumable, rooms leave their logs in
good order, sockets close with 1012.
"""

import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Self

import msgspec
import trio
from pycrdt import Doc

from ..protocol import limits, parsing, porting
from ..protocol.access import ANONYMOUS, Grant, check_room
from ..protocol.admission import Allowance
from ..protocol.commands import Asked, AttachedFile
from ..protocol.drafts import ShownHunks
from ..protocol.errors import OutcomeUnknown, Refused
from ..protocol.events import Going, Record, RunFailed, RunFinished, RunStopped, command_record_id
from ..protocol.forks import Change, Wanted, WantedBack
from ..protocol.names import document_name, room_name
from ..protocol.shown import shown_room, shown_runs
from ..storage.store import Store
from .agent.crew import AgentCrew
from .agent.definition import Agent
from .auth.gate import Auth, Gate
from .auth.revocations import Kind, Revocations
from .commanding import RoomCommands
from .replay.fork import Lineage, lineage
from .room.forking import Merged
from .room.identity import Surroundings
from .room.live import Answer
from .room.proposing import look
from .room.quota import Quota
from .room.redaction import Redact, Redactor
from .room.rooms import Rooms
from .room.seeding import Seeded
from .server.tls import Certificate


class Runtime:
    """Rooms and agents over one store, for as long as the block lasts.

    `agents`: who is at work here; the first one answers prompts that name nobody. `surroundings` brings time and
    randomness; a simulation gives its own. `allowance`: what outsiders may use (specs/admission.md). `redact` is given
    each text before it is written down, and gives what may be (specs/secrets.md).
    """

    def __init__(
        self,
        store: Store,
        agents: Sequence[Agent] = (),
        *,
        surroundings: Surroundings | None = None,
        allowance: Allowance | None = None,
        redact: Redact | None = None,
    ) -> None:
        self.store = store
        self.agents = list(agents)
        surroundings = surroundings or Surroundings()
        self._crew = AgentCrew(self.agents, surroundings)
        self._allowance = allowance or Allowance()
        self._now = surroundings.now
        self._revocations = Revocations(store)
        quota, redactor = Quota(self._allowance), Redactor(redact)
        self.rooms = Rooms(store, self._crew, surroundings, self._revocations.covers, quota, redactor)
        self._revocations.told.append(self.rooms.reconsider)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._nursery = await stack.enter_async_context(trio.open_nursery())
            # Before any room wakes: what was revoked meanwhile does not go on.
            await self._revocations.load()
            # And so the runs that it goes on with may need these tools.
            await self._crew.start_sources(self._nursery)
            await self._nursery.start(self.rooms.run)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: Any) -> bool | None:
        self.rooms.end_all_tabs(1012, "restarting")
        self._nursery.cancel_scope.cancel()
        try:
            return await self._stack.__aexit__(*exc)
        finally:
            with trio.CancelScope(shield=True):
                await self._crew.aclose()

    def room(self, name: str) -> "RoomHandle":
        """A room by name; nothing happens until something is asked of it. Raises Refused('bad-name')."""
        return RoomHandle(self.rooms, self.store, room_name(name))

    async def revoke(self, *, subject: str = "", grant: str = "", room: str = "") -> None:
        """Let grants count no more: all of a subject or for a room that were issued until now, or the one of that id.
        Sockets that use one close with 4301 at once; when this returns it is on disk. Raises Refused, StoreError,
        OutcomeUnknown."""
        wanted: dict[Kind, str] = {"subject": subject, "grant": grant, "room": room}
        asked: list[tuple[Kind, str]] = [(kind, value) for kind, value in wanted.items() if value]
        if len(asked) != 1:
            raise ValueError("revoke one thing: a subject, a grant's id or a room")
        await self._revocations.revoke(*asked[0], self._now())

    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 8787,
        *,
        allow_origins: Sequence[str] = (),
        auth: Auth | None = None,
        trust_proxy: Sequence[str] = (),
        proxy_protocol: bool = False,
        tls: Certificate | None = None,
        task_status: "trio.TaskStatus[str]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve the console, HTTP and WebSocket on one port until cancelled; started with the URL once it listens.

        `auth` says who may come in: keys, by which signed grants are checked (`keys_from_file`), or a function of your
        own that is given each request's head (`Asker`) and gives a `Grant`, or None for nobody. Without it everybody
        may do everything. `trust_proxy` are the addresses and networks of proxies whose `X-Forwarded-For`, `-Proto` and
        `-Host` are believed; with `proxy_protocol` their connections begin with a header of the PROXY protocol. `tls`
        is the certificate to answer with; without it everything is said in the clear. Raises BadProxy, OSError,
        StoreError.
        """
        from .server.listener import serve
        from .server.peer import Proxies

        proxies = Proxies(trust_proxy, header=proxy_protocol)
        async with trio.open_nursery() as nursery:
            about = {"agents": [{"name": agent.name, "model": agent.model.name} for agent in self.agents]}
            gate = Gate(auth, revocations=self._revocations, now=self._now)
            listening = partial(
                serve,
                self.rooms,
                host=host,
                port=port,
                allow_origins=allow_origins,
                gate=gate,
                proxies=proxies,
                tls=tls,
                about=about,
                allowance=self._allowance,
            )
            task_status.started((await nursery.start(listening)).url)


class RoomHandle(RoomCommands):
    """What a program may do with a room, beside the commands: look at it, edit and keep its documents, follow its log.
    Each call wakes the room and lets it sleep again. What is done is its `author`'s."""

    def __init__(self, rooms: Rooms, store: Store, name: str, grant: Grant = ANONYMOUS) -> None:
        self._rooms = rooms
        self._store = store
        self.name = name
        self.grant = grant
        self.author = grant.author

    def by(self, author: str) -> "RoomHandle":
        """The same room, for whoever the program acts for; it may do everything."""
        return self.under(Grant(author=author))

    def under(self, grant: Grant) -> "RoomHandle":
        """The same room, for whoever holds that grant: its commands are checked against it, and the runs that it asks
        for may do no more. What the program does to documents by functions is its own affair."""
        return RoomHandle(self._rooms, self._store, self.name, grant)

    async def attach(self, data: bytes, media_type: str, name: str) -> AttachedFile:
        """Keep a file, so that a prompt may come with it. Raises Refused('too-large')."""
        if len(data) > limits.BLOB_BYTES:
            raise Refused("too-large", f"A file may have {limits.BLOB_BYTES} bytes.")
        return AttachedFile(await self._store.put_blob(data, media_type), name, media_type, len(data))

    def _id(self) -> str:
        return str(uuid.uuid4())

    async def _ask(self, command: Asked) -> Answer:
        checked = parsing.parse(msgspec.json.encode(command))  # The same limits as over the wire.
        check_room(self.grant, self.name)
        assert isinstance(checked, Asked)
        async with self._rooms.use(self.name) as room:
            return await room.ask(self.grant, checked)

    def follow(self, after: int = 0) -> "Follow":
        """The room's records after that seq, and then the new ones: `async for record in room.follow()`."""
        return Follow(self, after)

    async def next_records(self, after: int) -> list[Record]:
        """The records after that seq, at least one: waits for it."""
        while True:
            async with self._rooms.use(self.name) as room:
                with suppress(OutcomeUnknown):  # This room ended; if it can be had again, it goes on.
                    await room.beyond(after)
                    return await self._store.read(self.name, after, limits.PAGE_RECORDS)

    async def wait(self, run: str) -> dict[str, Any]:
        """The run in the room document's shape, as plain values, once it is terminal. Raises Refused('no-such-run')."""
        first = int(run) if run.isascii() and run.isdigit() else 0
        known = await self._store.read(self.name, first - 1, 1) if first else []
        if not known or known[0].run != run:
            raise Refused("no-such-run", f"Room {self.name} has no run {run}.")
        async for record in self.follow(first):
            if record.run == run and isinstance(record.event, RunFinished | RunStopped | RunFailed):
                break
        return (await self.runs()).get(run, {})

    async def runs(self) -> dict[str, Any]:
        """The room document's runs as plain values, by id."""
        return shown_runs(await self.document())

    async def fork(
        self,
        at: int,
        *,
        name: str = "",
        change: Change | None = None,
        writes: bool = False,
        going: Going | None = None,
        id: str = "",  # noqa: A002
    ) -> "RoomHandle":
        """A new room that begins as this one was after record `at`; or, with a `change`, after the record before, and
        `at` is then another one there (specs/forks.md). Its open runs wait until somebody resumes them, unless
        something was changed or `going` says otherwise; its tools change nothing outside unless it `writes`. Raises
        Refused, StoreError, OutcomeUnknown."""
        made = await self._rooms.fork(self.name, Wanted(at, name, change, writes, going, id), self.grant)
        return RoomHandle(self._rooms, self._store, made.room, self.grant)

    async def merge(
        self,
        documents: Sequence[str] | None = None,
        *,
        preview: bool = False,
        id: str = "",  # noqa: A002
    ) -> Merged:
        """Take what was written in this fork's documents into its parent, each edit as its author's; or say what that
        would be. Merging again takes what came since. Raises Refused, StoreError, OutcomeUnknown."""
        named = None if documents is None else list(documents)
        return await self._rooms.merge(self.name, WantedBack(named, preview, id), self.grant)

    async def lineage(self) -> Lineage:
        """Where the room comes from, if it is a fork, and which forks it has."""
        return await lineage(self._store, self.name)

    async def delete(self) -> None:
        """Forget the room for good: its log, its documents and the files that only it used. Whoever is in it is told,
        and its name is nobody's any more. Raises Refused('no-such-room') if there is nothing to forget, StoreError,
        OutcomeUnknown."""
        await self._rooms.delete(self.name)

    async def about(self) -> dict[str, Any]:
        """What the room document says of the room itself: title, metadata, branch, what it has spent."""
        return shown_room(await self.document())

    async def edit(
        self,
        document: str,
        transform: "Callable[[Doc[Any]], Any]",
        *,
        id: str = "",  # noqa: A002
    ) -> Any:
        """Edit a shared document by a function of the live one, which runs between the edits of two other people; what
        it gave, once that is on disk. It must not wait, and raises Refused before it changes anything. Under an `id` it
        happens once: asked again, it gives what it gave. Raises Refused, OutcomeUnknown, and what the function raised.
        """
        name, key = document_name(document), command_record_id(id) if id else ""
        async with self._rooms.use(self.name) as room:
            return await room.write(self.author, name, transform, key=key)

    async def seed(
        self,
        document: str,
        data: bytes,
        format: porting.Format,  # noqa: A002
        *,
        root: str = "",
    ) -> Seeded:
        """Let a document that nobody has written in begin with a file (specs/porting.md); its seeding. It happens
        once: the same file again gives the first seeding. Raises Refused('already-seeded'), or what else is wrong with
        the file, and OutcomeUnknown, after which asking again is safe."""
        name, event = document_name(document), porting.seeding(data, format, root=root)
        async with self._rooms.use(self.name) as room:
            return await room.seed(self.author, name, event, data)

    async def export(self, document: str, format: porting.Format, *, root: str = "") -> bytes:  # noqa: A002
        """A document as a file (specs/porting.md). Raises Refused."""
        name = document_name(document)
        async with self._rooms.use(self.name) as room:
            update = await room.document(name)
        return porting.export(update, format, root=root, document=name)

    async def draft(self, name: str) -> ShownHunks:
        """A draft with its hunks, as the log says now. Raises Refused('no-such-draft')."""
        return await look(self.name, self._store, name)

    async def document(self, name: str = "") -> "Doc[Any]":
        """A copy of a document as it stands; the room document without a name."""
        async with self._rooms.use(self.name) as room:
            update = await room.document(document_name(name) if name else "")
        doc: Doc[Any] = Doc()
        doc.apply_update(update)
        return doc


class Follow:
    """A cursor into a room's log, never a queue: whoever reads slowly holds nothing back and loses nothing."""

    def __init__(self, room: RoomHandle, after: int) -> None:
        self._room = room
        self._page: list[Record] = []
        self.seq = after
        """The seq of the last record given."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        if not self._page:
            self._page = (await self._room.next_records(self.seq))[::-1]
        record = self._page.pop()
        self.seq = record.seq
        return record
