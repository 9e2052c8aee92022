"""Importing: a room from a bundle, whole and checked, or not at all.

First all of it is checked, without a byte written: the chain, every record's header and body, each update against what
its document has, the fold, the documents that this gives against those that the bundle holds, the files against their
names. Then it is put aside page by page and appears at once (`Store.adopt`), with a record behind it that says where it
came from. Rules stand in specs/bundles.md.
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Self

import trio
from msgspec import Struct
from pycrdt import Doc

from ...protocol import limits, shape
from ...protocol.bundle import bad, document_part
from ...protocol.errors import OutcomeUnknown, Refused
from ...protocol.events import Record, RoomImported, blobs_of
from ...protocol.names import room_name
from ...protocol.reshaping import clock_of
from ...protocol.state import VERSION
from ...protocol.update import fits, read
from ...storage import About, Append, Fenced, RoomTaken, Sealed, Snapshot, Store, StoreError, chain
from ...storage.bundle import BundleReader
from .making import Page, make
from .moment import Moment

_TOGETHER = 50
"""Records that are folded between two looks at what else there is to do."""

Tick = Callable[[int], None]
"""Told how many records were checked."""


class Imported(Struct, frozen=True):
    """What came of it. It is `room` here, was `of` where it was written, and has `records` of there; `stopped` runs
    were open and do not go on. `again`: it was here before, and nothing happened."""

    room: str
    of: str
    records: int
    redacted: str = ""
    stopped: int = 0
    again: bool = False


async def import_(
    store: Store,
    file: Path | IO[bytes],
    *,
    by: str,
    now: int,
    name: str = "",
    grant: str = "",
    resume: bool = False,
    tick: Tick = lambda _: None,
) -> Imported:
    """Make a room of the bundle, under the name that it had or another; `now` is µs since 1970. With `resume` what was
    at work when it was exported goes on, in whatever process opens the room.

    Raises Refused('bad-bundle') where anything in it is not as it was written, Refused('room-taken') where a room of
    that name is or was something else, StoreError, OSError. Then nothing changed, and asking again is safe.
    """
    async with BundleReader(file) as reader:
        manifest = reader.manifest
        room = room_name(name or manifest.room)
        said = Imported(room, manifest.room, manifest.records, manifest.redacted)
        event = RoomImported(manifest.room, manifest.lineage, bytes.fromhex(manifest.hash), resume)
        if resume and manifest.redacted:
            raise Refused("bad-request", "What was at work cannot go on without the words that were taken out.")
        if await _is_here(store, room, manifest.seq, event):
            return Imported(*_fields(said), again=True)
        with tempfile.TemporaryFile() as spool:
            checked = await _check(reader, _Rungs(spool), tick)
            for blob in manifest.blobs:
                kept = await reader.blob(blob)
                assert kept is not None
                await store.put_blob(kept.data, kept.media_type)
            state = checked.moment.state
            open_runs = len(state.open_runs())
            waiting = sum(run.status == "waiting" for run in state.open_runs()) if resume else 0
            about = About(state.title, dict(state.metadata), waiting)
            last = await reader.head(manifest.room)
            record = Record(last.seq + 1, max(now, last.time), by, "", last.epoch + 1, event, grant=grant)
            append = Append(
                room, record.epoch, last.seq, (record,), open_runs, about=about, blobs=tuple(sorted(manifest.blobs))
            )
            try:
                if store.encrypts:  # As they stand, the records would lie there in the clear.
                    await make(store, append, _Unsealed(reader))
                else:
                    await store.adopt(append, _Pages(reader))
            except (RoomTaken, Fenced) as taken:
                raise Refused("room-taken", f"There is a room {room} already; say another name.") from taken
            with suppress(StoreError, OutcomeUnknown):  # They are caches, and the room is there.
                for snapshot in checked.rungs.kept():
                    await store.save_snapshot(room, snapshot)
    return Imported(*_fields(said), stopped=0 if resume else open_runs)


def _fields(said: Imported) -> tuple[str, str, int, str]:
    return said.room, said.of, said.records, said.redacted


async def _is_here(store: Store, room: str, seq: int, event: RoomImported) -> bool:
    """Whether the room is this bundle's, imported before. Raises Refused('room-taken') if it is another one."""
    head = await store.head(room)
    if head.deleted:
        raise Refused("room-taken", f"A room {room} was here and was deleted; its name is nobody's any more.")
    if not head.seq:
        return False
    found = await store.read(room, seq, 1)
    known = found[0].event if found else None
    if isinstance(known, RoomImported) and (known.lineage, known.hash) == (event.lineage, event.hash):
        return True
    raise Refused("room-taken", f"There is a room {room} already, which is not this one; say another name.")


class _Pages:
    """A bundle's pages, one after the other; whoever stops half way leaves nothing open."""

    def __init__(self, reader: BundleReader) -> None:
        self._zipped = reader.zipped
        self._firsts = iter(reader.zipped.pages)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Sealed]:
        for first in self._firsts:
            return await trio.to_thread.run_sync(self._zipped.page, first)
        raise StopAsyncIteration


