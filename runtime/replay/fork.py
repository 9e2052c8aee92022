"""Forking a room: a new room from any record of another one, which goes on by itself from there.

The records are read and written again (`making`) by the store's own doors, so erased, old and encrypted rooms come
through as they are read; the parent is only read.

    fork = await room.fork(12)                                            # after record 12
    fork = await room.fork(12, change=Change(prompt="In French, please")) # record 12 is another one there

Rules stand in specs/forks.md.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from functools import partial

from msgspec import Struct, field, structs

from ...protocol import limits, shape
from ...protocol.access import ANONYMOUS, Grant, check_room
from ...protocol.codec import rfc3339
from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.events import Event, Forked, Record, blobs_of, command_record_id
from ...protocol.forks import Change, Wanted, altered, asked, check_fork, check_resume, kind_of
from ...protocol.names import room_name
from ...protocol.prompts import AgentFacts
from ...protocol.state import VERSION
from ...storage.errors import Fenced, RoomDeleted, StoreError
from ...storage.store import Append, Head, Reader, Snapshot, Store
from ..room.forking import fork_id
from ..room.identity import Surroundings, server_id
from ..room.live import Live
from ..room.redaction import Redactor
from ..room.shaping import projected
from .making import Page, make
from .moment import Moment, moment

__all__ = ["Change", "Fork", "Lineage", "Wanted", "fork", "lineage"]


class Fork(Struct, frozen=True):
    """A fork: its name, and up to which record of which room it is a copy."""

    room: str
    of: str
    at: int


class Child(Struct, frozen=True):
    """A fork as its parent tells of it: since when (RFC 3339), and by whom."""

    room: str
    at: int
    when: str
    by: str


class Parent(Struct, frozen=True):
    """Where a fork comes from."""

    room: str
    at: int


class Lineage(Struct, frozen=True):
    """Where a room comes from, if it is a fork, and which forks it has."""

    room: str
    of: Parent | None = None
    forks: list[Child] = field(default_factory=list)


async def fork(
    store: Store,
    room: str,
    wanted: Wanted,
    *,
    grant: Grant = ANONYMOUS,
    surroundings: Surroundings | None = None,
    redactor: Redactor | None = None,
    agent_for: Callable[[str], AgentFacts] | None = None,
    begins: Callable[[], None] = lambda: None,
) -> Fork:
    """Make the fork that is wanted. Asked again under the same name or id for the same, it is the one that was made
    then. `begins` is called before one is made, and may refuse.

    Raises Refused('no-such-room', 'no-such-moment', 'not-allowed', 'room-exists', 'id-reused', and 'bad-request' for a
    change that the record does not allow), StoreError, OutcomeUnknown.
    """
    surroundings = surroundings or Surroundings()
    check_fork(grant, wanted)
    head = await store.head(room)
    if wanted.id and (made := await _asked_before(store, room, wanted)) is not None:
        check_room(grant, made.room)
        return made
    if wanted.at < 1:
        raise Refused("no-such-moment", "Records are counted from 1.")
    try:
        found = await moment(store, room, wanted.cut)
        changed = await _changed(store, room, wanted, found, grant, agent_for)
        if wanted.goes != "paused":
            check_resume(grant, found.state)
        name = room_name(wanted.name) if wanted.name else await _free(store, room, wanted.at, surroundings)
        check_room(grant, name)
        kind = kind_of(wanted.change) if wanted.change is not None else ""
        forked = Forked(room, head.lineage, wanted.cut, kind, wanted.writes, wanted.goes, wanted.id)
        there = await store.head(name)
        if there.seq or there.deleted:
            if await _same(store, name, forked, changed, grant):
                return Fork(name, room, wanted.cut)
            raise Refused("room-exists", f"There is a room {name}, or there was one.")
        if len(await store.forks(room, limit=limits.ROOM_FORKS)) >= limits.ROOM_FORKS:
            raise Refused("room-full", f"A room may have {limits.ROOM_FORKS} forks.")
        begins()
        snapshot = Snapshot(wanted.cut, VERSION, found.kept())
        redactor = redactor or Redactor()
        last = await _last(store, name, found, grant, forked, changed, surroundings, redactor, asked(wanted))
        await _copy(store, last, head)
        await _copy_snapshots(store, room, name, snapshot)
    except RoomDeleted:
        raise Refused("no-such-room", f"Room {room} was deleted.") from None
    return Fork(name, room, wanted.cut)


Changed = tuple[Event, Record]
"""What stands in the fork, and the parent's record in whose place it stands."""


async def _asked_before(store: Reader, room: str, wanted: Wanted) -> Fork | None:
    """The fork that was made when it was asked for under that id. Raises Refused('id-reused') if it is another one, or
    the id is that of another command of the room."""
    if await store.find(room, command_record_id(wanted.id)) is not None:
        raise Refused("id-reused")
    after = ""
    while page := await store.forks(room, after):
        after = page[-1]
        for name in page:
            with suppress(RoomDeleted):
                record = await store.find(name, fork_id(name))
                if record is not None and isinstance(record.event, Forked) and record.event.command == wanted.id:
                    if record.asked != asked(wanted):
                        raise Refused("id-reused")
                    return Fork(name, room, record.event.at)
    return None


