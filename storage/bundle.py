"""A bundle as a store that can only be read: one log, under the room, lineage and head that it was written under.

Nothing of it is told before all of its chain was checked, in one pass and a page at a time; whoever reads it then reads
what was written. Snapshots are in no bundle, because only a fold of the whole log could check one. Rules stand in
specs/bundles.md.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

import trio

from ..protocol import limits
from ..protocol.access import ANY, fits
from ..protocol.bundle import Manifest, bad, blob_part
from ..protocol.codec import CorruptBody, decode_event, rfc3339
from ..protocol.events import Record, SubjectErased
from . import chain, listing
from .erasing import Erased, seqs
from .errors import StoreError
from .store import ANY_SEQ, About, Blob, BlobFacts, Head, Listed, Listing, Revocation, Sealed, Sieve, Snapshot
from .zipped import Zipped

_ERASED = "subject-erased"


class Walk:
    """Takes the pages of a log in order and says where it is first not what was written. A body that is another than
    was sealed counts only if the newest erasure, which stands behind it, names it; what it left is looked at after."""

    def __init__(self) -> None:
        self.seq = 0
        self.hash = chain.START
        self.epoch = 0
        self.time = 0
        self.ids: dict[str, int] = {}
        self.erasure: SubjectErased | None = None
        """The newest one, if there is any."""
        self.other: set[int] = set()
        """Records that are not what was sealed."""

    def take(self, page: Sequence[Sealed]) -> None:
        """Raises Refused('bad-bundle'), which names the first bad record."""
        for one in page:
            hashed = chain.body_hash(one.body, one.update)
            found = chain.verify([one], after=self.seq, previous=self.hash, erased=(one.seq,))
            if found is not None:
                raise bad(f"{found.why[0].upper()}{found.why[1:]}.")
            if hashed != one.body_hash:
                self.other.add(one.seq)
            self._take_header(one)
            self.seq, self.hash = one.seq, one.hash

    def _take_header(self, one: Sealed) -> None:
        try:
            columns = chain.columns(one.header)
            if columns.seq != one.seq:
                raise ValueError(f"its header is of record {columns.seq}")
            if columns.kind == _ERASED:
                event = decode_event(one.body)
                assert isinstance(event, SubjectErased)
                _check_spans(event, one.seq)
                self.erasure = event
        except (ValueError, AssertionError) as error:
            raise bad(f"Record {one.seq} is sealed but not sound: {error}") from None
        self.epoch, self.time = columns.epoch, columns.time
        if columns.record_id is not None and self.ids.setdefault(columns.record_id, one.seq) != one.seq:
            raise bad(f"Records {self.ids[columns.record_id]} and {one.seq} have one id.")

    def end(self, manifest: Manifest) -> None:
        """That was all. Raises Refused('bad-bundle') unless it is the log that the manifest names."""
        said = (manifest.seq, manifest.epoch, manifest.hash, manifest.time)
        if said != (self.seq, self.epoch, self.hash.hex(), rfc3339(self.time)):
            raise bad(f"Its log ends with record {self.seq}, which is not the head that its manifest names.")
        named = set(seqs(self.erasure.records)) if self.erasure is not None else set[int]()
        if unnamed := self.other - named:
            raise bad(f"The body or the update of record {min(unnamed)} is not what was written, nor erased.")


class BundleReader:
    """A `Reader` over a bundle. `file` is closed with it."""

    encrypts = False

    def __init__(self, file: Path | IO[bytes]) -> None:
        self._name = str(file) if isinstance(file, Path) else "an upload"
        self.zipped = Zipped(file)
        self.manifest = self.zipped.manifest
        self._walk: Walk | None = None
        self._checking = trio.Lock()
        self._here: tuple[int, list[Sealed]] = (0, [])
        self._closed = False

    @property
    def url(self) -> str:
        return f"bundle:{self._name}"

    async def __aenter__(self) -> Self:
        try:
            await self.checked()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def checked(self) -> Walk:
        """Check the whole chain, once. Raises Refused('bad-bundle')."""
        async with self._checking:
            if self._walk is None:
                walk = Walk()
                for first in self.zipped.pages:
                    await trio.to_thread.run_sync(self._check_page, walk, first)
                walk.end(self.manifest)
                await self._check_erased(walk)
                self._walk = walk
        return self._walk

    def _check_page(self, walk: Walk, first: int) -> None:
        if first != walk.seq + 1:
            raise bad(f"Record {walk.seq + 1} is missing; the next page begins with {first}.")
        walk.take(self.zipped.page(first))

    async def _check_erased(self, walk: Walk) -> None:
        """Look at what stands in the places of erased records, once more, because the last record says which they are.
        Where all are as they were sealed (a fork's, or those of an encrypted room) there is nothing to look at."""
        erased = Erased(walk.erasure)
        for first in self.zipped.pages if walk.other else ():
            for one in await trio.to_thread.run_sync(self.zipped.page, first):
                if one.seq in erased:
                    erased.take(one)
        if walk.other and not erased.sound:
            raise bad("What stands in the places of erased records is not what was left there.")

    async def head(self, room: str) -> Head:
        walk = await self._opened(room)
        if walk is None:
            return Head(room)
        return Head(room, walk.seq, walk.epoch, walk.hash, self.manifest.lineage, time=walk.time)

    async def sealed(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Sealed]:
        walk = await self._opened(room)
        if walk is None or after >= walk.seq:
            return []
        first = self.zipped.pages[bisect_right(self.zipped.pages, after + 1) - 1]
        if self._here[0] != first:
            self._here = (first, await trio.to_thread.run_sync(self.zipped.page, first))
        return self._here[1][after + 1 - first :][:limit]

    async def read(self, room: str, after: int = 0, limit: int = limits.PAGE_RECORDS) -> list[Record]:
        return [_unsealed(one) for one in await self.sealed(room, after, limit)]

    async def sift(
        self, room: str, sieve: Sieve, after: int = 0, upto: int = ANY_SEQ, limit: int = limits.PAGE_RECORDS
    ) -> list[Record]:
        found: list[Record] = []
        while len(found) < limit and after < upto and (page := await self.sealed(room, after)):
            for one in page[: upto - after]:
                columns = chain.columns(one.header)
                if sieve.passes(columns.document, columns.run, columns.kind):
                    found.append(_unsealed(one))
            after = page[-1].seq
        return found[:limit]

    async def writings(self, room: str, document: str, upto: int = ANY_SEQ) -> list[int]:
        found: list[int] = []
        after = 0
        while after < upto and (page := await self.sealed(room, after)):
            found += (one.seq for one in page[: upto - after] if chain.columns(one.header).document == document)
            after = page[-1].seq
        return found

    async def find(self, room: str, record_id: str) -> Record | None:
        walk = await self._opened(room)
        seq = walk.ids.get(record_id) if walk is not None else None
        return (await self.read(room, seq - 1, 1))[0] if seq is not None else None

    async def rooms(
        self,
        cursor: str = "",
        limit: int = 50,
        query: str = "",
        metadata: Mapping[str, str | None] | None = None,
        names: Sequence[str] = ANY,
    ) -> Listing:
        head = await self.head(self.manifest.room)
        listed = Listed(head, About(), listing.activity(head.time))
        wanted = fits(head.room, names) and listing.folded(query) in listing.folded(head.room)
        first = not cursor and listing.matches({}, metadata or {})
        return Listing((listed,) if wanted and first and limit else ())

    async def room_names(self, after: str = "", limit: int = 500) -> list[str]:
        await self.checked()
        return [name for name in (self.manifest.room,) if name > after][:limit]

    async def forks(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        await self._opened(room)
        return []

    async def snapshot(self, room: str, at: int | None = None) -> Snapshot | None:
        await self._opened(room)
        return None

    async def blob(self, name: str) -> Blob | None:
        await self.checked()
        known = self.manifest.blobs.get(name)
        if known is None:
            return None
        return Blob(name, known.media_type, await trio.to_thread.run_sync(self.zipped.read, blob_part(name)))

    async def blob_facts(self, name: str) -> BlobFacts | None:
        await self.checked()
        known = self.manifest.blobs.get(name)
        return BlobFacts(name, known.media_type, known.size) if known is not None else None

    async def blobs_of(self, room: str, after: str = "", limit: int = 500) -> list[str]:
        held = self.manifest.blobs if await self._opened(room) is not None else ()
        return [name for name in sorted(held) if name > after][:limit]

    async def blob_reaches(self, name: str, rooms: Sequence[str]) -> bool:
        await self.checked()
        return name not in self.manifest.blobs or fits(self.manifest.room, rooms)

    async def revocations(self) -> list[Revocation]:
        await self.checked()
        return []

    async def aclose(self) -> None:
        """Let go of the file. Idempotent."""
        self._closed = True
        self.zipped.close()
        await trio.lowlevel.checkpoint()

    def pages(self) -> Iterator[list[Sealed]]:
        """All pages in order; for whoever checks them by itself."""
        return map(self.zipped.page, self.zipped.pages)

    async def _opened(self, room: str) -> Walk | None:
        """What was checked, if it is that room's."""
        if self._closed:
            raise StoreError(f"the store {self.url} is closed")
        walk = await self.checked()
        return walk if room == self.manifest.room else None


def _check_spans(event: SubjectErased, seq: int) -> None:
    """Raises ValueError unless it names records before it, each once: what is read of them is counted out later."""
    before = 0
    for first, last in event.records:
        if not before < first <= last < seq:
            raise ValueError("it names erased records that are none before it")
        before = last


def _unsealed(one: Sealed) -> Record:
    try:
        return chain.unsealed(one)
    except CorruptBody as error:
        raise bad(f"Record {one.seq} is damaged, or of a newer plait: {error}") from None
    except ValueError as error:
        raise bad(f"Record {one.seq} is sealed but not sound: {error}") from None
