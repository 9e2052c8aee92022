"""Opening an encrypted room's log for a bundle: the chain over what its records say, in place of that over ciphertext.

The stored chain is over bytes that only the store's keys open, so it proves nothing to whoever has no key. What goes
out is therefore sealed anew, with the same hashes over the plain bodies and updates. Rules (specs/bundles.md):

- The stored chain is checked on the way, and what stands in the places of erased records too, so that nothing that was
  tampered with goes out under hashes that are right.
- All records are sealed as they are read now. What an erasure took is in no hash of the new chain.
- The same log gives the same chain, so a room that has not changed can be held against an older bundle of it.
"""

from collections.abc import Iterator, Sequence

from msgspec import structs

from ..protocol import limits
from . import chain
from .erasing import Erased, erasures
from .errors import StoreCorrupt, StoreSealed
from .store import Head, Reader, Sealed


class Opened:
    """A room's records, page by page, sealed over what they say. `hash` is the head that they have so far."""

    def __init__(self, room: str, erased: Erased) -> None:
        self._room = room
        self._erased = erased
        self._seq = 0
        self._stored = chain.START
        self.hash = chain.START

    @classmethod
    async def begun(cls, reader: Reader, head: Head) -> "Opened | None":
        """What opens the room; None if all of it is plain. Raises StoreError."""
        seq = 0
        while reader.encrypts and seq < head.seq and (page := await reader.sealed(head.room, seq, limits.PAGE_RECORDS)):
            if any(one.cipher for one in page):
                past = await erasures(reader, head.room)
                return cls(head.room, Erased(past[-1] if past else None))
            seq = page[-1].seq
        return None

    def check(self, page: Sequence[Sealed]) -> None:
        """The room's next records, as they are stored. Raises StoreSealed for one without its key, StoreCorrupt."""
        found = chain.verify(page, after=self._seq, previous=self._stored, erased=self._erased)
        if found is not None:
            raise StoreCorrupt(f"room {self._room!r} is damaged: {found.why}")
        for one in page:
            check_open(self._room, one)
            if one.seq in self._erased:
                self._erased.take(one)
        self._seq, self._stored = page[-1].seq, page[-1].hash

    def check_end(self, head: Head) -> None:
        """That was all, up to that head. Raises StoreCorrupt."""
        if self._stored != head.hash or not self._erased.sound:
            raise StoreCorrupt(f"room {self._room!r} is damaged: it is not what its head and its erasures name")

    def sealed(self, page: Sequence[Sealed]) -> list[Sealed]:
        """The next records to go out, sealed over what they say."""
        return list(self._links(page))

    def _links(self, page: Sequence[Sealed]) -> Iterator[Sealed]:
        for one in page:
            hashed = chain.body_hash(one.body, one.update)
            self.hash = chain.link(self.hash, one.header, hashed)
            yield structs.replace(one, body_hash=hashed, hash=self.hash, cipher=b"")


def check_open(room: str, one: Sealed) -> None:
    """Raises StoreSealed where nobody here can say what the record says."""
    if one.locked:
        raise StoreSealed(f"record {one.seq} of room {room!r} is encrypted and its key is not here")
