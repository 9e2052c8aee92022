"""Exporting: one room's whole log as a bundle, written as it is read, a page at a time.

The records go as they were sealed, so their chain holds wherever the bundle is opened; those of an encrypted room in
the clear, under a chain over what they say (`storage/opened`). Without somebody's words (`without`) they go as an
erasure would leave them (specs/erasure.md): bodies and updates are written over, the hashes stay, and the last record
says so, though the room itself is not touched. No clock is asked and nothing is drawn by lot, so the same log gives the
same bytes.
"""

from collections.abc import Awaitable, Callable, Collection
from hashlib import sha256
from importlib.metadata import version

import msgspec
import trio

from ...protocol import bundle, limits
from ...protocol.access import HOUSE
from ...protocol.bundle import BundledBlob, Manifest
from ...protocol.codec import decode_event, encode_event, rfc3339
from ...protocol.eraser import Eraser, Everybody
from ...protocol.errors import Refused
from ...protocol.events import Record, RunRequested, RunStarted, SubjectErased
from ...storage import Head, Reader, Sealed, StoreError, chain, erasures
from ...storage.erasing import Spans, erasure_id, name_hash, seqs, spans
from ...storage.opened import Opened, check_open
from ...storage.zipped import Writing
from .moment import Moment, moment

Write = Callable[[bytes], Awaitable[None]]

EVERYBODY = ("*",)
"""Without whose words a bundle may go: everybody's. No person has this name."""

_STARTS = (b"run-requested", b"run-started")
_RUN = b"run-"
"""What is in both, and not in a token's header: one look for it instead of two."""


async def export(reader: Reader, room: str, write: Write, *, by: str, without: Collection[str] = ()) -> Manifest:
    """Give the room's bundle to `write`, piece by piece, and return what it says of itself.

    `by` is who asks for it, `without` are people whose words stay here, or EVERYBODY. Raises Refused('no-such-room'),
    Refused('too-large') where a document is more than a part may be, StoreError; and what `write` raises.
    """
    head = await reader.head(room)
    if head.deleted or not head.seq:
        raise Refused("no-such-room", f"There is no room {room}.")
    writing, agents = Writing(), _Agents()
    opened = await Opened.begun(reader, head)
    stored = head.hash
    redaction = await _Redaction.begun(reader, head, by, without) if without else None
    seq, link = 0, chain.START
    while seq < head.seq and (page := await reader.sealed(room, seq, min(limits.PAGE_RECORDS, head.seq - seq))):
        for one in page:
            check_open(room, one)
        if opened is not None:
            opened.check(page)
        agents.take(page)
        seq, link = page[-1].seq, page[-1].hash
        await write(writing.add_page(_given(page, redaction, opened)))
        await trio.lowlevel.checkpoint()
    if link != head.hash or (await reader.head(room)).lineage != head.lineage:
        raise StoreError(f"the log of room {room} is damaged or was changed while it was exported; verify it")
    if opened is not None:
        opened.check_end(head)
    if redaction is not None:
        head, last = redaction.end()
        for one in last:
            await write(writing.add_page([one] if opened is None else opened.sealed([one])))
    if opened is not None:
        head = msgspec.structs.replace(head, hash=opened.hash)
    found = redaction.moment if redaction is not None else await moment(reader, room, head.seq)
    manifest = Manifest(
        plait=version("plait"),
        by=by,
        room=room,
        lineage=head.lineage,
        epoch=head.epoch,
        seq=head.seq,
        hash=head.hash.hex(),
        time=rfc3339(head.time),
        records=head.seq,
        redacted=redaction.told if redaction is not None else "",
        opened=stored.hex() if opened is not None else "",
        blobs=await _add_blobs(reader, room, writing, write, redaction.blobs if redaction is not None else ()),
        state=await _add_document(writing, write, "", found),
        documents={name: await _add_document(writing, write, name, found) for name in found.documents},
        agents=agents.told(),
    )
    await write(writing.add(bundle.MANIFEST, bundle.encode(manifest)))
    await write(writing.end())
    return manifest


def _given(page: list[Sealed], redaction: "_Redaction | None", opened: Opened | None) -> list[Sealed]:
    """These records as they go out."""
    given = redaction.page(page) if redaction is not None else page
    return given if opened is None else opened.sealed(given)


