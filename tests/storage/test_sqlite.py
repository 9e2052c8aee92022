"""The SQLite engine keeps the contract, on a thread, inline and in memory."""

from pathlib import Path

from plait.storage import SqliteStore, open_store

from .contract import StoreContract
from .contract_blobs import BlobsContract
from .contract_erasing import ErasingContract
from .contract_rooms import RoomsContract
from .logs import entropy


class TestThreaded(StoreContract, RoomsContract, BlobsContract, ErasingContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store(f"sqlite:///{tmp_path}/a b%20?c.db", entropy=entropy(), now=self.clock)


class TestInline(StoreContract, RoomsContract, BlobsContract, ErasingContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store(f"sqlite:///{tmp_path}/plait.db", inline=True, entropy=entropy(), now=self.clock)


class TestInMemory(StoreContract, RoomsContract, BlobsContract, ErasingContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store("sqlite:///:memory:", entropy=entropy(), now=self.clock)
