"""The reference engine keeps the contract."""

from pathlib import Path

from plait.storage import MemoryStore

from .contract import StoreContract, entropy


class TestMemory(StoreContract):
    def opened(self, tmp_path: Path) -> MemoryStore:
        return MemoryStore(entropy=entropy())
