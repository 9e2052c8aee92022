"""What is kept: the only door to disk."""

from .chain import Break, verify
from .erasing import Erased, erasures
from .erasing import plan as plan_erasure
from .faults import FaultyStore
from .masters import BadMasterKey, Masters, masters_from
from .memory import MemoryStore
from .opening import open_store
from .reader import SqliteReader
from .sqlite import SqliteStore
from .store import (
    About,
    Append,
    BadCursor,
    Blob,
    BlobFacts,
    Conflict,
    Erasure,
    Fenced,
    Head,
    Listed,
    Listing,
    Making,
    NoSuchBlob,
    Reader,
    Revocation,
    RoomDeleted,
    RoomTaken,
    Sealed,
    Sieve,
    Snapshot,
    Store,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreSealed,
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
