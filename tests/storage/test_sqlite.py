"""The SQLite engine keeps the contract, on a thread, inline and in memory."""

from pathlib import Path

from plait.storage import Masters, SqliteStore, Store, open_store

from .contract import HASH_OF_LIBRARY, StoreContract
from .contract_adopting import AdoptingContract
from .contract_blobs import BlobsContract
from .contract_erasing import ErasingContract
from .contract_rooms import RoomsContract
from .logs import entropy, fill

MASTER = Masters([bytes(32)])


class TestThreaded(StoreContract, RoomsContract, BlobsContract, ErasingContract, AdoptingContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store(f"sqlite:///{tmp_path}/a b%20?c.db", entropy=entropy(), now=self.clock)


class TestInline(StoreContract, RoomsContract, BlobsContract, ErasingContract, AdoptingContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store(f"sqlite:///{tmp_path}/plait.db", inline=True, entropy=entropy(), now=self.clock)


class TestInMemory(StoreContract, RoomsContract, BlobsContract, ErasingContract, AdoptingContract):
    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store("sqlite:///:memory:", entropy=entropy(), now=self.clock)


class TestEncrypted(StoreContract, RoomsContract, BlobsContract, ErasingContract):
    named = (((1, 5),), ((1, 6),))  # What was under a dropped key is named too, though it says nothing.

    def opened(self, tmp_path: Path) -> SqliteStore:
        return open_store(f"sqlite:///{tmp_path}/plait.db", inline=True, entropy=entropy(), now=self.clock, keys=MASTER)

    async def test_hashes_are_the_same_everywhere(self, store: Store) -> None:
        """KY3: the chain is over what is kept, which is never twice the same."""
        await fill(store)
        assert (await store.head("library")).hash != HASH_OF_LIBRARY
