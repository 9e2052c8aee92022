"""What is kept: the only door to disk."""

from .chain import Break, verify
from .erasing import Erased, erasures
from .erasing import plan as plan_erasure
from .errors import (
    BadCursor,
    Conflict,
    Fenced,
    NoSuchBlob,
    RoomDeleted,
    RoomTaken,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreSealed,
)
from .faults import FaultyStore
from .masters import BadMasterKey, Masters, masters_from
from .memory import MemoryStore
from .opening import open_store
from .reader import SqliteReader
from .sqlite import SqliteStore
from .store import (
    About,
    Append,
    Blob,
    BlobFacts,
    Erasure,
    Head,
    Listed,
    Listing,
    Making,
    Reader,
    Revocation,
    Sealed,
    Sieve,
    Snapshot,
    Store,
)

__all__ = [
    "About",
    "Append",
    "BadCursor",
    "BadMasterKey",
    "Blob",
    "BlobFacts",
    "Break",
    "Conflict",
    "Erased",
    "Erasure",
    "FaultyStore",
    "Fenced",
    "Head",
    "Listed",
    "Listing",
    "Making",
    "Masters",
    "MemoryStore",
    "NoSuchBlob",
    "Reader",
    "Revocation",
    "RoomDeleted",
    "RoomTaken",
    "Sealed",
    "Sieve",
    "Snapshot",
    "SqliteReader",
    "SqliteStore",
    "Store",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreSealed",
    "erasures",
    "masters_from",
    "open_store",
    "plan_erasure",
    "verify",
]
