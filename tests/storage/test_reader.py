"""The reading half of the SQLite engine where there is no file descriptor left."""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from plait.protocol import limits
from plait.storage import StoreError, open_store

from .logs import append, record


@contextmanager
def no_descriptors() -> Iterator[None]:
    """For as long as the block lasts this process can open nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_no_read_lacks_a_file_descriptor(tmp_path: Path) -> None:
    """ST53: after its first read a store reads with all its connections at once, though nothing can be opened."""
    async with open_store(f"sqlite:///{tmp_path}/plait.db") as store:
        with no_descriptors(), pytest.raises(StoreError):
            await store.head("r")
        await store.head("r")
        together = threading.Barrier(limits.STORE_READERS, timeout=10)
        with no_descriptors():
            async with trio.open_nursery() as nursery:
                for _ in range(limits.STORE_READERS):
                    nursery.start_soon(store._read, lambda _: together.wait())
            await store.append(append("r", 0, record(1)))
        assert len(await store.read("r")) == 1
