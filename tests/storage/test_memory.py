"""The reference engine keeps the contract."""

from pathlib import Path

from plait.storage import MemoryStore

from .contract import StoreContract
from .contract_adopting import AdoptingContract
from .contract_blobs import BlobsContract
from .contract_erasing import ErasingContract
from .contract_rooms import RoomsContract
from .logs import entropy


class TestMemory(StoreContract, RoomsContract, BlobsContract, ErasingContract, AdoptingContract):
    def opened(self, tmp_path: Path) -> MemoryStore:
        return MemoryStore(entropy=entropy(), now=self.clock)