async def _changed(
    store: Reader,
    room: str,
    wanted: Wanted,
    found: Moment,
    grant: Grant,
    agent_for: Callable[[str], AgentFacts] | None,
) -> Changed | None:
    if wanted.change is None:
        return None
    page = await store.read(room, wanted.cut, 1)
    if not page:
        raise Refused("no-such-moment", f"Room {room} has no record {wanted.at}.")
    return altered(wanted.change, page[0], found.state, grant, agent_for), page[0]


async def _free(store: Reader, room: str, at: int, surroundings: Surroundings) -> str:
    """A name that no room ever had."""
    name = _named(room, str(at))
    while (head := await store.head(name)).seq or head.deleted:
        name = _named(room, f"{at}.{surroundings.entropy(3).hex()}")
    return name


def _named(room: str, end: str) -> str:
    return f"{room[: limits.ROOM_NAME_CHARS - len(end) - 1]}~{end}"


async def _same(store: Reader, name: str, forked: Forked, changed: Changed | None, grant: Grant) -> bool:
    """Whether the room of that name is what would be made, by the same person: it was asked for before."""
    try:
        record = await store.find(name, fork_id(name))
        if record is None or record.event != forked or record.author != grant.author:
            return False
        between = await store.read(name, forked.at, 1)
    except RoomDeleted:
        return False
    return changed is None or between[0].event == changed[0]


async def _last(
    store: Reader,
    name: str,
    found: Moment,
    grant: Grant,
    forked: Forked,
    changed: Changed | None,
    surroundings: Surroundings,
    redactor: Redactor,
    key: bytes | None,
) -> Append:
    """The fork's own first records, which are the last ones of its making."""
    client = server_id(name, surroundings.entropy)
    live = Live(name, found.state.epoch + 1, client, {}, surroundings)
    live.redactor = redactor
    live.state = found.state
    live.room_document.apply(found.document().get_update())
    begin = partial(live.begin_fork, grant, forked, *(changed or (None, None)), asked=key)
    if found.state.shape == shape.SHAPE:
        begin()
    else:
        await _reshaped(live, store, forked, begin)
    append = live.append()
    live.release()
    assert append is not None
    return append


async def _reshaped(live: Live, store: Reader, forked: Forked, begin: Callable[[], None]) -> None:
    """Begin the copy of a moment whose document had another shape: what comes now is shown in today's, all in one
    record."""
    stands = live.room_document
    live.room_document = await projected(store, forked.of, forked.at)
    try:
        begin()
        live.drafts = [structs.replace(draft, update=b"") for draft in live.drafts]
        live.changes.clear()
        wanted, live.room_document = live.room_document, stands
        live.reshape(wanted)
    finally:
        stands.release()
        live.room_document.release()


async def _copy(store: Store, last: Append, parent: Head) -> None:
    """Make the room: what the parent has up to there, then its own. Raises Refused('room-exists', 'lineage-changed'),
    StoreError, OutcomeUnknown, and then there is no such room."""
    try:
        async with aclosing(_pages(store, parent, last.after)) as pages:
            await make(store, last, pages, of=parent.room)
    except Fenced:
        raise Refused("room-exists", f"There is a room {last.room}, or it is being made.") from None


async def _pages(store: Store, parent: Head, until: int) -> AsyncGenerator[Page]:
    after = 0
    while after < until:
        page = await store.read(parent.room, after, min(limits.PAGE_RECORDS, until - after))
        yield page, await _blobs(store, page)
        after = page[-1].seq
    if (await store.head(parent.room)).lineage != parent.lineage:  # What was erased there may be in the copy.
        raise Refused("lineage-changed", f"The history of {parent.room} was changed meanwhile; fork it again.")


async def _blobs(store: Reader, page: list[Record]) -> tuple[str, ...]:
    """The files that these records refer to and that are there."""
    named = dict.fromkeys(blob for record in page for blob in blobs_of(record.event) if blob)
    return tuple([blob for blob in named if await store.blob_facts(blob) is not None])


async def _copy_snapshots(store: Store, of: str, name: str, newest: Snapshot) -> None:
    """The parent's ladder up to there, and the moment itself, so that the fork is opened, and its past is shown, as
    fast as the parent's. They are caches: one that cannot be kept is not missed."""
    found: list[Snapshot] = [newest]
    with suppress(StoreError, OutcomeUnknown):
        while (older := await store.snapshot(of, found[-1].seq - 1)) is not None and older.version == VERSION:
            found.append(older)
            await store.save_snapshot(name, older)
        await store.save_snapshot(name, newest)


async def lineage(reader: Reader, room: str, sees: Callable[[str], bool] = lambda name: True) -> Lineage:
    """Where the room comes from, and those of its forks of whose names `sees` is true. Raises Refused('no-such-room'),
    StoreError."""
    if (await reader.head(room)).deleted:
        raise Refused("no-such-room")
    own = await reader.find(room, fork_id(room))
    event = own.event if own is not None else None
    parent = Parent(event.of, event.at) if isinstance(event, Forked) else None
    forks: list[Child] = []
    after = ""
    while page := await reader.forks(room, after):
        after = page[-1]
        for name in filter(sees, page):
            with suppress(RoomDeleted):
                record = await reader.find(name, fork_id(name))
                if record is not None and isinstance(record.event, Forked):
                    forks.append(Child(name, record.event.at, rfc3339(record.time), record.author))
    return Lineage(room, parent, forks)
