"""What is kept: the only door to disk."""

from .chain import Break, verify
from .faults import FaultyStore
from .memory import MemoryStore
from .opening import open_store
from .sqlite import SqliteReader, SqliteStore
from .store import (
    Append,
    Conflict,
    Fenced,
    Head,
    Reader,
    Sealed,
    Snapshot,
    Store,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
)

__all__ = [
    "Append",
    "Break",
    "Conflict",
    "FaultyStore",
    "Fenced",
    "Head",
    "MemoryStore",
    "Reader",
    "Sealed",
    "Snapshot",
    "SqliteReader",
    "SqliteStore",
    "Store",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "open_store",
    "verify",
]
