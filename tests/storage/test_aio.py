"""The asyncio reader keeps the reading half of the contract, beside the process's own writer and after it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from plait.storage import Reader, StoreError, open_store
from plait.storage.aio import open_reader

from .logs import append, entropy, fill
from .reading import READING


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('aio')}/a b%20?c.db"

    async def make() -> None:
        async with open_store(url, entropy=entropy()) as store:
            await fill(store)

    trio.run(make)
    return url


@pytest.mark.parametrize("check", READING, ids=lambda check: check.__name__)
def test_reading(url: str, check: Callable[[Reader], Awaitable[None]]) -> None:
    async def read() -> None:
        async with open_reader(url) as reader:
            await check(reader)

    asyncio.run(read())


def test_a_reader_sees_what_was_committed_beside_it(tmp_path: Path) -> None:
    """ST18: a reader takes no lock, and sees each commit at its next read."""
    url = f"sqlite:///{tmp_path}/plait.db"
    store = open_store(url, inline=True)

    async def read() -> list[int]:
        async with open_reader(url) as reader:
            seen = [(await reader.head("r")).seq]
            # Another loop on this thread would be refused, so the append is driven by a Trio run on another one.
            await asyncio.to_thread(trio.run, store.append, append("r", 0))
            seen.append((await reader.head("r")).seq)
            return seen

    assert asyncio.run(read()) == [0, 1]
    trio.run(store.aclose)


def test_closing(url: str) -> None:
    """ST17: closing twice is fine; after it nothing is read."""

    async def read() -> None:
        reader = open_reader(url)
        await reader.head("library")
        await reader.aclose()
        await reader.aclose()
        with pytest.raises(StoreError, match="closed"):
            await reader.head("library")

    asyncio.run(read())


def test_nothing_to_read(tmp_path: Path) -> None:
    """ST18: a reader makes no database."""
    for url in (f"sqlite:///{tmp_path}/none.db", "sqlite:///:memory:"):
        with pytest.raises(StoreError, match=r"there is no database|nothing to read"):
            open_reader(url)
    assert list(tmp_path.iterdir()) == []
