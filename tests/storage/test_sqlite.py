"""The SQLite engine keeps the contract, on a thread, inline and in memory."""

from pathlib import Path

from plait.storage import SqliteStore, open_store

from .contract import StoreContract, entropy


class TestThreaded(StoreContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store(f"sqlite:///{tmp_path}/a b%20?c.db", entropy=entropy())


class TestInline(StoreContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store(f"sqlite:///{tmp_path}/plait.db", inline=True, entropy=entropy())


class TestInMemory(StoreContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store("sqlite:///:memory:", entropy=entropy())