async def _add_document(writing: Writing, write: Write, name: str, found: Moment) -> str:
    data = found.document(name).get_update()
    await write(writing.add(bundle.document_part(name), data))
    return sha256(data).hexdigest()


async def _add_blobs(
    reader: Reader, room: str, writing: Writing, write: Write, gone: Collection[str]
) -> dict[str, BundledBlob]:
    """The room's blobs, but for those that nothing in the bundle refers to."""
    added: dict[str, BundledBlob] = {}
    name = ""
    while names := await reader.blobs_of(room, after=name):
        for name in names:
            if name in gone:
                continue
            blob = await reader.blob(name)
            if blob is None:
                raise StoreError(f"blob {name} of room {room} is missing; verify it")
            added[name] = BundledBlob(blob.media_type, len(blob.data))
            await write(writing.add(bundle.blob_part(name), blob.data))
    return added


class _Agents:
    """Who was at work, with the versions of their code; only two kinds of records are looked into."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._codes: dict[str, set[str]] = {}

    def take(self, page: list[Sealed]) -> None:
        for one in page:
            if _RUN in one.header and any(kind in one.header for kind in _STARTS):
                event, run = decode_event(one.body), chain.columns(one.header).run
                if isinstance(event, RunRequested):
                    self._of[run] = event.agent
                    self._codes.setdefault(event.agent, set())
                elif isinstance(event, RunStarted) and event.code and run in self._of:
                    self._codes[self._of.pop(run)].add(event.code)

    def told(self) -> dict[str, list[str]]:
        return {agent: sorted(codes) for agent, codes in self._codes.items()}


class _Redaction:
    """The log as an erasure would leave it."""

    def __init__(self, head: Head, by: str, without: Collection[str], past: list[SubjectErased]) -> None:
        self._head = head
        self._by = by
        self._without = sorted(without)
        self._past = past
        self._gone = set(seqs(past[-1].records)) if past else set[int]()
        self._eraser = Eraser(Everybody() if tuple(without) == EVERYBODY else frozenset(without))
        self._erased: list[int] = []
        self._digest = sha256()
        self.moment = Moment()
        self.told = "everybody" if tuple(without) == EVERYBODY else f"{len(self._without)} of its people"

    @classmethod
    async def begun(cls, reader: Reader, head: Head, by: str, without: Collection[str]) -> "_Redaction":
        return cls(head, by, without, await erasures(reader, head.room))

    @property
    def blobs(self) -> Collection[str]:
        return self._eraser.blobs

    def page(self, page: list[Sealed]) -> list[Sealed]:
        """The next records, as they may be given away."""
        taken: list[Sealed] = []
        records: list[Record] = []
        for one in page:
            record = chain.unsealed(one)
            new = self._eraser.take(record)
            records.append(new)
            if new is not record:
                one = msgspec.structs.replace(one, body=encode_event(new.event), update=new.update)
            if new is not record or one.seq in self._gone:
                self._erased.append(one.seq)
                self._digest.update(chain.body_hash(one.body, one.update))
            taken.append(one)
        self.moment.take(records)
        return taken

    def end(self) -> tuple[Head, list[Sealed]]:
        """The records that say what was taken out, one for each person, and the head that they make."""
        added: list[Sealed] = []
        head, records = self._head, spans(self._erased)
        for subject in self._without if records else ():
            record = self._record(head, subject, records, len(self._past) + len(added) + 1)
            leaf = chain.leaf(record)
            link = chain.link(head.hash, leaf.header, leaf.body_hash)
            added.append(Sealed(record.seq, leaf.header, leaf.body, b"", leaf.body_hash, link))
            head = msgspec.structs.replace(head, seq=record.seq, epoch=record.epoch, hash=link)
            self.moment.take([record])
        return head, added

    def _record(self, head: Head, subject: str, records: Spans, number: int) -> Record:
        # Drawn from the head and not by lot: the same log gives the same bytes. It is no secret, as none is in a log.
        salt = sha256(b"redacted" + self._head.hash).digest()[:16]
        event = SubjectErased(name_hash(salt, subject), salt, self._by, records, self._digest.digest(), head.lineage)
        return Record(head.seq + 1, head.time, HOUSE, "", head.epoch + 1, event, id=erasure_id(number))