class _Unsealed(_Pages):
    """The same pages as records, for a store that seals them by itself."""

    async def __anext__(self) -> Page:  # type: ignore[override]
        return [chain.unsealed(one) for one in await super().__anext__()], ()


class _Rungs:
    """Snapshots for the ladder of the room that is made, kept in a file until it is there."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at: list[tuple[int, int]] = []

    def add(self, moment: Moment) -> None:
        """The room as it is at that moment."""
        self._at.append((moment.seq, self._file.write(moment.kept())))

    def kept(self) -> "list[Snapshot] | Any":
        """All of them, oldest first, one at a time."""
        self._file.seek(0)
        return (Snapshot(seq, VERSION, self._file.read(size)) for seq, size in self._at)


class _Checked:
    """A log as its records make it: fold, documents and what it refers to."""

    def __init__(self, rungs: _Rungs) -> None:
        self.moment = Moment()
        self.blobs: set[str] = set()
        self.rungs = rungs
        self._clocks: dict[str, dict[int, int]] = {}
        self._rung = 0

    def take(self, page: list[Sealed]) -> None:
        """The next records. Raises Refused('bad-bundle'), which names the one that cannot be taken in."""
        for one in page:
            try:
                record = chain.unsealed(one)
                if record.update:
                    self._grow(record)
                self.moment.take([record])
                self.blobs.update(filter(None, blobs_of(record.event)))
            except Exception as error:  # Whatever a forged fact makes the fold stumble over, it does not follow.
                why = error.message if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
                raise bad(f"Record {one.seq} is sealed, but does not follow from the log: {why}") from error
        rung = self.moment.seq // limits.SNAPSHOT_RECORDS
        if rung > self._rung:
            self._rung = rung
            self.rungs.add(self.moment)

    def _grow(self, record: Record) -> None:
        update = read(record.update, own=not record.document)
        clocks = self._clocks.setdefault(record.document, {})
        if not fits(update, clocks):
            raise ValueError("its update leans on structs that the document does not have")
        for section in update.sections:
            clocks[section.client] = max(clocks.get(section.client, 0), section.end)


async def _check(reader: BundleReader, rungs: _Rungs, tick: Tick) -> _Checked:
    """Check all of the bundle. Raises Refused('bad-bundle')."""
    await reader.checked()
    checked = _Checked(rungs)
    async for page in _Pages(reader):
        for first in range(0, len(page), _TOGETHER):
            checked.take(page[first : first + _TOGETHER])
            await trio.lowlevel.checkpoint()
        tick(len(page))
    await _check_documents(reader, checked.moment)
    _check_shape(checked.moment)
    await _check_blobs(reader, checked.blobs)
    rungs.add(checked.moment)
    return checked


async def _check_documents(reader: BundleReader, moment: Moment) -> None:
    manifest = reader.manifest
    if sorted(manifest.documents) != moment.documents:
        raise bad("Its manifest names other documents than its log writes in.")
    for name, digest in {"": manifest.state, **manifest.documents}.items():
        data = await trio.to_thread.run_sync(reader.zipped.read, document_part(name))
        if sha256(data).hexdigest() != digest:
            raise bad(f"The part of document {name!r} holds other bytes than its manifest says.")
        if not _is(moment.document(name), data):
            raise bad(f"Document {name!r} is not what the log makes of it.")


def _check_shape(moment: Moment) -> None:
    """Whether its room could be opened, and left alone by whoever holds its document as it is."""
    state = moment.state
    if state.shape > shape.SHAPE:
        raise bad(f"Its document has shape {state.shape}, and this plait knows up to {shape.SHAPE}; upgrade plait.")
    shaped = state.shaped
    if shaped is not None and clock_of(moment.document(), shaped.client) < shaped.clock:
        raise bad(f"Its document is not as far as record {state.shaped_at} says.")


def _is(doc: "Doc[Any]", data: bytes) -> bool:
    """Whether these bytes are that document, put together as another version of the library would."""
    if data == doc.get_update():
        return True
    try:
        if not fits(read(data, own=True), {}):
            return False
        other: Doc[Any] = Doc()
        other.apply_update(data)
    except (Refused, ValueError):
        return False
    return other.get_update() == doc.get_update()


async def _check_blobs(reader: BundleReader, wanted: set[str]) -> None:
    missing = wanted.difference(reader.manifest.blobs)
    if missing:
        raise bad(f"Its log refers to blob {min(missing)}, which is not in it.")
    for name in reader.manifest.blobs:
        blob = await reader.blob(name)
        assert blob is not None
        hashed = await trio.to_thread.run_sync(lambda data=blob.data: sha256(data).hexdigest())
        if hashed != name:
            raise bad(f"Blob {name} holds other bytes than its name says.")
